"""What each policy is for: commands and acts that use its rights, and what has to be there before them."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from benchtui.core import keys as names
from benchtui.core.document_fields import to_json
from benchtui.core.policies import (
    Policy,
    history_rights,
    instance_role,
    kill_only,
    launcher,
    scheduler_role,
    watcher,
)
from tests import comparing

from .world import SCOPE, Outcome, World, configured

Keys = Mapping[str, str]
Prepared = dict[str, str]


def nothing(_world: World) -> Prepared:
    """No preparation."""
    return {}


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does under a policy.

    Attributes:
        name: as a person would type or say it.
        do: with the credentials, on what was prepared.
        prepare: in the administrator's name.
        codes: exit codes with which it works: nothing is measured in these accounts.
    """

    name: str
    do: Callable[[World, Keys, Prepared], Outcome]
    prepare: Callable[[World], Prepared] = nothing
    codes: tuple[int, ...] = (0,)


def command(*arguments: str, **options: Any) -> Callable[[World, Keys, Prepared], Outcome]:
    """A command of benchtui; ``{run}`` and the like stand for what was prepared."""

    def do(world: World, keys: Keys, prepared: Prepared) -> Outcome:
        words = [word.format(**prepared) for word in arguments]
        config = options.get("config", "").replace("SUBNET", prepared.get("subnet", ""))
        return world.benchtui(keys, *words, config=config, home=f"home-{uuid.uuid4().hex[:8]}")

    return do


def launched(world: World, config: str = "") -> Prepared:
    """A run of one instance."""
    done = world.benchtui(
        world.admin, "run", "--yes", "--detach", config=config, home=f"admin-{uuid.uuid4().hex[:8]}"
    )
    assert done.code == 0, done.said
    run = done.out.strip()
    ec2 = world.client("ec2", world.admin)
    groups = ec2.describe_instances(Filters=[{"Name": "tag:benchtui:run", "Values": [run]}])
    row = groups["Reservations"][0]["Instances"][0]
    return {"run": run, "instance": row["InstanceId"], "subnet": row["SubnetId"]}


def hard_to_kill(world: World) -> Prepared:
    """A run on the spot market that is protected, with a volume and an interface left behind."""
    prepared = launched(world, configured(more='market = "spot"'))
    ec2 = world.client("ec2", world.admin)
    ec2.modify_instance_attribute(InstanceId=prepared["instance"], DisableApiTermination={"Value": True})
    rows = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [prepared["instance"]]}])["Tags"]
    tags = [{"Key": row["Key"], "Value": row["Value"]} for row in rows]
    specification = [{"ResourceType": "volume", "Tags": tags}]
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=specification)
    interface = ec2.create_network_interface(SubnetId=prepared["subnet"])["NetworkInterface"]
    ec2.create_tags(Resources=[interface["NetworkInterfaceId"]], Tags=tags)
    return prepared


def default_subnet(world: World) -> Prepared:
    """The name of a subnet."""
    return {"subnet": world.client("ec2", world.admin).describe_subnets()["Subnets"][0]["SubnetId"]}


def priced(world: World) -> Prepared:
    """Prices for two of EC2's types, whose quotas are of different families; of one the account has none."""
    rows = [
        {"instance_type": name, "region": "us-east-1", "usd_per_hour": "0.08"}
        for name in ("c7g.large", "g5.xlarge")
    ]
    world.cloud.private("POST", "prices", {"prices": rows})
    return {}


EC2_TYPES = configured(kind='c7g.large", "g5.xlarge')
SPOT = configured(more='market = "spot"')
IN_A_SUBNET = configured().replace("regions =", 'subnet = "SUBNET"\nregions =')


def past(world: World) -> Prepared:
    """A run of last January, over and in no roll-up."""
    at = datetime(2026, 1, 15, 2, 15, 33, tzinfo=UTC)
    run = comparing.run_of("c7g.large-1", run=f"{at:%Y%m%d-%H%M%S}-{_four()}", created_at=at)
    key = names.run_json_key(run.run)
    body = to_json(run)
    world.client("s3", world.admin).put_object(Bucket=SCOPE.bucket, Key=key, Body=body, IfNoneMatch="*")
    return {"run": run.run}


def _four() -> str:
    """The last four characters of a run's id."""
    return base64.b32encode(uuid.uuid4().bytes)[:4].decode().lower()


def rolled_up(world: World) -> Prepared:
    """Such a run in a roll-up."""
    prepared = past(world)
    home = f"admin-{uuid.uuid4().hex[:8]}"
    done = world.benchtui(world.admin, "history", "--compact", home=home)
    assert done.code == 0 and "history/2026-01/" in done.out, done.said
    return prepared


def of_its_json(holds: Callable[[Any], bool], *arguments: str) -> Callable[[World, Keys, Prepared], Outcome]:
    """A command that goes on without some rights, and has to show that it had them all."""

    def do(world: World, keys: Keys, prepared: Prepared) -> Outcome:
        done = command(*arguments, "--json")(world, keys, prepared)
        worked = done.code == 0 and holds(json.loads(done.out))
        return done if worked else replace(done, code=done.code or 1)

    return do


