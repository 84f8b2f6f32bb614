"""A bare account of the local cloud, what stands in it, and somebody with exactly one policy."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from benchtui.config.load import Flag, load
from benchtui.config.schema import Config
from benchtui.core.policies import Policy
from tests.local.conftest import LocalCloud

REGIONS = ("us-east-1", "eu-west-1")
SETTINGS = {"aws.regions": list(REGIONS), "aws.public_ipv4": False, "plan.types": ["c7g.large"]}


def config(tmp_path: Path, **settings: object) -> Config:
    """Settings with two regions and without public addresses."""
    chosen = SETTINGS | settings
    return load(None, {}, {key: Flag("test", value) for key, value in chosen.items()}, tmp_path).config


def inventory(cloud: LocalCloud) -> dict[str, Any]:
    """What an independent client sees of everything that setup makes; ids left out."""
    iam, s3 = cloud.boto3("iam"), cloud.boto3("s3")
    found: dict[str, Any] = {}
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
        found[f"role {name}"] = {
            "trust": role["AssumeRolePolicyDocument"],
            "tags": iam.list_role_tags(RoleName=name)["Tags"],
            "policies": {
                p: iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"] for p in policies
            },
        }
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        name = profile["InstanceProfileName"]
        found[f"profile {name}"] = [role["RoleName"] for role in profile["Roles"]]
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        found[f"bucket {name}"] = {
            "tags": s3.get_bucket_tagging(Bucket=name)["TagSet"],
            "block": s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"],
            "owner": s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"],
            "encrypted": s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"],
            "lifecycle": s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"],
            "policy": json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]),
        }
    for region in REGIONS:
        found |= _network(cloud, region)
    return found


def _network(cloud: LocalCloud, region: str) -> dict[str, Any]:
    ec2, found = cloud.boto3("ec2", region), {}
    for group in ec2.describe_security_groups()["SecurityGroups"]:
        if group["GroupName"] != "default":
            found[f"group {group['GroupName']} {region}"] = (group["IpPermissions"], group.get("Tags"))
    for endpoint in ec2.describe_vpc_endpoints()["VpcEndpoints"]:
        if endpoint["State"].lower() not in ("deleted", "deleting"):
            found[f"gateway {endpoint['ServiceName']} {region}"] = endpoint.get("Tags")
    return found


@dataclass
class Somebody:
    """A user who may do what some policies allow, and nothing else."""

    name: str
    environment: dict[str, str]


def somebody(cloud: LocalCloud, *policies: Policy) -> Somebody:
    """Make such a user."""
    iam = cloud.boto3("iam")
    name = f"{policies[0].name}-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    for number, policy in enumerate(policies):
        text = policy.compact_text()
        arn = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=text)["Policy"]["Arn"]
        iam.attach_user_policy(UserName=name, PolicyArn=arn)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return Somebody(name, {**cloud.environment, **keys})


def cleared(cloud: LocalCloud) -> None:
    """Make the account bare again, whoever left what in it."""
    cloud.private("DELETE", "faults")
    iam, s3 = cloud.boto3("iam"), cloud.boto3("s3")
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        name = profile["InstanceProfileName"]
        for role in profile["Roles"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])
        iam.delete_instance_profile(InstanceProfileName=name)
    for role in iam.list_roles()["Roles"]:
        for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            iam.delete_role_policy(RoleName=role["RoleName"], PolicyName=policy)
        iam.delete_role(RoleName=role["RoleName"])
    for bucket in s3.list_buckets()["Buckets"]:
        for row in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ()):
            s3.delete_object(Bucket=bucket["Name"], Key=row["Key"])
        s3.delete_bucket(Bucket=bucket["Name"])
    for region in REGIONS:
        ec2 = cloud.boto3("ec2", region)
        there = ec2.describe_vpc_endpoints()["VpcEndpoints"]
        ids = [row["VpcEndpointId"] for row in there if row["State"].lower() == "available"]
        if ids:
            ec2.delete_vpc_endpoints(VpcEndpointIds=ids)
        for group in ec2.describe_security_groups()["SecurityGroups"]:
            if group["GroupName"] != "default":
                ec2.delete_security_group(GroupId=group["GroupId"])


def refused(action: Any) -> str:
    """Error code of a call that is expected to be refused."""
    try:
        action()
    except ClientError as refusal:
        return str(refusal.response["Error"]["Code"])
    return "allowed"
