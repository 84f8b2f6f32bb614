"""Making and removing the two roles and the instance profile. Every step may be repeated.

IAM is one for the whole account; the SDK sends its requests where the partition has it, whatever the region.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.aws.session import Answer, Cloud

_THERE_ALREADY = "EntityAlreadyExists"


@dataclass(frozen=True, slots=True)
class FoundRole:
    """A role as IAM has it."""

    tags: Mapping[str, str]
    trust: Mapping[str, Any] | None  # None: not a document
    policy: Mapping[str, Any] | None  # the inline policy that was asked for; None: it has none of that name


@dataclass(frozen=True, slots=True)
class FoundProfile:
    """An instance profile as IAM has it."""

    tags: Mapping[str, str]
    roles: tuple[str, ...]  # names; AWS allows one


async def find_role(cloud: Cloud, name: str, policy: str) -> FoundRole | None:
    """The role ``name`` with its inline policy ``policy``; None: there is no such role.

    Raises:
        CloudError: IAM did not say.
    """
    answer = await _absent(cloud, "GetRole", {"RoleName": name})
    if answer is None:
        return None
    inline = await _absent(cloud, "GetRolePolicy", {"RoleName": name, "PolicyName": policy})
    row = answer.get("Role") or {}
    return FoundRole(
        _tags(row),
        _document(row.get("AssumeRolePolicyDocument")),
        _document((inline or {}).get("PolicyDocument")),
    )


async def make_role(cloud: Cloud, name: str, trust: str, about: str, tags: Mapping[str, str]) -> None:
    """Make the role, or give one that is there this trust policy.

    Args:
        trust: the policy as JSON.
        about: its description.
        tags: given as it is made; a role that is there keeps its own.

    Raises:
        CloudError: it is not known to be there as wanted.
    """
    params = {
        "RoleName": name,
        "AssumeRolePolicyDocument": trust,
        "Description": about,
        "Tags": _tag_list(tags),
    }
    try:
        await _ask(cloud, "CreateRole", params)
    except CloudError as error:
        if error.failure.code != _THERE_ALREADY:
            raise
        asked = {"RoleName": name, "PolicyDocument": trust}
        await _ask(cloud, "UpdateAssumeRolePolicy", asked)


async def put_policy(cloud: Cloud, role: str, policy: str, text: str) -> None:
    """Write an inline policy over the one of its name.

    Raises:
        CloudError: it is not known to be there.
    """
    asked = {"RoleName": role, "PolicyName": policy, "PolicyDocument": text}
    await _ask(cloud, "PutRolePolicy", asked)


async def remove_role(cloud: Cloud, name: str, policy: str) -> None:
    """Delete a role with its inline policy; one that is gone already is no failure.

    Raises:
        CloudError: it may still be there, as it does when something else is attached to it.
    """
    await _absent(cloud, "DeleteRolePolicy", {"RoleName": name, "PolicyName": policy})
    await _absent(cloud, "DeleteRole", {"RoleName": name})


async def find_profile(cloud: Cloud, name: str) -> FoundProfile | None:
    """The instance profile ``name``; None: there is none.

    Raises:
        CloudError: IAM did not say.
    """
    answer = await _absent(cloud, "GetInstanceProfile", {"InstanceProfileName": name})
    if answer is None:
        return None
    row = answer.get("InstanceProfile") or {}
    return FoundProfile(_tags(row), tuple(str(role.get("RoleName")) for role in row.get("Roles") or ()))


async def make_profile(cloud: Cloud, name: str, tags: Mapping[str, str]) -> None:
    """Make an empty instance profile; one that is there is left as it is.

    Raises:
        CloudError: it is not known to be there.
    """
    try:
        await _ask(cloud, "CreateInstanceProfile", {"InstanceProfileName": name, "Tags": _tag_list(tags)})
    except CloudError as error:
        if error.failure.code != _THERE_ALREADY:
            raise


async def fill_profile(cloud: Cloud, name: str, role: str) -> None:
    """Put the role into the profile, which holds none.

    Raises:
        CloudError: it is not known to be in it.
    """
    await _ask(cloud, "AddRoleToInstanceProfile", {"InstanceProfileName": name, "RoleName": role})


async def remove_profile(cloud: Cloud, name: str, roles: tuple[str, ...]) -> None:
    """Take ``roles`` out of the profile and delete it; one that is gone already is no failure.

    Raises:
        CloudError: it may still be there.
    """
    for role in roles:
        asked = {"InstanceProfileName": name, "RoleName": role}
        await _absent(cloud, "RemoveRoleFromInstanceProfile", asked)
    await _absent(cloud, "DeleteInstanceProfile", {"InstanceProfileName": name})


async def _absent(cloud: Cloud, operation: str, params: Answer) -> Answer | None:
    """The answer; None where IAM says that there is no such thing."""
    try:
        return await _ask(cloud, operation, params)
    except CloudError as error:
        if error.failure.kind is FailureKind.MISSING:
            return None
        raise


async def _ask(cloud: Cloud, operation: str, params: Answer) -> Answer:
    subject = params.get("InstanceProfileName") or params["RoleName"]
    return await cloud.call("iam", cloud.regions[0], operation, params, subject=str(subject))


def _tags(row: Answer) -> dict[str, str]:
    return {str(tag.get("Key")): str(tag.get("Value")) for tag in row.get("Tags") or ()}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _document(value: object) -> Mapping[str, Any] | None:
    """A policy, which the SDK has parsed; whatever else comes is none of ours."""
    return value if isinstance(value, dict) else None
