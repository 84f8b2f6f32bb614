"""The table of mutants: what is broken, which check caught it. Exit status 1 if one survived.

    python -m tests.mutants.table [SUITE …]

Every suite has its list MUTANTS in tests/mutants/test_<suite>.py.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from pathlib import Path

from tests.mutants.harness import Missing, Mutant, Survived, caught


def mutants(wanted: list[str]) -> list[Mutant]:
    """Those of the suites named, or all."""
    files = sorted(Path(__file__).parent.glob("test_*.py"))
    modules = [importlib.import_module(f"tests.mutants.{file.stem}") for file in files]
    found: list[Mutant] = [mutant for module in modules for mutant in getattr(module, "MUTANTS", [])]
    return [mutant for mutant in found if not wanted or mutant.suite in wanted]


def outcome(mutant: Mutant) -> tuple[str, str]:
    """``caught``, ``not run`` or ``SURVIVED``, and by which checks or why."""
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    try:
        others = caught(mutant, folder).failed - {mutant.check}
    except Missing as error:
        return "not run", str(error)
    except Survived as error:
        return "SURVIVED", str(error)
    except AssertionError as error:
        return "SURVIVED", f"could not be run: {error}"
    finally:
        shutil.rmtree(folder)
    shown = sorted(others)
    also = f" (also {', '.join(shown[:3])}{f' and {len(shown) - 3} more' if len(shown) > 3 else ''})"
    return "caught", mutant.check + (also if shown else "")


def main(wanted: list[str]) -> int:
    """Prints a row as soon as it is known."""
    found = mutants(wanted)
    if not found:
        print("no mutants", *wanted, file=sys.stderr)
        return 2
    width = max(len(mutant.name) for mutant in found)
    print(f"{'suite':16} {'what is broken':{width}} {'':8} caught by", flush=True)
    counts = {"caught": 0, "not run": 0, "SURVIVED": 0}
    for mutant in found:
        verdict, by = outcome(mutant)
        counts[verdict] += 1
        print(f"{mutant.suite:16} {mutant.name:{width}} {verdict:8} {by}", flush=True)
    print(
        f"\n{len(found)} mutants: " + ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    )
    return 1 if counts["SURVIVED"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
