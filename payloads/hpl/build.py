"""Build xhpl: HPL 2.0 as it lies in the source package of hpcc, without the other six tests around it.

    build.py [SOURCE]        SOURCE is the unpacked package, `source` unless given

Two functions of MPI-1 that MPI-3 removed are called by the names that replaced them. Nothing else is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import List

#: File below hpl/, what stands in it, what it is built with, and how often it is there.
CHANGES = [
    ("src/comm/HPL_packL.c", "MPI_Address(", "MPI_Get_address(", 3),
    ("src/comm/HPL_packL.c", "MPI_Type_struct(", "MPI_Type_create_struct(", 1),
]
FLAGS = ["-std=gnu99", "-O3", "-fomit-frame-pointer", "-funroll-loops", "-w"]  # HPL's own, for gcc
DEFINES = ["-DHPL_CALL_CBLAS", "-D_GNU_SOURCE"]
OWN_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-O2"]
MPICC = ("mpicc", "/usr/lib64/openmpi/bin/mpicc")  # Amazon Linux keeps it out of PATH


def run(command: List[str]) -> None:
    """One command; ends the program with its first error."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    sys.stderr.write(done.stderr)
    if done.returncode != 0:
        raise SystemExit("error: {} exited with {}".format(" ".join(command[:1]), done.returncode))


def apply_changes(hpl: str) -> None:
    """Make the changes, each exactly as often as it is known to be needed."""
    for file, old, new, times in CHANGES:
        path = os.path.join(hpl, file)
        with open(path, encoding="latin-1") as opened:
            text = opened.read()
        if text.count(old) != times:
            found = text.count(old)
            raise SystemExit("error: {} is {} times in {}, not {}".format(old, found, file, times))
        with open(path, "w", encoding="latin-1") as opened:
            opened.write(text.replace(old, new))


def main() -> None:
    """Compile what is below src/ and testing/, and link it with our own main and OpenBLAS."""
    hpl = os.path.join(sys.argv[1] if len(sys.argv) > 1 else "source", "hpl")
    mpicc = next((found for found in map(shutil.which, MPICC) if found), None)
    if mpicc is None:
        raise SystemExit("error: no mpicc")
    apply_changes(hpl)
    includes = ["-I" + os.path.join(hpl, "include")]
    jobs, objects = [], []
    for folder in ("src", "testing"):
        for place, _, names in sorted(os.walk(os.path.join(hpl, folder))):
            for name in sorted(names):
                if name.endswith(".c"):
                    objects.append(os.path.join(place, name[:-2] + ".o"))
                    jobs.append([mpicc, *FLAGS, *DEFINES, *includes, "-c", os.path.join(place, name)])
                    jobs[-1] += ["-o", objects[-1]]
    jobs.append([mpicc, *OWN_FLAGS, *includes, "-c", "xhpl.c", "-o", "xhpl.o"])
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(run, jobs))
    run(["sh", "../common/link_openblas.sh", mpicc, "xhpl.o", *objects, "-o", "xhpl"])


if __name__ == "__main__":
    main()
