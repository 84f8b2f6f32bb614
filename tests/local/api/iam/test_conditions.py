"""The Condition element: operators and keys, each against what AWS documents of it."""

from __future__ import annotations

import pytest

from benchtui.local.api.iam.conditions import OPERATORS, Condition, Context, NotUnderstood, arn_like

REQUEST: Context = {
    "aws:requesttag/launchedby": "Bench",
    "aws:tagkeys": ("LaunchedBy", "Name"),
    "ec2:instancetype": "c7g.large",
    "ec2:volumesize": "16",
    "aws:securetransport": "false",
    "aws:currenttime": "2026-11-28T18:45:00Z",
    "aws:epochtime": "1795891500",
    "ec2:instanceprofile": "arn:aws:iam::123456789012:instance-profile/benchtui-instance",
}
TAG, TYPE, SIZE = "aws:RequestTag/LaunchedBy", "ec2:InstanceType", "ec2:VolumeSize"
KEYS, PROFILE, NOW = "aws:TagKeys", "ec2:InstanceProfile", "aws:CurrentTime"
MISSING = "aws:RequestTag/other"
ROLE = "arn:aws:iam::123456789012:instance-profile"


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "met"),
    [
        ("StringEquals", TAG, "Bench", True),
        (
            "StringEquals",
            TAG.upper(),
            "Bench",
            True,
        ),  # keys are the same in any case, values are not
        ("StringEquals", TAG, "bench", False),
        ("StringEquals", TAG, ["other", "Bench"], True),
        ("StringEquals", TAG, "Ben*", False),
        ("StringEquals", MISSING, "Bench", False),
        ("StringEqualsIgnoreCase", TAG, "bENCH", True),
        ("StringNotEquals", TAG, "Bench", False),
        ("StringNotEquals", TAG, ["a", "Bench"], False),  # none of them may be equal
        ("StringNotEquals", TAG, ["a", "b"], True),
        ("StringNotEquals", MISSING, "Bench", True),  # what is not said is not equal
        ("StringNotEqualsIgnoreCase", TAG, "BENCH", False),
        ("StringLike", TYPE, "c7?.*", True),
        ("StringLike", TYPE, "c7", False),
        ("StringLike", TYPE, "C7G.LARGE", False),
        ("StringLike", TYPE, "c[7]g.large", False),  # brackets are not a class of characters
        ("StringNotLike", TYPE, "m*", True),
        ("StringNotLike", TYPE, "c*", False),
        ("StringEqualsIfExists", MISSING, "x", True),
        ("StringEqualsIfExists", TAG, "x", False),
        ("StringLikeIfExists", MISSING, "x", True),
        ("Bool", "aws:SecureTransport", "false", True),
        ("Bool", "aws:SecureTransport", False, True),
        ("Bool", "aws:SecureTransport", "true", False),
        ("Bool", "s3:ObjectCreationOperation", "true", False),
        ("BoolIfExists", "s3:ObjectCreationOperation", "true", True),
        ("Null", TAG, "false", True),
        ("Null", TAG, "true", False),
        ("Null", MISSING, "true", True),
        ("Null", MISSING, False, False),
        ("NumericEquals", SIZE, "16.0", True),
        ("NumericNotEquals", SIZE, "16", False),
        ("NumericLessThan", SIZE, 17, True),
        ("NumericLessThan", SIZE, "16", False),
        ("NumericLessThanEquals", SIZE, "16", True),
        ("NumericGreaterThan", SIZE, "15", True),
        ("NumericGreaterThanEquals", SIZE, "17", False),
        ("NumericLessThan", TYPE, "17", False),  # not a number
        ("DateLessThan", NOW, "2026-11-28T18:45:01Z", True),
        ("DateLessThan", NOW, "2026-11-28T18:45:00+01:00", False),
        ("DateLessThanEquals", NOW, "2026-11-28T18:45:00Z", True),
        ("DateGreaterThan", NOW, "2026-11-27", True),
        ("DateGreaterThanEquals", NOW, "2026-11-29", False),
        ("DateEquals", "aws:EpochTime", "1795891500", True),
        ("DateNotEquals", "aws:EpochTime", "1795891500", False),
        ("ArnEquals", PROFILE, f"{ROLE}/benchtui-*", True),
        ("ArnLike", PROFILE, f"{ROLE}/other", False),
        ("ArnLike", PROFILE, "arn:aws:iam::*:instance-profile/*", True),
        ("ArnLike", PROFILE, "arn:aws:*:*:*:*", True),
        ("ArnNotEquals", PROFILE, f"{ROLE}/other", True),
        ("ArnNotLike", PROFILE, f"{ROLE}/*", False),
        ("ForAllValues:StringEquals", KEYS, ["LaunchedBy", "Name", "x"], True),
        ("ForAllValues:StringEquals", KEYS, ["LaunchedBy"], False),
        ("ForAllValues:StringEquals", MISSING, "x", True),  # all of none
        ("ForAllValues:StringLike", KEYS, "*N*", False),
        ("ForAllValues:StringNotEquals", KEYS, ["a"], True),
        ("ForAnyValue:StringEquals", KEYS, "Name", True),
        ("ForAnyValue:StringEquals", KEYS, "x", False),
        ("ForAnyValue:StringEquals", MISSING, "x", False),
        ("ForAnyValue:StringNotEquals", KEYS, "Name", True),
    ],
)
def test_an_operator_means_what_aws_documents(operator: str, key: str, wanted: object, met: bool) -> None:
    assert Condition.read(operator, key, wanted).met(REQUEST) is met


