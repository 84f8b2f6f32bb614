"""Schedules are kept as EventBridge Scheduler keeps them, and what is due is really carried out."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchtui.local import daemon
from benchtui.local.options import LocalOptions
from tests.local.api.conftest import error_code, launch, refusal_of, state_of
from tests.local.conftest import LocalCloud

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/benchtui-scheduler"
BY_ID = "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
BY_TAG = "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution"
OURS = {"LaunchedBy": "AsyncBenchmarkLauncher"}


def tagged(cloud: LocalCloud, **tags: str) -> str:
    """A running instance with these tags."""
    rows = [{"Key": key, "Value": value} for key, value in tags.items()]
    specification = [{"ResourceType": "instance", "Tags": rows}] if rows else None
    return str(launch(cloud, TagSpecifications=specification)["InstanceId"])


def clock_of(cloud: LocalCloud) -> dt.datetime:
    """The cloud's own time."""
    offset = float(cloud.private("POST", "clock", {"advance_s": 0})["offset_s"])
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=offset)


def create(cloud: LocalCloud, target: str, request: dict[str, Any], in_s: float = 600, **changes: Any) -> str:
    """Make a schedule; returns its name."""
    name = f"benchtui.{uuid.uuid4().hex}"
    due = clock_of(cloud) + dt.timedelta(seconds=in_s)
    fields = {
        "Name": name,
        "ScheduleExpression": f"at({due:%Y-%m-%dT%H:%M:%S})",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {"Arn": target, "RoleArn": ROLE, "Input": json.dumps(request)},
    } | changes
    cloud.boto3("scheduler").create_schedule(**fields)
    return name


def gone(cloud: LocalCloud, name: str) -> bool:
    try:
        cloud.boto3("scheduler").get_schedule(Name=name)
    except cloud.boto3("scheduler").exceptions.ResourceNotFoundException:
        return True
    return False


def eventually(condition: Callable[[], bool], patience_s: float = 10) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(cloud: LocalCloud, instance_id: str) -> bool:
    return state_of(cloud, instance_id) in ("shutting-down", "terminated")


def by_tag(run: str) -> dict[str, Any]:
    return {
        "DocumentName": "AWS-TerminateEC2Instance",
        "TargetParameterName": "InstanceId",
        "Targets": [{"Key": "tag:benchtui:run", "Values": [run]}],
        "MaxConcurrency": "100%",
        "MaxErrors": "100%",
    }


@pytest.mark.long
def test_a_due_schedule_ends_its_instance_and_then_itself(no_faults: LocalCloud) -> None:
    instance, other = tagged(no_faults, **OURS), tagged(no_faults, **OURS)
    name = create(no_faults, BY_ID, {"InstanceIds": [instance]})
    no_faults.advance_clock(590)
    assert state_of(no_faults, instance) == "running"
    no_faults.advance_clock(11)
    eventually(lambda: ended(no_faults, instance))
    eventually(lambda: gone(no_faults, name))
    assert state_of(no_faults, other) == "running"


@pytest.mark.slow
def test_real_time_is_enough(no_faults: LocalCloud) -> None:
    instance = tagged(no_faults, **OURS)
    create(no_faults, BY_ID, {"InstanceIds": [instance]}, in_s=2)
    eventually(lambda: ended(no_faults, instance))


def test_a_runbook_ends_every_instance_with_the_tag_and_no_other(no_faults: LocalCloud) -> None:
    run, other_run = uuid.uuid4().hex, uuid.uuid4().hex
    ours = [tagged(no_faults, **OURS, **{"benchtui:run": run}) for _ in range(2)]
    other = tagged(no_faults, **OURS, **{"benchtui:run": other_run})
    name = create(no_faults, BY_TAG, by_tag(run))
    no_faults.advance_clock(601)
    eventually(lambda: all(ended(no_faults, instance) for instance in ours))
    eventually(lambda: gone(no_faults, name))
    assert state_of(no_faults, other) == "running"


