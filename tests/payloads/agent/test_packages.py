"""Packages: only what is missing is installed, and what cannot be had is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import packages
from packages import Installer, family
from process import Stop

#: Stands in PATH for apt-get and dpkg-query: a list of what is installed, one of what can be had.
COMMAND = """#!/bin/sh
cd {base}
echo "$(basename "$0") $*" >>calls
case "$(basename "$0") $*" in
  dpkg-query*) for p; do :; done; grep -qx "$p" installed && printf 'installed 1.0' && exit; exit 1 ;;
  *" update") exit 0 ;;
  apt-get*) set -- $(echo "$*" | sed 's/.*--no-install-recommends//')
    for p; do grep -qx "$p" available || {{ echo "E: Unable to locate package $p" >&2; exit 100; }}; done
    for p; do echo "$p" >>installed; done ;;
esac
"""


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Installer, Path]]:
    def make(installed: str, available: str) -> tuple[Installer, Path]:
        for name in ("apt-get", "dpkg-query"):
            command = tmp_path / "bin" / name
            command.parent.mkdir(exist_ok=True)
            command.write_text(COMMAND.format(base=tmp_path))
            command.chmod(0o755)
        (tmp_path / "installed").write_text("".join(f"{name}\n" for name in installed.split()))
        (tmp_path / "available").write_text("".join(f"{name}\n" for name in available.split()))
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        monkeypatch.setattr(packages, "os_release", lambda: {"ID": "debian"})
        return Installer(Stop(), lambda text: None), tmp_path

    return make


def calls(base: Path, program: str) -> list[str]:
    lines = (base / "calls").read_text().splitlines()
    return [line for line in lines if line.startswith(program)]


def test_what_is_there_is_left_alone(debian: Any) -> None:
    installer, base = debian("gcc", "")
    assert installer.install(["gcc"]) == {}
    assert calls(base, "apt-get") == []


def test_only_what_is_missing_is_installed(debian: Any) -> None:
    installer, base = debian("gcc", "libfftw3-dev")
    assert installer.install(["gcc", "libfftw3-dev", "libfftw3-dev"]) == {}
    update, install = calls(base, "apt-get")
    assert update.endswith("update")
    assert install.endswith("--no-install-recommends libfftw3-dev")
    assert "DPkg::Lock::Timeout=300" in install
    assert installer.version("libfftw3-dev") == "1.0"


def test_one_that_cannot_be_had_is_named_and_the_others_are_installed(debian: Any) -> None:
    installer, _ = debian("", "gcc")
    failed = installer.install(["gcc", "no-such-package"])
    assert failed == {"no-such-package": "E: Unable to locate package no-such-package"}
    assert installer.version("gcc") == "1.0"


def test_no_package_manager_is_a_reason(debian: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installer, _ = debian("", "")
    monkeypatch.setenv("PATH", "/nowhere")
    installer = Installer(Stop(), lambda text: None)
    assert "could not be started" in installer.install(["gcc"])["gcc"]


@pytest.mark.parametrize(
    ("release", "listed"),
    [
        ({"ID": "debian"}, "debian"),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "ubuntu"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "ubuntu"),
        ({"ID": "amzn", "ID_LIKE": "fedora"}, "amzn"),
        ({"ID": "arch"}, None),
        ({}, None),
    ],
)
def test_which_list_of_a_payload_is_meant(release: dict[str, str], listed: str | None) -> None:
    assert family(release) == listed


def test_os_release_is_read_with_its_quotes(tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n# a remark\n\n')
    assert packages.os_release(str(tmp_path / "os-release"))["PRETTY_NAME"] == "Debian GNU/Linux 12"
    assert packages.os_release(str(tmp_path / "absent")) == {}
