"""What a security group lets in and out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchtui.aws.errors import to_user_error
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.session import Answer, Cloud
from benchtui.core.text import clean_line

HTTPS = 443


@dataclass(frozen=True, slots=True)
class GroupRules:
    """The rules of one group, in words: ``tcp 22 from 0.0.0.0/0``."""

    group_id: str
    inbound: tuple[str, ...]
    https_out: bool  # a rule lets requests to port 443 out, to wherever


async def group_rules(cloud: Cloud, region: str, group_id: str) -> GroupRules:
    """The rules of ``group_id``.

    Raises:
        CloudError: kind MISSING: there is no such group; any other: EC2 could not be asked.
    """
    asked = {"GroupIds": [group_id]}
    rows = await cloud.pages("ec2", region, "DescribeSecurityGroups", asked, item="SecurityGroups")
    row = next((row for row in rows if row.get("GroupId") == group_id), None)
    if row is None:
        failure = Failure(
            FailureKind.MISSING, "InvalidGroup.NotFound", f"{group_id} does not exist", region,
            "DescribeSecurityGroups",
        )  # fmt: skip
        raise to_user_error(failure)
    inbound = tuple(rule for permission in row.get("IpPermissions") or () for rule in _words(permission))
    return GroupRules(group_id, inbound, _lets_https(row.get("IpPermissionsEgress") or ()))


def _words(permission: Answer) -> list[str]:
    protocol, first, last = permission.get("IpProtocol"), permission.get("FromPort"), permission.get("ToPort")
    what = "everything" if protocol == "-1" else f"{protocol} {first if first == last else f'{first}-{last}'}"
    sources = [
        *(str(each.get("CidrIp")) for each in permission.get("IpRanges") or ()),
        *(str(each.get("CidrIpv6")) for each in permission.get("Ipv6Ranges") or ()),
        *(str(each.get("GroupId")) for each in permission.get("UserIdGroupPairs") or ()),
        *(str(each.get("PrefixListId")) for each in permission.get("PrefixListIds") or ()),
    ]
    return [clean_line(f"{what} from {source}", 100) for source in sources]


def _lets_https(permissions: Iterable[Answer]) -> bool:
    for permission in permissions:
        if permission.get("IpProtocol") == "-1":
            return True
        first, last = permission.get("FromPort"), permission.get("ToPort")
        if permission.get("IpProtocol") == "tcp" and first is not None and first <= HTTPS <= (last or first):
            return True
    return False
