"""The JSON documents of the bucket, each read as far as its values go: states, judgements, index."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from benchtui.core import keys
from benchtui.core.budget import ReservationDocument
from benchtui.core.document_fields import Document, parse_document, to_json
from benchtui.core.documents import CensusDocument, ResultDocument, RunDocument, SentinelBody, SystemDocument
from benchtui.core.drills import DrillDocument, ReapDocument, newest
from benchtui.core.errors import InvalidDocumentError
from benchtui.core.money import usd_text
from benchtui.core.seals import right_seal, seal_of, sealed
from benchtui.core.verification import Findings, check_chain, check_seal, differences, hear
from benchtui.engine.history_reading import indexed
from benchtui.engine.job_log import as_text, parse_lines
from benchtui.history.index import HistoryIndex
from tests import golden
from tests.fuzz.target import FOLDER, Target

NAME = "benchmarks/20261124-021533-k3f7/hostile.json"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
_RUN = golden.run_document()
_JOB, _SHAPE = next(iter(golden.jobs()))
_SUITE = "stream"
_SYSTEM = golden.system_document(_RUN, _JOB, _SHAPE)
_RESULT = golden.result_document(_RUN, _JOB, _SHAPE, _SUITE)


def reads(model: type[Document], then: Callable[[Any, bytes], object] = lambda _found, _body: None) -> Any:
    """A reader of ``model``: what it accepts is stored again as the same, and then used."""

    def read(content: bytes) -> None:
        document = parse_document(model, content, NAME)
        again = parse_document(model, to_json(document), NAME)
        assert to_json(again) == to_json(document)
        then(document, content)

    return read


def index(content: dict[str, bytes]) -> None:
    """The bodies of a run, judged and written into an index as a synchronisation does."""
    bodies = {keys.run_json_key(_RUN.run): to_json(_RUN.model_copy(update={"jobs": _RUN.jobs[:1]}))}
    run = indexed(_RUN.run, bodies | content, closed=True)
    _index().write(_index().bucket("fuzz"), [run])


@cache
def _index() -> HistoryIndex:
    """One for the process: to make one costs more than everything else."""
    return HistoryIndex(FOLDER / "index.sqlite").__enter__()


def use_run(run: RunDocument, content: bytes) -> None:
    """What whoever follows or indexes a run makes of it first."""
    for job in run.jobs:
        usd_text(job.worst_case_usd)
        usd_text(job.price_in(None).usd_per_hour)
        assert job.places
    run.rates.rates(run.run)
    found = indexed(run.run, {keys.run_json_key(run.run): content}, closed=False)
    _index().write(_index().bucket("fuzz"), [found])


def use_result(_result: ResultDocument, content: bytes) -> None:
    """As part of a run that is otherwise as it should be."""
    index(
        {
            keys.system_key(_RUN.run, _JOB): to_json(_SYSTEM),
            keys.result_key(_RUN.run, _JOB, _SUITE): content,
        }
    )


def use_system(_system: SystemDocument, content: bytes) -> None:
    """Beside a result that is as it should be."""
    index(
        {
            keys.system_key(_RUN.run, _JOB): content,
            keys.result_key(_RUN.run, _JOB, _SUITE): to_json(_RESULT),
        }
    )


def read_seal(content: bytes) -> None:
    """Of any bytes, and of a chain of sentinels in which they are one."""
    key = f"benchmarks/{_RUN.run}/events/20261124T021533123Z/{_JOB}/0002-RUNNING/stream"
    said, right = seal_of(content), right_seal(key, content)
    assert (said is None) == (right is None)
    try:
        whole = sealed(key, content)
    except ValueError:
        pass
    else:
        assert seal_of(whole) == right_seal(key, whole)
    found = Findings()
    check_seal(_RUN.run, key, content, found, required=True)
    spoken = hear(_RUN.run, {key: content, content.decode("utf-8", "replace")[:200]: b"{}"}, found)
    for job, each in spoken.items():
        check_chain("0" * 64, job, each, {}, found)
    assert all(one.sentence.isprintable() for one in found.mismatches)


def read_differences(content: bytes) -> None:
    """A stored result against one made again, of which either may be nonsense."""
    document = parse_document(ResultDocument, content, NAME)
    list(differences(document.facts, {"a": [1, {"b": 2}], **document.facts, "c": 1}))


def read_log(content: bytes) -> None:
    """A chunk of an instance's log: printable, whatever it holds."""
    lines = parse_lines(content)
    text = as_text(lines)
    assert all(character.isprintable() or character == "\n" for character in text)
    text.encode()


def use_drill(drill: DrillDocument, _content: bytes) -> None:
    """As the proof that a layer works."""
    newest([drill], drill.region, 1, NOW)
    drill.proves(2)


def run_seeds() -> list[bytes]:
    """A short run and a scheduled one."""
    short = _RUN.model_copy(update={"jobs": _RUN.jobs[:1]})
    return [to_json(short), to_json(short.model_copy(update={"scheduled_for": NOW}))]


