"""A suite's result, made again from its raw output by the parsers that made it.

Run as a program it reads from standard input one line of JSON (``mode``, and ``declared``: the suite as
suites.json has it) and then raw.tar.gz, and writes the result's fields as JSON. It executes nothing of that.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
import zlib
from typing import Any, Dict, List, Tuple

import observed
from records import Output, Records
from repetitions import RunSoFar
from results import CUT, FILE_LIMIT, TOTAL_LIMIT
from verdict import judge, no_sample, summarise

STDOUT = re.compile(r"(?P<run>.+)\.(?P<number>\d{1,6})\.stdout")
MOST_FILES = 200_000
COMMAND = re.compile(rb"(?m)^\$ (.*)$")


class Unreadable(ValueError):
    """The archive is none, or larger than any the agent writes."""


def unpack(archive: bytes) -> Dict[str, bytes]:
    """The files of a raw.tar.gz.

    Raises:
        Unreadable: it is no such archive.
    """
    files: Dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for entry in tar:
                total += entry.size
                fits = 0 <= entry.size <= FILE_LIMIT + len(CUT) and total <= 2 * TOTAL_LIMIT
                if not fits or len(files) > MOST_FILES:
                    raise Unreadable("larger than the agent writes")
                file = tar.extractfile(entry) if entry.isreg() else None
                if file is None:
                    raise Unreadable("{!r} is no plain file".format(entry.name[:80]))
                files[entry.name] = file.read()
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError) as error:
        raise Unreadable(str(error)[:200]) from error
    return files


def reparse(files: Dict[str, bytes], declared: Dict[str, Any], mode: str) -> Dict[str, Any]:
    """The fields of result.json that follow from raw output; ``unchecked`` says what does not, and why.

    Args:
        files: of the archive.
        declared: the suite, as suites.json has it.
        mode: of the run.

    Raises:
        Unreadable: observed.jsonl is not what the agent writes.
    """
    cut = [name for name in sorted(files) if files[name].endswith(CUT)]
    unchecked = ["{}: cut at the limit of a raw file".format(name) for name in cut]
    try:
        kept = observed.Kept(files[observed.FILE]) if observed.FILE in files else None
    except ValueError as error:
        raise Unreadable(str(error)) from error
    if kept is None:
        lacks = "facts and labels of the agent's own: {} is not among the raw output"
        unchecked.append(lacks.format(observed.FILE))
    records = Records()
    if kept is not None:
        for what, why in kept.declined.items():
            records.decline(what, why)
    runs = [RunSoFar(one["name"], True) for one in kept.runs] if kept is not None else []
    by_name = {run.name: run for run in runs}
    walls = {(one.run, one.number): one.wall_s for one in kept.repetitions} if kept is not None else {}
    garbage = None
    for name, number in _order(files, declared, walls):
        garbage = _feed(records, name, number, files.get("{}.{}.stdout".format(name, number), b""))
        if (name, number) in walls and name in by_name:
            by_name[name].add(walls[name, number], records.medians())
    if kept is not None and kept.observed is not None:
        try:
            for run, said in zip(runs, kept.runs):  # noqa: B905  (Python 3.9 has no strict)
                run.stop = said["stop"]
            observed.conclude(records, runs, kept.repetitions, kept.clocks, kept.observed)
        except (ValueError, TypeError, KeyError, ArithmeticError) as error:
            raise Unreadable("{}: {!r}".format(observed.FILE, error)) from error
    return _result(records, declared, mode, kept, garbage, unchecked, files)


def _result(
    records: Records,
    declared: Dict[str, Any],
    mode: str,
    kept: Any,
    garbage: Any,
    unchecked: List[str],
    files: Dict[str, bytes],
) -> Dict[str, Any]:
    metrics, problems = summarise(declared, mode, records)
    failure = kept.failed if kept is not None else garbage
    if failure is None:
        failure = no_sample(metrics, records)
    verified = judge(declared, records, problems)
    reason = failure
    if kept is not None and kept.ended is not None:
        reason = kept.ended
    return {
        "outcome": "measured" if failure is None else "declined",
        "reason": reason,
        "metrics": metrics if failure is None else {},
        "declined_metrics": records.declined,
        "checks": records.checks,
        "facts": records.facts,
        "problems": problems,
        "verified": verified if failure is None else None,
        "commands": _commands(files),
        "alone": kept is None,  # without the agent's own lines: its facts and labels cannot be made again
        "unchecked": unchecked,
    }


def _commands(files: Dict[str, bytes]) -> List[str]:
    """The build commands that were carried out."""
    return [line.decode("utf-8", "replace") for line in COMMAND.findall(files.get("build.log", b""))]


def _order(
    files: Dict[str, bytes], declared: Dict[str, Any], walls: Dict[Tuple[str, int], float]
) -> List[Tuple[str, int]]:
    """Runs and repetitions as they were made: as the agent noted them, then what it did not come to note.

    Where it noted none: round by round, each round in the order of the suite, which is how it makes them.
    """
    there = set()
    for name in files:
        match = STDOUT.fullmatch(name)
        if match is not None:
            there.add((match.group("run"), int(match.group("number"))))
    arms = ["", *(":" + arm for arm in declared["arms"])]
    places = [run["name"] + arm for run in declared["runs"] for arm in arms]

    def place(one: Tuple[str, int]) -> Tuple[int, int, str]:
        return one[1], places.index(one[0]) if one[0] in places else len(places), one[0]

    return [*walls, *sorted(there - set(walls), key=place)]


def _feed(records: Records, name: str, number: int, content: bytes) -> Any:
    """One process's output, as it was read then; why it was garbage, if it was."""
    run, colon, arm = name.partition(":")
    records.start_run(run, number, colon + arm)
    output = Output(records, lambda _: None)
    garbage = output.feed(content) or output.end()
    return None if garbage is None else "garbage on standard output: " + garbage


def main() -> None:
    """Standard input to standard output."""
    request = json.loads(sys.stdin.buffer.readline())
    try:
        again = reparse(unpack(sys.stdin.buffer.read()), request["declared"], request["mode"])
    except Unreadable as error:
        again = {"unreadable": str(error)}
    sys.stdout.write(json.dumps(again, allow_nan=False))


if __name__ == "__main__":
    main()
