"""Whether a stored run is what was written: seals, the chain of sentinels, and results made again.

Pure: it is given bytes and what was made again of them, and names every difference. What each step proves,
and what none can, is said in docs/verify.md.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchtui.core import keys
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import SentinelBody
from benchtui.core.errors import InvalidDocumentError
from benchtui.core.keys import LAUNCHER_SEQ, JobState, KeyNotOurs, Sentinel
from benchtui.core.seals import right_seal, seal_of
from benchtui.core.text import clean_line

#: Of one object: beyond it a count is told.
MOST_DIFFERENCES = 50
#: Two ways to the same double may differ in its last digits.
RELATIVE_TOLERANCE = 1e-12
SHOWN = 120  # characters of a value
NAMED = 300  # of an object's name or a field's, which anyone may have chosen
OLDER = "written before objects were sealed"
BOOTSTRAP = "the bootstrap of user data has no room for a seal"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something stored that is not what follows from the rest."""

    object: str  # key below the run's prefix, or of the payload
    field: str
    stored: str
    recomputed: str

    @property
    def sentence(self) -> str:
        """In one line."""
        return f"{self.object}: {self.field}: stored {self.stored}, recomputed {self.recomputed}"


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Something that cannot be checked, and why."""

    object: str
    why: str


@dataclass(slots=True)
class Findings:
    """What a verification found so far."""

    mismatches: list[Mismatch] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)  # what was checked, how often

    def differs(self, name: str, what: str, stored: object, recomputed: object) -> None:
        """Note a mismatch."""
        said = Mismatch(clean_line(name, NAMED), clean_line(what, NAMED), shown(stored), shown(recomputed))
        self.mismatches.append(said)

    def cannot(self, name: str, why: str) -> None:
        """Note what cannot be checked; the same once."""
        said = Unchecked(clean_line(name, NAMED), clean_line(why, 300))
        if said not in self.unchecked:
            self.unchecked.append(said)

    def count(self, what: str, times: int = 1) -> None:
        """Note that something was checked, whatever came of it."""
        self.checked[what] = self.checked.get(what, 0) + times


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentinel with its body as it is stored."""

    sentinel: Sentinel
    name: str  # key below the run's prefix
    seal: str | None
    body: SentinelBody | None  # None: not one


def shown(value: object) -> str:
    """A value in one bounded line; texts from outside are made harmless."""
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return clean_line(text, SHOWN)


def sha256(body: bytes) -> str:
    """Lower-case hex."""
    return hashlib.sha256(body).hexdigest()


def below(run: str, key: str) -> str:
    """A key as findings name it: below the run's prefix where it is there."""
    return key.removeprefix(keys.run_prefix(run))


def check_seal(run: str, key: str, body: bytes, found: Findings, *, required: bool) -> str | None:
    """Check a JSON body's seal; the seal it carries, None if it carries none.

    Args:
        run: the run's id.
        key: where it is stored.
        body: its bytes.
        found: told of what is wrong.
        required: whether all of its run are sealed, so that a missing seal is a change.
    """
    said, right = seal_of(body), right_seal(key, body)
    if said is None:
        if required:
            found.differs(below(run, key), "seal", "none", "every object of this run carries one")
        else:
            found.cannot(below(run, key), OLDER)
        return None
    found.count("seals")
    if said != right:
        found.differs(below(run, key), "seal", said, right)
    return said


def hear(run: str, bodies: Mapping[str, bytes], found: Findings) -> dict[str, list[Spoken]]:
    """The sentinels of a run by job, in their order; what is none is named.

    Args:
        run: the run's id.
        bodies: of everything below events/, by key.
        found: told of what is wrong.
    """
    spoken: dict[str, list[Spoken]] = {}
    for key, body in bodies.items():
        name = below(run, key)
        try:
            of_run, sentinel = keys.parse_event(key)
        except KeyNotOurs as error:
            found.differs(name, "key", key, str(error))
            continue
        if of_run != run:
            found.differs(name, "key", of_run, run)
        try:
            content = parse_document(SentinelBody, body, name)
        except InvalidDocumentError as error:
            found.differs(name, "content", error.what, "a sentinel's body")
            content = None
        spoken.setdefault(sentinel.job, []).append(Spoken(sentinel, name, seal_of(body), content))
    for said in spoken.values():
        said.sort(key=lambda one: (one.sentinel.seq, one.sentinel.at))
    return spoken


def is_bootstrap(one: Spoken) -> bool:
    """Whether it is the word of user data that never came to start the agent."""
    reason = one.body.reason if one.body is not None else None
    first_and_failed = one.sentinel.seq == 1 and one.sentinel.state is JobState.FAILED
    return first_and_failed and one.seal is None and (reason or "").startswith("bootstrap:")


def check_chain(
    run_seal: str | None, job: str, said: Sequence[Spoken], digests: Mapping[str, str], found: Findings
) -> None:
    """Follow the sentinels of a job: each names the one before it and what was written between the two.

    Args:
        run_seal: that run.json carries.
        job: the job's id.
        said: its sentinels in order.
        digests: SHA-256 of the job's objects that are there, by key below the run's prefix.
        found: told of what is wrong.
    """
    told: dict[str, str] = {}
    by_seq = {one.sentinel.seq: one for one in said if one.sentinel.seq != LAUNCHER_SEQ}
    for one in said:
        if one.body is None:
            continue
        if one.body.run_seal is not None:
            found.count("links")
            if one.body.run_seal != run_seal:
                found.differs("run.json", "seal", run_seal or "none", f"{one.body.run_seal}, says {one.name}")
        if one.body.previous is not None:
            _check_previous(one, by_seq.get(one.sentinel.seq - 1), found)
        for name, digest in one.body.objects.items():
            told[name] = digest
            found.count("objects told of")
            there = digests.get(name)
            if there is None:
                found.differs(name, "object", "missing", f"sha256 {digest}, says {one.name}")
            elif there != digest:
                found.differs(name, "sha256", there, f"{digest}, says {one.name}")
    for missing in sorted(set(range(1, max(by_seq, default=0))) - set(by_seq)):
        found.differs(f"events of {job}", "sentinel", "missing", f"number {missing:04d}")
    for name in digests:
        if name not in told:
            found.cannot(name, "no sentinel of its job tells of it")


