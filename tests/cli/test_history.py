"""`benchtui history` on an index that is there, without a network."""

from __future__ import annotations

import json

import pytest

from benchtui.history.index import HistoryIndex
from tests.history.made_up import nightly, run_id
from tests.schema_checks import exactly

from .conftest import Cli


@pytest.fixture
def indexed(cli: Cli) -> Cli:
    with HistoryIndex(cli.home / ".cache" / "benchtui" / "history.sqlite") as index:
        days = [nightly(day, {"c7g.large": 100.0, "c7i.large": 80.0}) for day in range(10)]
        days += [nightly(day, {"c7g.large": 90.0}, kernel="6.1.0-2") for day in range(10, 15)]
        index.write(index.bucket("b"), days)
    return cli


def test_runs_and_trends_are_told_offline(indexed: Cli) -> None:
    ended = indexed("history", "--no-sync", "type=c7i.large", "-n", "2")
    assert ended.returncode == 0, ended.stderr
    assert run_id(9) in ended.stdout
    assert run_id(10) not in ended.stdout
    assert "15 runs" in ended.stderr

    ended = indexed("history", "--no-sync", "--metric", "triad.all", "--type", "c7g.large")
    assert ended.returncode == 0, ended.stderr
    assert "-10.0 % suspect" in ended.stdout
    assert f"worse since 2026-01-11 ({run_id(10)})" in ended.stdout
    assert "kernel 6.1.0-1 → 6.1.0-2" in ended.stdout
    assert "benchtui confirm --metric stream/triad.all --type c7g.large" in ended.stderr

    told = json.loads(indexed("history", "--no-sync", "--metric", "triad.all", "--json").stdout)
    changes = {series["type"]: [one["state"] for one in series["changes"]] for series in told["series"]}
    assert changes == {"c7g.large": ["suspect"], "c7i.large": []}


def test_the_samples_behind_the_figures_of_a_run_are_told(indexed: Cli) -> None:
    asked = ("history", "--no-sync", "--metric", "triad.all", "--run", run_id(3))
    told = json.loads(indexed(*asked, "--json").stdout)
    exactly("samples", told)
    expected = {
        cell.result.job: list(cell.samples["triad.all"])
        for cell in nightly(3, {"c7g.large": 100.0, "c7i.large": 80.0}).cells
    }
    assert {one["job"]: one["samples"] for one in told["instances"]} == expected
    shown = indexed(*asked)
    assert shown.returncode == 0, shown.stderr
    assert f"{expected['c7i.large-2'][0]:.4g}" in shown.stdout
    none = indexed(*asked[:-1], run_id(99))
    assert none.returncode == 2
    assert run_id(99) in none.stderr


def test_what_cannot_be_asked_is_said_with_the_nearest(indexed: Cli) -> None:
    wrong = indexed("history", "--no-sync", "--metric", "triad.al")
    assert wrong.returncode == 2
    assert "stream/triad.all" in wrong.stderr
    assert indexed("history", "--no-sync", "tyqe=c7g.large").returncode == 2
    assert indexed("history", "--no-sync", "--rebuild").returncode == 2
