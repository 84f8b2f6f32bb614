"""The packages that suites declare: sane names, and really in the distribution's archive."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.payloads.kernels import PAYLOADS

SUITES = sorted(file.parent.name for file in PAYLOADS.glob("*/payload.toml"))
KEYS = re.compile(r"(debian(:\d+)?|ubuntu(:\d\d\.\d\d)?|amzn(:\d{4})?)")
#: Debian Policy 5.6.1; RPM allows capitals and underscores too.
DEBIAN_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
RPM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]+")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def tables(suite: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """The lists of a suite and of its arms."""
    content = tomllib.loads((PAYLOADS / suite / "payload.toml").read_text())
    yield suite, content.get("packages", {})
    for arm, declared in content.get("arms", {}).items():
        yield f"{suite}:{arm}", declared.get("packages", {})


def declared(distribution: str, version: str) -> dict[str, set[str]]:
    """By package, who asks for it there: the list of the very version, else the distribution's."""
    found: dict[str, set[str]] = {}
    for suite in SUITES:
        for who, lists in tables(suite):
            for name in lists.get(f"{distribution}:{version}", lists.get(distribution, [])):
                found.setdefault(name, set()).add(who)
    return found


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_says_what_it_needs_on_each_distribution(suite: str) -> None:
    for who, lists in tables(suite):
        assert {"debian", "ubuntu", "amzn"} <= set(lists), who
        for key, names in lists.items():
            assert KEYS.fullmatch(key), f"{who}: {key}"
            pattern = RPM_NAME if key.startswith("amzn") else DEBIAN_NAME
            assert all(pattern.fullmatch(name) for name in names), f"{who}: {key}: {names}"
            assert len(set(names)) == len(names), f"{who}: {key}: a name twice"


@pytest.fixture(scope="module", params=["12 bookworm", "13 trixie"])
def archive(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, list[str]]:
    """A version of Debian, and options that give apt its archive and a state apart."""
    if not KEYRING.exists() or not shutil.which("apt-get"):
        pytest.skip("needs apt and the keys of Debian's archive")
    version, suite = request.param.split()
    root = tmp_path_factory.mktemp(suite)
    for folder in ("lists/partial", "cache/archives/partial", "parts"):
        (root / folder).mkdir(parents=True)
    (root / "status").touch()
    (root / "sources.list").write_text(
        f"deb [arch=amd64,arm64 signed-by={KEYRING}] http://deb.debian.org/debian {suite} main\n"
    )
    settings = {
        "APT::Architectures::": "amd64",
        "APT::Sandbox::User": "root",
        "Dir::Etc::sourcelist": root / "sources.list",
        "Dir::Etc::sourceparts": root / "parts",
        "Dir::Etc::preferencesparts": root / "parts",
        "Dir::State::lists": root / "lists",
        "Dir::State::status": root / "status",
        "Dir::Cache": root / "cache",
        "Debug::NoLocking": "1",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    options += ["-o", "APT::Architectures::=arm64"]
    # Read before any option: what this machine's own settings download beside the lists is not wanted.
    (root / "apt.conf").write_text(f'Dir::Etc::Parts "{root / "parts"}";\n')
    monkeypatch = pytest.MonkeyPatch()
    request.addfinalizer(monkeypatch.undo)
    monkeypatch.setenv("APT_CONFIG", str(root / "apt.conf"))
    updated = subprocess.run(
        ["apt-get", "-q", *options, "update"], capture_output=True, text=True, check=False
    )
    if updated.returncode != 0 or not any((root / "lists").glob("*Packages*")):
        pytest.skip(f"Debian's archive is not reached: {updated.stderr[-200:]}")
    return version, options


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_debian_has_every_package(archive: tuple[str, list[str]], architecture: str) -> None:
    version, options = archive
    wanted = declared("debian", version)
    known = subprocess.run(
        [
            "apt-cache",
            "-o",
            f"APT::Architecture={architecture}",
            *options,
            "show",
            "--no-all-versions",
            *wanted,
        ],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    have = {
        block[0].removeprefix("Package: ")
        for block in (text.splitlines() for text in known.split("\n\n"))
        if block and ({f"Architecture: {architecture}", "Architecture: all"} & set(block))
    }
    assert have, known
    missing = {name: sorted(who) for name, who in wanted.items() if name not in have}
    assert not missing
