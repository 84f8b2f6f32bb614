"""Policies enforced: users and roles of the account, tags, launches, the bucket's own policy."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchtui.core.policies import Scope, bucket_policy, launcher
from tests.local.api.conftest import error_code, launch, refusal_of
from tests.local.conftest import LocalCloud

ACCOUNT = "123456789012"
RUN = "20261128-184500-k3f7"
TAG = {
    "LaunchedBy": "AsyncBenchmarkLauncher",
    "benchtui:run": RUN,
    "benchtui:expires": "2026-11-29T00:00:00Z",
}


@pytest.fixture
def enforcing(local_api: LocalCloud) -> Iterator[LocalCloud]:
    """The API, back with its provisioned bucket policy and loopback as TLS after the test."""
    yield local_api
    local_api.private("POST", "loopback", {"is_tls": True})


def statement(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def user(
    cloud: LocalCloud, *statements: dict[str, Any], policy: dict[str, Any] | None = None
) -> Callable[..., Any]:
    """Clients of a new user with these statements alone."""
    iam, name = cloud.boto3("iam"), f"u-{uuid.uuid4().hex[:12]}"
    iam.create_user(UserName=name)
    document = policy or {"Version": "2012-10-17", "Statement": list(statements)}
    if document["Statement"]:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    return lambda service, region="us-east-1": cloud.boto3(service, region, **keys)


def specifications(tags: dict[str, str] | None = None, kinds: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    pairs = [{"Key": key, "Value": value} for key, value in (TAG if tags is None else tags).items()]
    wanted = kinds or ("instance", "volume", "network-interface")
    return [{"ResourceType": kind, "Tags": pairs} for kind in wanted]


def as_benchtui_launches(cloud: LocalCloud, **overrides: Any) -> dict[str, Any]:
    """A launch as benchtui asks for one."""
    groups = cloud.boto3("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["benchtui"]}]
    )
    request: dict[str, Any] = {
        "ImageId": cloud.own_image(),
        "InstanceType": "local.1cpu",
        "MinCount": 1,
        "MaxCount": 1,
        "SecurityGroupIds": [groups["SecurityGroups"][0]["GroupId"]],
        "IamInstanceProfile": {"Name": "benchtui-instance"},
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
        "TagSpecifications": specifications(),
    }
    return {key: value for key, value in (request | overrides).items() if value is not None}


@pytest.mark.long
def test_a_user_without_a_policy_may_ask_who_it_is_and_no_more(local_api: LocalCloud) -> None:
    nobody = user(local_api)
    arn = nobody("sts").get_caller_identity()["Arn"]
    assert arn.startswith("arn:aws:iam::123456789012:user/u-")
    for call, permission in (
        (nobody("ec2").describe_instances, "ec2:DescribeInstances"),
        (lambda: nobody("iam").get_role(RoleName="benchtui-instance"), "iam:GetRole"),
        (lambda: nobody("ssm").get_parameter(Name="/aws/service/x"), "ssm:GetParameter"),
        (nobody("scheduler").list_schedules, "scheduler:ListSchedules"),
        (lambda: nobody("pricing").get_products(ServiceCode="AmazonEC2"), "pricing:GetProducts"),
        (lambda: nobody("s3").list_objects_v2(Bucket=local_api.bucket), "s3:ListBucket"),
        (lambda: nobody("s3").get_object(Bucket=local_api.bucket, Key="k"), "s3:GetObject"),
    ):
        code, message, _ = refusal_of(call)
        assert code in ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException")
        assert f"User: {arn} is not authorized to perform: {permission} on resource: " in message
        assert f"because no identity-based policy allows the {permission} action" in message


@pytest.mark.long
def test_policies_come_from_everywhere_an_identity_has_them(local_api: LocalCloud) -> None:
    """Inline, attached, of a group; an explicit denial of any of them wins."""
    iam = local_api.boto3("iam")
    name = f"g-{uuid.uuid4().hex[:8]}"
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement("ec2:DescribeRegions")]})
    attached = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    someone = user(local_api, statement("ec2:DescribeInstances"))
    someone_name = someone("sts").get_caller_identity()["Arn"].rpartition("/")[2]
    ec2 = someone("ec2")
    ec2.describe_instances(MaxResults=5)
    assert error_code(ec2.describe_regions) == "UnauthorizedOperation"
    iam.attach_user_policy(UserName=someone_name, PolicyArn=attached)
    ec2.describe_regions()
    assert error_code(ec2.describe_vpcs) == "UnauthorizedOperation"
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=someone_name)
    rows = [statement("ec2:DescribeVpcs"), {**statement("ec2:DescribeRegions"), "Effect": "Deny"}]
    group = json.dumps({"Version": "2012-10-17", "Statement": rows})
    iam.put_group_policy(GroupName=name, PolicyName="g", PolicyDocument=group)
    ec2.describe_vpcs()
    _, message, _ = refusal_of(ec2.describe_regions)
    assert "with an explicit deny in an identity-based policy" in message


@pytest.mark.long
def test_a_key_that_is_not_active_opens_nothing(local_api: LocalCloud) -> None:
    someone, iam = user(local_api, statement("ec2:*")), local_api.boto3("iam")
    name = someone("sts").get_caller_identity()["Arn"].rpartition("/")[2]
    key = iam.list_access_keys(UserName=name)["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")
    assert error_code(someone("sts").get_caller_identity) == "InvalidClientTokenId"
    assert error_code(someone("ec2").describe_instances) == "AuthFailure"
    assert error_code(someone("s3").list_buckets) == "InvalidAccessKeyId"


def launching(cloud: LocalCloud) -> dict[str, Any]:
    return launcher(Scope(ACCOUNT, cloud.bucket)).document()


@pytest.mark.long
def test_the_launcher_launches_as_benchtui_does_and_not_otherwise(local_api: LocalCloud) -> None:
    ec2 = user(local_api, policy=launching(local_api))("ec2")
    launched = ec2.run_instances(**as_benchtui_launches(local_api))["Instances"][0]
    assert {tag["Key"] for tag in launched["Tags"]} == set(TAG)
    untagged = {key: value for key, value in TAG.items() if key != "LaunchedBy"}
    own = local_api.boto3("ec2").create_security_group(
        GroupName=f"open-{uuid.uuid4().hex[:8]}", Description="of somebody", VpcId=launched["VpcId"]
    )["GroupId"]
    for overrides, permission, resource in (
        ({"TagSpecifications": None}, "ec2:RunInstances", "instance/*"),
        ({"TagSpecifications": specifications(untagged)}, "ec2:RunInstances", "instance/*"),
        ({"TagSpecifications": specifications(TAG | {"LaunchedBy": "me"})}, "ec2:RunInstances", "instance/*"),
        ({"TagSpecifications": specifications(kinds=("instance",))}, "ec2:RunInstances", "volume/*"),
        (
            {"TagSpecifications": specifications(kinds=("instance", "volume"))},
            "ec2:RunInstances",
            "network-interface/*",
        ),
        ({"MetadataOptions": {"HttpTokens": "optional"}}, "ec2:RunInstances", "instance/*"),
        ({"MetadataOptions": None}, "ec2:RunInstances", "instance/*"),
        ({"IamInstanceProfile": None}, "ec2:RunInstances", "instance/*"),
        ({"SecurityGroupIds": [own]}, "ec2:RunInstances", f"security-group/{own}"),
        ({"SecurityGroupIds": None}, "ec2:RunInstances", "security-group/"),
    ):
        for dry in (False, True):
            code, message, status = refusal_of(
                lambda wanted=overrides, dry=dry: ec2.run_instances(
                    **as_benchtui_launches(local_api, **wanted), DryRun=dry
                )
            )
            assert (code, status) == ("UnauthorizedOperation", 403)
            assert f"{permission} on resource: arn:aws:ec2:us-east-1:123456789012:{resource}" in message


@pytest.mark.long
def test_a_dry_run_tells_whether_it_would_be_allowed(local_api: LocalCloud) -> None:
    ec2 = user(local_api, policy=launching(local_api))("ec2")
    dry = as_benchtui_launches(local_api, DryRun=True)
    assert error_code(lambda: ec2.run_instances(**dry)) == "DryRunOperation"


@pytest.mark.long
@pytest.mark.parametrize(
    ("missing", "resource"),
    [
        ("ec2:CreateTags", "arn:aws:ec2:us-east-1:123456789012:instance/*"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/benchtui-instance"),
        ("ec2:RunInstances", "arn:aws:ec2:us-east-1:123456789012:instance/*"),
    ],
)
def test_a_launch_needs_each_of_its_three_actions(local_api: LocalCloud, missing: str, resource: str) -> None:
    denied = {"Effect": "Deny", "Action": missing, "Resource": "*"}
    document = launching(local_api)
    document["Statement"].append(denied)
    ec2 = user(local_api, policy=document)("ec2")
    code, message, _ = refusal_of(lambda: ec2.run_instances(**as_benchtui_launches(local_api)))
    assert code == "UnauthorizedOperation"
    assert f"{missing} on resource: {resource} with an explicit deny" in message


def test_a_role_is_passed_to_the_service_it_is_for(local_api: LocalCloud) -> None:
    document = launching(local_api)
    for row in document["Statement"]:
        if row["Action"] == "iam:PassRole":
            row["Condition"] = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    ec2 = user(local_api, policy=document)("ec2")
    _, message, _ = refusal_of(lambda: ec2.run_instances(**as_benchtui_launches(local_api)))
    assert "iam:PassRole" in message


@pytest.mark.long
def test_tags_cannot_be_moved_to_what_is_there(local_api: LocalCloud) -> None:
    """Whoever could would make another's instance one that may be ended."""
    someone = user(local_api, policy=launching(local_api))("ec2")
    foreign = launch(local_api)["InstanceId"]
    tags = [{"Key": key, "Value": value} for key, value in TAG.items()]
    assert error_code(lambda: someone.create_tags(Resources=[foreign], Tags=tags)) == "UnauthorizedOperation"
    assert error_code(lambda: someone.terminate_instances(InstanceIds=[foreign])) == "UnauthorizedOperation"
    ours = launch(local_api, TagSpecifications=specifications())["InstanceId"]
    code, message, _ = refusal_of(lambda: someone.terminate_instances(InstanceIds=[ours, foreign]))
    assert code == "UnauthorizedOperation" and f"instance/{foreign}" in message
    assert (
        error_code(lambda: someone.terminate_instances(InstanceIds=[ours], DryRun=True)) == "DryRunOperation"
    )
    someone.terminate_instances(InstanceIds=[ours])


