"""The compilation suite, broken on purpose; its source is a Makefile tree that is built in a second."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.mutants.harness import Mutant, check_is_caught, parameters
from tests.payloads import tiny_kernel

SUFFIX = next((suffix for suffix in ("-14", "-18", "-19", "") if shutil.which("ld.lld" + suffix)), "-14")
PREPARE = ("python3", "compilation.py", "prepare", "--tarball", tiny_kernel.TARBALL, f"--llvm={SUFFIX}")
ALL = ("python3", "compilation.py", "measure", "--product", "lib", "--threads", "all")
ONE = (*ALL[:-1], "one")
NEEDED = (f"clang{SUFFIX}", f"ld.lld{SUFFIX}", f"llvm-ar{SUFFIX}", "make", "flex", "bison", "bc", "xz")
BEGAN = "    began = time.monotonic()\n    make = "
MAKE = (
    "subprocess.run("
    "command(source, tree, llvm, jobs, TARGETS[target]), env=environment(), stdout=2, check=True)"
)
CONFIGURE = "    kbuild.configure(SOURCE, TEMPLATE,"


def other_compiler(folder: Path) -> None:
    """Builds are made by a compiler that calls itself another version than the one the suite reports."""
    script = folder / "other-clang"
    version = 'if [ "$1" = --version ]; then echo "clang version 99.0.0"; exit; fi'
    script.write_text(f'#!/bin/sh\n{version}\nexec clang{SUFFIX} "$@"\n')
    script.chmod(0o755)
    _replace(folder / "kbuild.py", '"LLVM=" + llvm, *targets', f'"LLVM=" + llvm, "CC={script}", *targets')


def cached(folder: Path) -> None:
    """Builds go through a cache that already has every object."""
    kbuild = folder / "kbuild.py"
    _replace(kbuild, '"LLVM=" + llvm, *targets', f'"LLVM=" + llvm, "CC=ccache clang{SUFFIX}", *targets')
    _replace(kbuild, '"CCACHE_DISABLE": "1"', f'"CCACHE_DIR": "{folder}/cache"')
    # The same paths each time: a cache that is asked for another folder's objects has none.
    _replace(folder / "compilation.py", '"tree-{}".format(os.getpid())', '"tree"')
    _replace(kbuild, BEGAN, f"    {MAKE}\n    shutil.rmtree(tree)\n    shutil.copytree(template, tree)\n"
             f"    stamp = os.path.join(tree, '.again')\n    open(stamp, 'w').close()\n{BEGAN}")  # fmt: skip


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new))


def mutant(
    name: str,
    replacements: object,
    check: str,
    run: tuple[str, ...] = ALL,
    cpus: int = 1,
    functions: int = 3,
    more: tuple[str, ...] = (),
) -> Mutant:
    """A mutant of this suite, over a source of its own."""
    tiny = (sys.executable, tiny_kernel.__file__, SUFFIX, str(functions))
    return Mutant(
        "compilation",
        name,
        replacements,  # type: ignore[arg-type]
        run,
        check,
        build=(tiny, PREPARE),
        cpus=cpus,
        programs=(*NEEDED, *more),
    )


MUTANTS = [
    mutant(
        "the source has one file changed",
        {CONFIGURE: '    open(SOURCE + "/lib/f3.c", "a").write("int more = 7;\\n")\n' + CONFIGURE},
        "source.lib.all",
    ),
    mutant(
        "the source is changed for the time of the build",
        {
            BEGAN: '    name = os.path.join(source, "lib/f3.c")\n    was = open(name).read()\n'
            f'    open(name, "a").write("\\n")\n{BEGAN}',
            "    make.returncode = os.wait": '    open(name, "w").write(was)\n    make.returncode = os.wait',
        },
        "source.lib.all",
    ),
    mutant(
        "another configuration", {'("tinyconfig", "prepare")': '("defconfig", "prepare")'}, "config.lib.all"
    ),
    mutant("a compiler of another version", other_compiler, "config.lib.all"),
    mutant(
        "the object tree has the product already",
        {'("tinyconfig", "prepare")': '("tinyconfig", "prepare", "lib/")'},
        "objects.lib.all",
    ),
    mutant("built before the clock runs", {BEGAN: f"    {MAKE}\n{BEGAN}"}, "cpu_floor.lib.all", functions=40),
    mutant("a cache hit", cached, "cpu_floor.lib.all", functions=40, more=("ccache",)),
    mutant(
        "CPU time of make without what it started",
        {"cpu_s=used.ru_utime + used.ru_stime": "cpu_s=0.01"},
        "cpu_floor.lib.all",
    ),
    mutant("fewer jobs than said", {'"-j{}".format(jobs)': '"-j1"'}, "jobs.lib.all", cpus=2),
    mutant("more jobs than one", {'"-j{}".format(jobs)': '"-j2"'}, "jobs.lib.one", run=ONE),
    mutant("a part of the product", {'"lib": "lib/"': '"lib": "lib/f0.o"'}, "objects.lib.all"),
    mutant(
        "one object is of another source",
        {
            "    since = os.stat(": '    shutil.copyfile(tree + "/lib/f0.o", tree + "/lib/f1.o")\n'
            "    since = os.stat("
        },
        "product.lib.all",
    ),
]


@pytest.mark.parametrize("mutant", parameters(MUTANTS))
def test_mutant_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    check_is_caught(mutant, tmp_path)
