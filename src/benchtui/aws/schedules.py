"""EventBridge Scheduler: one-time schedules that end instances when nobody else does.

Every schedule is put so that a repetition changes nothing: it is made, or the one of that name is compared
with what is wanted and changed where it differs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from benchtui.aws.errors import CloudError, UnusableAnswer, classify, to_user_error
from benchtui.aws.failures import FailureKind
from benchtui.aws.instances import TAG_RUN
from benchtui.aws.session import Answer, Cloud, Identity
from benchtui.core.deadlines import ScheduleName, prefix_of
from benchtui.core.keys import KeyNotOurs
from benchtui.core.policies.scope import DOCUMENT
from benchtui.core.starts import StartName
from benchtui.core.text import clean_line

BY_TAG = "arn:{partition}:scheduler:::aws-sdk:ssm:startAutomationExecution"
BY_ID = "arn:{partition}:scheduler:::aws-sdk:ec2:terminateInstances"
#: A day, the most there is: an end that comes late is right all the same, whatever was down meanwhile.
MAX_EVENT_AGE_S = 86_400
MAX_RETRIES = 185
#: A schedule that vanishes between two requests is made again; three times is a quarrel.
PUT_TRIES = 3
PAGE = 100  # most a page of ListSchedules may hold

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)\)")


@dataclass(frozen=True, slots=True)
class ScheduleRole:
    """The role that Scheduler takes on, by its ARN: ``arn:aws:iam::123456789012:role/benchtui-scheduler``."""

    arn: str

    @classmethod
    def of(cls, name: str, identity: Identity) -> ScheduleRole:
        """The role ``name`` (or its ARN) of the caller's account."""
        if name.startswith("arn:"):
            return cls(name)
        partition = identity.arn.split(":")[1] if identity.arn.startswith("arn:") else "aws"
        return cls(f"arn:{partition}:iam::{identity.account}:role/{name}")

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn``, ``aws-us-gov``."""
        return self.arn.split(":")[1]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it is there, or as it is wanted."""

    name: ScheduleName
    at: datetime | None  # UTC; None: not a one-time expression in UTC, so not one of ours
    target: str  # ARN of what it does
    role: str  # ARN
    input: Any  # parameters of the target, parsed
    enabled: bool = True
    deletes_itself: bool = True
    max_event_age_s: int | None = MAX_EVENT_AGE_S
    max_retries: int | None = MAX_RETRIES

    def params(self) -> dict[str, Any]:
        """Parameters of CreateSchedule and UpdateSchedule, which replaces everything."""
        assert self.at is not None
        return {
            "Name": str(self.name),
            "Description": f"ends {self.name.instance_id or 'all instances'} of benchtui run {self.name.run}",
            "ScheduleExpression": f"at({self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "ActionAfterCompletion": "DELETE",  # the default keeps it for ever
            "Target": {
                "Arn": self.target,
                "RoleArn": self.role,
                "Input": json.dumps(self.input),
                "RetryPolicy": {
                    "MaximumEventAgeInSeconds": self.max_event_age_s,
                    "MaximumRetryAttempts": self.max_retries,
                },
            },
        }


@dataclass(frozen=True, slots=True)
class ListedSchedule:
    """A schedule as ListSchedules tells it: without its time."""

    name: ScheduleName
    enabled: bool
    created_at: datetime  # UTC
    modified_at: datetime  # UTC


def ending_by_tag(run: str, at: datetime, role: ScheduleRole) -> Schedule:
    """Ends every instance tagged with ``run`` in the schedule's region at ``at``.

    All errors are allowed and all instances ended at once: one that fails must not spare the others.
    """
    parameters = {
        "DocumentName": DOCUMENT,
        "TargetParameterName": "InstanceId",
        "Targets": [{"Key": f"tag:{TAG_RUN}", "Values": [run]}],  # one tag only is taken
        "MaxConcurrency": "100%",
        "MaxErrors": "100%",
    }
    return Schedule(ScheduleName(run), at, BY_TAG.format(partition=role.partition), role.arn, parameters)


def ending_by_id(run: str, instance_id: str, at: datetime, role: ScheduleRole) -> Schedule:
    """Ends one instance at ``at``."""
    return Schedule(
        ScheduleName(run, instance_id),
        at,
        BY_ID.format(partition=role.partition),
        role.arn,
        {"InstanceIds": [instance_id]},
    )


async def check_runbook(cloud: Cloud, region: str) -> None:
    """Make sure that the runbook is there: a schedule with a wrong name fails only at the deadline.

    Raises:
        CloudError: MISSING or INVALID: it is not there as it should be; else Systems Manager did not say.
    """
    answer = await cloud.call(
        "ssm", region, "DescribeDocument", {"Name": DOCUMENT}, expect=("Document",), subject=DOCUMENT
    )
    document = answer["Document"]
    takes = {parameter.get("Name") for parameter in document.get("Parameters") or ()}
    if document.get("Status") != "Active" or document.get("DocumentType") != "Automation":
        status, kind = document.get("Status"), document.get("DocumentType")
        said = f"{DOCUMENT} is {clean_line(str(status))} and of type {clean_line(str(kind))}"
        raise _unusable(said, region, "DescribeDocument")
    if takes and "InstanceId" not in takes:
        raise _unusable(f"{DOCUMENT} does not take InstanceId", region, "DescribeDocument")


