"""The stream payload: built as its payload.toml says and run for real."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.payloads import kernels
from tests.payloads.kernels import CPUS, checks, declined, fact, records, samples

DECLARATION = kernels.declaration("stream")
(BUILD,) = kernels.build_commands("stream")
KERNEL_BYTES = {"copy": 16, "scale": 16, "add": 24, "triad": 24}
VARIANTS = {"": (), "_nt": ("--stores", "nt"), "_4k": ("--pages", "small")}

two_cpus = pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kernels.needs("gcc")
    return kernels.built(kernels.sources(tmp_path_factory.mktemp("stream"), "stream"), "-Werror") / "stream"


SysFs = Callable[..., Path]


@pytest.fixture
def sysfs(tmp_path: Path) -> SysFs:
    """Makes a sysfs of this machine's usable CPUs with the topology asked for."""

    def make(siblings: str | None = None, llc: dict[int, tuple[str, str]] | None = None) -> Path:
        """``siblings``: one list for all CPUs; ``llc``: size and shared_cpu_list of level 3 by CPU."""
        caches = {cpu: kernels.three_levels(cpu, *level3) for cpu, level3 in (llc or {}).items()}
        return kernels.fake_sysfs(tmp_path / "sysfs", siblings, caches)

    return make


# What it reports


@pytest.mark.long
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "threads", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("one", "core")), "all"]
)
def test_reports_just_what_payload_toml_declares_and_passes_every_check(
    stream: Path, sysfs: SysFs, threads: str, variant: str
) -> None:
    found = records(stream, "--threads", threads, *VARIANTS[variant], "--repetitions", 2, "--sysfs", sysfs())
    if declined(found):
        pytest.skip(next(iter(declined(found).values())))
    assert {sample["sample"] for sample in samples(found)} == {
        f"{kernel}{variant}.{threads}" for kernel in KERNEL_BYTES
    }
    wanted = kernels.required_checks("stream", [f"triad{variant}.{threads}"])
    assert checks(found) == dict.fromkeys(wanted - {f"n_against_2n.{threads}"}, True)
    assert fact(found, f"run{variant}.{threads}")["threads"] == (1 if threads == "one" else len(CPUS))


@pytest.mark.long
def test_twice_the_size_is_a_check_of_its_own_and_no_rate(stream: Path, sysfs: SysFs) -> None:
    found = records(stream, "--threads", "one", "--twice", "--sysfs", sysfs())
    assert set(checks(found)) == {"n_against_2n.one"}
    assert not samples(found)
    assert 3 <= fact(found, "n_against_2n.one")["pairs"] <= 9  # fewer where memory is slow


def test_every_team_has_every_variant_and_each_has_its_checks() -> None:
    runs = {run["name"]: run["argv"] for run in DECLARATION["runs"]}
    for threads in ("one", "core", "all"):
        for variant, options in VARIANTS.items():
            argv = runs[threads + variant.replace("_", "-")]
            assert argv[:3] == ["./stream", "--threads", threads]
            assert argv[3:-2] == list(options)
            metrics = {f"{kernel}{variant}.{threads}" for kernel in KERNEL_BYTES}
            assert metrics <= set(DECLARATION["metrics"])
            assert len(kernels.required_checks("stream", metrics)) == (13 if not variant else 12)
    assert len(DECLARATION["metrics"]) == 36


def test_every_pass_is_a_sample_and_the_first_is_excluded(stream: Path, sysfs: SysFs) -> None:
    found = records(stream, "--threads", "all", "--repetitions", 3, "--sysfs", sysfs())
    elements = fact(found, "run.all")["array_elements"]
    for kernel, per_element in KERNEL_BYTES.items():
        passes = [record for record in found if record.get("sample") == f"{kernel}.all"]
        assert [(sample["pass"], sample.get("excluded", False)) for sample in passes] == [
            (0, True),
            (1, False),
            (2, False),
        ]
        for sample in passes:
            assert sample["bytes"] == per_element * elements
            assert sample["value"] == pytest.approx(sample["bytes"] / sample["seconds"] / 1e9)