def _check_previous(one: Spoken, before: Spoken | None, found: Findings) -> None:
    assert one.body is not None
    found.count("links")
    if before is not None and before.seal != one.body.previous:
        stored = before.seal or "no seal"
        found.differs(before.name, "seal", stored, f"{one.body.previous}, says {one.name}")


def differences(stored: object, again: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Every place in which two JSON values differ, with both; numbers may differ in their last digits."""
    if isinstance(stored, dict) and isinstance(again, dict):
        for name in [*stored, *(name for name in again if name not in stored)]:
            place = f"{path}.{name}" if path else str(name)
            yield from differences(stored.get(name, _ABSENT), again.get(name, _ABSENT), place)
    elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        for at, (one, other) in enumerate(zip(stored, again, strict=True)):
            yield from differences(one, other, f"{path}[{at}]")
    elif isinstance(stored, list) and isinstance(again, list):
        yield f"{path}, length", len(stored), len(again)
    elif not _equal(stored, again):
        yield path, stored, again


class _Absent:
    def __str__(self) -> str:
        return "nothing"


_ABSENT = _Absent()


def _equal(stored: object, again: object) -> bool:
    numbers = (int, float)
    if isinstance(stored, bool) or isinstance(again, bool):
        return stored is again
    if isinstance(stored, numbers) and isinstance(again, numbers):
        return math.isclose(stored, again, rel_tol=RELATIVE_TOLERANCE)
    return type(stored) is type(again) and stored == again


#: Fields of a result that follow from its raw output.
REMADE = ("outcome", "reason", "metrics", "declined_metrics", "checks", "facts", "problems", "verified")
#: Facts that the agent makes itself, and which raw output alone does not hold.
AGENTS_FACTS = ("disturbance", "observed")


def check_result(name: str, stored: Mapping[str, Any], again: Mapping[str, Any], found: Findings) -> None:
    """Compare a result with what its raw output gives now.

    Args:
        name: of the object, for findings.
        stored: the JSON of result.json.
        again: what reparse.py made of the raw output.
        found: told of what differs.
    """
    if again.get("unreadable"):
        found.differs(name.replace("result.json", "raw.tar.gz"), "content", again["unreadable"], "raw output")
        return
    for why in again["unchecked"]:
        found.cannot(name, why)
    alone = bool(again["alone"])
    count = 0
    for what in REMADE:
        if alone and what in ("outcome", "reason"):
            continue
        mine, theirs = stored.get(what), again[what]
        if alone:
            mine, theirs = _without_the_agents(what, mine), _without_the_agents(what, theirs)
        for place, before, after in differences(mine, theirs, what):
            count += 1
            if count <= MOST_DIFFERENCES:
                found.differs(name, place, before, after)
    if count > MOST_DIFFERENCES:
        found.differs(name, "fields", f"{count} differ", f"the first {MOST_DIFFERENCES} are named")
    said = [" ".join(argv) for argv in _commands(stored.get("build"))]
    if sorted(said) != sorted(again["commands"]):
        found.differs(name, "build.commands", said, again["commands"])
    found.count("results made again from raw output")


def _without_the_agents(what: str, value: Any) -> Any:
    """A field without what only observed.jsonl lets anyone make again."""
    if what == "facts" and isinstance(value, dict):
        return {
            name: fact
            for name, fact in value.items()
            if name not in AGENTS_FACTS and not name.startswith("repetitions.")
        }
    if what == "metrics" and isinstance(value, dict):
        return {
            name: {**metric, "samples": [_bare(sample) for sample in metric.get("samples", ())]}
            for name, metric in value.items()
            if isinstance(metric, dict)
        }
    if what == "declined_metrics" and isinstance(value, dict):
        return {name: why for name, why in value.items() if not name.startswith("arm ")}
    return value


def _bare(sample: Any) -> Any:
    return (
        {key: item for key, item in sample.items() if key != "disturbed"}
        if isinstance(sample, dict)
        else sample
    )


def _commands(build: Any) -> Iterator[list[str]]:
    """Build commands of a result and of its arms."""
    if not isinstance(build, dict):
        return
    for argv in build.get("commands") or ():
        if isinstance(argv, list):
            yield [str(word) for word in argv]
    arms = build.get("arms")
    for arm in arms.values() if isinstance(arms, dict) else ():
        yield from _commands(arm)


def fingerprint(digests: Mapping[str, str]) -> str:
    """One SHA-256 for a whole run: over the SHA-256 of every object but heartbeats, by key below its prefix.

    As ``sha256sum`` would list them, sorted by name: whoever has it can tell the run from any other.
    """
    lines: Iterable[str] = (
        f"{digest}  {name}\n"
        for name, digest in sorted(digests.items())
        if not name.startswith("heartbeats/")
    )
    return sha256("".join(lines).encode())
