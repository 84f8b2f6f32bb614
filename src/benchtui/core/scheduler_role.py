"""The role that EventBridge Scheduler takes on to end instances, and what else it needs: policies as data.

`docs/SAFETY.md` shows the same documents; a test asserts that it does.
"""

from __future__ import annotations

from typing import Any

ROLE = "benchtui-scheduler"
DOCUMENT = "AWS-TerminateEC2Instance"
PRINCIPAL = "scheduler.amazonaws.com"
#: The one tag by which an instance is known to be ours; the role may end no other.
OUR_TAG = ("LaunchedBy", "AsyncBenchmarkLauncher")
_VERSION = "2012-10-17"


def trust_policy(account: str) -> dict[str, Any]:
    """Who may take the role on: Scheduler, for schedules of this account alone."""
    return {
        "Version": _VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": PRINCIPAL},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ],
    }


def role_policy(account: str, partition: str = "aws") -> dict[str, Any]:
    """What the role may do: end instances with our tag, and start the runbook that does, in its own name."""
    key, value = OUR_TAG
    return {
        "Version": _VERSION,
        "Statement": [
            {
                "Sid": "EndOurInstances",
                "Effect": "Allow",
                "Action": "ec2:TerminateInstances",
                "Resource": f"arn:{partition}:ec2:*:{account}:instance/*",
                "Condition": {"StringEquals": {f"aws:ResourceTag/{key}": value}},
            },
            {
                "Sid": "FindThemByTag",
                "Effect": "Allow",
                "Action": ["ec2:DescribeInstances", "ec2:DescribeInstanceStatus", "tag:GetResources"],
                "Resource": "*",
            },
            {
                "Sid": "StartTheRunbook",
                "Effect": "Allow",
                "Action": "ssm:StartAutomationExecution",
                # A document of AWS has no account in its name; its type is told in two ways.
                "Resource": [
                    f"arn:{partition}:ssm:*:*:document/{DOCUMENT}",
                    f"arn:{partition}:ssm:*:*:automation-definition/{DOCUMENT}:*",
                    f"arn:{partition}:ssm:*:{account}:automation-execution/*",
                ],
            },
        ],
    }


def launcher_policy(account: str, partition: str = "aws", role: str = ROLE) -> dict[str, Any]:
    """What whoever launches needs for layer 2, beside what launching itself needs."""
    return {
        "Version": _VERSION,
        "Statement": [
            {
                "Sid": "Schedules",
                "Effect": "Allow",
                "Action": [
                    "scheduler:CreateSchedule",
                    "scheduler:GetSchedule",
                    "scheduler:UpdateSchedule",
                    "scheduler:DeleteSchedule",
                ],
                "Resource": f"arn:{partition}:scheduler:*:{account}:schedule/default/benchtui.*",
            },
            {"Sid": "SeeThem", "Effect": "Allow", "Action": "scheduler:ListSchedules", "Resource": "*"},
            {
                "Sid": "CheckTheRunbook",
                "Effect": "Allow",
                "Action": "ssm:DescribeDocument",
                "Resource": f"arn:{partition}:ssm:*:*:document/{DOCUMENT}",
            },
            {
                "Sid": "HandTheRoleOver",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": f"arn:{partition}:iam::{account}:role/{role}",
                "Condition": {"StringEquals": {"iam:PassedToService": PRINCIPAL}},
            },
        ],
    }
