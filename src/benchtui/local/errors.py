"""What can go wrong with the local cloud itself."""

from __future__ import annotations

from benchtui.core.errors import BenchtuiError


class LocalCloudError(BenchtuiError):
    """The local cloud cannot be started, found or ended, or no instance can run in it."""
