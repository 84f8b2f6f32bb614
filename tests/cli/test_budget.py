"""The budget as users meet it: 10 jobs at a cap for 4, by one launcher, by two, by one that was killed."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from benchtui.cli.progress import one_line
from benchtui.cli.status import snapshot_fields
from benchtui.core import keys
from benchtui.core.errors import ExitCode
from tests.cli.conftest import Cli, last_line
from tests.engine import fleet

TEN = """
[plan]
types = ["local.1cpu", "local.2cpu"]
replicates = 5
[safety]
launch_tries = 2
budget_usd = {budget}
[prices.on_demand]
"local.1cpu" = 0.08
"local.2cpu" = 0.08
[watch]
poll_seconds = 0.2
"""


@pytest.fixture
def ten(local_cli: Cli) -> Cli:
    """A plan of ten jobs whose budget covers four, to the millionth."""
    local_cli.configure(TEN.format(budget=1000))
    plan = json.loads(local_cli("plan", "--json", "--local").stdout)
    worst = {Decimal(job["worst_case_usd"]) for job in plan["jobs"]}
    assert len(plan["jobs"]) == 10
    assert len(worst) == 1
    local_cli.configure(TEN.format(budget=4 * worst.pop()))
    return local_cli


def entries(cli: Cli, run: str) -> list[dict[str, Any]]:
    """The run's book as an independent client reads it."""
    assert cli.cloud is not None
    s3, bucket = cli.cloud.boto3("s3"), cli.cloud.bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=keys.reservations_prefix(run)).get("Contents", [])
    return [json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()) for item in listed]


def jobs_alive(cli: Cli, run: str) -> list[str]:
    rows = [row for row in cli.instances(run) if row["State"]["Name"] in ("pending", "running")]
    return sorted(tag["Value"] for row in rows for tag in row["Tags"] if tag["Key"] == "benchtui:job")


def ended(cli: Cli, run: str) -> None:
    assert cli("kill", run, "--confirm", run, "--local").returncode == ExitCode.OK


@pytest.mark.slow
def test_four_are_launched_and_six_declined_with_exit_code_5_and_the_bill_says_what_was_held(
    ten: Cli,
) -> None:
    done = ten("run", "--yes", "--detach", "--json", "--local")
    summary = last_line(done.stdout)
    run = summary["run"]
    assert done.returncode == ExitCode.BUDGET, done.stderr
    assert summary["exit_code"] == ExitCode.BUDGET
    assert len(summary["over_budget"]) == 6
    assert len(jobs_alive(ten, run)) == 4
    declined = [event for event in map(json.loads, done.stdout.splitlines()) if event["type"] == "declined"]
    assert len(declined) == 6
    assert all(event["reason"].startswith("budget: ") for event in declined)

    cost = json.loads(ten("cost", run, "--json", "--local").stdout)
    held = [job for job in cost["jobs"] if job["held_usd"] is not None]
    assert sorted(job["job"] for job in held) == jobs_alive(ten, run)
    assert Decimal(cost["reservations"]["held_usd"]) == Decimal(cost["cap_usd"])
    items = {item["name"]: item for item in held[0]["items"]}
    assert items.keys() == {"instance", "ebs", "ipv4", "s3 writes"}
    assert (items["instance"]["basis"], items["instance"]["as_of"]) == ("config", run_day(run))
    total = sum(Decimal(item["usd"]) for item in items.values())
    assert Decimal(held[0]["spent_usd"]) == total
    assert next(layer["state"] for layer in cost["layers"] if layer["number"] == 5) == "armed"
    table = ten("cost", run, "--local").stdout
    assert "reserved" in table
    assert "released" in table
    ended(ten, run)


def run_day(run: str) -> str:
    return f"{run[:4]}-{run[4:6]}-{run[6:8]}"


@pytest.mark.parametrize(
    ("spent", "percent", "words"),
    [
        ("2.49", 0, "spent 2.49 of at most 0.38 USD (est.); S3"),
        ("2.50", 50, "(est.), over 50 % of its budget of 5.00 USD; S3"),
        ("4.20", 80, "(est.), over 80 % of its budget of 5.00 USD; S3"),
        ("5.00", 100, "(est.), ALL of its budget of 5.00 USD; S3"),
    ],
)
def test_status_says_which_mark_of_the_budget_is_passed(spent: str, percent: int, words: str) -> None:
    row = fleet.row(fleet.running("c7g.large-1"), spent)
    snapshot = fleet.snapshot([row], run=fleet.run_of([row.planned], worst_case_usd=Decimal("0.38")))
    assert words in one_line(snapshot, snapshot.taken_at)
    fields = snapshot_fields(snapshot, snapshot.rows)
    assert (fields["budget_reached_percent"], fields["budget_usd"]) == (percent, 5)


@pytest.mark.slow
def test_one_killed_between_reservation_and_launch_is_resumed_with_its_own_reservations(ten: Cli) -> None:
    assert ten.cloud is not None
    ten.cloud.private("POST", "faults", {"service": "ec2", "action": "RunInstances", "status": 500})
    with ten.start("run", "--yes", "--json", "--local") as process:
        assert process.stdout is not None
        run = ""
        while not run:
            line = json.loads(process.stdout.readline())
            run = line["run"] if line["type"] == "run" else ""
        patience = time.monotonic() + 60
        while len(entries(ten, run)) < 4 and time.monotonic() < patience:
            time.sleep(0.05)
        process.kill()
    ten.cloud.private("DELETE", "faults")
    before = entries(ten, run)
    assert [entry["entry"] for entry in before] == ["reserved"] * 4
    assert ten.instances(run) == []

    resumed = ten("run", "--resume", run, "--yes", "--detach", "--json", "--local")
    assert resumed.returncode == ExitCode.BUDGET, resumed.stderr
    assert jobs_alive(ten, run) == sorted(entry["job"] for entry in before)
    assert len(last_line(resumed.stdout)["over_budget"]) == 6
    after = entries(ten, run)
    assert after[:4] == before
    assert sorted((entry["entry"], entry["job"]) for entry in after[4:]) == sorted(
        ("taken", entry["job"]) for entry in before
    )
    ended(ten, run)


@pytest.mark.slow
def test_two_resumed_at_once_with_one_killed_before_them_launch_four_in_all(ten: Cli) -> None:
    assert ten.cloud is not None
    ten.cloud.private("POST", "faults", {"service": "ec2", "action": "RunInstances", "status": 403})
    first = ten("run", "--yes", "--detach", "--json", "--local")
    run = last_line(first.stdout)["run"]
    ten.cloud.private("DELETE", "faults")
    assert ten.instances(run) == []
    at_once = [ten.start("run", "--resume", run, "--yes", "--detach", "--json", "--local") for _ in range(2)]
    outcomes = [process.communicate(timeout=120) for process in at_once]
    assert [process.returncode for process in at_once] == [ExitCode.BUDGET] * 2, outcomes
    assert len(jobs_alive(ten, run)) == 4
    assert len(set(jobs_alive(ten, run))) == 4
    for out, _ in outcomes:
        assert len(last_line(out)["over_budget"]) == 6
    ended(ten, run)
