"""Kernel builds: the configured tree that each repetition copies, and one timed build in a copy of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from typing import Dict, List, NamedTuple, Optional

import jobserver
from kernel_source import fail, sha256_of

#: What goes into objects beside source, configuration and compiler; fixed, or no two builds were equal.
REPRODUCIBLE = {
    "KBUILD_BUILD_TIMESTAMP": "2020-01-01",
    "KBUILD_BUILD_USER": "benchtui",
    "KBUILD_BUILD_HOST": "benchtui",
    "KBUILD_BUILD_VERSION": "1",
    "LC_ALL": "C",
    "TZ": "UTC",
    "CCACHE_DISABLE": "1",
}
TARGETS = {"lib": "lib/", "vmlinux": "vmlinux"}


def environment() -> Dict[str, str]:
    """A clean one: MAKEFLAGS, KCFLAGS or CROSS_COMPILE of whoever calls would change the work."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, **REPRODUCIBLE}


def command(source: str, tree: str, llvm: str, jobs: int, *targets: str) -> List[str]:
    """make for arm64 with LLVM, whatever this machine is: the same work everywhere."""
    options = ["-s", "-j{}".format(jobs), "-C", os.path.abspath(source), "O=" + os.path.abspath(tree)]
    return ["make", *options, "ARCH=arm64", "LLVM=" + llvm, *targets]


def configure(source: str, tree: str, llvm: str, jobs: int) -> None:
    """Make a tree with configuration, generated headers and the build's tools, but nothing of the kernel."""
    os.mkdir(tree)
    for target in ("tinyconfig", "prepare"):
        argv = command(source, tree, llvm, jobs, target)
        done = subprocess.run(argv, env=environment(), stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            fail("make {} exited with {}".format(target, done.returncode))


class Build(NamedTuple):
    """What one timed make took and left."""

    wall_s: float
    cpu_s: float
    read_blocks: int
    switches: int  # involuntary
    objects: List[str]  # objects of the product, sorted
    fresh: int  # of them, written since it began
    product: List[str]  # files whose hash is the product's
    seen: Optional[jobserver.Seen]  # what make's job server said


def build(source: str, template: str, tree: str, llvm: str, target: str, jobs: int) -> Build:
    """Copy ``template`` to ``tree``, which must not exist, and make ``target`` in it."""
    shutil.copytree(template, tree, symlinks=True)
    before = set(_objects(tree))
    os.sync()  # what was copied and unpacked is on the disk before, not while, the clock runs
    stamp = os.path.join(tree, ".benchtui-began")
    with open(stamp, "w"):
        pass
    began = time.monotonic()
    make = subprocess.Popen(
        command(source, tree, llvm, jobs, TARGETS[target]),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=2,  # standard output is for records
    )
    with jobserver.Watch(make.pid) as watch:
        _, status, used = os.wait4(make.pid, 0)
        wall = time.monotonic() - began
    make.returncode = os.waitstatus_to_exitcode(status)
    if make.returncode != 0:
        fail("make {} exited with {}".format(TARGETS[target], make.returncode))
    under = "lib/" if target == "lib" else ""
    objects = [name for name in _objects(tree) if name.startswith(under)]
    if target != "lib":
        # The build's own tools are no part of the kernel.
        objects = [name for name in objects if name not in before]
    since = os.stat(stamp).st_mtime_ns
    return Build(
        wall_s=wall,
        cpu_s=used.ru_utime + used.ru_stime,
        read_blocks=used.ru_inblock,
        switches=used.ru_nivcsw,
        objects=objects,
        fresh=sum(os.stat(os.path.join(tree, name)).st_mtime_ns >= since for name in objects),
        product=objects if target == "lib" else ["vmlinux"],
        seen=watch.seen(),
    )


def product_sha256(tree: str, names: List[str]) -> str:
    """One hash of the product's files: of the only one, or of the list of names and hashes of several."""
    hashes = [(sha256_of(os.path.join(tree, name)), name) for name in names]
    if len(hashes) == 1:
        return hashes[0][0]
    listing = "".join("{}  {}\n".format(*item) for item in hashes)
    return hashlib.sha256(listing.encode()).hexdigest()


def _objects(tree: str) -> List[str]:
    return sorted(
        os.path.relpath(os.path.join(place, name), tree)
        for place, _, names in os.walk(tree)
        for name in names
        if name.endswith(".o")
    )
