"""Compressed bytes from outside, unpacked to a bound: a kilobyte may be a gigabyte in disguise."""

from __future__ import annotations

import zlib

_GZIP = 31  # window bits of zlib that mean gzip


class NotGzipError(ValueError):
    """The bytes are not one whole gzip stream, or unpack to more than allowed."""


def gunzip(content: bytes, most: int) -> bytes:
    """The text of one gzip stream.

    Args:
        content: its bytes; nothing may follow it.
        most: bytes that it may unpack to; no more are ever unpacked.

    Raises:
        NotGzipError: it is none, is cut off, is followed by something, or is larger.
    """
    unpacker = zlib.decompressobj(_GZIP)
    try:
        text = unpacker.decompress(content, most)
        if not unpacker.eof and unpacker.unconsumed_tail:
            unpacker.decompress(unpacker.unconsumed_tail, 1)  # the end alone may be left
    except zlib.error as error:
        raise NotGzipError(f"not compressed by gzip: {error}") from error
    if not unpacker.eof:
        raise NotGzipError(f"is larger than {most} bytes, or cut off")
    if unpacker.unused_data:
        raise NotGzipError("something follows its end")
    return text
