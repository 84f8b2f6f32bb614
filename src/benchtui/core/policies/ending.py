"""What it takes to end every instance of benchtui and to prove it, and nothing that starts one."""

from __future__ import annotations

from benchtui.core.policies.model import Policy, Statement
from benchtui.core.policies.scope import LAUNCH_TAG, Scope
from benchtui.core.policies.watching import list_the_bucket, schedules, see_what_runs


def kill_only(scope: Scope) -> Policy:
    """`kill` and `reap`: for whoever is on call, and for a cron job."""
    return Policy(
        "kill-only",
        "Ends instances of benchtui, and proves it; can neither launch one nor touch anybody else's.",
        (
            see_what_runs(),
            *end_instances(scope),
            Statement(
                "RemoveSchedules",
                "What ends a run's instances later has nothing left to end.",
                ("scheduler:DeleteSchedule",),
                (schedules(scope),),
            ),
            list_the_bucket(scope),
            Statement(
                "ReadRunDocuments",
                "The names of a run's jobs are checked before one of them is ended, and its cost is told.",
                ("s3:GetObject",),
                scope.of_runs("run.json"),
            ),
            order_to_stop(scope),
        ),
    )


def end_instances(scope: Scope) -> tuple[Statement, ...]:
    """Ending what a launch made, all of it by its tag."""
    key, value = LAUNCH_TAG
    ours = {f"aws:ResourceTag/{key}": value}
    return (
        Statement(
            "EndOurInstances",
            "Instances with benchtui's tag are ended, and no others.",
            ("ec2:TerminateInstances",),
            (scope.ec2("instance"),),
            {"StringEquals": ours},
        ),
        Statement(
            "LiftProtection",
            "Termination protection that somebody set on one of them is lifted, and no other attribute "
            "changed.",
            ("ec2:ModifyInstanceAttribute",),
            (scope.ec2("instance"),),
            {
                "StringEquals": ours,
                "StringEqualsIgnoreCase": {"ec2:Attribute": "DisableApiTermination"},
            },
        ),
        # One statement for the three: a managed policy has room for 6,144 characters.
        Statement(
            "RemoveLeftovers",
            "Volumes and interfaces of a launch that belong to no instance any more are removed, and a spot "
            "request that could start an instance after the kill is cancelled.",
            ("ec2:DeleteVolume", "ec2:DeleteNetworkInterface", "ec2:CancelSpotInstanceRequests"),
            (scope.ec2("volume"), scope.ec2("network-interface"), scope.ec2("spot-instances-request")),
            {"StringEquals": ours},
        ),
    )


def order_to_stop(scope: Scope) -> Statement:
    """The mark of a kill, and the record of a reaping."""
    return Statement(
        "OrderToStop",
        "The mark that tells launchers and agents of a run to stop, and the record that `reap` has looked.",
        ("s3:PutObject",),
        (*scope.of_runs("control/kill"), *scope.objects("safety/reap.json")),
    )
