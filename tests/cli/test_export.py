"""`benchtui export` as users start it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchtui.cli.export import FORMAT_NAMES
from benchtui.cli.main import main
from benchtui.report.export.formats import FORMATS
from tests import golden
from tests.cli.conftest import Cli


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.lie(tmp_path_factory.mktemp("golden") / "results")


@pytest.fixture
def benchtui(results: Path, tmp_path: Path, monkeypatch, capsys) -> Callable[..., Any]:
    """The program in this process, in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["export", *(str(results) if word == "results" else word for word in arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_formats_are_those_there_are():
    assert tuple(FORMATS) == FORMAT_NAMES


def test_csv_goes_to_a_file_named_after_the_run_and_is_never_replaced(benchtui, tmp_path: Path):
    code, out, err = benchtui(golden.RUN, "--results", "results", "--format", "csv")
    assert (code, out) == (0, ""), err
    path = tmp_path / f"benchtui-{golden.RUN}.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({(row["job"], row["suite"]) for row in rows}) == 53
    path.write_text("mine")
    code, out, err = benchtui(golden.RUN, "--results", "results", "--format", "csv")
    assert code == 2
    assert "is there already" in err
    assert path.read_text() == "mine"


def test_stdout_gets_the_bytes_of_a_file(cli: Cli, results: Path):
    """As users start it, in a process of its own."""
    ended = cli("export", "--results", str(results), "--format", "bencher", "--output", "-")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == (golden.FOLDER / "bencher.json").read_text()
    assert "left out: c7g.metal stream: budget: too little left" in ended.stderr


def test_computecompass_is_a_folder_of_three_files_and_says_what_is_not_in_them(benchtui, tmp_path: Path):
    given = ("--results", "results", "--format", "computecompass", "--output", "latest", "--json")
    code, out, err = benchtui(*given)
    assert code == 0, err
    assert sorted(path.name for path in (tmp_path / "latest").iterdir()) == [
        "cpu-benchmarks.json",
        "memory-benchmarks.json",
        "price-performance.json",
    ]
    found = json.loads(out)
    assert (found["type"], found["format"], found["rows"]) == ("export", "computecompass", None)
    assert found["written"][0]["path"] == "latest/memory-benchmarks.json"
    told = [f"{one['what']}: {one['why']}" for one in found["left_out"]]
    assert "c7a.large, memory-benchmarks.json: 2 verified and plausible of 2 instances, 3 needed" in told
    assert "left out: c7a.large, memory-benchmarks.json" in err


def test_a_schema_is_printed(benchtui):
    code, out, _ = benchtui("--schema", "computecompass-memory")
    assert code == 0
    assert json.loads(out)["title"] == "memory-benchmarks.json of ComputeCompass"


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
def test_what_cannot_be_done_is_a_usage_error(benchtui, tmp_path: Path, arguments, words):
    code, out, err = benchtui(*arguments)
    assert code == 2
    assert words in err
    assert out == "" or "--json" in arguments
    assert not list(tmp_path.iterdir())
