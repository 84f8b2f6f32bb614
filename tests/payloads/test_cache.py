"""The cache payload: run for real, on machines this one is not, on recorded curves, and for aarch64."""

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.payloads import kernels
from tests.payloads.kernels import CPUS, checks, declined, fact, records, samples

DECLARATION = kernels.declaration("cache")
QUICK = ("--windows", "3", "--window-ms", "5")
SMALL = ("--floor-bytes", "1000000")
# The curve of a Zen 4 guest that sysfs promises 32 MiB of third-level cache, in KiB and nanoseconds.
ZEN4 = """4 1.09 6 1.09 8 1.09 12 1.09 16 1.09 24 1.09 32 1.15 48 3.83 64 3.84 96 3.98
128 4.07 192 3.84 256 3.9 384 4.41 512 4.85 768 6.92 1024 8.83 1536 11.9 2048 13.2 3072 14.4
4096 15.3 6144 18.3 8192 24.0 12288 130 16384 138.7 24576 142.9 32768 143.6 49152 161.8 65536 157 98304 161
131072 164.4"""
ZEN4_SMALL_PAGES = """4 1.09 6 1.12 8 1.1 12 1.09 16 1.09 24 1.09 32 1.17 48 3.82 64 3.84 96 3.84
128 3.84 192 3.84 256 3.85 384 4.48 512 4.86 768 6.49 1024 8.9 1536 12.2 2048 14.0 3072 15.2
4096 16.1 6144 21.8 8192 22.4 12288 133.6 16384 146 24576 154.8 32768 163.9 49152 175.9 65536 179.9 98304 179
131072 193.4"""
# The same, while neighbours took what they could of the third level: one point disturbed on the second.
ZEN4_CROWDED = """4 1.15 6 1.09 8 1.09 12 1.09 16 1.1 24 1.1 32 1.11 48 3.84 64 3.87 96 3.88
128 3.91 192 3.93 256 4.07 384 5.72 512 5.14 768 7.98 1024 10.2 1536 12.5 2048 14.05 3072 16.2
4096 24.0 6144 128 8192 139.7 12288 158 16384 157 24576 166 32768 172.5 49152 190.3 65536 170.5 98304 186.7
131072 207"""
STEPS = " ".join(
    f"{2**k} {1.5 if k <= 6 else 5 if k <= 11 else 30 if k <= 16 else 100}" for k in range(2, 20)
)

Record = dict[str, Any]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kernels.needs("gcc")
    return kernels.built(kernels.sources(tmp_path_factory.mktemp("cache"), "cache"), "-Werror") / "cache"


