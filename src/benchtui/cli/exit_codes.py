"""What exit codes mean: for the help, the man page and docs/FORMATS.md, which a test compares."""

from __future__ import annotations

EXIT_CODES: tuple[tuple[str, str], ...] = (
    ("0", "ok"),
    ("1", "a benchmark failed or was declined; any error without a code of its own"),
    ("2", "usage or configuration"),
    ("3", "credentials, permission or quota"),
    ("4", "time limit"),
    ("5", "the budget covers no job, or declined some, or was spent and the run ended"),
    ("6", "instances may still be running; outranks all others"),
    ("7", "confirmed regression"),
    ("129, 130, 143", "terminal gone, interrupted, terminated"),
    ("141", "the reader of stdout went away"),
)


def exit_codes_text() -> str:
    """A table for the end of the help."""
    rows = [f"  {code:<14} {meaning}" for code, meaning in EXIT_CODES]
    return "\n".join(["exit codes:", *rows]) + "\n"