def result_seeds() -> list[bytes]:
    """Measured, and declined."""
    shapes = {job: shape for job, shape in golden.jobs()}
    return [
        to_json(_RESULT),
        to_json(golden.result_document(_RUN, "c7g.large-1", shapes["c7g.large-1"], "hpl")),
        to_json(golden.result_document(_RUN, "c8g.large-1", shapes["c8g.large-1"], "hpl")),
    ]


def system_seeds() -> list[bytes]:
    """With and without what else was observed."""
    more = {"caches": [{"level": 1, "bytes": 65536}], "governor": "performance", "steal": {"percent": 0.1}}
    return [to_json(_SYSTEM), to_json(_SYSTEM.model_copy(update={"observed": more}))]


def sentinel_seeds() -> list[bytes]:
    """A first word, a last one, and the launcher's."""
    texts = (
        b'{"schema":"benchtui.sentinel/1","layers":{"timer":"armed"},"instance_id":"i-1","run_seal":"'
        + b"0" * 64
        + b'","previous":null,"objects":{}}',
        b'{"schema":"benchtui.sentinel/1","reason":"x","outcomes":{"stream":{"outcome":"measured"}}}',
        b'{"schema":"benchtui.sentinel/1","usd_per_hour":"0.07","attempt":1,"tried":[{"region":"us-east-1",'
        b'"zone":"us-east-1a","code":"InsufficientInstanceCapacity","reason":"none"}]}',
    )
    return [*texts, sealed("k", texts[1])]


def reservation_seeds() -> list[bytes]:
    """Money held, and given back."""
    head = (
        b'{"schema":"benchtui.reservation/1","run":"20261124-021533-k3f7","job":"c7g.large-1","usd":"0.38",'
        b'"launcher":"ab12","at":"2026-11-24T02:15:33Z",'
    )
    return [
        head + b'"entry":"reserved","basis":"pricing-api","as_of":"2026-11-24"}',
        head + b'"entry":"released","instance_id":"i-1","launched_at":"2026-11-24T02:15:33Z",'
        b'"ended_at":"2026-11-24T03:15:33Z","reason":"ended"}',
    ]


def census_seeds() -> list[bytes]:
    """Of a run as it lies after a collect."""
    with tempfile.TemporaryDirectory() as folder:
        golden.lie(Path(folder))
        census = (Path(folder) / golden.RUN / "census.json").read_bytes()
    document = parse_document(CensusDocument, census, NAME)
    return [to_json(document.model_copy(update={"rows": document.rows[:3]}))]


def drill_seeds() -> list[bytes]:
    """One that proved a layer."""
    return [
        b'{"schema":"benchtui.drill/1","run":"20261124-021533-k3f7","region":"us-east-1",'
        b'"instance_type":"c7g.large","begun_at":"2026-11-24T02:15:33Z","ended_at":"2026-11-24T02:25:33Z",'
        b'"worst_case_usd":"0.2","losses":[{"loss":"launcher gone","job":"c7g.large-1","layer":1,"by":"x",'
        b'"seconds":30.5,"due_seconds":60}]}'
    ]


def reap_seeds() -> list[bytes]:
    """The last reaping."""
    return [b'{"schema":"benchtui.reap/1","at":"2026-11-24T02:15:33Z","regions":["us-east-1"],"ended":2}']


def seal_seeds() -> list[bytes]:
    """Sealed and not, and a key."""
    key = f"benchmarks/{_RUN.run}/events/20261124T021533123Z/c7g.large-1/0001-BOOTED"
    return [*sentinel_seeds(), key.encode()]


_REFUSED = (InvalidDocumentError,)
TARGETS = (
    Target("run", reads(RunDocument, use_run), run_seeds, _REFUSED, NAME, tree=True),
    Target("sentinel", reads(SentinelBody), sentinel_seeds, _REFUSED, NAME, tree=True),
    Target("system", reads(SystemDocument, use_system), system_seeds, _REFUSED, NAME, tree=True),
    Target("result", reads(ResultDocument, use_result), result_seeds, _REFUSED, NAME, tree=True),
    Target("census", reads(CensusDocument), census_seeds, _REFUSED, NAME, tree=True),
    Target("reservation", reads(ReservationDocument), reservation_seeds, _REFUSED, NAME, tree=True),
    Target("drill", reads(DrillDocument, use_drill), drill_seeds, _REFUSED, NAME, tree=True),
    Target("reap", reads(ReapDocument), reap_seeds, _REFUSED, NAME, tree=True),
    Target("seal", read_seal, seal_seeds),
    Target("difference", read_differences, result_seeds, _REFUSED, NAME, tree=True),
    Target("log", read_log, lambda: [b"02:15:33.123Z begun\n02:15:34Z \x1b[2J\r\nno time\n\xff\xfe"]),
)
