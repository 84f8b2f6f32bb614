"""Things that go wrong with accounts, each planted in a local cloud, with the line that has to name it."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from benchtui.core.policies import Scope, bucket_policy
from benchtui.engine.doctor.finding import Status
from tests.doctor.patient import CPUS, REGION, TYPES, Patient

Plant = Callable[[Patient], AbstractContextManager[None]]
SCOPE = Scope("123456789012", "benchtui-123456789012-us-east-1")
ROLE, SCHEDULER = SCOPE.instance_profile, SCOPE.scheduler_role
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


@dataclass(frozen=True)
class Planted:
    """One fault: how it comes and goes, and what the doctor has to say.

    Attributes:
        line: that names it, with its region.
        fix: a part of what it says mends it.
    """

    name: str
    plant: Plant
    line: str
    fix: str
    status: Status = Status.FAIL


def _rule(**fields: object) -> Plant:
    @contextmanager
    def planted(patient: Patient) -> Iterator[None]:
        number = patient.fault(**fields)
        yield
        patient.cloud.private("DELETE", f"faults/{number}")

    return planted


def _settings(**settings: object) -> Plant:
    @contextmanager
    def planted(patient: Patient) -> Iterator[None]:
        before = patient.settings
        patient.settings = before | {key.replace("__", "."): value for key, value in settings.items()}
        yield
        patient.settings = before

    return planted


def _environ(**environ: str | None) -> Plant:
    @contextmanager
    def planted(patient: Patient) -> Iterator[None]:
        patient.environ = dict(environ)
        yield
        patient.environ = {}

    return planted


@contextmanager
def _override_unmeant(patient: Patient) -> Iterator[None]:
    patient.endpoint_meant = False
    yield
    patient.endpoint_meant = True


@contextmanager
def _folder_open(patient: Patient) -> Iterator[None]:
    patient.state.mkdir(mode=0o700, exist_ok=True)
    patient.state.chmod(0o755)
    yield
    patient.state.chmod(0o700)


@contextmanager
def _folder_is_a_file(patient: Patient) -> Iterator[None]:
    with contextlib.suppress(FileNotFoundError):
        patient.state.rmdir()
    patient.state.write_text("")
    yield
    patient.state.unlink()


@contextmanager
def _public(patient: Patient) -> Iterator[None]:
    s3, bucket = patient.client("s3"), patient.cloud.bucket
    before = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=bucket)
    yield
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=before)


@contextmanager
def _unencrypted(patient: Patient) -> Iterator[None]:
    s3, bucket = patient.client("s3"), patient.cloud.bucket
    before = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    s3.delete_bucket_encryption(Bucket=bucket)
    yield
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=before)


def _policy(document: dict[str, Any] | None) -> Plant:
    @contextmanager
    def planted(patient: Patient) -> Iterator[None]:
        s3, bucket = patient.client("s3"), patient.cloud.bucket
        before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        if document is None:
            s3.delete_bucket_policy(Bucket=bucket)
        else:
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
        yield
        s3.put_bucket_policy(Bucket=bucket, Policy=before)

    return planted


def _without(sid: str) -> dict[str, Any]:
    whole = bucket_policy(SCOPE).document()
    return whole | {"Statement": [each for each in whole["Statement"] if each["Sid"] != sid]}


@contextmanager
def _profile_empty(patient: Patient) -> Iterator[None]:
    iam = patient.client("iam")
    iam.remove_role_from_instance_profile(InstanceProfileName=ROLE, RoleName=ROLE)
    yield
    iam.add_role_to_instance_profile(InstanceProfileName=ROLE, RoleName=ROLE)


@contextmanager
def _profile_gone(patient: Patient) -> Iterator[None]:
    iam = patient.client("iam")
    with _profile_empty(patient):
        iam.delete_instance_profile(InstanceProfileName=ROLE)
        yield
        iam.create_instance_profile(InstanceProfileName=ROLE)


@contextmanager
def _role_has_more(patient: Patient) -> Iterator[None]:
    iam = patient.client("iam")
    iam.put_role_policy(RoleName=ROLE, PolicyName="more", PolicyDocument=json.dumps(EVERYTHING))
    yield
    iam.delete_role_policy(RoleName=ROLE, PolicyName="more")


@contextmanager
def _role_attached(patient: Patient) -> Iterator[None]:
    iam = patient.client("iam")
    name = f"more-{uuid.uuid4().hex[:8]}"
    arn = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(EVERYTHING))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=arn)
    yield
    iam.detach_role_policy(RoleName=ROLE, PolicyArn=arn)


@contextmanager
def _role_has_less(patient: Patient) -> Iterator[None]:
    iam = patient.client("iam")
    (name,) = iam.list_role_policies(RoleName=ROLE)["PolicyNames"]
    before = iam.get_role_policy(RoleName=ROLE, PolicyName=name)["PolicyDocument"]
    less = before | {"Statement": [each for each in before["Statement"] if each["Sid"] != "Speak"]}
    iam.put_role_policy(RoleName=ROLE, PolicyName=name, PolicyDocument=json.dumps(less))
    yield
    iam.put_role_policy(RoleName=ROLE, PolicyName=name, PolicyDocument=json.dumps(before))


def _trusts(role: str, principal: dict[str, str]) -> Plant:
    @contextmanager
    def planted(patient: Patient) -> Iterator[None]:
        iam = patient.client("iam")
        before = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        more = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        after = before | {"Statement": [*before["Statement"], more]}
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(after))
        yield
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(before))

    return planted


@contextmanager
def _no_scheduler_role(patient: Patient) -> Iterator[None]:
    iam = patient.client("iam")
    trust = iam.get_role(RoleName=SCHEDULER)["Role"]["AssumeRolePolicyDocument"]
    policies = {
        name: iam.get_role_policy(RoleName=SCHEDULER, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=SCHEDULER)["PolicyNames"]
    }
    for name in policies:
        iam.delete_role_policy(RoleName=SCHEDULER, PolicyName=name)
    iam.delete_role(RoleName=SCHEDULER)
    yield
    iam.create_role(RoleName=SCHEDULER, AssumeRolePolicyDocument=json.dumps(trust))
    for name, document in policies.items():
        iam.put_role_policy(RoleName=SCHEDULER, PolicyName=name, PolicyDocument=json.dumps(document))


def _group(patient: Patient) -> dict[str, Any]:
    wanted = [{"Name": "group-name", "Values": ["benchtui"]}]
    found = patient.client("ec2").describe_security_groups(Filters=wanted)["SecurityGroups"]
    return dict(found[0])


@contextmanager
def _let_in(patient: Patient) -> Iterator[None]:
    ec2, group = patient.client("ec2"), _group(patient)["GroupId"]
    ssh = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ssh)
    yield
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=ssh)


@contextmanager
def _nothing_out(patient: Patient) -> Iterator[None]:
    ec2, group = patient.client("ec2"), _group(patient)
    rules = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=rules)
    yield
    ec2.authorize_security_group_egress(GroupId=group["GroupId"], IpPermissions=rules)


def _own_subnet(prepare: Callable[[Any, str, str], None]) -> Plant:
    """A small subnet of the patient's own, made ready by ``prepare(ec2, vpc, subnet)``."""

    @contextmanager
    def planted(patient: Patient) -> Iterator[None]:
        ec2 = patient.client("ec2")
        wanted = [{"Name": "is-default", "Values": ["true"]}]
        vpc = ec2.describe_vpcs(Filters=wanted)["Vpcs"][0]["VpcId"]
        taken = {row["CidrBlock"] for row in ec2.describe_subnets()["Subnets"]}
        block = next(b for n in range(16) if (b := f"172.31.255.{16 * n}/28") not in taken)
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"{REGION}a")
        subnet = made["Subnet"]["SubnetId"]
        ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
        prepare(ec2, vpc, subnet)
        with _settings(aws__subnet=subnet)(patient):
            yield

    return planted


