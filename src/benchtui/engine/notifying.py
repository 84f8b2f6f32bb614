"""Tells who asked for it: by webhook, by an SNS topic, by a command of theirs. Stops and delays nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError
from benchtui.core import notices
from benchtui.core.money import usd_text
from benchtui.core.notices import TRIAL, Notice
from benchtui.core.text import clean_line
from benchtui.engine.clock import Clock
from benchtui.engine.events import Emit, Event

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.config.schema import NotifySection
    from benchtui.core.documents import CensusDocument
    from benchtui.engine.kill_scope import KillReport
    from benchtui.engine.snapshot import Snapshot

WEBHOOK_TRIES = 3
#: Whoever ends waits so long for notices that are under way.
LAST_WAIT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a notice on one way."""

    way: str  # webhook, sns, command
    why: str | None = None  # it did not arrive

    @property
    def ok(self) -> bool:
        """Whether it was taken."""
        return self.why is None


class Undelivered(Exception):
    """A notice did not arrive."""


class Notifier:
    """Sends notices by every way that ``[notify]`` names.

    Args:
        settings: ``[notify]``.
        cloud: for SNS.
        clock, emit: the time, and who is told of what did not arrive.
        environ: where the webhook's address stands.
    """

    def __init__(
        self,
        settings: NotifySection,
        cloud: Cloud,
        clock: Clock,
        emit: Emit,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.settings, self.cloud, self.clock, self.environ = settings, cloud, clock, environ
        self._emit = emit
        self._sending: set[asyncio.Task[None]] = set()
        self._told: set[tuple[str, str | None, str]] = set()
        self._under_way_runs: set[str] = set()  # seen here before their end

    @property
    def ways(self) -> tuple[str, ...]:
        """By which ways notices go."""
        named = {
            "webhook": self.settings.webhook_env,
            "sns": self.settings.sns_topic,
            "command": self.settings.command,
        }
        return tuple(way for way, setting in named.items() if setting)

    def hearing(self, emit: Emit) -> Emit:
        """Tells ``emit``, and hears what is worth a notice."""

        def told(event: Event) -> None:
            emit(event)
            if event.type == "budget":
                fields = event.fields
                run, percent = str(fields["run"]), int(fields["percent"])
                spent, budget = str(fields["spent_usd"]), str(fields["budget_usd"])
                self.tell(notices.budget_reached(run, event.at, percent, spent, budget))

        return told

    def seen(self, snapshot: Snapshot) -> None:
        """A run as it is now; of one that was never seen under way here, no end is told."""
        if not snapshot.over(timedelta(0)):
            self._under_way_runs.add(snapshot.run.run)

    def over(self, snapshot: Snapshot, census: CensusDocument | None = None) -> None:
        """A run that is followed has come to its end; ``census``: where its results were collected."""
        run = snapshot.run.run
        if run not in self._under_way_runs:
            return
        self._under_way_runs.discard(run)
        counts = {state.value: count for state, count in snapshot.counts.items()}
        if census is not None:
            verified = sum(row.verified is True for row in census.rows)
            counts = {"planned": census.planned, "measured": census.measured, "verified": verified}
            counts["declined"] = census.declined
        alive = tuple(
            sorted(row.status.instance.instance_id for row in snapshot.alive if row.status.instance)
        )
        self.tell(notices.run_over(run, self.clock.now(), counts, usd_text(snapshot.spent_usd), alive))

    def killed(self, report: KillReport) -> None:
        """A kill has come to its end."""
        if not report.proven:
            self.tell(unproven(report, self.clock))

    def tell(self, notice: Notice) -> None:
        """Send it beside whatever goes on; the same words are sent once."""
        known = (notice.occasion, notice.run, notice.text)
        if notice.occasion not in self.settings.on or not self.ways or known in self._told:
            return
        self._told.add(known)
        task = asyncio.get_running_loop().create_task(self._tell(notice))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _tell(self, notice: Notice) -> None:
        for sent in await self.send(notice):
            if sent.why is not None:
                about = {} if notice.run is None else {"run": notice.run}
                text = f"the notice {notice.occasion} did not arrive by {sent.way}: {sent.why}"
                self._emit(Event("note", self.clock.now(), {**about, "text": text}))

    async def send(self, notice: Notice) -> tuple[Sent, ...]:
        """Send it by every way at once, whatever ``[notify] on`` says; what came of it."""
        ways: dict[str, Callable[[Notice], Awaitable[None]]] = {
            "webhook": self._post,
            "sns": self._publish,
            "command": self._run,
        }
        return tuple(await asyncio.gather(*(self._by(way, ways[way], notice) for way in self.ways)))

    async def _by(self, way: str, send: Callable[[Notice], Awaitable[None]], notice: Notice) -> Sent:
        try:
            await send(notice)
        except Undelivered as problem:
            return Sent(way, str(problem))
        except Exception as defect:  # whatever it is, what is being told of goes on
            return Sent(way, clean_line(f"{type(defect).__name__}: {defect}"))
        return Sent(way)

    async def close(self) -> None:
        """Wait for what is under way, for a while."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=LAST_WAIT_SECONDS)
        for task in self._sending:
            task.cancel()

    async def _post(self, notice: Notice) -> None:
        from benchtui.engine.webhook import WebhookError, post

        name = self.settings.webhook_env
        url = self.environ.get(name)
        if not url:
            raise Undelivered(f"{name}, which [notify] webhook_env names, is not set")
        for attempt in range(1, WEBHOOK_TRIES + 1):
            try:
                return await asyncio.to_thread(post, url, notice.record(), self.settings.timeout)
            except WebhookError as error:
                if not error.again or attempt == WEBHOOK_TRIES:
                    raise Undelivered(str(error)) from None
            await self.clock.sleep(attempt)
        return None

    async def _publish(self, notice: Notice) -> None:
        from benchtui.aws.topics import publish

        message = f"{notice.text}\n\n{json.dumps(notice.record(), indent=1)}"
        try:
            async with asyncio.timeout(self.settings.timeout * 2):
                await publish(self.cloud, self.settings.sns_topic, notice.subject, message)
        except TimeoutError:
            raise Undelivered("SNS did not answer in time") from None
        except CloudError as error:
            raise Undelivered(error.what) from None

    async def _run(self, notice: Notice) -> None:
        """The user's own command: the record on its stdin, the occasion in its environment."""
        command = self.settings.command
        environ = {**self.environ, "NOTICE_OCCASION": str(notice.occasion), "NOTICE_RUN": notice.run or ""}
        quiet = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=quiet,
                stderr=quiet,
                env=environ,
                start_new_session=True,
            )
        except OSError as error:
            raise Undelivered(f"{command[0]}: {error.strerror}") from None
        try:
            async with asyncio.timeout(self.settings.timeout):
                await process.communicate(json.dumps(notice.record()).encode())
        except TimeoutError:
            raise Undelivered(f"{command[0]} took longer than {self.settings.timeout} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise Undelivered(f"{command[0]} ended with {process.returncode}")


def trial(clock: Clock) -> Notice:
    """A notice that tells nothing but that notices arrive."""
    return Notice(TRIAL, clock.now(), "benchtui: this is a trial; notices arrive here")


def unproven(report: KillReport, clock: Clock) -> Notice:
    """Of a kill that has ended without its proof."""
    scope = report.scope
    regions = tuple(proof.region for proof in report.regions if not proof.proven)
    return notices.kill_unproven(scope.name, scope.run, clock.now(), regions, scope.command)
