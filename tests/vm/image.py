"""The guest: a Debian 12 built from its packages, with cloud-init, as a disk image; cached."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.vm.bench import CACHE, Lacking, key_of, run

SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
PACKAGES = (
    "systemd-sysv", "udev", "dbus", "kmod", "iproute2", "isc-dhcp-client", "ifupdown", "curl", "cloud-init",
    "linux-image-cloud-amd64", "procps", "python3",
)  # fmt: skip
DISK = "3G"
#: The one thing in the image that no instance has: S3 is the bench's own, at the address of the metadata.
STORE = "http://169.254.169.254"
FILES = {
    "etc/fstab": "LABEL=root / ext4 defaults 0 1\n",
    "etc/hostname": "guest\n",
    "etc/systemd/system.conf.d/store.conf": f"[Manager]\nDefaultEnvironment=AWS_ENDPOINT_URL_S3={STORE}\n",
}


@dataclass(frozen=True)
class Image:
    """Disk, kernel and initial file system; the disk is only ever the lower layer of another."""

    disk: Path
    kernel: Path
    initrd: Path
    key: str


def image() -> Image:
    """The image, built if it is not in the cache (75 s, 400 MB, 130 MB to download).

    Raises:
        Lacking: it could not be built.
    """
    key = key_of(SUITE, MIRROR, PACKAGES, DISK, sorted(FILES.items()))
    folder = CACHE / f"image-{key}"
    if not (folder / "complete").exists():
        _build(folder)
    return Image(folder / "root.qcow2", folder / "vmlinuz", folder / "initrd.img", key)


def _build(folder: Path) -> None:
    if os.geteuid() != 0:
        raise Lacking("the image is built as root, once: sudo make proof-vm")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="image-", dir=CACHE) as scratch:
        root, raw = Path(scratch) / "root", Path(scratch) / "root.raw"
        run(
            "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}",
            SUITE, root, MIRROR,
        )  # fmt: skip
        for name, text in FILES.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (root / "etc/machine-id").write_text("")
        for name in ("vmlinuz", "initrd.img"):
            [found] = (root / "boot").glob(f"{name}-*")
            shutil.copy(found, folder / name)
        run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, raw, DISK)
        run("qemu-img", "convert", "-O", "qcow2", raw, folder / "root.qcow2")
    (folder / "complete").touch()


def overlay(lower: Path, path: Path) -> Path:
    """A disk whose writes stay in ``path``."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", lower, path)
    return path