# Sizes and CPUs, told before anything is measured; memory of one byte ends the run there


def test_arrays_are_four_times_the_sum_of_distinct_last_level_caches(stream: Path, sysfs: SysFs) -> None:
    own = {cpu: ("105M", str(cpu)) for cpu in CPUS}
    plan = fact(records(stream, "--threads", "all", "--sysfs", sysfs(llc=own), memory=1), "run.all")
    assert plan["llc_groups"] == len(CPUS)
    assert plan["llc_bytes"] == len(CPUS) * 105 << 20
    assert plan["array_bytes"] >= 4 * plan["llc_bytes"]


def test_a_shared_cache_counts_once(stream: Path, sysfs: SysFs) -> None:
    shared = {cpu: ("32768K", f"{CPUS[0]}-{CPUS[-1]}") for cpu in CPUS}
    plan = fact(records(stream, "--threads", "all", "--sysfs", sysfs(llc=shared), memory=1), "run.all")
    assert (plan["llc_groups"], plan["llc_level"], plan["llc_bytes"]) == (1, 3, 32 << 20)
    assert 128 << 20 <= plan["array_bytes"] <= 160 << 20


@pytest.mark.parametrize("size", [None, "0K"])
def test_without_a_cache_in_sysfs_two_mib_per_core_are_assumed_and_80_mb_kept(
    stream: Path, sysfs: SysFs, size: str | None
) -> None:
    root = sysfs() if size is None else sysfs(llc={cpu: (size, str(cpu)) for cpu in CPUS})
    if size is not None:
        for kept in root.rglob("index[0-2]/size"):
            kept.write_text("0\n")
    plan = fact(records(stream, "--threads", "all", "--sysfs", root, memory=1), "run.all")
    assert plan["llc_bytes"] == len(CPUS) * 2 << 20
    assert "assumed" in plan["llc_source"]
    assert plan["array_bytes"] >= max(80_000_000, 4 * plan["llc_bytes"])


@two_cpus
def test_siblings_of_one_core_are_one_thread_per_core(stream: Path, sysfs: SysFs) -> None:
    root = sysfs(siblings=f"{CPUS[0]}-{CPUS[-1]}")
    plan = fact(records(stream, "--threads", "core", "--sysfs", root, memory=1), "run.core")
    assert (plan["threads"], plan["usable_cores"], plan["cpus"]) == (1, 1, str(CPUS[0]))


@two_cpus
def test_uses_only_the_cpus_it_is_allowed(stream: Path, sysfs: SysFs) -> None:
    last = str(CPUS[-1])
    alone = ("taskset", "-c", last)
    found = records(stream, "--threads", "all", "--repetitions", 2, "--sysfs", sysfs(), first=alone)
    assert fact(found, "run.all")["cpus"] == last
    assert all(checks(found).values())


def test_declined_with_the_figures_when_the_rule_does_not_fit_in_memory(stream: Path, sysfs: SysFs) -> None:
    found = records(stream, "--threads", "one", "--sysfs", sysfs(), memory=50e6)
    assert set(declined(found)) == {f"{kernel}.one" for kernel in KERNEL_BYTES}
    assert all("50 MB of memory" in reason for reason in declined(found).values())
    assert not any("sample" in record or "check" in record for record in found)


@pytest.mark.parametrize(("has_memory", "nodes"), [("0", 1), ("0-1", 2), ("0,2-3", 3)])
def test_nodes_with_memory_are_counted(
    stream: Path, sysfs: SysFs, tmp_path: Path, has_memory: str, nodes: int
) -> None:
    root = sysfs()
    file = tmp_path / "sysfs" / "devices" / "system" / "node" / "has_memory"
    file.parent.mkdir()
    file.write_text(has_memory + "\n")
    found = records(stream, "--threads", "one", "--sysfs", root, memory=1)
    assert fact(found, "run.one")["numa_nodes"] == nodes