@pytest.fixture(scope="module")
def sysfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three levels that every core since 2010 has at least."""
    caches = {cpu: kernels.three_levels(cpu, "1024K", f"{CPUS[0]}-{CPUS[-1]}", "256K", "32K") for cpu in CPUS}
    return kernels.fake_sysfs(tmp_path_factory.mktemp("cache") / "sysfs", caches=caches)


def complete(found: list[Record], prefixes: tuple[str, ...]) -> None:
    """Every metric of these names is measured or declined, all checks asked for are made, none failed."""
    wanted = {metric for metric in DECLARATION["metrics"] if metric.startswith(prefixes)}
    measured = {record["sample"] for record in samples(found)}
    assert measured | set(declined(found)) == wanted
    assert not measured & set(declined(found))
    assert kernels.required_checks("cache", measured) <= set(checks(found))
    assert {name for name, ok in checks(found).items() if not ok} == set()
    assert kernels.out_of_bounds("cache", found) == set()


# What it reports


@pytest.mark.long
@pytest.mark.parametrize("pages", ["2m", "4k"])
def test_latency_of_the_four_levels_on_both_kinds_of_pages(cache: Path, sysfs: Path, pages: str) -> None:
    found = records(cache, "levels", "--pages", pages, *QUICK, "--sysfs", sysfs)
    complete(found, tuple(f"latency.{level}.{pages}." for level in ("l1", "l2", "l3", "dram")))
    for sample in samples(found, f"latency.l1.{pages}.ns"):
        assert sample["value"] == pytest.approx(1e9 * sample["seconds"] / sample["loads"])
    for sample in samples(found, f"latency.l1.{pages}.cycles"):
        assert sample["value"] == pytest.approx(sample["clock_hertz"] * sample["seconds"] / sample["loads"])
    if pages not in " ".join(declined(found)):
        plan = fact(found, f"run.{pages}")
        assert (plan["l1_bytes"], plan["dram_bytes"]) == (16 << 10, 128 << 20)
        assert plan["l2_bytes"] == pytest.approx(math.sqrt((32 << 10) * (256 << 10)), rel=0.05)


def test_read_bandwidth_of_the_four_levels(cache: Path, sysfs: Path) -> None:
    found = records(cache, "read", *QUICK, "--floor-bytes", "134217728", "--sysfs", sysfs)
    complete(found, ("read.", "read_per_cycle."))
    for sample in samples(found, "read.l2.one"):
        assert sample["value"] == pytest.approx(sample["bytes"] * sample["passes"] / sample["seconds"] / 1e9)


@pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")
def test_a_line_from_one_core_to_another(cache: Path, sysfs: Path) -> None:
    found = records(cache, "transfer", *QUICK, "--sysfs", sysfs)
    complete(found, ("transfer.",))
    assert len(fact(found, "transfer.pairs")["to_cpu"]) == len(CPUS) - 1


def test_one_cpu_has_no_other_to_send_a_line_to(cache: Path, sysfs: Path) -> None:
    alone = ("taskset", "-c", str(CPUS[0]))
    found = records(cache, "transfer", *QUICK, "--sysfs", sysfs, first=alone)
    names = ("transfer.median", "transfer.least", "transfer.greatest")
    assert declined(found) == dict.fromkeys(names, "one CPU")
    assert not samples(found)
    assert not checks(found)


def test_the_curve_has_the_same_names_everywhere_and_ends_at_four_times_the_last_cache(
    cache: Path, sysfs: Path
) -> None:
    found = records(cache, "curve", "--pages", "4k", *QUICK, *SMALL, "--sysfs", sysfs)
    names = {metric for metric in DECLARATION["metrics"] if metric.startswith("curve.4k.")}
    measured = {record["sample"] for record in samples(found)}
    assert measured | set(declined(found)) == names
    assert len(names) == 39
    if measured:
        assert {"curve.4k.4KiB", "curve.4k.1536KiB", "curve.4k.4MiB"} <= measured
        assert "curve.4k.6MiB" in declined(found)
        assert checks(found).items() >= {"cycle.curve.4k": True, "consumed.curve.4k": True}.items()


def test_a_chase_in_the_order_of_another_program_is_no_metric(cache: Path, sysfs: Path) -> None:
    found = records(cache, "curve", "--order", "paged", "--pages", "4k", *QUICK, *SMALL, "--sysfs", sysfs)
    names = {record["sample"] for record in samples(found)}
    assert not names & set(DECLARATION["metrics"])
    if names:
        # 6 KiB are a page and a half.
        assert {"paged.4k.4KiB", "paged.4k.6KiB", "paged.4k.4MiB"} <= names
        assert checks(found).items() >= {"cycle.paged.4k": True, "consumed.paged.4k": True}.items()
        assert fact(found, "run.paged.4k")["order"] == "page by page"


def test_a_curve_ends_where_it_is_told_to(cache: Path, sysfs: Path) -> None:
    found = records(cache, "curve", "--pages", "4k", *QUICK, *SMALL, "--sysfs", sysfs, "--up-to", "65536")
    measured = {record["sample"] for record in samples(found)}
    if measured:
        assert {"curve.4k.4KiB", "curve.4k.64KiB"} <= measured
        assert declined(found)["curve.4k.96KiB"] == "beyond the 65536 bytes of --up-to"
    assert measured | set(declined(found)) == {
        metric for metric in DECLARATION["metrics"] if metric.startswith("curve.4k.")
    }


@pytest.mark.slow
@pytest.mark.parametrize("pages", ["2m", "4k"])
def test_the_whole_curve_of_this_machine(cache: Path, pages: str) -> None:
    found = records(cache, "curve", "--pages", pages, *QUICK)
    complete(found, (f"curve.{pages}.",))
    assert set(fact(found, f"plateaus.{pages}")) >= {"l1", "l2", "dram"}
    on_plateaus = fact(found, f"sizes_on_plateaus.{pages}")
    assert (on_plateaus["l1"], on_plateaus["l2"]) == (True, True)


# Declined with a reason


def test_without_memory_for_it_a_level_is_declined_with_the_figures(cache: Path, sysfs: Path) -> None:
    found = records(cache, "levels", "--pages", "4k", *QUICK, "--sysfs", sysfs, memory=150e6)
    if "pages" in "".join(declined(found).values()):
        pytest.skip("no pages of 4 KiB here")
    assert set(declined(found)) == {"latency.dram.4k.ns", "latency.dram.4k.cycles"}
    assert "134 MB are more than three quarters of 150 MB" in declined(found)["latency.dram.4k.ns"]
    assert kernels.required_checks("cache", {record["sample"] for record in samples(found)}) <= set(
        checks(found)
    )


def test_a_curve_without_memory_says_so(cache: Path, sysfs: Path) -> None:
    found = records(cache, "curve", "--pages", "4k", *QUICK, *SMALL, "--sysfs", sysfs, memory=1e6)
    assert "of 1 MB of memory" in declined(found)["curve.4k.2GiB"]


@pytest.mark.long
def test_without_caches_in_sysfs_the_levels_are_declined_and_memory_is_measured(
    cache: Path, tmp_path: Path
) -> None:
    root = kernels.fake_sysfs(tmp_path / "sysfs")
    found = records(cache, "levels", "--pages", "4k", *QUICK, "--sysfs", root)
    if "pages" in "".join(declined(found).values()):
        pytest.skip("no pages of 4 KiB here")
    assert {record["sample"] for record in samples(found)} == {"latency.dram.4k.ns", "latency.dram.4k.cycles"}
    assert declined(found)["latency.l3.4k.ns"] == "sysfs tells of no data cache of level 3"
    assert set(checks(found).values()) == {True}


def test_the_line_of_sysfs_is_the_stride(cache: Path, tmp_path: Path) -> None:
    caches = {cpu: kernels.three_levels(cpu, "1024K", str(cpu), "256K", "32K") for cpu in CPUS}
    root = kernels.fake_sysfs(tmp_path / "sysfs", caches=caches)
    for file in root.rglob("coherency_line_size"):
        file.write_text("128\n")
    found = records(cache, "levels", "--pages", "4k", *QUICK, *SMALL, "--sysfs", root)
    assert fact(found, "run.4k")["line_bytes"] == 128


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["some"],
        ["levels", "--pages", "1g"],
        ["levels", "--order", "paged"],
        ["read", "--windows", "0"],
        ["curve", "--up-to", "1"],
        ["read", "--sysfs"],
    ],
)
def test_wrong_arguments_are_refused_on_stderr(cache: Path, arguments: list[str]) -> None:
    kernels.assert_refused(cache, arguments)


# Plateaus of recorded curves


def plateaus(cache: Path, curve: str) -> Any:
    numbers = curve.split()
    points = [f"{int(size) * 1024} {ns}" for size, ns in zip(numbers[::2], numbers[1::2], strict=True)]
    done = subprocess.run(
        [cache, "plateaus"], input="\n".join(points) + "\n", capture_output=True, text=True, check=True
    )
    return fact([json.loads(done.stdout)], "plateaus")


def effective_kib(cache: Path, curve: str) -> dict[str, int]:
    found = plateaus(cache, curve)
    return {name: level["effective_bytes"] >> 10 for name, level in found.items() if name != "dram"}


@pytest.mark.parametrize(
    ("curve", "sizes"),
    [
        (ZEN4, {"l1": 32, "l2": 512, "l3": 6144}),
        (ZEN4_SMALL_PAGES, {"l1": 32, "l2": 512, "l3": 4096}),
        (ZEN4_CROWDED, {"l1": 32, "l2": 512, "l3": 3072}),
        (STEPS, {"l1": 64, "l2": 2048, "l3": 65536}),
    ],
    ids=["huge pages", "small pages", "crowded", "steps"],
)
def test_effective_sizes_of_a_recorded_curve(cache: Path, curve: str, sizes: dict[str, int]) -> None:
    assert effective_kib(cache, curve) == sizes
    assert "dram" in plateaus(cache, curve)


def test_one_disturbed_point_does_not_end_a_plateau(cache: Path) -> None:
    assert effective_kib(cache, ZEN4.replace("96 3.98", "96 39.8")) == effective_kib(cache, ZEN4)


def test_a_machine_without_a_third_level_has_two_plateaus_and_memory(cache: Path) -> None:
    two = " ".join(f"{2**k} {1.5 if k <= 6 else 5 if k <= 11 else 100}" for k in range(2, 20))
    assert list(plateaus(cache, two)) == ["l1", "l2", "dram"]


# Compilers and architectures


@pytest.mark.long
def test_clang_builds_it_without_a_warning(tmp_path: Path, sysfs: Path) -> None:
    kernels.needs("clang-14")
    suite = kernels.sources(tmp_path, "cache")
    (command,) = kernels.build_commands("cache")
    binary = kernels.compiled(suite, ["clang-14", *command[1:]], "-Werror")
    found = records(binary, "levels", "--pages", "4k", *QUICK, *SMALL, "--sysfs", sysfs)
    assert checks(found)["consumed.4k"]


@pytest.mark.long
@pytest.mark.parametrize("cpu", kernels.some_slow("generic", *kernels.GRAVITON))
def test_builds_for_aarch64_without_a_warning(tmp_path: Path, cpu: str) -> None:
    kernels.cross_compiled(kernels.sources(tmp_path, "cache"), cpu)


@pytest.mark.long
@pytest.mark.parametrize(
    "run", [("levels", "--pages", "4k"), ("read",), ("transfer",)], ids=lambda run: run[0]
)
def test_runs_on_an_emulated_aarch64_with_every_check_but_those_of_time(
    tmp_path: Path, sysfs: Path, run: tuple[str, ...]
) -> None:
    words = kernels.emulated()
    suite = kernels.cross_compiled(kernels.sources(tmp_path, "cache"), "neoverse-n1")
    found = records(suite / "cache", *run, "--windows", "1", *SMALL, "--sysfs", sysfs, first=words)
    assert samples(found)
    of_time = {"clock", "random", "sequential", "falling", "timer", "pages", "binding"}
    assert {name.split(".")[0] for name, ok in checks(found).items() if not ok} <= of_time
    assert {"cycle.4k", "consumed.4k", "sum.read", "bytes.read", "pair.transfer", "turns.transfer"} & set(
        checks(found)
    )
