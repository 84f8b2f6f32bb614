"""Some of a run's jobs, one of them, and its log, as processes."""

import json
import signal
import time
from datetime import UTC, datetime

import pytest

from benchtui.core import keys
from benchtui.core.keys import JobState, Sentinel

from .conftest import Cli

JOB = "local.1cpu-1"
NO_RUN = "20200101-000000-aaaa"


def say(cli: Cli, run: str, seq: int, state: JobState, job: str = JOB, **body: object) -> None:
    cli.put(Sentinel(datetime.now(UTC), job, seq, state).key(run), {"schema": "benchtui.sentinel/1", **body})


def log(cli: Cli, run: str, chunk: int, text: str) -> None:
    assert cli.cloud is not None
    s3 = cli.cloud.boto3("s3")
    key = keys.log_key(run, JOB, chunk)
    s3.put_object(Bucket=cli.cloud.bucket, Key=key, Body=text.encode(), IfNoneMatch="*")


@pytest.mark.long
def test_a_filter_shows_how_many_of_how_many(local_cli: Cli):
    run = local_cli.run_detached()
    say(local_cli, run, 1, JobState.BOOTED)
    some = local_cli("status", run, "--local", "--filter", "state=booted")
    assert some.returncode == 0, some.stderr
    assert "1 of 2 jobs: state=booted" in some.stdout
    assert "local.1cpu-2" not in some.stdout
    chosen = json.loads(local_cli("status", run, "--local", "--json", "--filter", "state!=booted").stdout)
    assert [job["job"] for job in chosen["jobs"]] == ["local.1cpu-2"]
    assert chosen["planned_jobs"] == 2
    order = json.loads(local_cli("status", run, "--local", "--json", "--sort=-job").stdout)
    assert [job["job"] for job in order["jobs"]] == ["local.1cpu-2", "local.1cpu-1"]


@pytest.mark.long
def test_one_job_is_shown_with_all_that_is_known(local_cli: Cli):
    run = local_cli.run_detached()
    say(local_cli, run, 1, JobState.BOOTED, layers={"timer": "armed", "softdog": "not armed"})
    shown = local_cli("status", run, JOB, "--local")
    assert shown.returncode == 0, shown.stderr
    assert f"{JOB}: BOOTED" in shown.stdout
    assert "timer armed, softdog not armed" in shown.stdout
    assert "at the latest 20" in shown.stdout
    known = json.loads(local_cli("status", run, JOB, "--local", "--json").stdout)
    assert known["type"] == "job"
    assert known["layers"]["softdog"] == "not armed"
    assert [said["state"] for said in known["sentinels"]] == ["LAUNCHED", "BOOTED"]
    assert known["cost"]["estimate"] is True


@pytest.mark.long
def test_a_log_is_printed_and_hostile_lines_are_harmless(local_cli: Cli):
    run = local_cli.run_detached()
    empty = local_cli("log", run, JOB, "--local")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert "has logged nothing" in empty.stderr
    log(local_cli, run, 1, "14:00:00.000Z \x1b[2J[/x] hello\n")
    shown = local_cli("log", run, JOB, "--local")
    assert shown.stdout == "14:00:00Z \ufffd[2J[/x] hello\n"
    record = json.loads(local_cli("log", run, JOB, "--local", "--json").stdout)
    assert (record["job"], record["time"]) == (JOB, "14:00:00Z")


@pytest.mark.slow
def test_a_followed_log_goes_on_until_the_job_is_over(local_cli: Cli):
    run = local_cli.run_detached()
    log(local_cli, run, 1, "14:00:00Z first\n")
    following = local_cli.start("log", run, JOB, "-f", "--local")
    try:
        assert following.stdout is not None
        assert following.stdout.readline() == "14:00:00Z first\n"
        log(local_cli, run, 2, "14:00:01Z second\n")
        assert following.stdout.readline() == "14:00:01Z second\n"
        say(local_cli, run, 1, JobState.BOOTED)
        say(local_cli, run, 2, JobState.COMPLETED)
        assert local_cli("kill", run, "--local", "--confirm", run).returncode == 0
        _, err = following.communicate(timeout=60)
    finally:
        following.kill()
    assert following.returncode == 0, err
    assert f"{JOB}: COMPLETED" in err


@pytest.mark.slow
def test_leaving_a_followed_log_ends_nothing(local_cli: Cli):
    run = local_cli.run_detached()
    log(local_cli, run, 1, "14:00:00Z first\n")
    following = local_cli.start("log", run, JOB, "--follow", "--local")
    assert following.stdout is not None
    assert following.stdout.readline()
    time.sleep(0.2)
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=30)
    assert following.returncode == 130, err
    assert "Traceback" not in err
    assert local_cli.alive(run)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--filter", "zon=a"), "did you mean zone?"),
        (("--sort", "spend"), "did you mean spent?"),
        (("--filter", 'job="a'), "is not closed"),
        ((JOB, "--filter", "x"), "leave JOB out"),
    ],
)
def test_a_choice_that_is_none_exits_2_before_anything_is_asked(cli: Cli, arguments, said: str):
    ended = cli("status", NO_RUN, *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_a_filter_needs_a_run(cli: Cli):
    ended = cli("status", "--filter", "x")
    assert ended.returncode == 2
    assert "jobs of a run" in ended.stderr


@pytest.mark.long
@pytest.mark.parametrize("command", [("log",), pytest.param(("status",), marks=pytest.mark.slow)])
def test_a_job_the_run_does_not_have_exits_2(local_cli: Cli, command):
    run = local_cli.run_detached()
    ended = local_cli(*command, run, "local.1cpu-9", "--local")
    assert ended.returncode == 2, ended.stderr
    assert "has no job 'local.1cpu-9'" in ended.stderr
