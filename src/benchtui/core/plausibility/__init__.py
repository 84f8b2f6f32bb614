"""Whether numbers can be what they claim to be: physics, contradictions, identity, provenance.

Pure: no file, no clock, no network. `judge` takes claims, of whatever origin, and says of each what its
numbers and its record break, and which rules could not be applied for lack of something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from benchtui.core.plausibility import contradictions, identity, physics, provenance
from benchtui.core.plausibility.claim import Claim, Dimension
from benchtui.core.plausibility.judgement import About, Finding, Judgement, Plausibility, Untested
from benchtui.core.plausibility.trace import Trace, trace_of

__all__ = [
    "RULES",
    "About",
    "Claim",
    "Finding",
    "Judgement",
    "Plausibility",
    "Trace",
    "Untested",
    "judge",
    "judge_traces",
    "look_at",
]

#: Rules that look at one claim alone.
_ALONE: tuple[Callable[[Claim], Iterator[Finding | Untested]], ...] = (
    physics.findings,
    contradictions.findings,
    provenance.findings,
)

#: Every rule, with what it means. docs/plausibility.md says the same at length.
RULES: Mapping[str, str] = {
    "not-finite": "a figure is infinite or no number",
    "not-positive": "a rate or a time is zero or less",
    "dram-latency-below-40ns": "memory answers faster than DRAM can",
    "flat-hierarchy": "first level and memory take the same time",
    "latency-falls-with-level": "a level farther away answers faster",
    "bandwidth-rises-with-level": "a level farther away moves more",
    "above-memory-bandwidth": "more than channels × rate, or than cores can keep under way",
    "above-arithmetic-peak": "more operations than any core can do",
    "above-measured-peak": "more than multiply-adds alone on the same instance",
    "too-short-for-boot-and-run": "launch, boot, installation and measurement do not fit",
    "ends-before-it-starts": "its end is before its start",
    "duration-contradiction": "start, end and duration do not fit",
    "samples-longer-than-suite": "samples take longer than all of it",
    "zero-time": "work done in no time",
    "time-below-timer-resolution": "timed over fewer than 100 ticks",
    "rate-contradiction": "work ÷ rate is not the time it took",
    "summary-contradiction": "a median that is not among its samples",
    "runs-contradiction": "two counts of repetitions",
    "confidence-from-one-run": "confidence claimed from a single run",
    "deviation-missing": "no dispersion is stored",
    "deviation-zero": "dispersion exactly 0",
    "suite-mismatch": "named one suite, holds another's figures",
    "system-contradiction": "record and system description differ",
    "identical-vector": "all figures are those of another instance",
    "constant-multiple-vector": "all figures are another's times a constant",
    "replayed-samples": "samples are those of another instance",
    "identical-raw-output": "raw output is that of another instance",
    "same-instance-twice": "one instance counts as two replicates",
    "checksum-missing": "no digest of the raw output",
    "checksum-of-nothing": "digest of an empty input",
    "checksum-is-none": "a digest that cannot be one",
    "raw-output-mismatch": "raw output is not the one the result speaks of",
    "architecture-mislabel": "says another processor than the type has",
    "flags-mislabel": "compiled for another instruction set",
    "image-mislabel": "image of another processor",
    "predates-repository": "older than its origin",
    "predates-run": "older than its run",
    "dated-after-it-was-read": "dated in the future of its reader",
}


def judge(claims: Sequence[Claim]) -> tuple[Judgement, ...]:
    """Judge claims, each by itself and all against each other.

    Args:
        claims: every row there is; a claim alone leaves the rules that need others untested, and says so.
    """
    return judge_traces([look_at(claim) for claim in claims])


def look_at(claim: Claim) -> Trace:
    """Look at one claim by itself; what is kept of it is small, and all that `judge_traces` needs."""
    said = tuple(one for rule in _ALONE for one in rule(claim))
    return trace_of(claim, said, tuple(_peaks_of(claim)), physics.held_against_peak(claim))


def judge_traces(traces: Sequence[Trace]) -> tuple[Judgement, ...]:
    """Judge claims that were each looked at before, all against each other; see `judge`."""
    across = identity.findings(traces)
    peaks = _peaks(traces)
    found: list[Judgement] = []
    for at, trace in enumerate(traces):
        said = list(trace.said)
        said += physics.above_measured_peak(trace.suite, trace.held, peaks.get(_instance(trace), {}))
        said += across.get(at, [])
        found.append(
            Judgement(
                trace.name,
                tuple(one for one in said if isinstance(one, Finding)),
                tuple(one for one in said if isinstance(one, Untested)),
                trace.timed,
            )
        )
    return tuple(found)


def _instance(trace: Trace) -> tuple[str | None, str | None]:
    return trace.run, trace.instance_id


def _peaks_of(claim: Claim) -> Iterator[tuple[int | None, float]]:
    """Peaks of double-precision multiply-adds, flop/s, each with its number of threads."""
    if claim.suite != "mixed_precision" or claim.instance_id is None:
        return
    for one in claim.quantities:
        if one.dimension is Dimension.FLOPS and one.value and physics.is_double_peak(one.name):
            yield one.threads, one.value * one.scale


def _peaks(traces: Sequence[Trace]) -> dict[tuple[str | None, str | None], dict[int | None, float]]:
    """The highest of each instance, by number of threads."""
    found: dict[tuple[str | None, str | None], dict[int | None, float]] = {}
    for trace in traces:
        for threads, flops in trace.peaks:
            peaks = found.setdefault(_instance(trace), {})
            peaks[threads] = max(peaks.get(threads, 0.0), flops)
    return found
