"""The plan as a person reads it before agreeing."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from benchtui.cli.tables import BAD, GOOD, WARN, Glyphs, add, new_table, seconds, usd
from benchtui.core.catalogue import Market
from benchtui.core.plan import Plan, PlannedJob
from benchtui.core.wave_words import wave_lines


def render(plan: Plan, glyphs: Glyphs) -> RenderableType:
    """Jobs in launch order, what is declined and why, costs, the budget's verdict."""
    parts: list[RenderableType] = [_title(plan)]
    if plan.jobs:
        parts += [Text(), _jobs(plan, glyphs)]
    parts += [Text(line) for line in wave_lines(plan)]
    if plan.declined or (plan.budget.jobs_covered and plan.budget.declined):
        parts += [Text(), _declined(plan)]
    parts += [Text(), _costs(plan)]
    parts += [Text(f"note: {note}", style=WARN) for note in plan.notes]
    return Group(*parts)


def _title(plan: Plan) -> Text:
    name = f"{plan.name}: " if plan.name else ""
    jobs = "1 job" if len(plan.jobs) == 1 else f"{len(plan.jobs)} jobs"
    market = "" if plan.market is Market.ON_DEMAND else f" of the {plan.market.words} market"
    where = ", ".join(plan.regions)
    return Text(f"{name}{jobs}{market} in {where}, mode {plan.mode}, order by seed {plan.seed}")


def _jobs(plan: Plan, glyphs: Glyphs) -> RenderableType:
    numbers = ("vCPU", "cores", "USD/h", "expected", "exp. USD", "worst USD")
    origins = {job.job: f"{job.price.basis}, {job.price.as_of:%Y-%m-%d}" for job in plan.jobs}
    one_origin = len(set(origins.values())) == 1
    places = ("region",) if len(plan.regions) > 1 else ()
    columns = ["job", *places, "suites", "vCPU", "cores", "expected", "exp. USD", "worst USD", "USD/h"]
    table = new_table(*columns, *(() if one_origin else ("price from",)), right=numbers)
    for job in plan.jobs:
        add(
            table,
            job.job,
            *((job.region,) if places else ()),
            " ".join(job.suites),
            job.vcpus,
            _cores(job, glyphs),
            seconds(job.expected_seconds),
            usd(job.expected_usd),
            usd(job.worst_case_usd),
            job.price.usd_per_hour,
            *(() if one_origin else (origins[job.job],)),
        )
    if one_origin:
        return Group(table, Text(f"prices: {next(iter(origins.values()))}"))
    return table


def _cores(job: PlannedJob, glyphs: Glyphs) -> str:
    return str(job.cores) if job.threads_per_core == 1 else f"{job.cores}{glyphs.times}{job.threads_per_core}"


def _declined(plan: Plan) -> RenderableType:
    table = new_table("declined", "suite", "reason")
    for cell in plan.declined:
        add(table, cell.job, cell.suite, Text(cell.reason, style=WARN))
    if plan.budget.jobs_covered:
        uncovered = set(plan.budget.declined)
        for job in plan.jobs:
            if job.job in uncovered:
                reason = f"budget: {usd(job.worst_case_usd)} USD is more than is left"
                add(table, job.job, " ".join(job.suites), Text(reason, style=WARN))
    fixes = dict.fromkeys(cell.fix for cell in plan.declined if cell.fix)
    return Group(table, *(Text(f"  fix: {fix}") for fix in fixes))


def _costs(plan: Plan) -> Text:
    budget = plan.budget
    text = Text(
        f"expected about {usd(plan.expected_usd)} USD, at most {usd(plan.worst_case_usd)} USD "
        f"(est.; every instance at its longest); budget {usd(budget.budget_usd)} USD: "
    )
    if budget.fits:
        return text.append("fits", style=GOOD)
    covered = f"it covers {budget.jobs_covered} of {budget.jobs} jobs"
    what = f"{covered}, the others would be declined" if budget.jobs_covered else f"refused, {covered}"
    return text.append(what, style=BAD)
