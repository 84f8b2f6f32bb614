"""Some rows of the matrix; `make proof-iam` prints all of them."""

from __future__ import annotations

from .acts import SUBJECTS, Act, Subject
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