READING = (
    Act("history", of_its_json(lambda told: told["sync"]["rolled_up"] > 0, "history"), rolled_up),
    Act(
        "verify RUN",
        of_its_json(lambda told: "payload bundle" in told["checked"], "verify", "{run}"),
        launched,
    ),
    Act("report RUN", command("report", "{run}"), launched),
)
WATCHING = (
    Act("status RUN", command("status", "{run}"), launched),
    Act("cost", command("cost"), launched),
    Act("collect RUN", command("collect", "{run}"), launched, (0, 1)),
    Act("runs", command("runs"), launched),
)
ENDING = (
    Act("kill RUN", command("kill", "{run}", "--confirm", "{run}"), hard_to_kill),
    Act("kill RUN --job", command("kill", "{run}", "--job", "local.1cpu-1", "--confirm", "{run}"), launched),
    Act("runs", command("runs"), launched),
)
LAUNCHING = (
    Act("run", command("run", "--yes", "--detach")),
    Act("run, on the spot market", command("run", "--yes", "--detach", config=SPOT)),
    Act("run, in a subnet", command("run", "--yes", "--detach", config=IN_A_SUBNET), default_subnet),
    Act("plan", command("plan")),
    Act("plan, of EC2's types", command("plan", config=EC2_TYPES), priced),
    *WATCHING,
    *READING,
    *ENDING[:2],
)


def refusal(call: Callable[[], Any]) -> Outcome:
    """An act through the SDK, as an agent's request: what came of it."""
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError as error:
        return Outcome(1, "", str(error))
    return Outcome(0, "done", "")


def bundle_there(world: World) -> Prepared:
    """A bundle in the bucket, and a run's name."""
    name = f"payloads/{uuid.uuid4().hex}.tar.gz"
    world.client("s3", world.admin).put_object(Bucket=SCOPE.bucket, Key=name, Body=b"bundle", IfNoneMatch="*")
    return {"bundle": name, "run": f"20261128-184500-{uuid.uuid4().hex[:4]}"}


def speak(world: World, keys: Keys, prepared: Prepared) -> Outcome:
    key = f"benchmarks/{prepared['run']}/events/20261128T184500000Z/local.1cpu-1/0001-BOOTING"
    s3 = world.client("s3", keys)
    return refusal(lambda: s3.put_object(Bucket=SCOPE.bucket, Key=key, Body=b"{}", IfNoneMatch="*"))


def fetch(world: World, keys: Keys, prepared: Prepared) -> Outcome:
    s3 = world.client("s3", keys)
    return refusal(lambda: s3.get_object(Bucket=SCOPE.bucket, Key=prepared["bundle"]))


INSTANCE = (
    Act("instance: speaks", speak, bundle_there),
    Act("instance: fetches its bundle", fetch, bundle_there),
)


def scheduled(by_tag: bool) -> Callable[[World, Keys, Prepared], Outcome]:
    """A schedule's deadline comes: its role ends the instance, or the local cloud's log says why not."""

    def do(world: World, _keys: Keys, prepared: Prepared) -> Outcome:
        name = f"benchtui.proof.{uuid.uuid4().hex[:12]}"
        at = datetime.now(UTC) + timedelta(seconds=world.advance(0) + 30)
        target: dict[str, Any] = {
            "RoleArn": f"arn:aws:iam::{SCOPE.account}:role/{SCOPE.scheduler_role}",
            "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
        }
        if by_tag:
            target["Arn"] = "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution"
            target["Input"] = json.dumps(
                {
                    "DocumentName": "AWS-TerminateEC2Instance",
                    "TargetParameterName": "InstanceId",
                    "Targets": [{"Key": "tag:benchtui:run", "Values": [prepared["run"]]}],
                    "MaxConcurrency": "100%",
                    "MaxErrors": "100%",
                }
            )
        else:
            target["Arn"] = "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"
            target["Input"] = json.dumps({"InstanceIds": [prepared["instance"]]})
        world.client("scheduler", world.admin).create_schedule(
            Name=name,
            ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target=target,
        )
        outcome = refused_in(world, lambda: world.advance(31))
        return replace(outcome, out=state(world, prepared["instance"]))

    return do


def refused_in(world: World, act: Callable[[], object]) -> Outcome:
    """What the local cloud's log says was refused while something was done: nobody else is told."""
    log = world.cloud.state_dir / "logs" / "api.log"
    read = log.stat().st_size
    act()
    time.sleep(0.5)
    with log.open() as stream:
        stream.seek(read)
        lines = [line for line in stream if "not authorized" in line]
    return Outcome(1 if lines else 0, "", "".join(lines))


def state(world: World, instance_id: str) -> str:
    """What EC2 says of an instance."""
    answer = world.client("ec2", world.admin).describe_instances(InstanceIds=[instance_id])
    return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])


SCHEDULED = (
    Act("schedule by tag, at its deadline", scheduled(by_tag=True), launched),
    Act("schedule by id, at its deadline", scheduled(by_tag=False), launched),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A policy with the acts that use it.

    Attributes:
        role: whose policy it is, where nobody holds keys under it but a service takes it on; None: a user's.
        missed_by: by action the act that misses it, where another one uses it first and goes on without.
        beside: policies that its holder has as well.
        account: as setup leaves one, or ``bare``, in which one act at a time is tried.
    """

    policy: Policy
    acts: tuple[Act, ...]
    role: str | None = None
    missed_by: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[Policy, ...] = ()
    account: str = "made"


SUBJECTS = (
    # A plan without it takes the whole quota of vCPUs as free and says so where that matters.
    Subject(launcher(SCOPE), LAUNCHING, missed_by={"ec2:DescribeInstances": "status RUN"}),
    Subject(watcher(SCOPE), (*WATCHING, *READING)),
    Subject(kill_only(SCOPE), ENDING),
    Subject(
        history_rights(SCOPE),
        (Act("history --compact", command("history", "--compact", "--json"), past),),
        beside=(watcher(SCOPE),),
    ),
    Subject(instance_role(SCOPE), INSTANCE, SCOPE.instance_profile),
    Subject(scheduler_role(SCOPE), SCHEDULED, SCOPE.scheduler_role),
)
