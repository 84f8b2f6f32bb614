"""The agent as a process: every key and body it writes, whatever happens to it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchtui.core import keys
from benchtui.core.documents import Outcome
from tests.payloads.agent.conftest import JOB, SAMPLE, Instance, python_of_the_agent, said, write_suite

ENDLESS = "import time\nprint('{\"progress\": [1, 10]}', flush=True)\nwhile True: time.sleep(1)\n"


@pytest.fixture
def fault(instance: Instance) -> Iterator[Any]:
    """Add fault rules for this instance's keys; removed afterwards."""

    def add(key: str, **rule: Any) -> None:
        key = f"benchmarks/{instance.run}/{key}"
        rule = {"service": "s3", "action": "PutObject", "match": {"Key": key}, **rule}
        instance.cloud.private("POST", "faults", rule)

    yield add
    instance.cloud.private("DELETE", "faults")


def reason(instance: Instance, suite: str) -> str:
    """Why a suite was declined, as the final sentinel says it; the same as in its result, if it has one."""
    _, final = instance.sentinels()[-1]
    assert final.outcomes[suite].outcome is Outcome.DECLINED
    told = final.outcomes[suite].reason or ""
    if keys.result_key(instance.run, JOB, suite) in instance.written():
        result = instance.result(suite)
        assert (result.outcome, result.reason, result.verified) == (Outcome.DECLINED, told, None)
        assert result.metrics == {}
    return told


