"""The policies that docs/SAFETY.md tells people to create are those that the local cloud works under."""

import fnmatch
import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchtui.aws.instances import LAUNCHED_BY, TAG_LAUNCHED_BY
from benchtui.core import keys
from benchtui.core.instance_role import instance_policy
from benchtui.core.scheduler_role import OUR_TAG, launcher_policy, role_policy, trust_policy

ACCOUNT = "123456789012"
SAFETY = Path(__file__).parents[2] / "docs" / "SAFETY.md"


@pytest.mark.parametrize("policy", [trust_policy, role_policy, launcher_policy])
def test_the_page_shows_each_policy_as_it_is(policy: Any):
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", SAFETY.read_text(), re.DOTALL)]
    assert policy(ACCOUNT) in shown


def test_the_page_shows_what_an_instance_may_do_and_must_not():
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", SAFETY.read_text(), re.DOTALL)]
    assert instance_policy("BUCKET") in shown


def test_no_run_s_money_or_orders_can_be_written_by_an_instance():
    denied = next(s for s in instance_policy("b")["Statement"] if s["Effect"] == "Deny")
    run = "20261124-021533-k3f7"
    for key in (keys.reservation_key(run, 1), keys.kill_key(run)):
        assert any(fnmatch.fnmatchcase(f"arn:aws:s3:::b/{key}", arn) for arn in denied["Resource"]), key


def test_the_role_may_end_only_what_launches_are_tagged_with():
    assert OUR_TAG == (TAG_LAUNCHED_BY, LAUNCHED_BY)
    ending = [s for s in role_policy(ACCOUNT)["Statement"] if "ec2:TerminateInstances" in s["Action"]]
    assert [s["Condition"] for s in ending] == [
        {"StringEquals": {f"aws:ResourceTag/{TAG_LAUNCHED_BY}": LAUNCHED_BY}}
    ]


def test_policies_follow_the_partition():
    for policy in (role_policy, launcher_policy):
        text = json.dumps(policy(ACCOUNT, "aws-cn"))
        assert "arn:aws-cn:" in text and "arn:aws:" not in text
