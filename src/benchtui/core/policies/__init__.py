"""Every policy that benchtui asks an account for, as data: who may do what, on what, and why.

Pure functions of a `Scope`. `benchtui setup` makes roles and bucket of them, `--print-policies` shows all of
them, docs/PERMISSIONS.md is made of them, and the local cloud enforces them.
"""

from __future__ import annotations

from collections.abc import Callable

from benchtui.core.policies.bucket import bucket_policy
from benchtui.core.policies.doctor import doctor_rights
from benchtui.core.policies.ending import kill_only
from benchtui.core.policies.launching import launcher
from benchtui.core.policies.model import INLINE_LIMIT, MANAGED_LIMIT, Conditions, Effect, Policy, Statement
from benchtui.core.policies.roles import instance_role, instance_trust, scheduler_role, scheduler_trust
from benchtui.core.policies.rolling_up import history_rights
from benchtui.core.policies.scope import Scope
from benchtui.core.policies.setting_up import setup_rights
from benchtui.core.policies.starting import starter_role, starter_trust
from benchtui.core.policies.watching import watcher

__all__ = [
    "FOR_PEOPLE",
    "INLINE_LIMIT",
    "MADE_BY_SETUP",
    "MANAGED_LIMIT",
    "Conditions",
    "Effect",
    "Policy",
    "Scope",
    "Statement",
    "all_policies",
    "bucket_policy",
    "doctor_rights",
    "history_rights",
    "instance_role",
    "instance_trust",
    "kill_only",
    "launcher",
    "scheduler_role",
    "scheduler_trust",
    "setup_rights",
    "starter_role",
    "starter_trust",
    "watcher",
]

#: For users and roles of people and scripts; whoever runs the account attaches them.
FOR_PEOPLE: tuple[Callable[[Scope], Policy], ...] = (
    launcher,
    watcher,
    kill_only,
    history_rights,
    doctor_rights,
    setup_rights,
)
#: What setup itself puts in place.
MADE_BY_SETUP: tuple[Callable[[Scope], Policy], ...] = (
    instance_role,
    instance_trust,
    scheduler_role,
    scheduler_trust,
    bucket_policy,
)

#: What setup puts in place where ``[aws] starter_role`` asks for it.
ON_REQUEST: tuple[Callable[[Scope], Policy], ...] = (starter_role, starter_trust)


def all_policies(scope: Scope) -> tuple[Policy, ...]:
    """Every policy, those for people first."""
    return tuple(make(scope) for make in (*FOR_PEOPLE, *MADE_BY_SETUP, *ON_REQUEST))