def test_a_suite_runs_to_its_end(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    log = instance.finish(instance.start())
    states = ["BOOTED", "PREPARING", "PREPARING/plain", "RUNNING/plain", "COLLECTED/plain", "COMPLETED"]
    assert instance.states() == states, log
    assert [sentinel.seq for sentinel, _ in instance.sentinels()] == [1, 2, 3, 4, 5, 6]
    assert instance.powered_off
    result = instance.result("plain")
    assert result.outcome is Outcome.MEASURED
    assert [sample.value for sample in result.metrics["speed"].samples] == [33.5]
    assert result.verified is None, "nothing was checked"
    assert (result.provider, result.instance_id, result.instance_type) == ("local", "i-0abc", "local.2cpu")


@pytest.mark.long
def test_final_and_collected_sentinels_tell_outcomes(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    instance.finish(instance.start())
    bodies = {str(sentinel.state): body for sentinel, body in instance.sentinels()}
    assert bodies["BOOTED"].instance_id == "i-0abc"
    assert set(bodies["BOOTED"].layers.values()) == {"not armed"}
    assert bodies["COLLECTED"].outcomes["plain"].outcome is Outcome.MEASURED
    assert bodies["COMPLETED"].outcomes["plain"].outcome is Outcome.MEASURED


def test_raw_output_is_what_its_hash_says(instance: Instance, tmp_path: Path) -> None:
    script = said(SAMPLE) + "import sys\nprint('a remark', file=sys.stderr)\n"
    instance.install({"plain": write_suite(tmp_path / "plain", script)})
    instance.finish(instance.start())
    raw = instance.body(keys.raw_key(instance.run, JOB, "plain"))
    assert instance.result("plain").raw_sha256 == hashlib.sha256(raw).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        stderr, stdout = (tar.extractfile(name) for name in ("main.0.stderr", "main.0.stdout"))
        assert stdout is not None
        assert stderr is not None
        assert (stdout.read().decode().strip(), stderr.read()) == (SAMPLE, b"a remark\n")


def test_the_log_of_a_job_holds_what_its_suites_said(instance: Instance, tmp_path: Path) -> None:
    script = "import sys\nprint('a remark', file=sys.stderr)\n" + said(SAMPLE)
    instance.install({"plain": write_suite(tmp_path / "plain", script)})
    instance.finish(instance.start())
    log = b"".join(instance.body(key) for key in instance.written() if "/log/" in key).decode()
    assert "a remark" in log
    assert log.splitlines()[-1].endswith("COMPLETED")


@pytest.mark.long
def test_four_ways_to_fail_leave_four_reasons_and_the_next_suite_runs(
    instance: Instance, tmp_path: Path, fault: Any
) -> None:
    suites = {
        "leaves": "import sys\nprint('fatal error: no such thing', file=sys.stderr)\nsys.exit(3)\n",
        "hangs": "import time\ntime.sleep(600)\n",
        "babbles": said(SAMPLE) + "print('oops, not JSON')\n",
        "refused": said(SAMPLE),
        "plain": said(SAMPLE),
    }
    fault(f"jobs/{JOB}/refused/result.json", status=403)
    instance.install(
        {name: write_suite(tmp_path / name, script, timeout=1) for name, script in suites.items()}
    )
    log = instance.finish(instance.start())
    assert reason(instance, "leaves") == "run main exited with 3: fatal error: no such thing", log
    assert reason(instance, "hangs") == "run main exceeded the time limit of 1 s"
    assert "line 2 of run main is not a record (not JSON): 'oops, not JSON'" in reason(instance, "babbles")
    assert "could not be uploaded" in reason(instance, "refused")
    assert "403 AccessDenied" in reason(instance, "refused")
    assert instance.result("plain").outcome is Outcome.MEASURED
    assert instance.states()[-1] == "COMPLETED"
    assert instance.powered_off


def test_nothing_measured_is_failed(instance: Instance, tmp_path: Path) -> None:
    instance.install({"leaves": write_suite(tmp_path / "leaves", "raise SystemExit(3)\n")})
    instance.finish(instance.start())
    final, body = instance.sentinels()[-1]
    assert str(final.state) == "FAILED"
    assert body.reason == "run main exited with 3"


@pytest.mark.long
def test_a_result_is_in_the_bucket_before_the_next_suite_has_ended(
    instance: Instance, tmp_path: Path
) -> None:
    instance.install(
        {
            "first": write_suite(tmp_path / "first", said(SAMPLE)),
            "endless": write_suite(tmp_path / "endless", ENDLESS),
        }
    )
    agent = instance.start()
    instance.wait_for("RUNNING/endless")
    assert instance.result("first").outcome is Outcome.MEASURED
    agent.send_signal(signal.SIGTERM)
    instance.finish(agent)


def test_user_data_can_end_the_agent_by_the_number_it_left(instance: Instance, tmp_path: Path) -> None:
    """By the very line of the script, which without a line's end reads the number and does not act on it."""
    instance.install({"endless": write_suite(tmp_path / "endless", ENDLESS)})
    agent = instance.start()
    instance.wait_for("RUNNING/endless")
    script = (Path(__file__).parents[3] / "payloads" / "boot" / "script.sh.in").read_text()
    (line,) = (line for line in script.splitlines() if line.startswith("read -r x <$r/agent.pid"))
    shell = f"r={instance.base / 'run'}; {line}".replace("\\$x", "$x")
    assert subprocess.run(["sh", "-c", shell], timeout=10, check=False).returncode == 0
    instance.finish(agent)
    assert instance.states()[-1] == "KILLED"


def test_sigterm_ends_the_benchmark_at_once_and_says_killed(instance: Instance, tmp_path: Path) -> None:
    """Long before the suite's own time limit and the deadline; nothing else would end it."""
    noted, writing = tmp_path / "pid", tmp_path / "pid.new"
    script = (
        f"import os\nopen({str(writing)!r}, 'w').write(str(os.getpid()))\n"
        f"os.rename({str(writing)!r}, {str(noted)!r})\n{ENDLESS}"
    )
    instance.install({"endless": write_suite(tmp_path / "endless", script, timeout=250)})
    agent = instance.start()
    # RUNNING is said before the suite's program is started: one that was never started has no pid.
    instance.wait_until(noted.exists)
    instance.wait_for("RUNNING/endless")
    agent.send_signal(signal.SIGTERM)
    instance.finish(agent, timeout=100)
    assert instance.states()[-1] == "KILLED"
    assert "SIGTERM" in reason(instance, "endless")
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)
    assert instance.powered_off


def test_the_deadline_ends_the_job_without_any_timer(instance: Instance, tmp_path: Path) -> None:
    endless = write_suite(tmp_path / "endless", ENDLESS)
    never = write_suite(tmp_path / "never", said(SAMPLE))
    instance.install({"endless": endless, "never": never}, max_s=3)
    instance.finish(instance.start())
    assert instance.states()[-1] == "TIMED_OUT"
    assert reason(instance, "endless") == reason(instance, "never") == "max_runtime of 3 s is over"
    assert "COMPLETED" not in instance.states()
    assert instance.powered_off


def test_sigterm_at_the_deadline_is_the_deadline(instance: Instance, tmp_path: Path) -> None:
    instance.install({"endless": write_suite(tmp_path / "endless", ENDLESS)}, max_s=25)
    agent = instance.start()
    instance.wait_for("RUNNING/endless")
    agent.send_signal(signal.SIGTERM)
    instance.finish(agent)
    assert instance.states()[-1] == "TIMED_OUT"


def test_the_time_counts_from_user_data_not_from_the_agent(instance: Instance, tmp_path: Path) -> None:
    instance.install({"endless": write_suite(tmp_path / "endless", ENDLESS)}, max_s=100)
    earlier = time.clock_gettime(time.CLOCK_BOOTTIME) - 200
    instance.finish(instance.start(BENCHTUI_T0=f"{earlier:.2f}"))
    assert instance.states()[-1] == "TIMED_OUT"


def test_control_kill_ends_the_job(instance: Instance, tmp_path: Path) -> None:
    instance.install({"endless": write_suite(tmp_path / "endless", ENDLESS)}, beat_s=1)
    agent = instance.start()
    instance.wait_for("RUNNING/endless")
    kill = {"Bucket": instance.bucket, "Key": keys.kill_key(instance.run), "IfNoneMatch": "*"}
    instance.s3.put_object(**kill, Body=b"{}")
    instance.finish(agent)
    assert instance.states()[-1] == "KILLED"
    assert reason(instance, "endless") == "the run was killed (control/kill)"
    assert instance.powered_off


@pytest.mark.long
def test_heartbeats_overwrite_each_other(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", "import time\ntime.sleep(2.5)\n")}, beat_s=1)
    instance.finish(instance.start())
    beat = json.loads(instance.body(keys.heartbeat_key(instance.run, JOB)))
    assert beat["count"] >= 3
    assert beat["state"] == "RUNNING/plain" or beat["state"].endswith("RUNNING/plain")


def test_progress_is_told_at_most_every_five_seconds(instance: Instance, tmp_path: Path) -> None:
    many = "".join(f"print('{{\"progress\": [{i}, 100]}}')\n" for i in range(101)) + said(SAMPLE)
    instance.install({"busy": write_suite(tmp_path / "busy", many)})
    instance.finish(instance.start())
    assert len([1 for sentinel, _ in instance.sentinels() if sentinel.progress]) == 1


def test_another_type_than_requested_measures_nothing(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))}, type="c7g.large")
    instance.finish(instance.start())
    assert instance.states() == ["BOOTED", "FAILED"]
    assert reason(instance, "plain") == "asked for c7g.large, got local.2cpu"
    assert instance.powered_off


