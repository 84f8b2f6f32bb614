"""Names that anyone may give: keys of the bucket, schedules, tags."""

from __future__ import annotations

from collections.abc import Callable

from benchtui.aws.instances import expiry
from benchtui.core import keys
from benchtui.core.deadlines import ScheduleName
from benchtui.core.keys import KeyNotOurs
from benchtui.core.starts import StartName
from benchtui.engine.collector import _file, _plain
from tests.fuzz.target import Target

RUN = "20261124-021533-k3f7"


def _event(key: str) -> str:
    run, sentinel = keys.parse_event(key)
    return sentinel.key(run)


def _heartbeat(key: str) -> str:
    job = keys.parse_heartbeat(key)
    return keys.heartbeat_key(key.split("/")[1], job)


def _job_object(key: str) -> str:
    """With the file it is written to, which must lie where it should."""
    what = keys.parse_job_object(key)
    assert _plain(_file(what))
    built = {
        "system": lambda: keys.system_key(what.run, what.job),
        "log": lambda: keys.log_key(what.run, what.job, what.chunk or 0),
        "result": lambda: keys.result_key(what.run, what.job, what.suite or ""),
        "raw": lambda: keys.raw_key(what.run, what.job, what.suite or ""),
    }[what.kind]()
    # 00001.txt is read as chunk 1 and compared with the key of chunk 1 by whoever lists logs.
    return key if what.kind == "log" else built


PARSERS: tuple[Callable[[str], str], ...] = (
    _event,
    _heartbeat,
    lambda key: keys.reservation_key(*keys.parse_reservation(key)),
    lambda key: keys.rollup_key(*keys.parse_rollup(key)),
    _job_object,
    lambda key: str(ScheduleName.parse(key)),
    lambda key: str(StartName.parse(key)),
    lambda key: keys.job_id(*keys.job_parts(key)),
)


def read_key(content: bytes) -> None:
    """Every parser; what one accepts is built again to the letter but for zeros before numbers of steps."""
    key = content.decode("utf-8", "surrogateescape")
    expiry(key)
    for parse in PARSERS:
        try:
            built = parse(key)
        except KeyNotOurs as error:
            # The rest of the message is written by repr, so that nothing steers the terminal.
            assert str(error).isprintable()
            continue
        if parse is _event and "-of-" in key.rpartition("/")[2]:
            key, built = key.rpartition("/")[0], built.rpartition("/")[0]
        assert built == key, f"{built!r} is not {key!r}"


def key_seeds() -> list[bytes]:
    """A key of each kind."""
    base = f"benchmarks/{RUN}"
    texts = (
        f"{base}/events/20261124T021533123Z/c7g.large-1/0001-BOOTED",
        f"{base}/events/20261124T021533123Z/c7i.metal-48xl-12/0017-RUNNING/stream/3-of-5",
        f"{base}/events/20261124T021533123Z/c7g.large-1/0000-DECLINED",
        f"{base}/heartbeats/c7g.large-1",
        f"{base}/reservations/000017",
        "history/2026-11/0001.jsonl.gz",
        f"{base}/jobs/c7g.large-1/system.json",
        f"{base}/jobs/c7g.large-1/stream/result.json",
        f"{base}/jobs/c7g.large-1/stream/raw.tar.gz",
        f"{base}/jobs/c7g.large-1/log/0001.txt",
        f"benchtui.{RUN}.i-0123456789abcdef0",
        f"benchtui.start.{RUN}.17",
        "c7g.large-1",
        "2026-11-24T02:15:33Z",
    )
    return [text.encode() for text in texts]


TARGETS = (Target("key", read_key, key_seeds),)
