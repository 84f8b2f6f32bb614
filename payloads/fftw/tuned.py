"""Build FFTW from its source with the SIMD that this CPU reports, both precisions, static, with OpenMP.

    tuned.py [SOURCE] [PREFIX]        `source` and `tuned` unless given

The distribution's library is built for every CPU of its architecture: without AVX2 on x86-64, and in double
precision without any SIMD on arm64. What configure is asked for is printed and ends in build.log.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import List, Sequence, Set

COMMON = ["--enable-openmp", "--disable-fortran", "--disable-doc", "--disable-shared", "--enable-static"]
#: configure's switches by flag of /proc/cpuinfo; FFTW has no kernels for SVE. AVX2's kernels come in 128 and
#: in 256 bits: they do all that SSE2's and AVX's do, with fused multiply-adds; those too would take minutes.
AVX2 = [("avx2", "--enable-avx2"), ("avx512f", "--enable-avx512"), ("fma", "--enable-fma")]
OLDER_X86 = [("sse2", "--enable-sse2"), ("avx", "--enable-avx")]
#: Folders of a switch's kernels, below dft/simd and rdft/simd.
KERNELS = {
    "--enable-sse2": ["sse2"],
    "--enable-avx": ["avx"],
    "--enable-avx2": ["avx2", "avx2-128"],
    "--enable-avx512": ["avx512"],
    "--enable-neon": ["neon"],
}
#: What all those kernels include. Reading it is three quarters of the time that compiling one of them takes.
INTRINSICS = {"x86_64": "immintrin.h", "aarch64": "arm_neon.h"}


def cpu_flags(path: str = "/proc/cpuinfo") -> Set[str]:
    """What the first CPU says it can do."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return set(value.split())
    return set()


def switches(machine: str, flags: Set[str], single: bool) -> List[str]:
    """configure's switches for one precision on this CPU."""
    if machine == "aarch64":
        simd = ["--enable-neon", "--enable-armv8-cntvct-el0"]
    else:
        simd = [switch for flag, switch in (AVX2 if "avx2" in flags else OLDER_X86) if flag in flags]
    return [*COMMON, *simd, *(["--enable-single"] if single else [])]


def run(command: Sequence[str], folder: str) -> str:
    """What one command prints; its last error ends the program."""
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.stderr.write(done.stderr[-4000:])
        raise SystemExit("error: {} exited with {}".format(command[0], done.returncode))
    return done.stdout


def precompiled(folder: str, kernels: str) -> str:
    """A header with the intrinsics, compiled once with the flags of a set of kernels, to be included first.

    A compiler that finds the flags to differ reads the header itself: slower, and the same.
    """
    header = os.path.join(folder, kernels + ".h")
    with open(header, "w", encoding="ascii") as file:
        file.write("#include <{}>\n".format(INTRINSICS[platform.machine()]))
    rule = "flags: ; @echo $(CC) $(DEFS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS)"
    asked = ["make", "-s", "-C", "dft/simd/" + kernels, "--eval", rule, "flags"]
    flags = run(asked, folder).split()
    run([*flags, "-x", "c-header", header, "-o", header + ".gch"], folder)
    return header


def build(source: str, prefix: str, single: bool) -> str:
    """Configure and make one precision; the folder that it lies in."""
    folder = os.path.join(source, "build." + ("single" if single else "double"))
    jobs = "-j{}".format(len(os.sched_getaffinity(0)))
    os.makedirs(folder, exist_ok=True)
    asked = switches(platform.machine(), cpu_flags(), single)
    sys.stdout.write("configure {}\n".format(" ".join(asked)))  # as one piece: both builds print
    run([os.path.join(source, "configure"), "--prefix=" + prefix, *asked], folder)
    for kernels in [name for switch in asked for name in KERNELS.get(switch, [])]:
        first = "CPPFLAGS=-include " + precompiled(folder, kernels)
        for transforms in ("dft", "rdft"):
            run(["make", "-s", jobs, "-C", "{}/simd/{}".format(transforms, kernels), first], folder)
    # Not `make` alone: the folders tests/, tools/ and mpi/ would be built, too.
    for part in ("kernel", "simd-support", "dft", "rdft", "reodft", "api"):
        run(["make", "-s", jobs, "-C", part], folder)
    run(["make", "-s", "SUBDIRS=.", "libfftw3{}.la".format("f" if single else "")], folder)
    run(["make", "-s", jobs, "-C", "threads"], folder)  # links with the library
    return folder


def main() -> None:
    """Build both precisions at once: configure and the linking of one leave CPUs that the other can use.

    They are installed one after the other: both bring the same headers.
    """
    source = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "source")
    prefix = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else "tuned")
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda single: build(source, prefix, single), (False, True)))
    for folder in folders:
        run(["make", "-s", "-C", "threads", "install-libLTLIBRARIES"], folder)
        run(["make", "-s", "SUBDIRS=.", "install-libLTLIBRARIES"], folder)
        run(["make", "-s", "-C", "api", "install-includeHEADERS"], folder)


if __name__ == "__main__":
    main()