def test_pages_are_looked_up_on_their_nodes_where_there_are_two(
    stream: Path, sysfs: SysFs, tmp_path: Path
) -> None:
    """This machine need not have two: the kernel's answer for its own node is the same call."""
    root = sysfs()
    file = tmp_path / "sysfs" / "devices" / "system" / "node" / "has_memory"
    file.parent.mkdir()
    file.write_text("0-1\n")
    found = records(stream, "--threads", "all", "--repetitions", 2, "--sysfs", root)
    (check,) = [record for record in found if record.get("check") == "first_touch.all"]
    assert check["ok"]
    assert 0.95 <= check["value"] <= 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--threads", "some"],
        ["--threads"],
        ["--threads", "one", "--repetitions", "1"],
        ["--threads", "one", "--stores", "nt", "--pages", "small"],
    ],
)
def test_wrong_arguments_are_refused_on_stderr(stream: Path, arguments: list[str]) -> None:
    kernels.assert_refused(stream, arguments)


# Compilers and architectures


@pytest.mark.parametrize("option", ["-ffast-math", "-Ofast"])
def test_does_not_compile_where_nan_would_pass(tmp_path: Path, option: str) -> None:
    folder = kernels.sources(tmp_path, "stream")
    done = subprocess.run([*BUILD, option], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "ffast-math" in done.stderr


def test_copy_is_a_loop_of_plain_stores_and_the_other_of_non_temporal_ones(stream: Path) -> None:
    listing = subprocess.run(["objdump", "-d", stream], capture_output=True, text=True, check=True).stdout
    for name, non_temporal in (("copy", False), ("copy_nt", True), ("triad", False), ("triad_nt", True)):
        found = re.search(rf"<{name}>:\n(.*?)(\n\n|$)", listing, re.DOTALL)
        assert found, f"{name} was inlined"
        assert bool(re.search(r"movnt|stnp", found[1])) is non_temporal
        assert not re.search(r"mem(cpy|move)", found[1])


def has_openmp(compiler: str) -> bool:
    command = [compiler, "-fopenmp", "-x", "c", "-", "-o", "/dev/null"]
    program = "#include <omp.h>\nint main(void) { return omp_get_num_threads(); }"
    done = subprocess.run(command, input=program, text=True, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.long
def test_the_clang_arm_builds_without_a_warning_and_passes_every_check(tmp_path: Path, sysfs: SysFs) -> None:
    (command,) = kernels.build_commands("stream", "clang")
    clang = next((name for name in ("clang", "clang-14") if shutil.which(name)), None)
    if clang is None or not has_openmp(clang):
        pytest.skip("clang and its OpenMP (libomp-dev) are not installed")
    suite = kernels.sources(tmp_path, "stream")
    binary = kernels.compiled(suite, [clang, *command[1:]], "-Werror")
    found = records(binary, "--threads", "all", "--repetitions", 2, "--sysfs", sysfs())
    assert all(checks(found).values())


@pytest.mark.long
@pytest.mark.parametrize("cpu", kernels.some_slow("generic", *kernels.GRAVITON))
def test_builds_for_aarch64_without_a_warning(tmp_path: Path, cpu: str) -> None:
    kernels.cross_compiled(kernels.sources(tmp_path, "stream"), cpu)


@pytest.mark.long
@pytest.mark.parametrize("variant", [pytest.param("", marks=pytest.mark.slow), "_nt"])
def test_runs_on_an_emulated_aarch64_with_every_check_but_those_of_time(
    tmp_path: Path, sysfs: SysFs, variant: str
) -> None:
    words = kernels.emulated()
    small = {"FLOOR_BYTES = 80000000": "FLOOR_BYTES = 8000000"}
    suite = kernels.cross_compiled(kernels.sources(tmp_path, "stream", small), "neoverse-n1")
    found = records(
        suite / "stream",
        *("--threads", "all", *VARIANTS[variant], "--repetitions", 2, "--sysfs", sysfs()),
        first=words,
    )
    assert {name for name, ok in checks(found).items() if not ok} <= {
        f"timer{variant}.all",
        f"pages{variant}.all",
    }
    assert len(checks(found)) == 12
