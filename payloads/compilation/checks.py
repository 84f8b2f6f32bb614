"""What must be true of a build before its time may be believed."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

import kbuild
from kernel_source import fail, sha256_of

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "products.json")
#: Programs that answer for a compiler without compiling, or elsewhere.
STAND_INS = ("ccache", "sccache", "distcc", "icecc", "buildcache", "fastbuild")
SAMPLED = 12
#: CPU time of the build against that of compiling a sample of its objects again, directly. A build
#: does all that and more (make, shell, dependencies), a sample of 12 errs by a fifth: half is sure. A cache
#: gives a fifth.
FLOOR = 0.5
#: Objects no kernel has fewer of, for a source whose number is not in the table.
FEWEST = {"lib": 40, "vmlinux": 200}
SAVED = re.compile(r"^(?:saved)?cmd_(\S+) := (.*)$")


class Compiler(NamedTuple):
    """The program that compiles, as it is found and as it is."""

    path: str
    version: str  # its first line
    sha256: str
    own: bool  # a program, not a script or a link to a cache


def compiler(llvm: str) -> Compiler:
    """What `clang<suffix>` of the PATH is."""
    found = shutil.which("clang" + llvm, path=kbuild.environment().get("PATH"))
    if found is None:
        fail("clang{}: not installed".format(llvm))
    path = os.path.realpath(found)
    with open(path, "rb") as file:
        binary = file.read(4) == b"\x7fELF"
    links = (found, path)
    stand_in = any(name in part for part in links for name in STAND_INS)
    said = subprocess.run([path, "--version"], stdout=subprocess.PIPE, env=kbuild.environment(), check=True)
    version = said.stdout.decode("utf-8", "replace").splitlines()[0].strip()
    return Compiler(path, version, sha256_of(path), binary and not stand_in)


def configured(source: str, tree: str, cc: Compiler) -> List[str]:
    """What of the tree's configuration is not tinyconfig for arm64 by this compiler; empty if all is."""
    with open(os.path.join(tree, ".config"), encoding="utf-8") as file:
        lines = set(file.read().splitlines())
    wanted = {"CONFIG_ARM64=y", "CONFIG_CC_IS_CLANG=y", 'CONFIG_CC_VERSION_TEXT="{}"'.format(cc.version)}
    wrong = ["without " + line for line in sorted(wanted - lines)]
    for fragment in ("kernel/configs/tiny-base.config", "kernel/configs/tiny.config"):
        wrong += _against(os.path.join(source, fragment), lines)
    modules = sum(line.endswith("=m") for line in lines)
    return wrong + (["{} modules".format(modules)] if modules else [])


def _against(fragment: str, lines: Iterable[str]) -> List[str]:
    """Settings of a fragment that the configuration contradicts; what it lacks is no contradiction."""
    try:
        with open(fragment, encoding="utf-8") as file:
            settings = [line.strip() for line in file]
    except OSError:
        return []
    have = dict(filter(None, map(_setting, lines)))
    asked = filter(None, map(_setting, settings))
    return ["{} is {}".format(name, have[name]) for name, value in asked if have.get(name, value) != value]


def _setting(line: str) -> Optional[Tuple[str, str]]:
    if line.startswith("# CONFIG_") and line.endswith(" is not set"):
        return line[2:-11], "n"
    name, equals, value = line.partition("=")
    return (name, value) if equals and name.startswith("CONFIG_") else None


class Recompiled(NamedTuple):
    """A sample of objects, compiled again without make."""

    of: int  # objects that the sample stands for
    sampled: int
    differing: List[str]
    cpu_s: float  # of the sample


def recompile(tree: str, objects: List[str], cc: Compiler, offset: int, jobs: int) -> Recompiled:
    """Compile a sample again, by the commands that the build noted but the compiler itself; same bytes?

    As many at once as the build made: two threads of one core need more CPU seconds than one alone.
    """
    commands = [found for found in (noted(tree, name) for name in objects) if found is not None]
    if not commands:
        fail("the build noted no command of a compiler")
    count = min(SAMPLED, len(commands))
    chosen = [commands[(index * len(commands) // count + offset) % len(commands)] for index in range(count)]
    before = _children_cpu_s()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(min(jobs, count)) as pool:
        places = [os.path.join(folder, "again-{}.o".format(index)) for index in range(count)]
        same = pool.map(lambda place, one: _same_again(tree, cc, place, *one), places, chosen)
        differing = [chosen[index][0] for index, equal in enumerate(same) if not equal]
    return Recompiled(len(commands), count, differing, _children_cpu_s() - before)


def _same_again(tree: str, cc: Compiler, again: str, name: str, argv: List[str]) -> bool:
    """Whether the command, told to put its object at ``again``, makes the same bytes."""
    words = [cc.path, *(again if word == name else word for word in argv[1:])]
    words = [re.sub(r"^-Wp,-MM?D,.*", "-Wp,-MMD," + again + ".d", word) for word in words]
    done = subprocess.run(words, cwd=tree, env=kbuild.environment(), stdout=2, check=False)
    return done.returncode == 0 and sha256_of(again) == sha256_of(os.path.join(tree, name))


def noted(tree: str, name: str) -> Optional[Tuple[str, List[str]]]:
    """The command that made an object, if it is one call of the compiler and nothing after it."""
    folder, file = os.path.split(name)
    try:
        with open(os.path.join(tree, folder, "." + file + ".cmd"), encoding="utf-8") as noted:
            found = SAVED.match(noted.readline().rstrip("\n"))
    except OSError:
        return None
    if found is None or found.group(1) != name:
        return None
    argv = shlex.split(found.group(2))
    while argv and "clang" not in os.path.basename(argv[0]):
        del argv[0]  # a launcher, as in `ccache clang`: what it may have saved is to be compiled here
    compiles = bool(argv) and "-c" in argv and argv[-1].endswith(".c")
    alone = not {";", "&&", "|"} & set(argv) and not any(word.endswith(";") for word in argv)
    return (name, argv) if compiles and alone and name in argv else None


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def expected(source_sha256: str, version: str, product: str) -> Dict[str, Any]:
    """What the table says of a product of this source by this compiler; empty if nothing."""
    for entry in _entries(version):
        if entry["source_sha256"] == source_sha256:
            return dict(entry.get(product) or {})
    return {}


def same_as(version: str, product: str, sha256: str) -> str:
    """The package of another source from which this compiler makes the same product; "" if none is known.

    A distribution corrects its kernel source every few weeks, and lib/ stays what it was, byte for byte.
    """
    for entry in _entries(version):
        if (entry.get(product) or {}).get("sha256") == sha256:
            return str(entry["package"])
    return ""


def _entries(version: str) -> List[Dict[str, Any]]:
    with open(TABLE, encoding="utf-8") as file:
        entries: List[Dict[str, Any]] = json.load(file)["products"]
    return [entry for entry in entries if entry["compiler"] == version]
