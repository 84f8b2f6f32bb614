"""A source tarball with a Makefile that takes the kernel's orders, small enough to be built in a second.

    python tiny_kernel.py SUFFIX [FUNCTIONS]

In a copy of the compilation suite: makes linux-source-0.0.tar.xz, and puts its product, as the suite that is
not broken makes it, into products.json.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

SUITE = Path(__file__).resolve().parents[2] / "payloads" / "compilation"
TARBALL = "linux-source-0.0.tar.xz"
OBJECTS = 12
TINY = "CONFIG_CC_OPTIMIZE_FOR_SIZE=y\n# CONFIG_MODULES is not set\n"
MAKEFILE = r"""
CC = clang$(LLVM)
VERSION = $(shell $(CC) --version | head -n 1)
OBJECTS = $(patsubst $(SRC)/%.c,%.o,$(sort $(wildcard $(SRC)/lib/*.c)))
FLAGS = -Wp,-MMD,lib/.$*.o.d --target=aarch64-linux-gnu $(OPTIMISE) -nostdinc -I$(SRC)/include
COMMAND = $(CC) $(FLAGS) -c -o $@ $<
TARGETS = tinyconfig defconfig prepare lib/ lib/f0.o vmlinux
.PHONY: $(TARGETS)
ifndef INSIDE
$(TARGETS):
	@$(MAKE) -C $(O) -f $(CURDIR)/Makefile INSIDE=1 SRC=$(CURDIR) $@
else
OPTIMISE = $(if $(shell grep SIZE=y .config),-Os,-O1)
tinyconfig:
	cat $(SRC)/kernel/configs/tiny.config >.config
	printf '%s\n' CONFIG_ARM64=y CONFIG_CC_IS_CLANG=y 'CONFIG_CC_VERSION_TEXT="$(VERSION)"' >>.config
defconfig: tinyconfig
	sed -i 's/.*OPTIMIZE_FOR_SIZE.*/# CONFIG_CC_OPTIMIZE_FOR_SIZE is not set/' .config
prepare:
	mkdir -p lib
lib/: $(OBJECTS)
$(OBJECTS): lib/%.o: $(SRC)/lib/%.c
	$(COMMAND)
	printf '%s\n' 'cmd_$@ := $(COMMAND)' >lib/.$*.o.cmd
vmlinux: $(OBJECTS)
	ld.lld$(LLVM) -r -o $@ $^
endif
"""


def tarball(folder: Path, functions: int) -> Path:
    """The source, packed."""
    top = folder / "linux-source-0.0"
    for name in ("kernel/configs", "lib", "include", "drivers/gpu"):
        (top / name).mkdir(parents=True)
    (top / "Makefile").write_text(MAKEFILE)
    (top / "kernel/configs/tiny.config").write_text(TINY)
    (top / "include/body.h").write_text("#define MIX(x, k) (((x) << ((k) & 31)) ^ ((x) >> 3) ^ (k))\n")
    (top / "drivers/gpu/large.c").write_text("int never_needed;\n")
    (top / "drivers/gpu/Kconfig").write_text("# needed\n")
    for name in [f"f{number}" for number in range(10)] + ["g0", "g1"]:
        body = "".join(
            f"unsigned long {name}_{number}(unsigned long *a, unsigned long n)\n"
            f"{{ unsigned long s = {number};\n"
            f"  for (unsigned long i = 0; i < n; i++) {{ s += MIX(a[i], {number}) * a[n - i]; a[i] = s; }}\n"
            f"  return s; }}\n"
            for number in range(functions)
        )
        (top / "lib" / f"{name}.c").write_text('#include "body.h"\n' + body)
    packed = folder / TARBALL
    with tarfile.open(packed, "w:xz", preset=0) as archive:
        archive.add(top, top.name)
    shutil.rmtree(top)
    return packed


def learn(packed: Path, suffix: str) -> dict[str, object]:
    """The table's entry, from two builds by the suite as it is."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "compilation"
        shutil.copytree(SUITE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, "compilation.py"]
        subprocess.run(
            [*command, "prepare", "--tarball", str(packed.resolve()), f"--llvm={suffix}"],
            cwd=copy,
            check=True,
        )
        entry: dict[str, object] = {}
        for product in ("lib", "vmlinux"):
            said = subprocess.run(
                [*command, "measure", "--product", product, "--threads", "all"],
                cwd=copy,
                check=True,
                capture_output=True,
                text=True,
            )
            found = [json.loads(line) for line in said.stdout.splitlines()]
            (fact,) = [record["value"] for record in found if record.get("fact") == f"product.{product}"]
            entry |= {key: fact[key] for key in ("source_sha256", "compiler")}
            entry[product] = {key: fact[key] for key in ("objects", "sha256")}
        return entry


def main(suffix: str, functions: str = "3") -> None:
    """In the working directory."""
    packed = tarball(Path.cwd(), int(functions))
    entry = {"package": "a tiny kernel", **learn(packed, suffix)}
    table = {"schema": "benchtui.products/1", "products": [entry]}
    Path("products.json").write_text(json.dumps(table))


if __name__ == "__main__":
    main(*sys.argv[1:])
