"""Agent and suites run on any image's Python from 3.9 on, with nothing but its standard library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.core import keys, seals
from benchtui.engine.packaged import payloads_root

SHARED = [Path(keys.__file__), Path(seals.__file__)]  # with the launcher
FILES = [*sorted(payloads_root().rglob("*.py")), *SHARED]
OWN = {path.stem for path in FILES}


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_is_python_3_9_with_the_standard_library_only(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    assert _imports(tree) <= set(sys.stdlib_module_names) | OWN
    assert not _imports(tree) & {"tomllib", "distutils", "imp"}


@pytest.mark.parametrize("path", FILES[: -len(SHARED)], ids=lambda path: path.name)
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 300


def test_ruff_finds_nothing_that_python_3_9_lacks() -> None:
    argv = [sys.executable, "-m", "ruff", "check", "--target-version", "py39", "--select", "F,E9"]
    done = subprocess.run(
        [*argv, str(payloads_root()), *map(str, SHARED)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_dataclasses_and_annotations_need_no_newer_python() -> None:
    """What compiles may still fail on import: names of typing, keywords of dataclass."""
    for path in FILES:
        text = path.read_text()
        assert "slots=True" not in text
        assert "kw_only" not in text
        tree = ast.parse(text)
        assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))
        assert "from __future__ import annotations" in text
