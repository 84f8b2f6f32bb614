"""What `doctor` asks beside what a launcher may ask: whether everything is as setup makes it."""

from __future__ import annotations

from benchtui.core.policies.model import Policy, Statement
from benchtui.core.policies.scope import Scope

#: Settings of the bucket that the doctor looks at.
BUCKET_READS = (
    "s3:GetBucketLocation",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetEncryptionConfiguration",
)


def doctor_rights(scope: Scope) -> Policy:
    """To be attached beside `launcher`, whose rights the doctor tries without using them (DryRun)."""
    return Policy(
        "doctor",
        "Looks whether bucket, roles and network are as setup makes them; changes nothing. Beside launcher.",
        (
            Statement(
                "ReadTheBucketsSettings",
                "Whether the bucket is private, encrypted, and refuses to overwrite; ListBucket, because a "
                "bucket that is not there looks forbidden without it.",
                (*BUCKET_READS, "s3:ListBucket"),
                (scope.bucket_arn,),
            ),
            Statement(
                "ReadTheRoles",
                "Whether the roles exist and allow exactly what they should.",
                ("iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"),
                (scope.iam("role", scope.instance_profile), scope.iam("role", scope.scheduler_role)),
            ),
            Statement(
                "ReadTheProfile",
                "Whether the profile exists and holds the role.",
                ("iam:GetInstanceProfile",),
                (scope.iam("instance-profile", scope.instance_profile),),
            ),
            Statement(
                "SeeRoutes",
                "Whether instances without a public address reach S3; these calls cannot be narrowed to "
                "resources.",
                ("ec2:DescribeRouteTables", "ec2:DescribeVpcEndpoints"),
                ("*",),
            ),
            Statement(
                "AskWhatIamReckons",
                "Whether an instance with benchtui's tag could be ended shows on such an instance alone; "
                "where there is none, IAM is asked what it would say.",
                ("iam:SimulatePrincipalPolicy",),
                (scope.iam("user", "*"), scope.iam("role", "*")),
            ),
        ),
    )
