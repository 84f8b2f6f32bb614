"""`benchtui status RUN JOB`: all that is known of one job."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from benchtui.cli import output
from benchtui.cli.settings import open_workspace, read
from benchtui.cli.tables import BAD, FAINT, GOOD, WARN, Glyphs, add, age, clock, new_table, usd
from benchtui.core.documents import ResultDocument
from benchtui.core.errors import BenchtuiError, ExitCode
from benchtui.core.plausibility import About, Judgement, Plausibility
from benchtui.core.result_notes import declined_metrics, failed_checks, repeated
from benchtui.core.text import clean_line
from benchtui.engine.comparing import collected_before
from benchtui.engine.detail import JobDetail, read_detail
from benchtui.engine.job_fields import heard_at
from benchtui.engine.job_records import detail_fields

if TYPE_CHECKING:
    from benchtui.cli.settings import Settings
    from benchtui.engine.detail import Said


def show_job(arguments: argparse.Namespace, run: str) -> int:
    """Show it; exit code 6 when its instance is alive and should not be."""
    detail, overdue = asyncio.run(_looked_at(read(arguments), run, arguments.job))
    if arguments.json:
        output.document({"v": 1, "type": "job", **detail_fields(detail)})
    else:
        glyphs = Glyphs(output.speaks_unicode())
        output.table(*_parts(detail, glyphs))
    return ExitCode.MAY_STILL_RUN if overdue else ExitCode.OK


async def _looked_at(settings: Settings, run: str, job: str) -> tuple[JobDetail, bool]:
    async with open_workspace(settings, lambda _: None) as workspace:
        watcher = await workspace.watcher(await workspace.load(run))
        snapshot = await watcher.poll()
        if snapshot.as_of is None:
            silent = next(source for source in snapshot.sources if source.name == "S3")
            raise BenchtuiError(f"the bucket does not answer: {silent.error}", fix=silent.fix)
        beside = collected_before(workspace.folders.results / run)
        detail = await read_detail(await workspace.bucket(), watcher, job, beside=beside)
        return detail, any(row.planned.job == job for row in snapshot.overdue)


def _parts(detail: JobDetail, glyphs: Glyphs) -> Iterator[RenderableType]:
    yield from _summary(detail, glyphs)
    yield Text()
    yield _sentinels(detail, glyphs)
    if detail.results:
        yield Text()
        yield _results(detail, glyphs)
    if detail.cost is not None:
        yield Text()
        yield _cost(detail)


def _summary(detail: JobDetail, glyphs: Glyphs) -> Iterator[Text]:
    status, planned, view = detail.row.status, detail.row.planned, detail.row.status.instance
    heard = age(heard_at(detail.row), detail.taken_at)
    yield Text(f"{planned.job}: {status.state.value}, last heard of {heard} ago")
    if detail.reason:
        yield Text(f"reason     {clean_line(detail.reason, 2000)}", style=WARN)
    if status.alarm:
        yield Text(f"ALARM      {status.alarm}", style=BAD)
    if view is not None:
        reason = f" ({view.state_reason})" if view.state_reason else ""
        yield Text(f"instance   {view.instance_id} {view.state.value}{reason} in {view.zone}")
    for one in detail.tried:
        where = one.zone or f"{one.region}, any zone"
        yield Text(clean_line(f"tried      {where}: {one.code}: {one.reason}", 400), style=WARN)
    yield Text(
        f"times      launched {clock(detail.launched_at)}, ends by {clock(detail.ends_by)}, "
        f"at the latest {clock(detail.hard_end)}"
    )
    layers = ", ".join(f"{name} {said}" for name, said in detail.layers.items())
    yield Text(f"layers     {layers or f'{glyphs.unknown} (no BOOTED yet)'}")
    if detail.system_problem:
        yield Text(f"system     {detail.system_problem}", style=BAD)
    elif detail.system is not None:
        system = detail.system
        known = (system.cpu_model, system.arch, system.kernel, system.os, system.microcode)
        yield Text(f"system     {', '.join(part for part in known if part)}")
    if status.gaps:
        yield Text(f"missing    sentinels {', '.join(map(str, status.gaps))}", style=WARN)


def _sentinels(detail: JobDetail, glyphs: Glyphs) -> RenderableType:
    table = new_table("at", "seq", "sentinel", "says", right=("seq",))
    for said in detail.said:
        sentinel, progress = said.sentinel, said.sentinel.progress
        steps = f" {progress.done}/{progress.total}" if progress else ""
        words = f"{sentinel.state.value} {sentinel.suite or ''}{steps}".rstrip()
        add(table, f"{sentinel.at:%Y-%m-%d %H:%M:%SZ}", sentinel.seq, words, _says(said, glyphs))
    return table


def _says(said: Said, glyphs: Glyphs) -> Text:
    if said.problem:
        return Text(said.problem, style=BAD)
    body = said.body
    if body is None:
        return Text()
    return Text(", ".join(part for part in (body.reason, body.detail, body.instance_id) if part), style=FAINT)


def _results(detail: JobDetail, glyphs: Glyphs) -> RenderableType:
    table = new_table(
        "suite", "metric", "median", "best", "unit", "verified", "plausible", right=("median", "best")
    )
    for suite, result in detail.results.items():
        if not isinstance(result, ResultDocument):
            add(table, suite, Text(result, style=BAD))
            continue
        if result.reason:
            add(table, suite, Text(f"{result.outcome.value}: {result.reason}", style=WARN))
        for name, metric in result.metrics.items():
            numbers = (_number(metric.median, glyphs), _number(metric.best, glyphs))
            judged = _plausible(detail.judgements.get(suite), name, glyphs)
            add(table, suite, name, *numbers, metric.unit, glyphs.verified(result.verified), judged)
    lines = [
        line
        for suite, result in detail.results.items()
        if isinstance(result, ResultDocument)
        for line in _notes(suite, result)
    ]
    lines += [
        Text(
            f"{suite} {'breaks the rule' if one.about is About.RECORD else 'is implausible'}: {one}",
            style=BAD,
        )
        for suite, judgement in detail.judgements.items()
        for one in judgement.findings
    ]
    lacking = dict.fromkeys(
        f"{one.rule} {one.lacks}" for judgement in detail.judgements.values() for one in judgement.untested
    )
    lines += [Text(f"not tested: {text}", style=FAINT) for text in lacking]
    return Group(table, *lines)


def _notes(suite: str, result: ResultDocument) -> Iterator[Text]:
    """What the suite says beside its figures."""
    for said in failed_checks(result):
        yield Text(f"{suite} failed its check {said}", style=BAD)
    for said in declined_metrics(result):
        yield Text(f"{suite} declined: {said}", style=WARN)
    times = repeated(result)
    if times is not None:
        yield Text(f"{suite} {times}", style=FAINT)


def _plausible(judgement: Judgement | None, metric: str, glyphs: Glyphs) -> Text:
    if judgement is None:
        return Text(glyphs.unknown)
    if judgement.refusal(metric) is None:
        return Text("yes", style=GOOD)
    word = judgement.of(metric)
    if word is Plausibility.PLAUSIBLE:
        return Text("yes, not its record", style=BAD)
    return Text("NO" if word is Plausibility.IMPLAUSIBLE else "unknown", style=BAD)


def _number(value: float | None, glyphs: Glyphs) -> str:
    return glyphs.unknown if value is None else f"{value:.4g}"


def _cost(detail: JobDetail) -> RenderableType:
    assert detail.cost is not None
    table = new_table("cost, estimate", "quantity", "USD", "basis", right=("quantity", "USD"))
    for item in detail.cost.items:
        add(table, item.name, f"{item.quantity.normalize():f} {item.unit}", usd(item.usd), item.basis)
    add(table, "total", "", Text(usd(detail.cost.usd), style=GOOD), "")
    return table
