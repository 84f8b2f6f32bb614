"""Each action of each policy taken away: what fails then, and what the message says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .acts import Act, Prepared, Subject
from .world import SCOPE, Outcome, World, without

#: Acts at the same time: most of them wait.
AT_ONCE = 6
_ACTION = re.compile(r"\b[a-z][a-z0-9-]*:[A-Z][A-Za-z]+\b")


@dataclass(frozen=True, slots=True)
class Worked:
    """An act under the whole policy."""

    subject: str
    act: Act
    outcome: Outcome
    used: frozenset[str]  # permissions

    @property
    def works(self) -> bool:
        """Whether it did what it is for, and nothing was refused."""
        return self.outcome.code in self.act.codes and "not authorized" not in self.outcome.said


@dataclass(frozen=True, slots=True)
class Row:
    """An action taken away.

    Attributes:
        act: what was tried without it; None: no act of ours uses it.
        message: the first line that names it.
        problem: what is not as it should be; empty if all is.
    """

    subject: str
    action: str
    act: Act | None
    code: int
    message: str
    problem: str = ""


def whole(world: World, subject: Subject) -> list[Worked]:
    """Every act under exactly the policy, with the rights that it used."""

    def tried(act: Act) -> Worked:
        prepared = act.prepare(world)
        if subject.role is not None:
            before = world.rights(_session(subject.role))
            put_role_policy(world, subject.role, subject.policy.document())
            outcome = act.do(world, _role_keys(world, subject.role, prepared), prepared)
            after = world.rights(_session(subject.role))
            used = {name for name, count in after.items() if count > before.get(name, 0)}
        else:
            keys = _person(world, subject, subject.policy.document(), act.name)
            outcome = act.do(world, keys, prepared)
            used = {name for name, count in world.rights(keys["PERSON"]).items() if count}
        return Worked(subject.policy.name, act, outcome, frozenset(used))

    return _each(tried, subject.acts, subject)


def taken_away(world: World, subject: Subject, worked: Iterable[Worked], only: str = "") -> list[Row]:
    """One row for each action of the policy that begins with ``only``."""
    uses = list(worked)

    def tried(action: str) -> Row:
        wanted = subject.missed_by.get(action)
        using = (one.act for one in uses if action in one.used and wanted in (None, one.act.name))
        act = next(using, None)
        if act is None:
            return Row(subject.policy.name, action, None, 0, "", "no act of ours uses it")
        prepared = act.prepare(world)
        document = without(subject.policy.document(), action)
        if subject.role is not None:
            put_role_policy(world, subject.role, document)
            keys: Mapping[str, str] = _role_keys(world, subject.role, prepared)
        else:
            keys = _person(world, subject, document, f"without {action}")
        try:
            outcome = act.do(world, keys, prepared)
        finally:
            if subject.role is not None:
                put_role_policy(world, subject.role, subject.policy.document())
        return _row(subject, action, act, outcome)

    actions = [name for name in subject.policy.actions if name.startswith(only)]
    return _each(tried, actions, subject)


def _person(world: World, subject: Subject, document: Mapping[str, Any], label: str) -> dict[str, str]:
    """Somebody with this policy, and with those that belong beside it."""
    return world.user(document, *(policy.document() for policy in subject.beside), label=label)


def _row(subject: Subject, action: str, act: Act, outcome: Outcome) -> Row:
    lines = [line.strip() for line in outcome.said.splitlines() if action in line]
    others = {name for name in _ACTION.findall(outcome.said) if name in subject.policy.actions} - {action}
    problem = ""
    if not lines:
        problem = "nothing names it"
    elif others:
        problem = f"it names {', '.join(sorted(others))} as well"
    return Row(subject.policy.name, action, act, outcome.code, lines[0] if lines else "", problem)


def _each(tried: Any, items: Iterable[Any], subject: Subject) -> list[Any]:
    """In turn where all share one role or change the account, else several at a time."""
    if subject.role is not None or subject.account == "bare":
        return [tried(item) for item in items]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(tried, items))


def put_role_policy(world: World, role: str, document: Mapping[str, Any]) -> None:
    """Give a role this policy in place of its own."""
    import json

    iam = world.client("iam", world.admin)
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        if document["Statement"]:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def _role_keys(world: World, role: str, prepared: Prepared) -> dict[str, str]:
    """Credentials of an instance with the role; none for a role that only services take on."""
    if role != SCOPE.instance_profile:
        return {}
    if "host" not in prepared:
        ec2 = world.client("ec2", world.admin)
        launched = ec2.run_instances(
            ImageId=world.cloud.own_image(),
            InstanceType="local.1cpu",
            MinCount=1,
            MaxCount=1,
            IamInstanceProfile={"Name": role},
        )
        prepared["host"] = launched["Instances"][0]["InstanceId"]
    shown = world.cloud.private("GET", f"credentials/{prepared['host']}")
    return {
        "AWS_ACCESS_KEY_ID": shown["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": shown["SecretAccessKey"],
        "AWS_SESSION_TOKEN": shown["Token"],
    }


def _session(role: str) -> str:
    return f":assumed-role/{role}/"
