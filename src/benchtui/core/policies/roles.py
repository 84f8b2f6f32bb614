"""The two roles that services take on: of the instances, and of the schedules that end them."""

from __future__ import annotations

from benchtui.core.policies.model import INLINE_LIMIT, TRUST_LIMIT, Effect, Policy, Statement
from benchtui.core.policies.scope import DOCUMENT, INSTANCE_SERVICE, LAUNCH_TAG, SCHEDULER_SERVICE, Scope

#: What instances write of a run.
SPOKEN = ("events", "heartbeats", "jobs")
#: Below a run, for launchers and people alone: an instance could else hold or free money, or stop a run.
NOT_ITS_OWN = ("reservations", "control")


def instance_role(scope: Scope) -> Policy:
    """What an instance may do: speak, fetch its bundle, hear the order to stop.

    It has no right to list, none to read results, and none of EC2. One role serves every run, so that a
    launcher needs no right to make roles; what keeps an instance from harming another run is that nothing can
    be overwritten or removed, neither of its own run nor of another.
    """
    return Policy(
        "instance-role",
        "What an instance may do, by the role in its profile.",
        (
            Statement(
                "Speak",
                "An instance tells of itself and uploads its results; what is there it cannot change.",
                ("s3:PutObject",),
                scope.of_runs(*(f"{part}/*" for part in SPOKEN)),
            ),
            Statement(
                "FetchAndHear",
                "It fetches the bundle whose SHA-256 its user data names, and asks for the order to stop.",
                ("s3:GetObject",),
                (*scope.objects("payloads/*"), *scope.of_runs("control/kill")),
            ),
            Statement(
                "NeitherMoneyNorOrders",
                "Whatever else the role is ever given, it neither holds or frees money nor stops a run.",
                ("s3:PutObject", "s3:DeleteObject"),
                scope.of_runs(*(f"{part}/*" for part in NOT_ITS_OWN)),
                effect=Effect.DENY,
            ),
        ),
        INLINE_LIMIT,
    )


def instance_trust(scope: Scope) -> Policy:
    """Who may take the instances' role on."""
    return Policy(
        "instance-role-trust",
        "Who may take the role of the instances on.",
        (
            Statement(
                "Instances",
                "EC2 hands the role to instances that were launched with its profile.",
                ("sts:AssumeRole",),
                principal={"Service": INSTANCE_SERVICE},
            ),
        ),
        TRUST_LIMIT,
    )


def scheduler_role(scope: Scope) -> Policy:
    """What schedules may do: end instances with our tag, and start the runbook that does, in its own name."""
    key, value = LAUNCH_TAG
    partition, account = scope.partition, scope.account
    return Policy(
        "scheduler-role",
        "What the schedules that end instances at their deadline may do.",
        (
            Statement(
                "EndOurInstances",
                "At its deadline an instance is ended; one without benchtui's tag never is.",
                ("ec2:TerminateInstances",),
                (scope.ec2("instance"),),
                {"StringEquals": {f"aws:ResourceTag/{key}": value}},
            ),
            Statement(
                "FindThemByTag",
                "The runbook finds the instances of a run by their tag and waits for their end; these calls "
                "cannot be narrowed to resources.",
                ("ec2:DescribeInstances", "ec2:DescribeInstanceStatus", "tag:GetResources"),
                ("*",),
            ),
            Statement(
                "StartTheRunbook",
                "A schedule starts AWS's runbook that ends instances, and no other.",
                ("ssm:StartAutomationExecution",),
                # A document of AWS has no account in its name; its type is told in two ways.
                (
                    f"arn:{partition}:ssm:*:*:document/{DOCUMENT}",
                    f"arn:{partition}:ssm:*:*:automation-definition/{DOCUMENT}:*",
                    f"arn:{partition}:ssm:*:{account}:automation-execution/*",
                ),
            ),
        ),
        INLINE_LIMIT,
    )


def scheduler_trust(scope: Scope) -> Policy:
    """Who may take the schedules' role on: Scheduler, for schedules of this account alone."""
    return Policy(
        "scheduler-role-trust",
        "Who may take the role of the schedules on.",
        (
            Statement(
                "SchedulesOfThisAccount",
                "EventBridge Scheduler takes it on for schedules of this account and of no other.",
                ("sts:AssumeRole",),
                conditions={"StringEquals": {"aws:SourceAccount": scope.account}},
                principal={"Service": SCHEDULER_SERVICE},
            ),
        ),
        TRUST_LIMIT,
    )
