"""Policies fit AWS's limits, say why, name one account, and are what docs/SAFETY.md shows."""

import fnmatch
import json
import re
from pathlib import Path

import pytest

from benchtui.aws.instances import LAUNCHED_BY, TAG_EXPIRES, TAG_LAUNCHED_BY, TAG_RUN
from benchtui.core import keys
from benchtui.core.policies import (
    INLINE_LIMIT,
    MADE_BY_SETUP,
    MANAGED_LIMIT,
    Effect,
    Policy,
    Scope,
    Statement,
    all_policies,
    bucket_policy,
    history_rights,
    instance_role,
    instance_trust,
    kill_only,
    launcher,
    scheduler_role,
    scheduler_trust,
    setup_rights,
    watcher,
)
from benchtui.core.policies.scope import LAUNCH_TAG

SAFETY = Path(__file__).parents[2] / "docs" / "SAFETY.md"
#: The longest names that AWS allows: 63 characters of a bucket, 64 of a role, 128 of a profile.
LONGEST = Scope("123456789012", "b" * 63, "aws-us-gov", "p" * 64, "s" * 64)
RUN, JOB = "20261124-021533-k3f7", "c7g.large-1"
KEYS = {
    "run": keys.run_json_key(RUN),
    "reservation": keys.reservation_key(RUN, 1),
    "kill": keys.kill_key(RUN),
    "heartbeat": keys.heartbeat_key(RUN, JOB),
    "system": keys.system_key(RUN, JOB),
    "result": keys.result_key(RUN, JOB, "control"),  # a suite of the user's own
    "log": keys.log_key(RUN, JOB, 1),
    "event": keys.events_prefix(RUN) + f"20261124T021533123Z/{JOB}/0001-BOOTED",
    "payload": keys.payload_key("0" * 64),
    "drill": keys.drill_key(RUN),
    "reap": keys.reap_key(),
    "rollup": keys.rollup_key("2026-11", 1),
}


def scope(bucket: str = "BUCKET") -> Scope:
    return Scope("123456789012", bucket)


def meets(statement: Statement, action: str, key: str) -> bool:
    arn = f"{scope().bucket_arn}/{key}"
    return action in statement.actions and any(fnmatch.fnmatchcase(arn, each) for each in statement.resources)


def may(policy: Policy, action: str) -> set[str]:
    """Names of the keys of `KEYS` on which a policy allows an action."""
    effects = {
        name: {each.effect for each in policy.statements if meets(each, action, key)}
        for name, key in KEYS.items()
    }
    return {name for name, found in effects.items() if found == {Effect.ALLOW}}


@pytest.mark.parametrize("policy", all_policies(LONGEST), ids=lambda policy: policy.name)
def test_each_fits_what_aws_takes_even_with_the_longest_names(policy: Policy):
    assert policy.size <= policy.limit
    assert not re.search(r"\s", policy.compact_text()), "white space would count differently"
    assert json.loads(policy.document_text()) == json.loads(policy.compact_text()) == policy.document()


def test_limits_are_those_of_a_role_and_of_a_managed_policy():
    assert (INLINE_LIMIT, MANAGED_LIMIT) == (10_240, 6_144)
    assert {make(LONGEST).limit for make in MADE_BY_SETUP} == {10_240, 2_048, 20_480}


@pytest.mark.parametrize("policy", all_policies(scope()), ids=lambda policy: policy.name)
def test_each_statement_says_why_in_a_sentence_and_has_a_name_of_its_own(policy: Policy):
    sids = [each.sid for each in policy.statements]
    assert len(set(sids)) == len(sids) and all(sid.isalnum() for sid in sids)
    for each in policy.statements:
        assert each.why.endswith(".") and each.why[0].isupper() and len(each.why) > 20, each.sid
        assert not any("*" in action and action != "s3:*" for action in each.actions), each.sid


@pytest.mark.parametrize("policy", all_policies(scope()), ids=lambda policy: policy.name)
def test_only_what_cannot_be_narrowed_is_about_everything(policy: Policy):
    for each in policy.statements:
        if each.effect is Effect.ALLOW and each.resources == ("*",):
            calls = {action.partition(":")[2] for action in each.actions}
            assert all(call.startswith(("Describe", "List", "Get")) for call in calls), each.sid


