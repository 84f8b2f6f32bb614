"""The kernel source of the distribution: which it is, unpacked, and shown to be unchanged."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from typing import Dict, List, NamedTuple, NoReturn, Optional, Tuple

#: By ID:VERSION_ID of os-release: where its package puts the tarball, and the suffix of its LLVM's programs.
PINNED = {
    "debian:12": ("/usr/src/linux-source-6.1.tar.xz", "-14"),
    "debian:13": ("/usr/src/linux-source-6.12.tar.xz", "-19"),
    "ubuntu:24.04": ("/usr/src/linux-source-6.8.0/linux-source-6.8.0.tar.bz2", "-18"),
}
#: What no option of tinyconfig compiles or includes. The rest is a quarter of the bytes: 0.4 instead of 1.5
#: GB that a small instance would have to write to its disk, and the sources then stay in its page cache.
OMITTED = (
    *("Documentation/" + end for end in ("*.rst", "*.txt", "*.yaml")),
    *("{}/*.[ch]".format(folder) for folder in ("sound", "net")),
    *(
        "drivers/{}/*.[ch]".format(folder)
        for folder in ("gpu", "net", "media", "scsi", "infiniband", "staging", "usb", "misc")
    ),
    *("arch/{}/*.[chS]".format(folder) for folder in ("[b-zA-Z]*", "alpha", "arc")),
    "arch/*.dts*",
    "tools/perf/*",
    "tools/testing/*",
)
NEEDED_BYTES = 1500 * 10**6  # of the disk: source 0.4 GB, object trees 0.1 GB, and room


def fail(why: str) -> NoReturn:
    """End with the reason, in the words that stand in the result."""
    sys.exit("error: " + why)


class Source(NamedTuple):
    """A tarball and the programs that compile it."""

    tarball: str
    llvm: str  # suffix of clang, ld.lld and the rest, as the kernel's LLVM= takes it


def of_this_system(tarball: Optional[str], llvm: Optional[str], release: str = "/etc/os-release") -> Source:
    """What the distribution pins, unless named."""
    system, name = _system(release)
    pinned = PINNED.get(system, (None, None))
    tarball, llvm = tarball or pinned[0], llvm or pinned[1]
    if tarball is None or llvm is None:
        fail("{} has no package of the kernel's source that this suite knows".format(name))
    if not os.path.isfile(tarball):
        fail("{}: not there; the package of the kernel's source puts it there".format(tarball))
    for program in ("make", "clang" + llvm, "ld.lld" + llvm, "llvm-ar" + llvm, "flex", "bison", "bc"):
        if shutil.which(program) is None:
            fail("{}: not installed".format(program))
    return Source(tarball, llvm)


def _system(release: str) -> Tuple[str, str]:
    fields: Dict[str, str] = {}
    try:
        with open(release, encoding="utf-8") as file:
            for line in file:
                key, _, value = line.strip().partition("=")
                fields[key] = value.strip("\"'")
    except OSError:
        pass
    system = "{}:{}".format(fields.get("ID", "?"), fields.get("VERSION_ID", "?"))
    return system, fields.get("PRETTY_NAME", system)


def sha256_of(path: str) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def unpack(tarball: str, folder: str) -> None:
    """Unpack what a build needs into ``folder``, which must not exist; names the disk if there is no room."""
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(folder))).free
    if free < NEEDED_BYTES:
        fail(
            "disk: {:.1f} GB free at {}, {:.1f} GB needed for the kernel's source and its objects".format(
                free / 1e9, os.path.abspath(folder), NEEDED_BYTES / 1e9
            )
        )
    with tarfile.open(tarball) as archive:
        first = archive.next()
    top = "" if first is None else first.name.lstrip("./").split("/")[0]
    if not top:
        fail("{}: no folder in it".format(tarball))
    os.mkdir(folder)
    # A literal prefix, so that a name of the other folders is told from a pattern by its first letters.
    omitted = ["--exclude={}/{}".format(top, pattern) for pattern in OMITTED]
    packer = ["--use-compress-program=xz -T0"] if tarball.endswith(".xz") else ["--auto-compress"]
    command = ["tar", "-x", *packer, "-f", tarball, "-C", folder, "--strip-components=1", "--no-same-owner"]
    done = subprocess.run([*command, "--anchored", "--wildcards", *omitted], check=False)
    if done.returncode != 0:
        fail("tar exited with {}: {} could not be unpacked".format(done.returncode, tarball))


class State(NamedTuple):
    """A source tree: what is in it, and what the file system says of its files."""

    sha256: str
    files: int
    stamps: int  # changes when any file is written, replaced, added or removed


def state_of(folder: str) -> State:
    """Read every file; that is also what brings them into the page cache before anything is timed."""
    digest, count = hashlib.sha256(), 0
    for name, path in _files(folder):
        if os.path.islink(path):
            content = "-> " + os.readlink(path)
        else:
            content = sha256_of(path)
        digest.update("{}\0{}\n".format(name, content).encode("utf-8", "surrogateescape"))
        count += 1
    return State(digest.hexdigest(), count, stamps_of(folder))


def stamps_of(folder: str) -> int:
    """One number of all names, sizes, inodes and times."""
    return hash(
        tuple(
            (name, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
            for name, path in _files(folder)
            for found in (os.lstat(path),)
        )
    )


def _files(folder: str) -> List[Tuple[str, str]]:
    """Names below the folder and paths, sorted by name."""
    found = []
    for place, _, names in os.walk(folder):
        below = place[len(folder) + 1 :]
        found += [(os.path.join(below, name), os.path.join(place, name)) for name in names]
    return sorted(found)
