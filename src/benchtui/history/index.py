"""The index as a file: opened, made new where it is damaged or of another version, written run by run.

Any number of processes may read and write it at the same time: SQLite's write-ahead log lets readers go on
beside a writer, writers wait for one another, and a run is replaced in one transaction, so that two that read
the same run from the bucket leave what one would have left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from benchtui.core.errors import BenchtuiError
from benchtui.core.indexed import IndexedRun
from benchtui.history.run_writing import RunWriter
from benchtui.history.schema import APPLICATION_ID, TABLES, UPCASTERS, VERSION

BUSY_S = 15.0
#: Errors that say nothing of the file: others hold it, the disk is full, it may not be written or read.
_NO_DAMAGE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CONSTRAINT,
    }
)
CACHE_KIB = 16_384


class IndexDamagedError(BenchtuiError):
    """The file is no index any more. Nothing is lost: the bucket holds everything it is made of."""


@dataclass(frozen=True, slots=True)
class BucketState:
    """How far a bucket has been read."""

    id: int
    cursor: str | None  # the newest run's id
    synced_at: datetime | None


class HistoryIndex:
    """Use as a context manager, by one thread at a time.

    Args:
        path: the file; made with its folder where it is missing, readable by its owner alone.

    Raises:
        BenchtuiError: it cannot be opened, or is of a newer benchtui.
    """

    def __init__(self, path: Path, upcasters: Mapping[int, str] = UPCASTERS, version: int = VERSION) -> None:
        self.path = path
        self.made_new = False  # it was not there, damaged, or too old to be brought up
        self._upcasters, self._version = upcasters, version

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._alone():
                try:
                    self._open()
                except IndexDamagedError:
                    self._remove()
                    self._open()
        except OSError as error:
            raise BenchtuiError(
                f"cannot write {self.path}: {error.strerror}",
                fix="set XDG_CACHE_HOME to a folder of your own",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process makes or replaces the file meanwhile."""
        handle = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _open(self) -> None:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        # Used by one thread at a time, which need not always be the same one.
        self.db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            with damage_told(self.path):
                self.db.execute("PRAGMA journal_mode = WAL")
                self.db.execute("PRAGMA synchronous = NORMAL")
                self.db.execute("PRAGMA foreign_keys = ON")
                self.db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                self._bring_up()
        except BaseException:
            self.db.close()
            raise
        self._writer = RunWriter(self.db)

    def _bring_up(self) -> None:
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if version > self._version:
            raise BenchtuiError(
                f"{self.path} is of a newer benchtui (version {version}; this one reads {self._version})",
                fix="update benchtui, or remove the file: it is made again from the bucket",
            )
        if version == self._version:
            return
        if version == 0:
            self.made_new = True
            script = TABLES
        else:
            steps = [self._upcasters.get(step) for step in range(version, self._version)]
            if None in steps:
                raise IndexDamagedError(f"{self.path}: version {version} cannot be brought up")
            script = ";\n".join(step for step in steps if step is not None)
        self.db.executescript(
            f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {self._version};"
            f"PRAGMA application_id = {APPLICATION_ID}; COMMIT;"
        )

    def _remove(self) -> None:
        for ending in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def replace(self) -> None:
        """Make the file new, whatever it holds."""
        self.db.close()
        with self._alone():
            self._remove()
            self._open()

    # ---- buckets

    def bucket(self, name: str) -> BucketState:
        """How far a bucket has been read; it is noted if it is new."""
        with damage_told(self.path):
            self.db.execute("INSERT OR IGNORE INTO bucket (name) VALUES (?)", (name,))
            row = self.db.execute(
                "SELECT id, cursor, synced_at FROM bucket WHERE name = ?", (name,)
            ).fetchone()
        at = None if row[2] is None else datetime.fromtimestamp(row[2], UTC)
        return BucketState(row[0], row[1], at)

    def forget(self, bucket: BucketState) -> None:
        """Drop everything of a bucket, to read it again."""
        with self._writing():
            runs = "SELECT id FROM run WHERE bucket_id = ?"
            cells = f"SELECT id FROM cell WHERE run_id IN ({runs})"  # noqa: S608
            self.db.execute(f"DELETE FROM samples WHERE cell_id IN ({cells})", (bucket.id,))  # noqa: S608
            self.db.execute(f"DELETE FROM measurement WHERE run_id IN ({runs})", (bucket.id,))  # noqa: S608
            settings = "SELECT id FROM setting WHERE bucket_id = ?"
            self.db.execute(f"DELETE FROM series WHERE setting_id IN ({settings})", (bucket.id,))  # noqa: S608
            for table in ("run", "setting", "rollup"):
                self.db.execute(f"DELETE FROM {table} WHERE bucket_id = ?", (bucket.id,))  # noqa: S608
            self.db.execute("UPDATE bucket SET cursor = NULL, synced_at = NULL WHERE id = ?", (bucket.id,))
        self._writer = RunWriter(self.db)

    def synced(self, bucket: BucketState, cursor: str | None, at: datetime) -> None:
        """Note how far it has been read now."""
        with self._writing():
            self.db.execute(
                "UPDATE bucket SET cursor = max(coalesce(cursor, ''), ?), synced_at = ? WHERE id = ?",
                (cursor or "", at.timestamp(), bucket.id),
            )

    def known(self, bucket: BucketState) -> dict[str, tuple[bool, str]]:
        """Runs of the bucket: whether each is closed, and what was listed of it."""
        with damage_told(self.path):
            rows = self.db.execute("SELECT run, closed, seen FROM run WHERE bucket_id = ?", (bucket.id,))
            return {run: (bool(closed), seen) for run, closed, seen in rows}

    def rollups(self, bucket: BucketState) -> frozenset[str]:
        """Keys of roll-ups that were read."""
        with damage_told(self.path):
            rows = self.db.execute("SELECT key FROM rollup WHERE bucket_id = ?", (bucket.id,))
            return frozenset(key for (key,) in rows)

    def to_roll_up(self, bucket: BucketState) -> tuple[str, ...]:
        """Closed runs that could be read and are in no roll-up."""
        with damage_told(self.path):
            rows = self.db.execute(
                "SELECT run FROM run WHERE bucket_id = ? AND closed AND rollup IS NULL AND problem IS NULL"
                " ORDER BY run",
                (bucket.id,),
            )
            return tuple(run for (run,) in rows)

    def note_rollup(self, bucket: BucketState, key: str, runs: Sequence[str]) -> None:
        """Note that runs are in a roll-up, which need not be read any more."""
        with self._writing():
            self.db.execute("INSERT OR IGNORE INTO rollup VALUES (?, ?)", (bucket.id, key))
            self.db.executemany(
                "UPDATE run SET rollup = ? WHERE bucket_id = ? AND run = ?",
                [(key, bucket.id, run) for run in runs],
            )

    def planned(self, bucket: BucketState, run: str) -> frozenset[str]:
        """Jobs of a run that were to be launched."""
        with damage_told(self.path):
            rows = self.db.execute(
                "SELECT DISTINCT c.job FROM cell c JOIN run r ON r.id = c.run_id"
                " JOIN setting s ON s.id = c.setting_id"
                " WHERE r.bucket_id = ? AND r.run = ? AND s.arch != ''",
                (bucket.id, run),
            )
            return frozenset(job for (job,) in rows)

    # ---- runs

    def close(self, bucket: BucketState, run: str) -> None:
        """Note that nothing more can come of a run."""
        with self._writing():
            self.db.execute("UPDATE run SET closed = 1 WHERE bucket_id = ? AND run = ?", (bucket.id, run))

    def write(self, bucket: BucketState, runs: Sequence[IndexedRun], rollup: str | None = None) -> None:
        """Put runs into the index, in the place of what it held of them.

        Args:
            bucket: where they are from.
            runs: all or none of them come in.
            rollup: key of the roll-up they were read from; it is noted as read.
        """
        with self._writing():
            for run in runs:
                self._writer.write(bucket.id, run, rollup)
            if rollup is not None:
                self.db.execute("INSERT OR IGNORE INTO rollup VALUES (?, ?)", (bucket.id, rollup))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with damage_told(self.path):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.db.execute("ROLLBACK")
                self._writer = RunWriter(self.db)
                raise
            self.db.execute("COMMIT")


@contextlib.contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """SQLite's errors as errors a user can do something about.

    Raises:
        IndexDamagedError: the file is not what SQLite wrote.
        BenchtuiError: another process holds it, or the disk is full.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in _NO_DAMAGE:
            raise BenchtuiError(
                f"the index {path}: {error}", fix="try again; see that the disk has room"
            ) from error
        raise IndexDamagedError(f"{path}: {error}", fix="benchtui history --rebuild") from error
