"""Roll-ups: the very bytes of the bucket, and nothing that was touched since."""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime

import pytest

from benchtui.core import keys
from benchtui.core.errors import InvalidDocumentError
from benchtui.core.rollup import GZIP, RollupHead, line_of, pack, unpack

RUN, OTHER = "20261101-021533-k3f7", "20261102-021533-k3f7"
KEY = keys.rollup_key("2026-11", 1)
BODIES = {
    keys.run_json_key(RUN): b'{"a": 1}\n',
    keys.result_key(RUN, "c7g.large-1", "stream"): '{"ä": "\\u001b"}'.encode(),
    keys.system_key(OTHER, "c7g.large-1"): b"{}",
}


def head(**fields: object) -> RollupHead:
    given = {"month": "2026-11", "part": 1, "runs": (RUN, OTHER), **fields}
    return RollupHead(made_at=datetime(2026, 12, 1, tzinfo=UTC), benchtui_version="0.1.0", **given)  # type: ignore[arg-type]


def packed(**fields: object) -> bytes:
    return pack(head(**fields), [line_of(key, body) for key, body in BODIES.items()])


def test_it_gives_back_the_very_bytes() -> None:
    rollup = unpack(packed(), KEY)
    assert {key: body for of_run in rollup.bodies.values() for key, body in of_run.items()} == BODIES
    assert set(rollup.bodies) == {RUN, OTHER}
    assert packed() == packed()


def test_any_change_of_its_text_is_found() -> None:
    text = bytearray(zlib.decompress(packed(), GZIP))
    for at in range(0, len(text), 7):
        changed = bytearray(text)
        changed[at] ^= 1
        packer = zlib.compressobj(9, zlib.DEFLATED, GZIP)
        with pytest.raises(InvalidDocumentError):
            unpack(packer.compress(bytes(changed)) + packer.flush(), KEY)


@pytest.mark.parametrize("cut", [0, 1, 20, 200])
def test_half_of_one_is_none(cut: int) -> None:
    content = packed()
    with pytest.raises(InvalidDocumentError):
        unpack(content[: len(content) - 1 - cut], KEY)


def test_it_holds_only_documents_of_its_own_runs() -> None:
    with pytest.raises(InvalidDocumentError, match="of no run of it"):
        unpack(packed(runs=(RUN,)), KEY)
    raw = pack(head(), [line_of(keys.raw_key(RUN, "c7g.large-1", "stream"), b"{}")])
    with pytest.raises(InvalidDocumentError, match="of no run of it"):
        unpack(raw, KEY)


def test_one_under_another_key_or_of_a_newer_benchtui_is_refused() -> None:
    with pytest.raises(InvalidDocumentError, match="says it is part 1"):
        unpack(packed(), keys.rollup_key("2026-11", 2))
    newer = head().model_copy(update={"schema_": "benchtui.rollup/2"})
    with pytest.raises(InvalidDocumentError, match="newer benchtui"):
        unpack(pack(newer, []), KEY)


def test_a_hash_that_is_not_the_bodys_is_refused() -> None:
    line = line_of(keys.run_json_key(RUN), b'{"a": 1}')
    wrong = line.replace(hashlib.sha256(b'{"a": 1}').hexdigest().encode(), b"0" * 64)
    with pytest.raises(InvalidDocumentError, match="another SHA-256"):
        unpack(pack(head(), [wrong]), KEY)


@pytest.mark.parametrize(
    "key", ["history/2026-13/0001.jsonl.gz", "history/2026-11/0000.jsonl.gz", "history/x", "a"]
)
def test_other_keys_are_no_rollups(key: str) -> None:
    with pytest.raises(keys.KeyNotOurs):
        keys.parse_rollup(key)


def test_a_key_survives() -> None:
    assert keys.parse_rollup(KEY) == ("2026-11", 1)
