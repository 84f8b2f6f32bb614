"""Roles and instance profiles as IAM has them, read and never changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from benchtui.aws.errors import CloudError, UnusableAnswer, classify, to_user_error
from benchtui.aws.failures import FailureKind
from benchtui.aws.session import MAX_PAGES, Answer, Cloud
from benchtui.core.text import clean_line

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Role:
    """A role with everything that says what it may."""

    name: str
    arn: str
    trust: Document
    inline: Mapping[str, Document]  # policies in the role itself, by name
    attached: Mapping[str, str]  # managed policies: ARN by name

    def documents(self) -> list[Document]:
        """Its own policies."""
        return list(self.inline.values())


async def read_role(cloud: Cloud, name: str) -> Role | None:
    """The role ``name``; None: there is none.

    Raises:
        CloudError: IAM did not say.
    """
    answer = await _absent(cloud, "GetRole", {"RoleName": name}, "Role")
    if answer is None:
        return None
    role = answer["Role"]
    listed = await _listed(cloud, "ListRolePolicies", name, "PolicyNames")
    attached = await _listed(cloud, "ListAttachedRolePolicies", name, "AttachedPolicies")
    texts = await asyncio.gather(*(_inline(cloud, name, str(policy)) for policy in listed))
    return Role(
        name=clean_line(str(role.get("RoleName", name)), 64),
        arn=clean_line(str(role.get("Arn", ""))),
        trust=_document(role.get("AssumeRolePolicyDocument"), "GetRole", name),
        inline=dict(zip(map(str, listed), texts, strict=True)),
        attached={
            clean_line(str(row.get("PolicyName")), 128): clean_line(str(row.get("PolicyArn")))
            for row in attached
        },
    )


async def roles_of_profile(cloud: Cloud, profile: str) -> tuple[str, ...] | None:
    """Names of the roles in an instance profile (at most one); None: there is no such profile.

    Raises:
        CloudError: IAM did not say.
    """
    answer = await _absent(cloud, "GetInstanceProfile", {"InstanceProfileName": profile}, "InstanceProfile")
    if answer is None:
        return None
    return tuple(str(role.get("RoleName")) for role in answer["InstanceProfile"].get("Roles") or ())


async def _inline(cloud: Cloud, role: str, policy: str) -> Document:
    answer = await _ask(cloud, "GetRolePolicy", {"RoleName": role, "PolicyName": policy}, "PolicyDocument")
    return _document(answer["PolicyDocument"], "GetRolePolicy", role)


async def _listed(cloud: Cloud, operation: str, role: str, item: str) -> list[Any]:
    """All pages; IAM goes on by Marker."""
    found: list[Any] = []
    asked: Answer = {"RoleName": role}
    for _ in range(MAX_PAGES):
        answer = await _ask(cloud, operation, asked, item)
        found.extend(answer[item])
        following = answer.get("Marker") if answer.get("IsTruncated") else None
        if not following:
            return found
        if following == asked.get("Marker"):
            break
        asked = {**asked, "Marker": following}
    error = UnusableAnswer("the listing does not come to an end")
    raise to_user_error(classify(error, operation=operation, subject=role, service="iam"))


async def _absent(cloud: Cloud, operation: str, params: Answer, item: str) -> Answer | None:
    try:
        return await _ask(cloud, operation, params, item)
    except CloudError as error:
        if error.failure.kind is FailureKind.MISSING:
            return None
        raise


async def _ask(cloud: Cloud, operation: str, params: Answer, item: str) -> Answer:
    subject = next(iter(params.values()))
    return await cloud.call("iam", cloud.regions[0], operation, params, expect=(item,), subject=str(subject))


def _document(value: object, operation: str, role: str) -> Document:
    """A policy: the SDK has parsed it already, or it comes as IAM sends it, as JSON in percent signs."""
    if isinstance(value, dict):
        return value
    try:
        document = json.loads(unquote(value)) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        error = UnusableAnswer("the policy is not JSON")
        raise to_user_error(classify(error, operation=operation, subject=role, service="iam"))
    return document
