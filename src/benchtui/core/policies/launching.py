"""What it takes to plan, launch, follow, collect and end runs: no more than setup's names and tags allow."""

from __future__ import annotations

from benchtui.core.policies.ending import end_instances
from benchtui.core.policies.model import Policy, Statement
from benchtui.core.policies.scope import (
    DOCUMENT,
    INSTANCE_SERVICE,
    LAUNCH_TAG,
    SCHEDULER_SERVICE,
    SETUP_TAG,
    Scope,
)
from benchtui.core.policies.watching import read_the_bucket, schedules, see_what_runs

#: Where AWS publishes the images that [instance] image names.
PUBLISHERS = ("debian", "canonical", "ami-amazon-linux-latest")
#: What RunInstances makes beside the instance and is told to tag.
TAGGED = ("instance", "volume", "network-interface", "spot-instances-request")


def launcher(scope: Scope) -> Policy:
    """`plan`, `run`, `drill` and all that `watcher` and `kill_only` may do."""
    return Policy(
        "launcher",
        "Plans and launches runs, follows, collects and ends them.",
        (
            see_what_runs(),
            *_plan(scope),
            *launch_instances(scope),
            *end_instances(scope),
            *_arm_schedules(scope),
            *read_the_bucket(scope),
            Statement(
                "WriteRuns",
                "A run's document, its first words, its book of money, the order to stop, its bundle and the "
                "records of drills and reaping; never a result.",
                ("s3:PutObject",),
                (
                    *scope.of_runs("run.json", "events/*", "reservations/*", "control/kill"),
                    *scope.objects("payloads/*", "safety/*"),
                ),
            ),
        ),
    )


def _plan(scope: Scope) -> tuple[Statement, ...]:
    """Types, prices, quotas, images and networks."""
    return (
        Statement(
            "Plan",
            "Which types there are, where, at what price, and in which network; these calls cannot be "
            "narrowed to resources.",
            (
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribeSpotPriceHistory",
                "ec2:DescribeImages",
                "ec2:DescribeVpcs",
                "ec2:DescribeSubnets",
                "ec2:DescribeSecurityGroups",
                "pricing:GetProducts",
                "servicequotas:GetAWSDefaultServiceQuota",
                "servicequotas:ListServiceQuotas",
            ),
            ("*",),
        ),
        Statement(
            "SeeQuotas",
            "How many vCPUs may run at the same time; a plan with more is launched in waves.",
            ("servicequotas:GetServiceQuota",),
            (f"arn:{scope.partition}:servicequotas:*:{scope.account}:ec2/*",),
        ),
        Statement(
            "FindImages",
            "The publishers' own parameters name today's image of a system.",
            ("ssm:GetParameter",),
            tuple(f"arn:{scope.partition}:ssm:*::parameter/aws/service/{name}/*" for name in PUBLISHERS),
        ),
    )


def launch_instances(scope: Scope) -> tuple[Statement, ...]:
    """RunInstances is asked about each thing that it uses or makes."""
    key, value = LAUNCH_TAG
    tagged = {f"aws:RequestTag/{key}": value}
    return (
        Statement(
            "LaunchTagged",
            "An instance must carry benchtui's tag and the time of its end, have the role that may only "
            "speak, and require tokens for its metadata (IMDSv2).",
            ("ec2:RunInstances",),
            (scope.ec2("instance"),),
            {
                "StringEquals": {**tagged, "ec2:MetadataHttpTokens": "required"},
                "ArnEquals": {"ec2:InstanceProfile": scope.iam("instance-profile", scope.instance_profile)},
                "Null": {"aws:RequestTag/benchtui:run": "false", "aws:RequestTag/benchtui:expires": "false"},
            },
        ),
        Statement(
            "WithTaggedParts",
            "Its volumes, interface and spot request carry the tag by which they are found and removed.",
            ("ec2:RunInstances",),
            tuple(scope.ec2(kind) for kind in TAGGED[1:]),
            {"StringEquals": tagged},
        ),
        Statement(
            "FromImagesInSubnets",
            "Any image, and any subnet of the account.",
            ("ec2:RunInstances",),
            (f"arn:{scope.partition}:ec2:*::image/*", scope.ec2("subnet")),
        ),
        Statement(
            "BehindOurGroup",
            "Only behind a security group that setup made, which lets nothing in.",
            ("ec2:RunInstances",),
            (scope.ec2("security-group"),),
            {"StringEquals": {f"aws:ResourceTag/{SETUP_TAG[0]}": SETUP_TAG[1]}},
        ),
        Statement(
            "TagAtLaunch",
            "Tags are given in the launch itself; no tag of anything that is there can be changed.",
            ("ec2:CreateTags",),
            tuple(scope.ec2(kind) for kind in TAGGED),
            {"StringEquals": {**tagged, "ec2:CreateAction": "RunInstances"}},
        ),
        Statement(
            "HandInstancesTheirRole",
            "The instance gets the role that may only speak; no other role can be given away.",
            ("iam:PassRole",),
            (scope.iam("role", scope.instance_profile),),
            {"StringEquals": {"iam:PassedToService": INSTANCE_SERVICE}},
        ),
    )


def _arm_schedules(scope: Scope) -> tuple[Statement, ...]:
    """Layer 2: the account itself ends what nobody else has ended."""
    return (
        Statement(
            "Schedules",
            "Before each launch a schedule is made that ends the run's instances whatever becomes of this "
            "machine, and after the run it is removed.",
            (
                "scheduler:CreateSchedule",
                "scheduler:GetSchedule",
                "scheduler:UpdateSchedule",
                "scheduler:DeleteSchedule",
            ),
            (schedules(scope),),
        ),
        Statement(
            "CheckTheRunbook",
            "A schedule with a runbook that is not there would fail in silence at the deadline.",
            ("ssm:DescribeDocument",),
            (f"arn:{scope.partition}:ssm:*:*:document/{DOCUMENT}",),
        ),
        Statement(
            "HandSchedulesTheirRole",
            "A schedule gets the role that may only end benchtui's instances, or, to start a run, the one "
            "that may only launch them.",
            ("iam:PassRole",),
            (scope.iam("role", scope.scheduler_role), scope.iam("role", scope.starter_role)),
            {"StringEquals": {"iam:PassedToService": SCHEDULER_SERVICE}},
        ),
    )
