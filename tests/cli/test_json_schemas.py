"""What `--json` prints is what its schema says, and no more: commands in this process, without a network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchtui.cli.main import main
from benchtui.core.documents import ConfirmsDocument
from benchtui.history.index import HistoryIndex
from tests.history.made_up import nightly, run_id
from tests.schema_checks import breaks, exactly, holds

STORED = Path(__file__).parents[1] / "fixtures" / "stored-run"
Told = Callable[..., dict[str, Any]]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """The document that a command prints; what it is expected to leave with is its ``code``."""
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*arguments: str, code: int = 0) -> dict[str, Any]:
        ended = main([*arguments, "--json"])
        said = capsys.readouterr()
        assert ended == code, said.err
        found = json.loads(said.out)
        assert isinstance(found, dict)
        return found

    return run


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("config", ("config", "show")),
        ("paths", ("config", "paths")),
        ("info", ("info",)),
        ("bundle", ("info", "--bundle", "report.tar.gz")),
        ("types", ("types", "--offline", "--filter", "family=c7g,c7i")),
        ("comparable-types", ("types", "--offline", "--comparable", "c7i.xlarge")),
        ("policies", ("setup", "--print-policies", "--account", "123456789012")),
        ("local", ("local", "status")),
        ("local", ("local", "down")),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)
def test_it_is_as_its_schema_says(told: Told, name: str, words: tuple[str, ...]) -> None:
    found = told(*words)
    exactly(name, found)
    breaks(name, {**found, "type": "other"})


def test_the_doctor_of_a_machine_without_credentials(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    found = told("doctor", code=3)
    exactly("doctor", found)
    found["findings"][0]["status"] = "well"
    breaks("doctor", found)


def test_the_history_of_an_index(told: Told, tmp_path: Path) -> None:
    confirms = ConfirmsDocument(
        suite="stream",
        metric="triad.all",
        instance_type="c7g.large",
        region="us-east-1",
        since=run_id(10),
        against=tuple(run_id(day) for day in range(10)),
    )
    with HistoryIndex(tmp_path / ".cache" / "benchtui" / "history.sqlite") as index:
        days = [nightly(day, {"c7g.large": 100.0, "c7i.large": 80.0}) for day in range(10)]
        days += [nightly(day, {"c7g.large": 90.0}, kernel="6.1.0-2") for day in range(10, 15)]
        days.append(nightly(15, {"c7g.large": 90.0}, kernel="6.1.0-2", confirms=confirms))
        index.write(index.bucket("b"), days)
    exactly("history", told("history", "--no-sync"))
    exactly("metrics", told("history", "--no-sync", "--metrics"))
    trend = told("history", "--no-sync", "--metric", "triad.all")
    exactly("trend", trend)
    (series,) = [one for one in trend["series"] if one["type"] == "c7g.large"]
    assert series["changes"] and series["marks"] and series["confirmations"], (
        "each of them was held against it"
    )
    series["changes"][0]["interval"] = [0.9]
    breaks("trend", trend)


def test_the_verification_of_a_run_that_is_whole_and_of_one_that_is_not(told: Told, tmp_path: Path) -> None:
    found = told("verify", "--folder", str(STORED))
    exactly("verify", found)
    (name,) = [path.parent.name for path in STORED.rglob("run.json")]
    copy = tmp_path / name
    copy.mkdir()
    (copy / "run.json").write_bytes(b"{}")
    tampered = told("verify", "--folder", str(copy), code=1)
    assert tampered["mismatches"] and tampered["unchecked"]
    exactly("verify", tampered)


def test_a_command_that_failed(told: Told) -> None:
    holds("error", told("status", "nonsense", code=2))
