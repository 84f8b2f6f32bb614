"""Fetch the source a suite builds: the .orig tarball of the distribution's source package, pinned by SHA-256.

    pinned_source.py PACKAGE --sha256 HEX [--sha256 HEX ...] [--url URL] [--into source]

Where there is apt, `apt-get source` fetches it from the mirrors the system already uses, with a list of
sources and a cache of its own: images come without deb-src, and the system's configuration is not touched.
Elsewhere, and only where the caller names one, the authors' own address is used. Whichever it was, the bytes
must be the pinned ones.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from typing import List, NoReturn, Sequence

TIMEOUT_S = 300
#: Where Debian and Ubuntu keep the keys of their archives; what signs a list must be named in it.
KEYRINGS = {
    "Debian": (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "/usr/share/keyrings/debian-archive-keyring.pgp",
    ),
    "Ubuntu": ("/usr/share/keyrings/ubuntu-archive-keyring.gpg",),
}
COMPONENTS = ("main", "universe")  # where free software is


def fail(why: str) -> NoReturn:
    """End with the reason in the words that stand in the result."""
    sys.exit("error: " + why)


def sha256_of(path: str) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def checked(path: str, name: str, expected: Sequence[str]) -> str:
    """``path`` if its bytes are the pinned ones; ends the program naming both hashes otherwise."""
    found = sha256_of(path)
    if found not in expected:
        fail("{} has sha256 {}, pinned is {}".format(name, found, " or ".join(expected)))
    return path


def source_list(targets: str) -> List[str]:
    """deb-src lines for the distribution's own repositories, from the lines of `apt-get indextargets`."""
    lines = []
    for target in targets.splitlines():
        uri, release, component, origin = target.split("|")
        if component not in COMPONENTS or origin not in KEYRINGS:
            continue  # a repository that somebody added
        keyring = next((path for path in KEYRINGS[origin] if os.path.exists(path)), None)
        signed = "[signed-by={}] ".format(keyring) if keyring else ""
        lines.append("deb-src {}{} {} {}".format(signed, uri, release, component))
    return list(dict.fromkeys(lines))


def apt(arguments: Sequence[str], folder: str) -> str:
    """Standard output of apt-get; ends the program with apt's own words if it fails."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", *arguments],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")] or [
            done.stderr.strip()[-300:]
        ]
        fail("apt-get {}: {}".format(" ".join(arguments[-2:]), " ".join(said[:2])))
    return done.stdout


def from_distribution(package: str, folder: str) -> str:
    """Path of the .orig tarball of the distribution's source package, fetched into ``folder``."""
    wanted = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)"
    lines = source_list(apt(["indextargets", "--format", wanted, "Created-By: Packages"], folder))
    if not lines:
        fail("apt names no repository of the distribution, so the source of {} cannot be had".format(package))
    for name in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(folder, name))
    listed = os.path.join(folder, "source.list")
    with open(listed, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    own = ["Dir::Etc::sourcelist=" + listed, "Dir::Etc::sourceparts=-", "Acquire::Retries=3"]
    own += [
        "Dir::State::lists=" + os.path.join(folder, "lists"),
        "Dir::Cache=" + os.path.join(folder, "cache"),
    ]
    own += ["Acquire::http::Timeout=30", "Acquire::Languages=none", "APT::Sandbox::User="]
    options = [word for option in own for word in ("-o", option)]
    apt([*options, "-q", "update"], folder)
    apt([*options, "-q", "source", "--download-only", "--tar-only", package], folder)
    found = [name for name in os.listdir(folder) if ".orig.tar." in name]
    if len(found) != 1:
        fail("apt-get source {} left {} .orig tarballs".format(package, len(found)))
    return os.path.join(folder, found[0])


def from_address(url: str, folder: str) -> str:
    """Path of what is at ``url``, fetched into ``folder``."""
    path = os.path.join(folder, url.rpartition("/")[2])
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, open(path, "wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:
        fail("{}: {}".format(url, error))
    return path


def main() -> None:
    """Leave the unpacked source in the folder asked for, without the tarball's own top folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("package")
    parser.add_argument("--sha256", action="append", required=True)
    parser.add_argument("--url")
    parser.add_argument("--into", default="source")
    asked = parser.parse_args()
    tarball = asked.package + ".orig.tar"
    with tempfile.TemporaryDirectory() as folder:
        if not os.path.exists(tarball):
            if shutil.which("apt-get"):
                fetched = from_distribution(asked.package, folder)
            elif asked.url:
                fetched = from_address(asked.url, folder)
            else:
                fail("this distribution has no source of {}".format(asked.package))
            shutil.move(checked(fetched, os.path.basename(fetched), asked.sha256), tarball)
    unpacked = asked.into + ".unpacked"
    shutil.rmtree(asked.into, ignore_errors=True)
    shutil.rmtree(unpacked, ignore_errors=True)
    with tarfile.open(checked(tarball, tarball, asked.sha256)) as archive:
        archive.extractall(unpacked)  # noqa: S202 - the bytes are the pinned ones
    (top,) = os.listdir(unpacked)
    os.rename(os.path.join(unpacked, top), asked.into)
    os.rmdir(unpacked)


if __name__ == "__main__":
    main()
