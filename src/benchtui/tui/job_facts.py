"""What is known of a job as lines: in short beside the table, in full on a screen of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text

from benchtui.core.documents import ResultDocument
from benchtui.core.plausibility import Plausibility
from benchtui.core.result_notes import declined_metrics, failed_checks, repeated
from benchtui.engine.headline import digits
from benchtui.engine.job_fields import heard_at
from benchtui.tui.glyphs import BAD, FAINT, GOOD, WARN, Glyphs
from benchtui.tui.job_cells import passed, state
from benchtui.tui.safe_text import safe_text

if TYPE_CHECKING:
    from rich.console import Console

    from benchtui.core.documents import RunDocument, SystemDocument
    from benchtui.core.plausibility import Judgement
    from benchtui.engine.detail import JobDetail, Said
    from benchtui.engine.snapshot import JobRow

NAME_CELLS = 10
MAX_METRICS = 40


def short(row: JobRow, detail: JobDetail | None, run: RunDocument, now: datetime, glyphs: Glyphs) -> Text:
    """Three lines: state, layers, times. What the bucket was not asked for yet is a dash."""
    return _joined(
        (
            _named("state", _state(row, run, now, glyphs)),
            _named("layers", _layers(detail.layers if detail else {}, glyphs)),
            _named("launched", _times(row, detail, glyphs)),
        )
    )


def full(
    row: JobRow, detail: JobDetail | None, run: RunDocument, now: datetime, glyphs: Glyphs
) -> tuple[Text, ...]:
    """Everything, a fact a line."""
    return tuple(_full(row, detail, run, now, glyphs))


def folded(lines: Iterable[Text], width: int, console: Console) -> Text:
    """The lines in ``width`` cells; what goes on does so below its beginning, not below its name."""
    rows: list[Text] = []
    for line in lines:
        if line.cell_len <= width or width < 3 * NAME_CELLS:
            rows.append(line)
            continue
        name, rest = line[:NAME_CELLS], line[NAME_CELLS:]
        for part in rest.wrap(console, width - NAME_CELLS):
            row = Text()
            row.append_text(name)
            row.append_text(part)
            rows.append(row)
            name = Text(" " * NAME_CELLS)
    return _joined(rows)


def _full(
    row: JobRow, detail: JobDetail | None, run: RunDocument, now: datetime, glyphs: Glyphs
) -> Iterator[Text]:
    status, planned, view = row.status, row.planned, row.status.instance
    yield _named("state", _state(row, run, now, glyphs))
    reason = detail.reason if detail else status.reason
    if reason:
        yield _named("reason", safe_text(reason, 2000, WARN))
    if status.alarm:
        yield _named("alarm", safe_text(status.alarm, 500, BAD))
    if view is not None:
        why = f" ({view.state_reason})" if view.state_reason else ""
        yield _named(
            "instance", safe_text(f"{view.instance_id}  EC2 says {view.state.value}{why}  {view.zone}", 300)
        )
    for one in detail.tried if detail else ():
        where = one.zone or f"{one.region}, any zone"
        yield _named("tried", safe_text(f"{where}: {one.code}: {one.reason}", 400, WARN))
    yield _named("launched", _times(row, detail, glyphs))
    yield _named("layers", _layers(detail.layers if detail else {}, glyphs))
    yield _named("suites", safe_text(" ".join(planned.suites), 500))
    if detail is None:
        yield Text()
        yield Text("asking the bucket…" if not glyphs.ascii else "asking the bucket", style=FAINT)
        return
    yield from _cost(detail, glyphs)
    yield from _results(detail, glyphs)
    yield from _system(detail, glyphs)
    yield from _sentinels(detail, glyphs)


def _state(row: JobRow, run: RunDocument, now: datetime, glyphs: Glyphs) -> Text:
    shown, heard = Text(), heard_at(row)
    shown.append_text(state(row, now, glyphs))
    if heard is not None:
        shown.append(f"   heard {passed(heard, now)} ago (period {run.heartbeat_s}s)", style=FAINT)
    return shown


def _layers(layers: Mapping[str, str], glyphs: Glyphs) -> Text:
    """Which mechanisms on the instance are armed; the word stands beside the sign where it is none."""
    if not layers:
        return Text(glyphs.unknown, style=FAINT)
    shown = Text()
    # What is not armed comes first, where it cannot be cut off.
    for name, said in sorted(layers.items(), key=lambda layer: layer[1] == "armed"):
        armed = said == "armed"
        shown.append_text(safe_text(f"{name} ", 40))
        shown.append(glyphs.yes if armed else glyphs.no, style=GOOD if armed else WARN)
        if not armed:
            shown.append_text(safe_text(f" {said}", 60, WARN))
        shown.append("  ")
    return shown


def _times(row: JobRow, detail: JobDetail | None, glyphs: Glyphs) -> Text:
    view = row.status.instance
    shown = Text(_clock(view.launched_at if view else None, glyphs))
    if detail is not None and detail.ends_by is not None:
        shown.append(f"   ends by {_clock(detail.ends_by, glyphs)}")
        shown.append(f" (hard {_clock(detail.hard_end, glyphs)})", style=FAINT)
    elif view is not None and view.ending:
        shown.append(f"   ended {_clock(view.ended_at or row.ended_at, glyphs)}")
    return shown


def _cost(detail: JobDetail, glyphs: Glyphs) -> Iterator[Text]:
    yield Text()
    yield _heading("cost, estimate")
    if detail.cost is None:
        yield _named("", Text(f"{glyphs.unknown}  no instance is known", style=FAINT))
        return
    for item in detail.cost.items:
        quantity = f"{item.quantity.normalize():f} {item.unit}"
        as_of = f" of {item.as_of}" if item.as_of else ""
        line = Text(f"{f'${item.usd}':>11}  ")
        line.append_text(safe_text(f"{quantity:<16} {item.basis}{as_of}", 200, FAINT))
        yield _named(item.name, line)
    yield _named("total", Text(f"{f'${detail.cost.usd}':>11}", style="bold"))


def _results(detail: JobDetail, glyphs: Glyphs) -> Iterator[Text]:
    missing = [suite for suite in detail.row.planned.suites if suite not in detail.results]
    yield Text()
    yield _heading(f"results {len(detail.results)}/{len(detail.row.planned.suites)}")
    for suite, result in detail.results.items():
        if not isinstance(result, ResultDocument):
            yield _named(suite, safe_text(result, 500, BAD))
            continue
        if result.reason:
            yield _named(suite, safe_text(f"{result.outcome.value}: {result.reason}", 500, WARN))
        judgement = detail.judgements.get(suite)
        yield from _metrics(suite, result, judgement, glyphs)
        yield from _notes(result)
        yield from _doubts(judgement)
    if missing:
        yield _named("none yet", safe_text(" ".join(missing), 500, FAINT))


def _notes(result: ResultDocument) -> Iterator[Text]:
    """What the suite says beside its figures."""
    for said in failed_checks(result):
        yield _named("", safe_text(f"failed check {said}", 300, BAD))
    for said in declined_metrics(result):
        yield _named("", safe_text(f"declined: {said}", 300, WARN))
    times = repeated(result)
    if times is not None:
        yield _named("", safe_text(times, 300, FAINT))


def _doubts(judgement: Judgement | None) -> Iterator[Text]:
    """Every rule that is broken, then what could not be tested."""
    if judgement is None:
        return
    for one in judgement.told:
        yield _named("", safe_text(one, 500, BAD))
    for lacking in judgement.untested:
        yield _named("", safe_text(f"not tested: {lacking.rule} {lacking.lacks}", 300, FAINT))


def _metrics(
    suite: str, result: ResultDocument, judgement: Judgement | None, glyphs: Glyphs
) -> Iterator[Text]:
    verified = {True: (glyphs.yes, "verified", GOOD), False: (glyphs.no, "NOT VERIFIED", BAD)}
    sign, word, style = verified.get(result.verified, (glyphs.unknown, "not checked", WARN))  # type: ignore[arg-type]
    for number, (name, metric) in enumerate(result.metrics.items()):
        if number == MAX_METRICS:
            yield _named("", Text(f"and {len(result.metrics) - number} more metrics", style=FAINT))
            return
        line = safe_text(f"{name:<22} ", 60)
        line.append(f"{_number(metric.median, glyphs):>9} ")
        line.append_text(safe_text(metric.unit, 20))
        line.append(f"  best {_number(metric.best, glyphs)}  n={len(metric.counted)}  ", style=FAINT)
        line.append(f"{sign} {word}", style=style)
        if judgement is not None and judgement.refusal(name) is not None:
            plausible = judgement.of(name) is Plausibility.PLAUSIBLE
            line.append(f"  {glyphs.no} {'RECORD' if plausible else judgement.of(name).upper()}", style=BAD)
        yield _named(suite if number == 0 else "", line)


def _number(value: float | None, glyphs: Glyphs) -> str:
    return glyphs.unknown if value is None else digits(value)


def _system(detail: JobDetail, glyphs: Glyphs) -> Iterator[Text]:
    yield Text()
    yield _heading("system, as the instance observed it")
    if detail.system_problem:
        yield _named("", safe_text(detail.system_problem, 500, BAD))
    elif detail.system is None:
        yield _named("", Text(f"{glyphs.unknown}  not there yet", style=FAINT))
    else:
        yield from (_named(name, safe_text(said, 500)) for name, said in _observed(detail.system, glyphs))


def _observed(system: SystemDocument, glyphs: Glyphs) -> Iterator[tuple[str, str]]:
    unknown = glyphs.unknown

    def said(*values: object) -> str:
        return " ".join(unknown if value is None else str(value) for value in values)

    memory = None if system.memory_bytes is None else f"{system.memory_bytes / 2**30:.1f} GiB"
    yield "type", said(system.instance_type, system.zone, system.provider)
    yield "cpu", said(system.cpu_model, system.arch)
    yield "cores", said(system.physical_cores, "physical,", system.usable_cpus, "usable CPUs")
    yield "memory", said(memory)
    yield "kernel", said(system.kernel, f"microcode {system.microcode or unknown}")
    yield "image", said(system.os, system.image_id)
    topics = ("governor", "smt", "thp", "hypervisor", "clocksource", "steal_seconds")
    yield "settings", "  ".join(f"{topic} {said(system.observed.get(topic))}" for topic in topics)


def _sentinels(detail: JobDetail, glyphs: Glyphs) -> Iterator[Text]:
    yield Text()
    yield _heading(f"sentinels {len(detail.said)}")
    if detail.row.status.gaps:
        missing = ", ".join(map(str, detail.row.status.gaps))
        yield _named("missing", safe_text(missing, 500, WARN))
    for each in detail.said:
        yield _sentinel(each)


def _sentinel(said: Said) -> Text:
    sentinel, progress = said.sentinel, said.sentinel.progress
    line = Text(f"{sentinel.at:%H:%M:%SZ} ", style="")
    line.append(f"{sentinel.seq:>4} ", style=FAINT)
    line.append(sentinel.state.value, style="bold")
    steps = f" {progress.done}/{progress.total}" if progress else ""
    if sentinel.suite:
        line.append_text(safe_text(f" {sentinel.suite}{steps}", 80))
    if said.problem:
        line.append_text(safe_text(f"  {said.problem}", 500, BAD))
    elif said.body is not None:
        words = (said.body.reason, said.body.detail, said.body.instance_id)
        line.append_text(safe_text("  " + ", ".join(word for word in words if word), 1000, FAINT))
    return line


def _heading(text: str) -> Text:
    return Text(text, style="bold")


def _named(name: str, text: Text) -> Text:
    line = Text()
    line.append_text(safe_text(f"{name:<{NAME_CELLS - 1}} ", 40, FAINT))
    line.append_text(text)
    return line


def _clock(at: datetime | None, glyphs: Glyphs) -> str:
    return glyphs.unknown if at is None else f"{at:%H:%M:%SZ}"


def _joined(lines: Iterable[Text]) -> Text:
    joined = Text("\n", no_wrap=False, end="").join(lines)
    joined.no_wrap = False
    return joined
