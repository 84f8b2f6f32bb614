"""What the engine has told so far, folded into one view for the screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from benchtui.core.errors import BenchtuiError
from benchtui.core.spending import Spending, spending_of
from benchtui.engine.events import Event
from benchtui.engine.kill_scope import KillProgress, KillSurvey
from benchtui.engine.snapshot import QUIET, Snapshot
from benchtui.engine.updates import (
    Account,
    Following,
    Gathered,
    Launching,
    Listed,
    Spent,
    Swept,
    Trouble,
    Update,
)
from benchtui.tui.view import Entry, EventLog, View

if TYPE_CHECKING:
    from benchtui.config.schema import Config
    from benchtui.engine.collector import Collected
    from benchtui.engine.kill_scope import KillScope
    from benchtui.engine.runs import RunListing
    from benchtui.engine.sweep import Sweep


@dataclass(slots=True)
class Told:
    """Absorbs updates in the order they come; `view` is what there is to show now."""

    config: Config
    flags: str
    read_only: bool
    ascii: bool
    events: EventLog = field(default_factory=EventLog)
    account: str | None = None
    run: str | None = None
    listings: tuple[RunListing, ...] | None = None
    live: Snapshot | None = None
    spent: Spent | None = None
    _counted: Spent | None = None  # of a snapshot that is told next
    paused_at: Snapshot | None = None
    paused: bool = False
    collected: Collected | None = None
    sweep: Sweep | None = None
    kills: dict[KillScope, KillProgress] = field(default_factory=dict)  # by scope
    ended: dict[KillScope, datetime] = field(default_factory=dict)  # when a kill was told to have ended
    surveys: dict[KillScope, KillSurvey] = field(default_factory=dict)  # by scope
    launching: set[str] = field(default_factory=set)
    troubles: dict[str, BenchtuiError] = field(default_factory=dict)

    def hear(self, update: Update, now: datetime) -> Entry | None:
        """Absorb ``update``; returns its line for the Events pane if it has one."""
        if isinstance(update, Event):
            return self.events.hear(update, self._command(update))
        if isinstance(update, Trouble):
            return self._trouble(update, now)
        self._absorb(update, now)
        return None

    def _absorb(self, update: Update, now: datetime) -> None:
        match update:
            case Spent():
                self._counted = update
            case Snapshot():
                self._snapshot(update)
            case Account():
                self.account = update.account
            case Following():
                self.follow(update.run)
            case Listed():
                self.listings = update.listings
            case Swept():
                self.sweep = update.sweep
            case Launching():
                (self.launching.add if update.active else self.launching.discard)(update.run)
            case Gathered():
                if update.collected.census.run == self.run:
                    self.collected = update.collected
            case KillProgress():
                self._kill(update, now)
            case KillSurvey():
                self.surveys[update.scope] = update

    def follow(self, run: str | None) -> None:
        """Another run is looked at: nothing of the one before may stay on the screen."""
        if run != self.run:
            self.run, self.live, self.paused_at, self.collected = run, None, None, None

    def pause(self) -> bool:
        """Freeze what the panes show, or let it go on; returns which."""
        self.paused = not self.paused
        self.paused_at = self.live if self.paused else None
        return self.paused

    def view(self, now: datetime) -> View:
        """Everything, frozen."""
        return View(
            now=now,
            config=self.config,
            flags=self.flags,
            read_only=self.read_only,
            account=self.account,
            snapshot=self.paused_at if self.paused and self.paused_at else self.live,
            live=self.live,
            spending=self._spending(),
            run=self.run,
            problem=next(iter(self.troubles.values()), None),
            listings=self.listings,
            collected=self.collected,
            sweep=self.sweep,
            kills=tuple(self.kills.values()),
            surveys=tuple(self.surveys.values()),
            launching=bool(self.launching),
            paused=self.paused,
            ascii=self.ascii,
            events=self.events,
        )

    def _spending(self) -> Spending | None:
        """Money of what is live, computed once for each snapshot."""
        if self.live is None:
            return None
        if self.spent is None or self.spent.snapshot is not self.live:
            self.spent = Spent(self.live, spending_of(self.live, over=self.live.over(QUIET)))
        return self.spent.spending

    def _kill(self, kill: KillProgress, now: datetime) -> None:
        self.kills[kill.scope] = kill
        if kill.done:
            self.ended.setdefault(kill.scope, now)
        else:
            self.ended.pop(kill.scope, None)

    def _snapshot(self, snapshot: Snapshot) -> None:
        """Of another run than the one followed it is late, and of no interest any more."""
        if self.run is None:
            self.follow(snapshot.run.run)
        if snapshot.run.run == self.run:
            self.live = snapshot
            if self._counted is not None and self._counted.snapshot is snapshot:
                self.spent = self._counted

    def _trouble(self, trouble: Trouble, now: datetime) -> Entry | None:
        """Say a trouble once, and once that it is over."""
        before = self.troubles.get(trouble.source)
        if trouble.problem is None:
            if self.troubles.pop(trouble.source, None) is not None:
                return self.events.add(now, "recovered", f"{trouble.source}: answers again")
            return None
        self.troubles[trouble.source] = trouble.problem
        if before is not None and before.what == trouble.problem.what:
            return None
        fix = f" (fix: {trouble.problem.fix})" if trouble.problem.fix else ""
        return self.events.add(now, "error", f"{trouble.source}: {trouble.problem.what}{fix}", "error")

    def _command(self, event: Event) -> str:
        """The headless command that shows or does what the event tells, of the run that it names."""
        given = event.fields.get("command")
        if given:
            return f"{str(given).removesuffix(self.flags)}{self.flags}"
        run = event.fields.get("run") or self.run
        if run is None:
            return ""
        job = event.fields.get("job")
        word = {"kill": "kill", "sweep": "kill", "result": "collect"}.get(event.type)
        if word is not None:
            return f"benchtui {word} {run}{self.flags}"
        return f"benchtui status {run}{f' {job}' if job else ''}{self.flags}"
