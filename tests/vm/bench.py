"""What the proof needs of this machine, and where it keeps what it built."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Commands and the Debian packages that bring them.
COMMANDS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "genisoimage": "genisoimage",
    "socat": "socat",
    "setpriv": "util-linux",
}
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "vm"
#: Of one guest: 512 MiB of its own, qemu's translated code and buffers beside it.
GUEST_BYTES = 900 << 20
_PREFIX = "proof-vm-"


class Lacking(Exception):
    """The proof cannot be run here; the text says what to do about it."""


def require() -> None:
    """Raises Lacking, naming every package that is missing."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = sorted({package for name, package in COMMANDS.items() if not shutil.which(name, path=path)})
    if missing:
        raise Lacking(f"missing: {' '.join(missing)} (Debian: apt-get install {' '.join(missing)})")
    if os.uname().machine != "x86_64":
        raise Lacking("the image and its expectations are those of x86-64")


def run(*argv: str | Path, seconds: float = 600) -> str:
    """Standard output of a command.

    Raises:
        Lacking: it failed; its last lines are in the text.
    """
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    done = subprocess.run(
        list(map(str, argv)), capture_output=True, text=True, timeout=seconds, env=environment, check=False
    )
    if done.returncode:
        raise Lacking(f"{argv[0]} failed ({done.returncode}): {done.stderr[-2000:]}")
    return done.stdout


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder of one guest, removed afterwards; its path is short enough for a socket's."""
    folder = Path(tempfile.gettempdir()) / f"{_PREFIX}{os.getpid()}"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as one:
        yield Path(one)


def sweep() -> None:
    """Remove our folder, and those of proofs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX)
        if pid == str(os.getpid()) or not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)


def key_of(*parts: object) -> str:
    """A short name for what was built from ``parts``: it is built again when one of them changes."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def at_once(most: int) -> int:
    """How many guests fit into the memory that is free now, at most ``most`` and at least one."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return max(1, min(most, int(line.split()[1]) * 1024 * 8 // 10 // GUEST_BYTES))
    return 1
