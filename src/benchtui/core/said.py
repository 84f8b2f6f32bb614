"""What a job and its launcher have said, summed up as it comes in.

Sentinels arrive in any order and more than once. Each is taken in once, and what the state of the job depends
on is kept beside them, so that one more costs the same after a thousand as after one. Most of them tell how
far a suite is; of those the newest of each suite is kept and of the others only that they came, so that a
long run takes no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from benchtui.core.keys import FINAL_BY_INSTANCE, JobState, Progress, Sentinel

#: States an instance passes through on its way.
ON_THE_WAY = frozenset({JobState.BOOTED, JobState.PREPARING, JobState.RUNNING, JobState.COLLECTED})
#: Two final sentinels can exist when a timer fired while the agent was finishing. The one that says
#: less was achieved wins: nothing reports COMPLETED after TIMED_OUT.
_SEVERITY = {
    state: rank
    for rank, state in enumerate(
        (
            JobState.COMPLETED,
            JobState.FAILED,
            JobState.KILLED,
            JobState.TIMED_OUT,
            JobState.EMERGENCY_STOP,
        )
    )
}
MOST_GAPS = 100

Order = tuple[int, datetime, str, str, int]


def order(sentinel: Sentinel) -> Order:
    """A total order, so that equal sets of sentinels sum up to the same."""
    done = sentinel.progress.done if sentinel.progress else -1
    return sentinel.seq, sentinel.at, sentinel.state.value, sentinel.suite or "", done


class Said:
    """The sentinels of one job.

    Args:
        sentinels: the first ones; all of the same job.

    Attributes:
        final: the final state that the instance spoke of, the gravest of several; None: of none.
        final_at: when its last final sentinel was written.
        launched_at: when a launcher last said LAUNCHED.
        booted_at: the earliest BOOTED.
        last_at, last_own_at: the newest of all, and of the instance's own.
        last_sign_at: the newest that tells of an instance, so all but DECLINED.
    """

    __slots__ = (
        "_advances",
        "_boot",
        "_collected",
        "_declined",
        "_kept",
        "_latest",
        "_numbers",
        "_progress",
        "_step",
        "booted_at",
        "final",
        "final_at",
        "last_at",
        "last_own_at",
        "last_sign_at",
        "launched_at",
    )

    def __init__(self, sentinels: Iterable[Sentinel] = ()) -> None:
        self._kept: set[Sentinel] = set()
        self._progress: dict[str, tuple[Order, Sentinel]] = {}
        # Bit n: number n has come; the first of those that tell of progress, the second of all.
        self._advances = 0
        self._numbers = 0
        self._collected: dict[str, Order] = {}
        self._step: tuple[Order, JobState] | None = None
        self._latest: tuple[Order, Sentinel] | None = None
        self._boot: Sentinel | None = None
        self._declined = False
        self.final: JobState | None = None
        self.final_at: datetime | None = None
        self.launched_at: datetime | None = None
        self.booted_at: datetime | None = None
        self.last_at: datetime | None = None
        self.last_own_at: datetime | None = None
        self.last_sign_at: datetime | None = None
        for sentinel in sentinels:
            self.add(sentinel)

    def __len__(self) -> int:
        """Distinct sentinels; of several with one number that tell of progress, one."""
        return len(self._kept) + self._advances.bit_count()

    def add(self, sentinel: Sentinel) -> bool:
        """Take one in; whether it is new."""
        before = len(self)
        if sentinel.state is JobState.RUNNING and sentinel.progress is not None and sentinel.seq > 0:
            self._advance(sentinel)
        else:
            self._kept.add(sentinel)
            if len(self) == before:
                return False
        self.last_at = _later(self.last_at, sentinel.at)
        if sentinel.state is JobState.DECLINED:
            self._declined = True
        else:
            self.last_sign_at = _later(self.last_sign_at, sentinel.at)
        if sentinel.state is JobState.LAUNCHED:
            self.launched_at = _later(self.launched_at, sentinel.at)
        if sentinel.state in FINAL_BY_INSTANCE:
            self.final_at = _later(self.final_at, sentinel.at)
            if self.final is None or _SEVERITY[sentinel.state] > _SEVERITY[self.final]:
                self.final = sentinel.state
        if sentinel.seq > 0:
            self._add_own(sentinel)
        return len(self) > before

    def _advance(self, sentinel: Sentinel) -> None:
        """One that tells how far a suite is."""
        self._advances |= 1 << sentinel.seq
        place, suite = order(sentinel), sentinel.suite or ""
        if suite not in self._progress or place > self._progress[suite][0]:
            self._progress[suite] = place, sentinel

    def _add_own(self, sentinel: Sentinel) -> None:
        self.last_own_at = _later(self.last_own_at, sentinel.at)
        self._numbers |= 1 << sentinel.seq
        place = order(sentinel)
        if sentinel.state in ON_THE_WAY and (self._step is None or place > self._step[0]):
            self._step = place, sentinel.state
        if sentinel.state is JobState.BOOTED:
            if self.booted_at is None or sentinel.at < self.booted_at:
                self.booted_at = sentinel.at
            if self._boot is None or place < order(self._boot):
                self._boot = sentinel
        if sentinel.suite is None:
            return
        if self._latest is None or place > self._latest[0]:
            self._latest = place, sentinel
        if sentinel.state is JobState.COLLECTED:
            first = self._collected.get(sentinel.suite)
            if first is None or place < first:
                self._collected[sentinel.suite] = place

    @property
    def in_order(self) -> tuple[Sentinel, ...]:
        """All of them, of those that tell of progress the newest of each suite."""
        newest = (sentinel for _, sentinel in self._progress.values())
        return tuple(sorted((*self._kept, *newest), key=order))

    @property
    def state(self) -> JobState:
        """What the sentinels alone say."""
        if self.final is not None:
            return self.final
        if self._step is not None:
            # The last thing said, not the furthest: after COLLECTED of one suite comes RUNNING of the next.
            return self._step[1]
        if self.launched_at is not None:
            return JobState.LAUNCHED
        return JobState.DECLINED if self._declined else JobState.PLANNED

    @property
    def suite(self) -> str | None:
        """The suite it spoke of last."""
        return self._latest[1].suite if self._latest else None

    @property
    def progress(self) -> Progress | None:
        """Of that suite."""
        return self._latest[1].progress if self._latest else None

    @property
    def collected(self) -> tuple[str, ...]:
        """Suites whose result is in the bucket, in order of arrival."""
        if len(self._collected) < 2:
            return tuple(self._collected)
        return tuple(sorted(self._collected, key=self._collected.__getitem__))

    @property
    def boot(self) -> Sentinel | None:
        """The first BOOTED by its number."""
        return self._boot

    @property
    def missing(self) -> int:
        """How many sequence numbers below the highest seen have not arrived."""
        return max(0, self._numbers.bit_length() - 1) - self._numbers.bit_count()

    @property
    def gaps(self) -> tuple[int, ...]:
        """Sequence numbers below the highest seen that have not arrived, at most 100 of them."""
        if not self.missing:
            return ()
        missing = (
            number for number in range(1, self._numbers.bit_length()) if not self._numbers >> number & 1
        )
        return tuple(number for number, _ in zip(missing, range(MOST_GAPS), strict=False))


def _later(known: datetime | None, at: datetime) -> datetime:
    return at if known is None or at > known else known
