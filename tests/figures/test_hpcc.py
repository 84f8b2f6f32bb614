"""HPL beside hpcc: a program that solves with another core's kernels is no reference."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.quiet import Unmeasured
from bench.references import hpcc

SOLVED = f"WR11C2R4 {hpcc.N} 192 1 1 1.00 2.5000e+01"


def program(folder: Path, *cores: str) -> list[str]:
    """Says which cores' kernels it uses, as OpenBLAS does, and that it solved a problem at 25 GFLOP/s."""
    says = "".join(f'echo "Core: {core}" >&2\n' for core in cores)
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{says}echo '{SOLVED}' > {hpcc.RESULT}\nexec sleep 60\n")
    path.chmod(0o700)
    return [str(path)]


def test_what_the_kernels_asked_for_solved_counts(tmp_path: Path) -> None:
    solver = hpcc.Solver(hpcc.Plan(0), "Cooperlake", program(tmp_path, "Prescott", "Cooperlake"))
    assert solver.rate() == 25.0


@pytest.mark.parametrize("cores", [("Prescott",), ("Cooperlake", "Prescott"), ()])
def test_what_others_solved_does_not(tmp_path: Path, cores: tuple[str, ...]) -> None:
    solver = hpcc.Solver(hpcc.Plan(0), "Cooperlake", program(tmp_path, *cores))
    with pytest.raises(Unmeasured, match="not Cooperlake"):
        solver.rate()
