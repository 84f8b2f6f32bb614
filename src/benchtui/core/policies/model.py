"""A policy of IAM with the reason of each statement beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

VERSION = "2012-10-17"
#: AWS's limits in characters, white space not counted: IAM User Guide, "IAM and AWS STS quotas".
INLINE_LIMIT = 10_240  # all inline policies of a role together
MANAGED_LIMIT = 6_144
TRUST_LIMIT = 2_048  # a role's trust policy
BUCKET_POLICY_LIMIT = 20 * 1024  # bytes, Amazon S3 User Guide, "Bucket policies for Amazon S3"

#: Operator → condition key → wanted value or values.
Conditions = Mapping[str, Mapping[str, str | Sequence[str]]]


class Effect(StrEnum):
    """What a statement does."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and why it is there."""

    sid: str
    why: str  # one sentence
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()  # empty in a trust policy alone
    conditions: Conditions = field(default_factory=dict)
    effect: Effect = Effect.ALLOW
    principal: str | Mapping[str, str] | None = None  # of trust and bucket policies

    def document(self) -> dict[str, Any]:
        """As IAM writes it; a single action or resource stands by itself."""
        shown: dict[str, Any] = {"Sid": self.sid, "Effect": str(self.effect)}
        if self.principal is not None:
            named = self.principal
            shown["Principal"] = named if isinstance(named, str) else dict(named)
        shown["Action"] = _one_or_all(self.actions)
        if self.resources:
            shown["Resource"] = _one_or_all(self.resources)
        if self.conditions:
            shown["Condition"] = {
                operator: {key: want if isinstance(want, str) else list(want) for key, want in keys.items()}
                for operator, keys in self.conditions.items()
            }
        return shown


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy: its name, what it is for, and its statements."""

    name: str  # lower case with hyphens
    about: str  # one sentence
    statements: tuple[Statement, ...]
    limit: int = MANAGED_LIMIT  # characters without white space that AWS takes

    def document(self) -> dict[str, Any]:
        """The JSON that IAM or S3 takes."""
        return {"Version": VERSION, "Statement": [each.document() for each in self.statements]}

    def document_text(self) -> str:
        """The JSON as text for reading."""
        return json.dumps(self.document(), indent=2)

    def compact_text(self) -> str:
        """The JSON as it is sent."""
        return json.dumps(self.document(), separators=(",", ":"))

    @property
    def size(self) -> int:
        """Characters as AWS counts them. No value of ours holds white space."""
        return len(self.compact_text())

    @property
    def actions(self) -> tuple[str, ...]:
        """Every action it allows, sorted."""
        allowed = {each for part in self.statements if part.effect is Effect.ALLOW for each in part.actions}
        return tuple(sorted(allowed))


def _one_or_all(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
