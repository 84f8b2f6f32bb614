"""Durations as people write them: 4h, 90m, 1h30m, 45s, or a whole number of seconds."""

from __future__ import annotations

import re

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_FORM = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s?)?")


def parse_duration(value: object) -> object:
    """Seconds of a duration; anything that is neither text nor number is passed on unchanged.

    Raises:
        ValueError: text that is no duration; the message shows the accepted forms.
    """
    if isinstance(value, bool):
        raise ValueError('must be a duration such as "4h", "30m" or 90 (seconds)')
    if not isinstance(value, str):
        return value
    form = _FORM.fullmatch(value.replace(" ", ""))
    if form is None or not any(form.groups()):
        raise ValueError(f'must be a duration such as "4h", "30m" or 90 (seconds), not {value!r}')
    return sum(
        int(count) * seconds for count, seconds in zip(form.groups(), _UNITS.values(), strict=True) if count
    )


def format_duration(seconds: int) -> str:
    """The shortest of the accepted forms: 14400 → 4h, 5400 → 1h30m, 0 → 0s."""
    parts = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
