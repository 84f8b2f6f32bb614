"""Filters of DescribeInstances: the documented ones that have an answer here, with wildcards.

An unknown name is an error as on EC2: a filter that is silently ignored would match everything, deadly for a
kill.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any

from .errors import ec2_error

Values = Callable[[Any, Any], list[Any]]


def _nics(path: Callable[[Any], Any]) -> Values:
    return lambda instance, reservation: [path(nic) for nic in instance.nics.values()]


def _volumes(path: Callable[[str, Any], Any]) -> Values:
    return lambda instance, reservation: [path(d, v) for d, v in instance.get_block_device_mapping]


FILTERS: dict[str, Values] = {
    "architecture": lambda i, r: [i.architecture],
    "availability-zone": lambda i, r: [i.availability_zone],
    "block-device-mapping.delete-on-termination": _volumes(lambda d, v: v.delete_on_termination),
    "block-device-mapping.device-name": _volumes(lambda d, v: d),
    "block-device-mapping.volume-id": _volumes(lambda d, v: v.volume_id),
    "client-token": lambda i, r: [i.client_token],
    "dns-name": lambda i, r: [i.public_dns_name],
    "group-id": lambda i, r: [g.id for g in i.security_groups],
    "group-name": lambda i, r: [g.name for g in i.security_groups],
    "hypervisor": lambda i, r: [i.hypervisor],
    "iam-instance-profile.arn": lambda i, r: [(i.iam_instance_profile or {}).get("Arn")],
    "iam-instance-profile.id": lambda i, r: [(i.iam_instance_profile or {}).get("Id")],
    "image-id": lambda i, r: [i.image_id],
    "instance-id": lambda i, r: [i.id],
    "instance-lifecycle": lambda i, r: [i.lifecycle],
    "instance-state-code": lambda i, r: [i.state_code],
    "instance-state-name": lambda i, r: [i.state],
    "instance-type": lambda i, r: [i.instance_type],
    "instance.group-id": lambda i, r: [g.id for g in i.security_groups],
    "instance.group-name": lambda i, r: [g.name for g in i.security_groups],
    "ip-address": lambda i, r: [i.public_ip],
    "key-name": lambda i, r: [i.key_name],
    "launch-index": lambda i, r: [i.ami_launch_index],
    "launch-time": lambda i, r: [f"{i.launch_time:%Y-%m-%dT%H:%M:%S}.000Z"],
    "metadata-options.http-endpoint": lambda i, r: [i.metadata_options.http_endpoint],
    "metadata-options.http-put-response-hop-limit": lambda i, r: [
        i.metadata_options.http_put_response_hop_limit
    ],
    "metadata-options.http-tokens": lambda i, r: [i.metadata_options.http_tokens],
    "monitoring-state": lambda i, r: [i.monitoring_state],
    "network-interface.network-interface-id": _nics(lambda n: n.id),
    "network-interface.subnet-id": _nics(lambda n: n.subnet_id),
    "owner-id": lambda i, r: [i.owner_id],
    "placement-group-name": lambda i, r: [i.placement.group_name],
    "platform": lambda i, r: [i.platform],
    "private-dns-name": lambda i, r: [i.private_dns_name],
    "private-ip-address": lambda i, r: [i.private_ip],
    "reason": lambda i, r: [i._reason],
    "reservation-id": lambda i, r: [r.id],
    "root-device-name": lambda i, r: [i.root_device_name],
    "root-device-type": lambda i, r: [i.root_device_type],
    "source-dest-check": lambda i, r: [i.source_dest_check],
    "spot-instance-request-id": lambda i, r: [getattr(i, "spot_instance_request_id", None)],
    "state-reason-code": lambda i, r: [i.state_reason and i.state_reason.code],
    "subnet-id": lambda i, r: [i.subnet_id],
    "tag-key": lambda i, r: list(i.ec2_backend.tags.get(i.id, {})),
    "tag-value": lambda i, r: list(i.ec2_backend.tags.get(i.id, {}).values()),
    "tenancy": lambda i, r: [i.placement.tenancy],
    "virtualization-type": lambda i, r: [i.virtualization_type],
    "vpc-id": lambda i, r: [i.vpc_id],
}


def check_names(filters: dict[str, list[str]]) -> None:
    """InvalidParameterValue for a name that is not a filter of DescribeInstances."""
    for name in filters:
        if name not in FILTERS and not name.startswith("tag:"):
            raise ec2_error("InvalidParameterValue", f"The filter '{name}' is invalid")


def passes(instance: Any, reservation: Any, filters: dict[str, list[str]]) -> bool:
    """Whether an instance matches every filter by one of its values."""
    for name, patterns in filters.items():
        if name.startswith("tag:"):
            values: list[Any] = [instance.ec2_backend.tags.get(instance.id, {}).get(name[4:])]
        else:
            values = FILTERS[name](instance, reservation)
        texts = [_text(v) for v in values if v is not None]
        if not any(wildcard(text, pattern) for text in texts for pattern in patterns):
            return False
    return True


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def wildcard(text: str, pattern: str) -> bool:
    """EC2's `*` and `?`; brackets are ordinary characters there."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))
