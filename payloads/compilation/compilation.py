"""Compile the distribution's kernel source for arm64, and report how long it took.

    compilation.py prepare [--tarball FILE] [--llvm -14]      once: unpack, configure
    compilation.py measure --product lib|vmlinux --threads one|all      one repetition: a new tree, one build

Method, checks and their limits: docs/suites/compilation.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from typing import Any, Dict, List

import checks
import kbuild
import kernel_source
from kernel_source import fail

SOURCE, TEMPLATE, PREPARED = "source", "template", "prepared.json"
BYTES_PER_JOB = 200 << 20  # clang with a kernel file: 120 MB seen


def say(**record: Any) -> None:
    """One record of the payload protocol."""
    print(json.dumps(record), flush=True)


def usable_cpus() -> int:
    """CPUs this process may run on."""
    return len(os.sched_getaffinity(0))


def prepare(tarball: str, llvm: str) -> None:
    """Unpack and configure, and note what was unpacked."""
    chosen = kernel_source.of_this_system(tarball or None, llvm or None)
    for leftover in (SOURCE, TEMPLATE):
        shutil.rmtree(leftover, ignore_errors=True)
    sha256 = kernel_source.sha256_of(chosen.tarball)
    kernel_source.unpack(chosen.tarball, SOURCE)
    state = kernel_source.state_of(SOURCE)
    kbuild.configure(SOURCE, TEMPLATE, chosen.llvm, usable_cpus())
    noted = {
        "tarball": chosen.tarball,
        "source_sha256": sha256,
        "llvm": chosen.llvm,
        "tree_sha256": state.sha256,
        "tree_files": state.files,
        "compiler_sha256": checks.compiler(chosen.llvm).sha256,
    }
    with open(PREPARED, "w", encoding="utf-8") as file:
        json.dump(noted, file)


def measure(product: str, threads: str) -> None:
    """One build in a tree of its own, and what is to be said of it."""
    case = "{}.{}".format(product, threads)
    jobs = 1 if threads == "one" else usable_cpus()
    with open(PREPARED, encoding="utf-8") as file:
        prepared: Dict[str, Any] = json.load(file)
    memory = float(os.environ.get("BENCHTUI_MEMORY_BYTES") or "inf")
    if memory < jobs * BYTES_PER_JOB:
        for metric in ("wall", "cpu", "cpu_per_object"):
            reason = "{} jobs need {:.0f} MB of memory, {:.0f} MB are usable".format(
                jobs, jobs * BYTES_PER_JOB / 1e6, memory / 1e6
            )
            say(declined="{}.{}".format(metric, case), reason=reason)
        return
    cc = checks.compiler(prepared["llvm"])
    state = kernel_source.state_of(SOURCE)
    tree = "tree-{}".format(os.getpid())
    try:
        built = kbuild.build(SOURCE, TEMPLATE, tree, prepared["llvm"], product, jobs)
        unchanged = kernel_source.stamps_of(SOURCE) == state.stamps
        judge(case, jobs, tree, prepared, cc, state.sha256 if unchanged else "changed meanwhile", built)
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def judge(
    case: str,
    jobs: int,
    tree: str,
    prepared: Dict[str, Any],
    cc: checks.Compiler,
    source: str,
    built: kbuild.Build,
) -> None:
    """Samples and checks of a build."""
    product, _, _ = case.partition(".")
    count = len(built.objects)
    if count == 0:
        fail("make left no object of " + product)
    repetition = int(os.environ.get("BENCHTUI_REPETITION") or 0)
    again = checks.recompile(tree, built.objects, cc, repetition, jobs)
    told: Dict[str, Any] = {
        "seconds": round(built.wall_s, 6),
        "jobs": jobs,
        "objects": count,
        "cpu_per_wall": round(built.cpu_s / built.wall_s, 4),
        "read_blocks": built.read_blocks,
        "involuntary_switches": built.switches,
        "jobs_busy": None if built.seen is None else round(built.seen.busy, 2),
    }
    say(sample="wall." + case, value=round(built.wall_s, 6), **told)
    say(sample="cpu." + case, value=round(built.cpu_s, 6), **told)
    say(sample="cpu_per_object." + case, value=round(built.cpu_s / count, 6), **told)

    def check(name: str, ok: bool, value: Any = None, limit: Any = None) -> None:
        say(check="{}.{}".format(name, case), ok=bool(ok), value=value, limit=limit)

    known = checks.expected(prepared["source_sha256"], cc.version, product)
    check("source", source == prepared["tree_sha256"], source, prepared["tree_sha256"])
    check("compiler", cc.own, cc.path, "a program of its own, no cache")
    wrong = checks.configured(SOURCE, tree, cc)
    check("config", not wrong, "; ".join(wrong[:3]) or "tinyconfig", "tinyconfig")
    whole = count == known["objects"] if known else count >= checks.FEWEST[product]
    check(
        "objects", whole and built.fresh == count, built.fresh, known.get("objects", checks.FEWEST[product])
    )
    check("recompiled", not again.differing, " ".join(again.differing[:3]) or again.sampled, again.sampled)
    floor = checks.FLOOR * again.cpu_s / again.sampled * again.of
    check("cpu_floor", built.cpu_s >= floor > 0, round(built.cpu_s, 3), round(floor, 3))
    ran = 1 if built.seen is None else built.seen.jobs
    # One job has no job server to ask: it cannot use more than one CPU, but for the few pipes in the recipes.
    check("jobs", ran == jobs and (jobs > 1 or built.cpu_s <= 1.1 * built.wall_s), ran, jobs)
    sha256 = kbuild.product_sha256(tree, built.product)
    key = {"source_sha256": prepared["source_sha256"], "compiler": cc.version}
    package = checks.same_as(cc.version, product, sha256)
    if known or package:
        right = known.get("sha256", sha256)
        check("product", sha256 == right, sha256, right)
    told_of = {**key, "objects": count, "sha256": sha256, "known": bool(known), "same_as": package}
    say(fact="product." + product, value=told_of)
    if not known and not package:
        why = "not in products.json, so the product is not checked; how to add it: docs/suites/compilation.md"
        say(fact="product_unknown." + product, value={**key, "reason": why})
    say(fact="compiler", value={"path": cc.path, "version": cc.version, "sha256": cc.sha256})
    say(fact="source", value={name: prepared[name] for name in ("tarball", "source_sha256", "tree_files")})


def main(arguments: List[str]) -> None:
    """Do what the arguments say, in the working directory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    first = parts.add_parser("prepare", help="unpack and configure")
    first.add_argument("--tarball", default="", help="default: what the distribution's package installs")
    first.add_argument(
        "--llvm", default="", help="suffix of the LLVM programs, as in -14; default: the distribution's"
    )
    second = parts.add_parser("measure", help="one repetition")
    second.add_argument("--product", choices=sorted(kbuild.TARGETS), required=True)
    second.add_argument("--threads", choices=("one", "all"), required=True)
    chosen = parser.parse_args(arguments)
    if chosen.part == "prepare":
        prepare(chosen.tarball, chosen.llvm)
    else:
        measure(chosen.product, chosen.threads)


if __name__ == "__main__":
    main(sys.argv[1:])
