"""Requests and answers against AWS's own description of its APIs, as botocore brings it.

Every question of `benchtui.aws` is asked, botocore builds the request and reads the answer's bytes, and only
the network is left out. Answers are made from the description, in every form that it allows and moto never
gives.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from benchtui.aws.actions import action_of
from benchtui.aws.errors import CloudError
from benchtui.core.policies import Scope, all_policies, doctor_rights, setup_rights

from .readers import ACCOUNT, READERS
from .requests_known import faults
from .shapes import Form, body_of, content, model_of
from .stubbed import StubbedCloud, Wire

SOURCES = Path(__file__).parents[2] / "src" / "benchtui" / "aws"
#: What a refusal of each protocol looks like.
XML_ERROR = (
    "<Response><Errors><Error><Code>{0}</Code><Message>no</Message></Error></Errors></Response>",
    "<ErrorResponse><Error><Code>{0}</Code><Message>no</Message></Error></ErrorResponse>",
    "<Error><Code>{0}</Code><Message>no</Message></Error>",
)
#: What no policy of `setup` names, and why.
UNNAMED = {
    "sts:GetCallerIdentity": "AWS allows it to everyone",
    "sns:Publish": "the topic is the user's own, and so is the right to it",
    "ec2:GetConsoleOutput": "`benchtui local` alone asks for it",
}
#: Listings of which the first page is enough, and why.
ONE_PAGE = {
    "list_page": "one page is what is asked for",
    "exists": "one key is looked for, and comes first",
    "count": "it counts to a thousand",
}


def answered(form: Form) -> Callable[..., Wire]:
    """Answers everything by an answer of ``form``."""

    return lambda service, operation, _params: _answer(service, operation, form)


@cache
def _answer(service: str, operation: str, form: Form) -> Wire:
    answer = content(model_of(service).operation_model(operation), form)
    body, headers = body_of(service, operation, answer, form)
    return 200, headers, body


def refused(code: str, status: int) -> Callable[..., Wire]:
    """Refuses everything by ``code``."""

    def reply(service: str, _operation: str, _params: Any) -> Wire:
        protocol = model_of(service).resolved_protocol
        if "json" in protocol:
            return status, {"x-amzn-errortype": code}, f'{{"__type":"{code}","message":"no"}}'.encode()
        shape = {"ec2": 0, "query": 1, "rest-xml": 2}[protocol]
        return status, {}, XML_ERROR[shape].format(code).encode()

    return reply


async def asked(name: str, reply: Callable[..., Wire]) -> tuple[Any, StubbedCloud]:
    """What a reader makes of answers, or the error it raises."""
    cloud = StubbedCloud(reply)
    try:
        return await READERS[name].ask(cloud), cloud
    except CloudError as error:
        assert error.failure.operation, f"{error} does not say what was asked"
        assert error.failure.region or error.failure.service == "iam", f"{error} does not say where"
        return error, cloud


async def everything_asked() -> list[tuple[str, str, dict[str, Any]]]:
    """All requests that whole answers and refusals lead to."""
    sent = []
    for reply in (
        answered(Form.WHOLE),
        refused("NoSuchResourceException", 404),
        refused("AccessDenied", 403),
        refused("EntityAlreadyExists", 409),
        refused("ConflictException", 409),
    ):
        for name in READERS:
            _, cloud = await asked(name, reply)
            sent += cloud.sent
    return sent


@pytest.mark.parametrize("form", [Form.WHOLE, Form.NEW_FIELDS])
async def test_a_whole_answer_is_read_right(form: Form) -> None:
    wrong = {}
    for name, reader in READERS.items():
        found, cloud = await asked(name, answered(form))
        assert cloud.sent, name
        if name == "remove_gateway":  # a whole answer says what was not removed
            assert isinstance(found, CloudError)
        elif isinstance(found, CloudError) or not reader.right(found):
            wrong[name] = found
    assert wrong == {}


@pytest.mark.parametrize(
    "form", [form for form in Form if form not in (Form.WHOLE, Form.NEW_FIELDS)], ids=lambda form: form.value
)
async def test_an_answer_that_lacks_or_adds_is_read_or_refused_by_name(form: Form) -> None:
    read = 0
    for name in READERS:
        found, _ = await asked(name, answered(form))  # whatever else is raised fails the test
        read += not isinstance(found, CloudError)
    assert read > len(READERS) / 2, "most of it is optional"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("UnauthorizedOperation", 403), ("RequestLimitExceeded", 503), ("InternalError", 500),
        ("ACodeOfNextYear", 400), ("ACodeOfNextYear", 500), ("NoSuchEntity", 404), ("", 400),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_or_means_something(code: str, status: int) -> None:
    told = 0
    for name in READERS:
        found, _ = await asked(name, refused(code, status))
        told += isinstance(found, CloudError)
    assert told > len(READERS) / 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html><body>Sign in to the hotel's network</body></html>"), (200, b"<a><b>"),
        (200, b"\xff\xfe"), (503, b""), (502, b"<html>Bad gateway</html>"), (200, b'{"a": '),
        (200, b"[" * 100_000), (404, b"not here"),
    ],
)  # fmt: skip
async def test_what_no_aws_says_is_no_answer(status: int, body: bytes) -> None:
    for name in READERS:
        found, cloud = await asked(name, lambda *_asked: (status, {}, body))
        listing = [each for each in cloud.sent if each[1].startswith(("Describe", "List"))]
        if (
            status != 404
            and listing
            and name not in ("prices", "region_prices", "listed_rates", "spot_prices")
        ):
            assert isinstance(found, CloudError), f"{name} took that for an answer: {found}"


async def test_requests_are_what_the_descriptions_allow() -> None:
    sent = await everything_asked()
    broken = {
        (service, operation, fault)
        for service, operation, params in sent
        for fault in faults(model_of(service).operation_model(operation), params)
    }
    assert broken == set()
    assert len({operation for _, operation, _ in sent}) > 60


def test_a_request_that_is_not_allowed_is_noticed() -> None:
    operation = model_of("ec2").operation_model("RunInstances")
    right = {"MinCount": 1, "MaxCount": 1, "InstanceType": "c7g.large"}
    assert faults(operation, right) == []
    assert faults(operation, {"MinCount": 1}) == ["RunInstances: MaxCount is required"]
    assert "is not known" in faults(operation, {**right, "Colour": "red"})[0]
    assert "is none of" in faults(operation, {**right, "InstanceInitiatedShutdownBehavior": "hibernate"})[0]
    schedule = model_of("scheduler").operation_model("DeleteSchedule")
    assert "does not match" in faults(schedule, {"Name": "a name with blanks"})[0]
    assert "beyond max" in " ".join(faults(schedule, {"Name": "a" * 65}))


def named_in_sources(services: set[str]) -> set[str]:
    """Operations of ``services`` that the sources of `benchtui.aws` name in a text of its own."""
    known = {name for service in services for name in model_of(service).operation_names}
    texts = {
        node.value
        for file in SOURCES.glob("*.py")
        if file.name != "actions.py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return known & texts


async def test_no_operation_is_asked_that_is_not_tested_here_or_that_no_policy_allows() -> None:
    sent = {(service, operation) for service, operation, _ in await everything_asked()}
    services = {service for service, _ in sent}
    assert named_in_sources(services) - {operation for _, operation in sent} <= {"GetObject"}
    scope = Scope(ACCOUNT, "a-bucket")
    allowed = {action for policy in all_policies(scope) for action in policy.actions}
    allowed |= {*setup_rights(scope).actions, *doctor_rights(scope).actions}
    actions = {action_of(service, operation) for service, operation in sent}
    assert actions - allowed == set(UNNAMED)


@pytest.mark.parametrize("name", [name for name in READERS if name not in ONE_PAGE])
async def test_a_listing_is_read_to_its_end(name: str) -> None:
    """Every operation for which botocore knows pages is asked for the second one, too."""
    pages: dict[str, set[str]] = {}

    def reply(service: str, operation: str, params: dict[str, Any]) -> Wire:
        model = model_of(service).operation_model(operation)
        answer = content(model, Form.WHOLE)
        paging = paging_of(service, operation)
        if paging is not None:
            token = params.get(paging["input_token"])
            pages.setdefault(operation, set()).add(token or "first")
            if token is None:
                answer[paging["output_token"]] = "page-2"
                if paging.get("more_results"):
                    answer[paging["more_results"]] = True
        body, headers = body_of(service, operation, answer)
        return 200, headers, body

    found, _ = await asked(name, reply)
    assert name == "remove_gateway" or not isinstance(found, CloudError)
    assert {operation: seen for operation, seen in pages.items() if seen != {"first", "page-2"}} == {}


@pytest.mark.parametrize("name", [name for name in READERS if name not in ONE_PAGE])
async def test_a_listing_without_an_end_is_given_up(name: str) -> None:
    asked_for: list[str] = []

    def reply(service: str, operation: str, _params: dict[str, Any]) -> Wire:
        answer = content(model_of(service).operation_model(operation), Form.WHOLE)
        paging = paging_of(service, operation)
        if paging is not None:
            asked_for.append(operation)
            assert len(asked_for) < 50, f"{operation} is asked for ever"
            answer[paging["output_token"]] = "the same"
            if paging.get("more_results"):
                answer[paging["more_results"]] = True
        body, headers = body_of(service, operation, answer)
        return 200, headers, body

    await asked(name, reply)


@cache
def pages_of(service: str) -> Any:
    """What botocore knows of a service's pages."""
    return botocore.session.get_session().get_paginator_model(service)


