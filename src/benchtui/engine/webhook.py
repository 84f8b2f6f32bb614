"""One POST of JSON to an address that somebody else answers at: bounded, no redirects, never logged."""

from __future__ import annotations

import http.client
import ipaddress
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from benchtui import __version__
from benchtui.core.text import clean_line

ANSWER_BYTES = 4096  # of the answer, for the connection's sake; nothing in it is used


class WebhookError(Exception):
    """It was not taken. The text names the host, never the address, which may hold a secret."""

    def __init__(self, text: str, *, again: bool) -> None:
        super().__init__(text)
        self.again = again  # whether another try may help


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """What was meant for one host goes to no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def check_address(url: str) -> str:
    """The host of an address that may be posted to.

    Raises:
        WebhookError: it is not https, which only this machine's own addresses need not be.
    """
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise WebhookError("the webhook's address is not a URL that begins with https://", again=False)
    if parts.scheme == "http" and not _is_loopback(host):
        raise WebhookError(f"the webhook of {clean_line(host)} is not https", again=False)
    return clean_line(host)


def post(url: str, record: Mapping[str, Any], seconds: float) -> None:
    """Send ``record`` as JSON.

    Args:
        url: where to.
        record: what.
        seconds: longest wait for the connection and for the answer, each.

    Raises:
        WebhookError: it was not taken.
    """
    host = check_address(url)
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        url,
        json.dumps(record).encode(),
        {"Content-Type": "application/json", "User-Agent": f"benchtui/{__version__}"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=seconds) as answer:
            answer.read(ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        again = error.code >= 500 or error.code == 429
        raise WebhookError(f"{host} answered {error.code}", again=again) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise WebhookError(f"{host}: {clean_line(str(reason))}", again=True) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
