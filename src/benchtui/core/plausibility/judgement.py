"""What the rules say of a claim: about its numbers and, apart from that, about the record they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Plausibility(StrEnum):
    """Whether numbers can be what they claim to be."""

    PLAUSIBLE = "plausible"
    IMPLAUSIBLE = "implausible"
    UNKNOWN = "unknown"


class About(StrEnum):
    """What a broken rule speaks of."""

    NUMBERS = "numbers"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken."""

    rule: str  # kebab-case
    about: About
    reason: str
    metric: str | None = None  # None: all of the claim

    def __str__(self) -> str:
        return f"{self.rule}: {f'{self.metric} ' if self.metric else ''}{self.reason}"


@dataclass(frozen=True, slots=True)
class Untested:
    """A rule that could not be applied, and what it lacks."""

    rule: str
    lacks: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything the rules say of one claim."""

    name: str
    findings: tuple[Finding, ...] = ()
    untested: tuple[Untested, ...] = ()
    timed: bool = True

    @property
    def numbers(self) -> Plausibility:
        """The verdict on all of its numbers: the worst of them."""
        if any(one.about is About.NUMBERS for one in self.findings):
            return Plausibility.IMPLAUSIBLE
        return Plausibility.PLAUSIBLE if self.timed else Plausibility.UNKNOWN

    def of(self, metric: str) -> Plausibility:
        """The verdict on one metric."""
        if any(one.about is About.NUMBERS and one.metric in (None, metric) for one in self.findings):
            return Plausibility.IMPLAUSIBLE
        return Plausibility.PLAUSIBLE if self.timed else Plausibility.UNKNOWN

    @property
    def told(self) -> tuple[str, ...]:
        """Every finding as a line, those about numbers first: a record can be mended, a number cannot."""
        return tuple(str(one) for one in sorted(self.findings, key=_numbers_first))

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the broken rules, sorted."""
        return tuple(sorted({one.rule for one in self.findings}))

    @property
    def ranked(self) -> bool:
        """Whether all of it may be ranked: plausible numbers in a record that breaks no rule."""
        return self.numbers is Plausibility.PLAUSIBLE and not self.findings

    def refusal(self, metric: str | None = None) -> str | None:
        """Why a metric (None: anything of the claim) is not ranked, in one line; None if it is."""
        found = [one for one in self.findings if metric is None or one.metric in (None, metric)]
        if found:
            first = min(found, key=_numbers_first)
            more = len({one.rule for one in found}) - 1
            word = "implausible" if first.about is About.NUMBERS else "record breaks"
            return f"{word}: {first}" + (f" (and {more} more)" if more else "")
        return None if self.timed else "plausibility unknown: nothing says how long anything took"


def _numbers_first(finding: Finding) -> bool:
    return finding.about is not About.NUMBERS