def test_policies_follow_the_partition():
    for policy in all_policies(Scope("123456789012", "b", "aws-cn")):
        arns = re.findall(r"arn:[\w-]+", policy.compact_text())
        assert set(arns) <= {"arn:aws-cn"}, policy.name


def test_the_page_on_safety_shows_the_roles_as_they_are():
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", SAFETY.read_text(), re.DOTALL)]
    for make in (instance_role, scheduler_role, scheduler_trust):
        assert make(scope()).document() in shown, make.__name__


def test_the_tags_are_those_of_every_launch():
    assert LAUNCH_TAG == (TAG_LAUNCHED_BY, LAUNCHED_BY)
    launch = next(each for each in launcher(scope()).statements if each.sid == "LaunchTagged")
    assert set(launch.conditions["Null"]) == {f"aws:RequestTag/{TAG_RUN}", f"aws:RequestTag/{TAG_EXPIRES}"}


def test_whatever_ends_or_removes_instances_does_so_by_benchtui_s_tag_alone():
    for make in (launcher, kill_only, scheduler_role):
        for each in make(scope()).statements:
            destroys = [a for a in each.actions if a.startswith("ec2:") and "Describe" not in a]
            if destroys and "ec2:RunInstances" not in destroys and "ec2:CreateTags" not in destroys:
                tag = f"aws:ResourceTag/{TAG_LAUNCHED_BY}"
                assert each.conditions["StringEquals"] == {tag: LAUNCHED_BY}, each.sid


def test_a_watcher_changes_nothing_and_a_kill_starts_nothing():
    reads = ("Describe", "List", "Get")
    assert all(action.partition(":")[2].startswith(reads) for action in watcher(scope()).actions)
    assert not {"ec2:RunInstances", "iam:PassRole", "scheduler:CreateSchedule"} & set(
        kill_only(scope()).actions
    )
    assert set(kill_only(scope()).actions) <= set(launcher(scope()).actions)
    assert set(watcher(scope()).actions) <= set(launcher(scope()).actions)
    assert not [action for action in launcher(scope()).actions if action.startswith("s3:Delete")]


def test_who_may_write_which_objects():
    assert may(instance_role(scope()), "s3:PutObject") == {"event", "heartbeat", "system", "result", "log"}
    assert may(instance_role(scope()), "s3:GetObject") == {"payload", "kill"}
    assert may(launcher(scope()), "s3:PutObject") == {
        "run",
        "reservation",
        "kill",
        "event",
        "payload",
        "drill",
        "reap",
    }
    assert may(kill_only(scope()), "s3:PutObject") == {"kill", "reap"}
    assert may(watcher(scope()), "s3:PutObject") == set()
    assert may(history_rights(scope()), "s3:PutObject") == {"rollup"}
    assert may(setup_rights(scope()), "s3:PutObject") == set()


def test_who_reads_results_reads_roll_ups_and_bundles_as_well():
    for make in (watcher, launcher):
        assert may(make(scope()), "s3:GetObject") == set(KEYS)
    assert may(kill_only(scope()), "s3:GetObject") == {"run"}


def test_an_instance_has_no_right_but_to_speak_and_to_hear():
    assert instance_role(scope()).actions == ("s3:GetObject", "s3:PutObject")
    denied = next(each for each in instance_role(scope()).statements if each.effect is Effect.DENY)
    assert all(meets(denied, "s3:PutObject", KEYS[name]) for name in ("reservation", "kill"))
    assert instance_trust(scope()).statements[0].principal == {"Service": "ec2.amazonaws.com"}


def test_the_bucket_refuses_to_overwrite_everything_but_heartbeats_and_the_last_reaping():
    once = next(each for each in bucket_policy(scope()).statements if each.sid == "WrittenOnce")
    free = {name for name, key in KEYS.items() if not meets(once, "s3:PutObject", key)}
    assert free == {"heartbeat", "reap"}
    assert once.effect is Effect.DENY and once.principal == "*"
