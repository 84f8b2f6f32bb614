"""What `setup` and `teardown` need: to make what is listed in their plan, and to remove it again."""

from __future__ import annotations

from benchtui.core.policies.doctor import BUCKET_READS
from benchtui.core.policies.model import Policy, Statement
from benchtui.core.policies.scope import INSTANCE_SERVICE, SETUP_TAG, Scope

_MADE = {f"aws:RequestTag/{SETUP_TAG[0]}": SETUP_TAG[1]}
_OURS = {f"aws:ResourceTag/{SETUP_TAG[0]}": SETUP_TAG[1]}


def setup_rights(scope: Scope) -> Policy:
    """For the one person who runs setup and teardown; nobody needs it in between."""
    return Policy(
        "setup",
        "Makes bucket, roles, profile and security groups, and removes what carries setup's tag.",
        (
            Statement(
                "Look",
                "What is there already, and which instances live, before anything is changed; these calls "
                "cannot be narrowed to resources.",
                (
                    "ec2:DescribeRegions",
                    "ec2:DescribeInstances",
                    "ec2:DescribeVpcs",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeInstanceTypeOfferings",
                    "ec2:DescribeRouteTables",
                    "ec2:DescribeVpcEndpoints",
                ),
                ("*",),
            ),
            *_bucket(scope),
            *_roles(scope),
            *_network(scope),
        ),
    )


def _bucket(scope: Scope) -> tuple[Statement, ...]:
    return (
        Statement(
            "TheBucket",
            "The bucket of this name and no other is made, tagged, set up and, when it is empty, deleted.",
            (
                "s3:CreateBucket",
                "s3:TagResource",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketOwnershipControls",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:PutBucketPolicy",
                *(read for read in BUCKET_READS if read != "s3:GetBucketLocation"),
                "s3:GetBucketOwnershipControls",
                "s3:GetLifecycleConfiguration",
                "s3:GetBucketTagging",
                "s3:ListBucket",
                "s3:DeleteBucket",
            ),
            (scope.bucket_arn,),
        ),
        Statement(
            "DeleteResults",
            "Used by `teardown --delete-results` alone, which asks for the bucket's name to be typed.",
            ("s3:DeleteObject",),
            (f"{scope.bucket_arn}/*",),
        ),
    )


def _roles(scope: Scope) -> tuple[Statement, ...]:
    names = (scope.instance_profile, scope.scheduler_role, scope.starter_role)
    roles = tuple(scope.iam("role", name) for name in names)
    return (
        Statement(
            "TheRoles",
            "The roles of instances and schedules, by their names, with the policies that are printed here.",
            (
                "iam:CreateRole",
                "iam:TagRole",
                "iam:GetRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:PutRolePolicy",
                "iam:GetRolePolicy",
                "iam:DeleteRolePolicy",
                "iam:DeleteRole",
            ),
            roles,
        ),
        Statement(
            "TheProfile",
            "The profile through which an instance gets its role.",
            (
                "iam:CreateInstanceProfile",
                "iam:TagInstanceProfile",
                "iam:GetInstanceProfile",
                "iam:AddRoleToInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:DeleteInstanceProfile",
            ),
            (scope.iam("instance-profile", scope.instance_profile),),
        ),
        Statement(
            "PutTheRoleIntoTheProfile",
            "AWS asks for the right to pass the role on when it is put into the profile.",
            ("iam:PassRole",),
            roles[:1],
            {"StringEquals": {"iam:PassedToService": INSTANCE_SERVICE}},
        ),
    )


def _network(scope: Scope) -> tuple[Statement, ...]:
    return (
        Statement(
            "MakeTaggedGroups",
            "A security group per region, with setup's tag.",
            ("ec2:CreateSecurityGroup",),
            (scope.ec2("security-group"),),
            {"StringEquals": _MADE},
        ),
        Statement(
            "MakeTaggedGateways",
            "The gateway to S3, where instances get no public address, with setup's tag.",
            ("ec2:CreateVpcEndpoint",),
            (scope.ec2("vpc-endpoint"),),
            {"StringEquals": _MADE},
        ),
        Statement(
            "GroupsInAVpc",
            "AWS asks for the VPC in which a group is made as well.",
            ("ec2:CreateSecurityGroup",),
            (scope.ec2("vpc"),),
        ),
        Statement(
            "GatewaysInAVpc",
            "A gateway is entered in the VPC's route tables.",
            ("ec2:CreateVpcEndpoint",),
            (scope.ec2("vpc"), scope.ec2("route-table")),
        ),
        Statement(
            "TagWhatIsMade",
            "The tag is given with the making; no tag of anything that is there can be changed.",
            ("ec2:CreateTags",),
            (scope.ec2("security-group"), scope.ec2("vpc-endpoint")),
            {
                "StringEquals": {
                    **_MADE,
                    "ec2:CreateAction": ["CreateSecurityGroup", "CreateVpcEndpoint"],
                }
            },
        ),
        Statement(
            "CloseAndRemoveOurGroups",
            "Inbound rules that someone added to a group of setup's are taken out, and teardown removes it.",
            ("ec2:RevokeSecurityGroupIngress", "ec2:DeleteSecurityGroup"),
            (scope.ec2("security-group"),),
            {"StringEquals": _OURS},
        ),
        Statement(
            "RemoveOurGateways",
            "Teardown removes the gateway that setup made.",
            ("ec2:DeleteVpcEndpoints",),
            (scope.ec2("vpc-endpoint"),),
            {"StringEquals": _OURS},
        ),
    )
