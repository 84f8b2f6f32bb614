"""When a plan is run again: the same time in the words of systemd, cron and a workflow."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from benchtui.core.calendar import Calendar, Job, cron_line, github_workflow, systemd_units
from benchtui.core.errors import UsageError

JOB = Job("nightly", "/opt/bin/benchtui", "/srv/bench marks/100%.toml", ("--profile", "lab"))


@pytest.mark.parametrize(
    ("every", "at", "on", "systemd", "cron"),
    [
        ("day", "02:30", None, "*-*-* 02:30:00 UTC", "30 2 * * *"),
        ("week", "00:00", None, "Mon *-*-* 00:00:00 UTC", "0 0 * * 1"),
        ("week", "23:59", "sun", "Sun *-*-* 23:59:00 UTC", "59 23 * * 0"),
        ("month", "04:05", "28", "*-*-28 04:05:00 UTC", "5 4 28 * *"),
        ("month", "04:05", None, "*-*-01 04:05:00 UTC", "5 4 1 * *"),
    ],
)
def test_one_time_in_two_languages(every: str, at: str, on: str | None, systemd: str, cron: str) -> None:
    calendar = Calendar.parse(every, at, on)
    assert (calendar.systemd, calendar.cron) == (systemd, cron)
    if shutil.which("systemd-analyze"):
        subprocess.run(["systemd-analyze", "calendar", systemd], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("every", "at", "on"),
    [
        ("day", "24:00", None),
        ("day", "2:00", None),
        ("day", "02:00", "mon"),
        ("week", "02:00", "1"),
        ("month", "02:00", "29"),
        ("month", "02:00", "²"),
    ],
)
def test_what_is_no_time_is_refused(every: str, at: str, on: str | None) -> None:
    with pytest.raises(UsageError):
        Calendar.parse(every, at, on)


def test_units_quote_what_systemd_would_read() -> None:
    units = systemd_units(JOB, Calendar.parse("day", "02:30", None))
    service = units["benchtui-nightly.service"]
    assert 'ExecStart=/opt/bin/benchtui run "/srv/bench marks/100%%.toml" --yes --profile lab\n' in service
    assert "ExecStopPost=/opt/bin/benchtui reap --yes --profile lab\n" in service
    assert "OnCalendar=*-*-* 02:30:00 UTC\n" in units["benchtui-nightly.timer"]
    assert "Persistent=true" in units["benchtui-nightly.timer"]


def test_cron_escapes_the_percent_and_keeps_the_runs_own_exit_code() -> None:
    line = cron_line(JOB, Calendar.parse("week", "02:30", "sat"))
    entry = (
        "\nCRON_TZ=UTC\n30 2 * * 6 /opt/bin/benchtui run '/srv/bench marks/100\\%.toml' --yes --profile lab"
    )
    assert entry in line
    assert line.endswith("; code=$?; /opt/bin/benchtui reap --yes --profile lab; exit $code\n")


def test_a_workflow_is_yaml_with_a_role_one_at_a_time_and_a_step_that_reaps() -> None:
    yaml = pytest.importorskip("yaml")
    text = github_workflow(
        Job("nightly", "benchtui", 'plans/"a" b.toml'),
        Calendar.parse("day", "02:30", None),
        "arn:aws:iam::123456789012:role/bench",
        "eu-central-1",
        "0.1.0",
    )
    read = yaml.safe_load(text)
    assert read[True] == {"schedule": [{"cron": "30 2 * * *"}], "workflow_dispatch": None}  # YAML 1.1: on
    assert read["concurrency"] == {"group": "benchtui-nightly", "cancel-in-progress": False}
    assert read["permissions"]["id-token"] == "write"
    steps = read["jobs"]["run"]["steps"]
    assert steps[3]["with"]["role-to-assume"] == "arn:aws:iam::123456789012:role/bench"
    assert steps[4]["run"] == "benchtui run 'plans/\"a\" b.toml' --yes"
    assert steps[-1] == {
        "name": "end what has outlived its time",
        "if": "always()",
        "run": "benchtui reap --yes",
    }
    assert json.dumps(steps[2]["run"]) == '"pip install benchtui==0.1.0"'


@pytest.mark.parametrize("name", ["", "a/b", "a b", "-a", "x" * 60])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        Job(name, "/b", "/c")


def test_a_line_end_in_a_path_makes_no_second_line() -> None:
    with pytest.raises(UsageError):
        Job("a", "/b", "/c\nExecStart=/bin/evil")
