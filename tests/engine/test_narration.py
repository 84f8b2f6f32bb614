"""Events in words."""

from datetime import UTC, datetime

import pytest

from benchtui.engine.events import Event
from benchtui.engine.narration import words

AT = datetime(2026, 11, 24, 2, 15, 33, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        (
            "launched",
            {"job": "c7g.large-1", "instance_id": "i-1", "zone": "us-east-1a", "region": "us-east-1"},
            "02:15:33Z c7g.large-1 launched as i-1 in us-east-1a",
        ),
        (
            "state",
            {"job": "c7g.large-1", "state": "RUNNING", "before": "PREPARING", "suite": "stream"},
            "02:15:33Z c7g.large-1 RUNNING stream",
        ),
        (
            "state",
            {"job": "c7g.large-1", "state": "LOST", "before": "RUNNING", "reason": "EC2 says terminated"},
            "02:15:33Z c7g.large-1 LOST: EC2 says terminated",
        ),
        ("state", {"job": "c7g.large-1", "state": "RUNNING", "before": "RUNNING", "progress": [1, 2]}, None),
        (
            "declined",
            {"job": "c7g.large-1", "reason": "quota: VcpuLimitExceeded", "fix": "ask for more"},
            "02:15:33Z c7g.large-1 declined: quota: VcpuLimitExceeded\n  fix: ask for more",
        ),
        (
            "retry",
            {"job": "c7g.large-1", "zone": "us-east-1a", "attempt": 1, "reason": "capacity: none"},
            "02:15:33Z c7g.large-1 refused in us-east-1a, attempt 1: capacity: none",
        ),
        ("alarm", {"job": "c7g.large-1", "text": "alive"}, "02:15:33Z ALARM c7g.large-1: alive"),
        ("kill", {"region": "us-east-1", "asked": [], "alive": 1}, None),
        ("something new", {"job": "c7g.large-1"}, None),
    ],
)
def test_words(kind: str, fields: dict[str, object], said: str | None):
    assert words(Event(kind, AT, fields)) == said


def test_an_event_with_other_fields_than_expected_disturbs_nobody():
    assert words(Event("retry", AT, {"job": "c7g.large-1"})) == "02:15:33Z retry: job c7g.large-1"
