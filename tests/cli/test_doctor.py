"""`benchtui doctor` and `benchtui info` as users start them."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.schema_checks import exactly

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.long
def test_doctor_says_all_is_well_but_the_drill_that_nobody_held(local_cli: Cli):
    ended = local_cli("doctor", "--local", "--json")
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    exactly("doctor", answer)
    unwell = {row["check"]: row for row in answer["findings"] if row["status"] != "ok"}
    assert set(unwell) <= {"drill", "instances"}
    assert answer["counts"]["fail"] == answer["exit_code"] == 0
    assert all(row["about"] for row in answer["findings"])


@pytest.mark.slow
def test_what_fails_is_exit_code_3_and_stands_with_its_fix(local_cli: Cli):
    local_cli.configure('[plan]\ntypes = ["local.1cpu", "c99.large"]\n[aws]\nregions = ["us-east-1"]\n')
    ended = local_cli("doctor", "--local")
    assert ended.returncode == 3
    assert "\x1b" not in ended.stdout
    assert re.search(r"✗ fail\s+types us-east-1\s+not offered in us-east-1: c99.large", ended.stdout)
    assert re.search(r"\? unknown\s+prices us-east-1\s+needs types us-east-1", ended.stdout)
    assert "fix: correct [plan] types" in " ".join(ended.stdout.split())


def test_doctor_without_credentials_and_network_says_so_and_asks_no_one(cli: Cli):
    ended = cli("doctor", "--json", env={"AWS_EC2_METADATA_DISABLED": "true"})
    assert ended.returncode == 3, ended.stderr
    rows = {row["check"]: row for row in json.loads(ended.stdout)["findings"]}
    assert rows["credentials"]["status"] == "fail"
    assert "aws configure" in rows["credentials"]["fix"]
    assert rows["bucket"]["needs"] == "credentials"
    assert rows["python"]["status"] == "ok"


@pytest.mark.long
def test_info_shows_versions_settings_and_endpoints_and_asks_no_one(cli: Cli):
    cli.configure('[aws]\nregions = ["eu-west-1"]\n')
    answer = json.loads(cli("info", "--json").stdout)
    assert answer["endpoints"]["ec2"] == "https://ec2.eu-west-1.amazonaws.com"
    assert answer["packages"]["aiobotocore"]
    row = next(row for row in answer["settings"] if row["key"] == "aws.regions")
    assert row["origin"].endswith("benchtui.toml:2")


def test_flags_of_the_bundle_alone_are_refused(cli: Cli):
    ended = cli("info", "--redact-account")
    assert ended.returncode == 2
    assert "--bundle" in ended.stderr


@pytest.mark.long
def test_a_bundle_holds_no_secret_and_no_account_if_wanted(local_cli: Cli, standing_run: str, tmp_path: Path):
    (local_cli.home / ".aws").mkdir(exist_ok=True)
    (local_cli.home / ".aws" / "credentials").write_text(f"[x]\naws_secret_access_key = {SECRET}\n")
    assert local_cli.cloud is not None
    logged = f"the payload printed {KEY} and {SECRET}, token=abc and s3cr3t-of-mine"
    local_cli.cloud.boto3("s3").put_object(
        Bucket=local_cli.cloud.bucket,
        Key=f"benchmarks/{standing_run}/jobs/local.1cpu-1/log/0001.txt",
        Body=logged.encode(),
        IfNoneMatch="*",
    )
    file = tmp_path / "report.tar.gz"
    words = ("info", "--local", "--bundle", str(file), "--run", standing_run, "--redact-account")
    ended = local_cli(*words, env={"MY_TOKEN": "s3cr3t-of-mine"})
    assert ended.returncode == 0, ended.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        content = {
            member.name.partition("/")[2]: stream.read().decode()
            for member in archive
            if (stream := archive.extractfile(member)) is not None
        }
    assert set(content) >= {
        "README.txt",
        "info.json",
        "doctor.json",
        "run/run.json",
        "run/keys.txt",
        "run/log/local.1cpu-1.txt",
    }
    everything = "\n".join(content.values())
    state = local_cli.cloud.state
    secrets = (KEY, SECRET, "s3cr3t-of-mine", "token=abc", state.secret_access_key, state.token)
    assert [secret for secret in secrets if secret in everything] == []
    assert "123456789012" not in everything
    assert str(local_cli.home) not in everything
    assert "the payload printed <access key removed>" in content["run/log/local.1cpu-1.txt"]
    assert f"benchmarks/{standing_run}/run.json" in content["run/keys.txt"]
    assert json.loads(content["doctor.json"])["type"] == "doctor"
    assert json.loads(content["run/run.json"])["run"] == standing_run
    again = local_cli(*words)
    assert again.returncode == 2
    assert "already" in again.stderr
