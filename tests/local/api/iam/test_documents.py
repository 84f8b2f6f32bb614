"""Policies as AWS evaluates them; what is not understood never allows anything."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from benchtui.local.api.iam.documents import Caller, Document, Need, Verdict, allows_everything, verdict

OBJECT = "arn:aws:s3:::bucket/benchmarks/r/events/1"
NEED = Need("s3:PutObject", OBJECT, {"s3:if-none-match": "*", "aws:securetransport": "true"})
USER = "arn:aws:iam::123456789012:user/u"
CALLER = Caller(frozenset({USER}), frozenset({"arn:aws:iam::123456789012:root", "123456789012"}))


def statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "s3:PutObject", "Resource": "*"} | elements


def said(*statements: dict[str, Any], caller: Caller | None = None, need: Need = NEED) -> Verdict:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return verdict((Document.read(text),), need, caller)


@pytest.mark.parametrize(
    ("elements", "covered"),
    [
        ({}, True),
        ({"Action": "S3:putobject"}, True),  # names of actions are the same in any case
        ({"Action": "s3:Put*"}, True),
        ({"Action": "s3:P?tObject"}, True),
        ({"Action": "*"}, True),
        ({"Action": ["s3:GetObject", "s3:DeleteObject"]}, False),
        ({"Action": ["s3:GetObject", "s3:PutObject"]}, True),
        ({"Resource": OBJECT}, True),
        ({"Resource": OBJECT.upper()}, False),
        ({"Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*/events/*"]}, True),
        ({"Resource": "arn:aws:s3:::bucket"}, False),
        ({"Condition": {"Null": {"s3:if-none-match": "false"}}}, True),
        ({"Condition": {"Null": {"s3:if-none-match": "true"}}}, False),
        # Every operator and every key has to be met.
        (
            {"Condition": {"Null": {"s3:if-none-match": "false"}, "Bool": {"aws:SecureTransport": "false"}}},
            False,
        ),
    ],
)
def test_what_a_statement_covers(elements: dict[str, Any], covered: bool) -> None:
    assert said(statement(**elements)) is (Verdict.ALLOWED if covered else Verdict.SILENT)
    assert said(statement("Deny", **elements)) is (Verdict.DENIED if covered else Verdict.SILENT)


def test_not_action_and_not_resource_cover_the_rest() -> None:
    row = {"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}
    assert said(row) is Verdict.ALLOWED
    assert said(row | {"NotAction": ["s3:Put*"]}) is Verdict.SILENT
    row = {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}
    assert said(row) is Verdict.ALLOWED
    assert said(row | {"NotResource": "arn:aws:s3:::bucket/*"}) is Verdict.SILENT


def test_an_explicit_denial_wins_in_any_order() -> None:
    for rows in ((statement(), statement("Deny")), (statement("Deny"), statement())):
        assert said(*rows) is Verdict.DENIED
    assert said(statement(), statement("Deny", Action="s3:DeleteObject")) is Verdict.ALLOWED


def test_nothing_said_is_not_allowed() -> None:
    assert said() is Verdict.SILENT
    assert verdict((), NEED) is Verdict.SILENT


@pytest.mark.parametrize(
    "elements",
    [
        {"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.1"}}},
        {"Condition": {"StringEquals": {"ec2:Tenancy": "default"}}},
        {"Condition": {"StringLike": {"s3:if-none-match": "${aws:username}"}}},
        {"Resource": "arn:aws:s3:::bucket/${aws:username}/*"},
        {"Resource": "arn:aws:s3*"},
        {"Action": ["s3:PutObject", 7]},
        {"Action": []},
        {"Surprise": 1},
        {"Principal": "*"},  # of an identity
    ],
)
def test_what_is_not_understood_allows_nothing_and_denies_what_it_denies(
    elements: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert said(statement(**elements)) is Verdict.SILENT
        assert said(statement("Deny", **elements), statement()) is Verdict.DENIED
    assert "not understood" in caplog.text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"Statement": 1}', '{"Version": "2027-01-01", "Statement": []}', "{nonsense"]
)
def test_a_policy_that_cannot_be_read_denies(text: str) -> None:
    allowing = Document.read(json.dumps({"Version": "2012-10-17", "Statement": statement()}))
    assert verdict((allowing, Document.read(text)), NEED) is Verdict.DENIED


@pytest.mark.parametrize(
    ("principal", "allows", "denies"),
    [
        ("*", True, True),
        ({"AWS": "*"}, True, True),
        ({"AWS": USER}, True, True),
        ({"AWS": [f"{USER}2", USER]}, True, True),
        ({"AWS": f"{USER}2"}, False, False),
        ({"AWS": "123456789012"}, False, True),  # leaves it to the account's own policies to allow
        ({"AWS": "arn:aws:iam::123456789012:root"}, False, True),
        ({"AWS": "arn:aws:iam::210987654321:root"}, False, False),
        ({"Service": "ec2.amazonaws.com"}, False, False),
    ],
)
def test_whom_a_policy_of_a_resource_means(principal: Any, allows: bool, denies: bool) -> None:
    silent = Verdict.SILENT
    assert said(statement(Principal=principal), caller=CALLER) is (Verdict.ALLOWED if allows else silent)
    denying = statement("Deny", Principal=principal)
    assert said(denying, caller=CALLER) is (Verdict.DENIED if denies else silent)


def test_a_policy_of_a_resource_without_a_principal_is_not_understood() -> None:
    assert said(statement(), caller=CALLER) is Verdict.SILENT
    assert said(statement("Deny"), caller=CALLER) is Verdict.DENIED
    assert said(statement("Deny", NotPrincipal={"AWS": USER}), caller=CALLER) is Verdict.DENIED


def test_only_a_policy_without_any_bound_allows_everything() -> None:
    def everything(*rows: dict[str, Any]) -> bool:
        text = json.dumps({"Version": "2012-10-17", "Statement": list(rows)})
        return allows_everything((Document.read(text),))

    full = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    assert everything(full)
    assert not everything()
    assert not everything(full | {"Action": "s3:*"})
    assert not everything(full | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}})
    assert not everything(full, {"Effect": "Deny", "Action": "iam:*", "Resource": "*"})
    assert not everything({"Effect": "Allow", "NotAction": "*", "Resource": "*"})
