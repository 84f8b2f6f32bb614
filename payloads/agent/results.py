"""Upload of a suite's result: result.json and raw.tar.gz."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any, Dict

from keys import raw_key, result_key
from seals import sealed

from objects import Objects

FILE_LIMIT = 8 * 1024 * 1024  # of one raw file; the rest of it is dropped, and says so
TOTAL_LIMIT = 64 * 1024 * 1024  # of all files of a suite, which may be two for each of many repetitions
CUT = b"\n[cut here: longer than the limit]\n"
UPLOAD_BUDGET_S = 120.0


class RawFiles:
    """Raw output by file name, bounded."""

    def __init__(self) -> None:
        self._files: Dict[str, bytearray] = {}
        self._cut: Dict[str, bool] = {}
        self._bytes = 0

    def add(self, name: str, chunk: bytes) -> None:
        """Append to file ``name`` up to the limit."""
        file = self._files.setdefault(name, bytearray())
        room = min(FILE_LIMIT - len(file), TOTAL_LIMIT - self._bytes)
        self._bytes += max(0, min(room, len(chunk)))
        file += chunk[: max(0, room)]
        if len(chunk) > room and not self._cut.get(name):
            self._cut[name] = True
            file += CUT

    def tar_gz(self) -> bytes:
        """All files as a .tar.gz that depends on nothing but their names and contents."""
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as zipped:
            with tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for name in sorted(self._files):
                    entry = tarfile.TarInfo(name)
                    entry.size = len(self._files[name])
                    tar.addfile(entry, io.BytesIO(bytes(self._files[name])))
        return packed.getvalue()


def upload(
    objects: Objects, document: Dict[str, Any], raw: RawFiles, budget_s: float = UPLOAD_BUDGET_S
) -> None:
    """Write result.json, then raw.tar.gz: the numbers are what must not be lost.

    Raises:
        StoreError: one of them could not be written.
    """
    archive = raw.tar_gz()
    named = {**document, "raw_sha256": hashlib.sha256(archive).hexdigest()}
    run, job, suite = document["run"], document["job"], document["suite"]
    key = result_key(run, job, suite)
    body = sealed(key, json.dumps(named, allow_nan=False, indent=1).encode())
    objects.put(key, body, budget_s=budget_s)
    objects.put(raw_key(run, job, suite), archive, content_type="application/gzip", budget_s=budget_s)
