"""`benchtui compare` as users start it: a table, a chart and a sentence, or JSON."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from benchtui.cli import compare, comparison_table
from benchtui.core.compare import compare as compare_types
from benchtui.core.instance_results import Basis
from benchtui.report.comparison import KINDS
from tests.cli.conftest import Cli
from tests.comparing import document, metric, on_disk, result, run_of

TRIADS = {"c7g.large": (46.1, 45.9, 46.3), "c7i.large": (30.2, 29.8, 30.5), "c7a.large": (21.7, 22.0)}


def measured(value: float) -> dict[str, object]:
    sample = [{"value": value}]
    return {
        name: {"unit": "GB/s", "higher_is_better": True, "samples": sample}
        for name in ("copy.one", "triad.all", "triad.one")
    }


@pytest.fixture
def results(cli: Cli) -> Path:
    """A finished run of three types, as collected."""
    jobs = [f"{name}-{number}" for name, values in TRIADS.items() for number, _ in enumerate(values, 1)]
    run = run_of(*jobs)
    documents = [
        document(run, f"{name}-{number}", metrics=measured(value))
        for name, values in TRIADS.items()
        for number, value in enumerate(values, 1)
    ]
    return on_disk(cli.cwd / "results", run, *documents)


def test_types_are_compared_from_what_lies_on_disk(cli: Cli, results: Path):
    ended = cli("compare", "--results", "results")
    assert ended.returncode == 0, ended.stderr
    rows = {line.split()[0]: line for line in ended.stdout.splitlines() if line.startswith("c7")}
    assert "46.10" in ended.stdout
    assert "worse 0.654×" in ended.stdout
    assert "2 instances, 3 needed" in ended.stdout
    assert "█" in ended.stdout
    assert "▒" in rows["c7a.large"] or "▒" in ended.stdout
    assert "c7i.large has 0.654 times the stream triad.all of c7g.large per instance: worse" in ended.stdout


def test_json_has_every_figure_with_what_it_stands_on(cli: Cli, results: Path):
    ended = cli("compare", "--results", "results", "--json", "--baseline", "c7i.large")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["v"], found["type"], found["by"]) == (1, "compare", "instance")
    assert found["baseline"] == "c7i.large"
    assert [row["type"] for row in found["types"]] == ["c7g.large", "c7i.large", "c7a.large"]
    best, _, unranked = (row["cells"][0] for row in found["types"])
    assert (best["verdict"], best["n"], best["ranked"]) == ("better", 3, True)
    assert best["ratio_interval"][0] < best["ratio"] < best["ratio_interval"][1]
    assert [one["value"] for one in best["instances"]] == [46.1, 45.9, 46.3]
    assert (unranked["verdict"], unranked["reason"]) == ("not ranked", "2 instances, 3 needed")
    assert unranked["ratio"] is None
    assert found["types"][0]["usd_per_hour"] == "0.0725"
    assert found["sentence"].startswith("c7g.large has 1.53 times")


def test_metric_and_basis_are_chosen(cli: Cli, results: Path):
    ended = cli("compare", "--results", "results", "--metric", "copy.one", "--by", "vcpu", "--json")
    assert json.loads(ended.stdout)["metrics"][0] == {
        "metric": "stream/copy.one",
        "unit": "GB/s per vCPU",
        "higher_is_better": True,
        "mode": "quick",
        "suite_version": "1",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "traid.all"], "did you mean stream/triad.all?"),
        (["--baseline", "c7h.large"], "did you mean c7"),
        (["20261124-135100-k3f6"], "did you mean 20261124-135100-k3f7?"),
        (["not-a-run"], "benchtui runs"),
        (["--by", "socket"], "invalid choice: 'socket'"),
        (["--chart", "pie"], "invalid choice: 'pie'"),
        (["--results", "elsewhere"], "cannot read elsewhere"),
    ],
)
def test_what_is_not_known_is_a_usage_error_that_names_the_nearest(cli: Cli, results: Path, arguments, words):
    given = arguments if "--results" in arguments else ["--results", "results", *arguments]
    ended = cli("compare", *given)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert ended.stdout == ""


def test_without_a_run_and_without_results_it_asks_for_one(cli: Cli):
    ended = cli("compare")
    assert ended.returncode == 2
    assert "no run is named" in ended.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_is_drawn(cli: Cli, results: Path, kind: str):
    ended = cli("compare", "--results", "results", "--chart", kind)
    assert ended.returncode == 0, ended.stderr
    assert "c7g.large" in ended.stdout


def test_a_run_without_any_figure_says_why(cli: Cli):
    on_disk(cli.cwd / "results", run_of("c7g.large-1"))
    ended = cli("compare", "--results", "results")
    assert ended.returncode == 1
    assert "nothing was measured in 20261124-135100-k3f7: no result" in ended.stderr


def test_no_escape_sequence_in_a_pipe(cli: Cli, results: Path):
    assert "\x1b" not in cli("compare", "--results", "results", "--chart", "pareto").stdout


def test_a_terminal_without_unicode_gets_ascii(cli: Cli, results: Path):
    ended = cli("compare", "--results", "results", env={"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0, ended.stderr
    assert "#####" in ended.stdout
    assert "?" not in ended.stdout.replace("did you mean", "")


@pytest.mark.parametrize(
    ("columns", "kept"),
    [(120, ["USD/h", "interval", "triad.one"]), (70, ["USD/h", "interval"]), (55, ["USD/h"]), (44, [])],
)
def test_a_narrow_terminal_keeps_type_value_and_verdict(monkeypatch, columns: int, kept: list[str]):
    rows = [
        result(name, n, metrics={"triad.all": metric(value), "triad.one": metric(value)})
        for name, values in TRIADS.items()
        for n, value in enumerate(values, 1)
    ]
    monkeypatch.setattr(comparison_table.output, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    console = Console(width=columns, file=io.StringIO())
    console.print(comparison_table.comparison_table(compare_types(rows), unicode=True))
    lines = console.file.getvalue().splitlines()
    assert all(cell_len(line) <= columns for line in lines)
    assert [name for name in ("USD/h", "interval", "triad.one") if name in lines[0]] == kept
    assert any("c7i.large" in line and "30.17" in line and "worse 0.654×" in line for line in lines)
    assert "c7a.large: not ranked: 2 instances, 3 needed" in lines


def test_choices_are_those_of_the_comparison():
    assert tuple(basis.value for basis in Basis) == compare.BASES
    assert compare.CHARTS == KINDS


def test_comparing_what_lies_on_disk_imports_no_cloud_and_no_screen(cli: Cli, results: Path):
    code = (
        "import sys; from benchtui.cli.main import main; code = main(['compare', '--results', 'results']);"
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
def test_results_come_from_the_bucket(local_cli: Cli):
    run = local_cli.run_detached()
    for job in ("local.1cpu-1", "local.1cpu-2"):
        told = document(
            run_of(job).model_copy(update={"run": run}), job, provider="local", metrics=measured(12.5)
        )
        content = json.loads(told.model_dump_json(by_alias=True))
        local_cli.put(f"benchmarks/{run}/jobs/{job}/stream/result.json", content)
    ended = local_cli("compare", run, "--local", "--json")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["types"][0]["type"] == "local.1cpu"
    assert found["types"][0]["usd_per_hour"] is None
    assert found["types"][0]["cells"][0]["value"] == pytest.approx(12.5)
    assert local_cli("kill", run, "--local", "--confirm", run).returncode == 0
