"""The right that a request needs, as IAM names it. Pure: imports no SDK.

Mostly an action has its operation's name; where it has not: Amazon S3 User Guide, "Required permissions for
Amazon S3 API operations", and the Service Authorization Reference.
"""

from __future__ import annotations

import re

#: S3's actions by operation, where they differ.
_S3 = {
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "DeleteObjects": "DeleteObject",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
}
#: Services whose actions begin with another word than the SDK's name for them.
_PREFIX = {"service-quotas": "servicequotas", "resourcegroupstaggingapi": "tag"}
#: AWS names the action it misses, which may be another than the request's: iam:PassRole, ec2:CreateTags.
_NAMED = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9]+)")


def action_of(service: str, operation: str) -> str:
    """The IAM action of an operation: ``s3``, ``ListObjectsV2`` → ``s3:ListBucket``."""
    name = _S3.get(operation, operation) if service == "s3" else operation
    return f"{_PREFIX.get(service, service)}:{name}"


def missing_action(message: str, service: str | None, operation: str | None) -> str | None:
    """The action whose lack led to a refusal: as AWS says it, else that of the request.

    Without ``service`` it is the operation's bare name.
    """
    named = _NAMED.search(message)
    if named is not None:
        return named[1]
    return action_of(service, operation) if service and operation else operation
