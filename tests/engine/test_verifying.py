"""A stored run of the local cloud, untouched and with single bytes changed."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchtui.core import keys
from benchtui.core.seals import sealed
from benchtui.core.verification import OLDER, sha256
from benchtui.engine import remaking, verifying
from benchtui.engine.stored_run import FolderRun, folder_run
from benchtui.engine.verifying import Verification, verify

FIXTURES = Path(__file__).parents[1] / "fixtures"
STORED = FIXTURES / "stored-run"
NOW = datetime(2026, 11, 29, tzinfo=UTC)


class Held:
    """The objects of a stored run, in memory, so that each trial changes its own."""

    def __init__(self, folder: FolderRun) -> None:
        root = Path(folder.origin)
        self.run, self.origin = folder.run, folder.origin
        every = {
            path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
        }
        self.objects = every

    async def names(self) -> tuple[str, ...]:
        return tuple(sorted(name for name in self.objects if not name.startswith("payloads/")))

    async def read(self, name: str) -> bytes:
        return self.objects[name]

    async def bundle(self, sha256: str) -> bytes | None:
        return self.objects.get(keys.payload_key(sha256))

    def change(self, name: str, at: int, byte: int) -> None:
        body = bytearray(self.objects[name])
        body[at] = byte
        self.objects[name] = bytes(body)

    def rewrite(self, name: str, old: str, new: str) -> None:
        """Change a text, and the seal with it, as somebody would who knows of seals."""
        body = self.objects[name]
        text = body.decode()
        assert old in text
        stem = text[: text.rindex(',"seal":')].replace(old, new) + "}"
        self.objects[name] = sealed(keys.run_prefix(self.run) + name, stem.encode())


_MADE: dict[str, dict[str, Any]] = {}


@pytest.fixture(autouse=True)
def made_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parsers' process is started once for each raw output: the same input gives the same result."""
    remake = remaking.remake

    async def once(raw: bytes, declared: Mapping[str, Any], mode: str) -> dict[str, Any]:
        key = sha256(raw + json.dumps([declared, mode], sort_keys=True).encode())
        if key not in _MADE:
            _MADE[key] = await remake(raw, declared, mode)
        return _MADE[key]

    monkeypatch.setattr(verifying, "remake", once)


@pytest.fixture
def held() -> Held:
    return Held(folder_run(STORED, None))


async def checked(held: Held, expect: str | None = None) -> Verification:
    return await verify(held, NOW, expect)


def named(verified: Verification) -> set[str]:
    return {mismatch.object for mismatch in verified.mismatches}


async def test_an_untouched_run_is_what_was_measured(held: Held) -> None:
    verified = await checked(held)
    assert verified.mismatches == ()
    assert verified.unchecked == ()
    assert (verified.measured, verified.verified, verified.plausible) == (1, 1, 1)
    assert verified.checked["results made again from raw output"] == 1
    assert verified.checked["census"] == 1
    again = await checked(held, expect=verified.fingerprint)
    assert again.ok
    other = await checked(held, expect="0" * 64)
    assert [mismatch.field for mismatch in other.mismatches] == ["fingerprint"]


async def _trial(seed: int) -> None:
    """One random byte of one random object; small objects as often as large ones."""
    held, rng = Held(folder_run(STORED, None)), random.Random(seed)
    name = rng.choice(sorted(held.objects))
    at = rng.randrange(len(held.objects[name]))
    byte = rng.choice([value for value in range(256) if value != held.objects[name][at]])
    held.change(name, at, byte)
    verified = await checked(held)
    assert not verified.ok, f"seed {seed}: byte {at} of {name} is now {byte}, and nothing was found"
    assert name in named(verified), f"seed {seed}: {name}, byte {at}: found only {named(verified)}"


async def test_any_single_byte_is_found_and_named() -> None:
    for seed in range(6):
        await _trial(seed)


@pytest.mark.slow
async def test_any_of_200_single_bytes_is_found_and_named() -> None:
    found = 0
    for seed in range(1_000, 1_200):
        await _trial(seed)
        found += 1
    print(f"\n{found} of 200 single-byte changes found and named")


async def test_an_object_that_is_gone_is_named(held: Held) -> None:
    for name in [name for name in held.objects if name.startswith("jobs/")]:
        kept = held.objects.pop(name)
        assert name in named(await checked(held)), name
        held.objects[name] = kept


async def test_a_renamed_sentinel_is_named(held: Held) -> None:
    name = next(name for name in held.objects if name.endswith("-COMPLETED"))
    held.objects[name.replace("COMPLETED", "FAILED")] = held.objects.pop(name)
    assert name.replace("COMPLETED", "FAILED") in named(await checked(held))


async def test_a_better_figure_is_found_though_its_seal_was_made_anew(held: Held) -> None:
    name = next(name for name in held.objects if name.endswith("stream/result.json"))
    median = json.loads(held.objects[name])["metrics"]["triad.all"]["median"]
    held.rewrite(name, f'"median": {median}', f'"median": {median * 1.1}')
    verified = await checked(held)
    assert "metrics.triad.all.median" in {mismatch.field for mismatch in verified.mismatches}
    # And the sentinel that was written after it tells of another hash.
    assert any("sha256" in mismatch.field and mismatch.object == name for mismatch in verified.mismatches)


async def test_another_plan_is_found_though_its_seal_was_made_anew(held: Held) -> None:
    held.rewrite("run.json", '"name": "stored"', '"name": "others"')
    verified = await checked(held)
    assert any(mismatch.object == "run.json" and mismatch.field == "seal" for mismatch in verified.mismatches)


async def test_plain_collects_output_is_checked_as_far_as_it_goes(held: Held) -> None:
    beside = ("events/", "heartbeats/", "reservations/", "control/", "payloads/")
    held.objects = {name: body for name, body in held.objects.items() if not name.startswith(beside)}
    verified = await checked(held)
    assert verified.ok
    assert any("collect RUN --complete" in one.why for one in verified.unchecked)
    held.change("run.json", 10, 0)
    assert "run.json" in named(await checked(held))


async def test_a_run_from_before_there_were_seals_is_read_and_said_to_be(tmp_path: Path) -> None:
    bodies, run = FIXTURES / "bodies", "20261128-184007-legq"
    suite = tmp_path / run / "jobs" / "local.2cpu-1" / "hpl"
    suite.mkdir(parents=True)
    shutil.copy(bodies / "run-1.json", tmp_path / run / "run.json")
    shutil.copy(bodies / "system-1.json", suite.parent / "system.json")
    shutil.copy(bodies / "result-1.json", suite / "result.json")
    shutil.copy(bodies / "raw-1.tar.gz", suite / "raw.tar.gz")
    verified = await verify(folder_run(tmp_path, run), NOW)
    assert verified.ok
    assert OLDER in {one.why for one in verified.unchecked}
    assert verified.checked["raw output"] == 1
    body = (suite / "result.json").read_text()
    (suite / "raw.tar.gz").write_bytes((suite / "raw.tar.gz").read_bytes()[:-1] + b"x")
    assert "jobs/local.2cpu-1/hpl/raw.tar.gz" in named(await verify(folder_run(tmp_path, run), NOW))
    assert body