def _fill(ec2: Any, _vpc: str, subnet: str) -> None:
    for _ in range(11):  # of the 16 addresses of a /28 AWS keeps five
        ec2.create_network_interface(SubnetId=subnet)


def _cut_off(ec2: Any, vpc: str, subnet: str) -> None:
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


def _quota(vcpus: int) -> Plant:
    @contextmanager
    def planted(patient: Patient) -> Iterator[None]:
        patient.cloud.private("POST", "quotas", {"values": {"L-1216C47A": vcpus}})
        yield
        patient.cloud.private("POST", "quotas", {"values": {"L-1216C47A": 4096}})

    return planted


@contextmanager
def _forgotten(patient: Patient) -> Iterator[None]:
    tags = {
        "LaunchedBy": "AsyncBenchmarkLauncher",
        "benchtui:run": "20200101-000000-k3f7",
        "benchtui:job": "local.1cpu-1",
        "benchtui:expires": "2020-01-01T05:00:00Z",
    }
    rows = [{"Key": key, "Value": value} for key, value in tags.items()]
    ec2 = patient.client("ec2")
    launched = ec2.run_instances(
        ImageId=patient.cloud.own_image(),
        InstanceType="local.1cpu",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": rows}],
    )
    yield
    ec2.terminate_instances(InstanceIds=[launched["Instances"][0]["InstanceId"]])


