"""Bucket contents on disk, so that they survive a restart of the local cloud.

Written through: after every S3 request that changed something, what it changed is written (or removed) before
the reply goes out. Bucket settings are kept as the requests that made them and sent again at the next start.
No pickles: nothing in the state directory is executed. Of a versioned bucket only the latest versions
survive.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moto.s3.models import FakeKey, s3_backends

from .calls import SUBRESOURCES, Call

SETTINGS = frozenset(SUBRESOURCES) - {"location"}
Send = Callable[[str, str, str, dict[str, str], bytes], int]


class BucketStore:
    """The folder `buckets/` of a state directory; the server holds a lock per object."""

    def __init__(self, folder: Path, account_id: str) -> None:
        self.folder = folder
        self.account_id = account_id

    @property
    def backend(self) -> Any:
        return s3_backends[self.account_id]["aws"]

    def _bucket(self, name: str) -> Path:
        return self.folder / name

    def _object(self, bucket: str, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._bucket(bucket) / "objects" / digest[:2] / digest

    def record(self, call: Call, settings_headers: dict[str, str]) -> None:
        """Bring the disk up to date after a request that succeeded."""
        if call.service != "s3" or call.method in ("GET", "HEAD") or not call.bucket:
            return
        exists = call.bucket in self.backend.buckets
        if not exists:
            shutil.rmtree(self._bucket(call.bucket), ignore_errors=True)
        elif call.key:
            self._record_object(call.bucket, call.key)
        elif call.action == "DeleteObjects":
            self._drop_missing(call.bucket)
        else:
            self._record_setting(call, settings_headers)

    def _record_setting(self, call: Call, headers: dict[str, str]) -> None:
        names = sorted(SETTINGS & set(call.query))
        name = names[0] if names else "create"
        path = self._bucket(call.bucket) / "settings" / f"{name}.json"
        if call.method == "DELETE":
            path.unlink(missing_ok=True)
        elif call.method == "PUT":
            document = {
                "region": call.region,
                "query": call.query,
                "headers": headers,
                "body": call.body.decode(),
            }
            _write(path, json.dumps(document).encode())

    def _record_object(self, bucket: str, key: str) -> None:
        path = self._object(bucket, key)
        stored = self.backend.buckets[bucket].keys.get(key)
        if not isinstance(stored, FakeKey):
            path.unlink(missing_ok=True)
            return
        about = {
            "key": key,
            "etag": stored.etag.strip('"'),
            "last_modified": stored.last_modified.isoformat(),
            "storage": stored.storage_class,
            "metadata": dict(stored.metadata),
            "encryption": stored.encryption,
            "checksum_algorithm": stored.checksum_algorithm,
            "checksum_value": stored.checksum_value,
            "checksum_type": stored.checksum_type,
        }
        _write(path, json.dumps(about).encode() + b"\n" + stored.value)

    def _drop_missing(self, bucket: str) -> None:
        kept = self.backend.buckets[bucket].keys
        for path in (self._bucket(bucket) / "objects").glob("*/*"):
            with path.open("rb") as stream:
                about = json.loads(stream.readline())
            if about["key"] not in kept:
                path.unlink(missing_ok=True)

    def restore(self, send: Send) -> int:
        """Read everything back; returns how many objects. `send` carries out an S3 request."""
        count = 0
        for folder in sorted(self.folder.glob("*")):
            settings = folder / "settings"
            create = settings / "create.json"
            if not create.exists():
                continue
            for path in [create, *sorted(p for p in settings.glob("*.json") if p != create)]:
                document = json.loads(path.read_text())
                query = "&".join(f"{k}={v}" if v else k for k, v in document["query"].items())
                target = f"/{folder.name}" + (f"?{query}" if query else "")
                send("PUT", target, document["region"], document["headers"], document["body"].encode())
            bucket = self.backend.buckets[folder.name]
            for path in (folder / "objects").glob("*/*"):
                if path.suffix != ".new":
                    self._restore_object(bucket, path)
                    count += 1
        return count

    def _restore_object(self, bucket: Any, path: Path) -> None:
        head, _, value = path.read_bytes().partition(b"\n")
        about = json.loads(head)
        stored = FakeKey(
            name=about["key"],
            bucket_name=bucket.name,
            value=value,
            account_id=self.account_id,
            region_name=bucket.region_name,
            storage=about["storage"],
            etag=about["etag"],
            encryption=about["encryption"],
            checksum_value=about["checksum_value"],
            checksum_type=about["checksum_type"],
        )
        stored.set_metadata(about["metadata"], replace=False)
        stored.checksum_algorithm = about["checksum_algorithm"]
        stored.last_modified = dt.datetime.fromisoformat(about["last_modified"])
        bucket.keys[about["key"]] = stored


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(content)
    temporary.replace(path)
