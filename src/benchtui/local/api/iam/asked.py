"""What a request names, as its protocol writes it: lists and structures in a form, tags, ARNs."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...state import ACCOUNT_ID
from .conditions import Value

_MEMBER = re.compile(r"(?P<name>[^.]+)\.(?:member\.)?(?P<index>\d+)(?:\.(?P<rest>.+))?")


def members(form: Mapping[str, str], name: str) -> list[str]:
    """Values of a list: ``InstanceId.1``, ``InstanceId.2``."""
    found = {}
    for key, value in form.items():
        match = _MEMBER.fullmatch(key)
        if match and match["name"] == name and match["rest"] is None:
            found[int(match["index"])] = value
    return [found[index] for index in sorted(found)]


def structures(form: Mapping[str, str], name: str) -> list[dict[str, str]]:
    """Elements of a list of structures: ``Tag.1.Key``; below each the names that follow."""
    found: dict[int, dict[str, str]] = {}
    for key, value in form.items():
        match = _MEMBER.fullmatch(key)
        if match and match["name"] == name and match["rest"] is not None:
            found.setdefault(int(match["index"]), {})[match["rest"]] = value
    return [found[index] for index in sorted(found)]


def tags_of(form: Mapping[str, str], name: str = "Tag") -> dict[str, str]:
    """Tags in a form."""
    return {row["Key"]: row.get("Value", "") for row in structures(form, name) if "Key" in row}


def tags_by_kind(form: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Tags that a creating call of EC2 asks for, by the kind of resource."""
    found: dict[str, dict[str, str]] = {}
    for row in structures(form, "TagSpecification"):
        found.setdefault(row.get("ResourceType", ""), {}).update(tags_of(row))
    return found


def requested(tags: Mapping[str, str] | None) -> dict[str, Value]:
    """The condition keys of tags that a request sets; none where it sets none."""
    if not tags:
        return {}
    keys: dict[str, Value] = {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    return {**keys, "aws:tagkeys": tuple(tags)}


def carried(tags: Mapping[str, str] | None, *prefixes: str) -> dict[str, Value]:
    """The condition keys of tags that a resource carries.

    Args:
        tags: of the resource; None: there is no such resource.
        prefixes: of the service's own key (``ec2:resourcetag/``), which says the same.
    """
    return {
        f"{prefix}{key.lower()}": value
        for key, value in (tags or {}).items()
        for prefix in ("aws:resourcetag/", *prefixes)
    }


def known(**context: Value | None) -> dict[str, Value]:
    """Condition keys, those left out that have no value. Names: ``ec2__instancetype`` is ec2:instancetype."""
    return {key.replace("__", ":"): value for key, value in context.items() if value not in (None, "")}


def arn(service: str, region: str, resource: str, account: str = ACCOUNT_ID) -> str:
    """An ARN of this account."""
    return f"arn:aws:{service}:{region}:{account}:{resource}"