def test_another_image_than_requested_measures_nothing(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))}, image="ami-2")
    instance.finish(instance.start())
    assert reason(instance, "plain") == "asked for ami-2, got ami-1"


@pytest.mark.long
def test_all_are_built_before_the_first_is_measured_and_a_failing_one_is_declined_alone(
    instance: Instance, tmp_path: Path
) -> None:
    failing = """[build]\ncommands = [["sh", "-c", "echo 'x.c:3: error: no such thing' >&2; exit 1"]]\n"""
    instance.install(
        {
            "first": write_suite(tmp_path / "first", said(SAMPLE)),
            "broken": write_suite(tmp_path / "broken", said(SAMPLE), extra=failing),
            "last": write_suite(tmp_path / "last", said(SAMPLE)),
        }
    )
    instance.finish(instance.start())
    states = instance.states()
    assert states[1:5] == ["PREPARING", "PREPARING/first", "PREPARING/broken", "PREPARING/last"]
    assert reason(instance, "broken") == "build: sh exited with 1: x.c:3: error: no such thing"
    for name in ("first", "last"):
        result = instance.result(name)
        assert result.outcome is Outcome.MEASURED
        assert result.facts["observed"]["setup_seconds"] > 0


def test_the_system_document_knows_this_machine(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    instance.finish(instance.start())
    system = instance.system()
    assert system.usable_cpus == len(os.sched_getaffinity(0))
    assert (system.provider, system.zone, system.kernel) == ("local", "us-east-1a", os.uname().release)


@pytest.mark.slow
def test_without_metadata_the_job_still_ends(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    instance.metadata.items.clear()
    log = instance.finish(instance.start(), timeout=110)
    assert instance.powered_off, log
    assert instance.written() == []


def test_a_damaged_job_json_still_leads_to_power_off(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    (instance.base / "work/job.json").write_text("{")
    instance.finish(instance.start())
    assert instance.powered_off


@pytest.mark.long
def test_throttles_races_and_lost_answers_change_nothing(
    instance: Instance, tmp_path: Path, fault: Any
) -> None:
    fault("events/*", status=503, times=2)
    fault("events/*", status=409, times=2)
    fault(f"jobs/{JOB}/plain/result.json", after_commit=True, times=1)
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    instance.finish(instance.start())
    assert [sentinel.seq for sentinel, _ in instance.sentinels()] == [1, 2, 3, 4, 5, 6]
    assert instance.states()[-1] == "COMPLETED"
    assert instance.result("plain").outcome is Outcome.MEASURED


def test_refused_uploads_never_prevent_the_power_off(instance: Instance, tmp_path: Path, fault: Any) -> None:
    fault("*", status=403)
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    log = instance.finish(instance.start())
    assert instance.powered_off, log
    assert instance.written() == []


@pytest.mark.long
def test_the_emergency_stop_goes_on_where_a_dead_agent_stopped(instance: Instance, tmp_path: Path) -> None:
    instance.install({"endless": write_suite(tmp_path / "endless", ENDLESS)})
    agent = instance.start()
    instance.wait_for("RUNNING/endless")
    agent.kill()
    instance.finish(agent)
    before = len(instance.sentinels())
    emergency = [python_of_the_agent(), str(instance.base / "work/agent/emergency.py")]
    subprocess.run(emergency, env=instance.environment, check=True, timeout=20)
    final, body = instance.sentinels()[-1]
    assert (str(final.state), final.seq) == ("EMERGENCY_STOP", before + 1)
    assert "emergency deadline" in (body.reason or "")
    subprocess.run(emergency, env=instance.environment, check=True, timeout=20)
    assert len(instance.sentinels()) == before + 1


def test_the_emergency_stop_is_silent_after_a_final_word(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    instance.finish(instance.start())
    emergency = [python_of_the_agent(), str(instance.base / "work/agent/emergency.py")]
    subprocess.run(emergency, env=instance.environment, check=True, timeout=20)
    assert instance.states()[-1] == "COMPLETED"


def test_an_unknown_suite_is_declined_by_name(instance: Instance, tmp_path: Path) -> None:
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))}, suites=["plain", "absent"])
    instance.finish(instance.start())
    assert reason(instance, "absent") == "the bundle has no suite of this name"
    assert instance.result("plain").outcome is Outcome.MEASURED


def test_what_user_data_could_not_arm_is_told_with_its_reason(instance: Instance, tmp_path: Path) -> None:
    for note in ("timer", "locked: Cannot allocate memory", "lock"):
        (instance.base / "run" / "armed" / note).touch()
    instance.install({"plain": write_suite(tmp_path / "plain", said(SAMPLE))})
    instance.finish(instance.start())
    layers = instance.sentinels()[0][1].layers
    assert (layers["timer"], layers["hard-stop"]) == ("armed", "not armed")
    assert layers["locked"] == "not armed (Cannot allocate memory)"
