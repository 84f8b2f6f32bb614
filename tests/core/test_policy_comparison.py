"""Policies are compared by what they say, not by how it is written."""

from __future__ import annotations

import pytest

from benchtui.core.policies import Scope, all_policies, instance_role
from benchtui.core.policy_comparison import difference, rules_of

SCOPE = Scope("123456789012", "bucket")
ALLOW = {"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


@pytest.mark.parametrize("policy", all_policies(SCOPE), ids=lambda each: each.name)
def test_every_policy_is_equal_to_itself(policy):
    assert difference([policy.document()], [policy.document()]).none


@pytest.mark.parametrize(
    "written",
    [
        {**ALLOW, "Sid": "another name"},
        {**ALLOW, "Action": ["S3:getobject"]},
        {**ALLOW, "Resource": ["arn:aws:s3:::b/*"]},
        {**ALLOW, "Condition": {}},
    ],
)
def test_what_differs_in_form_alone_is_equal(written):
    assert difference([{"Statement": ALLOW}], [{"Statement": [written]}]).none


@pytest.mark.parametrize(
    "written",
    [
        {**ALLOW, "Effect": "Deny"},
        {**ALLOW, "Action": ["s3:GetObject", "s3:PutObject"]},
        {**ALLOW, "Resource": "arn:aws:s3:::B/*"},
        {**ALLOW, "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {**ALLOW, "Principal": "*"},
        {**ALLOW, "NotAction": "s3:*"},
    ],
)
def test_what_says_something_else_is_missing_and_beside(written):
    found = difference([{"Statement": [ALLOW]}], [{"Statement": [written]}])
    assert [rule.sid for rule in found.missing] == ["A"]
    assert len(found.extra) == 1


def test_statements_may_stand_in_several_policies_of_a_role():
    whole = instance_role(SCOPE).document()
    parts = [{"Statement": [each]} for each in whole["Statement"]]
    assert difference([whole], reversed(parts)).none


def test_what_is_no_statement_counts_as_one_that_allows_everything():
    (rule,) = rules_of({"Statement": "anything"})
    assert rule.effect == "Allow"
    assert rule.actions == {"*"}


def test_everybody_is_everybody_however_it_is_written():
    rows = [{**ALLOW, "Principal": "*"}, {**ALLOW, "Principal": {"AWS": "*"}}]
    assert difference([{"Statement": rows[:1]}], [{"Statement": rows[1:]}]).none
