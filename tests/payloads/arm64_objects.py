"""Are the kernel's objects byte for byte equal, whichever machine compiles them?

    python -m tests.payloads.arm64_objects [lib|vmlinux]

Builds the suite's product here, then compiles each of its C files again with the arm64 build of the same
compiler, from this distribution's arm64 archive and under user-mode emulation, by the commands that the
build noted. Prints what differs; exit status 1 if anything does or nothing was compared. lib/ takes five
minutes on 2 CPUs; times are emulation's and mean nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.payloads.kernels import ARM64_ROOT, PAYLOADS

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    product = sys.argv[1] if len(sys.argv) > 1 else "lib"
    if not shutil.which("qemu-aarch64"):
        sys.exit("qemu-aarch64 is missing (Debian, Ubuntu: apt-get install qemu-user)")
    sys.path.insert(0, str(PAYLOADS / "compilation"))
    import checks  # type: ignore[import-not-found]
    import kbuild  # type: ignore[import-not-found]
    import kernel_source  # type: ignore[import-not-found]

    chosen = kernel_source.of_this_system(None, None)
    here = checks.compiler(chosen.llvm)
    root = ROOT / ".cache" / f"arm64-clang{chosen.llvm}"
    subprocess.run([ARM64_ROOT, root, f"clang{chosen.llvm}"], check=True, stdout=subprocess.DEVNULL)
    foreign = ["qemu-aarch64", "-L", str(root), str(root / f"usr/lib/llvm{chosen.llvm}/bin/clang")]
    version = subprocess.run([*foreign, "--version"], check=True, capture_output=True, text=True).stdout
    print(f"here:  {here.version}\narm64: {version.splitlines()[0]}, under emulation", flush=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as name:
        folder = Path(name)
        source, template, tree = (str(folder / part) for part in ("source", "template", "tree"))
        kernel_source.unpack(chosen.tarball, source)
        kbuild.configure(source, template, chosen.llvm, os.cpu_count() or 1)
        built = kbuild.build(source, template, tree, chosen.llvm, product, os.cpu_count() or 1)
        commands = [found for found in (checks.noted(tree, name) for name in built.objects) if found]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            equal = list(
                pool.map(lambda found: _equal(foreign, tree, kbuild.environment(), *found), commands)
            )
    differing = [name for (name, _), same in zip(commands, equal, strict=True) if not same]
    print(
        f"{product}: {len(built.objects)} objects here, {len(commands)} compiled again from C,"
        f" {len(commands) - len(differing)} equal"
    )
    for name in differing:
        print(f"differs: {name}")
    return 1 if differing or not commands else 0


def _equal(foreign: list[str], tree: str, environment: dict[str, Any], name: str, argv: list[str]) -> bool:
    """Compile one object by its noted command with the foreign compiler; the same bytes?"""
    with tempfile.TemporaryDirectory() as folder:
        again = str(Path(folder, "again.o"))
        words = [again if word == name else word for word in argv[1:]]
        words = [re.sub(r"^-Wp,-MM?D,.*", f"-Wp,-MMD,{again}.d", word) for word in words]
        done = subprocess.run([*foreign, *words], cwd=tree, env=environment, check=False)
        same = done.returncode == 0 and _sha256(Path(again)) == _sha256(Path(tree, name))
    print(f"{'equal  ' if same else 'differs'} {name}", flush=True)
    return same


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
