"""The wheel as a user gets it: built from the sources, installed in an environment that has nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHELL_FILES = (
    "share/man/man1/benchtui.1",
    "share/bash-completion/completions/benchtui",
    "share/zsh/site-functions/_benchtui",
    "share/fish/vendor_completions.d/benchtui.fish",
)

#: Where packages come from here, and whom to trust for it; the system's certificates, as pip does.
INDEX = {"UV_SYSTEM_CERTS": "true"} | {
    name: value
    for name, value in os.environ.items()
    if name.startswith(("PIP_", "UV_")) or name.lower().endswith(("_proxy", "ssl_cert_file", "ca_bundle"))
}

pytestmark = pytest.mark.slow


def run(*command: object, folder: Path, **environment: str) -> str:
    """What a command that has to succeed writes."""
    ended = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"} | INDEX | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT, folder=folder)
    (found,) = folder.glob("benchtui-*.whl")
    return found


def works(program: Path, folder: Path) -> None:
    """Whether an installed program finds all it is made of."""
    assert run(program, "--version", folder=folder).startswith("benchtui ")
    types = json.loads(run(program, "types", "--offline", "--json", folder=folder))
    assert types["types"]
    (folder / "benchtui.toml").write_text('[plan]\ntypes = ["c7g.large"]\nsuites = ["stream", "hpl"]\n')
    plan = json.loads(run(program, "plan", "--offline", "--json", folder=folder))
    assert {suite for job in plan["jobs"] for suite in job["suites"]} == {"stream", "hpl"}
    assert "\n.TH BENCHTUI 1" in "\n" + run(program, "man", folder=folder)
    assert "complete" in run(program, "completion", "bash", folder=folder)


def test_the_wheel_works_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    run(sys.executable, "-m", "venv", place, folder=tmp_path)
    constraints = ROOT / "constraints.txt"
    run(place / "bin" / "pip", "install", "--quiet", "-c", constraints, wheel, folder=tmp_path)
    works(place / "bin" / "benchtui", tmp_path)
    for name in SHELL_FILES:
        assert (place / name).stat().st_size > 1000, name
    page = (place / SHELL_FILES[0]).read_text(encoding="utf-8")
    assert page == run(place / "bin" / "benchtui", "man", folder=tmp_path)
    if shutil.which("man"):
        shown = run("man", "-l", place / SHELL_FILES[0], folder=tmp_path, MANWIDTH="80")
        assert "benchtui types [OPTION ...]" in " ".join(shown.split())


@pytest.mark.parametrize("tool", ["uv", "pipx"])
def test_the_wheel_is_installed_by_tools_for_programs(wheel: Path, tmp_path: Path, tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} here")
    binaries = tmp_path / "bin"
    if tool == "uv":
        places = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(binaries)}
        run("uv", "tool", "install", wheel, folder=tmp_path, **places)
    else:
        places = {"PIPX_HOME": str(tmp_path / "tools"), "PIPX_BIN_DIR": str(binaries)}
        places["PIPX_MAN_DIR"] = str(tmp_path / "man")
        run("pipx", "install", wheel, folder=tmp_path, **places)
        assert (tmp_path / "man" / "man1" / "benchtui.1").exists()
    works(binaries / "benchtui", tmp_path)
