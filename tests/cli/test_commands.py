"""The other commands as processes: exit codes, JSON on stdout, narration on stderr."""

import dataclasses
import json
from collections.abc import Iterator

import pytest

from benchtui.local.host.ladder import Ladder, RungReport
from benchtui.local.state import state_path
from tests.schema_checks import exactly

from .conftest import PLAN, Cli, last_line

NO_RUN = "20200101-000000-aaaa"


def test_without_a_command_help_goes_to_stderr_and_it_exits_2(cli: Cli):
    ended = cli()
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "usage: benchtui" in ended.stderr


def test_plan_offline_prints_a_table_and_the_verdict(cli: Cli):
    cli.configure('[plan]\ntypes = ["c7g.large", "c7i.large"]\n[safety]\nmax_runtime = "10m"\n')
    ended = cli("plan", "--offline", "--seed", "1")
    assert ended.returncode == 0, ended.stderr
    assert "c7i.large-1" in ended.stdout
    assert "budget 5.00 USD: fits" in ended.stdout


def test_plan_above_the_budget_exits_5(cli: Cli):
    cli.configure('[plan]\ntypes = ["c7g.large"]\n[safety]\nbudget_usd = 0.01\n')
    ended = cli("plan", "--offline", "--json")
    assert ended.returncode == 5
    plan = json.loads(ended.stdout)
    assert plan["budget"]["fits"] is False
    assert isinstance(plan["worst_case_usd"], str)


def test_a_seed_repeats_the_order(cli: Cli):
    cli.configure('[plan]\ntypes = ["c7g.large", "c7i.large", "c7a.large"]\n')
    plans = [json.loads(cli("plan", "--offline", "--json", "--seed", "7").stdout) for _ in range(2)]
    assert plans[0] == plans[1]
    assert plans[0]["seed"] == 7


@pytest.mark.long
def test_plan_names_what_is_declined_and_why(local_cli: Cli):
    local_cli.configure('[plan]\ntypes = ["local.1cpu", "local.999cpu"]\nreplicates = 1\n')
    ended = local_cli("plan", "--local")
    assert ended.returncode == 0, ended.stderr
    assert "local.999cpu is not offered in us-east-1" in ended.stdout


def test_local_costs_nothing_unless_the_user_says_otherwise(local_cli: Cli):
    plan = json.loads(local_cli("plan", "--local", "--json").stdout)
    assert plan["worst_case_usd"] == "0.000000"
    local_cli.configure(PLAN + "[prices]\nipv4_hour = 1\n")
    plan = json.loads(local_cli("plan", "--local", "--json").stdout)
    assert plan["worst_case_usd"] == "12.000000"  # two instances, six begun hours


def test_local_never_uses_the_users_account(local_cli: Cli):
    local_cli.configure(PLAN + '[aws]\nprofile = "acme"\nregions = ["eu-west-1"]\nbucket = "acme-bench"\n')
    hostile = {"AWS_PROFILE": "acme", "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:9", "AWS_REGION": "eu-west-1"}
    ended = local_cli("plan", "--local", "--json", env=hostile)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["region"] == "us-east-1"


@pytest.mark.parametrize(
    "arguments", [("plan", "--offline", "--local"), ("plan", "--local", "--profile", "acme")]
)
def test_flags_that_exclude_each_other_exit_2(cli: Cli, arguments: tuple[str, ...]):
    ended = cli(*arguments)
    assert ended.returncode == 2
    assert "exclude each other" in ended.stderr


def test_config_show_names_every_origin(cli: Cli):
    cli.configure("[safety]\nbudget_usd = 2.50\n")
    ended = cli("config", "show", "--json", "--region", "eu-west-1", env={"BENCHTUI_PLAN_MODE": "full"})
    found = {row["key"]: row for row in json.loads(ended.stdout)["settings"]}
    assert found["safety.budget_usd"]["origin"].endswith("benchtui.toml:2")
    assert found["plan.mode"]["origin"] == "BENCHTUI_PLAN_MODE"
    assert found["aws.regions"]["origin"] == "--region"
    assert found["aws.bucket"]["origin"] == "default"


def test_config_paths_follow_xdg(cli: Cli):
    rows = json.loads(cli("config", "paths", "--json").stdout)["paths"]
    assert str(cli.state_home / "benchtui") in [row["path"] for row in rows]


