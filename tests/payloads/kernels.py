"""What tests of a payload's own code need: copy a suite, break it, build it, run it, cross-compile it."""

from __future__ import annotations

import fnmatch
import json
import os
import platform
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

PAYLOADS = Path(__file__).resolve().parents[2] / "payloads"
ARM64_ROOT = Path(__file__).with_name("arm64_root.sh")
STRICT = ("-Wall", "-Wextra", "-Werror")
CPUS = sorted(os.sched_getaffinity(0))
CROSS = "aarch64-linux-gnu-gcc"
CROSS_LIBRARIES = Path("/usr/aarch64-linux-gnu")
GRAVITON = ("neoverse-n1", "neoverse-v1", "neoverse-n2", "neoverse-v2")
"""Cores of Graviton2, 3 and 4; the last by its nearest relative too, for compilers that do not know it."""

Record = dict[str, Any]
Command = Sequence[str | Path]


def declaration(suite: str, payloads: Path = PAYLOADS) -> dict[str, Any]:
    """payload.toml as it stands."""
    return tomllib.loads((payloads / suite / "payload.toml").read_text())


def needs(*programs: str) -> None:
    """Skips the test where one of them is missing."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def clang() -> str:
    """Its name; skips the test where there is none."""
    found = next((name for name in ("clang", "clang-14") if shutil.which(name)), None)
    if found is None:
        pytest.skip("clang is not installed")
    return found


# A suite's folder, whole or broken


def sources(folder: Path, suite: str, replacements: Mapping[str, str] | None = None) -> Path:
    """The suite's folder as an instance has it, each text found exactly once and replaced."""
    copy = folder / "suites" / suite
    ignore = shutil.ignore_patterns(*_built(suite), "__pycache__")
    shutil.copytree(PAYLOADS / suite, copy, ignore=ignore)
    shutil.copytree(PAYLOADS / "common", copy.parent / "common", ignore=ignore)
    for old, new in (replacements or {}).items():
        files = [*copy.rglob("*.*"), *(copy.parent / "common").iterdir()]
        holders = [file for file in files if file.is_file() and old in file.read_text()]
        assert len(holders) == 1, f"{old!r} is in {len(holders)} files"
        text = holders[0].read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {holders[0].name}"
        holders[0].write_text(text.replace(old, new))
    return copy


def _built(suite: str) -> list[str]:
    binary = declaration(suite).get("build", {}).get("binary")
    return [binary] if binary else []


def build_commands(suite: str, arm: str | None = None) -> list[list[str]]:
    """The commands that payload.toml builds with; ``arm``: those of a second arm."""
    declared = declaration(suite)
    build = declared["arms"][arm]["build"] if arm else declared["build"]
    commands: list[list[str]] = build["commands"]
    return commands


def execute(command: Command, folder: Path, **environment: str) -> None:
    """Runs a command that has to succeed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"


def compiled(folder: Path, command: Sequence[str], *more: str) -> Path:
    """Runs one compiler command with some more options; what follows its ``-o``."""
    execute([*command, *more], folder)
    return folder / command[list(command).index("-o") + 1]


def built(folder: Path, *more: str, arm: str | None = None) -> Path:
    """The suite in ``folder`` built as payload.toml says, every compiler with ``more``."""
    for command in build_commands(folder.name, arm):
        execute([*command, *(more if is_compiler(command) else ())], folder)
    return folder


def is_compiler(command: Sequence[str]) -> bool:
    """Is a C compiler called, directly or by link_openblas.sh?"""
    return any(word == "gcc" or word.startswith("clang") for word in command) and "-o" in command


# What it prints


def assert_refused(binary: Path, arguments: Sequence[str]) -> None:
    """Wrong arguments end a program with 2, and it says so on standard error alone."""
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def clean_environment(folder: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the agent gives a run."""
    known = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder), "BENCHTUI_REPETITION": "0"}
    return {**known, "BENCHTUI_CPUS": str(len(CPUS)), **(more or {})}


def records(
    binary: Path | Command,
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    memory: float | None = None,
    first: Sequence[str] = (),
    folder: Path | None = None,
    timeout: float = 300,
) -> list[Record]:
    """What a run printed: it ended with 0, and every line is a JSON object."""
    program = [binary] if isinstance(binary, Path) else list(binary)
    folder = folder or (binary.parent if isinstance(binary, Path) else Path.cwd())
    clean = clean_environment(folder, environment)
    if memory is not None:
        clean["BENCHTUI_MEMORY_BYTES"] = str(memory)
    done = subprocess.run(
        [str(word) for word in (*first, *program, *arguments)],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stderr[-4000:]}"
    assert done.stdout.endswith("\n")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(isinstance(record, dict) for record in found)
    return found


def checks(found: Iterable[Record]) -> dict[str, bool]:
    """Checks by name; one that was made twice holds if it held both times."""
    made: dict[str, bool] = {}
    for record in found:
        if "check" in record:
            made[record["check"]] = made.get(record["check"], True) and record["ok"]
    return made


def fact(found: Iterable[Record], name: str) -> Any:
    """The value of the one fact of this name."""
    (value,) = [record["value"] for record in found if record.get("fact") == name]
    return value


