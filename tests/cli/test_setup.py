"""`benchtui setup` and `benchtui teardown` as users start them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchtui.core.policies import Policy, Scope, doctor_rights, launcher, setup_rights
from benchtui.local import daemon
from tests.engine.setup_account import REGIONS, inventory, somebody
from tests.local.conftest import Start
from tests.local.test_user_data_contract import SAMPLE, write_suite
from tests.schema_checks import exactly

from .conftest import Cli, last_line
from .test_kill_and_cost import on_a_terminal

BUCKET = "benchtui-123456789012-us-east-1"
SCOPE = Scope("123456789012", BUCKET)
CHECK = '{"check": "sum", "ok": true, "value": 2, "limit": 2}'
YES, NAME = b"Type yes: ", b"Type the bucket's name: "
PLAN = """
[plan]
types = ["local.1cpu"]
suites = ["stream"]
replicates = 1
[prices.on_demand]
"local.1cpu" = 0.01
[watch]
poll_seconds = 0.5
"""


@pytest.fixture
def bare_cli(cli: Cli, start_local_cloud: Start) -> Cli:
    """With a bare account that --local finds."""
    directory = cli.state_home / "benchtui" / "local"
    cli.cloud = start_local_cloud(
        state_dir=directory, host=False, bare=True, simulate_ec2_types=True, regions=REGIONS
    )
    return cli


def test_policies_are_printed_without_an_account(cli: Cli) -> None:
    one = cli("setup", "--policy", "launcher", "--account", "123456789012", "--bucket", "own-bucket")
    assert one.returncode == 0, one.stderr
    assert json.loads(one.stdout) == launcher(Scope("123456789012", "own-bucket")).document()
    every = cli("setup", "--print-policies", "--account", "123456789012", "--region", "cn-north-1")
    assert every.returncode == 0 and "arn:aws-cn:" in every.stdout and "arn:aws:" not in every.stdout
    assert max(map(len, (line for line in every.stdout.splitlines() if line.startswith("#")))) <= 80
    wrong = cli("setup", "--policy", "root", "--account", "123456789012")
    assert wrong.returncode == 2 and "one of: launcher, watcher, kill-only" in wrong.stderr


@pytest.mark.slow
def test_what_is_shown_is_made_only_when_agreed_and_taken_away_again(bare_cli: Cli) -> None:
    assert bare_cli.cloud is not None
    shown = bare_cli("setup", "--dry-run", "--local")
    assert shown.returncode == 0, shown.stderr
    assert f"make     bucket {BUCKET} in us-east-1" in shown.stdout
    asked = bare_cli("setup", "--local")
    assert asked.returncode == 2 and "--yes" in asked.stderr
    assert inventory(bare_cli.cloud) == {}
    made = bare_cli("setup", "--yes", "--local", "--json")
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    exactly("setup", told)
    assert told["complete"] is True and told["monthly_usd"] == "0"
    assert [item["kind"] for item in told["items"] if item["done"]] == [
        "bucket",
        "role",
        "instance profile",
        "role",
        "security group",
    ]
    bare_cli.cloud.boto3("s3").put_object(Bucket=BUCKET, Key="benchmarks/kept", Body=b"x")
    refused = bare_cli("teardown", "--local", "--delete-results", "--yes")
    assert refused.returncode == 2 and f"--confirm {BUCKET}" in refused.stderr
    kept = bare_cli("teardown", "--local", "--yes")
    assert kept.returncode == 0 and "its results stay" in kept.stdout
    gone = bare_cli("teardown", "--local", "--delete-results", "--confirm", BUCKET, "--json")
    assert gone.returncode == 0, gone.stderr
    taken = json.loads(gone.stdout)
    exactly("teardown", taken)
    assert [item["kind"] for item in taken["items"]] == ["bucket"]
    assert inventory(bare_cli.cloud) == {}


@pytest.mark.slow
def test_a_person_sees_it_first_and_another_word_changes_nothing(bare_cli: Cli) -> None:
    assert bare_cli.cloud is not None
    code, screen = on_a_terminal(bare_cli, "setup", "--local", typed="no", prompt=YES)
    assert code == 2 and f"bucket {BUCKET} in us-east-1" in screen and "nothing was made" in screen
    assert inventory(bare_cli.cloud) == {}
    code, screen = on_a_terminal(bare_cli, "setup", "--local", typed="yes", prompt=YES)
    assert code == 0 and "made: security group benchtui in us-east-1" in screen
    code, screen = on_a_terminal(
        bare_cli, "teardown", "--local", "--delete-results", typed="yes", prompt=NAME
    )
    assert code == 2 and "nothing was removed" in screen
    code, screen = on_a_terminal(
        bare_cli, "teardown", "--local", "--delete-results", typed=BUCKET, prompt=NAME
    )
    assert code == 0 and inventory(bare_cli.cloud) == {}


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.xdist_group("worlds")
def test_from_a_bare_account_to_a_run_and_back_with_nothing_but_the_policies(
    cli: Cli, tmp_path: Path, start_local_cloud: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """Setup, doctor, run, teardown, each by somebody who may do what its policy says and nothing else."""
    cloud = start_local_cloud(state_dir=tmp_path / "bare", bare=True, regions=REGIONS)
    cli.cloud = cloud
    suite = write_suite(tmp_path / "plain", f"print({SAMPLE!r})\nprint({CHECK!r})\n")
    with (suite / "payload.toml").open("a") as declared:
        declared.write('[verification]\nchecks = ["sum"]\n')
    cli.configure(PLAN.replace('"stream"', '"plain"') + f'[suites.plain]\npath = "{suite}"\n')
    rights: dict[str, list[str]] = {}

    def step(name: str, policies: tuple[Policy, ...], *command: str, code: int = 0) -> str:
        own = somebody(cloud, *policies)
        cloud.private("DELETE", "rights")
        ended = cli(*command, env={**own.environment, "AWS_EC2_METADATA_DISABLED": "true"}, patience=360)
        assert ended.returncode == code, ended.stderr + ended.stdout
        rows = [row for row in cloud.private("GET", "rights") if row["caller"].endswith(own.name)]
        refused = {row["permission"] for row in rows if row["denied"]}
        # The doctor tries to end an instance that is nobody's, and asks IAM when that is refused.
        assert refused <= ({"ec2:TerminateInstances"} if name == "doctor" else set()), rows
        rights[name] = sorted(row["permission"] for row in rows)
        allowed = {action for policy in policies for action in policy.actions}
        assert set(rights[name]) <= allowed | {"sts:GetCallerIdentity"}
        return ended.stdout

    assert inventory(cloud) == {}
    step("setup", (setup_rights(SCOPE),), "setup", "--yes")
    told = json.loads(
        step("doctor", (launcher(SCOPE), doctor_rights(SCOPE)), "doctor", "benchtui.toml", "--json")
    )
    assert not [row for row in told["findings"] if row["status"] in ("fail", "unknown")], told
    summary = last_line(
        step("run", (launcher(SCOPE),), "run", "--yes", "--json", "--timeout", "5m", "benchtui.toml")
    )
    assert (summary["planned"], summary["verified"], summary["still_alive"]) == (1, 1, [])
    step("teardown", (setup_rights(SCOPE),), "teardown", "--delete-results", "--confirm", BUCKET)
    assert inventory(cloud) == {}
    for region in REGIONS:
        ec2 = cloud.boto3("ec2", region)
        assert ec2.describe_volumes()["Volumes"] == []
        assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
        assert cloud.boto3("scheduler", region).list_schedules()["Schedules"] == []
    with capsys.disabled():
        for name, used in rights.items():
            print(f"\n{name}: {', '.join(used)}")
    assert daemon.status(cloud.state_dir) is not None
