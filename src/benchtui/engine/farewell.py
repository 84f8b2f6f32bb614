"""What goes on when a client leaves, and the one line it leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchtui.core.errors import ExitCode
from benchtui.core.keys import FINAL_BY_INSTANCE

if TYPE_CHECKING:
    from benchtui.engine.kill_scope import KillProgress, KillScope
    from benchtui.engine.snapshot import JobRow, Snapshot
    from benchtui.engine.sweep import Sweep


@dataclass(frozen=True, slots=True)
class Living:
    """Instances that go on without anyone looking, as far as is known."""

    run: int  # of the run that is followed
    others: int  # of other runs of this account
    ends_by: datetime | None  # when the last of the run is ended in any case; None: not known of each
    overdue: int  # of the run: alive past their end, or after their job's
    known: bool  # EC2 has answered for the run, and lately

    @property
    def any(self) -> bool:
        """Whether something is alive."""
        return bool(self.run or self.others)


def living(
    run: str | None, snapshot: Snapshot | None, sweep: Sweep | None, now: datetime | None = None
) -> Living:
    """What is alive, by the run's own snapshot and by the sweep of the account.

    Args:
        run: the run that is followed.
        snapshot: as it was last seen.
        sweep: of the account, if there was one.
        now: the time, UTC; None: that of the snapshot.
    """
    alive = snapshot.alive if snapshot is not None else ()
    ends = [row.status.instance.expires_at for row in alive if row.status.instance is not None]
    swept = sweep.instances if sweep is not None else ()
    others = [view for view in swept if run is None or view.run != run]
    return Living(
        run=len(alive),
        others=len(others),
        ends_by=max((at for at in ends if at is not None), default=None) if all(ends) else None,
        overdue=sum(_overdue(row, now or snapshot.taken_at) for row in alive) if snapshot is not None else 0,
        known=snapshot is not None and snapshot.as_of is not None and snapshot.ec2_fresh(now),
    )


def _overdue(row: JobRow, now: datetime) -> bool:
    """A silent instance is no matter of this: it ends by itself like the others."""
    return _late(row, now) or (row.status.state in FINAL_BY_INSTANCE and row.status.alarm is not None)


def _late(row: JobRow, now: datetime) -> bool:
    return row.status.instance is not None and row.status.instance.expired(now)


def reaches(one: KillScope, other: KillScope) -> bool:
    """Whether a kill of ``one`` ends all that a kill of ``other`` would."""
    if one.run is None:
        return True
    return one.run == other.run and (not one.jobs or (bool(other.jobs) and other.jobs <= one.jobs))


def unproven(kills: Iterable[KillProgress]) -> tuple[KillProgress, ...]:
    """Kills without a proof of their own, or of a wider one that began after them."""
    told = tuple(kills)
    proofs = [kill for kill in told if kill.proven]
    return tuple(
        kill
        for kill in told
        if not kill.proven
        and not any(
            proof.started_at > kill.started_at and reaches(proof.scope, kill.scope) for proof in proofs
        )
    )


def farewell(
    run: str | None,
    snapshot: Snapshot | None,
    sweep: Sweep | None,
    kills: Iterable[KillProgress],
    flags: str = "",
    *,
    now: datetime | None = None,
    launched: Mapping[str, datetime] = MappingProxyType({}),
) -> str:
    """One line: the run, its live instances, the next command.

    Args:
        run: the run that is followed.
        snapshot: as it was last seen.
        sweep: of the account, if there was one.
        kills: begun in this session.
        flags: what a command needs to mean the same account and bucket, such as " --local".
        now: the time, UTC; None: that of the snapshot.
        launched: when launches of this process came to their end, by run.
    """
    told = tuple(kills)
    open_ = next(iter(unproven(told)), None)
    if open_ is not None:
        return (
            f"{open_.scope.name}: the kill is NOT proven, instances may still be running · "
            f"{open_.scope.command}{flags}"
        )
    late = {name: at for name, at in launched.items() if not _seen_since(name, at, snapshot)}
    just_now = next((name for name, at in late.items() if not killed_since(name, at, told)), None)
    if just_now is not None:
        return (
            f"{just_now}: launched just now, its instances may be alive · "
            f"benchtui watch {just_now}{flags} · benchtui kill {just_now}{flags}"
        )
    found = living(run, snapshot, sweep, now)
    elsewhere = f" · {_instances(found.others)} of other runs alive: benchtui status{flags}"
    tail = elsewhere if found.others else ""
    if run is None:
        return f"no run{tail}" if tail else f"no run was followed · benchtui runs{flags}"
    heard = snapshot.as_of if snapshot is not None else None
    if killed_since(run, heard, told):
        return f"{run}: killed, every instance is proven gone · benchtui collect {run}{flags}{tail}"
    if found.overdue:
        return f"{run}: {_instances(found.overdue)} should have ended · benchtui kill {run}{flags}{tail}"
    if found.run:
        by = f" by {found.ends_by:%H:%M:%SZ}" if found.ends_by else ""
        them = "ends by itself" if found.run == 1 else "end by themselves"
        end = f"{_instances(found.run)} alive, {them}{by}"
        return f"{run}: {end} · benchtui watch {run}{flags} · benchtui kill {run}{flags}{tail}"
    if not found.known:
        return f"{run}: whether instances are alive is NOT KNOWN · benchtui status {run}{flags}{tail}"
    return f"{run}: no instance alive · benchtui collect {run}{flags}{tail}"


def _seen_since(run: str, at: datetime, snapshot: Snapshot | None) -> bool:
    return (
        snapshot is not None
        and snapshot.run.run == run
        and snapshot.as_of is not None
        and snapshot.as_of > at
    )


def killed_since(run: str, at: datetime | None, kills: Iterable[KillProgress]) -> bool:
    """Whether a kill that stopped all of ``run`` began after ``at`` and was proven."""
    return any(
        kill.proven and kill.scope.stops(run) and (at is None or kill.started_at >= at) for kill in kills
    )


def exit_code(
    snapshot: Snapshot | None, kills: Iterable[KillProgress], now: datetime, code: int = ExitCode.OK
) -> int:
    """``code``, unless instances may be running that should not: that outranks all."""
    told = tuple(kills)
    expired = snapshot is not None and any(_late(row, now) for row in snapshot.alive)
    if expired and snapshot is not None and killed_since(snapshot.run.run, snapshot.as_of, told):
        expired = False
    return ExitCode.MAY_STILL_RUN if expired or unproven(told) else code


def _instances(count: int) -> str:
    return f"{count} instance{'' if count == 1 else 's'}"
