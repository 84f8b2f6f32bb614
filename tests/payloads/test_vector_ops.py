"""The vector_ops payload: built as declared, run for real, on machines this one is not, and for aarch64."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchtui.core.suites import parse_payload
from tests.payloads.kernels import (
    CPUS,
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
    three_levels,
)

SUITE = parse_payload((PAYLOADS / "vector_ops" / "payload.toml").read_text(), "vector_ops")
BYTES = {"daxpy": 24, "ddot": 16, "dscal": 16, "dnrm2": 8, "dasum": 8, "idamax": 8, "dcopy": 16}
LEVELS = ("l1", "l2", "l3", "dram")
OF_TIME = {"timer", "team"}
"""Checks that another program on this machine can fail."""


def needs_openblas() -> None:
    needs("gcc")
    probe = subprocess.run(
        ["gcc", "-shared", "-lopenblas", "-o", "/dev/null"], capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip("libopenblas-dev is not installed")


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_openblas()
    return built(sources(tmp_path_factory.mktemp("vector_ops"), "vector_ops"), *STRICT) / "vector_ops"


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Caches so small that the vectors in memory have 80 MB."""
    return fake_sysfs(
        tmp_path / "sysfs", caches={cpu: three_levels(cpu, "8M", "0-999", l2="256K") for cpu in CPUS}
    )


def failed(found: list[dict[str, Any]], threads: str) -> set[str]:
    return {name.removesuffix(f".{threads}") for name, ok in checks(found).items() if not ok}


@pytest.mark.long
def test_reports_just_what_is_declared_and_passes_every_check(binary: Path, sysfs: Path) -> None:
    found = records(binary, "--threads", "one", "--batches", 1, "--sysfs", sysfs)
    measured = {sample["sample"] for sample in samples(found)}
    assert measured == {metric for metric in SUITE.metrics if metric.endswith(".one")}
    assert set(checks(found)) == required_checks("vector_ops", measured)
    assert failed(found, "one") <= OF_TIME
    elements = {"l1": 1024, "l2": 8192, "l3": 65536, "dram": 10223616}  # 80 MB in whole huge pages
    assert fact(found, "run.one")["elements"] == elements
    assert fact(found, "blas")["threads"] == 1
    excluded = [record["sample"] for record in found if record.get("excluded")]
    assert sorted(excluded) == sorted(measured)
    for sample in samples(found):
        function, level, _ = sample["sample"].split(".")
        work = sample["elements"] * sample["calls"]
        assert sample["bytes"] == BYTES[function] * work
        assert sample["ns_per_element"] == pytest.approx(1e9 * sample["seconds"] / work)
        assert sample["gb_per_s"] == pytest.approx(1e-9 * sample["bytes"] / sample["seconds"])
        in_ns = SUITE.metrics[sample["sample"]].unit == "ns"
        assert sample["value"] == (sample["ns_per_element"] if in_ns else sample["gb_per_s"])
        assert sample["seconds"] >= 0.005
        assert level in LEVELS


@pytest.mark.long
def test_all_threads_report_which_functions_the_library_gave_to_more_than_one(
    binary: Path, sysfs: Path
) -> None:
    found = records(binary, "--threads", "all", "--batches", 1, "--sysfs", sysfs, memory=300e6)
    measured = {sample["sample"] for sample in samples(found)}
    assert measured | set(declined(found)) == {metric for metric in SUITE.metrics if metric.endswith(".all")}
    assert set(checks(found)) == required_checks("vector_ops", measured) | {"array_size.all"}
    assert failed(found, "all") <= OF_TIME
    assert fact(found, "blas")["threads"] == len(CPUS)
    busy = fact(found, "cpus_busy.all")
    assert {function: set(levels) for function, levels in busy.items()} == {
        function: {"l1", "l2", "l3"} for function in BYTES
    }


