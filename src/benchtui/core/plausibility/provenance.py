"""Where a record says it is from: hashes, labels that name a processor, and dates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta

from benchtui.core.plausibility.claim import Claim
from benchtui.core.plausibility.judgement import About, Finding, Untested
from benchtui.core.plausibility.naming import cpu_in_words, cpu_of_type

#: Digests of nothing at all: what a pipe that broke, or a program that never ran, leaves behind.
OF_NOTHING = frozenset(
    hashlib.new(name, b"", usedforsecurity=False).hexdigest()
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
)
#: An instance sets its clock at boot; whoever reads its dates has another one.
CLOCK_SLACK = timedelta(minutes=10)


def findings(claim: Claim) -> Iterator[Finding | Untested]:
    """What is wrong with the provenance of one claim."""
    yield from _checksums(claim)
    yield from _labels(claim)
    yield from _dates(claim)


def _record(rule: str, reason: str) -> Finding:
    return Finding(rule, About.RECORD, reason)


def _checksums(claim: Claim) -> Iterator[Finding | Untested]:
    found = {name: digest.lower() for name, digest in (claim.checksums or {}).items() if digest}
    missing = sorted(claim.checksums_needed - {"any"} - set(found))
    if not found and claim.checksums_needed:
        yield _record("checksum-missing", "nothing lets anyone check its raw output")
    elif missing:
        yield _record("checksum-missing", f"{', '.join(missing)} is missing")
    empty = sorted(name for name, digest in found.items() if digest in OF_NOTHING)
    if empty:
        yield _record("checksum-of-nothing", f"{' and '.join(empty)} are those of an empty input")
    broken = sorted(
        name
        for name, digest in found.items()
        if not re.fullmatch(r"[0-9a-f]{32,128}", digest) or len(set(digest)) < 4
    )
    if broken:
        yield _record("checksum-is-none", f"{' and '.join(broken)} cannot be a digest")
    raw = found.get("raw_sha256")
    if raw is None:
        return
    if claim.raw_found is None:
        yield Untested("raw-output-mismatch", "needs the raw output")
    elif claim.raw_found != raw:
        reason = f"its raw output is {claim.raw_found[:12]}…, the result speaks of {raw[:12]}…"
        yield _record("raw-output-mismatch", reason)


def _labels(claim: Claim) -> Iterator[Finding]:
    """Whatever names a processor has to name the one the type has."""
    if not claim.rented:
        return
    known = cpu_of_type(claim.instance_type)
    has = f"{claim.instance_type} has {known}"
    if claim.cpu_claimed is not None and known.contradicts(claim.cpu_claimed):
        said = claim.cpu_said or str(claim.cpu_claimed)
        yield _record("architecture-mislabel", f"says {said}, {has}")
    flags = cpu_in_words(claim.flags)
    # Flags name instructions; that a compiler tunes for another core of the same kind is no contradiction.
    if flags is not None and flags.isa and known.isa and flags.isa is not known.isa:
        yield _record("flags-mislabel", f"compiled with {claim.flags}, {has}")
    image = cpu_in_words(claim.image)
    if image is not None and known.contradicts(image):
        yield _record("image-mislabel", f"ran the image {claim.image}, {has}")


def _dates(claim: Claim) -> Iterator[Finding | Untested]:
    dates = [date for date in (claim.started, claim.finished) if date is not None]
    if not dates:
        yield Untested("predates-run", "needs a date")
        return
    if claim.not_before is None:
        yield Untested("predates-run", "needs the date its origin began to be")
    elif min(dates) < claim.not_before - CLOCK_SLACK:
        rule = "predates-run" if claim.run is not None else "predates-repository"
        began = f"{claim.not_before_why} {claim.not_before:%Y-%m-%d %H:%M}Z"
        reason = f"dated {min(dates):%Y-%m-%d %H:%M}Z, and {began}"
        yield Finding(rule, About.NUMBERS, reason)
    if claim.not_after is not None and max(dates) > claim.not_after + CLOCK_SLACK:
        reason = f"dated {max(dates):%Y-%m-%d %H:%M}Z, and was read at {claim.not_after:%Y-%m-%d %H:%M}Z"
        yield Finding("dated-after-it-was-read", About.NUMBERS, reason)