@pytest.mark.parametrize("form", ["tag", "id"])
def test_the_role_ends_nothing_that_is_not_tagged_as_ours(no_faults: LocalCloud, form: str) -> None:
    run = uuid.uuid4().hex
    foreign = tagged(no_faults, **{"benchtui:run": run})
    if form == "tag":
        name = create(no_faults, BY_TAG, by_tag(run))
    else:
        retries = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
        request = json.dumps({"InstanceIds": [foreign]})
        target = {"Arn": BY_ID, "RoleArn": ROLE, "Input": request, "RetryPolicy": retries}
        name = create(no_faults, BY_ID, {}, Target=target)
    no_faults.advance_clock(601)
    eventually(lambda: gone(no_faults, name))
    assert state_of(no_faults, foreign) == "running"


@pytest.mark.slow
def test_a_throttle_at_the_deadline_is_tried_again(no_faults: LocalCloud) -> None:
    instance = tagged(no_faults, **OURS)
    create(no_faults, BY_ID, {"InstanceIds": [instance]})
    no_faults.private(
        "POST", "faults", {"service": "ec2", "action": "TerminateInstances", "status": 503, "times": 2}
    )
    no_faults.advance_clock(601)
    eventually(lambda: ended(no_faults, instance))


@pytest.mark.slow
def test_a_schedule_that_was_removed_or_disabled_ends_nothing(no_faults: LocalCloud) -> None:
    removed, disabled = tagged(no_faults, **OURS), tagged(no_faults, **OURS)
    scheduler = no_faults.boto3("scheduler")
    scheduler.delete_schedule(Name=create(no_faults, BY_ID, {"InstanceIds": [removed]}))
    create(no_faults, BY_ID, {"InstanceIds": [disabled]}, State="DISABLED")
    no_faults.advance_clock(601)
    assert state_of(no_faults, removed) == state_of(no_faults, disabled) == "running"


@pytest.mark.slow
def test_an_update_moves_the_time_and_resets_what_it_does_not_name(no_faults: LocalCloud) -> None:
    instance = tagged(no_faults, **OURS)
    name = create(no_faults, BY_ID, {"InstanceIds": [instance]}, Description="first")
    scheduler = no_faults.boto3("scheduler")
    there = scheduler.get_schedule(Name=name)
    later = clock_of(no_faults) + dt.timedelta(seconds=2000)
    scheduler.update_schedule(
        Name=name,
        ScheduleExpression=f"at({later:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=there["Target"],
    )
    moved = scheduler.get_schedule(Name=name)
    assert (there["ActionAfterCompletion"], moved["ActionAfterCompletion"]) == ("DELETE", "NONE")
    assert "Description" not in moved
    no_faults.advance_clock(601)
    assert state_of(no_faults, instance) == "running"
    no_faults.advance_clock(1400)
    eventually(lambda: ended(no_faults, instance))
    assert not gone(no_faults, name)


