"""The doctor with no more than the rights it asks for, and with less."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from benchtui.core.policies import Policy, Scope, doctor_rights, kill_only, launcher, watcher
from benchtui.engine.doctor.finding import Status
from tests.doctor.patient import REGION, Patient, by_name
from tests.doctor.planted import SCOPE
from tests.doctor.proof import NOT_OK

Make = Callable[[Scope], Policy]


def act_as(patient: Patient, *policies: Make) -> None:
    """From now on with the keys of a user who has these policies alone."""
    iam, name = patient.client("iam"), f"someone-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    for make in policies:
        policy = make(SCOPE)
        iam.put_user_policy(UserName=name, PolicyName=policy.name, PolicyDocument=policy.compact_text())
    key = iam.create_access_key(UserName=name)["AccessKey"]
    patient.environ = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


async def test_with_the_launchers_and_the_doctors_policy_all_is_looked_at(patient: Patient):
    act_as(patient, launcher, doctor_rights)
    found = by_name(await patient.look())
    assert [each for name, each in found.items() if each.status is not NOT_OK.get(name, Status.OK)] == []
    assert found["terminate"].found.startswith("TerminateInstances would be allowed in all")


@pytest.mark.slow
async def test_who_may_only_watch_is_told_that_nothing_can_be_launched_or_ended(patient: Patient):
    act_as(patient, watcher, doctor_rights)
    found = by_name(await patient.look())
    assert found["terminate"].status is Status.FAIL
    assert found[f"launch {REGION}"].status in (Status.FAIL, Status.UNKNOWN)
    assert found["instances"].status is Status.OK
    assert found["bucket-policy"].status is Status.OK


@pytest.mark.slow
async def test_without_the_right_to_read_settings_they_are_unknown_and_named(patient: Patient):
    act_as(patient, launcher)
    found = by_name(await patient.look())
    for line in ("role", "scheduler-role", "bucket-policy"):
        assert found[line].status is Status.UNKNOWN, found[line]
    assert "iam:GetInstanceProfile" in f"{found['profile'].found} {found['profile'].fix}"
    assert found["instances"].status is Status.OK
    assert found[f"subnets {REGION}"].status is Status.OK


@pytest.mark.slow
async def test_who_may_only_kill_may_end_instances(patient: Patient):
    act_as(patient, kill_only, doctor_rights)
    found = by_name(await patient.look())
    assert found["terminate"].status is Status.OK
