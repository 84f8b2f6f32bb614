"""What a claim says against itself: work, rate and time; counts; durations."""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchtui.core.plausibility.claim import Claim, Dimension, Observation, Quantity, resolution
from benchtui.core.plausibility.judgement import About, Finding, Untested

#: The mean of rates is not the rate of the mean time.
RATE_SLACK = 0.10
#: A rate of one sample is its work over its time, give or take the digits it is written with.
SAMPLE_RATE_SLACK = 0.02
#: A clock has to be read a hundred times finer than what it times.
TICKS = 100
#: Starts and ends are often written in whole seconds, and two clocks may have been read.
CLOCK_SLACK_S = 2.0
#: From the launch to the end of the first suite: an instance takes 10 s and more to be running and as much to
#: boot, its packages or container have to come over the network, and the measurement itself is not free.
SHORTEST_JOB_S = 120.0
#: Fewer equal samples can be chance where digits are few.
CONSTANT_FROM = 3
#: A written number with fewer digits can be the same time and again.
FINE_RESOLUTION = 1e-5


def findings(claim: Claim) -> Iterator[Finding | Untested]:
    """Contradictions within one claim."""
    yield from _duration(claim)
    yield from _counts(claim)
    yield from _dispersion(claim)
    if claim.suites_held is not None and claim.suite not in claim.suites_held:
        yield Finding(
            "suite-mismatch",
            About.NUMBERS,
            f"names {claim.suite} and holds figures of {', '.join(sorted(claim.suites_held)) or 'nothing'}",
        )
    for quantity in claim.quantities:
        yield from _work(claim, quantity)
        yield from _summary(quantity)
        yield from _sum_of_times(claim, quantity)
    for text in claim.contradictions:
        yield Finding("system-contradiction", About.RECORD, text)


def _duration(claim: Claim) -> Iterator[Finding | Untested]:
    elapsed = claim.elapsed
    if elapsed is None:
        yield Untested("too-short-for-boot-and-run", "needs start and end, or a duration")
        return
    if elapsed < 0:
        yield Finding("ends-before-it-starts", About.NUMBERS, f"its end is {-elapsed:.0f} s before its start")
        return
    if claim.seconds is not None and abs(claim.seconds - elapsed) > CLOCK_SLACK_S:
        reason = f"says it took {claim.seconds:.0f} s, and {elapsed:.0f} s lie between start and end"
        yield Finding("duration-contradiction", About.RECORD, reason)
    whole = min(elapsed, claim.seconds) if claim.seconds is not None else elapsed
    if claim.includes_boot and whole < SHORTEST_JOB_S:
        yield Finding(
            "too-short-for-boot-and-run",
            About.NUMBERS,
            f"{whole:.0f} s from launch to result: booting, installing and measuring take "
            f"{SHORTEST_JOB_S:.0f} or more",
        )


def _counts(claim: Claim) -> Iterator[Finding]:
    if claim.iterations is not None and claim.runs is not None and claim.iterations != claim.runs:
        yield Finding(
            "runs-contradiction", About.RECORD, f"{claim.iterations} iterations, but runs {claim.runs}"
        )
    if claim.confidence and claim.runs is not None and claim.runs <= 1:
        reason = f"claims a confidence of {claim.confidence:g} from {claim.runs} run"
        yield Finding("confidence-from-one-run", About.RECORD, reason)


def _dispersion(claim: Claim) -> Iterator[Finding]:
    """Without samples a dispersion has to be stated; zero is none, unless for what does not vary."""
    varying = [
        one for one in claim.quantities if one.measured and one.value is not None and not _at_resolution(one)
    ]
    summed = [one for one in varying if not one.samples]
    missing = [one.name for one in summed if one.dispersion is None]
    if missing:
        yield Finding("deviation-missing", About.RECORD, f"no dispersion is stored of {_few(missing)}")
    zero = [one.name for one in summed if one.dispersion == 0]
    if zero:
        # One figure of few digits can be the same each time; several at once cannot.
        about = About.NUMBERS if len(zero) > 1 else About.RECORD
        yield Finding("deviation-zero", about, f"the dispersion of {_few(zero)} is exactly 0")
    for quantity in varying:
        values = [one.value for one in quantity.samples]
        if (
            len(values) >= CONSTANT_FROM
            and len(set(values)) == 1
            and resolution(values[0]) < FINE_RESOLUTION
            and quantity.dimension is not Dimension.OTHER
        ):
            reason = f"{len(values)} samples are {values[0]!r} to the last digit"
            yield Finding("deviation-zero", About.NUMBERS, reason, quantity.name)


