"""Policy documents: read once, asked often.

Rules: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html and
…/reference_policies_evaluation-logic.html.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from .conditions import Condition, Context, NotUnderstood, arn_like, arn_pattern, pattern

LOG = logging.getLogger("benchtui.local.api")
_KNOWN = frozenset(
    {
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Principal",
        "Condition",
    }
)


class Verdict(Enum):
    """What policies say about one permission on one resource."""

    ALLOWED = "allowed"
    DENIED = "denied"  # explicitly
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Need:
    """One permission that a call must have.

    Attributes:
        permission: ``ec2:RunInstances``.
        resource: the ARN it is needed on, or ``*`` where the service knows none.
        context: keys of conditions, in lower case.
    """

    permission: str
    resource: str
    context: Context


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a Principal element is compared with.

    Attributes:
        names: ARNs and account ids under which a policy can mean the caller by itself.
        account_names: those that mean the caller's account as a whole.
        service: ``scheduler.amazonaws.com``, for a service that takes a role on.
    """

    names: frozenset[str] = frozenset()
    account_names: frozenset[str] = frozenset()
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        allows: its effect.
        problem: what of it is not understood: such a statement never allows, and denies what it may mean.
        principals: by kind; None: it has no Principal element.
    """

    name: str
    allows: bool
    actions: tuple[str, ...] = ("*",)
    not_actions: bool = False
    resources: tuple[str, ...] = ("*",)
    not_resources: bool = False
    conditions: tuple[Condition, ...] = ()
    principals: tuple[tuple[str, str], ...] | None = None
    problem: str | None = None

    @classmethod
    def read(cls, row: dict[str, Any]) -> Statement:
        """Read one. What is not understood is kept as its problem."""
        name, allows = str(row.get("Sid", "")), row.get("Effect") == "Allow"
        try:
            if unknown := sorted(set(row) - _KNOWN):
                raise NotUnderstood(f"the element {unknown[0]}")
            if row.get("Effect") not in ("Allow", "Deny"):
                raise NotUnderstood(f"the effect {row.get('Effect')}")
            not_actions, not_resources = "NotAction" in row, "NotResource" in row
            actions = _listed(row["NotAction" if not_actions else "Action"])
            # A policy that says who may take a role on names no resource: it is about the role.
            resources = _listed(row["NotResource"]) if not_resources else _listed(row.get("Resource", "*"))
            for text in actions:
                pattern(text, ignore_case=True)
            for text in resources:
                if text != "*":
                    arn_pattern(text)
            conditions = tuple(
                Condition.read(operator, key, wanted)
                for operator, keys in row.get("Condition", {}).items()
                for key, wanted in keys.items()
            )
            principals = _principals(row["Principal"]) if "Principal" in row else None
        except (NotUnderstood, KeyError, TypeError, AttributeError) as problem:
            return cls(name, allows, problem=f"{problem}")
        return cls(name, allows, actions, not_actions, resources, not_resources, conditions, principals)

    def covers_action(self, permission: str) -> bool:
        """Whether it is about a permission; names of actions are the same in any case."""
        found = any(pattern(text, ignore_case=True).fullmatch(permission) for text in self.actions)
        return found != self.not_actions

    def covers_resource(self, resource: str) -> bool:
        """Whether it is about a resource. What knows no resources needs a ``*``."""
        found = any(text == "*" or arn_like(resource, text) for text in self.resources)
        return found != self.not_resources

    def names_caller(self, caller: Caller) -> str | None:
        """How the Principal element means a caller: ``itself``, its ``account``, ``everybody``; None: not."""
        assert self.principals is not None
        for kind, value in self.principals:
            if kind == "Service" and value == caller.service:
                return "itself"
            if kind == "AWS" and value in caller.names:
                return "itself"
            if kind == "AWS" and value in caller.account_names:
                return "account"
            if kind in ("AWS", "*") and value == "*":
                return "everybody"
        return None

    def met(self, context: Context) -> bool:
        """Whether a request meets all of its conditions."""
        return all(condition.met(context) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Document:
    """A policy."""

    statements: tuple[Statement, ...]

    @classmethod
    def read(cls, text: str | bytes) -> Document:
        """Read a policy; one that cannot be read denies everything. The same text is read once."""
        return _read(text if isinstance(text, str) else text.decode("utf-8", "replace"))


@lru_cache(maxsize=1024)
def _read(text: str) -> Document:
    try:
        body = json.loads(text)
        rows = body["Statement"]
        version = body.get("Version", "2008-10-17")
        if version not in ("2012-10-17", "2008-10-17"):
            raise NotUnderstood(f"the version {version}")
        return Document(tuple(Statement.read(row) for row in ([rows] if isinstance(rows, dict) else rows)))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        return Document((Statement("", False, problem=f"the policy: {problem}"),))


def verdict(documents: Iterable[Document], need: Need, caller: Caller | None = None) -> Verdict:
    """What policies say about a need; an explicit denial wins.

    Args:
        documents: the policies.
        need: what is needed.
        caller: whom a Principal has to mean, for policies of resources; None: policies of identities.

    A statement that is not understood is logged, allows nothing, and denies if it says Deny.
    """
    allowed = False
    for document in documents:
        for statement in document.statements:
            if statement.allows and allowed:
                continue
            try:
                if statement.problem is not None:
                    raise NotUnderstood(statement.problem)
                covered = _covered(statement, need, caller)
            except NotUnderstood as problem:
                LOG.warning("policy not understood, so nothing is allowed by it: %s", problem)
                covered = not statement.allows
            if covered and not statement.allows:
                return Verdict.DENIED
            allowed = allowed or covered
    return Verdict.ALLOWED if allowed else Verdict.SILENT


def _covered(statement: Statement, need: Need, caller: Caller | None) -> bool:
    if (caller is None) != (statement.principals is None):
        raise NotUnderstood("a Principal belongs into policies of resources, and only there")
    if not statement.covers_action(need.permission) or not statement.covers_resource(need.resource):
        return False
    if caller is not None:
        meant = statement.names_caller(caller)
        # To name the account leaves it to the account's own policies who may; everybody of it may be denied.
        if meant is None or (meant == "account" and statement.allows):
            return False
    return statement.met(need.context)


def allows_everything(documents: Iterable[Document]) -> bool:
    """Whether policies allow whatever there is, as AdministratorAccess does, and deny nothing."""
    statements = [statement for document in documents for statement in document.statements]
    return not any(not s.allows or s.problem for s in statements) and any(
        s.actions == ("*",)
        and s.resources == ("*",)
        and not (s.not_actions or s.not_resources or s.conditions)
        for s in statements
    )


def _listed(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(text, str) for text in values):
        raise NotUnderstood(f"the list {value!r}")
    return tuple(values)


def _principals(value: object) -> tuple[tuple[str, str], ...]:
    if value == "*":
        return (("*", "*"),)
    if not isinstance(value, dict) or set(value) - {"AWS", "Service"}:
        raise NotUnderstood(f"the principal {value!r}")
    return tuple((kind, text) for kind, texts in value.items() for text in _listed(texts))
