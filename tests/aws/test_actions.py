"""A refusal is told with the action that is missing, as IAM names it."""

import pytest

from benchtui.aws.actions import action_of
from benchtui.aws.errors import to_user_error
from benchtui.aws.failures import Failure, FailureKind
from benchtui.core.policies import Scope, all_policies, doctor_rights, setup_rights

SCOPE = Scope("123456789012", "b")


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("ec2", "RunInstances", "ec2:RunInstances"),
        ("s3", "ListObjectsV2", "s3:ListBucket"),
        ("s3", "HeadBucket", "s3:ListBucket"),
        ("s3", "PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
        ("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration"),
        ("s3", "PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
        ("s3", "DeleteObjects", "s3:DeleteObject"),
        ("service-quotas", "GetServiceQuota", "servicequotas:GetServiceQuota"),
        ("iam", "GetRole", "iam:GetRole"),
    ],
)
def test_an_operation_has_the_action_that_a_policy_names(service: str, operation: str, action: str) -> None:
    assert action_of(service, operation) == action
    assert any(action in policy.actions for policy in (*all_policies(SCOPE), setup_rights(SCOPE)))


def denied(message: str, service: str | None = "ec2", status: int | None = 403) -> str:
    failure = Failure(
        FailureKind.DENIED,
        "UnauthorizedOperation",
        message,
        "us-east-1",
        "RunInstances",
        status,
        service=service,
    )
    return str(to_user_error(failure).fix)


def test_aws_s_own_word_wins_over_the_request_s_name() -> None:
    said = (
        "User: arn:aws:iam::1:user/x is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1"
    )
    assert denied(said).startswith("allow iam:PassRole to these credentials")
    assert "benchtui setup --print-policies" in denied(said)
    assert denied("You are not authorized.").startswith("allow ec2:RunInstances to these")
    assert denied("You are not authorized.", service=None).startswith("allow RunInstances to these")


def test_without_an_answer_no_right_is_said_to_be_missing() -> None:
    assert "allow" not in denied("no credentials", status=None)


def test_the_doctor_reads_what_setup_makes() -> None:
    made = {action for action in setup_rights(SCOPE).actions if action.startswith("iam:Get")}
    assert made <= set(doctor_rights(SCOPE).actions)
