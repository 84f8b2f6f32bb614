"""Fault rules: what a test or a drill wants to go wrong, and how often it did."""

from __future__ import annotations

import fnmatch
import itertools
import random
import threading
from dataclasses import dataclass, field
from typing import Any

from .calls import Call

DEFAULT_CODES = {
    503: "RequestLimitExceeded",
    500: "InternalError",
    403: "UnauthorizedOperation",
    429: "Throttling",
}
S3_CODES = {503: "SlowDown", 500: "InternalError", 403: "AccessDenied", 409: "ConditionalRequestConflict"}


SHOWN = [
    "id",
    "service",
    "action",
    "region",
    "match",
    "status",
    "code",
    "latency_s",
    "date_offset_s",
    "times",
    "after_commit",
    "probability",
    "seed",
    "hits",
]


class InvalidRule(ValueError):
    """A fault rule that cannot be understood; the message names the field."""


@dataclass
class FaultRule:
    """One rule. Matching fields are patterns (`*`, `?`), empty = anything.

    Attributes:
        service, action, region: of the call, as the SDK names them (`ec2`, `RunInstances`, `eu-west-1`).
        match: request parameters by name; of S3 `Bucket` and `Key`.
        status, code: the error to answer with; without `code` the service's usual one for that status.
        latency_s: seconds to wait before anything else.
        date_offset_s: how far the Date of the answer is from this machine's clock, as if that were off.
        times: how often it strikes before it is spent; None = for ever.
        after_commit: carry the request out first; without a status the reply is then lost (connection reset).
        probability: of striking, drawn from a generator seeded with `seed`.

    A rule with neither status nor latency nor offset resets the connection.
    """

    id: int
    service: str = ""
    action: str = ""
    region: str = ""
    match: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    code: str | None = None
    message: str = "injected by a fault rule of the local cloud"
    latency_s: float = 0.0
    date_offset_s: float = 0.0
    times: int | None = None
    after_commit: bool = False
    probability: float = 1.0
    seed: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        self.generator = random.Random(self.seed)  # noqa: S311  (repeatable on purpose)

    def matches(self, call: Call) -> bool:
        wanted = ((self.service, call.service), (self.action, call.action), (self.region, call.region))
        if not all(fnmatch.fnmatchcase(value, pattern or "*") for pattern, value in wanted):
            return False
        return all(fnmatch.fnmatchcase(call.parameters.get(k, ""), v) for k, v in self.match.items())

    @property
    def resets(self) -> bool:
        """Whether the connection is cut instead of answered."""
        return self.status is None and (self.after_commit or not (self.latency_s or self.date_offset_s))

    def error(self, call: Call) -> tuple[str, int]:
        """Error code and HTTP status to answer with."""
        status = self.status or 500
        usual = S3_CODES if call.service == "s3" else DEFAULT_CODES
        return self.code or usual.get(status, "InternalError"), status

    def shown(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SHOWN}


class FaultTable:
    """The rules in force. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []
        self._ids = itertools.count(1)

    def add(self, fields: dict[str, Any]) -> FaultRule:
        """Add a rule; InvalidRule for unknown fields or impossible values."""
        allowed = set(FaultRule.__dataclass_fields__) - {"id", "hits"}
        if unknown := sorted(set(fields) - allowed):
            raise InvalidRule(f"unknown field {unknown[0]!r}; known: {', '.join(sorted(allowed))}")
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            with self._lock:
                rule = FaultRule(id=next(self._ids), **given)
                valid = 0 <= float(rule.probability) <= 1 and float(rule.latency_s) >= 0
                if not valid or (rule.status is not None and not 300 <= int(rule.status) <= 599):
                    raise InvalidRule("probability is 0 to 1, latency_s at least 0, status 300 to 599")
                self._rules.append(rule)
        except TypeError as problem:
            raise InvalidRule(str(problem)) from None
        return rule

    def remove(self, rule_id: int | None = None) -> int:
        """Remove one rule or all; returns how many."""
        with self._lock:
            kept = [] if rule_id is None else [r for r in self._rules if r.id != rule_id]
            removed = len(self._rules) - len(kept)
            self._rules = kept
        return removed

    def shown(self) -> list[dict[str, Any]]:
        with self._lock:
            return [rule.shown() for rule in self._rules]

    def strike(self, call: Call) -> FaultRule | None:
        """The first rule that strikes this call now; it counts as a hit."""
        with self._lock:
            for rule in self._rules:
                if rule.times is not None and rule.hits >= rule.times:
                    continue
                if not rule.matches(call) or rule.generator.random() >= rule.probability:
                    continue
                rule.hits += 1
                return rule
        return None