@cache
def paging_of(service: str, operation: str) -> dict[str, Any] | None:
    """How an operation goes on from page to page; None: it answers in one piece."""
    try:
        found: dict[str, Any] = pages_of(service).get_paginator(operation)
    except (ValueError, botocore.exceptions.DataNotFoundError):
        return None
    return found


async def test_what_ec2_did_to_a_part_alone_is_no_success() -> None:
    def reply(service: str, operation: str, _params: Any) -> Wire:
        answer: dict[str, Any] = {
            "DeleteVpcEndpoints": {
                "Unsuccessful": [
                    {"ResourceId": "vpce-1", "Error": {"Code": "InternalError", "Message": "no"}}
                ]
            },
            "RunInstances": {"Instances": [], "ReservationId": "r-1"},
            "DeleteObjects": {"Errors": [{"Key": "k", "Code": "AccessDenied", "Message": "no"}]},
            "ListObjectsV2": {"KeyCount": 1, "Contents": [{"Key": "k", "Size": 1}]},
        }[operation]
        body, headers = body_of(service, operation, answer)
        return 200, headers, body

    for name in ("remove_gateway", "run_instance"):
        found, _ = await asked(name, reply)
        assert isinstance(found, CloudError), name
    from .readers import setup

    with pytest.raises(CloudError, match="AccessDenied"):
        await setup(StubbedCloud(reply)).empty()
