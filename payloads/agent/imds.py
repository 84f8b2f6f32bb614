"""Instance metadata, version 2: token, identity document and the role's temporary credentials."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Optional

DEFAULT_ENDPOINT = "http://169.254.169.254"
TOKEN_SECONDS = 21600  # the longest life IMDS grants
REFRESH_BEFORE_EXPIRY_S = 300  # EC2 serves the next credentials at least five minutes before expiry
RETRY_REFRESH_S = 10
ANSWER_LIMIT = 256 * 1024

# Metadata is link-local: a proxy in the environment must not see a token.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ImdsUnavailable(Exception):
    """Instance metadata gave no usable answer in the time it was given."""


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials of the instance's role."""

    access_key: str
    secret_key: str
    token: str
    expires: datetime


class Imds:
    """A client of one instance's metadata; safe to use from several threads."""

    def __init__(self, endpoint: Optional[str] = None, timeout_s: float = 5, attempts: int = 5) -> None:
        base = endpoint or os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or DEFAULT_ENDPOINT
        self._base = base.rstrip("/") + "/latest/"
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._lock = threading.Lock()
        self._token: Optional[str] = None
        self._credentials: Optional[Credentials] = None
        self._next_refresh = 0.0

    def _request(self, method: str, path: str, headers: Dict[str, str]) -> str:
        request = urllib.request.Request(self._base + path, method=method, headers=headers)
        with DIRECT.open(request, timeout=self._timeout_s) as answer:
            text: str = answer.read(ANSWER_LIMIT).decode()
            return text

    def get(self, path: str) -> Optional[str]:
        """Text at ``path`` below ``/latest/``; None where the instance has no such item.

        Raises:
            ImdsUnavailable: no answer after all attempts.
        """
        wait_s, last = 0.2, ""
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(wait_s)
                wait_s *= 2
            try:
                if self._token is None:
                    life = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
                    self._token = self._request("PUT", "api/token", life)
                return self._request("GET", path, {"X-aws-ec2-metadata-token": self._token})
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return None
                if error.code == 401:  # the token has run out
                    self._token = None
                last = "HTTP {}".format(error.code)
            except (OSError, ValueError) as error:
                last = str(error)
        raise ImdsUnavailable("instance metadata {}: {}".format(path, last))

    def identity(self) -> Dict[str, Any]:
        """The instance identity document.

        Raises:
            ImdsUnavailable: it is missing or no JSON object.
        """
        text = self.get("dynamic/instance-identity/document")
        try:
            document = json.loads(text or "")
        except ValueError as error:
            raise ImdsUnavailable("identity document: {}".format(error)) from error
        if not isinstance(document, dict):
            raise ImdsUnavailable("identity document is no JSON object")
        return document

    def credentials(self, renew: bool = False) -> Credentials:
        """The role's credentials, fetched anew shortly before they expire or when ``renew`` is set.

        Raises:
            ImdsUnavailable: none could be had, and those at hand have expired.
        """
        with self._lock:
            held, now = self._credentials, datetime.now(timezone.utc)
            left_s = (held.expires - now).total_seconds() if held else 0.0
            due = renew or left_s < REFRESH_BEFORE_EXPIRY_S
            if held and not (due and time.monotonic() >= self._next_refresh):
                return held
            self._next_refresh = time.monotonic() + RETRY_REFRESH_S
            try:
                self._credentials = self._fetch_credentials()
            except ImdsUnavailable:
                if held is None or left_s <= 0:
                    raise
            return self._credentials or self._fetch_credentials()

    def _fetch_credentials(self) -> Credentials:
        roles = (self.get("meta-data/iam/security-credentials/") or "").split()
        if not roles:
            raise ImdsUnavailable("the instance has no role")
        text = self.get("meta-data/iam/security-credentials/" + roles[0])
        try:
            body = json.loads(text or "")
            expires = datetime.strptime(body["Expiration"][:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
            return Credentials(
                access_key=body["AccessKeyId"],
                secret_key=body["SecretAccessKey"],
                token=body["Token"],
                expires=expires,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ImdsUnavailable("credentials of role {}: {!r}".format(roles[0], error)) from error