def test_an_action_that_is_not_known_is_for_the_administrator_alone(local_api: LocalCloud) -> None:
    someone = user(local_api, statement("ec2:*"), statement("s3:*"))
    code, message, _ = refusal_of(someone("ec2").describe_key_pairs)
    assert code == "UnauthorizedOperation"
    assert "ec2:DescribeKeyPairs" in message and "does not know" in message
    assert error_code(lambda: someone("s3").get_bucket_acl(Bucket=local_api.bucket)) == "AccessDenied"
    local_api.boto3("ec2").describe_key_pairs()
    log = (local_api.state_dir / "logs" / "api.log").read_text()
    assert "ec2:DescribeKeyPairs is not known here" in log


def test_a_launch_with_something_unknown_is_denied(local_api: LocalCloud) -> None:
    ec2 = user(local_api, statement(["ec2:*", "iam:PassRole"]))("ec2")
    ec2.run_instances(**as_benchtui_launches(local_api))
    wanted = as_benchtui_launches(local_api, Placement={"GroupName": "a"})
    assert "does not know" in refusal_of(lambda: ec2.run_instances(**wanted))[1]


@pytest.fixture
def own_bucket(enforcing: LocalCloud) -> str:
    name = f"own-{uuid.uuid4()}"
    enforcing.boto3("s3").create_bucket(Bucket=name)
    policy = bucket_policy(Scope(ACCOUNT, name))
    enforcing.boto3("s3").put_bucket_policy(Bucket=name, Policy=policy.compact_text())
    return name


