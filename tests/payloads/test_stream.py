"""The stream payload: built as its payload.toml says, run for real, and broken on purpose."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchtui.core.suites import parse_payload

PAYLOADS = Path(__file__).resolve().parents[2] / "payloads"
DECLARATION = (PAYLOADS / "stream" / "payload.toml").read_text()
SUITE = parse_payload(DECLARATION, "stream")
BUILD = SUITE.build.commands[0]
STRICT = ["-Wall", "-Wextra", "-Werror"]
KERNEL_BYTES = {"copy": 16, "scale": 16, "add": 24, "triad": 24}
CPUS = sorted(os.sched_getaffinity(0))
CROSS = "aarch64-linux-gnu-gcc"

pytestmark = pytest.mark.skipif(not shutil.which(BUILD[0]), reason=f"{BUILD[0]} is not installed")
two_cpus = pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")


def sources(folder: Path, replacements: dict[str, str] | None = None) -> Path:
    """The suite's folder as an instance has it, with each text found exactly once and replaced."""
    suite = folder / "suites" / "stream"
    shutil.copytree(PAYLOADS / "stream", suite, ignore=shutil.ignore_patterns("stream"))
    shutil.copytree(PAYLOADS / "common", suite.parent / "common")
    for old, new in (replacements or {}).items():
        holders = [file for file in folder.rglob("*.[ch]") if old in file.read_text()]
        assert len(holders) == 1, f"{old!r} is in {len(holders)} files"
        text = holders[0].read_text()
        assert text.count(old) == 1, old
        holders[0].write_text(text.replace(old, new))
    return suite


