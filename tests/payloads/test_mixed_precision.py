"""The mixed_precision payload: built as declared, run for real, told of other CPUs, and for aarch64."""

import platform
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchtui.core.suites import parse_payload
from tests.payloads.kernels import (
    CPUS,
    CROSS,
    GRAVITON,
    PAYLOADS,
    STRICT,
    arm64_root,
    assert_refused,
    built,
    checks,
    clang,
    cross_compiled,
    declined,
    emulated,
    execute,
    fact,
    fake_sysfs,
    needs,
    records,
    required_checks,
    samples,
    sources,
)

SUITE = parse_payload((PAYLOADS / "mixed_precision" / "payload.toml").read_text(), "mixed_precision")
QUICK = ("--gemm", 2000, "--solve", 3000, "--batches", 1)
x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="about flags of x86-64")
FLOPS = {  # of one instruction
    ("vfmadd231pd", 512): 16,
    ("vfmadd231pd", 256): 8,
    ("vfmadd231ps", 512): 32,
    ("vfmadd231ps", 256): 16,
    ("vfmadd231ph", 512): 64,
    ("vfmadd231ph", 256): 32,
    ("vdpbf16ps", 512): 64,
    ("vdpbf16ps", 256): 32,
    ("bfdot", 128): 16,
    ("bfmmla", 128): 32,
}


def of_time(name: str) -> bool:
    """Can another program on this machine fail this check?"""
    return name.startswith(("integer_", "timer.", "team_blas.", "peak_above_", "fp16_above_"))


