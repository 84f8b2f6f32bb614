"""What the role of an instance may do: what its policy allows, so that nothing needs more on EC2."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import replace
from typing import Any

from moto.ec2.models import ec2_backends
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
    role = _role(session.role_arn)
    documents = [json.loads(text) for text in role.policies.values()] if role else []
    statements = [statement for document in documents for statement in document["Statement"]]
    for resource, context in _touched(call):
        effects = {
            statement["Effect"]
            for statement in statements
            if covers(statement, permission, resource, context)
        }
        if effects != {"Allow"}:
            code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
            what = f"User: {session.arn} is not authorized to perform: {permission} on resource: {resource}"
            return error_reply(call.service, code, what, 403)
    return None


def assumable(role_arn: str, service: str) -> bool:
    """Whether a service of this account may take the role on; False for one that does not exist."""
    role = _role(role_arn)
    document = json.loads(role.assume_role_policy_document) if role else {"Statement": []}
    context = {"aws:SourceAccount": ACCOUNT_ID}
    return any(
        service in _listed(statement.get("Principal", {}).get("Service", []))
        and statement["Effect"] == "Allow"
        and "sts:AssumeRole" in _listed(statement["Action"])
        and _meets(statement.get("Condition", {}), context)
        for statement in document["Statement"]
    )


def _role(arn: str) -> Any:
    return next((role for role in iam_backends[ACCOUNT_ID]["aws"].roles.values() if role.arn == arn), None)


def _touched(call: Call) -> list[tuple[str, dict[str, str]]]:
    """What a call is about: ARNs, each with what conditions may ask of it."""
    if call.service == "s3":
        return [(f"arn:aws:s3:::{call.bucket}" + (f"/{call.key}" if call.key else ""), {})]
    if (call.service, call.action) == ("ec2", "TerminateInstances"):
        tags = ec2_backends[ACCOUNT_ID][call.region].tags
        ids = [value for name, value in call.parameters.items() if name.startswith("InstanceId.")]
        return [
            (
                f"arn:aws:ec2:{call.region}:{ACCOUNT_ID}:instance/{instance_id}",
                {f"aws:ResourceTag/{key}": value for key, value in tags.get(instance_id, {}).items()},
            )
            for instance_id in ids
        ]
    if (call.service, call.action) == ("ssm", "StartAutomationExecution"):
        name = json.loads(call.body or b"{}").get("DocumentName")
        return [(f"arn:aws:ssm:{call.region}::document/{name}", {})]
    return [("*", {})]


def hides_absence(call: Call) -> bool:
    """Whether the caller may not list the bucket: S3 then answers 403, not 404, for a missing object."""
    return refusal(replace(call, action="ListObjectsV2", parameters={"Bucket": call.bucket})) is not None


def covers(
    statement: dict[str, Any], permission: str, resource: str, context: dict[str, str] | None = None
) -> bool:
    """Whether a statement is about a permission on a resource, in a context of condition keys."""
    if not _meets(statement.get("Condition", {}), context or {}):
        return False
    actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
    return any(fnmatch.fnmatchcase(permission, a) for a in actions) and any(
        fnmatch.fnmatchcase(resource, r) for r in resources
    )


def _meets(conditions: dict[str, dict[str, str | list[str]]], context: dict[str, str]) -> bool:
    """Whether every condition holds. An operator that is not known here counts as not met."""
    return all(
        operator in ("StringEquals", "StringLike")
        and key in context
        and any(
            context[key] == value or (operator == "StringLike" and fnmatch.fnmatchcase(context[key], value))
            for value in _listed(wanted)
        )
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