def test_an_error_is_what_happened_and_what_to_do_and_no_traceback(cli: Cli):
    ended = cli("plan", "nowhere.toml")
    assert ended.returncode == 2
    assert ended.stderr.startswith("benchtui: configuration: 1 problem")
    assert "\n  fix: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Traceback" in cli("plan", "nowhere.toml", "-v").stderr


def test_an_error_is_json_where_json_was_asked_for(cli: Cli):
    error = json.loads(cli("status", "nonsense", "--json").stdout)
    assert error["type"] == "error"
    assert error["exit_code"] == 2


@pytest.mark.parametrize("command", ["collect", "watch", "status"])
def test_a_run_that_is_not_there_exits_2(local_cli: Cli, command: str):
    ended = local_cli(command, NO_RUN, "--local")
    assert ended.returncode == 2
    assert "holds no run" in ended.stderr


@pytest.fixture
def no_rung(local_cli: Cli) -> Iterator[Ladder]:
    """What an instance host would leave on a machine that can run no instance."""
    assert local_cli.cloud
    directory = local_cli.cloud.state_dir
    (directory / "host").mkdir(exist_ok=True)
    ladder = Ladder(
        None, (RungReport("T2", "in a user namespace", False, "unshare: not permitted"),), "", True
    )
    ladder.write(directory)
    yield ladder
    local_cli.cloud.state.write(state_path(directory))
    Ladder.forget(directory)


def test_local_status_says_in_what_instances_run_or_why_they_cannot(local_cli: Cli, no_rung: Ladder):
    assert "T2 does not work" in local_cli("local", "status").stdout
    told = json.loads(local_cli("local", "status", "--json").stdout)
    exactly("local", told)
    found = told["ladder"]
    assert (found["chosen"], found["rungs"][0]["reason"]) == (None, "unshare: not permitted")
    assert local_cli.cloud
    works = dataclasses.replace(no_rung.rungs[0], works=True, reason="with limits")
    dataclasses.replace(no_rung, chosen="T2", rungs=(works,)).write(local_cli.cloud.state_dir)
    said = " ".join(local_cli("local", "status", env={"COLUMNS": "200"}).stdout.split())
    assert "instances run in T2: in a user namespace (with limits)" in said


@pytest.mark.parametrize("command", [("local", "up"), ("plan", "--local"), ("run", "--yes", "--local")])
def test_where_no_instance_can_run_commands_of_the_local_cloud_fail_at_once(
    local_cli: Cli, no_rung: Ladder, command: tuple[str, ...]
):
    assert local_cli.cloud
    state = dataclasses.replace(local_cli.cloud.state, hosted=True)
    state.write(state_path(local_cli.cloud.state_dir))
    ended = local_cli(*command)
    assert ended.returncode == 1
    assert "no instance can run on this machine" in ended.stderr
    assert "T2, in a user namespace: unshare: not permitted" in ended.stderr
    assert "fix: " in ended.stderr


def test_credentials_that_are_refused_exit_3(local_cli: Cli):
    assert local_cli.cloud
    local_cli.cloud.private("POST", "faults", {"service": "ec2", "status": 403})
    ended = local_cli("plan", "--local")
    assert ended.returncode == 3
    assert "denied" in ended.stderr


@pytest.mark.slow
def test_a_run_from_launch_to_census_with_the_bucket_alone(local_cli: Cli, tmp_path):
    run = local_cli.run_detached()
    assert local_cli.cloud
    runs = json.loads(local_cli("runs", "--local", "--json").stdout)["runs"]
    assert run in [row["run"] for row in runs]

    status = json.loads(local_cli("status", run, "--local", "--json").stdout)
    assert {job["state"] for job in status["jobs"]} == {"LAUNCHED"}
    overview = json.loads(local_cli("status", "--local", "--json").stdout)
    assert sorted(row["instance_id"] for row in overview["alive"] if row["run"] == run) == local_cli.alive(
        run
    )

    # One job says it failed, and both instances go.
    sentinel = f"benchmarks/{run}/events/20261124T021533123Z/local.1cpu-1/0001-FAILED"
    local_cli.put(sentinel, {"schema": "benchtui.sentinel/1", "reason": "exit status 3"})
    local_cli.cloud.boto3("ec2").terminate_instances(InstanceIds=local_cli.alive(run))
    watched = local_cli("watch", run, "--local", "--json", "--timeout", "30")
    summary = last_line(watched.stdout)
    assert watched.returncode == summary["exit_code"] == 1, watched.stderr
    assert summary["states"] == {"FAILED": 1, "LOST": 1}
    assert "benchtui collect" in watched.stderr

    elsewhere = tmp_path / "elsewhere"
    collected = local_cli("collect", run, "--local", "--json", "--results", str(elsewhere))
    assert collected.returncode == 1
    census = json.loads((elsewhere / run / "census.json").read_text())
    assert census["closed"] is True
    reasons = {row["job"]: row["reason"] for row in census["rows"]}
    assert reasons["local.1cpu-1"] == "FAILED: exit status 3"
    assert reasons["local.1cpu-2"].startswith("LOST: EC2 says")
    table = local_cli("collect", run, "--local", "--results", str(elsewhere))
    assert "census closed: 2 planned = 0 measured (0 verified) + 2 declined" in table.stdout


