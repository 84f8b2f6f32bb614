"""A run's results as they lie in its folder: a few lines of each are held, the rest is read when needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock

from benchtui.core import keys
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import ResultDocument, SystemDocument
from benchtui.core.errors import BenchtuiError, InvalidDocumentError
from benchtui.core.result_summary import ResultSummary

Cell = tuple[str, str]  # job, suite
ResultOrProblem = ResultDocument | str
#: Of documents that are held as they were read last, bytes of their bodies: a usual run's are all of them.
HELD_BYTES = 16 << 20


class StoredResults(Mapping[Cell, ResultOrProblem]):
    """Results that were validated when they were collected; read again one by one.

    Args:
        run: the run's id.
        folder: of the run.
    """

    def __init__(self, run: str, folder: Path) -> None:
        self.run, self.folder = run, folder
        self.summaries: dict[Cell, ResultSummary | str] = {}  # texts: what is wrong with what is there
        self._held: OrderedDict[Cell, tuple[ResultDocument, int]] = OrderedDict()
        self._held_bytes = 0
        self._lock = Lock()  # of what is held: a comparison reads in a thread of its own

    def __getitem__(self, cell: Cell) -> ResultOrProblem:
        known = self.summaries[cell]
        if isinstance(known, str):
            return known
        with self._lock:
            if cell in self._held:
                self._held.move_to_end(cell)
                return self._held[cell][0]
        return self._read(cell)

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.summaries)

    def __len__(self) -> int:
        return len(self.summaries)

    def __contains__(self, cell: object) -> bool:
        return cell in self.summaries

    def _read(self, cell: Cell) -> ResultOrProblem:
        job, suite = cell
        try:
            body = (self.folder / "jobs" / job / suite / "result.json").read_bytes()
        except OSError as error:
            return f"result not readable any more: {error.strerror}"
        found = read_result(body, self.run, job, suite)
        if isinstance(found, ResultDocument):
            self._hold(cell, found, len(body))
        return found

    def _hold(self, cell: Cell, result: ResultDocument, size: int) -> None:
        with self._lock:
            if cell not in self._held:
                self._held[cell] = result, size
                self._held_bytes += size
            while self._held_bytes > HELD_BYTES:
                _, (_, gone) = self._held.popitem(last=False)
                self._held_bytes -= gone


class StoredSystems(Mapping[str, SystemDocument]):
    """What the instances observed about themselves, by job; read one by one.

    Args:
        run: the run's id.
        folder: of the run.
    """

    def __init__(self, run: str, folder: Path) -> None:
        self.run, self.folder = run, folder
        self.jobs: dict[str, None] = {}  # those with a valid one

    def __getitem__(self, job: str) -> SystemDocument:
        if job not in self.jobs:
            raise KeyError(job)
        path = self.folder / "jobs" / job / "system.json"
        try:
            found = read_system(path.read_bytes(), self.run, job)
        except OSError as error:
            raise BenchtuiError(f"cannot read {path}: {error.strerror}", fix="collect it again") from error
        if isinstance(found, str):
            raise InvalidDocumentError(f"{path}: {found}")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)

    def __contains__(self, job: object) -> bool:
        return job in self.jobs


def read_result(body: bytes, run: str, job: str, suite: str) -> ResultOrProblem:
    """A result of this cell, or what is wrong with it."""
    key = keys.result_key(run, job, suite)
    try:
        result = parse_document(ResultDocument, body, key)
    except InvalidDocumentError as error:
        return f"result not valid: {error.what}"
    if (result.run, result.job, result.suite) != (run, job, suite):
        return f"result not valid: {key} says it is of {result.run} {result.job} {result.suite}"
    return result


def read_system(body: bytes, run: str, job: str) -> SystemDocument | str:
    """What the job's instance observed about itself, or what is wrong with it."""
    key = keys.system_key(run, job)
    try:
        system = parse_document(SystemDocument, body, key)
    except InvalidDocumentError as error:
        return error.what
    return system if (system.run, system.job) == (run, job) else f"{key} is of another job"
