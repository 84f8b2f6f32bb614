"""One way to break a suite, and to see which of its checks notices."""

from __future__ import annotations

import functools
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.payloads.kernels import (
    CPUS,
    Record,
    build_commands,
    checks,
    execute,
    fake_sysfs,
    out_of_bounds,
    records,
    sources,
)

BOUNDS = "bounds"
"""The check that a sample out of payload.toml's ``min`` and ``max`` fails, as ``bounds:<metric>``."""

NOW = "return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;"
"""Where common.h reads the clock."""
CLOCK_OF_10_MS = {
    NOW: "return (double)t.tv_sec + 1e-2 * (double)(t.tv_nsec / 10000000);",
    "STEPS = 64,": "STEPS = 2,",
}
_FORCE = "static inline void force_fitting_core(char **argv, const struct cpu *cpu) {"
KERNELS_OF_2004 = {
    _FORCE: _FORCE + ' if (!getenv("OPENBLAS_CORETYPE"))'
    ' { setenv("OPENBLAS_CORETYPE", "Prescott", 1); execv("/proc/self/exe", argv); }'
}
"""OpenBLAS chooses those, whatever the CPU."""

Change = Mapping[str, str] | Callable[[Path], None]


@dataclass(frozen=True)
class Mutant:
    """A suite with one thing wrong, and the check that has to say so."""

    suite: str
    name: str
    """What is broken, in words."""
    replacements: Change
    """Texts and what replaces them, each to be found once; or what to do with the suite's folder."""
    run: tuple[str, ...]
    """The command, in the suite's folder; ``{sysfs}`` becomes a made sysfs."""
    check: str
    """The check that fails; ``bounds:<metric>`` for a figure out of its bounds."""
    environment: tuple[tuple[str, str], ...] = ()
    build: tuple[tuple[str, ...], ...] | None = None
    """Commands instead of payload.toml's, where only a part of the suite is needed."""
    cpus: int = 1
    programs: tuple[str, ...] = ()
    """Programs without which it cannot be built or run, beyond the compiler."""
    machine: str | None = None
    """The architecture whose code is broken; any if None."""
    sysfs: Callable[[Path], Path] = fake_sysfs
    """Makes the sysfs of ``{sysfs}``."""
    timeout: float = 600

    @property
    def id(self) -> str:
        """How pytest names it."""
        return f"{self.suite}: {self.name}"


class Missing(Exception):
    """This machine cannot run the mutant; says why."""


class Survived(AssertionError):
    """The named check did not notice, or notices things that are not there."""


@dataclass(frozen=True)
class Verdict:
    """What noticed."""

    mutant: Mutant
    failed: frozenset[str]
    """Every check that failed, the named one among them."""


def caught(mutant: Mutant, folder: Path) -> Verdict:
    """Builds and runs the mutant and, once per suite and command, the suite as it is.

    Raises:
        Missing: it cannot be built or run here.
        Survived: the named check did not fail, or it fails on the suite as it is too.
    """
    if len(CPUS) < mutant.cpus:
        raise Missing(f"needs {mutant.cpus} CPUs")
    if mutant.machine not in (None, platform.machine()):
        raise Missing(f"breaks code of {mutant.machine}")
    for program in (*_compilers(mutant), *mutant.programs):
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")
    whole = _failed_when_whole(
        mutant.suite, mutant.run, mutant.environment, mutant.build, mutant.sysfs, mutant.timeout
    )
    if mutant.check in whole:
        raise Survived(f"{mutant.check} fails on {mutant.suite} as it is: {sorted(whole)}")
    failed = _failed(mutant, folder)
    if mutant.check not in failed:
        raise Survived(f"{mutant.id}: {mutant.check} did not notice; failed: {sorted(failed) or 'nothing'}")
    return Verdict(mutant, failed)


def _compilers(mutant: Mutant) -> list[str]:
    return sorted({command[0] for command in _commands(mutant.suite, mutant.build)})


def _commands(suite: str, build: Sequence[Sequence[str]] | None) -> Sequence[Sequence[str]]:
    return build_commands(suite) if build is None else build


@functools.cache
def _failed_when_whole(
    suite: str,
    run: tuple[str, ...],
    environment: tuple[tuple[str, str], ...],
    build: tuple[tuple[str, ...], ...] | None,
    sysfs: Callable[[Path], Path],
    timeout: float,
) -> frozenset[str]:
    whole = Mutant(suite, "nothing", {}, run, "", environment, build, sysfs=sysfs, timeout=timeout)
    with tempfile.TemporaryDirectory(prefix="whole-") as folder:
        return _failed(whole, Path(folder))


def _failed(mutant: Mutant, folder: Path) -> frozenset[str]:
    return noticed(mutant.suite, records_of(mutant, folder))


def noticed(suite: str, found: Sequence[Record]) -> frozenset[str]:
    """The checks that failed, figures out of their bounds among them."""
    failed = {name for name, ok in checks(found).items() if not ok}
    return frozenset(failed | {f"{BOUNDS}:{metric}" for metric in out_of_bounds(suite, found)})


def records_of(mutant: Mutant, folder: Path) -> list[Record]:
    """What the mutant prints."""
    change = mutant.replacements
    copy = sources(folder, mutant.suite, None if callable(change) else change)
    if callable(change):
        change(copy)
    for command in _commands(mutant.suite, mutant.build):
        execute(command, copy)
    words = list(mutant.run)
    if "{sysfs}" in words:
        root = str(mutant.sysfs(folder / "sysfs"))
        words = [root if word == "{sysfs}" else word for word in words]
    return records(words, environment=dict(mutant.environment), folder=copy, timeout=mutant.timeout)


def parameters(mutants: Sequence[Mutant], in_default_suite: int = 1) -> list[object]:
    """For pytest.mark.parametrize: all but the first few only with ``make proof`` and ``make mutants``."""
    return [
        pytest.param(mutant, id=mutant.name, marks=pytest.mark.slow if number >= in_default_suite else ())
        for number, mutant in enumerate(mutants)
    ]


def check_is_caught(mutant: Mutant, folder: Path) -> None:
    """The body of a suite's test: skips where the machine lacks something."""
    try:
        caught(mutant, folder)
    except Missing as error:
        pytest.skip(str(error))
