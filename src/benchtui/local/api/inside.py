"""Requests that the local cloud sends to itself, without a connection."""

from __future__ import annotations

import io
from typing import Any

from .authorisation import INSIDE


def inside(
    access_key_id: str,
    service: str,
    region: str,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
) -> dict[str, Any]:
    """The WSGI environment of a request to ``service`` in the name of ``access_key_id``, without a signature.

    Args:
        target: path with query.
        headers: as WSGI names them.
    """
    path, _, query = target.partition("?")
    scope = f"{access_key_id}/20261101/{region}/{service}/aws4_request"
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        INSIDE: True,
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=inside",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **headers,
    }
