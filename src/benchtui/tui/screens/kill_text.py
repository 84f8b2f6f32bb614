"""The kill screen's words: what a kill would end, and what it has proven so far."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from rich.text import Text

from benchtui.engine.farewell import unproven
from benchtui.engine.kill_scope import (
    SWEEPS_NEEDED,
    KillProgress,
    KillScope,
    KillSurvey,
    RegionProof,
    ScopeKind,
)
from benchtui.tui.glyphs import BAD, BUSY, FAINT, GOOD, WARN, Glyphs
from benchtui.tui.safe_text import safe_text

ERROR_LIMIT = 160
UNKNOWN_LINES = 2


def survey_text(survey: KillSurvey, glyphs: Glyphs) -> Text:
    """What would be ended, where, and what that stops."""
    text = Text()
    count = f"{survey.count} instance{'' if survey.count == 1 else 's'}"
    if survey.under_way:
        count = f"so far {count}"
    elif not survey.complete:
        count = f"at least {count}"
    text.append(f"Terminate {count} tagged {survey.scope.tag}\n", style="bold")
    if survey.scope.kind is ScopeKind.SELECTION:
        jobs = ", ".join(sorted(survey.scope.jobs))
        text.append_text(safe_text(f"  only {jobs}; the rest of the run goes on", 400)).append("\n")
    for line in _unknown(survey):
        text.append_text(safe_text(line, ERROR_LIMIT, BAD)).append("\n")
    width = max((len(region.region) for region in survey.regions if region.instances), default=0)
    for region in survey.regions:
        if region.instances:
            types = ", ".join(f"{name} {'x' if glyphs.ascii else '×'}{n}" for name, n in region.types)
            line = f"  {region.region:<{width}}  {len(region.instances):>3}   {types}"
            text.append_text(safe_text(line)).append("\n")
    if survey.under_way:
        text.append_text(counting(survey, glyphs))
    else:
        text.append(_stops(survey))
    if survey.spared:
        others = "instance" if survey.spared == 1 else "instances"
        text.append(f"\nNot touched: {survey.spared} other live {others}.", style=FAINT)
    return text


def _unknown(survey: KillSurvey) -> list[str]:
    """What could not be counted: the worst comes first, and many regions in one line."""
    lines = [] if survey.regions_error is None else [f"? UNKNOWN: {survey.regions_error}"]
    silent = survey.unknown
    if len(silent) > UNKNOWN_LINES:
        names = ", ".join(region.region for region in silent[:3])
        return [*lines, f"? UNKNOWN in {len(silent)} regions, {names} and more: {silent[0].error}"]
    return lines + [f"? {region.region} UNKNOWN, the kill asks again: {region.error}" for region in silent]


def counting(survey: KillSurvey | None, glyphs: Glyphs) -> Text:
    """How far the count is."""
    answered = len(survey.regions) if survey is not None else 0
    known = survey is not None and not survey.listing
    of = f" of {answered + survey.pending}" if survey is not None and known else ""
    return Text(f"counting: {answered}{of} regions answered {_going(glyphs)}", style=BUSY)


def _stops(survey: KillSurvey) -> str:
    if not survey.count:
        return "Nothing is alive as far as is known; the kill proves it."
    if survey.usd_per_hour is None:
        burn = "What they cost an hour is not known here."
    else:
        more = f" and {survey.unpriced} of unknown price" if survey.unpriced else ""
        burn = f"Stops about ${_money(survey.usd_per_hour)}/h (est.){more}."
    return f"{burn} Unfinished suites are lost; S3 keeps the rest."


def _money(usd: Decimal) -> str:
    step = Decimal("0.0001") if 0 < usd < Decimal("0.1") else Decimal("0.01")
    return str(usd.quantize(step, rounding=ROUND_HALF_UP))


def question(scope: KillScope, token: str | None) -> str:
    """What has to be typed."""
    if scope.kind is ScopeKind.ALL:
        if token is None:
            return "The account is not known yet; without it nobody can confirm."
        return f"Type the last {len(token)} digits of the account:"
    return f"Type the last {len(token or '')} characters of the run:"


def others_text(scope: KillScope, kills: Iterable[KillProgress], flags: str = "") -> Text:
    """The unproven kills besides that of ``scope`` that may be about the same instances, in one line."""
    others = [kill for kill in unproven(kills) if kill.scope != scope and _overlap(kill.scope, scope)]
    if not others:
        return Text()
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    state = "NOT proven" if others[-1].done else "under way"
    said = f"! another kill is {state}: {others[-1].scope.command}{flags}{more}"
    return safe_text(said, ERROR_LIMIT, f"bold {BAD if others[-1].done else BUSY}")


def _overlap(one: KillScope, other: KillScope) -> bool:
    """Whether both can be about the same instance."""
    if one.run is None or other.run is None:
        return True
    return one.run == other.run and (not one.jobs or not other.jobs or bool(one.jobs & other.jobs))


def proof_text(
    progress: KillProgress, glyphs: Glyphs, now: datetime, ended_at: datetime | None = None
) -> Text:
    """Region by region what was asked, seen and swept, and the verdict. UNKNOWN is red to the end.

    Args:
        progress: as it was last told.
        glyphs: the terminal's.
        now: the time, UTC.
        ended_at: when it was told to have ended; None: not known.
    """
    report = progress.report
    concerned = sorted(
        (proof for proof in report.regions if proof.concerned), key=lambda proof: proof.error is None
    )
    quiet = [proof for proof in report.regions if not proof.concerned]
    text = Text().append_text(_verdict(progress, glyphs, now, ended_at))
    width = max((len(proof.region) for proof in concerned), default=0)
    for proof in concerned:
        text.append("\n").append_text(_region(proof, glyphs, width))
    if quiet:
        proven = sum(proof.proven for proof in quiet)
        sign, style = (glyphs.yes, GOOD) if proven == len(quiet) else (_going(glyphs), BUSY)
        what = "region" if len(quiet) == 1 else "regions"
        text.append(f"\n{len(quiet)} {what} without any: {proven} swept twice {sign}", style=style)
    if report.listing:
        text.append(f"\nlisting the enabled regions {_going(glyphs)}", style=BUSY)
    if report.regions_error is not None:
        text.append("\n").append_text(safe_text(f"? UNKNOWN: {report.regions_error}", ERROR_LIMIT, BAD))
    for note in report.notes:
        text.append("\n").append_text(safe_text(note, ERROR_LIMIT, WARN))
    return text


def _verdict(progress: KillProgress, glyphs: Glyphs, now: datetime, ended_at: datetime | None) -> Text:
    if not progress.done:
        seconds = max(0, round((now - progress.started_at).total_seconds()))
        return Text(f"under way, {seconds} s; closing this stops nothing", style=f"bold {BUSY}")
    if progress.proven:
        count = len(progress.report.regions)
        at = f"at {ended_at:%H:%M:%SZ}" if ended_at else f"by the kill of {progress.started_at:%H:%M:%SZ}"
        what = "every instance is gone"
        return Text(f"{glyphs.yes} PROVEN: {what}, {count} regions, {at}", style=f"bold {GOOD}")
    said = Text()
    said.append("! NOT PROVEN: instances may still be running", style=f"bold {BAD}")
    if progress.error is not None:
        said.append("\n").append_text(safe_text(progress.error, ERROR_LIMIT, BAD))
    return said


def _region(proof: RegionProof, glyphs: Glyphs, width: int) -> Text:
    arrow = "->" if glyphs.ascii else "→"
    line = Text().append_text(safe_text(f"{proof.region:<{width}}  ", 60))
    line.append(f"asked {len(proof.asked)}")
    line.append(f" {arrow} shutting-down {len(proof.gone)}")
    line.append(f" {arrow} gone {len(proof.terminated)}")
    if proof.alive:
        line.append(f"  alive {len(proof.alive)}", style=f"bold {WARN}")
    if proof.error is not None:
        said = f"  ? UNKNOWN, not proven: {proof.error}"
        line.append_text(safe_text(said, ERROR_LIMIT, f"bold {BAD}"))
        return line
    for number in range(1, SWEEPS_NEEDED + 1):
        swept = proof.sweeps >= number
        sign = glyphs.yes if swept else _going(glyphs)
        line.append(f"  sweep {number} {sign}", style=GOOD if swept else FAINT)
    return line


def _going(glyphs: Glyphs) -> str:
    return "..." if glyphs.ascii else "…"