def test_what_is_not_as_it_must_be_is_refused_when_it_is_made(no_faults: LocalCloud) -> None:
    request = {"InstanceIds": ["i-0123456789abcdef0"]}

    def refused(**changes: Any) -> tuple[str, str]:
        code, message, _ = refusal_of(lambda: create(no_faults, BY_ID, request, **changes))
        return code, message

    unknown = {"Arn": BY_ID, "RoleArn": ROLE.replace("benchtui-scheduler", "nobody")}
    not_for_scheduler = {"Arn": BY_ID, "RoleArn": ROLE.replace("scheduler", "instance")}
    for target in (unknown, not_for_scheduler):
        code, message = refused(Target=target)
        assert code == "ValidationException" and "assume the role" in message
    reading = {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:describeInstances", "RoleArn": ROLE}
    assert refused(Target=reading)[0] == "ValidationException"
    assert refused(ScheduleExpression="at(tomorrow)")[0] == "ValidationException"
    assert refused(ScheduleExpression="at(2020-01-01T00:00:00)")[0] == "ValidationException"
    assert refused(GroupName="no-such")[0] == "ResourceNotFoundException"
    assert refused(Name="x" * 65)[0] == "ValidationException"
    too_long = {"Arn": BY_ID, "RoleArn": ROLE, "RetryPolicy": {"MaximumEventAgeInSeconds": 90_000}}
    assert refused(Target=too_long)[0] == "ValidationException"


@pytest.mark.slow
def test_a_name_is_taken_once_but_the_same_request_twice_is_one(no_faults: LocalCloud) -> None:
    request = {"InstanceIds": ["i-0123456789abcdef0"]}
    name = create(no_faults, BY_ID, request)
    code, _, status = refusal_of(lambda: create(no_faults, BY_ID, request, Name=name))
    assert (code, status) == ("ConflictException", 409)
    at = f"at({clock_of(no_faults) + dt.timedelta(hours=1):%Y-%m-%dT%H:%M:%S})"
    same = {"Name": f"{name}.again", "ClientToken": uuid.uuid4().hex, "ScheduleExpression": at}
    create(no_faults, BY_ID, request, **same)
    create(no_faults, BY_ID, request, **same)


@pytest.mark.slow
def test_a_listing_goes_by_prefix_in_pages_and_by_region(no_faults: LocalCloud) -> None:
    prefix = f"benchtui.{uuid.uuid4().hex}"
    names = [f"{prefix}.{n}" for n in range(3)]
    for name in names:
        create(no_faults, BY_ID, {"InstanceIds": ["i-0123456789abcdef0"]}, Name=name)
    scheduler = no_faults.boto3("scheduler")
    first = scheduler.list_schedules(NamePrefix=prefix, MaxResults=2)
    second = scheduler.list_schedules(NamePrefix=prefix, MaxResults=2, NextToken=first["NextToken"])
    assert [row["Name"] for row in first["Schedules"] + second["Schedules"]] == names
    assert "NextToken" not in second
    assert no_faults.boto3("scheduler", "eu-west-1").list_schedules(NamePrefix=prefix)["Schedules"] == []
    assert error_code(lambda: scheduler.delete_schedule(Name=prefix)) == "ResourceNotFoundException"


def test_the_runbook_is_described_and_what_it_cannot_do_is_refused(no_faults: LocalCloud) -> None:
    ssm = no_faults.boto3("ssm")
    document = ssm.describe_document(Name="AWS-TerminateEC2Instance")["Document"]
    assert (document["Status"], document["DocumentType"]) == ("Active", "Automation")
    assert "InstanceId" in {parameter["Name"] for parameter in document["Parameters"]}
    assert error_code(lambda: ssm.describe_document(Name="AWS-TerminateEC2Instances")) == "InvalidDocument"
    wrong = by_tag("x") | {"DocumentName": "AWS-TerminateEC2Instances"}
    code = error_code(lambda: ssm.start_automation_execution(**wrong))
    assert code == "AutomationDefinitionNotFoundException"
    two = by_tag("x") | {"Targets": by_tag("x")["Targets"] * 2}
    code = error_code(lambda: ssm.start_automation_execution(**two))
    assert code == "InvalidAutomationExecutionParametersException"


@pytest.mark.slow
def test_one_protected_instance_does_not_spare_the_others(no_faults: LocalCloud) -> None:
    run = uuid.uuid4().hex
    ids = [tagged(no_faults, **OURS, **{"benchtui:run": run}) for _ in range(3)]
    no_faults.boto3("ec2").modify_instance_attribute(InstanceId=ids[0], DisableApiTermination={"Value": True})
    ssm = no_faults.boto3("ssm")
    started = ssm.start_automation_execution(**by_tag(run))
    execution = ssm.get_automation_execution(AutomationExecutionId=started["AutomationExecutionId"])
    execution = execution["AutomationExecution"]
    assert execution["AutomationExecutionStatus"] == "Failed"
    assert execution["ResolvedTargets"]["ParameterValues"] == ids
    assert "OperationNotPermitted" in execution["FailureMessage"]
    assert [ended(no_faults, instance) for instance in ids] == [False, True, True]
    no_faults.boto3("ec2").modify_instance_attribute(
        InstanceId=ids[0], DisableApiTermination={"Value": False}
    )
    spared = by_tag(run) | {"MaxErrors": "0"}
    assert ssm.start_automation_execution(**spared)["AutomationExecutionId"]


@pytest.mark.slow
def test_schedules_survive_a_restart(tmp_path: Path) -> None:
    options = LocalOptions(state_dir=tmp_path, host=False)
    before = LocalCloud(daemon.up(options), tmp_path)
    try:
        name = create(before, BY_ID, {"InstanceIds": ["i-0123456789abcdef0"]})
        shown = before.boto3("scheduler").get_schedule(Name=name)
        daemon.down(tmp_path)
        after = LocalCloud(daemon.up(options), tmp_path)
        restored = after.boto3("scheduler").get_schedule(Name=name)
        for answer in (shown, restored):
            del answer["ResponseMetadata"]
        assert restored == shown
    finally:
        daemon.down(tmp_path)
