"""`benchtui run` as a process: what it asks, streams, survives and returns."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from .conftest import PLAN, Cli, last_line


def test_without_terminal_and_without_yes_it_exits_2_and_names_the_flag(cli: Cli):
    ended = cli("run", "--local")
    assert ended.returncode == 2
    assert "--yes" in ended.stderr
    assert ended.stdout == ""


def test_json_ends_in_a_summary_even_then(cli: Cli):
    ended = cli("run", "--local", "--json", stdin=None, preexec_fn=lambda: os.close(0))
    assert ended.returncode == 2
    summary = last_line(ended.stdout)
    assert summary["type"] == "summary"
    assert summary["exit_code"] == 2
    assert "--yes" in summary["error"]["fix"]


def test_a_configuration_error_is_a_summary_with_exit_code_2(cli: Cli):
    cli.configure("[plan]\ntyps = []\n")
    ended = cli("run", "--yes", "--json")
    assert ended.returncode == 2
    assert "plan.types" in last_line(ended.stdout)["error"]["what"]


def test_worst_case_above_the_budget_is_refused_with_exit_code_5_and_launches_nothing(local_cli: Cli):
    local_cli.configure(PLAN + '[prices.on_demand]\n"local.1cpu" = 100\n')
    ended = local_cli("run", "--yes", "--local", "--json")
    assert ended.returncode == 5
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [record["type"] for record in records] == ["plan", "summary"]
    assert records[0]["budget"]["fits"] is False
    assert records[-1]["run"] is None
    assert "refused" in ended.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("code", "status", "exit_code"),
    [
        ("UnauthorizedOperation", 403, 3),
        pytest.param("VcpuLimitExceeded", 400, 3, marks=pytest.mark.slow),
        pytest.param("InsufficientInstanceCapacity", 500, 1, marks=pytest.mark.slow),
    ],
)
def test_nothing_launched(local_cli: Cli, code: str, status: int, exit_code: int):
    assert local_cli.cloud
    local_cli.cloud.private(
        "POST",
        "faults",
        {"service": "ec2", "action": "RunInstances", "code": code, "status": status},
    )
    ended = local_cli("run", "--yes", "--local", "--json")
    assert ended.returncode == exit_code, ended.stderr
    summary = last_line(ended.stdout)
    assert summary["planned"] == summary["declined"] == 2
    assert all(code in row["reason"] for row in summary["rows"])
    assert summary["still_alive"] == []


@pytest.mark.long
def test_a_type_without_capacity_in_any_zone_is_declined_with_1_and_the_other_type_runs(local_cli: Cli):
    two_types = 'types = ["local.1cpu", "local.2cpu"]\nreplicates = 1'
    local_cli.configure(PLAN.replace('types = ["local.1cpu"]\nreplicates = 2', two_types))
    assert local_cli.cloud
    local_cli.cloud.private(
        "POST",
        "faults",
        {
            "service": "ec2",
            "action": "RunInstances",
            "match": {"InstanceType": "local.1cpu"},
            "code": "InsufficientInstanceCapacity",
            "status": 500,
        },
    )
    ended = local_cli("run", "--yes", "--local", "--json", "--detach")
    assert ended.returncode == 1, ended.stderr
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    asked = {record["zone"] for record in records if record["type"] == "launching"}
    zones = local_cli.cloud.boto3("ec2").describe_availability_zones()["AvailabilityZones"]
    assert asked == {None, *(zone["ZoneName"] for zone in zones)}
    (declined,) = [record for record in records if record["type"] == "declined"]
    assert declined["job"] == "local.1cpu-1"
    assert declined["reason"].startswith("capacity: InsufficientInstanceCapacity")
    (instance,) = local_cli.instances(records[-1]["run"])
    assert instance["InstanceType"] == "local.2cpu"
    assert records[-1]["still_alive"] == [instance["InstanceId"]]


@pytest.mark.long
def test_timeout_leaves_with_4_and_names_what_goes_on(local_cli: Cli):
    ended = local_cli("run", "--yes", "--local", "--json", "--timeout", "1")
    assert ended.returncode == 4
    summary = last_line(ended.stdout)
    assert summary["still_alive"] == local_cli.alive(summary["run"])
    assert len(summary["still_alive"]) == 2
    assert summary["closed"] is False
    assert f"benchtui kill {summary['run']} --local" in ended.stderr


@pytest.mark.long
def test_an_instance_alive_after_its_end_outranks_the_timeout(local_cli: Cli):
    with local_cli.start("run", "--yes", "--local", "--json", "--timeout", "5") as process:
        launched = [record for record in started(process, "launched", 2) if record["type"] == "launched"]
        assert local_cli.cloud
        local_cli.cloud.boto3("ec2").create_tags(
            Resources=[record["instance_id"] for record in launched],
            Tags=[{"Key": "benchtui:expires", "Value": "2020-01-01T00:00:00Z"}],
        )
        out, err = process.communicate(timeout=60)
    assert process.returncode == 6, err
    assert "ALARM" in err
    assert len(last_line(out)["still_alive"]) == 2


@pytest.mark.long
def test_detach_returns_when_everything_is_launched_and_prints_the_run(local_cli: Cli):
    ended = local_cli("run", "--yes", "--local", "--detach")
    assert ended.returncode == 0
    run = ended.stdout.strip()
    assert len(local_cli.alive(run)) == 2
    for command in ("watch", "collect", "kill"):
        assert f"benchtui {command} {run} --local" in ended.stderr


@pytest.mark.long
def test_events_are_numbered_without_a_gap_and_money_is_text(local_cli: Cli):
    ended = local_cli("run", "--yes", "--local", "--json", "--detach")
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert {record["v"] for record in records} == {1}
    assert [record["type"] for record in records].count("launched") == 2
    assert records[-1]["worst_case_usd"] == "0.000000"


def started(process: subprocess.Popen[str], kind: str, count: int) -> list[dict]:
    """Read the stream until ``count`` events of ``kind`` have come."""
    assert process.stdout
    records: list[dict] = []
    while sum(record["type"] == kind for record in records) < count:
        records.append(json.loads(process.stdout.readline()))
    return records


@pytest.mark.long
def test_ctrl_c_once_says_what_keeps_running_and_twice_leaves_with_130(local_cli: Cli):
    with local_cli.start("run", "--yes", "--local", "--json") as process:
        run = started(process, "state", 2)[1]["run"]
        process.send_signal(signal.SIGINT)
        assert process.stderr
        said = ""
        while "Ctrl-C again leaves" not in said:
            said += process.stderr.readline()
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    alive = local_cli.alive(run)
    assert len(alive) == 2
    for instance_id in alive:
        assert f"{instance_id} in us-east-1, at the latest 20" in said
    summary = last_line(out)
    assert summary["exit_code"] == 130
    assert summary["still_alive"] == alive


@pytest.mark.long
def test_sigterm_leaves_at_once_with_143_and_the_same_message(local_cli: Cli):
    with local_cli.start("run", "--yes", "--local", "--json") as process:
        started(process, "launched", 2)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "still running" in err
    assert last_line(out)["exit_code"] == 143


@pytest.mark.slow
def test_a_reader_that_goes_away_does_not_end_the_run(local_cli: Cli):
    with local_cli.start("run", "--yes", "--local", "--json", "--timeout", "3") as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["type"] == "plan"
        process.stdout.close()
        assert process.stderr
        err = process.stderr.read()
    assert process.returncode == 4
    assert "stdout was closed; the run goes on" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_under_nohup_a_hangup_does_not_end_the_run(local_cli: Cli):
    def nohup() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with local_cli.start("run", "--yes", "--local", "--json", "--timeout", "3", preexec_fn=nohup) as process:
        started(process, "launched", 2)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 4


def on_a_terminal(cli: Cli, answer: str, *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of a process whose stdin and stderr are a terminal."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchtui", *arguments],
        cwd=cli.cwd,
        env=cli.environment | {"TERM": "dumb"},
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    )
    os.close(theirs)
    said = b""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
        if said.endswith(b": ") and answer:
            os.write(ours, answer.encode() + b"\n")
            answer = ""
    os.close(ours)
    return process.wait(timeout=30), said.decode()


@pytest.mark.long
def test_a_person_is_shown_the_plan_and_asked(local_cli: Cli):
    code, said = on_a_terminal(local_cli, "no", "run", "--local")
    assert code == 2
    assert "local.1cpu-1" in said
    assert "Launch 2 instances for at most 0.00 USD?" in said
    assert "nothing was launched" in said


@pytest.mark.long
def test_a_person_who_agrees_gets_the_run(local_cli: Cli):
    code, said = on_a_terminal(local_cli, "yes", "run", "--local", "--detach")
    assert code == 0, said
    assert "2 of 2 jobs launched" in said
