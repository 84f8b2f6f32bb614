"""The role that starts scheduled runs: it launches what a launcher may launch, and can do nothing else."""

from __future__ import annotations

from benchtui.core.policies.launching import launch_instances
from benchtui.core.policies.model import INLINE_LIMIT, TRUST_LIMIT, Policy
from benchtui.core.policies.roles import scheduler_trust
from benchtui.core.policies.scope import Scope


def starter_role(scope: Scope) -> Policy:
    """What the schedules of `benchtui schedule create` may do; only where ``[aws] starter_role`` is set."""
    about = "What the schedules that start a run at its time may do; only where [aws] starter_role is set."
    return Policy("starter-role", about, launch_instances(scope), INLINE_LIMIT)


def starter_trust(scope: Scope) -> Policy:
    """Who may take the starters' role on: as for the role that ends instances."""
    about = "Who may take the role of the schedules that start runs on."
    return Policy("starter-role-trust", about, scheduler_trust(scope).statements, TRUST_LIMIT)