@pytest.mark.long
def test_a_watch_that_cannot_ask_ec2_exits_6(local_cli: Cli, standing_run: str):
    run = standing_run
    assert local_cli.cloud
    local_cli.cloud.private(
        "POST", "faults", {"service": "ec2", "action": "DescribeInstances", "status": 403}
    )
    ended = local_cli("watch", run, "--local", "--json", "--timeout", "1")
    assert ended.returncode == 6
    assert "does not answer" in ended.stderr
    overview = local_cli("status", "--local", "--json")
    assert overview.returncode == 3
    assert json.loads(overview.stdout)["ec2_known"] is False


@pytest.mark.long
def test_a_watch_whose_reader_goes_away_ends_quietly(local_cli: Cli, standing_run: str):
    with local_cli.start("watch", standing_run, "--local", "--json") as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        err = process.stderr.read()
    assert process.returncode == 141
    assert "Traceback" not in err


def test_kill_demands_the_run_once_more(local_cli: Cli):
    ended = local_cli("kill", NO_RUN, "--local")
    assert ended.returncode == 2
    assert f"--confirm {NO_RUN}" in ended.stderr
    assert local_cli("kill", NO_RUN, "--local", "--confirm", NO_RUN[:-1] + "b").returncode == 2
    assert local_cli("kill", "all", "--local", "--confirm", "all").returncode == 2


def test_kill_proves_its_work_or_exits_6(local_cli: Cli):
    """Three kills at once, for each takes two sweeps 15 s apart: known, unknown, and one region denied."""
    run, denied = local_cli.run_detached(), local_cli.run_detached()
    alive = local_cli.alive(run)
    assert local_cli.cloud
    local_cli.cloud.private(
        "POST",
        "faults",
        {
            "service": "ec2",
            "action": "DescribeInstances",
            "region": "eu-west-1",
            "status": 403,
            "match": {"Filter.1.Value.1": denied},
        },
    )
    kills = {
        name: local_cli.start("kill", name, "--local", "--json", "--confirm", name)
        for name in (run, NO_RUN, denied)
    }
    reports = {}
    for name, process in kills.items():
        with process:
            out, err = process.communicate(timeout=90)
        reports[name] = (process.returncode, last_line(out), err)

    code, report, _ = reports[run]
    assert code == 0
    assert report["proven"] is True
    by_region = {row["region"]: row for row in report["regions"]}
    assert by_region["us-east-1"]["asked"] == by_region["us-east-1"]["gone"] == alive
    assert all(row["sweeps"] == 2 for row in report["regions"])
    assert local_cli.alive(run) == []

    assert reports[NO_RUN][0] == 0

    code, report, err = reports[denied]
    assert code == report["exit_code"] == 6
    assert [row["region"] for row in report["regions"] if not row["proven"]] == ["eu-west-1"]
    assert "eu-west-1" in err
    assert "may still be running" in err


def test_local_status_env_and_console(local_cli: Cli):
    status = json.loads(local_cli("local", "status", "--json").stdout)
    assert status["running"] is True
    assert local_cli.cloud
    assert status["endpoint"] == local_cli.cloud.endpoint
    assert f"export AWS_ENDPOINT_URL={local_cli.cloud.endpoint}" in local_cli("local", "env").stdout
    nobody = local_cli("local", "console", "local.7cpu-9")
    assert nobody.returncode == 2
    assert "no instance of local.7cpu-9" in nobody.stderr


def test_local_status_without_one(cli: Cli):
    assert "no local cloud is running" in cli("local", "status").stdout
    assert cli("local", "env").returncode == 2
    assert "no local cloud was running" in cli("local", "down").stdout
