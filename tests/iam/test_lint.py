"""Policies and the local cloud's own table against AWS's service authorization reference, and parliament.

What takes seconds to import is imported by the tests that need it, for every process collects them all.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from benchtui.core.policies import Policy, Scope, all_policies
from benchtui.local.api.iam.conditions import FAMILIES, KEYS

from . import reference

SCOPE = Scope("123456789012", "benchtui-123456789012-us-east-1")
POLICIES = {policy.name: policy for policy in all_policies(SCOPE)}
AWS = Path(__file__).parents[2] / "src" / "benchtui" / "aws"
#: Services that benchtui asks, by the SDK's name, with the prefix of their actions.
SERVICES = {
    "ec2": "ec2",
    "s3": "s3",
    "sts": "sts",
    "iam": "iam",
    "ssm": "ssm",
    "scheduler": "scheduler",
    "pricing": "pricing",
    "service-quotas": "servicequotas",
    "sns": "sns",
}
#: Operations of S3 that share a subresource with others, as the local cloud calls them.
S3_NAMES = {
    "GetBucketTagging": "GetTagging",
    "PutBucketTagging": "PutTagging",
    "DeleteBucketTagging": "DeleteTagging",
    "DeleteBucketLifecycle": "DeleteBucketLifecycleConfiguration",
}


@pytest.mark.parametrize("name", POLICIES)
def test_aws_knows_every_action_resource_and_key(name: str) -> None:
    assert reference.problems(POLICIES[name].document(), trust=name.endswith("-trust")) == []


#: What parliament objects to all the same, and why it may.
UNHEEDED = {
    "'servicequotas:GetServiceQuota'": "its data is older than the quota as a resource",
    "'ssm:GetParameter'": "parameters of AWS belong to no account, which it does not know",
    "allow s3:PutBucketPolicy": "whoever runs setup may open the bucket; that is said where it is printed",
}


def unmet(policy: Policy, detail: dict[str, str]) -> bool:
    """Whether the whole policy lacks a resource that an action needs: parliament looks at one statement."""
    pattern = detail["required_format"]
    statements = [row for row in policy.statements if detail["action"] in row.actions]
    return not any(reference.fits(name, pattern) for row in statements for name in row.resources)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in POLICIES if not name.endswith("-trust")])
def test_parliament_objects_to_nothing_else(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pkg_resources, which it imports
        import parliament
    objections = []
    for finding in parliament.analyze_policy_string(POLICIES[name].compact_text()).findings:
        details = finding.detail if finding.issue == "RESOURCE_MISMATCH" else [finding.detail]
        kept = [row for row in details if finding.issue != "RESOURCE_MISMATCH" or unmet(POLICIES[name], row)]
        objections += [f"{finding.issue} {row}" for row in kept]
    assert [text for text in objections if not any(words in text for words in UNHEEDED)] == []


@pytest.mark.parametrize("name", POLICIES)
def test_the_local_cloud_understands_every_condition(name: str) -> None:
    for statement in POLICIES[name].document()["Statement"]:
        for keys in statement.get("Condition", {}).values():
            for key in keys:
                lower = key.lower()
                assert lower in KEYS or lower.startswith(FAMILIES), f"{statement['Sid']}: {key}"


def planted(**elements: Any) -> dict[str, Any]:
    row = {
        "Sid": "Planted",
        "Effect": "Allow",
        "Action": "ec2:TerminateInstances",
        "Resource": "arn:aws:ec2:*:123456789012:instance/*",
    }
    return {"Version": "2012-10-17", "Statement": [row | elements]}


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"Action": "ec2:TerminateInstance"}, "there is no action"),
        ({"Action": "ec2:terminateinstances"}, "there is no action"),
        ({"Action": "nope:Act"}, "there is no action"),
        ({"Action": "ec2:DescribeInstances"}, "cannot be narrowed"),
        ({"Resource": "arn:aws:ec2:*:123456789012:volume/*"}, "does not know"),
        ({"Resource": "arn:aws:s3:::bucket/*"}, "does not know"),
        ({"Condition": {"StringEquals": {"aws:RequestTag/x": "y"}}}, "does not know aws:RequestTag/x"),
        ({"Condition": {"StringEquals": {"ec2:VolumeType": "gp3"}}}, "does not know ec2:VolumeType"),
        ({"Condition": {"StringEquals": {"ec2:CreateAction": "x"}}}, "does not know ec2:CreateAction"),
        ({"Action": "ec2:RunInstances", "Condition": {"Bool": {"ec2:InstanceType": "x"}}}, "does not suit"),
        (
            {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket"},
            "narrowed to resources that it does not know",
        ),
    ],
)
def test_the_lint_finds_what_would_never_apply(elements: dict[str, Any], words: str) -> None:
    assert reference.problems(planted()) == []
    assert words in "\n".join(reference.problems(planted(**elements)))


@pytest.mark.long
def test_the_table_of_needs_agrees_with_the_reference() -> None:
    """Permission and kind of resource of every call that the local cloud authorises."""
    from benchtui.local.api.iam import needs_ec2, needs_others, needs_s3

    on_kind = {f"ec2:{name}": kind for name, (kind, _) in needs_ec2._ON_EXISTING.items()}
    on_kind |= {f"iam:{name}": kind for name, (kind, _) in needs_others._IAM.items()}
    on_kind |= {f"s3:{name}": "bucket" for name in needs_s3.ON_BUCKET.values()}
    on_kind |= {
        f"s3:{name}": "object" for name in (*needs_s3.ON_OBJECT.values(), *needs_s3.ON_VERSION.values())
    }
    on_kind |= {f"scheduler:{name}": "schedule" for name in needs_others._SCHEDULER}
    for name, kind in on_kind.items():
        about = reference.action(name)
        assert about is not None, name
        assert kind in about.kinds, f"{name}: {sorted(about.kinds)}"
    for name in (*(f"ec2:{name}" for name in needs_ec2.READING), *needs_others.ANYTHING):
        about = reference.action(name)
        assert about is not None and not about.kinds, name


def test_what_a_launch_always_touches_is_asked_about() -> None:
    about = reference.action("ec2:RunInstances")
    assert about is not None
    assert about.required == {"image", "instance", "network-interface", "security-group", "subnet"}


def test_every_key_that_is_served_exists() -> None:
    for key in KEYS:
        assert key in reference.GLOBAL or key == "aws:tagkeys" or reference.key_type(key) is not None, key


def operations() -> dict[str, set[str]]:
    """Operations whose names stand in the part that speaks to AWS, by service."""
    words = set()
    for path in AWS.glob("*.py"):
        words |= set(re.findall(r'"([A-Z][A-Za-z0-9]+)"', path.read_text()))
    session = botocore.session.get_session()
    return {name: words & set(session.get_service_model(name).operation_names) for name in SERVICES}


@pytest.mark.long
def test_the_local_cloud_knows_what_every_request_of_benchtui_needs() -> None:
    from benchtui.local.api.iam import needs_ec2, needs_others, needs_s3

    known = {
        "ec2": needs_ec2.ACTIONS | {"RunInstances"},
        "s3": {*needs_s3.ON_BUCKET, *needs_s3.ON_OBJECT, "ListBuckets", "DeleteObjects"},
        "iam": {*needs_others._IAM, "SimulatePrincipalPolicy"},
        "sts": {"GetCallerIdentity", "AssumeRole"},
        "scheduler": {*needs_others._SCHEDULER, "ListSchedules"},
        "ssm": set(needs_others._SSM),
        "service-quotas": {"GetServiceQuota", "RequestServiceQuotaIncrease"},
        "sns": {"Publish"},
        "pricing": set(),
    }
    for service, prefix in SERVICES.items():
        free = {name.partition(":")[2] for name in needs_others.ANYTHING if name.startswith(f"{prefix}:")}
        asked = {S3_NAMES.get(name, name) if service == "s3" else name for name in operations()[service]}
        assert asked - known[service] - free == set(), service


def test_what_is_asked_of_aws_is_found_at_all() -> None:
    found = operations()
    assert "RunInstances" in found["ec2"] and "PutObject" in found["s3"] and "GetProducts" in found["pricing"]


def test_policies_are_within_the_limits_of_aws() -> None:
    for policy in POLICIES.values():
        assert isinstance(policy, Policy) and policy.size <= policy.limit, policy.name