DENIED = {"status": 403, "code": "UnauthorizedOperation"}
EXPLICIT = "You are not authorized: explicit deny in a service control policy"
FAULTS = (
    Planted("no credentials", _environ(AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None),
            "credentials", "aws configure"),
    Planted("credentials expired", _rule(status=403, code="ExpiredToken"), "credentials", "aws sso login"),
    Planted("profile unknown", _settings(aws__profile="nobody"), "credentials", "list-profiles"),
    Planted("clock 20 minutes off", _rule(status=403, code="RequestTimeTooSkewed", date_offset_s=1200),
            "clock", "set-ntp"),
    Planted("nobody answers", _environ(AWS_ENDPOINT_URL="http://127.0.0.1:9"), "network", "network"),
    Planted("endpoint overridden", _override_unmeant, "endpoint", "unset AWS_ENDPOINT_URL", Status.WARN),
    Planted("region not opted in", _settings(aws__regions=[REGION, "eu-south-1"]),
            "region eu-south-1", "enable-region --region-name eu-south-1"),
    Planted("state folder open to others", _folder_open, "state-folder", "chmod 700", Status.WARN),
    Planted("state folder is a file", _folder_is_a_file, "state-folder", "XDG_STATE_HOME"),
    Planted("bucket missing", _rule(service="s3", status=404, code="NoSuchBucket"),
            "bucket", "benchtui setup"),
    Planted("bucket forbidden", _rule(service="s3", action="HeadBucket", status=403),
            "bucket", "s3:ListBucket"),
    Planted("bucket of another account",
            _rule(service="s3", match={"ExpectedBucketOwner": "?*"}, status=403), "bucket", "[aws] bucket"),
    Planted("bucket public", _public, "bucket-public", "benchtui setup"),
    Planted("bucket unencrypted", _unencrypted, "bucket-encryption", "benchtui setup", Status.WARN),
    Planted("bucket without policy", _policy(None), "bucket-policy", "benchtui setup"),
    Planted("policy without write-once", _policy(_without("WrittenOnce")), "bucket-policy", "benchtui setup"),
    Planted("policy without TLS", _policy(_without("TlsOnly")), "bucket-policy", "benchtui setup"),
    Planted("profile missing", _profile_gone, "profile", "benchtui setup"),
    Planted("profile without role", _profile_empty, "profile", "benchtui setup"),
    Planted("role with extra rights", _role_has_more,
            "role", "delete-role-policy --role-name benchtui-instance --policy-name more"),
    Planted("role with another policy", _role_attached,
            "role", "detach-role-policy --role-name benchtui-instance --policy-arn arn:aws:iam"),
    Planted("role may not speak", _role_has_less, "role", "benchtui setup"),
    Planted("role trusts others", _trusts(ROLE, {"AWS": "arn:aws:iam::210987654321:root"}),
            "role-trust", "benchtui setup"),
    Planted("scheduler role missing", _no_scheduler_role, "scheduler-role", "benchtui setup"),
    Planted("scheduler role trusts others", _trusts(SCHEDULER, {"Service": "lambda.amazonaws.com"}),
            "scheduler-trust", "benchtui setup"),
    Planted("security group lets in", _let_in, f"security-group {REGION}", "benchtui setup"),
    Planted("security group lets nothing out", _nothing_out, f"security-group {REGION}", "443"),
    Planted("security group missing", _settings(aws__security_group="nobody"), f"security-group {REGION}",
            "benchtui setup"),
    Planted("subnet full", _own_subnet(_fill), f"subnets {REGION}", "larger subnet"),
    Planted("subnet without a way out", _own_subnet(_cut_off), f"way-out {REGION}", "route"),
    Planted("type not offered", _settings(plan__types=[*TYPES, "c99.large"]),
            f"types {REGION}", "[plan] types"),
    Planted("price not to be had", _rule(service="pricing", status=400, code="InvalidParameterException"),
            f"prices {REGION}", "prices.on_demand"),
    Planted("quota below one instance", _quota(CPUS - 1), f"quota-on-demand {REGION}",
            "request-service-quota-increase"),
    Planted("quota below the plan", _quota(CPUS), f"quota-on-demand {REGION}",
            "request-service-quota-increase", Status.WARN),
    Planted("AMI parameter missing",
            _rule(service="ssm", action="GetParameter", status=400, code="ParameterNotFound"),
            f"images {REGION}", "[instance] image"),
    Planted("RunInstances denied", _rule(service="ec2", action="RunInstances", **DENIED),
            f"launch {REGION}", "--print-policies"),
    Planted("TerminateInstances denied",
            _rule(service="ec2", action="TerminateInstances", message=EXPLICIT, **DENIED),
            "terminate", "--print-policies"),
    Planted("runbook missing",
            _rule(service="ssm", action="DescribeDocument", status=400, code="InvalidDocument"),
            f"runbook {REGION}", "[plan] regions"),
    Planted("budget too small",
            _settings(prices__on_demand={name: "9" for name in TYPES}, safety__budget_usd="0.01"),
            "budget", "budget_usd"),
    Planted("instance alive after its end", _forgotten, "instances", "benchtui reap"),
)  # fmt: skip
