"""`benchtui export` as users start it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchtui.cli.export import FORMAT_NAMES
from benchtui.cli.main import main
from benchtui.report.export.formats import FORMATS
from tests import golden
from tests.cli.conftest import Cli


@pytest.fixture
def results(cli: Cli) -> Path:
    return golden.lie(cli.cwd / "results")


def test_the_formats_are_those_there_are():
    assert tuple(FORMATS) == FORMAT_NAMES


def test_csv_goes_to_a_file_named_after_the_run_and_is_never_replaced(cli: Cli, results: Path):
    ended = cli("export", golden.RUN, "--results", "results", "--format", "csv")
    assert ended.returncode == 0, ended.stderr
    path = cli.cwd / f"benchtui-{golden.RUN}.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({(row["job"], row["suite"]) for row in rows}) == 53
    before = path.read_bytes()
    again = cli("export", golden.RUN, "--results", "results", "--format", "csv")
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert path.read_bytes() == before


def test_stdout_gets_the_same_bytes(cli: Cli, results: Path):
    ended = cli("export", "--results", "results", "--format", "jsonl", "--samples", "--output", "-")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert json.loads(lines[0])["warm_up"] is True
    assert ended.stderr == ""


def test_computecompass_is_a_folder_of_three_files_and_says_what_is_not_in_them(cli: Cli, results: Path):
    ended = cli(
        "export", "--results", "results", "--format", "computecompass", "--output", "latest", "--json"
    )
    assert ended.returncode == 0, ended.stderr
    assert sorted(path.name for path in (cli.cwd / "latest").iterdir()) == [
        "cpu-benchmarks.json",
        "memory-benchmarks.json",
        "price-performance.json",
    ]
    found = json.loads(ended.stdout)
    assert (found["type"], found["format"], found["rows"]) == ("export", "computecompass", None)
    assert found["written"][0]["path"] == "latest/memory-benchmarks.json"
    told = [f"{one['what']}: {one['why']}" for one in found["left_out"]]
    assert "c7a.large, memory-benchmarks.json: 2 verified and plausible of 2 instances, 3 needed" in told
    assert "left out: c7a.large, memory-benchmarks.json" in ended.stderr


def test_a_schema_is_printed(cli: Cli):
    ended = cli("export", "--schema", "computecompass-memory")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["title"] == "memory-benchmarks.json of ComputeCompass"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no format is named"),
        (["--schema", "measurment"], "did you mean measurement?"),
        (["--format", "xlsx"], "invalid choice: 'xlsx'"),
        (["--format", "csv"], "no run is named"),
        (["--format", "junit", "--samples", "--results", "results"], "holds no"),
        (["--format", "computecompass", "--output", "-", "--results", "results"], "is several files"),
        (["--format", "csv", "--output", "-", "--json", "--results", "results"], "stdout holds one document"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(results: Path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(results.parent)
    assert main(["export", *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == "" or "--json" in arguments
    assert [path.name for path in results.parent.iterdir()] == ["results"]
