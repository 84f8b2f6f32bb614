"""What setup's and doctor's policies are for."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

from benchtui.core.policies import doctor_rights, launcher, setup_rights, starter_role

from .acts import (
    IN_A_SUBNET,
    Act,
    Keys,
    Prepared,
    Subject,
    command,
    default_subnet,
    launched,
    refused_in,
)
from .world import SCOPE, Outcome, World, configured

#: With a gateway to S3, so that this is made as well.
GATEWAY = configured().replace("regions =", "public_ipv4 = false\nregions =")


def by_admin(world: World, *arguments: str) -> None:
    """A command that has to work."""
    done = world.benchtui(world.admin, *arguments, config=GATEWAY, home=f"admin-{uuid.uuid4().hex[:8]}")
    assert done.code == 0, done.said


def bare(world: World) -> Prepared:
    """An account with nothing of ours in it."""
    by_admin(world, "teardown", "--delete-results", "--confirm", SCOPE.bucket)
    return {}


def made(world: World) -> Prepared:
    """An account as setup leaves one."""
    by_admin(world, "setup", "--yes")
    return {}


def changed(world: World) -> Prepared:
    """One in which somebody has changed what setup made: a hole, a role anybody may take, another policy."""
    made(world)
    ec2, iam, s3 = (world.client(name, world.admin) for name in ("ec2", "iam", "s3"))
    wanted = [{"Name": "group-name", "Values": [SCOPE.security_group]}]
    group = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"][0]["GroupId"]
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh])
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{SCOPE.account}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    iam.update_assume_role_policy(RoleName=SCOPE.instance_profile, PolicyDocument=json.dumps(trust))
    s3.delete_bucket_policy(Bucket=SCOPE.bucket)
    return {}


def with_results(world: World) -> Prepared:
    """One with an object in the bucket."""
    made(world)
    key = f"benchmarks/20261128-184500-{uuid.uuid4().hex[:4]}/run.json"
    world.client("s3", world.admin).put_object(Bucket=SCOPE.bucket, Key=key, Body=b"{}", IfNoneMatch="*")
    return {}


SETTING_UP = (
    Act("setup", command("setup", "--yes", config=GATEWAY), bare),
    Act("setup, after changes", command("setup", "--yes", config=GATEWAY), changed),
    Act("setup, with a subnet", command("setup", "--yes", config=IN_A_SUBNET), default_subnet),
    Act("teardown", command("teardown", "--yes", config=GATEWAY), made),
    Act(
        "teardown --delete-results",
        command("teardown", "--delete-results", "--confirm", SCOPE.bucket, config=GATEWAY),
        with_results,
    ),
)
STARTER = configured().replace("regions =", f'starter_role = "{SCOPE.starter_role}"\nregions =')


def with_a_starter(world: World) -> Prepared:
    """An account in which schedules may launch, with a run that one of them starts."""
    home = f"admin-{uuid.uuid4().hex[:8]}"
    done = world.benchtui(world.admin, "setup", "--yes", config=STARTER, home=home)
    assert done.code == 0, done.said
    first = datetime.now(UTC) + timedelta(seconds=world.advance(0) + 180)
    at = f"{first:%Y-%m-%dT%H:%MZ}"
    done = world.benchtui(
        world.admin, "schedule", "create", "--first", at, "--yes", config=STARTER, home=home
    )
    assert done.code == 0, done.said
    return {}


def time_comes(world: World, _keys: Keys, _prepared: Prepared) -> Outcome:
    """The schedule's time comes: its role launches, or the local cloud's log says why not."""
    return refused_in(world, lambda: world.advance(181))


STARTING = Subject(
    starter_role(SCOPE), (Act("schedule that launches", time_comes, with_a_starter),), SCOPE.starter_role
)
SETUP = Subject(setup_rights(SCOPE), SETTING_UP, account="bare")
DOCTOR = Subject(
    doctor_rights(SCOPE), (Act("doctor", command("doctor"), launched),), beside=(launcher(SCOPE),)
)
