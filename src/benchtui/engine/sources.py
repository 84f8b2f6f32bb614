"""The places a watcher asks, each with its age; a trouble is told once, and once that it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.engine.events import Emit, Event
from benchtui.engine.snapshot import Source

if TYPE_CHECKING:
    from benchtui.engine.clock import Clock


class Sources:
    """By name: how each answered last.

    Args:
        periods: how often each is asked.
        clock: tells when it answered.
        emit: is told of ``stale`` and ``recovered``.
    """

    def __init__(self, periods: dict[str, timedelta], clock: Clock, emit: Emit) -> None:
        self.clock, self.emit = clock, emit
        self._known = {name: Source(name, period) for name, period in periods.items()}

    @property
    def all(self) -> tuple[Source, ...]:
        """As they stand."""
        return tuple(self._known.values())

    def period(self, name: str) -> timedelta:
        """How often ``name`` is asked."""
        return self._known[name].period

    def asked_every(self, name: str, period: timedelta) -> None:
        """From now on ``name`` is asked so often, and is stale only when it is silent for longer."""
        self._known[name] = replace(self._known[name], period=period)

    def answered(self, name: str) -> None:
        """It answered now."""
        source = self._known[name]
        if source.error:
            self.emit(Event("recovered", self.clock.now(), {"source": name}))
        self._known[name] = replace(
            source,
            answered_at=self.clock.now(),
            error=None,
            fix=None,
            refused=False,
            failures=0,
            requests=source.requests + 1,
        )

    def failed(self, name: str, error: CloudError) -> None:
        """It did not answer, or refused to."""
        failure, source = error.failure, self._known[name]
        if source.error != failure.message:
            told = {"source": name, "error": failure.message, "code": failure.code}
            self.emit(Event("stale", self.clock.now(), told))
        self._known[name] = replace(
            source,
            error=failure.message,
            fix=error.fix,
            refused=failure.kind is FailureKind.DENIED,
            failures=source.failures + 1,
            requests=source.requests + 1,
        )
