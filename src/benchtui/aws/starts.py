"""EventBridge Scheduler: one-time schedules that launch an instance while nobody is there.

The target is RunInstances itself, by the SDK's own integration; the request is the launcher's, client token
and all, so that a repetition by Scheduler launches nothing twice.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchtui.aws.errors import CloudError, UnusableAnswer, classify, to_user_error
from benchtui.aws.instances import LaunchRequest
from benchtui.aws.schedules import ScheduleRole, remove_schedule, schedule_rows
from benchtui.aws.session import Cloud
from benchtui.core.keys import KeyNotOurs
from benchtui.core.starts import START_WINDOW, StartName, prefix_of

LAUNCH = "arn:{partition}:scheduler:::aws-sdk:ec2:runInstances"
MAX_RETRIES = 20


@dataclass(frozen=True, slots=True)
class Start:
    """A schedule that launches one job."""

    name: StartName
    at: datetime  # UTC
    request: LaunchRequest
    role: ScheduleRole

    def params(self) -> dict[str, Any]:
        """Parameters of CreateSchedule."""
        asked = self.request.params()
        # Here no SDK of ours encodes it on its way.
        asked["UserData"] = base64.b64encode(self.request.user_data.encode()).decode()
        return {
            "Name": str(self.name),
            "Description": f"launches {self.request.job} of benchtui run {self.name.run}",
            "ScheduleExpression": f"at({self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": LAUNCH.format(partition=self.role.partition),
                "RoleArn": self.role.arn,
                "Input": json.dumps(asked),
                "RetryPolicy": {
                    "MaximumEventAgeInSeconds": int(START_WINDOW.total_seconds()),
                    "MaximumRetryAttempts": MAX_RETRIES,
                },
            },
        }


async def put_start(cloud: Cloud, start: Start) -> None:
    """Make it. One of that name is this very one: a run's id is never used twice.

    Raises:
        CloudError: it is not known to be there.
    """
    try:
        await cloud.call(
            "scheduler",
            start.request.region,
            "CreateSchedule",
            start.params(),
            expect=("ScheduleArn",),
            subject=str(start.name),
        )
    except CloudError as error:
        if error.failure.code != "ConflictException":
            raise


async def list_starts(cloud: Cloud, region: str, run: str | None) -> tuple[StartName, ...]:
    """Starts of a run in ``region`` that are still to come, or of every run.

    Raises:
        CloudError: Scheduler did not say.
    """
    found = []
    for row in await schedule_rows(cloud, region, prefix_of(run)):
        try:
            found.append(StartName.parse(str(row["Name"])))
        except KeyNotOurs:
            continue
        except KeyError as error:
            unusable = UnusableAnswer("a schedule without a name")
            raise to_user_error(classify(unusable, region=region, operation="ListSchedules")) from error
    return tuple(sorted(found, key=lambda name: (name.run, name.number)))


async def remove_starts(cloud: Cloud, region: str, run: str | None) -> int:
    """Remove the starts of a run in ``region``, or of every run; how many there were.

    Raises:
        CloudError: some may still be there, and would launch their jobs; the others are removed.
    """
    removed, problem = 0, None
    for name in await list_starts(cloud, region, run):
        try:
            await remove_schedule(cloud, region, name)
            removed += 1
        except CloudError as error:
            problem = error
    if problem is not None:
        raise problem
    return removed
