"""What it takes to follow runs, read, report and verify what they measured: no right to change anything."""

from __future__ import annotations

from benchtui.core.policies.model import Policy, Statement
from benchtui.core.policies.scope import Scope


def watcher(scope: Scope) -> Policy:
    """Read-only: `runs`, `status`, `watch`, `log`, `collect`, `compare`, `cost`, `report`, `export`,
    `history`, `verify`, the terminal application.
    """
    return Policy(
        "watcher",
        "Follows runs, collects results and sees what they cost; changes nothing.",
        (
            Statement(
                "SeeInstances",
                "Instances of a run are found by their tags in every enabled region, and the schedules that "
                "end them by their names; these calls cannot be narrowed to resources.",
                ("ec2:DescribeRegions", "ec2:DescribeInstances", "scheduler:ListSchedules"),
                ("*",),
            ),
            *read_the_bucket(scope),
            see_schedules(scope),
        ),
    )


def see_what_runs() -> Statement:
    """For whoever ends runs: instances, what they leave behind, and the schedules that end them."""
    return Statement(
        "SeeWhatRuns",
        "Instances, volumes, interfaces, addresses and spot requests of a run are found by their tags in "
        "every enabled region, and the schedules that end them by their names; these calls cannot be "
        "narrowed to resources.",
        (
            "ec2:DescribeRegions",
            "ec2:DescribeInstances",
            "ec2:DescribeVolumes",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeAddresses",
            "ec2:DescribeSpotInstanceRequests",
            "scheduler:ListSchedules",
        ),
        ("*",),
    )


def read_the_bucket(scope: Scope) -> tuple[Statement, ...]:
    """Keys and contents of runs, their bundles, the roll-ups, and the records of drills and reaping."""
    return (
        list_the_bucket(scope, "history/*"),
        Statement(
            "ReadRuns",
            "What a run was asked for, what it said and what it measured, and what drills have proven.",
            ("s3:GetObject",),
            scope.objects("benchmarks/*", "safety/*"),
        ),
        Statement(
            "ReadHistory",
            "Roll-ups, in which a month's runs are read at once, and the bundle that made a result, without "
            "which `verify` cannot make it again.",
            ("s3:GetObject",),
            scope.objects("history/*", "payloads/*"),
        ),
    )


def list_the_bucket(scope: Scope, *more: str) -> Statement:
    """Keys, which alone tell the state of a run, and those below ``more``."""
    return Statement(
        "ListRuns",
        "The state of a run is read from keys; without this right what is missing looks forbidden.",
        ("s3:ListBucket",),
        (scope.bucket_arn,),
        {"StringLike": {"s3:prefix": ["benchmarks/*", "safety/*", *more]}},
    )


def see_schedules(scope: Scope) -> Statement:
    """The schedules that end instances at their deadline."""
    return Statement(
        "SeeSchedules",
        "When the schedule of a run fires, and whether it does what it should.",
        ("scheduler:GetSchedule",),
        (schedules(scope),),
    )


def schedules(scope: Scope) -> str:
    """benchtui's own schedules, in every region."""
    return f"arn:{scope.partition}:scheduler:*:{scope.account}:schedule/default/benchtui.*"
