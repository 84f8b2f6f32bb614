"""What a kill is asked to end, what it would end, and how far it has come: values, without any cloud."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from benchtui.core import keys
from benchtui.core.errors import ExitCode
from benchtui.core.states import InstanceView

SWEEPS_NEEDED = 2
#: Characters a person types: the random part of a run's id, or the end of an account's.
TOKEN_LENGTH = 4


class ScopeKind(StrEnum):
    """How far a kill reaches."""

    SELECTION = "selection"  # some jobs of a run
    RUN = "run"
    ALL = "all"  # every run of this account
    EXPIRED = "expired"  # of every run, what should have ended by itself


class Tagged(Protocol):
    """What carries the tags of a run."""

    @property
    def run(self) -> str | None: ...
    @property
    def job(self) -> str | None: ...
    @property
    def expires_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class KillScope:
    """Which instances a kill is about.

    Args:
        run: the run's id; None: every instance tagged LaunchedBy=AsyncBenchmarkLauncher.
        jobs: these jobs of the run alone; empty: all of it.
        expired_at: only what should have ended by then (UTC) and has not; None: whatever its time.

    Raises:
        KeyNotOurs: not a run id, or not a job id.
        ValueError: jobs without a run, or the expired of one run alone.
    """

    run: str | None
    jobs: frozenset[str] = frozenset()
    expired_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.run is not None:
            keys.check_run(self.run)
            if self.expired_at is not None:
                raise ValueError("the expired are asked for in every run")
        elif self.jobs:
            raise ValueError("jobs of no run")
        for job in self.jobs:
            keys.check_job(job)

    @classmethod
    def of_run(cls, run: str) -> KillScope:
        """A whole run."""
        return cls(run)

    @classmethod
    def of_jobs(cls, run: str, jobs: Iterable[str]) -> KillScope:
        """Some jobs of a run.

        Raises:
            ValueError: no job is named; that would be the whole run.
        """
        chosen = frozenset(jobs)
        if not chosen:
            raise ValueError("a selection without a job")
        return cls(run, chosen)

    @classmethod
    def of_account(cls) -> KillScope:
        """Every run of the account."""
        return cls(None)

    @classmethod
    def of_expired(cls, at: datetime) -> KillScope:
        """Of every run, what should have ended by ``at`` (UTC) and has not."""
        return cls(None, expired_at=at)

    @property
    def kind(self) -> ScopeKind:
        """How far it reaches."""
        if self.run is None:
            return ScopeKind.ALL if self.expired_at is None else ScopeKind.EXPIRED
        return ScopeKind.SELECTION if self.jobs else ScopeKind.RUN

    @property
    def name(self) -> str:
        """In one line, for a person."""
        if self.run is None:
            return "every run of this account" if self.expired_at is None else "what has expired"
        if not self.jobs:
            return self.run
        jobs = sorted(self.jobs)
        more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
        return f"{', '.join(jobs[:3])}{more} of {self.run}"

    @property
    def tag(self) -> str:
        """The tag by which its instances are known."""
        return "LaunchedBy=AsyncBenchmarkLauncher" if self.run is None else f"benchtui:run={self.run}"

    @property
    def command(self) -> str:
        """The headless command that does the same, without flags of the account."""
        if self.run is None:
            return "benchtui kill --all" if self.expired_at is None else "benchtui kill --expired"
        jobs = "".join(f" --job {shlex.quote(job)}" for job in sorted(self.jobs))
        return f"benchtui kill {self.run}{jobs}"

    def covers(self, view: Tagged) -> bool:
        """Whether an instance or a spot request of this program is meant."""
        if self.run is None:
            if self.expired_at is None:
                return True
            return view.expires_at is not None and view.expires_at < self.expired_at
        return view.run == self.run and (not self.jobs or view.job in self.jobs)

    def stops(self, run: str) -> bool:
        """Whether nothing more of ``run`` is to be launched.

        Not for a selection, whose run goes on, nor for what has expired: others of its run may not have.
        """
        return not self.jobs and self.expired_at is None and self.run in (None, run)

    def token(self, account: str | None) -> str | None:
        """What a person types to confirm; None while the account is not known and is what is confirmed."""
        if self.run is not None:
            return self.run[-TOKEN_LENGTH:]
        return account[-TOKEN_LENGTH:] if account else None


@dataclass(frozen=True, slots=True)
class RegionProof:
    """What is proven of one region."""

    region: str
    asked: frozenset[str] = frozenset()  # instances whose end EC2 has accepted
    gone: frozenset[str] = frozenset()  # seen shutting-down or terminated
    shutting_down: frozenset[str] = frozenset()  # of those gone: not yet terminated, as last listed
    alive: frozenset[str] = frozenset()  # as last listed
    sweeps: int = 0  # consecutive clean ones
    error: str | None = None  # why it could not be listed or ended, if it could not
    given_up: bool = False  # nothing more is tried here
    #: Seen alive, then neither alive nor ending: no answer about them proves that they are gone.
    vanished: frozenset[str] = frozenset()
    spot_requests: frozenset[str] = frozenset()  # own, that may launch an instance yet
    spot_error: str | None = None  # why they could not be asked for
    clean_at: datetime | None = None  # when the last clean sweep began

    @property
    def terminated(self) -> frozenset[str]:
        """Seen terminated, or no longer listed after it was shutting down."""
        return self.gone - self.shutting_down

    @property
    def proven(self) -> bool:
        """Whether nothing that is meant lives here, beyond doubt."""
        return self.sweeps >= SWEEPS_NEEDED and not (self.alive or self.vanished or self.spot_requests)

    @property
    def concerned(self) -> bool:
        """Whether there is more to tell than that nothing was found."""
        return bool(self.asked or self.gone or self.alive or self.error or self.spot_requests)


@dataclass(frozen=True, slots=True)
class KillReport:
    """Outcome of a kill, or how far it has come."""

    scope: KillScope
    regions: tuple[RegionProof, ...] = ()
    regions_error: str | None = None  # why the list of enabled regions is not known
    notes: tuple[str, ...] = ()
    listing: bool = False  # the enabled regions are not known yet

    @property
    def proven(self) -> bool:
        """Whether every enabled region is proven clear."""
        known = not self.listing and self.regions_error is None
        return known and all(proof.proven for proof in self.regions)

    @property
    def exit_code(self) -> ExitCode:
        """0 only with proof."""
        return ExitCode.OK if self.proven else ExitCode.MAY_STILL_RUN


@dataclass(frozen=True, slots=True)
class KillProgress:
    """A kill at one moment; each change is told as a new one, the last with ``done``."""

    scope: KillScope
    report: KillReport
    started_at: datetime
    done: bool = False
    error: str | None = None  # why it ended without coming to its end

    @property
    def proven(self) -> bool:
        """Whether it has come to its end and every region is clear."""
        return self.done and self.error is None and self.report.proven


Tell = Callable[[KillProgress], None]


@dataclass(frozen=True, slots=True)
class RegionSurvey:
    """What a kill would find in one region now."""

    region: str
    instances: tuple[InstanceView, ...] = ()  # alive and meant, in the order of launch
    spared: int | None = None  # other live instances, whoever launched them; None: not known
    error: str | None = None  # why nothing is known of it

    @property
    def types(self) -> tuple[tuple[str, int], ...]:
        """How many of each instance type, most first."""
        counts = Counter(view.instance_type for view in self.instances)
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True)
class KillSurvey:
    """What a kill would do, before anyone agrees to it."""

    scope: KillScope
    taken_at: datetime
    account: str | None  # twelve digits; None: could not be asked
    regions: tuple[RegionSurvey, ...]
    regions_error: str | None = None  # why the list of enabled regions is not known
    usd_per_hour: Decimal | None = None  # est., of the instances whose price is known; None: of none
    unpriced: int = 0  # instances whose price is not known here
    pending: int = 0  # regions that have not answered yet
    listing: bool = False  # the enabled regions are not known yet

    @property
    def instances(self) -> tuple[InstanceView, ...]:
        """Every instance that would be ended, as far as is known."""
        return tuple(view for region in self.regions for view in region.instances)

    @property
    def count(self) -> int:
        """How many would be ended, as far as is known."""
        return len(self.instances)

    @property
    def spared(self) -> int:
        """Live instances seen that are not touched."""
        return sum(region.spared or 0 for region in self.regions)

    @property
    def unknown(self) -> tuple[RegionSurvey, ...]:
        """Regions that did not answer. The kill asks them again."""
        return tuple(region for region in self.regions if region.error is not None)

    @property
    def complete(self) -> bool:
        """Whether every enabled region answered."""
        return self.regions_error is None and not self.unknown and not self.under_way

    @property
    def under_way(self) -> bool:
        """Whether more is still to come."""
        return self.listing or self.pending > 0

    @property
    def token(self) -> str | None:
        """What a person types to confirm."""
        return self.scope.token(self.account)
