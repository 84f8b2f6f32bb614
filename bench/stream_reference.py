"""One-thread STREAM of this project beside the STREAM in the distribution's HPC Challenge (package hpcc).

Both run on one CPU, over arrays of the same size, with huge pages off for both (the package's binary knows
no madvise). hpcc reaches its STREAM only after minutes of other tests: one hpcc per pair is brought there
first and held by SIGSTOP, so that the two halves of a pair lie a second apart. Pairs alternate in order
(ABBA); each waits for other programs to be quiet. The Single section of hpcc keeps the best time of its Star
section, so its figure is the best of 2 x 9 repetitions: this project's is taken from two processes of 9.

The package's binary is a weak reference. This project's arrays lie apart by an offset, as STREAM's OFFSET
allows; without it its own copy loses a third and its triad a tenth on Zen 4, because equal low address bits
compete in the first-level cache. The reference has no such offset; what else slows it is not known. A ratio
far above 1 is no claim about this project.

    sudo python bench/stream_reference.py [--pairs 12]

Needs Debian or Ubuntu, gcc, 0.6 GB per pair and about 40 CPU seconds per pair. Installs hpcc when it is
missing, and unpacks a faster BLAS into its temporary folder, only to shorten hpcc's DGEMM. Exit status 1:
median triad ratio below 0.99.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

SUITE = Path(__file__).resolve().parents[1] / "payloads" / "stream"
EXAMPLE_INPUT = Path("/usr/share/doc/hpcc/examples/_hpccinf.txt")
FAST_BLAS = ("libopenblas0-serial", "libgfortran5", "libquadmath0")
KERNELS = ("copy", "scale", "add", "triad")
LEAST_RATIO = 0.99
LEAST_ARRAY_BYTES = 80_000_000
PR_SET_THP_DISABLE = 41
SECTION_SECONDS = 900
QUIET_SECONDS = 60
POLL_SECONDS = 0.02


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=12, help="interleaved pairs, at least 11 (default 12)")
    parser.add_argument("--cpu", type=int, default=min(os.sched_getaffinity(0)), help="CPU to run on")
    arguments = parser.parse_args()
    if arguments.pairs < 11:
        parser.error("a median of fewer than 11 pairs does not settle one per cent on a shared machine")
    with tempfile.TemporaryDirectory(prefix="stream-reference-") as folder:
        return compare(Path(folder), arguments.pairs, arguments.cpu)


def compare(folder: Path, pairs: int, cpu: int) -> int:
    """Run the pairs, print the table; 0 if the median triad ratio is at least 0.99."""
    forbid_huge_pages()
    ours = build_ours(folder)
    libraries = fetch_reference(folder)
    _, array_bytes = run_ours(ours, cpu)
    assert array_bytes >= LEAST_ARRAY_BYTES
    print(f"CPU         {cpu_model()} (CPU {cpu}), Linux {platform.release()}, {os.cpu_count()} CPUs")
    print(f"ours        {first_line(['gcc', '--version'])}; {' '.join(build_command())}")
    print(f"reference   hpcc {package_version('hpcc')}, the distribution's binary, SingleSTREAM, 1 rank")
    print(f"arrays      {array_bytes / 1e6:.1f} MB each, 4 KiB pages for both (PR_SET_THP_DISABLE)\n")
    held: list[Reference] = []
    ratios: dict[str, list[float]] = {kernel: [] for kernel in KERNELS}
    try:
        print(f"bringing {pairs} hpcc to their STREAM ...", file=sys.stderr)
        for first in range(0, pairs, 2):
            held += [
                Reference(folder / f"hpcc-{n}", array_bytes, libraries)
                for n in range(first, min(first + 2, pairs))
            ]
            hold_before_stream(held[first:])
        print("pair  first   ours GB/s  hpcc GB/s  ratio   (triad, best of 2 x 9)", flush=True)
        for pair, reference in enumerate(held):
            first, mine, theirs, quiet = one_pair(reference, ours, cpu, pair % 2 == 0)
            for kernel in KERNELS:
                ratios[kernel].append(mine[kernel] / theirs[kernel])
            row = f"{pair + 1:4}  {first}   {mine['triad']:9.2f}  {theirs['triad']:9.2f}"
            print(f"{row}  {ratios['triad'][-1]:5.3f}{'' if quiet else '   others were running'}", flush=True)
    finally:
        for reference in held:
            reference.end()
    print("\nkernel  median ratio  quartiles      least  greatest")
    for kernel, values in ratios.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"{kernel:6}  {middle:12.3f}  {low:.3f} - {high:.3f}  {min(values):.3f}  {max(values):.3f}")
    median = statistics.median(ratios["triad"])
    print(f"\ntriad, {pairs} pairs: median ratio {median:.3f}, {LEAST_RATIO} asked for")
    return 0 if median >= LEAST_RATIO else 1


def one_pair(
    reference: Reference, ours: Path, cpu: int, ours_first: bool
) -> tuple[str, dict[str, float], dict[str, float], bool]:
    """Who was first, GB/s by kernel of ours and of the reference, whether both began in quiet."""
    quiet = wait_for_quiet()
    if ours_first:
        mine, _ = run_ours(ours, cpu)
        quiet = wait_for_quiet() and quiet
        theirs = reference.run_stream(cpu)
    else:
        theirs = reference.run_stream(cpu)
        quiet = wait_for_quiet() and quiet
        mine, _ = run_ours(ours, cpu)
    return "ours" if ours_first else "hpcc", mine, theirs, quiet


class Reference:
    """One hpcc: started, held before its STREAM, let through it once, ended."""

    def __init__(self, work: Path, array_bytes: int, libraries: str) -> None:
        work.mkdir()
        (work / "hpccinf.txt").write_text(reference_input(array_bytes))
        self._array_bytes = array_bytes
        self._output = work / "hpccoutf.txt"
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": libraries,
            "OMP_NUM_THREADS": "1",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        }
        with (work / "stderr").open("w") as errors:
            self._process = subprocess.Popen(
                # Held by SIGSTOP it would outlive this program for ever.
                ["setpriv", "--pdeathsig", "KILL", "hpcc"],
                cwd=work,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def held_before_stream(self) -> bool:
        """Hold it if it has come to the test before its STREAM; whether it has."""
        if not self._says("Begin of SingleDGEMM section"):
            return False
        self._process.send_signal(signal.SIGSTOP)
        if self._says("Begin of StarSTREAM section"):
            sys.exit("hpcc was faster than this program: it could not be held before its STREAM")
        return True

    def run_stream(self, cpu: int) -> dict[str, float]:
        """Best GB/s by kernel."""
        for thread in Path(f"/proc/{self._process.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {cpu})
        self._process.send_signal(signal.SIGCONT)
        self._wait_for("End of SingleSTREAM section")
        self.end()
        return reference_figures(self._output.read_text(), self._array_bytes)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _wait_for(self, line: str) -> None:
        ends = time.monotonic() + SECTION_SECONDS
        while not self._says(line):
            if time.monotonic() > ends:
                sys.exit(f"hpcc did not come to «{line}» in {SECTION_SECONDS} s")
            time.sleep(POLL_SECONDS)

    def _says(self, line: str) -> bool:
        if self._process.poll() is not None:
            sys.exit(f"hpcc ended early: {(self._output.parent / 'stderr').read_text()}")
        return self._output.exists() and line in self._output.read_text()


def hold_before_stream(references: list[Reference]) -> None:
    ends = time.monotonic() + SECTION_SECONDS
    while references:
        references = [reference for reference in references if not reference.held_before_stream()]
        if time.monotonic() > ends:
            sys.exit(f"hpcc did not come to its STREAM in {SECTION_SECONDS} s")
        time.sleep(POLL_SECONDS)


def wait_for_quiet() -> bool:
    """Wait until all CPUs together are busy less than 4 % of 0.4 s; False if that did not happen in time."""
    ends = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < ends:
        idle, total = cpu_ticks()
        time.sleep(0.4)
        idle_after, total_after = cpu_ticks()
        if idle_after - idle > 0.96 * (total_after - total):
            return True
    return False


def cpu_ticks() -> tuple[int, int]:
    """Idle ticks and all ticks of all CPUs since boot."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def forbid_huge_pages() -> None:
    """For this process and all that it starts from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_THP_DISABLE")


def build_command() -> list[str]:
    return tomllib.loads((SUITE / "payload.toml").read_text())["build"]["commands"][0]


def build_ours(folder: Path) -> Path:
    shutil.copytree(SUITE, folder / "suites" / "stream")
    shutil.copytree(SUITE.parent / "common", folder / "suites" / "common")
    subprocess.run(build_command(), cwd=folder / "suites" / "stream", check=True)
    return folder / "suites" / "stream" / "stream"


def run_ours(binary: Path, cpu: int) -> tuple[dict[str, float], int]:
    """Best GB/s by kernel over two processes, and the bytes of one array."""
    command = [
        "taskset",
        "-c",
        str(cpu),
        binary,
        "--threads",
        "one",
        "--repetitions",
        "10",
        "--processes",
        "2",
    ]
    done = subprocess.run([*command, "--pages", "small"], stdout=subprocess.PIPE, check=True, text=True)
    best: dict[str, float] = {}
    array_bytes = 0
    for record in map(json.loads, done.stdout.splitlines()):
        if "sample" in record and not record.get("excluded"):
            kernel = record["sample"].partition(".")[0]
            best[kernel] = max(best.get(kernel, 0.0), record["value"])
        if record.get("ok") is False:
            sys.exit(f"ours: check {record['check']} failed: {record}")
        if record.get("fact") == "run.one":
            array_bytes = record["value"]["array_bytes"]
    if set(best) != set(KERNELS):
        sys.exit(f"ours: not measured:\n{done.stdout}")
    return best, array_bytes


def fetch_reference(folder: Path) -> str:
    """Install hpcc if it is missing; the folders of a fast BLAS for it (LD_LIBRARY_PATH)."""
    if not shutil.which("hpcc"):
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "hpcc"], check=True)
    subprocess.run(["apt-get", "download", *FAST_BLAS], cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder / "blas"], check=True)
    wanted = ("libblas.so.3", "libgfortran.so.5")
    return ":".join(str(file.parent) for name in wanted for file in (folder / "blas").rglob(name))


def reference_input(array_bytes: int) -> str:
    """The package's example with one process, and N such that N x N doubles are three of our arrays."""
    order = math.ceil(math.sqrt(3 * array_bytes / 8))
    text = EXAMPLE_INPUT.read_text()
    for what, value in (("Ns", order), ("NBs", 192), ("Ps", 1), ("Qs", 1)):
        text, count = re.subn(rf"(?m)^\d+( +{what})$", rf"{value}\1", text)
        if count != 1:
            sys.exit(f"{EXAMPLE_INPUT}: no line for {what}")
    return text


def reference_figures(output: str, array_bytes: int) -> dict[str, float]:
    """Best GB/s (1e9) by kernel, from the section SingleSTREAM of hpccoutf.txt."""
    section = output.partition("Begin of SingleSTREAM section")[2]
    elements = re.search(r"Array size = (\d+)", section)
    if not elements or abs(8 * int(elements[1]) / array_bytes - 1) > 0.01:
        sys.exit(f"hpcc: arrays are not of our size:\n{section}")
    found = {name.lower(): float(value) for name, value in re.findall(r"(?m)^(\w+): +([\d.]+)", section)}
    return {kernel: found[kernel] for kernel in KERNELS}


def cpu_model() -> str:
    found = re.search(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def first_line(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def package_version(package: str) -> str:
    return first_line(["dpkg-query", "-W", "-f", "${Version}\n", package])


if __name__ == "__main__":
    sys.exit(main())
