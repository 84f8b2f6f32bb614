"""Some rows of the matrix; `make proof-iam` prints all of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.schema_checks import exactly

from .acts import READING, SUBJECTS, Act, Subject, bundle_there, speak
from .matrix import Worked, taken_away, whole
from .world import Outcome, World, without

BY_NAME = {subject.policy.name: subject for subject in SUBJECTS}


def act(subject: Subject, name: str) -> Act:
    return next(one for one in subject.acts if one.name == name)


def test_what_fails_names_the_action_that_is_missing(world: World) -> None:
    subject, missing = BY_NAME["launcher"], "ec2:CreateTags"
    used = Worked("launcher", act(subject, "run"), Outcome(0, "", ""), frozenset({missing}))
    (row,) = taken_away(world, subject, [used], missing)
    assert (row.problem, row.code) == ("", 3), row
    assert missing in row.message


def test_an_instance_speaks_and_fetches_under_exactly_its_role(world: World) -> None:
    subject = BY_NAME["instance-role"]
    worked = whole(world, subject)
    assert [one.outcome.code for one in worked] == [0, 0]
    assert {name for one in worked for name in one.used} == {"s3:PutObject", "s3:GetObject"}
    assert [row.problem for row in taken_away(world, subject, worked)] == ["", ""]


@pytest.mark.long
def test_a_watcher_reads_roll_ups_and_verifies_with_the_bundle(world: World) -> None:
    # Somebody left a run without a run.json: S3 refuses to say that it is not there.
    assert speak(world, world.admin, bundle_there(world)).code == 0
    worked = whole(world, replace(BY_NAME["watcher"], acts=READING[:2]))
    assert [(one.works, one.outcome.code) for one in worked] == [(True, 0)] * 2, worked
    exactly("history", json.loads(worked[0].outcome.out))
    exactly("verify", json.loads(worked[1].outcome.out))


@pytest.mark.long
def test_to_a_watcher_a_run_that_is_not_there_is_no_such_run(world: World) -> None:
    done = world.benchtui(world.user(BY_NAME["watcher"].policy.document()), "status", "20260101-000000-aaaa")
    assert done.code == 2, done.said
    assert "holds no run 20260101-000000-aaaa" in done.err


@pytest.mark.long
def test_rolling_up_takes_the_right_to_write_below_history_and_names_it(world: World) -> None:
    subject = BY_NAME["history"]
    worked = whole(world, subject)
    assert [one.works for one in worked] == [True], worked
    exactly("compact", json.loads(worked[0].outcome.out))
    (row,) = taken_away(world, subject, worked)
    assert (row.action, row.problem, row.code) == ("s3:PutObject", "", 3), row


def test_taking_an_action_away_leaves_the_rest() -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "a"},
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "b"},
            {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "c"},
        ],
    }
    assert without(document, "s3:GetObject")["Statement"] == [
        {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "b"},
        {"Effect": "Deny", "Action": ["s3:GetObject"], "Resource": "c"},
    ]
