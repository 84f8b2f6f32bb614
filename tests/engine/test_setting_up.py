"""Setup and teardown against a bare account of the local cloud, in the name of someone with setup's "
"policy alone."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchtui.aws.session import Cloud
from benchtui.cli import setup_table, teardown
from benchtui.core.errors import BenchtuiError, ExitCode
from benchtui.core.policies import Policy, Scope, instance_trust, setup_rights
from benchtui.engine.setting_up import making, removing
from benchtui.engine.setting_up.making import SetupCut, SetupPlan
from benchtui.engine.setting_up.parts import State
from benchtui.engine.setting_up.removing import StillAliveError, TeardownCut
from tests.engine.conftest import ForwardClock
from tests.engine.setup_account import REGIONS, cleared, config, inventory, refused, somebody
from tests.local.conftest import LocalCloud, Start
from tests.schema_checks import exactly, printed

BUCKET = "benchtui-123456789012-us-east-1"
ELSEWHERE = "eu-west-2"  # a region of one test's own
SCOPE = Scope("123456789012", BUCKET)
INSTANCE, SCHEDULER = {"RoleName": "benchtui-instance"}, {"RoleName": "benchtui-scheduler"}
#: What setup changes, in its order: service, call, parameters or region that tell it from another.
STEPS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("s3", "CreateBucket", {}),
    ("s3", "PutPublicAccessBlock", {}),
    ("s3", "PutBucketOwnershipControls", {}),
    ("s3", "PutBucketEncryption", {}),
    ("s3", "PutBucketLifecycleConfiguration", {}),
    ("s3", "PutBucketPolicy", {}),
    ("iam", "CreateRole", {"match": INSTANCE}),
    ("iam", "PutRolePolicy", {"match": INSTANCE}),
    ("iam", "CreateInstanceProfile", {}),
    ("iam", "AddRoleToInstanceProfile", {}),
    ("iam", "CreateRole", {"match": SCHEDULER}),
    ("iam", "PutRolePolicy", {"match": SCHEDULER}),
    *(
        ("ec2", call, {"region": region})
        for region in REGIONS
        for call in ("CreateSecurityGroup", "CreateVpcEndpoint")
    ),
)
REMOVALS = (
    ("ec2", "DeleteVpcEndpoints", {"region": "us-east-1"}),
    ("ec2", "DeleteSecurityGroup", {"region": "us-east-1"}),
    ("iam", "RemoveRoleFromInstanceProfile", {}),
    ("iam", "DeleteInstanceProfile", {}),
    ("iam", "DeleteRolePolicy", {"match": INSTANCE}),
    ("iam", "DeleteRole", {"match": INSTANCE}),
    ("iam", "DeleteRole", {"match": SCHEDULER}),
    ("s3", "DeleteBucket", {}),
)


@pytest.fixture(scope="module")
def account(start_local_cloud: Start) -> LocalCloud:
    """The API alone, with nothing in it."""
    return start_local_cloud(host=False, simulate_ec2_types=True, regions=(*REGIONS, ELSEWHERE), bare=True)


@pytest.fixture
def bare(account: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    cleared(account)
    for name, value in somebody(account, setup_rights(SCOPE)).environment.items():
        monkeypatch.setenv(name, value)
    yield account
    account.private("DELETE", "faults")


@pytest.fixture
async def cloud(bare: LocalCloud) -> AsyncIterator[Cloud]:
    clock = ForwardClock()
    async with Cloud(None, REGIONS, random=random.Random(1), sleep=clock.sleep) as opened:
        yield opened


async def make(cloud: Cloud, tmp_path: Path, **settings: object) -> SetupPlan:
    return await making.carry_out(await making.look(cloud, config(tmp_path, **settings)))


async def take_away(cloud: Cloud, tmp_path: Path, *, with_results: bool = False) -> removing.TeardownPlan:
    aws = config(tmp_path).aws
    plan = await removing.look(cloud, aws, ForwardClock(), with_results=with_results)
    return await removing.carry_out(plan)


async def test_setup_makes_all_and_finds_it_there_and_teardown_leaves_nothing(
    bare: LocalCloud, cloud: Cloud, tmp_path: Path
) -> None:
    assert inventory(bare) == {}
    seen = await making.look(cloud, config(tmp_path))
    assert {item.finding.state for item in seen.items} == {State.MAKE}
    assert inventory(bare) == {}, "a look changes nothing"
    assert [place.zones["c7g.large"] != () for place in seen.places] == [True, True]
    made = await making.carry_out(seen)
    assert made.to_do == () and made.problems == ()
    for plan, dry in ((seen, True), (made, False)):
        exactly("setup", printed(setup_table.fields(plan, dry_run=dry)))
    there = inventory(bare)
    assert len(there) == len(seen.items) == 8
    again = await making.look(cloud, config(tmp_path))
    assert {item.finding.state for item in again.items} == {State.THERE}
    s3, put = bare.boto3("s3"), {"Bucket": BUCKET, "Key": "benchmarks/20261124-021533-k3f7/run.json"}
    assert refused(lambda: s3.put_object(**put, Body=b"{}")) == "AccessDenied"
    assert refused(lambda: s3.put_object(**put, Body=b"{}", IfNoneMatch="*")) == "allowed"
    kept = await take_away(cloud, tmp_path)
    assert list(inventory(bare)) == [f"bucket {BUCKET}"], "what it holds stays"
    assert [item.kind for item in kept.items if item.removal.keeps] == ["bucket"]
    exactly("teardown", printed(teardown.fields(kept, dry_run=False)))
    await take_away(cloud, tmp_path, with_results=True)
    assert inventory(bare) == {}
    assert (await take_away(cloud, tmp_path)).items == ()


async def test_the_local_cloud_is_as_setup_leaves_an_account(
    simulated: LocalCloud, environment: dict[str, str], tmp_path: Path
) -> None:
    async with Cloud(None, ("us-east-1",), random=random.Random(1)) as opened:
        plan = await making.look(opened, config(tmp_path, **{"aws.public_ipv4": True}))
    assert {item.finding.state for item in plan.items} == {State.THERE}
    assert len(plan.items) == 6


@pytest.mark.slow
async def test_cut_at_each_step_it_goes_on_from_there(bare: LocalCloud, cloud: Cloud, tmp_path: Path) -> None:
    for service, call, which in STEPS:
        bare.private("DELETE", "faults")
        bare.private("POST", "faults", {"service": service, "action": call, "status": 403, **which})
        with pytest.raises(SetupCut) as cut:
            await make(cloud, tmp_path)
        assert cut.value.exit_code is ExitCode.DENIED
        action = call.replace("BucketEncryption", "EncryptionConfiguration")
        action = action.replace("BucketLifecycle", "Lifecycle").replace("PutPublic", "PutBucketPublic")
        assert f"allow {service}:{action} " in str(cut.value.fix)
    bare.private("DELETE", "faults")
    assert (await make(cloud, tmp_path)).to_do == ()
    after_cuts = inventory(bare)
    for service, call, which in REMOVALS:
        bare.private("DELETE", "faults")
        bare.private("POST", "faults", {"service": service, "action": call, "status": 403, **which})
        with pytest.raises(TeardownCut, match="goes on from there"):
            await take_away(cloud, tmp_path)
    bare.private("DELETE", "faults")
    await take_away(cloud, tmp_path)
    assert inventory(bare) == {}
    await make(cloud, tmp_path)
    assert inventory(bare) == after_cuts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "call", "which"), STEPS, ids=[f"{s[1]}-{i}" for i, s in enumerate(STEPS)]
)
async def test_every_answer_lost_at_one_step_and_run_again(
    bare: LocalCloud, cloud: Cloud, tmp_path: Path, service: str, call: str, which: dict[str, Any]
) -> None:
    await make(cloud, tmp_path)
    wanted = inventory(bare)
    cleared(bare)
    bare.private("POST", "faults", {"service": service, "action": call, "after_commit": True, **which})
    with pytest.raises(SetupCut):
        await make(cloud, tmp_path)
    bare.private("DELETE", "faults")
    assert (await make(cloud, tmp_path)).to_do == ()
    assert inventory(bare) == wanted


@pytest.mark.long
async def test_what_somebody_else_made_is_used_named_and_left(
    bare: LocalCloud, cloud: Cloud, tmp_path: Path
) -> None:
    ec2, iam, s3 = bare.boto3("ec2"), bare.boto3("iam"), bare.boto3("s3")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    ec2.create_security_group(GroupName="benchtui", Description="by hand", VpcId=vpc)
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},'
    )
    iam.create_role(
        RoleName="benchtui-scheduler", AssumeRolePolicyDocument=trust + '"Action":"sts:AssumeRole"}]}'
    )
    s3.create_bucket(Bucket=BUCKET)
    plan = await make(cloud, tmp_path)
    kept = {item.part.kind: item.finding for item in plan.items if item.finding.state is State.KEPT}
    assert set(kept) == {"bucket", "role", "security group"}
    assert "overwriting" in kept["bucket"].why and "benchtui:setup=1" in str(kept["bucket"].fix)
    assert "scheduler.amazonaws.com" in kept["role"].why
    removed = await take_away(cloud, tmp_path)
    assert {item.kind for item in removed.items if not item.removal.ours} == {"bucket", "role"}
    assert s3.list_buckets()["Buckets"][0]["Name"] == BUCKET
    assert iam.get_role(RoleName="benchtui-scheduler")["Role"]
    names = [group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]]
    assert names.count("benchtui") == 1


@pytest.mark.long
async def test_what_was_changed_since_is_brought_back(bare: LocalCloud, cloud: Cloud, tmp_path: Path) -> None:
    await make(cloud, tmp_path)
    wanted = inventory(bare)
    ec2, iam, s3 = bare.boto3("ec2"), bare.boto3("iam"), bare.boto3("s3")
    group = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["benchtui"]}])
    open_to = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(
        GroupId=group["SecurityGroups"][0]["GroupId"], IpPermissions=[open_to]
    )
    iam.put_role_policy(
        RoleName="benchtui-instance",
        PolicyName="benchtui-instance",
        PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    )
    s3.delete_bucket_policy(Bucket=BUCKET)
    changed = await making.look(cloud, config(tmp_path))
    assert {item.part.kind for item in changed.to_do} == {"bucket", "role", "security group"}
    assert {item.finding.state for item in changed.to_do} == {State.CHANGE}
    await making.carry_out(changed)
    assert inventory(bare) == wanted


async def test_nothing_is_taken_away_while_an_instance_lives_or_a_region_is_silent(
    bare: LocalCloud, cloud: Cloud, tmp_path: Path
) -> None:
    await make(cloud, tmp_path)
    there = inventory(bare)
    tags = [{"Key": "LaunchedBy", "Value": "AsyncBenchmarkLauncher"}]
    ec2 = bare.boto3("ec2", "eu-west-1")
    launched = ec2.run_instances(
        ImageId=bare.image("eu-west-1"),
        InstanceType="c7i.large",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    with pytest.raises(StillAliveError, match="may still run; nothing was removed") as refusal:
        await take_away(cloud, tmp_path)
    assert refusal.value.exit_code is ExitCode.MAY_STILL_RUN
    ec2.terminate_instances(InstanceIds=[launched["Instances"][0]["InstanceId"]])
    bare.advance_clock(120)
    silent = {"service": "ec2", "action": "DescribeInstances", "region": "us-east-1", "status": 403}
    bare.private("POST", "faults", silent)
    with pytest.raises(StillAliveError, match="instances may still run: denied"):
        await take_away(cloud, tmp_path)
    assert inventory(bare) == there
    bare.private("DELETE", "faults")
    await take_away(cloud, tmp_path)
    assert inventory(bare) == {}


@pytest.mark.long
async def test_a_region_without_a_default_vpc_needs_a_subnet_with_the_tag(
    bare: LocalCloud, cloud: Cloud, tmp_path: Path
) -> None:
    ec2 = bare.boto3("ec2", ELSEWHERE)
    subnets = {"aws.regions": ["us-east-1", ELSEWHERE]}
    for vpc in ec2.describe_vpcs()["Vpcs"]:
        _remove_vpc(ec2, vpc["VpcId"])
    plan = await making.look(cloud, config(tmp_path, **subnets))
    assert len(plan.problems) == 1 and "no default VPC and no subnet" in plan.problems[0].what
    assert "create-default-vpc" in str(plan.problems[0].fix)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    tags = [{"ResourceType": "subnet", "Tags": [{"Key": "benchtui", "Value": ""}]}]
    offered = plan.places[1].zones["c7g.large"]
    small, large = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=offered[0], TagSpecifications=tags)
        for block in ("10.0.1.0/28", "10.0.2.0/24")
    )
    made = await make(cloud, tmp_path, **subnets)
    assert made.problems == () and made.places[1].vpc == vpc
    assert made.settings == {f"regions.{ELSEWHERE}.subnet": large["Subnet"]["SubnetId"]}
    assert small["Subnet"]["SubnetId"] != large["Subnet"]["SubnetId"]
    await take_away(cloud, tmp_path)
    groups = ec2.describe_security_groups()["SecurityGroups"]
    assert {group["GroupName"] for group in groups} == {"default"}


def _remove_vpc(ec2: Any, vpc: str) -> None:
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    for subnet in ec2.describe_subnets(Filters=of_vpc)["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    for gateway in ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    ec2.delete_vpc(VpcId=vpc)


@pytest.mark.slow
async def test_each_action_of_the_policy_is_needed_and_named_where_it_is_missing(
    account: LocalCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {}
    for action in setup_rights(SCOPE).actions:
        cleared(account)
        own = somebody(account, without(setup_rights(SCOPE), action))
        for name, value in own.environment.items():
            monkeypatch.setenv(name, value)
        async with Cloud(None, REGIONS, random=random.Random(1), sleep=ForwardClock().sleep) as opened:
            told[action] = await _first_failure(account, opened, tmp_path)
    cleared(account)
    with capsys.disabled():
        for action, said in told.items():
            print(f"\n{action}: {said}")
    assert {action for action, said in told.items() if action not in said} == set()


async def _first_failure(account: LocalCloud, cloud: Cloud, tmp_path: Path) -> str:
    """What is said when everything that setup and teardown ever do is done."""
    default = account.boto3("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    named = {"aws.subnet": default["Subnets"][0]["SubnetId"]}
    try:
        made = await make(cloud, tmp_path, **named)
        if made.problems:
            return str(made.problems[0])
        _spoil(account)
        await make(cloud, tmp_path, **named)
        await take_away(cloud, tmp_path, with_results=True)
    except BenchtuiError as error:
        return str(error)
    return "nothing failed"


def _spoil(account: LocalCloud) -> None:
    """Change what setup brings back, and leave a result in the bucket."""
    open_to = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2 = account.boto3("ec2")
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["benchtui"]}])
    ec2.authorize_security_group_ingress(
        GroupId=groups["SecurityGroups"][0]["GroupId"], IpPermissions=[open_to]
    )
    other = instance_trust(SCOPE).compact_text().replace("ec2.amazonaws.com", "lambda.amazonaws.com")
    account.boto3("iam").update_assume_role_policy(RoleName="benchtui-instance", PolicyDocument=other)
    account.boto3("s3").put_object(Bucket=BUCKET, Key="benchmarks/x", Body=b"x")


def without(policy: Policy, action: str) -> Policy:
    """The policy with one action taken out."""
    kept = [
        replace(each, actions=tuple(name for name in each.actions if name != action))
        for each in policy.statements
    ]
    return replace(policy, statements=tuple(each for each in kept if each.actions))
