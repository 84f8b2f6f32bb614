"""A drill's user data is everybody's, with one marked line more, and still fits."""

from __future__ import annotations

import pytest

from benchtui.core.drills import Loss
from benchtui.core.faults import faulty
from benchtui.core.userdata import MAX_BYTES, JobUserData, Templates, render
from benchtui.engine.packaged import packaged_templates

JOB = JobUserData(
    run="20261124-021533-k3f7",
    job="t4g.nano-1",
    bucket="benchtui-123456789012-ap-southeast-1",
    bucket_region="ap-southeast-1",
    bundle_sha256="0" * 64,
    instance_type="t4g.nano",
    image_id="ami-0123456789abcdef0",
    suites=("drill",),
    mode="quick",
    max_runtime_s=60,
    emergency_grace_s=80,
)


def added(loss: Loss) -> list[str]:
    """Lines that the fault adds; nothing is taken away."""
    before = render(JOB, packaged_templates()).splitlines()
    after = render(JOB, faulty(packaged_templates(), loss)).splitlines()
    more = []
    for line in after:
        if before and line == before[0]:
            before.pop(0)
        else:
            more.append(line)
    assert before == []
    return more


@pytest.mark.parametrize("loss", Loss)
def test_it_fits_and_says_what_it_is(loss: Loss) -> None:
    text = render(JOB, faulty(packaged_templates(), loss))
    assert len(text.encode()) <= MAX_BYTES
    assert ("benchtui drill, on purpose:" in text) is (loss is not Loss.LAUNCHER_GONE)


def test_a_launcher_that_is_gone_needs_no_fault() -> None:
    assert added(Loss.LAUNCHER_GONE) == []


def test_it_hangs_after_its_timers_are_armed_and_before_the_network() -> None:
    (line,) = added(Loss.HUNG)
    text = render(JOB, faulty(packaged_templates(), Loss.HUNG))
    assert line.endswith("sleep 86400")
    assert text.index("armed/hard-stop") < text.index(line) < text.index("urllib.request")


def test_agent_and_shell_are_killed_not_asked() -> None:
    (line,) = added(Loss.AGENT_KILLED)
    assert "kill -9 $(cat $r/agent.pid) $$" in line


def test_nothing_is_armed_where_the_schedule_is_alone() -> None:
    hook, hang = added(Loss.SCHEDULE_ONLY)
    text = render(JOB, faulty(packaged_templates(), Loss.SCHEDULE_ONLY))
    assert hook.endswith("exit 0")
    assert hang == "sleep 86400"
    assert text.index("exit 0") < text.index("panic=10")
    assert text.index(hang) < text.index("armed/hard-stop")


def test_templates_that_have_changed_are_refused_and_not_sent_without_the_fault() -> None:
    other = Templates("#!/bin/sh\n", "#!/bin/sh\necho\n", "", "")
    with pytest.raises(ValueError, match="has no line"):
        faulty(other, Loss.HUNG)
    with pytest.raises(ValueError, match="interpreter"):
        faulty(Templates("", "", "", ""), Loss.SCHEDULE_ONLY)
