"""S3 objects: written once, checked by the server's own checksum, retried within a bound."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import re
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Callable, Dict, Optional, Tuple

from imds import DIRECT, Imds, ImdsUnavailable
from sigv4 import quote_key, sign

REQUEST_TIMEOUT_S = 10
FIRST_WAIT_S, LONGEST_WAIT_S = 0.3, 10.0
ERROR_BODY_LIMIT = 8192
#: Answers that mean "again": a lost race of two conditional writes, throttling, the server's own trouble.
AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
STALE_CREDENTIALS = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})


class StoreError(Exception):
    """An object could not be written or read."""


class Refused(StoreError):
    """S3 said no, and asking again would not change it."""

    def __init__(self, key: str, status: int, code: str) -> None:
        super().__init__("{}: refused with {} {}".format(key, status, code).rstrip())
        self.status = status
        self.code = code


class Unreachable(StoreError):
    """No success within the time given."""


class Altered(StoreError):
    """S3 holds something else than what was sent."""


def s3_endpoint(region: str) -> str:
    """Base URL of S3 in ``region``, or what the environment names in its place."""
    suffix = ".cn" if region.startswith("cn-") else ""
    default = "https://s3.{}.amazonaws.com{}".format(region, suffix)
    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return (named or default).rstrip("/")


class Objects:
    """One bucket, addressed path-style, with the role's credentials; safe for several threads."""

    def __init__(
        self,
        bucket: str,
        region: str,
        imds: Imds,
        say: Callable[[str], None] = lambda text: None,
        endpoint: Optional[str] = None,
    ) -> None:
        self._base = "{}/{}/".format(endpoint or s3_endpoint(region), bucket)
        self._region = region
        self._imds = imds
        self._say = say
        self._offset = timedelta(0)  # the server's clock minus ours
        self._fresh: Dict[str, str] = {}  # by key: SHA-256 of what was written once and not told of yet
        self._fresh_lock = threading.Lock()

    def put(
        self,
        key: str,
        body: bytes,
        content_type: str = "application/json",
        once: bool = True,
        budget_s: float = 60,
    ) -> None:
        """Write an object; with ``once`` an object already there counts as written.

        Raises:
            Refused: S3 said no for good.
            Unreachable: no success within ``budget_s`` seconds.
            Altered: the ETag S3 answered is not the body's.
        """
        headers = {
            "Content-Type": content_type,
            "X-Amz-Checksum-SHA256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        }
        if once:
            headers["If-None-Match"] = "*"
        status, answered, _ = self._until("PUT", key, headers, body, budget_s, ok=(412,) if once else ())
        etag = answered.get("etag", "").strip('"')
        encrypted_by_key = answered.get("x-amz-server-side-encryption", "").startswith("aws:")
        if status != 412 and re.fullmatch("[0-9a-f]{32}", etag) and not encrypted_by_key:
            if etag != hashlib.md5(body, usedforsecurity=False).hexdigest():
                raise Altered("{}: stored with ETag {}, which is not what was sent".format(key, etag))
        if once:
            with self._fresh_lock:
                self._fresh[key] = hashlib.sha256(body).hexdigest()

    def take_fresh(self, prefix: str, most: int) -> Dict[str, str]:
        """SHA-256 by key of at most ``most`` objects written below ``prefix``; each is told once."""
        with self._fresh_lock:
            told = [key for key in self._fresh if key.startswith(prefix)][:most]
            return {key: self._fresh.pop(key) for key in told}

    def get(self, key: str, limit: int, budget_s: float = 60) -> Optional[bytes]:
        """Body of an object, None if it is not there.

        Without permission to list, S3 answers 403 for an object that does not exist: both are None.

        Raises:
            Refused, Unreachable: as for :meth:`put`.
            Altered: longer than ``limit`` bytes.
        """
        status, _, body = self._until("GET", key, {}, b"", budget_s, ok=(403, 404), limit=limit + 1)
        if status in (403, 404):
            return None
        if len(body) > limit:
            raise Altered("{}: longer than {} bytes".format(key, limit))
        return body

    def _until(
        self,
        method: str,
        key: str,
        headers: Dict[str, str],
        body: bytes,
        budget_s: float,
        ok: Tuple[int, ...] = (),
        limit: int = ERROR_BODY_LIMIT,
    ) -> Tuple[int, Dict[str, str], bytes]:
        """Repeat a request with jittered, growing pauses until it succeeds or the budget is spent."""
        ends = time.monotonic() + budget_s
        pause_s, why, renewed = FIRST_WAIT_S, "no attempt", False
        while True:
            left_s = ends - time.monotonic()
            try:
                status, answered, text = self._once(
                    method, key, headers, body, max(1.0, min(REQUEST_TIMEOUT_S, left_s)), limit
                )
            except (OSError, ImdsUnavailable, ValueError, urllib.error.URLError) as error:
                why = str(error) or type(error).__name__
            else:
                code = _error_code(text) if status >= 300 else ""
                if status < 300:
                    return status, answered, text
                why = "{} {}".format(status, code).strip()
                if code == "RequestTimeTooSkewed" and "date" in answered:
                    self._offset = parsedate_to_datetime(answered["date"]) - datetime.now(timezone.utc)
                elif code in STALE_CREDENTIALS and not renewed:
                    renewed = True
                    self._imds.credentials(renew=True)
                elif status in ok:
                    return status, answered, text
                elif status not in AGAIN:
                    raise Refused(key, status, code)
            wait_s = random.uniform(pause_s / 2, pause_s)  # noqa: S311 (jitter, no secret)
            pause_s = min(pause_s * 2, LONGEST_WAIT_S)
            if time.monotonic() + wait_s >= ends:
                raise Unreachable("{}: no success within {:.0f} s, last: {}".format(key, budget_s, why))
            self._say("{} {}: {}, again in {:.1f} s".format(method, key, why, wait_s))
            time.sleep(wait_s)

    def _once(
        self, method: str, key: str, headers: Dict[str, str], body: bytes, timeout_s: float, limit: int
    ) -> Tuple[int, Dict[str, str], bytes]:
        url = self._base + quote_key(key)
        signed = sign(
            method,
            url,
            headers,
            hashlib.sha256(body).hexdigest(),
            self._imds.credentials(),
            self._region,
            datetime.now(timezone.utc) + self._offset,
        )
        request = urllib.request.Request(
            url, data=body if method == "PUT" else None, headers=signed, method=method
        )
        try:
            with DIRECT.open(request, timeout=timeout_s) as answer:
                status, got, text = answer.status, answer.headers, answer.read(limit)
        except urllib.error.HTTPError as error:
            status, got, text = error.code, error.headers, error.read(ERROR_BODY_LIMIT)
        return status, {name.lower(): value for name, value in got.items()}, text


def _error_code(body: bytes) -> str:
    """The <Code> of an S3 error; empty if there is none."""
    found = re.search(rb"<Code>([A-Za-z0-9.]{1,80})</Code>", body)
    return found.group(1).decode() if found else ""
