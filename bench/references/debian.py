"""A package or a package's source from the distribution, fetched with a list and a cache of its own.

The system's own lists of sources are not touched: what is fetched here is a developer's tool, is kept in
.cache/ (which git ignores) and is neither installed nor shipped.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.quiet import Unmeasured, need, output
from bench.references.suites import PAYLOADS, ROOT

CACHE = ROOT / ".cache" / "references"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ORIGIN = "http://deb.debian.org/debian"


def package(name: str, component: str, release: str, sha256: str) -> Path:
    """The unpacked files of a binary package of Debian of the pinned bytes."""
    need("apt-get", "apt")
    need("dpkg-deb", "dpkg")
    kept = CACHE / f"{name}-{sha256[:16]}"
    if kept.exists():
        return kept
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=CACHE) as work:
        folder = Path(work)
        for empty in ("lists/partial", "cache/archives/partial"):
            (folder / empty).mkdir(parents=True)
        (folder / "source.list").write_text(f"deb [signed-by={KEYRING}] {ORIGIN} {release} {component}\n")
        settings = {
            "Dir::Etc::sourcelist": folder / "source.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "",
        }
        options = [word for setting in settings.items() for word in ("-o", "{}={}".format(*setting))]
        output("apt-get", *options, "-q", "update", folder=folder)
        output("apt-get", *options, "-q", "download", name, folder=folder)
        (fetched,) = folder.glob(f"{name}_*.deb")
        found = hashlib.sha256(fetched.read_bytes()).hexdigest()
        if found != sha256:
            raise Unmeasured(f"{fetched.name} has sha256 {found}, pinned is {sha256}")
        output("dpkg-deb", "-x", str(fetched), str(folder / "unpacked"))
        (folder / "unpacked").rename(kept)
    return kept


def source(name: str, sha256: str) -> Path:
    """The unpacked source of a package of the distribution, by the program the suites use for it."""
    kept = CACHE / f"{name}-source-{sha256[:16]}"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fetch = PAYLOADS / "common" / "pinned_source.py"
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=CACHE) as work:
            output(sys.executable, str(fetch), name, "--sha256", sha256, folder=Path(work))
            shutil.move(Path(work) / "source", kept)
    return kept


def version(name: str) -> str:
    """The version of an installed package, as the package manager tells it."""
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True, check=False
    )
    return done.stdout or "of an unknown version"
