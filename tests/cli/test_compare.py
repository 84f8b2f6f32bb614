"""`benchtui compare` as users start it: a table, a chart and a sentence, or JSON."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
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


@pytest.mark.long
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


@pytest.fixture
def earlier(cli: Cli, results: Path) -> str:
    """A run before it, in which c7g.large was faster."""
    triads = TRIADS | {"c7g.large": (52.1, 51.8, 52.4)}
    jobs = [f"{name}-{number}" for name, values in triads.items() for number, _ in enumerate(values, 1)]
    at = datetime(2026, 11, 20, 2, 15, 33, tzinfo=UTC)
    run = run_of(*jobs).model_copy(update={"run": "20261120-021533-k3f6", "created_at": at})
    documents = [
        document(run, f"{name}-{number}", metrics=measured(value), instance_id=f"i-before-{name}-{number}")
        for name, values in triads.items()
        for number, value in enumerate(values, 1)
    ]
    on_disk(cli.cwd / "results", run, *documents)
    return run.run


NEW = "20261124-135100-k3f7"


def test_a_regression_against_an_earlier_run_is_exit_code_7(cli: Cli, earlier: str):
    ended = cli("compare", NEW, "--results", "results", "--against", earlier, "--fail-on-regression")
    assert ended.returncode == 7
    assert "regression: c7g.large stream/triad.all" in ended.stderr
    assert "c7i.large" not in "".join(line for line in ended.stderr.splitlines() if "regression:" in line)
    assert f"c7g.large has 0.885 times the stream triad.all in run {earlier}" in ended.stdout


def test_json_names_regressions_earlier_figures_and_the_family(cli: Cli, earlier: str):
    ended = cli(
        "compare", NEW, "--results", "results", "--against", earlier, "--fail-on-regression", "--json",
        "--metric", "triad.all",
    )  # fmt: skip
    found = json.loads(ended.stdout)
    assert ended.returncode == 7
    assert found["regressions"] == ["c7g.large stream/triad.all"]
    assert found["earlier_runs"] == [earlier]
    assert [(one["correction"], one["comparisons"]) for one in found["families"]] == [("holm", 2)]
    cell = next(row for row in found["types"] if row["type"] == "c7g.large")["cells"][0]
    assert cell["earlier"]["value"] == pytest.approx(52.1, rel=1e-3)
    assert cell["ratio_confidence"] > 0.95
    assert cell["ratio_interval"][0] < cell["ratio_interval_alone"][0]


def test_the_other_way_round_nothing_is_worse(cli: Cli, earlier: str):
    ended = cli("compare", earlier, "--results", "results", "--against", NEW, "--fail-on-regression")
    assert ended.returncode == 0, ended.stderr


def test_a_gate_that_cannot_judge_does_not_stand_open(cli: Cli, earlier: str):
    ended = cli(
        "compare", NEW, "--results", "results", "--against", earlier, "--fail-on-regression",
        "--types", "c7a.large",
    )  # fmt: skip
    assert ended.returncode == 1
    assert "nothing could be judged" in ended.stderr
    assert "[plan] replicates" in ended.stderr


def test_types_are_chosen_by_name_or_pattern(cli: Cli, results: Path):
    ended = cli("compare", "--results", "results", "--types", "c7i.*,c7a.large", "--json")
    assert {row["type"] for row in json.loads(ended.stdout)["types"]} == {"c7i.large", "c7a.large"}


def test_the_decision_view_says_what_to_rent(cli: Cli, results: Path):
    ended = cli("compare", "--results", "results", "--decide", "--intensity", "0.5", "--precision", "2%")
    assert ended.returncode == 0, ended.stderr
    assert "decision by stream triad.all GB/s, higher is better; prices: list price" in ended.stdout
    assert "USD per TB moved" in ended.stdout
    assert "c7i.large: wins if its spot discount > 35 % (33 to 36 %)" in ended.stdout
    assert "per type for ±2 % of a ratio" in ended.stdout
    assert "1 more c7a.large ($0.01) would give c7a.large a rank" in ended.stdout
    assert "predicted for 0.5 flop/byte" in ended.stdout
    assert "c7g.large: nothing predicted, mixed_precision/peak.fp64.all: not measured" in ended.stdout


def test_the_decision_is_always_in_the_json(cli: Cli, results: Path):
    found = json.loads(cli("compare", "--results", "results", "--json").stdout)
    types = {row["type"]: row for row in found["decision"]["types"]}
    flip = types["c7i.large"]["break_even"]
    assert flip["interval"][0] < flip["usd_per_hour"] < flip["interval"][1]
    assert types["c7g.large"]["on_frontier"]
    assert isinstance(types["c7g.large"]["work"]["usd"], str)
    assert found["decision"]["roofline"] is None
    assert found["settling"][0]["more"] == {"c7a.large": 1}
    assert found["overall"]["metrics_in_all"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--types", "c7h.*"], "no result is of the type c7h.*"),
        (["--intensity", "-1"], "no number above 0"),
        (["--precision", "200%"], "no percentage such as 2%"),
        (["--against", NEW, NEW], "is named on both sides"),
        (["--fail-on-regression"], "needs something to be worse than"),
        (["--against", NEW], "no run is left to compare"),
        (["--against", NEW, "20261120-021533-k3f6", "--baseline", "c7g.large"], "exclude each other"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(cli: Cli, results: Path, arguments, words):
    ended = cli("compare", "--results", "results", *arguments)
    assert ended.returncode == 2
    assert words in ended.stderr


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
