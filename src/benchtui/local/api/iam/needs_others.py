"""What the calls of IAM, STS, Systems Manager, Scheduler, and of the services without resources need.

Source: the service authorization reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.iam.models import iam_backends

from ...state import ACCOUNT_ID
from ..calls import Call
from .asked import arn, carried, known, members, requested, tags_of
from .conditions import Value
from .documents import Need
from .needs_launch import INSTANCES
from .principals import role_of

SCHEDULER = "scheduler.amazonaws.com"
#: How documents of AWS's own begin; they have no account in their ARN.
_AWS_DOCUMENT = "AWS-"

#: Calls of services that know no resources for them: what they are about needs a ``*``.
ANYTHING = frozenset(
    {
        "pricing:DescribeServices",
        "pricing:GetAttributeValues",
        "pricing:GetProducts",
        "servicequotas:GetAWSDefaultServiceQuota",
        "servicequotas:ListAWSDefaultServiceQuotas",
        "servicequotas:ListServiceQuotas",
        "iam:ListRoles",
        "iam:ListInstanceProfiles",
        "tag:GetResources",
    }
)
#: Calls of IAM: the kind of resource and the parameter that names it.
_IAM = {
    "CreateRole": ("role", "RoleName"),
    "GetRole": ("role", "RoleName"),
    "DeleteRole": ("role", "RoleName"),
    "UpdateRole": ("role", "RoleName"),
    "PutRolePolicy": ("role", "RoleName"),
    "GetRolePolicy": ("role", "RoleName"),
    "DeleteRolePolicy": ("role", "RoleName"),
    "ListRolePolicies": ("role", "RoleName"),
    "ListAttachedRolePolicies": ("role", "RoleName"),
    "AttachRolePolicy": ("role", "RoleName"),
    "DetachRolePolicy": ("role", "RoleName"),
    "TagRole": ("role", "RoleName"),
    "UntagRole": ("role", "RoleName"),
    "ListRoleTags": ("role", "RoleName"),
    "UpdateAssumeRolePolicy": ("role", "RoleName"),
    "ListInstanceProfilesForRole": ("role", "RoleName"),
    "CreateInstanceProfile": ("instance-profile", "InstanceProfileName"),
    "GetInstanceProfile": ("instance-profile", "InstanceProfileName"),
    "DeleteInstanceProfile": ("instance-profile", "InstanceProfileName"),
    "AddRoleToInstanceProfile": ("instance-profile", "InstanceProfileName"),
    "RemoveRoleFromInstanceProfile": ("instance-profile", "InstanceProfileName"),
    "TagInstanceProfile": ("instance-profile", "InstanceProfileName"),
}
#: Making with tags needs the right to tag as well.
_TAGGING = {"CreateRole": "TagRole", "CreateInstanceProfile": "TagInstanceProfile"}
_SCHEDULER = frozenset({"CreateSchedule", "GetSchedule", "UpdateSchedule", "DeleteSchedule"})
_SSM = frozenset(
    {
        "DescribeDocument",
        "GetAutomationExecution",
        "GetParameter",
        "GetParameters",
        "StartAutomationExecution",
    }
)


def iam_needs(call: Call) -> list[Need] | None:
    """What a call to IAM needs; None: it is not known here."""
    form = call.parameters
    if call.action == "SimulatePrincipalPolicy" and "PolicySourceArn" in form:
        return [Need("iam:SimulatePrincipalPolicy", form["PolicySourceArn"], {})]
    if call.action not in _IAM:
        return None
    kind, parameter = _IAM[call.action]
    if parameter not in form:
        return None
    resource, tags = _iam_resource(kind, form[parameter], form.get("Path", "/"))
    setting = tags_of(form, "Tags")
    removed = members(form, "TagKeys")
    context: dict[str, Value] = {
        **carried(tags, "iam:resourcetag/"),
        **requested(setting),
        **({"aws:tagkeys": tuple(removed)} if removed else {}),
        **known(
            iam__policyarn=form.get("PolicyArn"), iam__permissionsboundary=form.get("PermissionsBoundary")
        ),
    }
    needs = [Need(f"iam:{call.action}", resource, context)]
    if setting and call.action in _TAGGING:
        needs.append(Need(f"iam:{_TAGGING[call.action]}", resource, context))
    if call.action == "AddRoleToInstanceProfile":
        role, _ = _iam_resource("role", form.get("RoleName", ""), "/")
        needs.append(Need("iam:PassRole", role, {"iam:passedtoservice": INSTANCES}))
    return needs


def _iam_resource(kind: str, name: str, path: str) -> tuple[str, dict[str, str]]:
    """ARN and tags of what has this name, or the ARN it would get."""
    backend: Any = iam_backends[ACCOUNT_ID]["aws"]
    table = backend.roles if kind == "role" else backend.instance_profiles
    found: Any = next((one for one in list(table.values()) if one.name == name), None)
    if found is None:
        return f"arn:aws:iam::{ACCOUNT_ID}:{kind}{path}{name}", {}
    return found.arn, {row["Key"]: row["Value"] for row in _rows(found.tags)}


def _rows(tags: Any) -> list[Mapping[str, str]]:
    """moto keeps some tags as a list and others by their keys."""
    return list(tags.values()) if isinstance(tags, dict) else list(tags or ())


def role_need(call: Call) -> Need | None:
    """What AssumeRole needs: the same permission of the caller and of the role's own policy."""
    if call.action != "AssumeRole" or "RoleArn" not in call.parameters:
        return None
    form = call.parameters
    role = role_of(form["RoleArn"])
    tags = {} if role is None else {row["Key"]: row["Value"] for row in _rows(role.tags)}
    context = known(sts__externalid=form.get("ExternalId"), sts__rolesessionname=form.get("RoleSessionName"))
    return Need("sts:AssumeRole", form["RoleArn"], {**context, **carried(tags, "iam:resourcetag/")})


