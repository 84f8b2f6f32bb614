"""aiobotocore, with certificates that are read once in a process and not while it starts.

OpenSSL 3.0 takes 40 to 60 ms to read a machine's certificates. aiohttp does so twice when it is imported, for
contexts that aiobotocore never uses, and aiobotocore once per client: twenty regions, twenty times. Whoever
needs aiohttp or aiobotocore imports it from here.
"""

from __future__ import annotations

import os
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["AioConfig", "AioSession", "SharedCertificates", "aiohttp", "read_certificates"]


@contextmanager
def _none_are_read() -> Iterator[None]:
    """Contexts made meanwhile know no authority: whoever used one would be refused every connection."""
    ssl.SSLContext.set_default_verify_paths = lambda _self: None  # type: ignore[assignment]
    try:
        yield
    finally:
        del ssl.SSLContext.set_default_verify_paths  # what it inherits shows again


if "aiohttp" not in sys.modules:
    with _none_are_read():
        import aiohttp.connector

import aiohttp  # noqa: E402
from aiobotocore.config import AioConfig  # noqa: E402
from aiobotocore.httpsession import AIOHTTPSession  # noqa: E402
from aiobotocore.session import AioSession  # noqa: E402

Contexts = tuple[ssl.SSLContext, ssl.SSLContext | None]  # for the endpoint, for a proxy


class SharedCertificates(AIOHTTPSession):  # type: ignore[misc]
    """aiobotocore's connections, with one TLS context for all clients that ask for the same one.

    Where a client has a certificate of its own or goes through a proxy, its context is its own.
    """

    _lock = threading.Lock()  # contexts are made in threads
    _made: dict[Any, Contexts] = {}  # noqa: RUF012  (of the whole process)

    def _build_ssl_contexts(self, proxy_url: str | None) -> Contexts:
        if self._cert_file or proxy_url:
            return super()._build_ssl_contexts(proxy_url)  # type: ignore[no-any-return]
        with self._lock:
            if self._verify not in self._made:
                self._made[self._verify] = super()._build_ssl_contexts(None)
            return self._made[self._verify]


def read_certificates(session: AioSession) -> None:
    """Read what clients of ``session`` will ask for, ahead of them and in a thread.

    Whatever is wrong with the certificates is for the first client to say.
    """
    with suppress(Exception):
        bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True
        SharedCertificates(verify=bundle)._build_ssl_contexts(None)
