"""A launcher's side of the budget: nothing is requested whose worst case is not held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, Failure
from benchtui.core.budget import REASON
from benchtui.core.errors import BenchtuiError, BudgetError
from benchtui.engine.events import Emit, Event
from benchtui.engine.reservations import Hold, Reservations

if TYPE_CHECKING:
    from benchtui.core.documents import JobDocument
    from benchtui.engine.clock import Clock


class NotReserved(Exception):
    """The money of a job is not held, so it is not launched.

    Attributes:
        reason: of the census: ``budget: …`` where there is not enough, ``not reserved: …`` where the bucket
            did not say that it is held.
        failure: S3's refusal, where it was one.
        fix: what to do.
        over_budget: there is not enough.
    """

    def __init__(self, problem: BenchtuiError) -> None:
        self.over_budget = isinstance(problem, BudgetError)
        self.failure: Failure | None = problem.failure if isinstance(problem, CloudError) else None
        said = problem.what
        if self.failure is not None:
            said = f"{self.failure.kind.value}: {self.failure.code}: {self.failure.message}"
        self.reason = f"{REASON if self.over_budget else 'not reserved'}: {said}"
        self.fix = problem.fix
        super().__init__(self.reason)


class Reserving:
    """Reservations as a launcher needs them.

    Args:
        reservations: of its run.
        clock: the time.
        emit: told of what is held and what could not be given back.
    """

    def __init__(self, reservations: Reservations, clock: Clock, emit: Emit) -> None:
        self.reservations, self.clock, self.emit = reservations, clock, emit
        self._told: set[tuple[str, Hold]] = set()

    async def hold(self, job: JobDocument) -> Hold:
        """Whose the right to launch ``job`` is, once its worst case is held.

        Raises:
            NotReserved: it is not held.
        """
        try:
            held = await self.reservations.hold(job)
        except BenchtuiError as problem:
            if not isinstance(problem, BudgetError):
                # An answer that was lost may have left it held.
                await self.give_back(job, "S3 did not say that it was reserved", quietly=True)
            raise NotReserved(problem) from problem
        self._tell(job, held)
        return held

    async def give_back(self, job: JobDocument, reason: str, *, quietly: bool = False) -> None:
        """Release what is held for a job without an instance; where that fails it stays held, and is told."""
        try:
            await self.reservations.give_back(job, reason)
        except BenchtuiError as problem:
            if not quietly:
                self._say(job, f"its reservation is left in the book: {problem.what}")

    def _tell(self, job: JobDocument, held: Hold) -> None:
        if (job.job, held) in self._told:
            return
        self._told.add((job.job, held))
        if held is Hold.OTHERS:
            self._say(job, "another launcher has reserved it and is at it; waiting for what comes of it")
        elif held is Hold.TAKEN_OVER:
            self._say(job, "reserved by a launcher that is gone; its reservation is used")

    def _say(self, job: JobDocument, text: str) -> None:
        run = self.reservations.run.run
        self.emit(Event("note", self.clock.now(), {"run": run, "job": job.job, "text": text}))