def test_every_operator_is_tried_above() -> None:
    mark = test_an_operator_means_what_aws_documents.pytestmark[0]  # type: ignore[attr-defined]
    tried = {row[0].partition(":")[2] or row[0] for row in mark.args[1]}
    assert {name.removesuffix("IfExists") for name in tried} == OPERATORS


@pytest.mark.parametrize(
    ("operator", "key"),
    [
        ("IpAddress", "aws:SourceIp"),
        ("StringMatches", TAG),
        ("ForSomeValue:StringEquals", KEYS),
        ("NullIfExists", TAG),
        ("StringEquals", "ec2:Tenancy"),
        ("StringEquals", "aws:RequestTag/"),
        ("StringEquals", "aws:MultiFactorAuthAge"),
    ],
)
def test_what_is_not_known_is_not_understood(operator: str, key: str) -> None:
    with pytest.raises(NotUnderstood):
        Condition.read(operator, key, "x")


@pytest.mark.parametrize(
    ("operator", "key", "wanted"),
    [
        ("StringLike", TYPE, "${aws:username}*"),
        ("StringEquals", TYPE, "${aws:username}"),
        ("DateLessThan", NOW, "tomorrow"),
        ("ArnLike", PROFILE, "arn:aws:*"),
        ("StringEquals", KEYS, "Name"),  # several values, and no word on how many of them
    ],
)
def test_a_value_that_cannot_be_compared_is_not_understood(operator: str, key: str, wanted: str) -> None:
    with pytest.raises(NotUnderstood):
        Condition.read(operator, key, wanted).met(REQUEST)


@pytest.mark.parametrize(
    ("value", "pattern", "matches"),
    [
        ("arn:aws:s3:::b/benchmarks/r/events/1", "arn:aws:s3:::b/benchmarks/*/events/*", True),
        ("arn:aws:s3:::b/benchmarks/r/events/1", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::b/a:b", "arn:aws:s3:::b/*", True),
        ("arn:aws:ec2:us-east-1:123456789012:instance/i-1", "arn:aws:ec2:*:123456789012:instance/*", True),
        ("arn:aws:ec2:us-east-1:123456789012:volume/v", "arn:aws:ec2:*:123456789012:instance/*", False),
        ("arn:aws:ec2:us-east-1::image/ami-1", "arn:aws:ec2:*:123456789012:image/*", False),
        ("arn:aws:ec2:us-east-1::image/ami-1", "arn:aws:ec2:*::image/*", True),
        ("arn:aws:ec2:us-east-1::image/ami-1", "*", True),
        ("arn:aws:s3:::b/x", "arn:aws:s3:?::b/x", False),  # a wildcard does not reach over a colon
        ("arn:aws:s3:::b/x", "arn:aws:*::b/x:", False),
        ("*", "arn:aws:ec2:*:*:*", False),
    ],
)
def test_arns_match_part_by_part(value: str, pattern: str, matches: bool) -> None:
    assert arn_like(value, pattern) is matches
