"""What a report of a mistake needs to hold, in one archive, without secrets."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.core import keys
from benchtui.core.documents import RunDocument
from benchtui.core.errors import BenchtuiError, UsageError
from benchtui.core.redaction import Redaction
from benchtui.core.text import clean_line, clean_lines

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket

#: Of a job's log, its end; of all logs together.
LOG_BYTES, ALL_LOGS_BYTES = 256 << 10, 8 << 20
CHUNK_BYTES = 4 << 20
MOST_KEYS = 20_000
README = """\
A report for benchtui, made by `benchtui info --bundle`.

info.json     versions, paths, settings with their origins, endpoints
doctor.json   what `benchtui doctor` found
run/          of the run that was named: its document, the keys it wrote, the logs of its jobs

Keys, tokens, signatures and passwords were taken out, and your home folder is written as ~. Look through it
before you give it away: names of instances, buckets, tags and what your own suites print are still in it.
"""


@dataclass(slots=True)
class Report:
    """Files of the archive, redacted as they are added."""

    redaction: Redaction
    files: dict[str, bytes] = field(default_factory=dict)  # by name

    def add_document(self, name: str, content: Mapping[str, Any]) -> None:
        """Add JSON."""
        text = json.dumps(self.redaction.document(content), indent=2, default=str, sort_keys=False)
        self.files[name] = text.encode()

    def add_text(self, name: str, content: str) -> None:
        """Add a text."""
        self.files[name] = self.redaction.text(clean_lines(content)).encode()

    def write(self, file: Path, at: datetime) -> int:
        """Write the archive, readable by its owner alone; its size in bytes.

        Raises:
            UsageError: there is such a file, or it cannot be made.
        """
        archive = io.BytesIO()
        folder = file.name.partition(".")[0] or "benchtui-report"
        with tarfile.open(fileobj=archive, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
            for name, content in {"README.txt": README.encode(), **self.files}.items():
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.size, entry.mtime, entry.mode = len(content), int(at.timestamp()), 0o600
                tar.addfile(entry, io.BytesIO(content))
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                return stream.write(archive.getvalue())
        except FileExistsError as error:
            raise UsageError(f"there is {file} already", fix="name another file") from error
        except OSError as error:
            raise UsageError(
                f"{file} cannot be written: {error.strerror}", fix="name another file"
            ) from error


async def add_run(report: Report, bucket: Bucket, run: str) -> None:
    """Add what the bucket has of ``run``: its document, its keys, the ends of its logs.

    Raises:
        CloudError: the bucket does not answer.
        UsageError: it is no run's id.
    """
    try:
        key = keys.run_json_key(run)
    except keys.KeyNotOurs as error:
        raise UsageError(str(error), fix="`benchtui runs` lists the runs of the bucket") from error
    await _add_document(report, bucket, key)
    listed: list[str] = []
    logs: dict[str, list[tuple[str, int]]] = {}  # by job: keys and sizes of its chunks
    async for item in bucket.list_keys(keys.run_prefix(run)):
        listed.append(f"{item.last_modified:%Y-%m-%dT%H:%M:%SZ} {item.size:>10} {clean_line(item.key, 300)}")
        job = _job_of_log(item.key)
        if job is not None:
            logs.setdefault(job, []).append((item.key, item.size))
        if len(listed) >= MOST_KEYS:
            listed.append(f"… and more: the first {MOST_KEYS} keys")
            break
    report.add_text("run/keys.txt", "\n".join(listed) + "\n")
    left = ALL_LOGS_BYTES
    for job, chunks in sorted(logs.items()):
        ending = [part async for part in _ending(bucket, chunks, min(LOG_BYTES, left))]
        content = b"".join(reversed(ending))
        left -= len(content)
        report.add_text(f"run/log/{job}.txt", content.decode(errors="replace"))
        if left <= 0:
            report.add_text("run/log/README.txt", "the logs of further jobs are left out: too large\n")
            break


async def _add_document(report: Report, bucket: Bucket, key: str) -> None:
    """run.json, if it is one; else why not."""
    try:
        body = await bucket.get(key, RunDocument.max_bytes)
        content = json.loads(body)
        if not isinstance(content, dict):
            raise ValueError("is no document")
        report.add_document("run/run.json", content)
    except (BenchtuiError, ValueError) as problem:
        report.add_text("run/run.json.missing.txt", f"{key}: {problem}\n")


def _job_of_log(key: str) -> str | None:
    try:
        found = keys.parse_job_object(key)
    except keys.KeyNotOurs:
        return None
    return found.job if found.chunk is not None else None


async def _ending(bucket: Bucket, chunks: list[tuple[str, int]], most: int) -> AsyncIterator[bytes]:
    """The last ``most`` bytes of a log, the last chunk first."""
    for key, _size in sorted(chunks, reverse=True):
        if most <= 0:
            return
        try:
            body = await bucket.get(key, CHUNK_BYTES)
        except BenchtuiError as problem:
            body = f"[{key}: {problem.what}]\n".encode()
        yield body[-most:]
        most -= len(body)
