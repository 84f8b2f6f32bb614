"""Checks of the two roles: of the instances, and of the schedules that end them."""

from __future__ import annotations

from benchtui.aws.roles import Role, read_role, roles_of_profile
from benchtui.core.policies import Policy, instance_role, instance_trust, scheduler_role, scheduler_trust
from benchtui.core.policy_comparison import Rule, difference
from benchtui.core.text import clean_line
from benchtui.engine.doctor.bucket import SETUP
from benchtui.engine.doctor.finding import Check, Said, fail, ok, warn
from benchtui.engine.doctor.subject import Subject

NAMED = 3  # of several actions


async def profile(subject: Subject, _region: str) -> Said:
    """Whether instances get a role at all."""
    name = subject.config.aws.instance_profile
    roles = await roles_of_profile(subject.cloud, name)
    if roles is None:
        means = "no instance can be launched with it"
        return fail(
            f"there is no instance profile {name}", means, f"{SETUP}, or correct [aws] instance_profile"
        )
    if not roles:
        return fail(f"the profile {name} holds no role", "instances could neither speak nor upload", SETUP)
    return ok(f"{name} holds the role {clean_line(roles[0], 64)}")


async def instance(subject: Subject, _region: str) -> Said:
    """Whether an instance may speak, fetch and hear, and nothing else."""
    roles = await roles_of_profile(subject.cloud, subject.config.aws.instance_profile)
    name = roles[0] if roles else subject.config.aws.instance_profile
    role = await read_role(subject.cloud, name)
    if role is None:
        return fail(f"there is no role {name}", "instances could neither speak nor upload", SETUP)
    scope = await subject.scope()
    said = _policy(role, instance_role(scope), "an instance could not say what it does, or upload results")
    return said or ok(f"{role.name}: policy as setup makes it")


async def instance_trusted(subject: Subject, _region: str) -> Said:
    """Whether EC2, and nobody else, may hand the role out."""
    roles = await roles_of_profile(subject.cloud, subject.config.aws.instance_profile)
    return await _trusted(subject, roles[0] if roles else "", instance_trust(await subject.scope()))


async def scheduler(subject: Subject, _region: str) -> Said:
    """Whether schedules may end our instances, and nothing else."""
    wanted = subject.config.aws.scheduler_role
    if not wanted:
        return _no_schedules(subject)
    name = wanted.rsplit("/", 1)[-1]
    role = await read_role(subject.cloud, name)
    if role is None:
        means = "nothing outside this machine would end an instance; nothing is launched without it"
        fix = f"{SETUP}, or correct [aws] scheduler_role"
        return fail(f"there is no role {clean_line(name, 64)}", means, fix)
    said = _policy(role, scheduler_role(await subject.scope()), "a schedule would fail at the deadline")
    return said or ok(f"{role.name}: policy as setup makes it")


async def scheduler_trusted(subject: Subject, _region: str) -> Said:
    """Whether EventBridge Scheduler may take the role on, for this account alone."""
    wanted = subject.config.aws.scheduler_role
    if not wanted:
        return ok("no role to take on: [aws] scheduler_role is empty")
    return await _trusted(subject, wanted.rsplit("/", 1)[-1], scheduler_trust(await subject.scope()))


def _no_schedules(subject: Subject) -> Said:
    means = "an instance whose own timers all fail ends only when somebody ends it"
    fix = '[aws] scheduler_role = "benchtui-scheduler"'
    if "schedule" in subject.config.safety.require_layers:
        return fail("[aws] scheduler_role is empty", "nothing is launched without schedules", fix)
    return warn("[aws] scheduler_role is empty: no schedules are made", means, fix)


def _policy(role: Role, wanted: Policy, without: str) -> Said | None:
    """What differs from the policy that setup gives the role; None: nothing does."""
    differs = difference([wanted.document()], role.documents())
    if differs.missing:
        lacking = {rule.sid for rule in differs.missing}
        why = " ".join(each.why for each in wanted.statements if each.sid in lacking)
        return fail(f"{role.name} lacks {', '.join(sorted(lacking))}", f"{without}. Meant: {why}", SETUP)
    if not differs.extra and not role.attached:
        return None
    extra = [f"{rule.sid or 'a statement'} ({_actions(rule)})" for rule in differs.extra]
    extra += [f"the policy {name}" for name in role.attached]
    means = "whoever takes over an instance, or a schedule, may do that as well"
    return fail(f"{role.name} has more than it needs: {', '.join(extra)}", means, _removal(role, wanted))


def _actions(rule: Rule) -> str:
    named = sorted(rule.actions | rule.inverted)
    return ", ".join(named[:NAMED]) + ("" if len(named) <= NAMED else ", …")


def _removal(role: Role, wanted: Policy) -> str:
    """The command that takes away the first policy that is not setup's, or that mends setup's own."""
    for name, document in role.inline.items():
        differs = difference([wanted.document()], [document])
        if len(differs.missing) == len(wanted.statements):
            return f"aws iam delete-role-policy --role-name {role.name} --policy-name {name}"
    for arn in role.attached.values():
        return f"aws iam detach-role-policy --role-name {role.name} --policy-arn {arn}"
    return SETUP


async def _trusted(subject: Subject, name: str, wanted: Policy) -> Said:
    role = await read_role(subject.cloud, name)
    service = next(iter(_services(wanted)))
    if role is None:
        return fail(f"there is no role {name}", f"{service} has nothing to take on", SETUP)
    differs = difference([wanted.document()], [role.trust])
    if differs.missing:
        found = f"{role.name} does not trust {service} as setup makes it"
        return fail(found, f"{service} may not take it on, or may for others as well", SETUP)
    if differs.extra:
        who = sorted(name for rule in differs.extra for name in rule.principals)
        found = f"{role.name} may be taken on by others as well: {', '.join(who)}"
        return fail(clean_line(found, 300), "they may do what it may", SETUP)
    return ok(f"{role.name} may be taken on by {service} alone")


def _services(policy: Policy) -> list[str]:
    principals = [each.principal for each in policy.statements]
    return [each["Service"] for each in principals if each is not None and not isinstance(each, str)]


_NEEDS = ("clock", "credentials")
CHECKS = (
    Check("profile", "whether instances get a role at all", profile, needs=_NEEDS),
    Check("role", "whether that role may speak and fetch, and nothing else", instance, needs=("profile",)),
    Check("role-trust", "whether EC2 alone may hand it out", instance_trusted, needs=("profile",)),
    Check("scheduler-role", "whether schedules may end our instances alone", scheduler, needs=_NEEDS),
    Check(
        "scheduler-trust",
        "whether Scheduler alone may take that role on",
        scheduler_trusted,
        needs=("scheduler-role",),
    ),
)
