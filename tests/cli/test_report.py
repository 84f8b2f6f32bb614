"""`benchtui report` as users start it: from a folder, without network, one file that is never replaced."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchtui.cli.main import main
from tests import golden
from tests.cli.conftest import Cli


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.lie(tmp_path_factory.mktemp("golden") / "results")


@pytest.fixture
def benchtui(results: Path, tmp_path: Path, monkeypatch, capsys) -> Callable[..., Any]:
    """The program in this process, in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["report", *(str(results) if word == "results" else word for word in arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.long
def test_without_a_form_one_html_file_is_written_and_never_replaced(benchtui, tmp_path: Path):
    code, out, err = benchtui(golden.RUN, "--results", "results")
    assert (code, out) == (0, ""), err
    path = tmp_path / f"benchtui-{golden.RUN}.html"
    assert f"written: {path.name} (html, " in err
    page = path.read_text()
    assert page.startswith("<!doctype html>")
    assert "STREAM memory bandwidth" in page
    path.write_text("mine")
    code, _, err = benchtui("--results", "results")
    assert code == 2
    assert "is there already" in err
    assert "--force" in err
    assert path.read_text() == "mine"
    assert benchtui("--results", "results", "--force")[0] == 0
    assert path.read_text().startswith("<!doctype html>")


def test_markdown_and_text_go_to_stdout(benchtui, tmp_path: Path):
    code, out, err = benchtui("--results", "results", "--markdown")
    assert (code, err) == (0, "")
    assert out.startswith("## c7a.large, c7g.large, c7i.large and c8g.large compared")
    code, out, _ = benchtui("--results", "results", "--text")
    assert code == 0
    assert out.startswith("c7a.large, c7g.large, c7i.large and c8g.large compared")
    assert not list(tmp_path.iterdir())


def test_a_workflow_step_gets_its_summary_behind_what_is_there(benchtui, tmp_path: Path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, _, err = benchtui("--results", "results", "--summary")
    assert code == 0, err
    assert summary.read_text().startswith("before\n## c7a.large, c7g.large, c7i.large and c8g.large compared")
    assert f"written: {summary} (summary, " in err
    assert [path.name for path in tmp_path.iterdir()] == ["summary.md"]


def test_json_tells_what_was_written_and_the_figures(benchtui, tmp_path: Path):
    given = ("--results", "results", "--html", "page.html", "--json", "--baseline", "c7i.large")
    code, out, err = benchtui(*given)
    assert code == 0, err
    found = json.loads(out)
    assert (found["v"], found["type"], found["runs"]) == (1, "report", [golden.RUN])
    assert found["written"][0]["path"] == "page.html"
    assert found["written"][0]["bytes"] == (tmp_path / "page.html").stat().st_size
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
def test_what_cannot_be_done_is_a_usage_error(benchtui, tmp_path: Path, arguments, words):
    code, out, err = benchtui(*arguments)
    assert code == 2
    assert words in err
    assert out == "" or "--json" in arguments
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_report_from_a_folder_imports_no_cloud_and_no_screen(cli: Cli, results: Path):
    code = (
        "import sys; from benchtui.cli.main import main; code = main(['report', '--results', sys.argv[1]]);"
        "unwanted = {'aiobotocore', 'botocore', 'boto3', 'textual', 'plotext', 'moto'} & set(sys.modules);"
        "sys.exit(code or ', '.join(unwanted) or None)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(results)],
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
