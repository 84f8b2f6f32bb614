"""The two roles, and the profile through which instances get theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchtui.aws import iam
from benchtui.aws.session import Cloud
from benchtui.core.policies import Policy
from benchtui.core.policy_comparison import difference
from benchtui.engine.setting_up.parts import TAGS, Finding, Removal, State, hand_over, made_by_setup


@dataclass(frozen=True, slots=True)
class RolePart:
    """A role with one inline policy, which has the role's own name."""

    cloud: Cloud
    name: str
    trust: Policy
    policy: Policy
    setting: str  # that names it
    kind = "role"
    region = None

    async def look(self) -> Finding:
        """How it stands."""
        found = await iam.find_role(self.cloud, self.name, self.name)
        if found is None:
            return Finding(State.MAKE, ("make it", *self._words()))
        differs = tuple(
            word for word, same in zip(self._words(), self._as_wanted(found), strict=True) if not same
        )
        if not made_by_setup(found.tags):
            why = "not made by setup" + (f"; it does not: {', '.join(differs)}" if differs else "")
            return Finding(State.KEPT, why=why, fix=hand_over(self.setting) if differs else None)
        return Finding(State.CHANGE, differs) if differs else Finding(State.THERE)

    def _words(self) -> tuple[str, str]:
        service = next(iter(dict(self.trust.document()["Statement"][0]["Principal"]).values()))
        return f"let {service} take it on", f"allow what the policy {self.policy.name} does"

    def _as_wanted(self, found: iam.FoundRole) -> tuple[bool, bool]:
        return _same(self.trust, found.trust), _same(self.policy, found.policy)

    async def make(self) -> None:
        """Make it with its policies."""
        found = await iam.find_role(self.cloud, self.name, self.name)
        trusts, allows = (False, False) if found is None else self._as_wanted(found)
        if not trusts:
            await iam.make_role(self.cloud, self.name, self.trust.compact_text(), self.policy.about, TAGS)
        if not allows:
            await iam.put_policy(self.cloud, self.name, self.name, self.policy.compact_text())

    async def look_before_removal(self) -> Removal:
        """What teardown would do with it."""
        found = await iam.find_role(self.cloud, self.name, self.name)
        if found is None:
            return Removal(False)
        ours = made_by_setup(found.tags)
        return Removal(True, ours, "" if ours else "not made by setup")

    async def remove(self) -> None:
        """Delete it with its policy."""
        await iam.remove_role(self.cloud, self.name, self.name)


def _same(wanted: Policy, there: Mapping[str, Any] | None) -> bool:
    """Whether a document says what is wanted, and nothing beside it."""
    return there is not None and difference([wanted.document()], [there]).none


@dataclass(frozen=True, slots=True)
class ProfilePart:
    """The instance profile, which holds the role of its own name."""

    cloud: Cloud
    name: str
    setting: str = "[aws] instance_profile"
    kind = "instance profile"
    region = None

    async def look(self) -> Finding:
        """How it stands."""
        found = await iam.find_profile(self.cloud, self.name)
        if found is None:
            return Finding(State.MAKE, ("make it", self._fills()))
        ours = made_by_setup(found.tags)
        if found.roles and (not ours or found.roles != (self.name,)):
            return Finding(State.KEPT, why=f"holds the role {found.roles[0]}" + ("" if ours else _NOT_OURS))
        if found.roles:
            return Finding(State.THERE)
        if not ours:
            return Finding(State.BLOCKED, why=f"holds no role{_NOT_OURS}", fix=hand_over(self.setting))
        return Finding(State.CHANGE, (self._fills(),))

    def _fills(self) -> str:
        return f"put the role {self.name} into it"

    async def make(self) -> None:
        """Make it and put the role into it."""
        found = await iam.find_profile(self.cloud, self.name)
        if found is None:
            await iam.make_profile(self.cloud, self.name, TAGS)
        if found is None or not found.roles:
            await iam.fill_profile(self.cloud, self.name, self.name)

    async def look_before_removal(self) -> Removal:
        """What teardown would do with it."""
        found = await iam.find_profile(self.cloud, self.name)
        if found is None:
            return Removal(False)
        ours = made_by_setup(found.tags)
        return Removal(True, ours, "" if ours else "not made by setup")

    async def remove(self) -> None:
        """Take its role out and delete it."""
        found = await iam.find_profile(self.cloud, self.name)
        if found is not None:
            await iam.remove_profile(self.cloud, self.name, found.roles)


_NOT_OURS = ", not made by setup"
