"""The compilation suite: over a source built in a second, and over the kernel's own where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.test_compilation import ALL, NEEDED, PREPARE, SUFFIX
from tests.payloads import tiny_kernel
from tests.payloads.kernels import CPUS, checks, clean_environment, declaration, needs, records, sources

KERNEL = Path("/usr/src/linux-source-6.1.tar.xz")
PRODUCT = "lib.all"
JUDGED = ("source", "compiler", "config", "objects", "recompiled", "cpu_floor", "jobs", "product")


def started(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["python3", "compilation.py", *arguments],
        cwd=folder,
        env=clean_environment(folder, environment),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, prepared with a source of the tests' own that its table knows."""
    needs(*NEEDED)
    suite = sources(tmp_path_factory.mktemp("tiny"), "compilation")
    subprocess.run([sys.executable, tiny_kernel.__file__, SUFFIX], cwd=suite, check=True, capture_output=True)
    done = started(suite, *PREPARE[2:])
    assert done.returncode == 0, done.stderr
    return suite


@pytest.mark.long
def test_reports_what_payload_toml_declares_and_passes_every_check(tiny: Path) -> None:
    found = records(ALL, folder=tiny)
    declared = declaration("compilation")
    samples = {record["sample"]: record for record in found if "sample" in record}
    assert set(samples) == {name for name in declared["metrics"] if name.endswith(PRODUCT)}
    assert set(checks(found)) == set(declared["verification"]["of"]["*." + PRODUCT])
    assert checks(found) == {f"{name}.{PRODUCT}": True for name in JUDGED}
    wall, cpu = samples["wall." + PRODUCT], samples["cpu." + PRODUCT]
    assert wall["jobs"] == len(CPUS)
    assert 0 < cpu["value"] <= wall["value"] * len(CPUS) * 1.05
    assert samples["cpu_per_object." + PRODUCT]["value"] == pytest.approx(
        cpu["value"] / wall["objects"], abs=1e-6
    )


@pytest.mark.long
def test_takes_a_new_tree_each_time_and_leaves_none(tiny: Path) -> None:
    before = set(tiny.iterdir())
    first, second = records(ALL, folder=tiny), records(ALL, folder=tiny)
    assert checks(first)["objects." + PRODUCT] and checks(second)["objects." + PRODUCT]
    assert {path for path in tiny.iterdir() if path.name != "__pycache__"} <= before


@pytest.mark.long
def test_an_unknown_source_is_not_checked_for_its_product_and_says_how_to_make_it_known(
    tiny: Path, tmp_path: Path
) -> None:
    suite = tmp_path / "compilation"
    shutil.copytree(tiny, suite)
    (suite / "products.json").write_text('{"products": []}')
    found = records(ALL, folder=suite)
    assert f"product.{PRODUCT}" not in checks(found)
    (unknown,) = [record["value"] for record in found if record.get("fact") == "product_unknown.lib"]
    prepared = json.loads((suite / "prepared.json").read_text())
    assert unknown["source_sha256"] == prepared["source_sha256"]
    assert "docs/suites/compilation.md" in unknown["reason"]


@pytest.mark.long
def test_an_unknown_revision_of_which_the_same_is_built_is_checked_against_the_known_one(
    tiny: Path, tmp_path: Path
) -> None:
    suite = tmp_path / "compilation"
    shutil.copytree(tiny, suite)
    table = json.loads((suite / "products.json").read_text())
    table["products"][0] |= {"source_sha256": "0" * 64, "package": "the revision before"}
    (suite / "products.json").write_text(json.dumps(table))
    found = records(ALL, folder=suite)
    assert checks(found)[f"product.{PRODUCT}"] is True
    (fact,) = [record["value"] for record in found if record.get("fact") == "product.lib"]
    assert (fact["known"], fact["same_as"]) == (False, "the revision before")
    table["products"][0]["lib"]["sha256"] = "0" * 64
    (suite / "products.json").write_text(json.dumps(table))
    assert f"product.{PRODUCT}" not in checks(records(ALL, folder=suite))


@pytest.mark.long
def test_a_link_to_a_cache_is_no_compiler(tiny: Path, tmp_path: Path) -> None:
    needs("ccache")
    (tmp_path / f"clang{SUFFIX}").symlink_to(shutil.which("ccache") or "")
    path = f"{tmp_path}:{os.environ['PATH']}"
    found = records(ALL, folder=tiny, environment={"PATH": path})
    assert checks(found)["compiler." + PRODUCT] is False


