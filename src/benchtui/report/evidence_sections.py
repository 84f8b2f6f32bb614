"""What a reader needs to believe a report, or not to: what is missing, what is doubtful, how it was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchtui.core import quoting
from benchtui.core.documents import Outcome, ResultDocument
from benchtui.core.keys import job_parts
from benchtui.core.money import usd_text
from benchtui.core.result_notes import declined_metrics, failed_checks, repeated
from benchtui.core.run_records import RunRecord
from benchtui.core.stats import NOISE_FLOOR, OUTLIERS_FROM, OUTLYING_SCORE, RANKED_FROM
from benchtui.report.blocks import (
    Block,
    Bullets,
    Datum,
    Folded,
    Heading,
    Paragraph,
    Section,
    Table,
    Tone,
)
from benchtui.report.subject import Subject, counted, listed, price_words

ARMED = "armed"


def declined(subject: Subject) -> Section:
    """Every planned cell without a figure, and metrics that a measured suite left out, with the reasons."""
    blocks: list[Block] = []
    missing = [one for one in subject.rows if one.metrics is None]
    planned = len(subject.rows)
    words = f"{planned} cells were planned: {planned - len(missing)} measured, {len(missing)} not. "
    words += "Nothing that was not measured has a number anywhere in this report."
    blocks.append(Paragraph(words))
    open_runs = [record.run.run for record in subject.records if record.census and not record.census.closed]
    if open_runs:
        blocks.append(Paragraph(f"Not over yet: {', '.join(open_runs)}. More may come.", True))
    if missing:
        headings = (
            Heading("Job"),
            Heading("Suite"),
            Heading("Reason", words=True),
            Heading("Run", code=True),
        )
        rows = tuple(
            (
                Datum(one.job, one.job),
                Datum(one.suite, one.suite),
                Datum(one.problem or "not measured", one.problem or ""),
                Datum(one.run, one.run),
            )
            for one in missing
        )
        blocks.append(Table("Cells without a result", headings, rows))
    parts = _declined_metrics(subject)
    if parts:
        headings = (
            Heading("Type"),
            Heading("Suite"),
            Heading("Jobs", numeric=True),
            Heading("Reason and metrics"),
        )
        found = tuple(
            (
                Datum(name, name),
                Datum(suite, suite),
                Datum(str(count), count),
                Datum(reason, reason),
            )
            for (name, suite, reason), count in parts.items()
        )
        blocks.append(Table("Metrics that a measured suite declined", headings, found))
    return Section("declined", "What was declined, and why", tuple(blocks))


def _declined_metrics(subject: Subject) -> Counter[tuple[str, str, str]]:
    """Jobs by type, suite and reason."""
    found: Counter[tuple[str, str, str]] = Counter()
    for document in subject.documents():
        for line in declined_metrics(document):
            found[job_parts(document.job)[0], document.suite, line] += 1
    return found


def doubts(subject: Subject) -> Section:
    """Outliers, failed checks, implausible figures, differences of kernels and compilers."""
    comparison = subject.comparison
    items: list[str] = []
    for row in comparison.rows:
        outlying: dict[str, list[str]] = {}
        for column, cell in zip(comparison.columns, row.cells, strict=True):
            for job in cell.outliers:
                outlying.setdefault(job, []).append(str(column.key))
        items += [
            f"{job} lies apart from the other instances of {row.name} in {counted(len(keys), 'metric')} "
            f"({listed(keys, most=5)}); it counts all the same."
            for job, keys in outlying.items()
        ]
    items += [difference.sentence for difference in comparison.differences]
    machines = dict.fromkeys(one.cpu_model or "CPU not known" for one in subject.rows if one.local)
    if machines:
        items.append(f"Local types are this machine ({', '.join(machines)}), not instances of EC2.")
    items += comparison.notes
    for record in subject.records:
        items += _of_record(record)
    if not items:
        items.append("No outlier, no failed check, no implausible figure, no difference of recipe was found.")
    return Section("doubts", "Outliers and doubts", (Bullets(tuple(dict.fromkeys(items))),))


def _of_record(record: RunRecord) -> Iterator[str]:
    for (job, suite), document in record.documents.items():
        if isinstance(document, str):
            continue
        if document.outcome is Outcome.MEASURED and document.verified is not True:
            failed = "; ".join(failed_checks(document)[:4])
            state = f"failed: {failed}" if document.verified is False else "not verified"
            yield f"{job} {suite} {state}."
        judgement = record.judgements.get((job, suite))
        if judgement is not None:
            told = judgement.told
            yield from (f"{job} {suite}: {line}" for line in told[:4])
            if len(told) > 4:
                yield f"{job} {suite}: and {len(told) - 4} more findings"
        yield from (f"{job} {suite}: {line}" for line in document.problems[:3])


def protection(subject: Subject) -> Section:
    """What it has cost, and what stood ready to end the instances."""
    blocks: list[Block] = []
    for record in subject.records:
        run, money = record.run, record.money
        planned = (
            f"planned at ${usd_text(run.worst_case_usd)} in the worst case, cap ${usd_text(run.budget_usd)}"
        )
        if money is None:
            blocks.append(Paragraph(f"{run.run}: {planned}. What it has cost is not known from a folder."))
        else:
            unknown = f", without {counted(money.unaccounted, 'job')} of which nothing is known any more"
            spent = f"${usd_text(money.spent_usd)} est. spent{unknown if money.unaccounted else ''}"
            blocks.append(Paragraph(f"{run.run}: {spent}, as of {money.at:%Y-%m-%d %H:%MZ}; {planned}."))
        schedules = [
            f"{run.run}, {region}: schedule {said} at launch" for region, said in run.schedules.items()
        ]
        if schedules:
            blocks.append(Bullets(tuple(schedules)))
        blocks.append(_jobs(record))
    blocks.append(
        Paragraph(f"Prices: {price_words(subject.rows)}. Amounts are estimates from observed times.")
    )
    return Section("cost", "Cost and protection", tuple(blocks))


def _jobs(record: RunRecord) -> Table:
    """Money and timers, job by job."""
    money = record.money
    ends = {row.job: row for row in record.census.rows} if record.census else {}
    headings = (
        Heading("Job"),
        Heading("USD/h", numeric=True),
        Heading("Cost est. USD", numeric=True),
        Heading("Worst case USD", numeric=True),
        Heading("Timers inside"),
        Heading("Ended as"),
        Heading("Instance"),
    )
    rows = []
    for job in record.run.jobs:
        spent = money.by_job.get(job.job) if money else None
        row = ends.get(job.job)
        local = job.instance_type.startswith("local.")
        price = None if local else job.price.usd_per_hour
        rows.append(
            (
                Datum(job.job, job.job),
                Datum(quoting.usd_per_hour(price), None if price is None else float(price)),
                Datum(usd_text(spent), None if spent is None else float(spent)),
                Datum(usd_text(job.worst_case_usd), float(job.worst_case_usd)),
                _timers(money.armed.get(job.job) if money else None),
                Datum(row.state if row else quoting.UNKNOWN, row.state if row else None),
                Datum(
                    row.instance_state or "not listed any more" if row else quoting.UNKNOWN,
                    row.instance_state if row else None,
                ),
            )
        )
    return Table(f"Jobs of {record.run.run}", headings, tuple(rows))


def _timers(said: object) -> Datum:
    """How many mechanisms an instance said were armed."""
    if not isinstance(said, dict) or not said:
        return Datum(quoting.UNKNOWN, None, Tone.WEAK)
    without = sorted(name for name, state in said.items() if state != ARMED)
    text = f"{len(said) - len(without)} of {len(said)} armed"
    if without:
        text += f"; not {listed(without)}"
    return Datum(text, len(said) - len(without), Tone.ALARM if without else Tone.PLAIN)


def method(subject: Subject) -> Section:
    """How figures, intervals and verdicts come about."""
    comparison = subject.comparison
    families = "".join(
        f" {counted(one.size, 'verdict')} on {counted(len(one.metrics), 'metric')} "
        f"{'is' if one.size == 1 else 'are'} judged together ({one.correction.words})."
        for one in comparison.families
    )
    paragraphs = (
        "The unit is the instance. Repetitions on one instance share its host and its neighbours, so each "
        "instance counts once, with the median of its repetitions; warm-ups are reported and do not count. A "
        "type's figure is the geometric mean of its instances, with Student's interval of the mean logarithm."
        " Two types are compared by Welch's t on the logarithms: the ratio of their figures, with interval.",
        f"Against the noise floor of {NOISE_FLOOR * 100:g} % an interval says better, worse, equivalent, or "
        f"inconclusive.{families} An interval of a ratio has the confidence that the correction leaves it.",
        f"Only results whose every declared check passed and whose numbers are plausible are ranked, from "
        f"{RANKED_FROM} instances of a type on. Outliers (modified z score above {OUTLYING_SCORE:g}, from "
        f"{OUTLIERS_FROM} instances on, beyond the noise floor) are named and never dropped. Replicates ran "
        "in random, interleaved order. What is not known is –, never 0.",
        "Per dollar: divided by the on-demand price an hour as it was when the run was planned; where lower "
        "is better, multiplied. Formulas and sources: docs/comparison.md, docs/plausibility.md of benchtui.",
    )
    return Section("method", "Method", tuple(Paragraph(text) for text in paragraphs))


def provenance(subject: Subject) -> Section:
    """Every instance with what it observed of itself, and every result with its hashes."""
    machines = (
        Heading("Job"),
        Heading("Instance", code=True),
        Heading("Zone"),
        Heading("AMI", code=True),
        Heading("CPU"),
        Heading("Kernel", code=True),
        Heading("Microcode", code=True),
        Heading("Run", code=True),
    )
    results = (
        Heading("Job"),
        Heading("Suite"),
        Heading("Repetitions"),
        Heading("Verified"),
        Heading("Finished (UTC)"),
        Heading("Compiler"),
        Heading("SHA-256 of result.json", code=True),
        Heading("SHA-256 of raw output", code=True),
    )
    return Section(
        "provenance",
        "Provenance",
        (
            _machine_table(subject, machines),
            Folded("Results and their hashes", (_result_table(subject, results),)),
            Folded("Payloads and configuration", (_run_table(subject),)),
        ),
    )


def _machine_table(subject: Subject, headings: tuple[Heading, ...]) -> Table:
    rows = []
    for record in subject.records:
        for job in record.run.jobs:
            system = record.systems.get(job.job)
            first = next(
                (one for suite in job.suites if (one := record.document(job.job, suite)) is not None), None
            )
            said = (
                (system.instance_id if system else None) or (first.instance_id if first else None),
                (system.zone if system else None) or (first.zone if first else None),
                (system.image_id if system else None) or (first.image_id if first else None),
                (system.cpu_model if system else None) or (first.cpu_model if first else None),
                system.kernel if system else None,
                system.microcode if system else None,
            )
            rows.append((Datum(job.job, job.job), *(_known(text) for text in said), _known(record.run.run)))
    return Table("Instances, as they observed themselves", headings, tuple(rows))


def _result_table(subject: Subject, headings: tuple[Heading, ...]) -> Table:
    rows = []
    for record in subject.records:
        for (job, suite), document in record.documents.items():
            if isinstance(document, ResultDocument):
                rows.append(
                    (
                        Datum(job, job),
                        Datum(suite, suite),
                        _known(repeated(document)),
                        _checked(document),
                        Datum(f"{document.finished_at:%Y-%m-%d %H:%M}", document.finished_at.timestamp()),
                        _known(document.build.compiler),
                        _known(record.sha256.get((job, suite))),
                        _known(document.raw_sha256),
                    )
                )
    return Table("Results", headings, tuple(rows))


def _run_table(subject: Subject) -> Table:
    headings = (
        Heading("Run", code=True),
        Heading("Planned (UTC)"),
        Heading("benchtui"),
        Heading("Order seed", numeric=True),
        Heading("SHA-256 of the payload bundle", code=True),
    )
    rows = tuple(
        (
            _known(record.run.run),
            Datum(f"{record.run.created_at:%Y-%m-%d %H:%M}", record.run.created_at.timestamp()),
            _known(record.run.benchtui_version),
            Datum(str(record.run.seed), float(record.run.seed)),
            _known(record.run.bundle_sha256),
        )
        for record in subject.records
    )
    return Table("Runs", headings, rows)


def _known(text: str | None) -> Datum:
    return Datum(quoting.UNKNOWN, None, Tone.WEAK) if not text else Datum(text, text)


def _checked(document: ResultDocument) -> Datum:
    checks = len(document.checks)
    passed = sum(check.ok for check in document.checks)
    word = {True: "yes", False: "no", None: "not checked"}[document.verified]
    tone = Tone.PLAIN if document.verified is True else Tone.ALARM
    return Datum(f"{word}, {passed} of {counted(checks, 'check')} passed", word, tone)
