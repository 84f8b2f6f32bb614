"""The hpl payload: what it asks of HPL, how it reads what HPL says, and the programs beside it."""

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.payloads.kernels import (
    CPUS,
    GRAVITON,
    PAYLOADS,
    STRICT,
    arm64_root,
    build_commands,
    built,
    checks,
    compiled,
    cross_compiled,
    declaration,
    emulated,
    execute,
    fact,
    needs,
    records,
    required_checks,
    samples,
    some_slow,
    sources,
)

DATA = "WR11C2R4        8000   192     1     2               3.66              9.332e+01"
RESIDUAL = "||Ax-b||_oo/(eps*(||A||_oo*||x||_oo+||b||_oo)*N)=        0.0029521 ...... PASSED"
FLOPS = 8000**2 * (2 / 3 * 8000 + 1.5)


def module(name: str) -> ModuleType:
    """A module of the suite, which runs outside of the package."""
    spec = importlib.util.spec_from_file_location(f"hpl_{name}", PAYLOADS / "hpl" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


output, plan = module("output"), module("plan")


# Reading


def test_reads_the_one_result_and_its_residual() -> None:
    solved = output.read(f"noise\n{DATA}\n---\n{RESIDUAL}\n")
    assert (solved.n, solved.nb, solved.p, solved.q) == (8000, 192, 1, 2)
    assert (solved.seconds, solved.gflops, solved.residual, solved.passed) == (3.66, 93.32, 0.0029521, True)


def test_a_residual_that_is_no_number_stays_one() -> None:
    text = RESIDUAL.replace("0.0029521", "nan").replace("PASSED", "FAILED")
    assert math.isnan(output.read(f"{DATA}\n{text}").residual)


def test_a_residual_that_failed_is_read_though_its_norms_follow() -> None:
    failed = RESIDUAL.replace("0.0029521", "2167.0000000").replace("PASSED", "FAILED")
    norms = "||Ax-b||_oo  . . . . . . . . . . . . . . . . . =           0.001234"
    solved = output.read(f"{DATA}\n{failed}\n{norms}\n")
    assert (solved.residual, solved.passed) == (2167.0, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        DATA,
        RESIDUAL,
        f"{DATA}\n{DATA}\n{RESIDUAL}",
        f"{DATA}\n{RESIDUAL}\n{RESIDUAL}",
        f"{DATA} 1\n{RESIDUAL}",
        f"{DATA}\n{RESIDUAL.replace('PASSED', 'passed')}",
        f"{DATA}\nPTRANS ...... PASSED",
    ],
)
def test_anything_else_is_unreadable(text: str) -> None:
    with pytest.raises(output.Unreadable):
        output.read(text)


def test_the_printed_rate_is_compared_with_the_formula() -> None:
    solved = output.read(f"{DATA}\n{RESIDUAL}")
    assert plan.flops(8000) == pytest.approx(FLOPS)
    assert output.rate_error(solved, FLOPS) <= 1
    assert output.rate_error(solved, 2 * FLOPS) > 1
    assert output.rate_error(solved, 1.01 * FLOPS) > 1


# Asking


@pytest.mark.parametrize(
    ("cpus", "limit", "ranks", "threads", "grid"),
    [
        (2, 64, 1, 2, (1, 1)),
        (64, 64, 1, 64, (1, 1)),
        (96, 64, 2, 48, (1, 2)),
        (192, 64, 3, 64, (1, 3)),
        (2, 1, 2, 1, (1, 2)),
        (64, 1, 64, 1, (8, 8)),
        (65, 64, 5, 13, (1, 5)),
    ],
)
def test_as_few_equal_ranks_as_the_library_has_threads_for(
    cpus: int, limit: int, ranks: int, threads: int, grid: tuple[int, int]
) -> None:
    team = plan.team(list(range(cpus)), limit)
    assert (team.ranks, team.threads, (team.p, team.q)) == (ranks, threads, grid)
    assert [cpu for rank in range(ranks) for cpu in team.share(rank)] == list(range(cpus))


def test_the_order_takes_four_fifths_of_memory_or_the_time_there_is() -> None:
    largest = plan.largest_order(4 << 30, 0.80)
    assert largest == 20544
    assert 8 * largest**2 <= 0.8 * (4 << 30) < 8 * (largest + 192) ** 2
    assert plan.order_within(1e9, largest, 4032, 0.5, 1.0) == largest
    within = plan.order_within(30.0, largest, 4032, 0.5, 1.0)
    assert within < largest
    assert 0.5 * plan.flops(within) / plan.flops(4032) + 0.5 * (within / 4032) ** 2 <= 30.0


def test_one_cpu_of_each_core(tmp_path: Path) -> None:
    for cpu, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        (tmp_path / f"cpu{cpu}" / "topology").mkdir(parents=True)
        (tmp_path / f"cpu{cpu}" / "topology" / "thread_siblings_list").write_text(siblings + "\n")
    assert plan.one_per_core([0, 1, 2, 3], str(tmp_path)) == [0, 1]
    assert plan.one_per_core([4, 5], str(tmp_path)) == [4, 5]


# The programs beside it


@pytest.mark.long
def test_dgesv_solves_with_a_residual_of_rounding(tmp_path: Path) -> None:
    needs("gcc")
    folder = sources(tmp_path, "hpl")
    execute([*build_commands("hpl")[2], *STRICT], folder)
    found = records(folder / "dgesv", "--n", 500)
    assert checks(found) == {"blas_core.all": True, "dgesv_residual.all": True}
    assert 0 < fact(found, "dgesv")["residual"] < 0.05


def test_the_peak_is_of_fused_multiply_adds(tmp_path: Path) -> None:
    needs("gcc")
    folder = sources(tmp_path, "hpl")
    peak = compiled(folder, build_commands("hpl")[3], *STRICT)
    found = fact(records(peak, "--cpus", ",".join(map(str, CPUS)), "--chunks", 2), "fma_peak")
    assert (found["threads"], found["bound"], found["error"]) == (len(CPUS), len(CPUS), 0)
    assert found["gflops"] > 0.5 * len(CPUS)


@pytest.mark.long
@pytest.mark.parametrize("cpu", some_slow(*GRAVITON, fast=GRAVITON[0]))
def test_own_programs_cross_compile_and_are_right_under_emulation(tmp_path: Path, cpu: str) -> None:
    root = arm64_root()
    folder = cross_compiled(sources(tmp_path, "hpl"), cpu, libraries=True)
    if cpu != GRAVITON[0]:
        return
    first = emulated("neoverse-n1", root)
    assert checks(records(folder / "dgesv", "--n", 100, first=first))["dgesv_residual.all"]
    arguments = ("--cpus", CPUS[0], "--chunks", 1, "--chunk-seconds", 0.001)
    assert fact(records(folder / "peak", *arguments, first=first), "fma_peak")["error"] == 0


# All of it


@pytest.mark.slow
@pytest.mark.parametrize("limit", [[], ["--limit", "1"]], ids=["one rank", "a rank per CPU"])
def test_hpl_itself_passes_every_check(tmp_path: Path, limit: list[str]) -> None:
    needs("gcc", "mpicc", "apt-get")
    folder = built(sources(tmp_path, "hpl"))
    found = records([sys.executable, "hpl.py"], "--threads", "all", "--n", 2000, *limit, folder=folder)
    assert required_checks("hpl", ["hpl.all"]) == set(checks(found))
    assert all(checks(found).values())
    (sample,) = samples(found, "hpl.all")
    assert sample["ranks"] * sample["threads"] == len(CPUS)
    assert {"hpl.all", "efficiency.all"} <= set(declaration("hpl")["metrics"])