@pytest.mark.long
def test_a_script_is_no_compiler(tiny: Path, tmp_path: Path) -> None:
    script = tmp_path / f"clang{SUFFIX}"
    script.write_text(f'#!/bin/sh\nexec {shutil.which("clang" + SUFFIX)} "$@"\n')
    script.chmod(0o755)
    found = records(ALL, folder=tiny, environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert checks(found)["compiler." + PRODUCT] is False


@pytest.mark.long
def test_options_of_the_caller_do_not_reach_make(tiny: Path) -> None:
    found = records(ALL, folder=tiny, environment={"MAKEFLAGS": "-j1", "KCFLAGS": "-O0", "CC": "false"})
    assert all(checks(found).values())


def test_leaves_out_sources_that_are_not_built_and_keeps_what_configures(tiny: Path) -> None:
    assert not (tiny / "source/drivers/gpu/large.c").exists()
    assert (tiny / "source/drivers/gpu/Kconfig").exists()


def test_declined_where_memory_is_too_small_for_the_jobs(tiny: Path) -> None:
    found = records(ALL, folder=tiny, memory=50e6)
    assert {record["declined"] for record in found} == {
        f"{metric}.{PRODUCT}" for metric in ("wall", "cpu", "cpu_per_object")
    }
    assert all("50 MB are usable" in record["reason"] for record in found)


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        ({}, "/nowhere/linux.tar.xz: not there"),
        ({"NEEDED_BYTES = 1500 * 10**6": "NEEDED_BYTES = 10**18"}, "disk: "),
    ],
)
def test_what_is_missing_is_named_in_one_line(
    tiny: Path, tmp_path: Path, edited: dict[str, str], said: str
) -> None:
    suite = sources(tmp_path, "compilation", edited)
    tarball = str(tiny / tiny_kernel.TARBALL) if edited else "/nowhere/linux.tar.xz"
    done = started(suite, "prepare", "--tarball", tarball, f"--llvm={SUFFIX}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: " + said)
    assert done.stdout == ""


def test_a_system_without_a_package_of_the_source_is_named(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('ID="amzn"\nVERSION_ID="2023"\nPRETTY_NAME="Amazon Linux 2023"\n')
    program = f"import kernel_source; kernel_source.of_this_system(None, None, {str(release)!r})"
    suite = sources(tmp_path, "compilation")
    done = subprocess.run(["python3", "-c", program], cwd=suite, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Amazon Linux 2023 has no package of the kernel's source" in done.stderr


def test_every_entry_of_the_table_is_complete_and_none_is_there_twice() -> None:
    suite = Path(tiny_kernel.SUITE)
    entries = json.loads((suite / "products.json").read_text())["products"]
    keys = [(entry["source_sha256"], entry["compiler"]) for entry in entries]
    assert len(set(keys)) == len(keys) >= 2
    for entry in entries:
        for product in ("lib", "vmlinux"):
            assert len(entry[product]["sha256"]) == 64
            assert entry[product]["objects"] >= 40


def test_is_python_3_9_with_the_standard_library_only() -> None:
    files = sorted(tiny_kernel.SUITE.glob("*.py"))
    options = ["--target-version", "py39", "--select", "F,E9"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, *map(str, files)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert all("from __future__ import annotations" in file.read_text() for file in files)
    assert all(len(file.read_text().splitlines()) < 300 for file in files)


@pytest.mark.slow
def test_the_kernel_itself_gives_the_product_of_the_table(tmp_path: Path) -> None:
    needs("clang-14", "ld.lld-14", "flex", "bison", "bc")
    if not KERNEL.exists():
        pytest.skip("linux-source-6.1 is not installed")
    suite = sources(tmp_path, "compilation")
    done = started(suite, "prepare", "--tarball", str(KERNEL), "--llvm=-14")
    assert done.returncode == 0, done.stderr
    found = records(ALL, folder=suite, timeout=900)
    known = checks(found)
    if f"product.{PRODUCT}" not in known:
        pytest.skip("this version of linux-source-6.1 is not in the table")
    assert known == {f"{name}.{PRODUCT}": True for name in JUDGED}
