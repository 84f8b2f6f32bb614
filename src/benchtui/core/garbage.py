"""The garbage collector, where much is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_at_rest(*, keep: bool = False) -> Iterator[None]:
    """Without collections; if it was at rest before, it stays so.

    Args:
        keep: nothing that is there at the end is looked through ever again.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        if keep:
            gc.freeze()
    finally:
        if collects:
            gc.enable()