def failed(found: list[dict[str, Any]]) -> set[str]:
    return {name for name, ok in checks(found).items() if not ok and not of_time(name)}


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("gcc", "objdump")
    probe = subprocess.run(
        ["gcc", "-shared", "-lopenblas", "-o", "/dev/null"], capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip("libopenblas-dev is not installed")
    suite = sources(tmp_path_factory.mktemp("mixed_precision"), "mixed_precision")
    return built(suite, *STRICT) / "mixed_precision"


@pytest.mark.long
@pytest.mark.parametrize("threads", ["one", "all"])
def test_reports_or_declines_what_is_declared_and_passes_every_check(
    binary: Path, tmp_path: Path, threads: str
) -> None:
    sysfs = fake_sysfs(tmp_path / "sysfs")
    found = records(binary, "--threads", threads, *QUICK, "--sysfs", sysfs)
    measured = {sample["sample"] for sample in samples(found)}
    in_quick = {name for name, metric in SUITE.metrics.items() if metric.modes is None}
    assert measured | set(declined(found)) == {name for name in in_quick if name.endswith(f".{threads}")}
    assert all(reason.startswith("no ") for reason in declined(found).values())
    assert set(checks(found)) == required_checks("mixed_precision", measured)
    assert failed(found) == set()
    assert fact(found, "blas")["threads"] == (1 if threads == "one" else len(CPUS))
    for sample in samples(found):
        if not sample["sample"].startswith("peak."):
            continue
        assert sample["value"] == pytest.approx(1e-9 * sample["flops"] / sample["seconds"])
        flops = FLOPS.get((sample["instruction"], sample["width_bits"]))
        if flops:
            per_cycle = sample["instructions_per_cycle"]
            assert sample["flop_per_cycle"] == pytest.approx(flops * per_cycle)
    (solution,) = samples(found, f"dsgesv.3000.{threads}")
    assert solution["refinements"] >= 1
    assert solution["residual"] < 0.05
    (double,) = samples(found, f"dgesv.3000.{threads}")
    (speedup,) = samples(found, f"speedup.3000.{threads}")
    assert speedup["value"] == pytest.approx(solution["value"] / double["value"])


@pytest.mark.long
def test_a_peak_taken_in_a_bad_moment_is_looked_at_again(binary: Path, tmp_path: Path) -> None:
    """Here each is taken for a tenth of what it was; what it can do is seen at the second look."""
    seen = "peak.possible = fmax(peak.possible, rate(&b));"
    suite = sources(tmp_path / "suite", "mixed_precision", {seen: "peak.possible = 0.1 * rate(&b);"})
    program = built(suite, *STRICT) / "mixed_precision"
    sysfs = fake_sysfs(tmp_path / "sysfs")
    found = checks(records(program, "--threads", "all", *QUICK, "--sysfs", sysfs))
    looked_at = {name: ok for name, ok in found.items() if "_above_" in name}
    assert {"peak_above_dgemm.all", "peak_above_sgemm.all"} <= set(looked_at)
    assert all(looked_at.values())


@x86_64
@pytest.mark.parametrize(
    ("flags", "reasons"),
    [
        ("sse2 avx avx2 fma", {"fp16": "no avx512_fp16", "bf16": "no avx512_bf16"}),
        (
            "sse2 avx",
            {"fp64": "no fma", "fp32": "no fma", "fp16": "no avx512_fp16", "bf16": "no avx512_bf16"},
        ),
    ],
)
def test_declines_what_the_flags_of_the_cpu_do_not_name(
    binary: Path, tmp_path: Path, flags: str, reasons: dict[str, str]
) -> None:
    """And runs nothing of it: the widths it tried are in the facts."""
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags\t: {flags}\n\n")
    found = records(binary, "--threads", "one", "--batches", 1, "--cpuinfo", tmp_path / "cpuinfo")
    assert declined(found) == {f"peak.{of}.one": reason for of, reason in reasons.items()}
    for of in reasons:
        assert fact(found, f"widths.{of}.one") == {}
    if "fma" in flags:
        assert set(fact(found, "widths.fp64.one")) == {"fma_fp64_128", "fma_fp64_256"}


def test_without_objdump_nothing_is_shown_to_be_native(binary: Path) -> None:
    none = {"OBJDUMP": "/nonexistent/objdump"}
    found = records(binary, "--threads", "one", "--batches", 1, environment=none)
    native = {name: ok for name, ok in checks(found).items() if name.startswith("native_")}
    assert native
    assert not any(native.values())


def test_declines_sizes_beyond_half_of_the_memory(binary: Path) -> None:
    found = records(binary, "--threads", "one", *QUICK, memory=150e6)
    reasons = declined(found)
    wanted = {"dgemm.2000.one", "sgemm.2000.one", "dgesv.3000.one", "dsgesv.3000.one", "speedup.3000.one"}
    assert wanted <= set(reasons)
    assert reasons["speedup.3000.one"] == "n = 3000 needs 180 MB, more than half of 150 MB of memory"


@pytest.mark.parametrize(
    "arguments",
    [[], ["--threads", "some"], ["--threads", "one", "--gemm", "99"], ["--threads", "one", "--solve", ""]],
)
def test_wrong_arguments_are_refused_on_stderr(binary: Path, arguments: list[str]) -> None:
    assert_refused(binary, arguments)


@pytest.mark.long
def test_clang_compiles_it_without_a_warning(tmp_path: Path) -> None:
    (command, *_) = SUITE.build.commands
    execute([clang(), *command[1:], *STRICT], sources(tmp_path, "mixed_precision"))


@pytest.mark.parametrize("cpu", [pytest.param(cpu, marks=pytest.mark.slow) for cpu in GRAVITON])
def test_builds_for_aarch64_without_a_warning(tmp_path: Path, cpu: str) -> None:
    arm64_root()
    cross_compiled(sources(tmp_path, "mixed_precision"), cpu, libraries=True)


@pytest.mark.long
@pytest.mark.parametrize(
    ("cpu", "formats"),
    [
        ("max", {"fp64", "fp32", "fp16", "bf16"}),
        pytest.param("neoverse-n1", {"fp64", "fp32", "fp16"}, marks=pytest.mark.slow),
    ],
)
def test_runs_on_an_emulated_graviton_with_every_check_but_those_of_time(
    tmp_path: Path, cpu: str, formats: set[str]
) -> None:
    root = arm64_root()
    suite = sources(tmp_path, "mixed_precision", {"SMALLEST_N = 100": "SMALLEST_N = 10"})
    binary = cross_compiled(suite, libraries=True) / "mixed_precision"
    known = {"OBJDUMP": CROSS.replace("-gcc", "-objdump"), "OPENBLAS_CORETYPE": "NEOVERSEN1"}
    found = records(
        binary,
        *("--threads", "all", "--gemm", 96, "--solve", 96, "--batches", 1, "--iterations", 400),
        first=emulated(cpu, root),
        environment=known,
    )
    assert {sample["sample"].split(".")[1] for sample in samples(found) if "flops" in sample} == formats
    assert set(declined(found)) == {f"peak.{of}.all" for of in {"fp64", "fp32", "fp16", "bf16"} - formats}
    unknown = {"blas_core.all"} if cpu == "max" else set()  # a CPU that nobody sells
    assert failed(found) == unknown


def test_the_page_of_documentation_names_every_check() -> None:
    page = (PAYLOADS.parent / "docs" / "suites" / "mixed_precision.md").read_text()
    names = {name.rpartition(".")[0] for names in SUITE.verification.of.values() for name in names}
    without_size = {name.split(".")[0] for name in names}
    plain = {
        name.partition("_fp")[0].partition("_bf")[0] if "above" not in name else name for name in without_size
    }
    assert {name for name in plain if f"`{name}" not in page} == set()
