"""`benchtui report` as users start it: from a folder, without network, one file that is never replaced."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.cli.main import main
from tests import golden
from tests.cli.conftest import Cli


@pytest.fixture
def results(cli: Cli) -> Path:
    return golden.lie(cli.cwd / "results")


def test_without_a_form_one_html_file_is_written_and_never_replaced(cli: Cli, results: Path):
    ended = cli("report", golden.RUN, "--results", "results")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    path = cli.cwd / f"benchtui-{golden.RUN}.html"
    assert f"written: {path.name} (html, " in ended.stderr
    page = path.read_text()
    assert page.startswith("<!doctype html>")
    assert "STREAM memory bandwidth" in page
    path.write_text("mine")
    again = cli("report", "--results", "results")
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert "--force" in again.stderr
    assert path.read_text() == "mine"
    assert cli("report", "--results", "results", "--force").returncode == 0
    assert path.read_text().startswith("<!doctype html>")


def test_markdown_and_text_go_to_stdout(cli: Cli, results: Path):
    ended = cli("report", "--results", "results", "--markdown")
    assert ended.stdout.startswith("## c7a.large, c7g.large, c7i.large and c8g.large compared")
    assert ended.stderr == ""
    ended = cli("report", "--results", "results", "--text", env={"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("c7a.large, c7g.large, c7i.large and c8g.large compared")
    assert not list(cli.cwd.glob("*.html"))


def test_a_workflow_step_gets_its_summary_behind_what_is_there(cli: Cli, results: Path):
    summary = cli.cwd / "summary.md"
    summary.write_text("before\n")
    ended = cli("report", "--results", "results", "--summary", env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert ended.returncode == 0, ended.stderr
    assert summary.read_text().startswith("before\n## c7a.large, c7g.large, c7i.large and c8g.large compared")
    assert f"written: {summary} (summary, " in ended.stderr
    assert not list(cli.cwd.glob("*.html"))


def test_json_tells_what_was_written_and_the_figures(cli: Cli, results: Path):
    ended = cli("report", "--results", "results", "--html", "page.html", "--json", "--baseline", "c7i.large")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["v"], found["type"], found["runs"]) == (1, "report", [golden.RUN])
    assert found["written"][0]["path"] == "page.html"
    assert found["written"][0]["bytes"] == (cli.cwd / "page.html").stat().st_size
    assert found["report"]["schema"] == "benchtui.report/1"
    assert found["report"]["comparison"]["baseline"] == "c7i.large"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no run is named"),
        (["--results", "elsewhere"], "cannot read elsewhere"),
        (["20261124-021533-golf", "--results", "results"], "did you mean 20261124-021533-gold?"),
        (["--results", "results", "--baseline", "c7h.large"], "did you mean c7"),
        (["--results", "results", "--output", "x"], "--output needs one of --markdown and --text"),
        (["--results", "results", "--markdown", "--text"], "stdout holds one document"),
        (["--results", "results", "--markdown", "--json"], "stdout holds one document"),
        (["--results", "results", "--summary"], "$GITHUB_STEP_SUMMARY is not set"),
        (["--results", "results", "--html", "no/where.html"], "cannot write no/where.html"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(results: Path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(results.parent)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert main(["report", *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == "" or "--json" in arguments
    assert [path.name for path in results.parent.iterdir()] == ["results"]


def test_a_report_from_a_folder_imports_no_cloud_and_no_screen(cli: Cli, results: Path):
    code = (
        "import sys; from benchtui.cli.main import main; code = main(['report', '--results', 'results']);"
        "unwanted = {'aiobotocore', 'botocore', 'boto3', 'textual', 'plotext', 'moto'} & set(sys.modules);"
        "sys.exit(code or ', '.join(unwanted) or None)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cli.cwd,
        env=cli.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_a_run_of_the_bucket_is_reported_with_its_cost(local_cli: Cli):
    """The run of a local cloud: this machine, so nothing is priced, and every cell has its reason."""
    run = local_cli.run_detached()
    ended = local_cli("report", run, "--local", "--json", "--text", "--output", "report.txt")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)["report"]["runs"][0]
    assert found["run"] == run
    assert found["spent_usd"] is not None
    assert {cell["measured"] for cell in found["cells"]} == {False}
    text = (local_cli.cwd / "report.txt").read_text()
    assert "Nothing was measured" in text
    assert "est. spent" in text
    refused = local_cli("export", run, "--local", "--format", "computecompass")
    assert refused.returncode == 2
    assert "results of this machine are not exported to ComputeCompass" in refused.stderr
    assert local_cli("kill", run, "--local", "--confirm", run).returncode == 0
