"""The exit code, case by case."""

from dataclasses import replace

import pytest

from benchtui.aws.failures import FailureKind
from benchtui.core.errors import ExitCode
from benchtui.engine.verdict import Ending, exit_code

GOOD = Ending(cells=4, succeeded=4)
DENIED, QUOTA, CAPACITY = (
    frozenset({kind}) for kind in (FailureKind.DENIED, FailureKind.QUOTA, FailureKind.CAPACITY)
)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (GOOD, 0),
        (replace(GOOD, succeeded=3), 1),
        (replace(GOOD, succeeded=0), 1),
        (replace(GOOD, succeeded=0, may_exist=False, refusals=DENIED), 3),
        (replace(GOOD, succeeded=0, may_exist=False, refusals=QUOTA), 3),
        (replace(GOOD, succeeded=0, may_exist=False, refusals=DENIED | CAPACITY), 3),
        (replace(GOOD, succeeded=0, may_exist=False, refusals=CAPACITY), 1),
        (replace(GOOD, succeeded=3, refusals=QUOTA), 1),  # some were launched
        (replace(GOOD, timed_out=True), 4),
        (replace(GOOD, overdue=1), 6),
        (replace(GOOD, overdue=1, timed_out=True), 6),
        (replace(GOOD, ec2_settled=False), 6),
        (replace(GOOD, ec2_settled=False, timed_out=True), 6),
        (replace(GOOD, succeeded=0, may_exist=False, ec2_settled=False, refusals=DENIED), 3),
        (replace(GOOD, interrupted=ExitCode.INTERRUPTED), 130),
        (replace(GOOD, interrupted=ExitCode.TERMINATED, ec2_settled=False), 143),
        (replace(GOOD, interrupted=ExitCode.INTERRUPTED, overdue=1), 6),
    ],
)
def test_exit_code(ending: Ending, code: int):
    assert exit_code(ending) == code