def test_the_bucket_refuses_to_overwrite_a_result_whoever_asks(
    enforcing: LocalCloud, own_bucket: str
) -> None:
    admin = enforcing.boto3("s3")
    result = {"Bucket": own_bucket, "Key": f"benchmarks/{RUN}/jobs/c7g.large-1/stream/result.json"}
    admin.put_object(**result, Body=b"measured", IfNoneMatch="*")
    code, message, status = refusal_of(lambda: admin.put_object(**result, Body=b"forged"))
    assert (code, status) == ("AccessDenied", 403)
    assert "s3:PutObject" in message and "with an explicit deny in a resource-based policy" in message
    assert (
        error_code(lambda: admin.put_object(**result, Body=b"forged", IfNoneMatch="*"))
        == "PreconditionFailed"
    )
    copied = {"Bucket": own_bucket, "Key": result["Key"]}
    assert error_code(lambda: admin.copy_object(**result, CopySource=copied)) == "AccessDenied"
    upload = admin.create_multipart_upload(**result)["UploadId"]
    etag = admin.upload_part(**result, UploadId=upload, PartNumber=1, Body=b"forged")["ETag"]
    parts = {"UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}
    assert error_code(lambda: admin.complete_multipart_upload(**result, **parts)) == "AccessDenied"
    heartbeat = {"Bucket": own_bucket, "Key": f"benchmarks/{RUN}/heartbeats/c7g.large-1"}
    for body in (b"1", b"2"):
        admin.put_object(**heartbeat, Body=body)
    assert admin.get_object(**result)["Body"].read() == b"measured"


def test_without_tls_the_bucket_refuses_everything(enforcing: LocalCloud, own_bucket: str) -> None:
    admin = enforcing.boto3("s3")
    admin.list_objects_v2(Bucket=own_bucket)
    enforcing.private("POST", "loopback", {"is_tls": False})
    for call in (
        lambda: admin.list_objects_v2(Bucket=own_bucket),
        lambda: admin.put_object(Bucket=own_bucket, Key="k", Body=b"", IfNoneMatch="*"),
        lambda: admin.get_bucket_policy(Bucket=own_bucket),
    ):
        assert "explicit deny in a resource-based policy" in refusal_of(call)[1]


def test_nobody_unsigned_gets_anything(local_api: LocalCloud, http_status: Callable[..., int]) -> None:
    local_api.boto3("s3").put_object(Bucket=local_api.bucket, Key="other/unsigned", Body=b"secret")
    for method, path in (
        ("GET", "/other/unsigned"),
        ("GET", ""),
        ("PUT", "/other/new"),
        ("DELETE", "/other/unsigned"),
    ):
        assert http_status(f"{local_api.endpoint}/{local_api.bucket}{path}", method) == 403
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"Action=DescribeInstances&Version=2016-11-15"
    assert http_status(local_api.endpoint, "POST", form, body) == 403


def test_a_listing_is_bound_to_its_prefix(local_api: LocalCloud) -> None:
    bound = {"StringLike": {"s3:prefix": ["benchmarks/*"]}}
    s3 = user(local_api, statement("s3:ListBucket", f"arn:aws:s3:::{local_api.bucket}", Condition=bound))(
        "s3"
    )
    s3.list_objects_v2(Bucket=local_api.bucket, Prefix="benchmarks/")
    assert (
        error_code(lambda: s3.list_objects_v2(Bucket=local_api.bucket, Prefix="payloads/")) == "AccessDenied"
    )
    assert error_code(lambda: s3.list_objects_v2(Bucket=local_api.bucket)) == "AccessDenied"


@pytest.mark.long
def test_a_role_is_taken_on_by_whom_it_trusts(local_api: LocalCloud) -> None:
    iam, name = local_api.boto3("iam"), f"r-{uuid.uuid4().hex[:8]}"
    trusted = user(local_api, statement("sts:AssumeRole"))
    without_right = user(local_api)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "known"}},
            }
        ],
    }
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    own = json.dumps({"Version": "2012-10-17", "Statement": [statement("ec2:DescribeRegions")]})
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=own)
    take = {"RoleArn": arn, "RoleSessionName": "session", "ExternalId": "known"}
    assert error_code(lambda: without_right("sts").assume_role(**take)) == "AccessDenied"
    assert error_code(lambda: trusted("sts").assume_role(**take | {"ExternalId": "other"})) == "AccessDenied"
    instance_role = f"arn:aws:iam::{ACCOUNT}:role/benchtui-instance"
    assert (
        error_code(lambda: trusted("sts").assume_role(**take | {"RoleArn": instance_role})) == "AccessDenied"
    )
    keys = trusted("sts").assume_role(**take)["Credentials"]
    session = {"access_key_id": keys["AccessKeyId"], "secret_access_key": keys["SecretAccessKey"]}
    ec2 = local_api.boto3("ec2", **session, session_token=keys["SessionToken"])
    ec2.describe_regions()
    _, message, _ = refusal_of(ec2.describe_instances)
    assert f"User: arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session is not authorized" in message
    assert (
        error_code(local_api.boto3("ec2", **session).describe_regions) == "AuthFailure"
    )  # without its token