async def put_schedule(
    cloud: Cloud,
    region: str,
    wanted: Schedule,
    *,
    keep_from: datetime | None = None,
    before_later: Callable[[], Awaitable[None]] | None = None,
) -> datetime:
    """Make the schedule, or bring the one of its name to what is wanted; its time as it then is, UTC.

    Args:
        cloud, region: where.
        wanted: the schedule.
        keep_from: one that comes then or later keeps its time, and is written again all the same, so that it
            shows as set just now; None: there is no such time.
        before_later: called before one that is there is set to a later time; if it raises, that one stays.

    Raises:
        CloudError: it is not known to be there as wanted.
    """
    assert wanted.at is not None
    for _ in range(PUT_TRIES):
        try:
            await _send(cloud, region, "CreateSchedule", wanted)
            return wanted.at
        except CloudError as error:
            if error.failure.code != "ConflictException":
                raise
            conflict = error
        there = await get_schedule(cloud, region, wanted.name)
        if there is None:
            continue  # it fired or was removed just now
        at = wanted.at
        if there.at is not None:
            if keep_from is not None and there.at >= keep_from:
                at = there.at
            elif before_later is not None and there.at < at:
                await before_later()
        if keep_from is None and _same(there, wanted) and there.at == at:
            return at
        try:
            await _send(cloud, region, "UpdateSchedule", replace(wanted, at=at))
            return at
        except CloudError as error:
            # Gone, or changed by someone else at this very moment: look again.
            if error.failure.kind is not FailureKind.MISSING and error.failure.code != "ConflictException":
                raise
            conflict = error
    raise conflict


async def _send(cloud: Cloud, region: str, operation: str, wanted: Schedule) -> None:
    """Safe to repeat: what a lost answer had made shows as a conflict, and is compared."""
    await cloud.call(
        "scheduler", region, operation, wanted.params(), expect=("ScheduleArn",), subject=str(wanted.name)
    )


def _same(there: Schedule, wanted: Schedule) -> bool:
    """Whether it does what is wanted, whenever it does it."""
    return replace(there, at=None) == replace(wanted, at=None)


async def get_schedule(cloud: Cloud, region: str, name: ScheduleName) -> Schedule | None:
    """The schedule of that name; None: there is none, by Scheduler's own word.

    Raises:
        CloudError: Scheduler did not say.
    """
    try:
        answer = await cloud.call(
            "scheduler",
            region,
            "GetSchedule",
            {"Name": str(name)},
            expect=("ScheduleExpression", "Target"),
            subject=str(name),
        )
    except CloudError as error:
        if error.failure.code == "ResourceNotFoundException":
            return None
        raise
    return _schedule(name, answer)


def _schedule(name: ScheduleName, answer: Answer) -> Schedule:
    target = answer["Target"]
    retries = target.get("RetryPolicy") or {}
    try:
        parameters = json.loads(target.get("Input") or "null")
    except (ValueError, RecursionError):
        parameters = None  # not what we write, so it will be seen to differ
    return Schedule(
        name=name,
        at=_time(answer),
        target=str(target.get("Arn")),
        role=str(target.get("RoleArn")),
        input=parameters,
        enabled=answer.get("State", "ENABLED") == "ENABLED",
        deletes_itself=answer.get("ActionAfterCompletion") == "DELETE",
        max_event_age_s=retries.get("MaximumEventAgeInSeconds"),
        max_retries=retries.get("MaximumRetryAttempts"),
    )


def _time(answer: Answer) -> datetime | None:
    found = _AT.fullmatch(str(answer["ScheduleExpression"]))
    if found is None or answer.get("ScheduleExpressionTimezone", "UTC") not in ("UTC", "Etc/UTC", None):
        return None
    try:
        return datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return None


async def list_schedules(cloud: Cloud, region: str, run: str | None) -> tuple[ListedSchedule, ...]:
    """Schedules of ``run`` in ``region``, or of every run; those that are not ours are left out.

    Raises:
        CloudError: Scheduler did not say: nothing is known then.
    """
    found = []
    for row in await schedule_rows(cloud, region, prefix_of(run)):
        try:
            name = ScheduleName.parse(str(row["Name"]))
            created = row["CreationDate"].astimezone(UTC)
            modified = row["LastModificationDate"].astimezone(UTC)
        except KeyNotOurs:
            continue
        except (KeyError, AttributeError) as error:
            raise _unusable(f"a schedule without a usable {error}", region, "ListSchedules") from error
        if run in (None, name.run):
            enabled = row.get("State", "ENABLED") == "ENABLED"
            found.append(ListedSchedule(name, enabled, created, modified))
    return tuple(sorted(found, key=lambda each: (each.name.run, each.name.instance_id or "")))


async def schedule_rows(cloud: Cloud, region: str, prefix: str) -> list[Answer]:
    """Schedules in ``region`` whose names begin with ``prefix``, as ListSchedules tells them.

    Raises:
        CloudError: Scheduler did not say: nothing is known then.
    """
    asked = {"NamePrefix": prefix, "GroupName": "default", "MaxResults": PAGE}
    return await cloud.pages("scheduler", region, "ListSchedules", asked, item="Schedules")


async def remove_schedule(cloud: Cloud, region: str, name: ScheduleName | StartName) -> None:
    """Remove it; one that is not there is removed already.

    Raises:
        CloudError: it may still be there.
    """
    try:
        await cloud.call("scheduler", region, "DeleteSchedule", {"Name": str(name)}, subject=str(name))
    except CloudError as error:
        if error.failure.code != "ResourceNotFoundException":
            raise


def _unusable(message: str, region: str, operation: str) -> CloudError:
    return to_user_error(classify(UnusableAnswer(message), region=region, operation=operation))
