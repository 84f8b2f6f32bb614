"""What it takes to follow a run, read its results and see what it costs: no right to change anything."""

from __future__ import annotations

from benchtui.core.policies.model import Policy, Statement
from benchtui.core.policies.scope import Scope


def watcher(scope: Scope) -> Policy:
    """Read-only: `runs`, `status`, `watch`, `log`, `collect`, `compare`, `cost`, the terminal application."""
    return Policy(
        "watcher",
        "Follows runs, collects results and sees what they cost; changes nothing.",
        (see_instances(), see_leftovers(), *read_the_bucket(scope), *see_schedules(scope)),
    )


def see_instances() -> Statement:
    """The instances of every region; for whoever watches, ends or launches."""
    return Statement(
        "SeeInstances",
        "A run lives in EC2: its instances are found by their tags in every enabled region; these calls "
        "cannot be narrowed to resources.",
        ("ec2:DescribeRegions", "ec2:DescribeInstances"),
        ("*",),
    )


def see_leftovers() -> Statement:
    """Volumes, interfaces, addresses, spot requests."""
    return Statement(
        "SeeLeftovers",
        "Volumes, interfaces, addresses and spot requests that a run left behind cost money and are shown.",
        (
            "ec2:DescribeVolumes",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeAddresses",
            "ec2:DescribeSpotInstanceRequests",
        ),
        ("*",),
    )


def read_the_bucket(scope: Scope) -> tuple[Statement, ...]:
    """Keys and contents of runs, and the records of drills and reaping."""
    return (
        list_the_bucket(scope),
        Statement(
            "ReadRuns",
            "What a run was asked for, what it said and what it measured, and what drills have proven.",
            ("s3:GetObject",),
            scope.objects("benchmarks/*", "safety/*"),
        ),
    )


def list_the_bucket(scope: Scope) -> Statement:
    """Keys, which alone tell the state of a run."""
    return Statement(
        "ListRuns",
        "The state of a run is read from keys; without this right what is missing looks forbidden.",
        ("s3:ListBucket",),
        (scope.bucket_arn,),
        {"StringLike": {"s3:prefix": ["benchmarks/*", "safety/*"]}},
    )


def see_schedules(scope: Scope) -> tuple[Statement, ...]:
    """The schedules that end instances at their deadline."""
    return (
        Statement(
            "ListSchedules",
            "Whether the account itself would end the instances is shown beside each; this call cannot be "
            "narrowed to resources.",
            ("scheduler:ListSchedules",),
            ("*",),
        ),
        Statement(
            "SeeSchedules",
            "When the schedule of a run fires, and whether it does what it should.",
            ("scheduler:GetSchedule",),
            (schedules(scope),),
        ),
    )


def schedules(scope: Scope) -> str:
    """benchtui's own schedules, in every region."""
    return f"arn:{scope.partition}:scheduler:*:{scope.account}:schedule/default/benchtui.*"