def _at_resolution(quantity: Quantity) -> bool:
    """A time that its clock shows as nothing: zero-time speaks of it, its dispersion says nothing."""
    return quantity.dimension is Dimension.TIME and quantity.value == 0


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _work(claim: Claim, quantity: Quantity) -> Iterator[Finding]:
    """Work ÷ rate = time, for each sample or the figure that stands for them; each rule is said once."""
    slack = SAMPLE_RATE_SLACK if quantity.samples else RATE_SLACK
    tick = claim.tick_seconds or 0.0
    elapsed, measured = claim.elapsed, quantity.measured
    rate = quantity.dimension in (Dimension.BANDWIDTH, Dimension.FLOPS, Dimension.RATE)
    scale, least_s = quantity.scale, TICKS * tick
    longest_s = math.inf if elapsed is None else max(elapsed, 0) + CLOCK_SLACK_S
    said: set[str] = set()
    for one in quantity.stated:
        # The usual one, before each rule is asked.
        if rate and one.work and one.seconds and one.seconds >= least_s and 0 < one.value < math.inf:
            implied = one.work / (one.value * scale)
            if implied <= longest_s and abs(implied / one.seconds - 1) <= slack and one.seconds > 0:
                continue
        found = [_time_of(quantity, one, tick)] if measured else []
        found += [_rate_of(quantity, one, slack, elapsed)] if rate and one.work else []
        for finding in found:
            if finding is not None and finding.rule not in said:
                said.add(finding.rule)
                yield finding


def _time_of(quantity: Quantity, one: Observation, tick: float) -> Finding | None:
    if one.seconds is None:
        return None
    if one.seconds <= 0:
        worked = f" for {one.work:g} operations" if one.work else ""
        return Finding("zero-time", About.NUMBERS, f"took {one.seconds:g} s{worked}", quantity.name)
    if tick and one.seconds < TICKS * tick:
        reason = f"was timed over {one.seconds:.3g} s, not {TICKS} ticks of {tick:.3g} s"
        return Finding("time-below-timer-resolution", About.NUMBERS, reason, quantity.name)
    return None


def _rate_of(quantity: Quantity, one: Observation, slack: float, elapsed: float | None) -> Finding | None:
    if not one.work or not math.isfinite(one.value) or one.value <= 0:
        return None
    implied, said = one.work / (one.value * quantity.scale), None
    if one.seconds is not None and one.seconds > 0:
        off = abs(implied / one.seconds - 1)
        # Digits are looked at where it matters: of most samples it does not, and it takes long.
        if off > slack and off > slack + _digits(one):
            said = f"not {one.seconds:.4g}"
    if said is None and elapsed is not None and implied > max(elapsed, 0) + CLOCK_SLACK_S:
        said = f"and all of it took {elapsed:.0f}"
    if said is None:
        return None
    reason = f"{one.work:.6g} at {one.value:.6g} {quantity.unit} take {implied:.4g} s, {said}"
    return Finding("rate-contradiction", About.NUMBERS, reason, quantity.name)


def _digits(one: Observation) -> float:
    """A time and a rate may be written with few digits, but 2 s can as well be 2.000000."""
    digits = resolution(one.value) + (resolution(one.seconds) if one.seconds else 0.0)
    return min(digits / 2, RATE_SLACK)


def _summary(quantity: Quantity) -> Iterator[Finding]:
    """A median lies among its samples, whatever way it was taken."""
    values = [one.value for one in quantity.samples]
    if values and quantity.value is not None:
        low, high = min(values), max(values)
        tiny = 1e-9 * max(abs(low), abs(high))
        if not low - tiny <= quantity.value <= high + tiny:
            reason = (
                f"is said to be {quantity.value:.6g}, and its samples lie between {low:.6g} and {high:.6g}"
            )
            yield Finding("summary-contradiction", About.NUMBERS, reason, quantity.name)


def _sum_of_times(claim: Claim, quantity: Quantity) -> Iterator[Finding]:
    """Samples of one metric follow one another: together they take no longer than the suite."""
    took = sum(one.seconds or 0.0 for one in quantity.samples)
    if claim.elapsed is not None and claim.elapsed >= 0 and took > claim.elapsed + CLOCK_SLACK_S:
        reason = f"its samples take {took:.1f} s together, and all of the suite took {claim.elapsed:.1f}"
        yield Finding("samples-longer-than-suite", About.NUMBERS, reason, quantity.name)
