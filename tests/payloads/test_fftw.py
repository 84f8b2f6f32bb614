"""The fftw payload: built as its payload.toml says, run for real on small transforms, and judged."""

import importlib.util
import math
from pathlib import Path

import pytest

from tests.payloads.kernels import (
    CPUS,
    GRAVITON,
    PAYLOADS,
    STRICT,
    Record,
    arm64_root,
    build_commands,
    built,
    checks,
    compiled,
    cross_compiled,
    declaration,
    declined,
    emulated,
    fact,
    needs,
    records,
    required_checks,
    samples,
    some_slow,
    sources,
)

DECLARED = declaration("fftw")
SMALL = "1d.2e10,2d.32,3d.8"
pytestmark = pytest.mark.skipif(
    not Path("/usr/include/fftw3.h").exists(), reason="libfftw3-dev is not installed"
)


@pytest.fixture(scope="module")
def fftw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("gcc")
    return built(sources(tmp_path_factory.mktemp("fftw"), "fftw"), *STRICT) / "fftw"


def run(
    binary: Path, threads: str, precision: str, cases: str, *more: object, **keywords: object
) -> list[Record]:
    arguments = ("--threads", threads, "--precision", precision, "--cases", cases, "--batches", 2, *more)
    return records(binary, *arguments, **keywords)  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.parametrize("threads", ["one", "all"])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_every_check_of_every_shape_passes(fftw: Path, precision: str, threads: str) -> None:
    found = run(fftw, threads, precision, SMALL)
    asked = required_checks("fftw", [f"c2c.{precision}.1d.2e10.measure.{threads}"])
    kinds = {name.split(".")[0] for name in asked}
    expected = {f"{kind}.{precision}.{case}.{threads}" for kind in kinds for case in SMALL.split(",")}
    assert checks(found) == dict.fromkeys(expected, True)
    assert asked <= expected


def test_a_sample_carries_what_its_number_depends_on(fftw: Path) -> None:
    found = run(fftw, "one", "double", "1d.2e10")
    for sample in samples(found, "c2c.double.1d.2e10.measure.one"):
        operations = 5 * 1024 * 10 * sample["iterations"]
        assert sample["value"] == pytest.approx(operations / sample["seconds"] / 1e9)
        assert sample["seconds"] >= 5e-3
        assert (sample["planner"], sample["timelimit_hit"]) == ("measure", False)
        assert sample["plan_seconds"] > 0
        assert sample["library"] == fact(found, "library.double")["version"]
    assert "dft" in fact(found, "plan.double.1d.2e10.one")


def test_the_runs_measure_just_the_declared_metrics() -> None:
    measured = set()
    for declared in DECLARED["runs"]:
        words = dict(zip(declared["argv"][1::2], declared["argv"][2::2], strict=True))
        for case in words["--cases"].split(","):
            measured.add(f"c2c.{words['--precision']}.{case}.measure.{words['--threads']}")
    assert measured == set(DECLARED["metrics"])
    assert set(DECLARED["verification"]["of"]) == measured


def test_declined_when_the_buffers_do_not_fit(fftw: Path) -> None:
    found = run(fftw, "one", "double", "1d.2e20", memory=30e6)
    assert "30 MB of memory" in declined(found)["c2c.double.1d.2e20.measure.one"]
    assert not samples(found)
    assert not checks(found)


def test_declined_when_the_planner_ran_out_of_time(fftw: Path) -> None:
    found = run(fftw, "one", "double", "1d.2e16", "--timelimit", 0.01)
    assert "time limit of 0.01 s" in declined(found)["c2c.double.1d.2e16.measure.one"]
    assert not samples(found)


def test_as_many_threads_as_the_agent_counted(fftw: Path) -> None:
    found = run(fftw, "all", "single", "2d.32", environment={"BENCHTUI_CPUS": str(len(CPUS) + 1)})
    assert checks(found)["team.single.2d.32.all"] is False


@pytest.mark.parametrize("cases", ["1d.1024", "2d.33", "4d.8", "1d.2e10x", "3d.8,nonsense"])
def test_other_cases_are_refused(fftw: Path, cases: str) -> None:
    with pytest.raises(AssertionError, match="exit status 2"):
        run(fftw, "one", "double", cases)


def tuned_switches(machine: str, flags: set[str], single: bool) -> list[str]:
    spec = importlib.util.spec_from_file_location("tuned", PAYLOADS / "fftw" / "tuned.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[str] = module.switches(machine, flags, single)
    return found


def test_the_tuned_library_has_the_simd_of_the_cpu_and_no_other() -> None:
    zen2 = tuned_switches("x86_64", {"sse2", "avx", "avx2", "fma"}, single=False)
    assert {"--enable-avx2", "--enable-fma"} <= set(zen2)
    assert "--enable-avx512" not in zen2
    assert "--enable-sse2" not in zen2
    ivy_bridge = tuned_switches("x86_64", {"sse2", "avx"}, single=False)
    assert {"--enable-sse2", "--enable-avx"} <= set(ivy_bridge)
    assert "--enable-fma" not in ivy_bridge
    assert "--enable-avx512" in tuned_switches(
        "x86_64", {"sse2", "avx", "avx2", "fma", "avx512f"}, single=True
    )
    graviton = tuned_switches("aarch64", {"asimd", "sve"}, single=True)
    assert {"--enable-neon", "--enable-single"} <= set(graviton)
    assert not any("avx" in switch or "sse" in switch for switch in graviton)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # building FFTW twice takes minutes
def test_the_tuned_arm_is_built_and_passes(tmp_path: Path) -> None:
    needs("gcc", "make")
    binary = built(sources(tmp_path, "fftw"), arm="tuned") / "fftw"
    found = run(binary, "all", "double", "1d.2e10")
    assert all(checks(found).values())
    assert fact(found, "library.double")["file"] != "/lib/x86_64-linux-gnu/libfftw3.so.3"


@pytest.mark.long
@pytest.mark.parametrize("cpu", some_slow(*GRAVITON, fast=GRAVITON[0]))
def test_cross_compiles_and_is_right_under_emulation(tmp_path: Path, cpu: str) -> None:
    root = arm64_root()
    binary = cross_compiled(sources(tmp_path, "fftw"), cpu, libraries=True) / "fftw"
    if cpu != GRAVITON[0]:
        return
    for precision in ("double", "single"):
        found = run(binary, "one", precision, "1d.2e6,2d.8", first=emulated("max", root), timeout=120)
        assert all(checks(found).values())
        assert all(math.isfinite(sample["value"]) for sample in samples(found))


def test_clang_builds_it_without_a_warning(tmp_path: Path) -> None:
    needs("clang-14")
    command = ["clang-14" if word == "gcc" else word for word in build_commands("fftw")[0]]
    compiled(
        sources(tmp_path, "fftw"), [*command, "-Wno-unused-command-line-argument", "-fsyntax-only"], *STRICT
    )
