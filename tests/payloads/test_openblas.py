"""Does the core OpenBLAS chose fit the CPU: the decision, on CPUs this machine has and has not."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

COMMON = Path(__file__).resolve().parents[2] / "payloads" / "common"
PROGRAM = """
#include "openblas.h"
/* Without arguments: what the library chose. With a file and names of cores: whether each fits its CPU. */
int main(int argc, char **argv) {
    static struct cpu cpu;
    identify_cpu(argc > 1 ? argv[1] : NULL, &cpu);
    for (int i = 2; i < argc; i++) printf("%s ", core_fits(&cpu, argv[i]) ? "fits" : "refused");
    if (argc > 2) return 0;
    force_fitting_core(argv, &cpu);
    report_blas(&cpu, "one");
    return 0;
}
"""
LINK = COMMON / "link_openblas.sh"
AVX2 = "fpu sse sse2 avx avx2 fma bmi2"
SKYLAKE = AVX2 + " avx512f avx512dq avx512cd avx512bw avx512vl"
COOPERLAKE = SKYLAKE + " avx512_bf16"
SAPPHIRE = COOPERLAKE + " avx512_fp16 amx_tile"
SVE = "fp asimd fphp asimdhp cpuid asimddp sve"


def x86(flags: str) -> str:
    return f"processor\t: 0\nmodel name\t: some\nflags\t\t: {flags}\nbugs\t\t:\n\n"


def arm(part: int, flags: str = SVE, implementer: int = 0x41) -> str:
    return (
        f"processor\t: 0\nFeatures\t: {flags}\nCPU implementer\t: {implementer:#x}\n"
        f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {part:#x}\nCPU revision\t: 1\n\n"
    )


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("openblas")
    source, binary = folder / "core.c", folder / "core"
    source.write_text(PROGRAM)
    options = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", f"-I{COMMON}"]
    done = subprocess.run(
        [LINK, "gcc", *options, source, "-o", binary], capture_output=True, text=True, check=False
    )
    if "cannot find -lopenblas" in done.stderr:
        pytest.skip("libopenblas-dev is not installed")
    assert done.returncode == 0, done.stderr
    return binary


def run(program: Path, *arguments: object, **environment: str) -> str:
    clean = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    done = subprocess.run(
        [program, *map(str, arguments)],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def report(program: Path, *arguments: object, **environment: str) -> tuple[dict[str, Any], bool]:
    fact, check = (json.loads(line) for line in run(program, *arguments, **environment).splitlines())
    assert (fact["fact"], check["check"]) == ("blas", "blas_core.one")
    return fact["value"], check["ok"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("cpuinfo", "cores"),
    [
        (x86(SAPPHIRE), {"SapphireRapids", "Cooperlake", "SkylakeX"}),
        (x86(COOPERLAKE), {"Cooperlake", "SkylakeX"}),
        (x86(SKYLAKE), {"SkylakeX"}),
        (x86(AVX2), {"Haswell", "Zen"}),
        (x86("sse sse2 avx"), {"Sandybridge"}),
        (x86("sse sse2"), set()),
        (x86(AVX2.replace("avx2", "avx2x") + " xfma"), {"Sandybridge"}),
        (arm(0xD0C, "fp asimd"), {"NEOVERSEN1"}),
        (arm(0xD40), {"NEOVERSEV1"}),
        (arm(0xD40, "fp asimd"), {"NEOVERSEN1"}),
        (arm(0xD49), {"NEOVERSEN2"}),
        (arm(0xD4F), {"NEOVERSEV1", "NEOVERSEN2", "NEOVERSEV2"}),
        (arm(0xD4F, implementer=0x48), set()),
        (arm(0x051), set()),
    ],
)
def test_a_core_fits_by_the_flags_and_the_part_of_the_cpu(
    program: Path, tmp_path: Path, cpuinfo: str, cores: set[str]
) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    every = sorted(
        {"Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"}
        | {"ARMV8", "NEOVERSEN1", "NEOVERSEV1", "NEOVERSEN2", "NEOVERSEV2", "unknown"}
    )
    verdicts = run(program, tmp_path / "cpuinfo", *every).split()
    assert {core for core, verdict in zip(every, verdicts, strict=True) if verdict == "fits"} == cores
    assert run(program, tmp_path / "cpuinfo", *map(str.lower, every)).split() == verdicts


def test_second_cpu_of_the_file_decides_nothing(program: Path, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(x86(AVX2) + x86(SAPPHIRE))
    assert run(program, tmp_path / "cpuinfo", "Haswell", "SapphireRapids").split() == ["fits", "refused"]


def chosen_alone(blas: dict[str, Any]) -> str:
    """The library's own choice; one that is older than the CPU may choose wrongly."""
    core: str = blas.get("core_without_force", blas["core"])
    return core


def test_what_the_library_chose_here_is_reported_and_fits(program: Path) -> None:
    blas, ok = report(program)
    assert ok
    assert blas["core_fits"] is True
    assert blas["core"].lower() in {core.lower() for core in blas["fitting_cores"]}
    assert re.search(r"OpenBLAS \d", blas["config"])
    assert Path(blas["library"]).exists()
    assert blas["max_threads"] >= blas["threads"] >= 1
    fits = chosen_alone(blas).lower() in {core.lower() for core in blas["fitting_cores"]}
    assert {"OPENBLAS_CORETYPE", "core_forced"} & set(blas) == (
        set() if fits else {"OPENBLAS_CORETYPE", "core_forced"}
    )


def test_a_wrong_core_asked_for_by_the_environment_is_refused(program: Path) -> None:
    generic = (
        "Prescott" if os.uname().machine == "x86_64" else "ARMV8"
    )  # any build has it, no CPU of now is it
    blas, ok = report(program, OPENBLAS_CORETYPE=generic)
    assert not ok
    assert (blas["core"].lower(), blas["OPENBLAS_CORETYPE"]) == (generic.lower(), generic)
    assert "core_forced" not in blas


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="every x86-64 build of OpenBLAS has Haswell")
@pytest.mark.skipif("avx2" not in Path("/proc/cpuinfo").read_text(), reason="this CPU has no AVX2")
def test_a_core_chosen_wrongly_by_the_library_is_replaced_and_both_are_recorded(
    program: Path, tmp_path: Path
) -> None:
    alone = chosen_alone(report(program)[0])
    if alone in ("Haswell", "Zen"):
        pytest.skip("the library chooses Haswell here anyway")
    (tmp_path / "cpuinfo").write_text(x86(AVX2))
    blas, ok = report(program, tmp_path / "cpuinfo")
    assert ok
    assert (blas["core"], blas["core_forced"], blas["core_without_force"]) == ("Haswell", True, alone)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="an x86-64 build has none of these cores")
def test_names_the_library_does_not_know_are_tried_in_turn_and_then_refused(
    program: Path, tmp_path: Path
) -> None:
    (tmp_path / "cpuinfo").write_text(arm(0xD4F))
    blas, ok = report(program, tmp_path / "cpuinfo")
    assert not ok
    assert (blas["core_forced"], blas["OPENBLAS_CORETYPE"]) == (True, "NEOVERSEN2")
    assert blas["cpu"] == "implementer 0x41 part 0xd4f"
