"""Setup: look at every part, show what would be made, make it; cut off anywhere, it goes on from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchtui.core.errors import BenchtuiError
from benchtui.core.policies import Scope
from benchtui.engine.setting_up.parts import Finding, Part, State
from benchtui.engine.setting_up.wanted import Place, partition_of, parts_of, places, scope_of
from benchtui.engine.together import together

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.config.schema import Config

#: States in which there is something to do.
TO_DO = frozenset({State.MAKE, State.CHANGE})


@dataclass(frozen=True, slots=True)
class Item:
    """A part and how it stands."""

    part: Part
    finding: Finding
    done: bool = False  # setup has just made or changed it

    @property
    def to_do(self) -> bool:
        """Whether setup has to do something."""
        return self.finding.state in TO_DO and not self.done


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """What is there and what would be made. Nothing of it costs anything by being there."""

    scope: Scope
    items: tuple[Item, ...]
    places: tuple[Place, ...]
    public_ipv4: bool

    @property
    def to_do(self) -> tuple[Item, ...]:
        """What is left to be made or changed."""
        return tuple(item for item in self.items if item.to_do)

    @property
    def problems(self) -> tuple[BenchtuiError, ...]:
        """What keeps a launch from working even when all is made."""
        blocked = [
            BenchtuiError(f"{item.part.kind} {item.part.name}: {item.finding.why}", item.finding.fix)
            for item in self.items
            if item.finding.state is State.BLOCKED
        ]
        return (*(place.problem for place in self.places if place.problem is not None), *blocked)

    @property
    def settings(self) -> Mapping[str, str]:
        """What has to stand in the configuration for launches to use what was found, by ``section.key``."""
        return {
            f"regions.{place.region}.subnet": place.subnet
            for place in self.places
            if place.found_by_tag and place.subnet is not None
        }


async def look(cloud: Cloud, config: Config) -> SetupPlan:
    """How the account stands. Changes nothing.

    Raises:
        CloudError: AWS did not say how a part of it stands.
    """
    aws = config.aws
    identity = await cloud.identity()
    scope = scope_of(aws, identity.account, partition_of(identity))
    found = await places(cloud, config)
    parts = parts_of(cloud, config, scope, found)
    findings = await together(*(part.look() for part in parts))
    items = tuple(Item(part, finding) for part, finding in zip(parts, findings, strict=True))
    return SetupPlan(scope, items, found, aws.public_ipv4)


async def carry_out(plan: SetupPlan, told: Callable[[Item], None] = lambda _: None) -> SetupPlan:
    """Make what is to be made, one after the other; each is made in steps that may all be repeated.

    Args:
        plan: as `look` returned it; each part is looked at again before it is changed.
        told: hears of each part that was made.

    Raises:
        SetupCut: with what was made before; run again, it goes on from there.
    """
    items = list(plan.items)
    for number, item in enumerate(items):
        if not item.to_do:
            continue
        try:
            await item.part.make()
        except BenchtuiError as error:
            raise SetupCut(error, item, replace(plan, items=tuple(items))) from error
        items[number] = replace(item, done=True)
        told(items[number])
    return replace(plan, items=tuple(items))


class SetupCut(BenchtuiError):
    """Setup ended in the middle."""

    def __init__(self, error: BenchtuiError, item: Item, plan: SetupPlan) -> None:
        what = f"{item.part.kind} {item.part.name} is not finished: {error.what}"
        fix = (
            f"{error.fix}; then `benchtui setup` goes on from there"
            if error.fix
            else ("run `benchtui setup` again: it goes on from there")
        )
        super().__init__(what, fix, error.exit_code)
        self.plan = plan
