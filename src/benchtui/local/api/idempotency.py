"""Client tokens of RunInstances.

A token's scope depends on the request: with a subnet or an Availability Zone it is that zone, otherwise the
region. https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .errors import ec2_error

MAX_TOKEN_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Launch:
    """What a token stands for: the request's fingerprint and the reservation it made."""

    fingerprint: str
    reservation: Any
    instances: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a token is unique."""

    region: str
    zone: str | None
    token: str


def fingerprint(parameters: dict[str, Any]) -> str:
    """Hash of everything a request asks for, but its token."""
    rest = {k: v for k, v in parameters.items() if k not in ("ClientToken", "DryRun")}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, default=str).encode()).hexdigest()


class LaunchTokens:
    """Tokens seen since the start. Callers hold the cloud's lock from `earlier` to `remember`."""

    def __init__(self) -> None:
        self._launches: dict[Scope, Launch] = {}

    def earlier(self, scope: Scope, request: str) -> Launch | None:
        """The launch this token already made, or None.

        Raises EC2's IdempotentParameterMismatch when the request differs, IdempotentInstanceTerminated when
        what it launched is terminated (AWS since January 2025), InvalidParameterValue for a token too long.
        """
        if len(scope.token) > MAX_TOKEN_CHARACTERS or not scope.token.isascii():
            raise ec2_error(
                "InvalidParameterValue", "Client token cannot be longer than 64 ASCII characters."
            )
        launch = self._launches.get(scope)
        if launch is None:
            return None
        if launch.fingerprint != request:
            raise ec2_error(
                "IdempotentParameterMismatch",
                "The request uses the same client token as a previous, but non-identical request. Do not "
                "reuse a "
                "client token with different requests, unless the requests are identical",
            )
        if all(instance.state == "terminated" for instance in launch.instances):
            raise ec2_error(
                "IdempotentInstanceTerminated",
                "The request to launch an instance uses the same client token as a previous request for "
                "which the "
                "instance has been terminated.",
            )
        return launch

    def remember(self, scope: Scope, request: str, reservation: Any) -> None:
        self._launches[scope] = Launch(request, reservation, tuple(reservation.instances))