def scheduler_needs(call: Call) -> list[Need] | None:
    """What a call to EventBridge Scheduler needs; None: it is not known here."""
    if call.action == "ListSchedules":
        return [Need("scheduler:ListSchedules", "*", {})]
    if call.action not in _SCHEDULER:
        return None
    body = _json(call)
    group = body.get("GroupName") or call.query.get("groupName") or "default"
    name = arn("scheduler", call.region, f"schedule/{group}/{call.parameters.get('Name', '')}")
    needs = [Need(f"scheduler:{call.action}", name, {})]
    if call.action in ("CreateSchedule", "UpdateSchedule"):
        role = (body.get("Target") or {}).get("RoleArn")
        if role:
            needs.append(Need("iam:PassRole", str(role), {"iam:passedtoservice": SCHEDULER}))
    return needs


def ssm_needs(call: Call) -> list[Need] | None:
    """What a call to Systems Manager needs; None: it is not known here."""
    if call.action not in _SSM:
        return None
    body, permission = _json(call), f"ssm:{call.action}"
    if call.action in ("GetParameter", "GetParameters"):
        names = body.get("Names") or [body.get("Name", "")]
        return [Need(permission, _parameter(call.region, str(name)), {}) for name in names]
    if call.action == "GetAutomationExecution":
        execution = body.get("AutomationExecutionId", "")
        return [Need(permission, arn("ssm", call.region, f"automation-execution/{execution}"), {})]
    document = str(body.get("DocumentName" if call.action == "StartAutomationExecution" else "Name", ""))
    account = "" if document.startswith(_AWS_DOCUMENT) else ACCOUNT_ID
    needs = [Need(permission, arn("ssm", call.region, f"document/{document}", account), {})]
    if call.action == "StartAutomationExecution":
        needs.append(Need(permission, arn("ssm", call.region, "automation-execution/*"), {}))
    return needs


def _parameter(region: str, name: str) -> str:
    """ARN of a parameter; AWS's own ones, below /aws/service, belong to no account."""
    account = "" if name.startswith("/aws/service/") else ACCOUNT_ID
    return arn("ssm", region, f"parameter/{name.lstrip('/')}", account)


def quota_needs(call: Call) -> list[Need] | None:
    """What a call to Service Quotas about one quota needs; None: it is about none."""
    if call.action not in ("GetServiceQuota", "RequestServiceQuotaIncrease"):
        return None
    body = _json(call)
    service = str(body.get("ServiceCode", ""))
    name = arn("servicequotas", call.region, f"{service}/{body.get('QuotaCode', '')}")
    return [Need(f"servicequotas:{call.action}", name, known(servicequotas__service=service))]


def topic_needs(call: Call) -> list[Need] | None:
    """What publishing to a topic needs; None: it is something else."""
    topic = call.parameters.get("TopicArn")
    return [Need("sns:Publish", topic, {})] if call.action == "Publish" and topic else None


def _json(call: Call) -> dict[str, Any]:
    """The body; nothing of it where it is none: the service refuses it then."""
    try:
        found = json.loads(call.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
