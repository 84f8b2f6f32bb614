"""Teardown: what setup made, found by its tag and removed; nothing else, and nothing while instances live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchtui.aws import network_setup
from benchtui.aws.bucket_setup import BucketSetup
from benchtui.core.errors import BenchtuiError, ExitCode
from benchtui.core.policies import (
    Scope,
    bucket_policy,
    instance_role,
    instance_trust,
    scheduler_role,
    scheduler_trust,
    starter_role,
    starter_trust,
)
from benchtui.core.policies.scope import SETUP_TAG
from benchtui.engine.setting_up.bucket_part import BucketPart
from benchtui.engine.setting_up.network_parts import remove_group_when_free
from benchtui.engine.setting_up.parts import Removal
from benchtui.engine.setting_up.role_parts import ProfilePart, RolePart
from benchtui.engine.setting_up.wanted import partition_of, scope_of
from benchtui.engine.sweep import Sweep, sweep
from benchtui.engine.together import together

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.config.schema import AwsSection
    from benchtui.engine.clock import Clock

Remove = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Leaving:
    """One thing and what becomes of it."""

    kind: str
    name: str
    region: str | None
    removal: Removal
    remove: Remove
    done: bool = False

    @property
    def goes(self) -> bool:
        """Whether teardown removes it."""
        return self.removal.there and self.removal.ours and not self.removal.keeps and not self.done


@dataclass(frozen=True, slots=True)
class TeardownPlan:
    """What would be removed, and what stays."""

    scope: Scope
    items: tuple[Leaving, ...]  # in the order in which they go; only what is there
    with_results: bool

    @property
    def to_do(self) -> tuple[Leaving, ...]:
        """What is left to be removed."""
        return tuple(item for item in self.items if item.goes)


class StillAliveError(BenchtuiError):
    """Instances live, or nobody can say that none does: nothing is removed that ends or hears them."""

    exit_code = ExitCode.MAY_STILL_RUN


class TeardownCut(BenchtuiError):
    """Teardown ended in the middle."""

    def __init__(self, error: BenchtuiError, item: Leaving, plan: TeardownPlan) -> None:
        what = f"{item.kind} {item.name} may still be there: {error.what}"
        again = "run `benchtui teardown` again: it goes on from there"
        super().__init__(what, f"{error.fix}; then {again}" if error.fix else again, error.exit_code)
        self.plan = plan


async def look(cloud: Cloud, aws: AwsSection, clock: Clock, *, with_results: bool = False) -> TeardownPlan:
    """What setup made in this account, in every enabled region. Changes nothing.

    Args:
        with_results: the bucket goes even if it holds something.

    Raises:
        StillAliveError: an instance of benchtui lives, or a region did not answer.
        CloudError: AWS did not say what is there.
    """
    identity = await cloud.identity()
    scope = scope_of(aws, identity.account, partition_of(identity))
    seen = await sweep(cloud, clock, aws.regions)
    _check_nothing_lives(seen)
    networks = await together(*(_of_region(cloud, region, clock) for region in seen.regions))
    everywhere = await _of_account(cloud, aws, scope, with_results=with_results)
    found = [*(item for items in networks for item in items), *everywhere]
    return TeardownPlan(scope, tuple(item for item in found if item.removal.there), with_results)


def _check_nothing_lives(seen: Sweep) -> None:
    """Raises: StillAliveError."""
    if seen.instances:
        first = seen.instances[0]
        more = f" and {len(seen.instances) - 1} more" if len(seen.instances) > 1 else ""
        raise StillAliveError(
            f"{first.instance_id} in {first.region}{more} may still run; nothing was removed",
            "end them and prove it: benchtui kill --all",
        )
    if not seen.known:
        error = seen.errors[0]
        raise StillAliveError(
            f"instances may still run: {error.what}; nothing was removed",
            error.fix or "run it again when every enabled region answers",
        )


async def _of_region(cloud: Cloud, region: str, clock: Clock) -> list[Leaving]:
    groups = await network_setup.groups(cloud, region, tag=SETUP_TAG)
    gateways = await network_setup.gateways(cloud, region, tag=SETUP_TAG)
    found = []
    for gateway in gateways:

        async def remove_gateway(endpoint_id: str = gateway.endpoint_id) -> None:
            await network_setup.remove_gateway(cloud, region, endpoint_id)

        found.append(
            Leaving("gateway to S3", gateway.endpoint_id, region, Removal(True, True), remove_gateway)
        )
    for group in groups:

        async def remove_group(group_id: str = group.group_id) -> None:
            await remove_group_when_free(cloud, region, group_id, clock.sleep)

        name = f"{group.name} ({group.group_id})"
        found.append(Leaving("security group", name, region, Removal(True, True), remove_group))
    return found


async def _of_account(
    cloud: Cloud, aws: AwsSection, scope: Scope, *, with_results: bool
) -> Sequence[Leaving]:
    bucket = BucketPart(BucketSetup(cloud, scope.bucket, aws.regions[0], scope.account), bucket_policy(scope))
    profile = ProfilePart(cloud, scope.instance_profile)
    roles = [
        RolePart(cloud, scope.instance_profile, instance_trust(scope), instance_role(scope), profile.setting)
    ]
    if aws.scheduler_role:
        role, trust = scheduler_role(scope), scheduler_trust(scope)
        roles.append(RolePart(cloud, scope.scheduler_role, trust, role, "[aws] scheduler_role"))
    # Whether or not it is still named: what setup once made goes.
    role, trust = starter_role(scope), starter_trust(scope)
    roles.append(RolePart(cloud, scope.starter_role, trust, role, "[aws] starter_role"))

    async def remove_bucket() -> None:
        await bucket.remove(with_results=with_results)

    removals = await together(
        profile.look_before_removal(),
        *(role.look_before_removal() for role in roles),
        bucket.look_before_removal(with_results=with_results),
    )
    found = [Leaving(profile.kind, profile.name, None, removals[0], profile.remove)]
    for role_part, removal in zip(roles, removals[1:-1], strict=True):
        found.append(Leaving(role_part.kind, role_part.name, None, removal, role_part.remove))
    found.append(Leaving(bucket.kind, bucket.name, bucket.region, removals[-1], remove_bucket))
    return found


async def carry_out(plan: TeardownPlan, told: Callable[[Leaving], None] = lambda _: None) -> TeardownPlan:
    """Remove what is to be removed, one after the other. What is gone already is no failure.

    Raises:
        TeardownCut: with what was removed before; run again, it goes on from there.
    """
    items = list(plan.items)
    for number, item in enumerate(items):
        if not item.goes:
            continue
        try:
            await item.remove()
        except BenchtuiError as error:
            raise TeardownCut(error, item, replace(plan, items=tuple(items))) from error
        items[number] = replace(item, done=True)
        told(items[number])
    return replace(plan, items=tuple(items))
