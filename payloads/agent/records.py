"""The payload protocol: what a run prints on standard output, one JSON record per line and nothing else."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any, Callable, Dict, List, Optional, Tuple

from process import LINE_LIMIT

STDOUT_LIMIT = 16 * 1024 * 1024
SAMPLE_LIMIT = 100_000  # as the launcher's model of result.json
#: Of records; more samples than fit below it are not begun. result.json may have 8 MiB, a raw file as much.
ROOM_BYTES = 4 * 1024 * 1024
NAME_LIMIT = 200
FACT_LIMIT = 4096  # bytes of one fact's JSON
SCALARS = (bool, int, float, str, type(None))


class Garbage(ValueError):
    """A line that is no record of the protocol."""


def _constant(text: str) -> float:
    return float(text)  # NaN and Infinity are read, to be reported as what they are


class Records:
    """Collects the records of a suite's runs."""

    def __init__(self, on_progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        self.samples: Dict[str, List[Dict[str, Any]]] = {}
        self.facts: Dict[str, Any] = {}
        self.declined: Dict[str, str] = {}
        self.problems: List[str] = []
        self._on_progress = on_progress
        self._run = self._suffix = ""
        self._repetition = 0
        self._line = self._count = self._bytes = 0
        self._checks: Dict[Tuple[str, str], Dict[str, Any]] = {}
        self._values: Dict[str, List[float]] = {}

    @property
    def full(self) -> bool:
        """Whether another repetition might not fit into the result any more."""
        return self._bytes > ROOM_BYTES or self._count > SAMPLE_LIMIT // 2

    @property
    def checks(self) -> List[Dict[str, Any]]:
        """Each check of each run once, as it failed or else passed first, with how often it was made."""
        return list(self._checks.values())

    def start_run(self, name: str, repetition: int = 0, suffix: str = "") -> None:
        """Records from now on are of this repetition of run ``name``; ``suffix`` sets an arm's apart."""
        self._run, self._repetition, self._suffix = name + suffix, repetition, suffix
        self._line = 0
        self._values = {}

    def medians(self) -> Dict[str, float]:
        """The median of each metric's counted samples in this repetition."""
        return {metric: statistics.median(values) for metric, values in self._values.items()}

    def decline(self, what: str, reason: str) -> None:
        """Say why there is nothing of ``what``."""
        self.declined[what] = reason[:500]

    def label(self, disturbed: Dict[Tuple[str, int], str]) -> None:
        """Say of each sample what disturbed its repetition, by run and repetition."""
        for samples in self.samples.values():
            for sample in samples:
                why = disturbed.get((sample["run"], sample["repetition"]))
                if why:
                    sample["disturbed"] = why

    def take(self, raw: bytes) -> None:
        """One line.

        Raises:
            Garbage: not a record; names run and line.
        """
        self._line += 1
        self._bytes += len(raw)
        if not raw.strip():
            return
        try:
            if len(raw) >= LINE_LIMIT:
                raise Garbage("longer than {} bytes".format(LINE_LIMIT))
            record = json.loads(raw.decode("utf-8"), parse_constant=_constant)
            if not isinstance(record, dict):
                raise Garbage("no JSON object")
            self._keep(record)
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, Garbage) else "not JSON"
            shown = raw[:60].decode("ascii", "backslashreplace")
            raise Garbage(
                "line {} of run {} is not a record ({}): {!r}".format(self._line, self._run, why, shown)
            ) from error

    def _keep(self, record: Dict[str, Any]) -> None:
        if "sample" in record:
            self._keep_sample(self._own(record.pop("sample")), record)
        elif "check" in record:
            if not isinstance(record.get("ok"), bool):
                raise Garbage("a check without ok = true or false")
            name = self._own(record.pop("check"))
            check = {"name": name, **_scalars(record), "run": self._run, "repetition": self._repetition}
            self._count_one()
            self._keep_check({key: _finite(value) for key, value in check.items()})
        elif "fact" in record:
            value = record.get("value")
            if len(json.dumps(value)) > FACT_LIMIT:
                raise Garbage("a fact of more than {} bytes".format(FACT_LIMIT))
            self._count_one()
            self.facts[self._own(record["fact"])] = _finite(value)
        elif "progress" in record:
            steps = record["progress"]
            if not (
                isinstance(steps, list)
                and len(steps) == 2
                and all(type(step) is int for step in steps)
                and 0 <= steps[0] <= steps[1] <= 999_999
            ):
                raise Garbage("progress is [i, n] with 0 <= i <= n")
            self._on_progress(steps[0], steps[1])
        elif "declined" in record:
            reason = record.get("reason")
            if not isinstance(reason, str) or not reason:
                raise Garbage("declined without a reason")
            self._count_one()
            self.decline(self._own(record["declined"]), reason)
        else:
            raise Garbage("none of sample, check, fact, progress, declined")

    def _keep_sample(self, metric: str, record: Dict[str, Any]) -> None:
        value = record.get("value")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Garbage("a sample whose value is no number")
        self._count_one()
        if not math.isfinite(value):
            self.problems.append("{}: a sample is {}".format(metric, value))
            return
        sample = {key: _finite(item) for key, item in _scalars(record).items()}
        of = {"run": self._run, "repetition": self._repetition}
        self.samples.setdefault(metric, []).append({**sample, **of})
        if not sample.get("excluded"):
            self._values.setdefault(metric, []).append(value)

    def _keep_check(self, check: Dict[str, Any]) -> None:
        known = self._checks.get((check["name"], self._run))
        times = 1 if known is None else known["times"] + 1
        if known is None or (known["ok"] and not check["ok"]):
            known = check
        self._checks[check["name"], self._run] = {**known, "times": times}

    def _own(self, name: object) -> str:
        return _name(name) + self._suffix

    def _count_one(self) -> None:
        self._count += 1
        if self._count > SAMPLE_LIMIT:
            raise Garbage("more than {} records".format(SAMPLE_LIMIT))


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= NAME_LIMIT or not value.isprintable():
        raise Garbage("a name that is no printable text of 1 to {} characters".format(NAME_LIMIT))
    return value


def _scalars(record: Dict[str, Any]) -> Dict[str, Any]:
    for key, value in record.items():
        if not isinstance(value, SCALARS):
            raise Garbage("{} is neither number, text nor truth value".format(key[:60]))
    return record


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: as text they stay visible."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


class Output:
    """Standard output of one run: each chunk's lines to the records, all of it to the raw file."""

    def __init__(self, records: Records, keep: Callable[[bytes], Any]) -> None:
        self._records, self._keep = records, keep
        self._taken = 0
        self._rest = b""

    def feed(self, chunk: bytes) -> Optional[str]:
        """Add bytes; the reason to end the run if there is one."""
        self._keep(chunk)
        self._taken += len(chunk)
        if self._taken > STDOUT_LIMIT:
            return "printed more than {} MiB".format(STDOUT_LIMIT >> 20)
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) >= LINE_LIMIT:
            whole.append(self._rest)
            self._rest = b""
        return self._take(whole)

    def end(self) -> Optional[str]:
        """What is left without a newline; the reason to fail the run if there is one."""
        rest, self._rest = self._rest, b""
        return self._take([rest]) if rest else None

    def _take(self, lines: List[bytes]) -> Optional[str]:
        try:
            for line in lines:
                self._records.take(line)
        except Garbage as error:
            return str(error)
        return None