def compiled(suite: Path, command: list[str] = BUILD, *more: str) -> Path:
    done = subprocess.run([*command, *more], cwd=suite, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return suite / "stream"


def records(
    binary: Path, *arguments: object, sysfs: Path, memory: float | None = None, first: tuple[str, ...] = ()
) -> list[dict]:
    """What a run printed: every line has to be a JSON object."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    if memory is not None:
        environment["BENCHTUI_MEMORY_BYTES"] = str(memory)
    command = [*first, binary, "--sysfs", sysfs, *arguments]
    done = subprocess.run(
        map(str, command), env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(isinstance(record, dict) for record in found)
    return found


def checks(found: list[dict]) -> dict[str, bool]:
    return {record["check"]: record["ok"] for record in found if "check" in record}


def fact(found: list[dict], name: str) -> dict:
    (value,) = [record["value"] for record in found if record.get("fact") == name]
    return value


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(sources(tmp_path_factory.mktemp("stream")), BUILD, "-Werror")


SysFs = Callable[..., Path]


@pytest.fixture
def sysfs(tmp_path: Path) -> SysFs:
    """Makes a sysfs of this machine's usable CPUs with the topology asked for."""

    def make(siblings: str | None = None, llc: dict[int, tuple[str, str]] | None = None) -> Path:
        """``siblings``: one list for all CPUs; ``llc``: size and shared_cpu_list of level 3 by CPU."""
        root = tmp_path / "sysfs"
        for cpu in CPUS:
            folder = root / "devices" / "system" / "cpu" / f"cpu{cpu}"
            (folder / "topology").mkdir(parents=True)
            (folder / "topology" / "core_cpus_list").write_text(f"{siblings or cpu}\n")
            if llc is None:
                continue
            size, shared = llc[cpu]
            levels = [("1", "Data", "32K", str(cpu)), ("1", "Instruction", "32K", str(cpu))]
            levels += [("2", "Unified", "1024K", str(cpu)), ("3", "Unified", size, shared)]
            for index, (level, kind, bytes_, cpus) in enumerate(levels):
                cache = folder / "cache" / f"index{index}"
                cache.mkdir(parents=True)
                for name, value in (("level", level), ("type", kind), ("size", bytes_)):
                    (cache / name).write_text(value + "\n")
                (cache / "shared_cpu_list").write_text(cpus + "\n")
        return root

    return make


# What it reports


@pytest.mark.parametrize("threads", ["one", "core", "all"])
def test_reports_just_what_payload_toml_declares_and_passes_every_check(
    stream: Path, sysfs: SysFs, threads: str
) -> None:
    found = records(stream, "--threads", threads, "--repetitions", 3, sysfs=sysfs())
    assert {record["sample"] for record in found if "sample" in record} == {
        metric for metric in SUITE.metrics if metric.endswith(f".{threads}")
    }
    declared = {check for check in SUITE.verification.checks if check.endswith(f".{threads}")}
    assert checks(found) == dict.fromkeys(declared, True)
    assert fact(found, f"run.{threads}")["threads"] == (1 if threads == "one" else len(CPUS))
    assert found[-1] == {"progress": [3, 3]}


def test_the_declared_runs_are_the_three_thread_counts() -> None:
    assert [run.argv[:3] for run in SUITE.runs] == [
        ["./stream", "--threads", threads] for threads in ("one", "core", "all")
    ]
    assert SUITE.build.binary == "stream"


def test_every_repetition_of_every_process_is_a_sample_and_the_first_is_excluded(
    stream: Path, sysfs: SysFs
) -> None:
    found = records(stream, "--threads", "all", "--repetitions", 4, "--processes", 2, sysfs=sysfs())
    elements = fact(found, "run.all")["array_elements"]
    for kernel, per_element in KERNEL_BYTES.items():
        samples = [record for record in found if record.get("sample") == f"{kernel}.all"]
        assert [(sample["process"], sample["repetition"]) for sample in samples] == [
            (process, repetition) for process in range(2) for repetition in range(4)
        ]
        for sample in samples:
            assert sample.get("excluded", False) is (sample["repetition"] == 0)
            assert sample["bytes"] == per_element * elements
            assert sample["value"] == pytest.approx(sample["bytes"] / sample["seconds"] / 1e9)


def test_pages_are_as_asked_for(stream: Path, sysfs: SysFs) -> None:
    found = records(stream, "--threads", "one", "--repetitions", 2, "--pages", "small", sysfs=sysfs())
    assert fact(found, "process.one.0")["huge_page_bytes"] == 0


# Sizes and CPUs, told before anything is measured; memory of one byte ends the run there


def test_arrays_are_four_times_the_sum_of_distinct_last_level_caches(stream: Path, sysfs: SysFs) -> None:
    own = {cpu: ("105M", str(cpu)) for cpu in CPUS}
    plan = fact(records(stream, "--threads", "all", sysfs=sysfs(llc=own), memory=1), "run.all")
    assert plan["llc_groups"] == len(CPUS)
    assert plan["llc_bytes"] == len(CPUS) * 105 << 20
    assert plan["array_bytes"] >= 4 * plan["llc_bytes"]


def test_a_shared_cache_counts_once(stream: Path, sysfs: SysFs) -> None:
    shared = {cpu: ("32768K", f"{CPUS[0]}-{CPUS[-1]}") for cpu in CPUS}
    plan = fact(records(stream, "--threads", "all", sysfs=sysfs(llc=shared), memory=1), "run.all")
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
    plan = fact(records(stream, "--threads", "all", sysfs=root, memory=1), "run.all")
    assert plan["llc_bytes"] == len(CPUS) * 2 << 20
    assert "assumed" in plan["llc_source"]
    assert plan["array_bytes"] >= max(80_000_000, 4 * plan["llc_bytes"])


@two_cpus
def test_siblings_of_one_core_are_one_thread_per_core(stream: Path, sysfs: SysFs) -> None:
    root = sysfs(siblings=f"{CPUS[0]}-{CPUS[-1]}")
    plan = fact(records(stream, "--threads", "core", sysfs=root, memory=1), "run.core")
    assert (plan["threads"], plan["usable_cores"], plan["cpus"]) == (1, 1, str(CPUS[0]))


@two_cpus
def test_uses_only_the_cpus_it_is_allowed(stream: Path, sysfs: SysFs) -> None:
    last = str(CPUS[-1])
    found = records(
        stream, "--threads", "all", "--repetitions", 2, sysfs=sysfs(), first=("taskset", "-c", last)
    )
    assert fact(found, "run.all")["cpus"] == last
    assert all(checks(found).values())


def test_declined_with_the_figures_when_the_rule_does_not_fit_in_memory(stream: Path, sysfs: SysFs) -> None:
    found = records(stream, "--threads", "one", sysfs=sysfs(), memory=50e6)
    declined = {record["declined"]: record["reason"] for record in found if "declined" in record}
    assert set(declined) == {f"{kernel}.one" for kernel in KERNEL_BYTES}
    assert all("50 MB of memory" in reason for reason in declined.values())
    assert not any("sample" in record or "check" in record for record in found)


@pytest.mark.parametrize(
    "arguments", [[], ["--threads", "some"], ["--threads"], ["--threads", "one", "--repetitions", "1"]]
)
def test_wrong_arguments_are_refused_on_stderr(stream: Path, arguments: list[str]) -> None:
    done = subprocess.run([stream, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_a_killed_parent_leaves_no_measuring_process(stream: Path) -> None:
    command = [str(stream), "--threads", "one", "--repetitions", "100", "--processes", "100"]
    parent = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    try:
        child = next(filter(None, (children.read_text().strip() for _ in ticks(10))))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert any(not is_running(int(child)) for _ in ticks(10))


def ticks(seconds: float) -> Iterator[None]:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        yield
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Neither gone nor a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# Broken on purpose: each mutant is caught by the check that is named

LOOP = "for (size_t i = low; i < high; i++) a[i] = b[i] + SCALAR * c[i];"
PASS = "static double pass(enum kernel kernel, const struct arrays *v, int threads, int part) {"
NOW = "return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;"
MUTANTS = {
    "half the array": ({LOOP: LOOP.replace("i < high", "i < low + (high - low) / 2")}, "array_a"),
    "triad never runs": ({"if (kernel == TRIAD)": "if (kernel == TRIAD && v->n == 0)"}, "array_a"),
    "scale by another constant": ({"b[i] = SCALAR * c[i];": "b[i] = 3.0000001 * c[i];"}, "array_b"),
    "add that reads one array": ({"c[i] = a[i] + b[i];": "c[i] = a[i] + a[i];"}, "array_c"),
    "a comparison NaN passes": ({"return error < EPSILON;": "return !(error >= EPSILON);"}, "nan_is_seen"),
    "arrays that fit a cache": ({"whole_pages(run.required_bytes)": "whole_pages(1 << 20)"}, "array_size"),
    "halves as fast as from a cache": (
        {
            "if (part == 1) r.high = middle;": "if (part == 1) r.high = r.low + (middle - r.low) / 16;",
            "if (part == 2) r.low = middle;": "if (part == 2) r.low = r.high - (r.high - middle) / 16;",
        },
        "n_against_2n",
    ),
    "a clock of whole seconds": (
        {NOW: "return (double)t.tv_sec;", "STEPS = 64,": "STEPS = 1,"},
        "timer",
    ),
}
MUTANTS_OF_A_TEAM = {
    "one thread by accident": ({PASS: PASS + " threads = 1;"}, "team"),
    "all threads on one CPU": (
        {"pin_thread(cpus->cpu[omp_get_thread_num()])": "pin_thread(cpus->cpu[0])"},
        "binding",
    ),
}


def failed_checks(folder: Path, replacements: dict[str, str], sysfs: Path, threads: str) -> set[str]:
    binary = compiled(sources(folder, replacements))
    found = records(binary, "--threads", threads, "--repetitions", 3, sysfs=sysfs)
    assert set(checks(found)) == {
        check for check in SUITE.verification.checks if check.endswith(f".{threads}")
    }
    return {name.removesuffix(f".{threads}") for name, ok in checks(found).items() if not ok}


@pytest.mark.parametrize(
    ("replacements", "check"),
    [
        pytest.param(*mutant, id=name, marks=pytest.mark.slow if number > 3 else ())
        for number, (name, mutant) in enumerate(MUTANTS.items())
    ],
)
def test_mutant_is_caught(tmp_path: Path, sysfs: SysFs, replacements: dict[str, str], check: str) -> None:
    assert check in failed_checks(tmp_path, replacements, sysfs(), "one")


@two_cpus
@pytest.mark.parametrize(("replacements", "check"), MUTANTS_OF_A_TEAM.values(), ids=MUTANTS_OF_A_TEAM)
def test_mutant_of_a_team_is_caught(
    tmp_path: Path, sysfs: SysFs, replacements: dict[str, str], check: str
) -> None:
    assert check in failed_checks(tmp_path, replacements, sysfs(), "all")


# Compilers and architectures


@pytest.mark.parametrize("option", ["-ffast-math", "-Ofast"])
def test_does_not_compile_where_nan_would_pass(tmp_path: Path, option: str) -> None:
    done = subprocess.run(
        [*BUILD, option], cwd=sources(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "ffast-math" in done.stderr


def test_copy_is_a_loop_of_plain_stores(stream: Path) -> None:
    listing = subprocess.run(["objdump", "-d", stream], capture_output=True, text=True, check=True).stdout
    found = re.search(r"<copy>:\n(.*?)\n\n", listing, re.DOTALL)
    assert found, "copy was inlined"
    assert not re.search(r"mem(cpy|move)|movnt|stnp", found[1])


def has_openmp(compiler: str) -> bool:
    command = [compiler, "-fopenmp", "-x", "c", "-", "-o", "/dev/null"]
    program = "#include <omp.h>\nint main(void) { return omp_get_num_threads(); }"
    found = shutil.which(compiler)
    return bool(found) and subprocess.run(command, input=program, text=True, check=False).returncode == 0


def test_clang_builds_it_without_a_warning(tmp_path: Path, sysfs: SysFs) -> None:
    clang = next((name for name in ("clang", "clang-14") if has_openmp(name)), None)
    if clang is None:
        pytest.skip("clang and its OpenMP (libomp-dev) are not installed")
    options = [word for word in BUILD[1:] if word != "-fno-tree-loop-distribute-patterns"]
    binary = compiled(sources(tmp_path), [clang, *options, "-fno-builtin"], "-Werror")
    found = records(binary, "--threads", "all", "--repetitions", 2, sysfs=sysfs())
    assert all(checks(found).values())


@pytest.mark.parametrize("cpu", ["generic", "neoverse-n1", "neoverse-v1", "neoverse-n2"])
def test_builds_for_aarch64_without_a_warning(tmp_path: Path, cpu: str) -> None:
    if not shutil.which(CROSS):
        pytest.skip("gcc-aarch64-linux-gnu and libc6-dev-arm64-cross are not installed")
    compiled(sources(tmp_path), [CROSS, *BUILD[1:]], "-Werror", f"-mcpu={cpu}")


def test_runs_on_an_emulated_aarch64_with_every_check_but_those_of_time(tmp_path: Path, sysfs: SysFs) -> None:
    if platform.machine() == "aarch64":
        pytest.skip("this machine is no emulation")
    if not shutil.which(CROSS) or not shutil.which("qemu-aarch64"):
        pytest.skip("gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user are not installed")
    suite = sources(tmp_path, {"PAIRS = 9": "PAIRS = 3"})
    binary = compiled(suite, [CROSS, *BUILD[1:]])
    emulated = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")
    found = records(binary, "--threads", "all", "--repetitions", 2, sysfs=sysfs(), first=emulated)
    assert {name for name, ok in checks(found).items() if not ok} <= {"n_against_2n.all", "timer.all"}
    assert len(checks(found)) == 9
