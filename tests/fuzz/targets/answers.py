"""Answers of AWS, as bytes before botocore has read them: XML and JSON, with success and without."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from benchtui.aws.errors import CloudError
from tests.aws.readers import READERS
from tests.aws.shapes import Form, body_of, content, model_of
from tests.aws.stubbed import StubbedCloud
from tests.fuzz.target import Target

NAMES = sorted(READERS)
STATUSES = (200, 200, 200, 200, 400, 403, 404, 409, 412, 500, 503)
_LOOP = asyncio.new_event_loop()


def read_answer(data: bytes) -> None:
    """The first byte says who asks, the second the answer's status; the rest answers everything it asks."""
    if len(data) < 2:
        return
    reader, status, body = READERS[NAMES[data[0] % len(NAMES)]], STATUSES[data[1] % len(STATUSES)], data[2:]
    cloud = StubbedCloud(lambda _service, _operation, _params: (status, {"x-amzn-requestid": "1"}, body))
    try:
        _LOOP.run_until_complete(reader.ask(cloud))
    except CloudError as error:
        assert str(error).replace("\n", "").isprintable()
        assert error.failure.operation, f"{error} names no operation"


def answer_seeds() -> list[bytes]:
    """A whole answer to each reader, and one that holds no field."""
    return [
        bytes((number, 0)) + body
        for number, name in enumerate(NAMES)
        for form in (Form.WHOLE, Form.NOTHING)
        for body in _bodies(name, form)
    ]


def _bodies(name: str, form: Form) -> Iterable[bytes]:
    """What a reader is answered first."""
    found: list[bytes] = []

    def reply(service: str, operation: str, _params: object) -> tuple[int, dict[str, str], bytes]:
        answer = content(model_of(service).operation_model(operation), form)
        body, headers = body_of(service, operation, answer, form)
        found.append(body)
        return 200, headers, body

    with contextlib.suppress(CloudError):
        _LOOP.run_until_complete(READERS[name].ask(StubbedCloud(reply)))
    return found[:1]


TARGETS = (Target("answer", read_answer, answer_seeds),)
