"""What the role of an instance may do: what its policy allows, so that nothing needs more on EC2."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import replace
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from ..state import ACCOUNT_ID
from .calls import Call
from .errors import Reply, error_reply

# The permission an S3 call needs, where it has another name than the call.
PERMISSIONS = {
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "ListObjects": "ListBucket",
    "HeadBucket": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "DeleteObjects": "DeleteObject",
    "UploadPart": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
}


def refusal(call: Call) -> Reply | None:
    """The error for a call that the caller's role does not allow; None for everyone but assumed roles."""
    session = sts_backends[ACCOUNT_ID]["aws"].get_assumed_role_from_access_key(call.access_key_id)
    if session is None or call.service == "sts":
        return None
    permission = f"{call.service}:{PERMISSIONS.get(call.action, call.action)}"
    resource = f"arn:aws:s3:::{call.bucket}" + (f"/{call.key}" if call.key else "")
    if call.service != "s3":
        resource = "*"
    role = iam_backends[ACCOUNT_ID]["aws"].get_role_by_arn(session.role_arn)
    documents = [json.loads(text) for text in role.policies.values()]
    if any(allows(statement, permission, resource) for d in documents for statement in d["Statement"]):
        return None
    code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
    what = f"User: {session.arn} is not authorized to perform: {permission} on resource: {resource}"
    return error_reply(call.service, code, what, 403)


def hides_absence(call: Call) -> bool:
    """Whether the caller may not list the bucket: S3 then answers 403, not 404, for a missing object."""
    return refusal(replace(call, action="ListObjectsV2", parameters={"Bucket": call.bucket})) is not None


def allows(statement: dict[str, Any], permission: str, resource: str) -> bool:
    """Whether an Allow statement covers a permission on a resource. Conditions count as not met."""
    if statement["Effect"] != "Allow" or "Condition" in statement:
        return False
    actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
    return any(fnmatch.fnmatchcase(permission, a) for a in actions) and any(
        fnmatch.fnmatchcase(resource, r) for r in resources
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