def samples(found: Iterable[Record], metric: str | None = None) -> list[Record]:
    """The samples that count, of one metric or of all."""
    return [
        record
        for record in found
        if "sample" in record and not record.get("excluded") and metric in (None, record["sample"])
    ]


def declined(found: Iterable[Record]) -> dict[str, str]:
    """Reasons by metric."""
    return {record["declined"]: record["reason"] for record in found if "declined" in record}


def out_of_bounds(suite: str, found: Iterable[Record]) -> set[str]:
    """Metrics with a sample that payload.toml's bounds do not admit, as the agent does not."""
    metrics = declaration(suite)["metrics"]
    return {
        record["sample"]
        for record in samples(found)
        if record["value"] is None
        or record["value"] < metrics[record["sample"]].get("min", float("-inf"))
        or record["value"] > metrics[record["sample"]].get("max", float("inf"))
    }


def required_checks(suite: str, measured: Iterable[str]) -> set[str]:
    """The checks that payload.toml asks for when these metrics have samples."""
    verification = declaration(suite)["verification"]
    wanted = set(verification.get("checks", []))
    for pattern, names in verification.get("of", {}).items():
        if any(fnmatch.fnmatchcase(metric, pattern) for metric in measured):
            wanted |= set(names)
    return wanted


# Machines that this one is not


def fake_sysfs(
    root: Path,
    siblings: str | None = None,
    caches: Mapping[int, Sequence[tuple[int, str, str, str]]] | None = None,
) -> Path:
    """A sysfs of the usable CPUs.

    Args:
        root: a folder that is made.
        siblings: one list of CPUs of a core for all of them; each CPU a core of its own if None.
        caches: by CPU, each cache as level, type, size and shared_cpu_list; none at all if None.
    """
    for cpu in CPUS:
        folder = root / "devices" / "system" / "cpu" / f"cpu{cpu}"
        (folder / "topology").mkdir(parents=True)
        (folder / "topology" / "core_cpus_list").write_text(f"{siblings or cpu}\n")
        for index, (level, kind, size, cpus) in enumerate((caches or {}).get(cpu, ())):
            cache = folder / "cache" / f"index{index}"
            cache.mkdir(parents=True)
            for name, value in (("level", level), ("type", kind), ("size", size), ("shared_cpu_list", cpus)):
                (cache / name).write_text(f"{value}\n")
            (cache / "coherency_line_size").write_text("64\n")
    return root


def three_levels(
    cpu: int, l3: str, shared: str, l2: str = "1024K", l1: str = "32K"
) -> list[tuple[int, str, str, str]]:
    """The caches of one CPU as most servers have them."""
    own = str(cpu)
    return [
        (1, "Data", l1, own),
        (1, "Instruction", l1, own),
        (2, "Unified", l2, own),
        (3, "Unified", l3, shared),
    ]


# aarch64 without such a machine


def some_slow(*cpus: str, fast: str = "neoverse-n2") -> list[Any]:
    """Parameters of which the default suite runs one and ``make proof`` all."""
    return [pytest.param(cpu, marks=() if cpu == fast else pytest.mark.slow) for cpu in cpus]


def cross_compiled(folder: Path, cpu: str = "generic", *more: str, libraries: bool = False) -> Path:
    """The suite in ``folder`` built for aarch64 by payload.toml's own commands, warnings as errors.

    Args:
        folder: what :func:`sources` made.
        cpu: a name of -mcpu; the test is skipped where the compiler does not know it.
        more: further options.
        libraries: with OpenBLAS, FFTW and OpenMP of the distribution's arm64 archive.
    """
    needs(CROSS)
    probe = subprocess.run(
        [CROSS, f"-mcpu={cpu}", "-E", "-xc", "/dev/null"], capture_output=True, text=True, check=False
    )
    if probe.returncode:
        pytest.skip(f"{CROSS} does not know {cpu}")
    root = [f"--sysroot={arm64_root()}"] if libraries else []
    for command in build_commands(folder.name):
        if is_compiler(command):
            execute([*_for_aarch64(command, cpu), *root, *STRICT, *more], folder)
    return folder


def _for_aarch64(command: Sequence[str], cpu: str) -> list[str]:
    """The compiler replaced, and what means this machine's CPU too."""
    changed = [
        CROSS if word == "gcc" else word for word in command if not word.startswith("-mprefer-vector-width")
    ]
    return [word for word in changed if word != "-march=native"] + [f"-mcpu={cpu}"]


def arm64_root() -> Path:
    """The folder of arm64_root.sh; the test is skipped where it was not made."""
    root = PAYLOADS.parent / ".cache" / "arm64"
    if not (root / ".complete").exists():
        pytest.skip(f"run {ARM64_ROOT.name} first: arm64 libraries to link with and run on")
    return root


def emulated(cpu: str = "max", libraries: Path = CROSS_LIBRARIES) -> tuple[str, ...]:
    """Words before a program that run it under qemu-aarch64. Figures from there are nobody's performance."""
    if platform.machine() == "aarch64":
        pytest.skip("this machine is no emulation")
    needs("qemu-aarch64")
    return ("qemu-aarch64", "-L", str(libraries), "-cpu", cpu)
