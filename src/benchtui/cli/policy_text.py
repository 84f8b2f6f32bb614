"""Policies for reading: each with its reasons in front."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from benchtui.core.policies import Policy

WIDTH = 80


def policy_lines(policy: Policy) -> Iterator[str]:
    """Name, purpose, the reason of each statement, the document."""
    yield f"# {policy.name}"
    yield from _comment(policy.about)
    yield f"# {policy.size} of the {policy.limit} characters that AWS takes"
    for each in policy.statements:
        yield from _comment(f"{each.sid}: {each.why}", "#   ")
    yield policy.document_text()
    yield ""


def policy_fields(policy: Policy) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "name": policy.name,
        "about": policy.about,
        "size": policy.size,
        "limit": policy.limit,
        "why": {each.sid: each.why for each in policy.statements},
        "document": policy.document(),
    }


def _comment(text: str, indent: str = "# ") -> list[str]:
    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent="#     " if indent != "# " else indent)
