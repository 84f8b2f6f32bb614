"""What a doctor asks of an account: ways out, dry runs, IAM's reckoning; answers that are strange by rule."""

from __future__ import annotations

import datetime as dt
import json
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.api.conftest import error_code, refusal_of
from tests.local.conftest import LocalCloud

ACCOUNT = "123456789012"


def carrying(launcher: str) -> dict[str, Any]:
    return {"StringEquals": {"aws:ResourceTag/LaunchedBy": launcher}}


def test_default_subnets_have_a_way_out(local_api: LocalCloud):
    ec2 = local_api.boto3("ec2")
    default = [{"Name": "is-default", "Values": ["true"]}]
    vpc = ec2.describe_vpcs(Filters=default)["Vpcs"][0]["VpcId"]
    wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    (table,) = ec2.describe_route_tables(Filters=wanted)["RouteTables"]
    assert any(association["Main"] for association in table["Associations"])
    routes = {row.get("DestinationCidrBlock"): row.get("GatewayId", "") for row in table["Routes"]}
    assert routes["0.0.0.0/0"].startswith("igw-")
    subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    assert all(row["MapPublicIpOnLaunch"] and row["AvailableIpAddressCount"] > 4000 for row in subnets)


def test_a_dry_run_asks_for_rights_and_not_for_room(local_api: LocalCloud):
    ec2 = local_api.boto3("ec2", "ca-central-1")
    local_api.private("POST", "quotas", {"values": {"L-1216C47A": 0}, "region": "ca-central-1"})
    asked = {"ImageId": local_api.own_image("ca-central-1"), "InstanceType": "local.1cpu"}
    asked |= {"MinCount": 1, "MaxCount": 1}
    try:
        assert error_code(lambda: ec2.run_instances(**asked, DryRun=True)) == "DryRunOperation"
        assert error_code(lambda: ec2.run_instances(**asked)) == "VcpuLimitExceeded"
    finally:
        local_api.private("POST", "quotas", {"values": {"L-1216C47A": 4096}, "region": "ca-central-1"})


def test_an_answer_may_come_from_a_clock_that_is_off(no_faults: LocalCloud):
    sts = no_faults.boto3("sts")
    rule = {"service": "sts", "date_offset_s": 1200, "times": 1}
    no_faults.private("POST", "faults", rule)
    ahead, right = (_date(sts.get_caller_identity()) for _ in range(2))
    now = dt.datetime.now(dt.UTC)
    assert abs(ahead - now - dt.timedelta(seconds=1200)) < dt.timedelta(seconds=30)
    assert abs(right - now) < dt.timedelta(seconds=30)


def _date(answer: dict[str, Any]) -> dt.datetime:
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])


def test_a_rule_may_be_for_requests_alone_that_say_whose_bucket_is_meant(no_faults: LocalCloud):
    s3, bucket = no_faults.boto3("s3"), no_faults.bucket
    rule = {"service": "s3", "match": {"ExpectedBucketOwner": "?*"}, "status": 403}
    no_faults.private("POST", "faults", rule)
    s3.head_bucket(Bucket=bucket)
    assert error_code(lambda: s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=ACCOUNT)) == "403"


@pytest.mark.parametrize(
    ("statement", "decision"),
    [
        (None, "implicitDeny"),
        ({"Effect": "Allow", "Condition": carrying("us")}, "allowed"),
        ({"Effect": "Allow", "Condition": carrying("me")}, "implicitDeny"),
        ({"Effect": "Deny"}, "explicitDeny"),
    ],
)
def test_iam_reckons_by_the_policies_of_a_user(
    local_api: LocalCloud, statement: dict[str, Any] | None, decision: str
):
    iam = local_api.boto3("iam")
    name = f"reckoned-{decision}-{statement is None}-{bool(statement and 'Condition' in statement)}"
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if statement is not None:
        whole = statement | {"Action": "ec2:TerminateInstances", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [whole]}
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    resource = f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/*"
    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["ec2:TerminateInstances"],
        ResourceArns=[resource],
        ContextEntries=[
            {
                "ContextKeyName": "aws:ResourceTag/LaunchedBy",
                "ContextKeyValues": ["us"],
                "ContextKeyType": "string",
            }
        ],
    )
    (row,) = answer["EvaluationResults"]
    assert (row["EvalResourceName"], row["EvalDecision"]) == (resource, decision)


def test_iam_reckons_about_no_one_that_is_not_there(local_api: LocalCloud):
    iam = local_api.boto3("iam")
    with pytest.raises(ClientError):
        iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/nobody", ActionNames=["ec2:TerminateInstances"]
        )


def test_quotas_say_that_types_of_this_machine_count(local_api: LocalCloud):
    quotas = local_api.boto3("service-quotas")
    rows = quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]
    assert all(", L, " in row["QuotaName"] for row in rows)
    assert refusal_of(lambda: quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-0"))[0] == (
        "NoSuchResourceException"
    )
