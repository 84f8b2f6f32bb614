"""What the doctor reads: subnets and their way out, rules of groups, roles, dry runs, IAM's reckoning."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from benchtui.aws.dry_runs import rehearse_end
from benchtui.aws.errors import CloudError
from benchtui.aws.failures import Failure
from benchtui.aws.regions import opt_in_of
from benchtui.aws.roles import read_role
from benchtui.aws.security_groups import group_rules
from benchtui.aws.session import Identity
from benchtui.aws.simulation import may_end, sources_of
from benchtui.aws.subnets import WayOut, subnets_of, ways_out

from .scripted import Answer, ScriptedCloud, refusal

REGION = "us-east-1"
ACCOUNT = "123456789012"


def scripted(**answers: Any) -> Any:
    """A cloud with one answer, or error, per operation."""

    def reply(operation: str, _params: Answer) -> Answer:
        answer = answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    return ScriptedCloud(reply)


def route_table(name: str, *routes: Answer, main: bool = False, subnet: str | None = None) -> Answer:
    association = {"Main": True} if main else {"SubnetId": subnet}
    return {"RouteTableId": name, "Routes": list(routes), "Associations": [association]}


DEFAULT = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}
BLACKHOLE = {**NAT, "State": "blackhole"}
GATEWAY = {
    "VpcEndpointType": "Gateway",
    "ServiceName": f"com.amazonaws.{REGION}.s3",
    "State": "available",
    "RouteTableIds": ["rtb-3"],
}


async def test_each_subnet_has_its_own_table_or_the_main_one():
    cloud = scripted(
        DescribeRouteTables={
            "RouteTables": [
                route_table("rtb-1", DEFAULT, main=True),
                route_table("rtb-2", NAT, subnet="subnet-2"),
                route_table("rtb-3", subnet="subnet-3"),
                route_table("rtb-4", BLACKHOLE, subnet="subnet-4"),
            ]
        },
        DescribeVpcEndpoints={"VpcEndpoints": [GATEWAY]},
    )
    names = tuple(f"subnet-{n}" for n in range(1, 5))
    found = await ways_out(cloud, REGION, "vpc-1", names)
    assert found == {
        "subnet-1": WayOut("igw-1", s3_endpoint=False),
        "subnet-2": WayOut("nat-1", s3_endpoint=False),
        "subnet-3": WayOut(None, s3_endpoint=True),
        "subnet-4": WayOut(None, s3_endpoint=False),
    }
    assert [way.reaches_s3(public=True) for way in found.values()] == [True, True, True, False]
    assert [way.reaches_s3(public=False) for way in found.values()] == [False, True, True, False]


async def test_a_subnet_without_a_count_of_its_addresses_is_no_answer():
    row = {"SubnetId": "subnet-1", "VpcId": "vpc-1", "AvailabilityZone": "us-east-1a"}
    with pytest.raises(CloudError) as raised:
        await subnets_of(scripted(DescribeSubnets={"Subnets": [row]}), REGION, "subnet-1")
    assert "AvailableIpAddressCount" in raised.value.what


@pytest.mark.parametrize(
    ("egress", "lets"),
    [
        ([{"IpProtocol": "-1"}], True),
        ([{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}], True),
        ([{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535}], True),
        ([{"IpProtocol": "udp", "FromPort": 443, "ToPort": 443}], False),
        ([{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}], False),
        ([], False),
    ],
)
async def test_whether_https_gets_out(egress: list[Answer], lets: bool):
    row = {"GroupId": "sg-1", "IpPermissions": [], "IpPermissionsEgress": egress}
    assert (
        await group_rules(scripted(DescribeSecurityGroups={"SecurityGroups": [row]}), REGION, "sg-1")
    ).https_out is lets


async def test_rules_that_let_in_are_told_in_words():
    rules = [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-2"}]},
        {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8080, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
    ]
    row = {"GroupId": "sg-1", "IpPermissions": rules}
    found = await group_rules(scripted(DescribeSecurityGroups={"SecurityGroups": [row]}), REGION, "sg-1")
    assert found.inbound == ("tcp 22 from 0.0.0.0/0", "everything from sg-2", "tcp 8000-8080 from ::/0")


async def test_a_role_has_all_its_policies_whatever_form_they_come_in():
    trust = '{"Version": "2012-10-17", "Statement": []}'
    cloud = scripted(
        GetRole={"Role": {"RoleName": "r", "Arn": "a", "AssumeRolePolicyDocument": quote(trust)}},
        ListRolePolicies={"PolicyNames": ["own"], "IsTruncated": False},
        ListAttachedRolePolicies={"AttachedPolicies": [{"PolicyName": "A\x1b[2J", "PolicyArn": "arn"}]},
        GetRolePolicy={"PolicyDocument": {"Statement": []}},
    )
    role = await read_role(cloud, "r")
    assert role is not None
    assert role.trust == {"Version": "2012-10-17", "Statement": []}
    assert role.documents() == [{"Statement": []}]
    assert role.attached == {"A\ufffd[2J": "arn"}


async def test_a_role_that_is_not_there_is_none_and_one_that_is_not_told_is_an_error():
    assert await read_role(scripted(GetRole=refusal("NoSuchEntity", status=404)), "r") is None
    with pytest.raises(CloudError):
        await read_role(scripted(GetRole=refusal("AccessDenied", status=403)), "r")


@pytest.mark.parametrize(
    ("answer", "allowed", "explicit"),
    [
        (refusal("DryRunOperation", status=412), True, False),
        (refusal("InvalidInstanceID.NotFound"), True, False),
        (refusal("UnauthorizedOperation", "no identity-based policy allows", 403), False, False),
        (refusal("UnauthorizedOperation", "with an explicit deny", 403), False, True),
        (refusal("InvalidParameterValue"), None, False),
        ({}, None, False),  # carried out: no dry run at all
    ],
)
async def test_what_a_dry_run_says(answer: Any, allowed: bool | None, explicit: bool):
    tried = await rehearse_end(scripted(TerminateInstances=answer), REGION)
    assert (tried.allowed, tried.explicit) == (allowed, explicit)


async def test_a_dry_run_without_an_answer_is_an_error():
    with pytest.raises(CloudError):
        await rehearse_end(scripted(TerminateInstances=refusal("Throttling", status=503)), REGION)


def test_a_session_is_asked_about_as_its_role():
    assert sources_of(Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/me")) == (
        f"arn:aws:iam::{ACCOUNT}:user/me",
    )
    session = Identity(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/launcher/me")
    assert sources_of(session) == (f"arn:aws:iam::{ACCOUNT}:role/launcher",)
    sso = Identity(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_x_1/me")
    assert (
        sources_of(sso)[1] == f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_x_1"
    )


@pytest.mark.parametrize(
    ("answer", "may"),
    [
        ("allowed", {REGION: True}),
        ("implicitDeny", {REGION: False}),
        (refusal("AccessDenied", status=403), "AccessDenied"),
        (refusal("NoSuchEntity", status=404), "NoSuchEntity"),
    ],
)
async def test_what_iam_reckons(answer: Any, may: dict[str, bool] | str):
    if isinstance(answer, str):
        arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"
        answer = {"EvaluationResults": [{"EvalResourceName": arn, "EvalDecision": answer}]}
    cloud = scripted(SimulatePrincipalPolicy=answer)
    cloud.regions = (REGION,)
    found = await may_end(cloud, Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/me"), [REGION])
    assert (found.code if isinstance(found, Failure) else found) == may


async def test_a_region_that_refuses_to_speak_of_itself_is_not_enabled():
    cloud = scripted(DescribeRegions=refusal("AuthFailure", status=401))
    cloud.regions = ("eu-south-1",)

    async def call(_service: str, region: str, *_rest: Any, **_options: Any) -> Answer:
        if region == "eu-south-1":
            raise refusal("AuthFailure", status=401)
        return {"Regions": [{"RegionName": "eu-south-1", "OptInStatus": "not-opted-in"}]}

    cloud.call = call
    assert await opt_in_of(cloud, "eu-south-1") == "not-opted-in"
