"""What cannot be installed is named with the reason of the system's own apt; its state here is one apart."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import packages
from packages import Installer
from process import Stop
from tests.payloads.kernels import needs


@pytest.fixture
def pinned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """The system's own apt where nothing is installed and the archive's libopenblas-dev may not be taken."""
    needs("apt-get", "dpkg-query")
    for folder in ("lists/partial", "cache/archives/partial", "parts", "dpkg/info", "dpkg/updates", "repo"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dpkg/status").touch()
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    )
    (tmp_path / "repo/Packages").write_text(
        f"Package: libopenblas-dev\nVersion: 0.3\nArchitecture: {architecture.stdout.strip()}\n"
        "Maintainer: nobody\nFilename: ./never.deb\nSize: 1\n"
        f"SHA256: {'0' * 64}\nDescription: not to be had\n"
    )
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{tmp_path}/repo ./\n")
    (tmp_path / "preferences").write_text("Package: libopenblas-dev\nPin: version *\nPin-Priority: -1\n")
    settings = {
        "Dir::Etc::sourcelist": "sources.list",
        "Dir::Etc::sourceparts": "parts",
        "Dir::Etc::preferences": "preferences",
        "Dir::Etc::preferencesparts": "parts",
        "Dir::State::lists": "lists",
        "Dir::State::status": "dpkg/status",
        "Dir::Cache": "cache",
    }
    configured = "".join(f'{name} "{tmp_path / value}";\n' for name, value in settings.items())
    (tmp_path / "apt.conf").write_text(
        configured + f'Debug::NoLocking "1";\nAPT::Sandbox::User "{_user()}";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    monkeypatch.setenv("DPKG_ADMINDIR", str(tmp_path / "dpkg"))
    monkeypatch.setattr(packages, "os_release", lambda: {"ID": "debian", "VERSION_ID": "12"})
    return Installer(Stop(), lambda text: None)


def _user() -> str:
    return "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")


def test_a_package_that_may_not_be_taken_is_named_with_apts_reason(pinned_away: Installer) -> None:
    failed = pinned_away.install(["libopenblas-dev"])
    assert set(failed) == {"libopenblas-dev"}
    assert "no installation candidate" in failed["libopenblas-dev"]


def test_a_package_that_does_not_exist_is_named_and_takes_no_other_along(pinned_away: Installer) -> None:
    failed = pinned_away.install(["no-such-package-anywhere", "libopenblas-dev"])
    assert "no-such-package-anywhere" in failed["no-such-package-anywhere"]
    assert "no installation candidate" in failed["libopenblas-dev"]
