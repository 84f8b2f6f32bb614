"""The five layers that end an instance, region by region: what of each is armed now, and why not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from benchtui.core.deadlines import LATEST, MINUTE, PRECISION
from benchtui.core.drills import REAPED_HOLDS
from benchtui.core.money import usd_text

if TYPE_CHECKING:
    from benchtui.engine.snapshot import Snapshot
    from benchtui.engine.standing import Standing
    from benchtui.engine.sweep import Sweep

#: A sweep older than this says nothing of now.
SWEEP_HOLDS = timedelta(minutes=3)


class LayerState(StrEnum):
    """How far a layer protects."""

    ARMED = "armed"
    PARTLY = "in part"
    UNPROVEN = "unproven"
    NOT_ARMED = "not armed"
    IDLE = "idle"  # nothing is alive


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer in one region."""

    region: str
    number: int  # 1 to 5
    name: str
    state: LayerState
    why: str


def layers(
    snapshot: Snapshot, sweep: Sweep | None, now: datetime, *, schedule_proven: bool = False
) -> tuple[Layer, ...]:
    """The layers of each region of the run, in their order.

    Args:
        snapshot: of the run.
        sweep: of the account, if there was one.
        now: the time, UTC.
        schedule_proven: a drill has seen schedules end an instance in this account; without that they are
            shown as unproven, however well they are armed.
    """
    found: list[Layer] = []
    for region in snapshot.run.regions:
        standing = snapshot.standing[region]
        unheard = any(each.name == f"EC2 {region}" and each.refused for each in snapshot.sources)
        unknown = (LayerState.UNPROVEN, "EC2 refuses to say what is alive")
        scheduled = _scheduled(region, snapshot, standing, now, schedule_proven)
        found += [
            Layer(region, 1, "timers", *(unknown if unheard else _timers(standing))),
            Layer(region, 2, "schedule", *(unknown if unheard else scheduled)),
            Layer(region, 3, "tags", *(unknown if unheard else _tags(standing))),
            Layer(region, 4, "sweep", *_swept(region, snapshot, sweep, now)),
            Layer(region, 5, "budget", *_budget(snapshot, standing)),
        ]
    return tuple(found)


def armed_of(found: Iterable[Layer]) -> tuple[int, int]:
    """How many layers are armed in every region, of how many."""
    by_number: dict[int, bool] = {}
    for layer in found:
        by_number[layer.number] = by_number.get(layer.number, True) and layer.state is LayerState.ARMED
    return sum(by_number.values()), len(by_number)


def _timers(standing: Standing) -> tuple[LayerState, str]:
    """By what each instance says itself: its first word comes after its timers were set, and names them."""
    if not standing.alive:
        return LayerState.IDLE, "no instance to end"
    told = standing.told
    count = f"{told} of {standing.alive} spoke"
    if not told:
        booted = f"; {standing.booted} booted" if standing.booted else ""
        return LayerState.UNPROVEN, f"{count} after arming them{booted}"
    if not standing.armed:
        return LayerState.NOT_ARMED, f"no mechanism is armed; {count}"
    if standing.without:
        named = ", ".join(
            name if n == told else f"{name} in {n}" for name, n in sorted(standing.without.items())
        )
        return LayerState.PARTLY, f"not armed: {named}" + ("" if told == standing.alive else f"; {count}")
    state = LayerState.ARMED if told == standing.alive else LayerState.UNPROVEN
    return state, f"{count} after arming them"


