"""A run measured on the local cloud, reported by someone who has the name of the bucket and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.local.conftest import Start
from tests.schema_checks import holds

from .conftest import Cli, last_line

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own-suite"


@pytest.mark.slow
@pytest.mark.xdist_group("worlds")
def test_another_home_reports_what_the_instance_measured(
    cli: Cli, tmp_path: Path, start_local_cloud: Start
) -> None:
    cli.state_home = tmp_path / "state"
    cli.cloud = start_local_cloud(state_dir=cli.state_home / "benchtui" / "local")
    shutil.copytree(EXAMPLE, cli.cwd, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    ended = cli("run", "--yes", "--local", "--json", "--timeout", "3m", patience=170)
    assert ended.returncode == 0, ended.stderr
    summary = last_line(ended.stdout)
    run, (row,) = summary["run"], summary["rows"]

    # Neither the configuration, nor the suite, nor what the first home has collected.
    cli.home = cli.cwd = tmp_path / "other"
    cli.home.mkdir()
    bucket = ("--local", "--bucket", cli.cloud.bucket)
    reported = cli("report", run, *bucket, "--json", "--html", "page.html")
    assert reported.returncode == 0, reported.stderr
    told = json.loads(reported.stdout)
    holds("report", told)
    (cell,) = told["report"]["runs"][0]["cells"]
    assert (cell["measured"], cell["verified"], cell["instance_id"]) == (True, True, row["instance_id"])
    (kind,) = told["report"]["comparison"]["types"]
    figures = {figure["metric"]: figure["value"] for figure in kind["cells"]}
    assert kind["type"] == "local.1cpu"
    assert figures == {"mine/sha256.one": pytest.approx(row["metrics"]["sha256.one"]["median"])}
    page = (cli.cwd / "page.html").read_text()
    assert run in page and row["instance_id"] in page
    text = cli("report", run, *bucket, "--text")
    assert text.returncode == 0, text.stderr
    assert "sha256.one" in text.stdout and run in text.stdout
