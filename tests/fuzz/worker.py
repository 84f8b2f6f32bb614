"""One target fuzzed in a process of its own: python -m tests.fuzz.worker TARGET SECONDS FOLDER SEED."""

from __future__ import annotations

import json
import resource
import sys
import time
import traceback
from pathlib import Path
from random import Random
from typing import Any

#: Address space of a worker: the instrumented interpreter with its modules takes some 500 MiB of it.
MEMORY_MIB = 2048
#: Of one input; seconds after which it is a finding.
SLOW_S = 5.0
LONGEST = 1 << 16  # bytes of an input
TOLD_EVERY_S = 0.3
MOST_KINDS = 50  # different findings of one target; beyond them nothing more is learned


class Hunt:
    """What a worker has found so far: findings by the place that raised them, the first of each is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kinds: dict[str, str] = {}  # by place: the file that holds the input
        self.executions = self.accepted = self.crashes = 0
        self.slowest_s = 0.0
        self._told_at, self._told = 0.0, 0

    def note(self, content: bytes, error: BaseException) -> None:
        """Keep an input that was neither read nor refused as it should be."""
        self.crashes += 1
        frame = traceback.extract_tb(error.__traceback__)[-1]
        ours = [each for each in traceback.extract_tb(error.__traceback__) if "/benchtui/" in each.filename]
        nearest = ours[-1] if ours else frame
        place = (
            f"{type(error).__name__} at {Path(nearest.filename).name}:{nearest.lineno}: {str(error)[:200]!r}"
        )
        key = place.partition(": ")[0]
        if key not in self.kinds and len(self.kinds) < MOST_KINDS:
            file = self.folder / f"finding-{len(self.kinds)}"
            file.write_bytes(content)
            self.kinds[key] = f"{place} [{file.name}]"

    def tell(self) -> None:
        """Write the report, a few times a second: the fuzzer ends its process without a word."""
        now = time.monotonic()
        if now - self._told_at >= TOLD_EVERY_S or self.crashes != self._told:
            self._told_at, self._told = now, self.crashes
            (self.folder / "report.json").write_text(json.dumps(self.report()))

    def report(self) -> dict[str, Any]:
        """For the process that waits."""
        return {
            "executions": self.executions,
            "accepted": self.accepted,
            "crashes": self.crashes,
            "kinds": list(self.kinds.values()),
            "slowest_s": self.slowest_s,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def main(name: str, seconds: int, folder: Path, seed: int) -> None:
    """Fuzz target ``name`` for ``seconds``; corpus, findings and ``report.json`` go to ``folder``."""
    import atheris

    with atheris.instrument_imports(include=["benchtui", "reparse", "tomllib", "tarfile"]):
        from tests.fuzz.mutation import mutated
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate((*target.seeds(), *target.found())):
        (corpus / f"seed-{number}").write_bytes(content)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MIB << 20, MEMORY_MIB << 20))
    hunt = Hunt(folder)

    def one(content: bytes) -> None:
        begun = time.perf_counter()
        try:
            hunt.accepted += target.attempt(content)
        except Exception as error:
            hunt.note(content, error)
        took_s = time.perf_counter() - begun
        hunt.slowest_s = max(hunt.slowest_s, took_s)
        if took_s > SLOW_S:
            hunt.note(content, TimeoutError(f"{took_s:.0f} s"))
        hunt.executions += 1
        hunt.tell()

    def change(content: bytes, most: int, number: int) -> bytes:
        if Random(number).random() < 0.7:
            found = mutated(content, number, most)
            if found is not None:
                return found
        changed: bytes = atheris.Mutate(content, most)
        return changed

    options = [
        sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-seed={seed}",
        f"-timeout={int(SLOW_S) * 4}", "-rss_limit_mb=0", f"-artifact_prefix={folder}/",
    ]  # fmt: skip
    atheris.Setup(options, one, **({"custom_mutator": change} if target.tree else {}))
    atheris.Fuzz()  # ends the process itself


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