def _scheduled(
    region: str, snapshot: Snapshot, standing: Standing, now: datetime, proven: bool
) -> tuple[LayerState, str]:
    """By what Scheduler says, whoever made the schedules; what the launcher said explains the rest."""
    if not standing.alive:
        return LayerState.IDLE, "no instance to end"
    at_launch = snapshot.run.schedules.get(region)
    view = snapshot.schedules.get(region)
    if view is None or view.error is not None:
        if at_launch is not None and at_launch != "armed":
            return LayerState.NOT_ARMED, at_launch.removeprefix("not armed: ")
        why = "not asked yet" if view is None or view.error is None else f"could not be asked: {view.error}"
        return LayerState.UNPROVEN, f"{why}; at launch: {at_launch or 'not known'}"
    latest, by_id = (standing.latest or now) + LATEST, standing.by_id
    by_tag = view.at is not None and now - PRECISION - MINUTE <= view.at <= latest
    said = f"{_at(view.at, now)}, id {by_id}/{standing.alive}"
    if not by_tag and by_id < standing.alive:
        reason = "" if at_launch in (None, "armed") else at_launch.removeprefix("not armed: ")
        if not by_id and view.at is None:
            return LayerState.NOT_ARMED, reason or "no schedule exists"
        return LayerState.PARTLY if by_id else LayerState.NOT_ARMED, f"{said}; {reason}" if reason else said
    drill = snapshot.proofs.drill(region, 2, now) if snapshot.proofs else None
    if proven or (drill is not None and drill.proves(2)):
        return LayerState.ARMED, said
    seen = "no drill yet" if drill is None else f"failed in the drill of {drill.ended_at:%Y-%m-%d}"
    return LayerState.UNPROVEN, f"armed, {seen}: {said}"


def _at(at: datetime | None, now: datetime) -> str:
    """When everything with the run's tag ends; short, for it stands in a narrow column."""
    if at is None:
        return "no tag"
    return f"tag {at:%H:%MZ}" if at.date() == now.date() else f"tag {at:%m-%d %H:%MZ}"


def _tags(standing: Standing) -> tuple[LayerState, str]:
    if not standing.alive:
        return LayerState.IDLE, "no instance to find"
    said = f"{standing.tagged} of {standing.alive} carry run, job and end"
    return (LayerState.ARMED if standing.tagged == standing.alive else LayerState.NOT_ARMED), said


def _swept(region: str, snapshot: Snapshot, sweep: Sweep | None, now: datetime) -> tuple[LayerState, str]:
    """Whether the expired are found here, and whether anything but a person ends them."""
    if sweep is None:
        return LayerState.UNPROVEN, "no sweep has answered yet"
    if region not in sweep.regions:
        error = next((error.what for name, error in sweep.unanswered if name == region), "not asked")
        return LayerState.UNPROVEN, f"did not answer: {error}"
    age = now - sweep.taken_at
    if age > SWEEP_HOLDS:
        return LayerState.UNPROVEN, f"last swept {round(age.total_seconds() / 60)} min ago"
    reap = snapshot.proofs.reap if snapshot.proofs else None
    if reap is None or region not in reap.regions or not timedelta(0) <= now - reap.at < REAPED_HOLDS:
        return LayerState.PARTLY, "names the expired; you end them"
    return LayerState.ARMED, f"reaped at {reap.at:%H:%MZ}"


def _budget(snapshot: Snapshot, standing: Standing) -> tuple[LayerState, str]:
    """By the run's book: whether the money of every live instance was held before it was asked for."""
    view, run = snapshot.book, snapshot.run
    if view is None or view.book is None:
        return LayerState.UNPROVEN, "not asked yet" if view is None else f"could not be read: {view.error}"
    book = view.book
    said = f"${usd_text(book.held_usd)} held, ${usd_text(book.paid_usd)} spent of ${usd_text(run.budget_usd)}"
    if view.error is not None:
        return LayerState.UNPROVEN, f"{said} when last read: {view.error}"
    if standing.held < standing.alive:
        return LayerState.NOT_ARMED, f"money is held for {standing.held} of {standing.alive}; {said}"
    if book.left_usd(run.budget_usd) < 0:
        return LayerState.NOT_ARMED, f"beyond the cap: {said}"
    return (LayerState.ARMED if standing.alive else LayerState.IDLE), said