TenCalls = list[tuple[str, Callable[[], Any]]]


@pytest.mark.long
def test_the_role_of_an_instance_is_denied_ten_forbidden_things(local_api: LocalCloud) -> None:
    admin, bucket, other = local_api.boto3("s3"), local_api.bucket, "20261101-000000-aaaa"
    result = f"benchmarks/{RUN}/jobs/local.1cpu-1/stream-{uuid.uuid4().hex[:6]}/result.json"
    instance = launch(local_api, IamInstanceProfile={"Name": "benchtui-instance"})["InstanceId"]
    shown = local_api.private("GET", f"credentials/{instance}")
    keys = {"access_key_id": shown["AccessKeyId"], "secret_access_key": shown["SecretAccessKey"]}
    s3, ec2, iam, scheduler = (
        local_api.boto3(service, **keys, session_token=shown["Token"])
        for service in ("s3", "ec2", "iam", "scheduler")
    )
    s3.put_object(Bucket=bucket, Key=result, Body=b"{}", IfNoneMatch="*")
    admin.put_object(
        Bucket=bucket, Key=f"benchmarks/{other}/jobs/x-1/s/result.json", Body=b"{}", IfNoneMatch="*"
    )

    def put(key: str) -> Callable[[], Any]:
        return lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")

    ten: TenCalls = [
        ("overwrite its own result", lambda: s3.put_object(Bucket=bucket, Key=result, Body=b"forged")),
        ("write a run's document", put(f"benchmarks/{other}/run.json")),
        ("hold money", put(f"benchmarks/{other}/reservations/000001")),
        ("stop another run", put(f"benchmarks/{other}/control/kill")),
        ("replace a bundle", put("payloads/other.tar.gz")),
        (
            "read another run's result",
            lambda: s3.get_object(Bucket=bucket, Key=f"benchmarks/{other}/jobs/x-1/s/result.json"),
        ),
        ("delete a result", lambda: s3.delete_object(Bucket=bucket, Key=result)),
        ("list the bucket", lambda: s3.list_objects_v2(Bucket=bucket, Prefix="benchmarks/")),
        ("see instances", ec2.describe_instances),
        ("end an instance", lambda: ec2.terminate_instances(InstanceIds=[instance])),
        ("launch one", lambda: ec2.run_instances(**as_benchtui_launches(local_api))),
        ("read its own role", lambda: iam.get_role(RoleName="benchtui-instance")),
        ("make a schedule disappear", lambda: scheduler.delete_schedule(Name="benchtui.x")),
        ("open the bucket", lambda: s3.delete_bucket_policy(Bucket=bucket)),
    ]
    denied = {}
    for what, call in ten:
        code, message, status = refusal_of(call)
        denied[what] = code
        assert status == 403, (what, code)
        assert "is not authorized to perform: " in message, what
    assert len(denied) >= 10
    assert set(denied.values()) <= {"AccessDenied", "UnauthorizedOperation", "AccessDeniedException"}
