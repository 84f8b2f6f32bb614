"""A suite of the user's own: the documented example as it stands, and errors that name file and key."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.local.conftest import Start

from .conftest import Cli

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "own-suite"
FILES = ("mine/payload.toml", "mine/mine.py", "benchtui.toml")


def copied(cli: Cli) -> Path:
    shutil.copytree(EXAMPLE, cli.cwd, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return cli.cwd / "mine" / "payload.toml"


@pytest.mark.parametrize("name", FILES)
def test_the_documentation_shows_the_files_of_the_example(name: str) -> None:
    blocks = re.findall(r"```(?:toml|python)\n(.*?)```", (ROOT / "docs/own-suite.md").read_text(), re.DOTALL)
    assert (EXAMPLE / name).read_text() in blocks


def test_the_example_has_ten_lines_at_most() -> None:
    assert all(len((EXAMPLE / name).read_text().splitlines()) <= 10 for name in FILES)


@pytest.mark.slow
@pytest.mark.xdist_group("worlds")
def test_the_example_is_measured_and_verified(cli: Cli, tmp_path: Path, start_local_cloud: Start) -> None:
    cli.state_home = tmp_path / "state"
    cli.cloud = start_local_cloud(state_dir=cli.state_home / "benchtui" / "local")
    copied(cli)
    ended = cli("run", "--yes", "--local", "--json", "--timeout", "3m", patience=170)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    summary = json.loads(ended.stdout.splitlines()[-1])
    assert (summary["planned"], summary["measured"], summary["declined"], summary["verified"]) == (1, 1, 0, 1)
    (row,) = summary["rows"]
    assert row["suite"] == "mine"
    assert row["metrics"]["sha256.one"]["unit"] == "MB/s"
    assert row["metrics"]["sha256.one"]["median"] > 10
    assert summary["plausible"] == 1, row


@pytest.mark.parametrize(
    ("found", "put", "said"),
    [
        ('name = "mine"', 'name = "other"', "'other' is not the name of its folder"),
        ('title = "SHA-256 of 64 MiB"\n', "", "title: Field required"),
        ("higher_is_better", "higher_is_bettter", "metrics.sha256.one.higher_is_bettter: Extra inputs"),
        ("benchtui.payload/1", "benchtui.payload/9", 'set schema = "benchtui.payload/1"'),
        ("expected_seconds = 3, ", "", "modes.quick.expected_seconds: Field required"),
    ],
)
def test_a_wrong_payload_toml_is_refused_with_file_and_key(cli: Cli, found: str, put: str, said: str) -> None:
    declared = copied(cli)
    declared.write_text(declared.read_text().replace(found, put))
    ended = cli("plan", "--offline")
    assert ended.returncode == 2
    assert "mine/payload.toml" in ended.stderr
    assert said in ended.stderr


def test_a_folder_that_is_not_there_is_named_with_its_key(cli: Cli) -> None:
    copied(cli)
    (cli.cwd / "mine").rename(cli.cwd / "elsewhere")
    ended = cli("plan", "--offline")
    assert ended.returncode == 2
    assert "mine/payload.toml: No such file or directory" in ended.stderr
    assert "[suites.mine] path" in ended.stderr


def test_a_suite_nobody_knows_is_named_with_the_way_to_bring_it(cli: Cli) -> None:
    copied(cli)
    (cli.cwd / "benchtui.toml").write_text('[plan]\ntypes = ["local.1cpu"]\nsuites = ["mine"]\n')
    ended = cli("plan", "--offline")
    assert ended.returncode == 2
    assert "[suites.mine] path" in ended.stderr
