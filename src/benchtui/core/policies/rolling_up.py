"""What it takes to write roll-ups of the history, beside what reading it takes."""

from __future__ import annotations

from benchtui.core.policies.model import Policy, Statement
from benchtui.core.policies.scope import Scope


def history_rights(scope: Scope) -> Policy:
    """`history --compact`; to be attached beside `watcher` or `launcher`, which read the runs."""
    return Policy(
        "history",
        "Rolls up the closed runs of past months; changes nothing of a run. Beside watcher or launcher.",
        (
            Statement(
                "WriteRollups",
                "Closed runs of a past month go into one object, which is written once; the runs stay as "
                "they are.",
                ("s3:PutObject",),
                scope.objects("history/*"),
            ),
        ),
    )
