"""What a kill would do and what it has proven, for people."""

from __future__ import annotations

from rich.console import RenderableType

from benchtui.cli import tables
from benchtui.cli.tables import BAD, FAINT, GOOD, WARN, Glyphs, Text
from benchtui.engine.kill_scope import KillReport, KillSurvey, RegionProof


def survey(found: KillSurvey, glyphs: Glyphs) -> list[RenderableType]:
    """What would be ended, where, and what that stops."""
    count = f"{found.count} instance{'' if found.count == 1 else 's'}"
    past = "" if found.scope.expired_at is None else ", past the time of benchtui:expires"
    parts: list[RenderableType] = [Text(f"Terminate {count} tagged {found.scope.tag}{past}", style=BAD)]
    if found.scope.jobs:
        parts.append(Text(f"  only of the jobs {', '.join(sorted(found.scope.jobs))}; the run goes on"))
    if found.count:
        table = tables.new_table("region", "n", "types", right=("n",))
        for region in found.regions:
            if region.instances:
                types = ", ".join(f"{name} {glyphs.times}{n}" for name, n in region.types)
                tables.add(table, region.region, len(region.instances), types)
        parts.append(table)
    parts.append(Text(_burn(found)))
    if found.spared:
        parts.append(Text(f"Not touched: {found.spared} other live instances.", style=FAINT))
    if found.regions_error:
        parts.append(Text(f"UNKNOWN: {found.regions_error}", style=BAD))
    parts += [Text(f"UNKNOWN {region.region}: {region.error}", style=BAD) for region in found.unknown]
    return parts


def _burn(found: KillSurvey) -> str:
    if not found.count:
        return "Nothing is alive as far as is known; the kill proves it."
    if found.usd_per_hour is None:
        return "What they cost an hour is not known here."
    more = f" and {found.unpriced} of unknown price" if found.unpriced else ""
    return f"Stops about {tables.usd(found.usd_per_hour)} USD/h (est.){more}."


def render(report: KillReport) -> list[RenderableType]:
    """The proof, region by region."""
    table = tables.new_table("region", "asked", "gone", "alive", "clean sweeps", "proven")
    # Regions without anything to tell are summed up; an account has about twenty.
    quiet = [proof for proof in report.regions if proof.proven and not proof.concerned]
    for proof in report.regions:
        if proof not in quiet:
            tables.add(
                table,
                proof.region,
                " ".join(sorted(proof.asked)),
                " ".join(sorted(proof.gone)),
                " ".join(sorted(proof.alive)),
                proof.sweeps,
                Text("yes", style=GOOD) if proof.proven else Text("NO", style=BAD),
            )
    parts: list[RenderableType] = [table] if len(quiet) < len(report.regions) else []
    if quiet:
        parts.append(Text(f"nothing of {report.scope.name} in {len(quiet)} regions, each swept twice"))
    parts += [Text(note, style=WARN) for note in report.notes]
    verdict = "every instance is proven gone" if report.proven else "NOT proven gone"
    return [*parts, Text(f"{report.scope.name}: {verdict}")]


def unproven(report: KillReport) -> list[str]:
    """What is not proven, and what to do."""
    if report.proven:
        return []
    lines = [f"benchtui: {report.scope.name}: instances may still be running"]
    if report.regions_error:
        lines.append(f"  {report.regions_error}")
    for proof in report.regions:
        if not proof.proven:
            lines.append(f"  {proof.region}: {proof.error or 'not swept twice'}{_left(proof)}")
    return [*lines, "  fix: give the same command again, or end them in the EC2 console"]


def _left(proof: RegionProof) -> str:
    """What is not proven to be gone, by name."""
    kinds = (
        ("alive", proof.alive),
        ("seen alive, not seen ending", proof.vanished),
        ("spot requests", proof.spot_requests),
    )
    return "".join(f"; {name}: {', '.join(sorted(ids))}" for name, ids in kinds if ids)
