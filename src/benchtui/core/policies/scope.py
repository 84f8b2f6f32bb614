"""Names that policies and setup speak of: one account, its bucket, its roles, its tags."""

from __future__ import annotations

from dataclasses import dataclass

INSTANCE_PROFILE = "benchtui-instance"
SCHEDULER_ROLE = "benchtui-scheduler"
STARTER_ROLE = "benchtui-starter"
SECURITY_GROUP = "benchtui"
#: AWS's runbook that ends instances by tag.
DOCUMENT = "AWS-TerminateEC2Instance"
SCHEDULER_SERVICE = "scheduler.amazonaws.com"
INSTANCE_SERVICE = "ec2.amazonaws.com"
#: On every instance, volume and network interface of a launch: what may be ended and removed again.
LAUNCH_TAG = ("LaunchedBy", "AsyncBenchmarkLauncher")
#: On everything that setup makes: what teardown may remove.
SETUP_TAG = ("benchtui:setup", "1")
#: A run's id has so many characters: a suite of the user's own may be called ``control``.
RUN = "?" * len("20261124-021533-k3f7")


def partition_of_region(region: str) -> str:
    """``aws``, ``aws-cn`` or ``aws-us-gov``: AWS's three public partitions, told by the region's name."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose account, and the names in it.

    Regions are in no policy: a launch may go to any that is enabled, and a kill must reach all of them.
    """

    account: str  # twelve digits
    bucket: str
    partition: str = "aws"
    instance_profile: str = INSTANCE_PROFILE  # and the role in it, which setup gives the same name
    scheduler_role: str = SCHEDULER_ROLE  # name, without path
    security_group: str = SECURITY_GROUP
    starter_role: str = STARTER_ROLE  # name, without path

    @property
    def bucket_arn(self) -> str:
        """The bucket itself."""
        return f"arn:{self.partition}:s3:::{self.bucket}"

    def objects(self, *patterns: str) -> tuple[str, ...]:
        """Objects of the bucket whose keys match."""
        return tuple(f"{self.bucket_arn}/{pattern}" for pattern in patterns)

    def of_runs(self, *parts: str) -> tuple[str, ...]:
        """Objects of any run, by what follows its prefix."""
        return self.objects(*(f"benchmarks/{RUN}/{part}" for part in parts))

    def ec2(self, kind: str, name: str = "*") -> str:
        """What EC2 holds of this account, in every region: ``instance``, ``volume``, …"""
        return f"arn:{self.partition}:ec2:*:{self.account}:{kind}/{name}"

    def iam(self, kind: str, name: str) -> str:
        """A ``role`` or ``instance-profile``."""
        return f"arn:{self.partition}:iam::{self.account}:{kind}/{name}"