def test_declines_what_sysfs_or_memory_does_not_allow(binary: Path, tmp_path: Path) -> None:
    """The second cache as large as the third: no vector lies in the third alone. Memory for caches only."""
    root = fake_sysfs(
        tmp_path / "sysfs", caches={cpu: three_levels(cpu, "2M", str(cpu), l2="1M") for cpu in CPUS}
    )
    found = records(binary, "--threads", "one", "--batches", 1, "--sysfs", root, memory=300e6)
    reasons = declined(found)
    assert set(reasons) == {f"{function}.{level}.one" for function in BYTES for level in ("l3", "dram")}
    assert "fill more than half of the third (2.1 MB)" in reasons["daxpy.l3.one"]
    assert "more than half of 300 MB of memory" in reasons["dcopy.dram.one"]
    measured = {sample["sample"] for sample in samples(found)}
    assert measured == {f"{function}.{level}.one" for function in BYTES for level in ("l1", "l2")}
    assert failed(found, "one") <= OF_TIME


def test_declines_everything_where_no_cache_is_known(binary: Path, tmp_path: Path) -> None:
    found = records(binary, "--threads", "one", "--sysfs", fake_sysfs(tmp_path / "sysfs"))
    assert set(declined(found)) == {metric for metric in SUITE.metrics if metric.endswith(".one")}
    assert not samples(found)


def test_a_core_that_does_not_fit_is_refused(binary: Path, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor: 0\nflags\t: sse sse2\n\n")
    root = fake_sysfs(tmp_path / "sysfs")
    found = records(binary, "--threads", "one", "--sysfs", root, "--cpuinfo", tmp_path / "cpuinfo")
    assert checks(found)["blas_core.one"] is False


@pytest.mark.parametrize(
    "arguments", [[], ["--threads", "some"], ["--threads"], ["--threads", "one", "--batches", "0"]]
)
def test_wrong_arguments_are_refused_on_stderr(binary: Path, arguments: list[str]) -> None:
    assert_refused(binary, arguments)


@pytest.mark.long
def test_clang_compiles_it_without_a_warning(tmp_path: Path) -> None:
    (command, *_) = SUITE.build.commands
    execute([clang(), *command[1:], *STRICT], sources(tmp_path, "vector_ops"))


@pytest.mark.parametrize("cpu", [pytest.param(cpu, marks=pytest.mark.slow) for cpu in GRAVITON])
def test_builds_for_aarch64_without_a_warning(tmp_path: Path, cpu: str) -> None:
    arm64_root()
    cross_compiled(sources(tmp_path, "vector_ops"), cpu, libraries=True)


@pytest.mark.long
def test_runs_on_an_emulated_graviton_with_every_check_but_those_of_time(tmp_path: Path, sysfs: Path) -> None:
    """Batches are too short there for the clock, so few calls are timed; the figures are nobody's."""
    root = arm64_root()
    suite = sources(
        tmp_path,
        "vector_ops",
        {
            "CALIBRATED_SECONDS = 7e-3": "CALIBRATED_SECONDS = 1e-5",
            "SHORTEST_SECONDS = 5e-3": "SHORTEST_SECONDS = 0.0",
        },
    )
    binary = cross_compiled(suite, libraries=True) / "vector_ops"
    found = records(
        binary,
        *("--threads", "one", "--batches", 1, "--sysfs", sysfs),
        first=emulated("neoverse-n1", root),
        memory=300e6,  # vectors in memory are declined: slow to emulate, and no other code
    )
    assert failed(found, "one") <= OF_TIME
    assert checks(found)["blas_core.one"] is True
    assert fact(found, "blas")["core"] == "neoversen1"
    assert {sample["sample"].split(".")[1] for sample in samples(found)} == {"l1", "l2", "l3"}


def test_the_page_of_documentation_names_every_check_and_function() -> None:
    page = (PAYLOADS.parent / "docs" / "suites" / "vector_ops.md").read_text()
    names = {name.rpartition(".")[0] for names in SUITE.verification.of.values() for name in names}
    assert {name for name in names | set(BYTES) if f"`{name}`" not in page} == set()
