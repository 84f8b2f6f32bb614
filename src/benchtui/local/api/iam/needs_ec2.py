"""What EC2's calls need beside launching: permission, resources, and what conditions may ask of them.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from moto.ec2.models import ec2_backends

from ...state import ACCOUNT_ID
from ..calls import Call
from .asked import arn, carried, known, members, requested, tags_by_kind, tags_of
from .conditions import Value
from .documents import Need

if TYPE_CHECKING:
    from ..cloud import Cloud

#: Calls that know no resource: what they are about needs a ``*``.
READING = frozenset(
    {
        "DescribeAddresses",
        "DescribeAvailabilityZones",
        "DescribeImages",
        "DescribeInstanceStatus",
        "DescribeInstanceTypeOfferings",
        "DescribeInstanceTypes",
        "DescribeInstances",
        "DescribeNetworkInterfaces",
        "DescribeRegions",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeSpotInstanceRequests",
        "DescribeSpotPriceHistory",
        "DescribeSubnets",
        "DescribeTags",
        "DescribeVolumes",
        "DescribeVpcEndpoints",
        "DescribeVpcs",
    }
)
#: Calls about things that are there: the kind of resource, and the parameter that names them.
_ON_EXISTING = {
    "TerminateInstances": ("instance", "InstanceId"),
    "GetConsoleOutput": ("instance", "InstanceId"),
    "ModifyInstanceAttribute": ("instance", "InstanceId"),
    "DescribeInstanceAttribute": ("instance", "InstanceId"),
    "DeleteVolume": ("volume", "VolumeId"),
    "DeleteNetworkInterface": ("network-interface", "NetworkInterfaceId"),
    "CancelSpotInstanceRequests": ("spot-instances-request", "SpotInstanceRequestId"),
    "DeleteSecurityGroup": ("security-group", "GroupId"),
    "RevokeSecurityGroupEgress": ("security-group", "GroupId"),
    "RevokeSecurityGroupIngress": ("security-group", "GroupId"),
    "DeleteVpcEndpoints": ("vpc-endpoint", "VpcEndpointId"),
}
#: The kind of a resource by the beginning of its id.
_KINDS = {
    "i": "instance",
    "vol": "volume",
    "eni": "network-interface",
    "sir": "spot-instances-request",
    "sg": "security-group",
    "vpce": "vpc-endpoint",
    "vpc": "vpc",
    "subnet": "subnet",
    "rtb": "route-table",
}
ACTIONS = (
    READING | set(_ON_EXISTING) | {"CreateTags", "DeleteTags", "CreateSecurityGroup", "CreateVpcEndpoint"}
)


class Ec2Needs:
    """Knows what the calls need, and looks up what conditions ask about the resources."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._contexts: dict[str, Callable[[Any, str], Mapping[str, Value]]] = {
            "instance": self._instance,
            "volume": _volume,
            "network-interface": _interface,
            "security-group": _group,
        }

    def of(self, call: Call) -> list[Need] | None:
        """What a call needs; None: it is not known here. The caller holds the cloud's lock."""
        permission = f"ec2:{call.action}"
        if call.action in READING:
            return [Need(permission, "*", {})]
        backend = ec2_backends[ACCOUNT_ID][call.region]
        form = call.parameters
        if call.action in _ON_EXISTING:
            kind, parameter = _ON_EXISTING[call.action]
            ids = members(form, parameter) or ([form[parameter]] if parameter in form else [])
            more = _attributes(form) if call.action == "ModifyInstanceAttribute" else {}
            if not ids or (call.action == "ModifyInstanceAttribute" and not more):
                return None
            return [self.need(permission, call.region, backend, kind, name, more) for name in ids]
        if call.action in ("CreateTags", "DeleteTags"):
            return self._tagging(call, backend)
        if call.action == "CreateSecurityGroup":
            return self._new_group(call, backend)
        if call.action == "CreateVpcEndpoint":
            return self._new_endpoint(call, backend)
        return None

    def need(
        self,
        permission: str,
        region: str,
        backend: Any,
        kind: str,
        name: str,
        more: Mapping[str, Value] | None = None,
    ) -> Need:
        """A permission on one resource that is there, with what conditions may ask of it."""
        context = dict(carried(backend.tags.get(name, {}), "ec2:resourcetag/"))
        if kind in self._contexts:
            context |= self._contexts[kind](backend, name)
        if kind in ("vpc", "subnet", "route-table"):
            keys = {"vpc": "ec2:vpcid", "subnet": "ec2:subnetid", "route-table": "ec2:routetableid"}
            context[keys[kind]] = name
        return Need(permission, arn("ec2", region, f"{kind}/{name}"), context | dict(more or {}))

    def created(
        self,
        action: str,
        region: str,
        kind: str,
        tags: Mapping[str, str] | None,
        context: Mapping[str, Value],
    ) -> list[Need]:
        """What it needs to make a resource: the call itself, and to tag it if tags are asked for."""
        resource = arn("ec2", region, f"{kind}/*")
        needs = [Need(f"ec2:{action}", resource, {**context, **requested(tags)})]
        if tags:
            tagging = {"ec2:createaction": action, **requested(tags)}
            needs.append(Need("ec2:CreateTags", resource, tagging))
        return needs

    def _tagging(self, call: Call, backend: Any) -> list[Need] | None:
        ids, tags = members(call.parameters, "ResourceId"), tags_of(call.parameters)
        kinds = [_KINDS.get(name.partition("-")[0]) for name in ids]
        if not ids or None in kinds:
            return None
        more: Mapping[str, Value] = requested(tags)
        if call.action == "DeleteTags":
            more = {"aws:tagkeys": tuple(tags)} if tags else {}
        permission = f"ec2:{call.action}"
        return [
            self.need(permission, call.region, backend, str(kind), name, more)
            for kind, name in zip(kinds, ids, strict=True)
        ]

    def _new_group(self, call: Call, backend: Any) -> list[Need]:
        tags = tags_by_kind(call.parameters).get("security-group")
        needs = self.created("CreateSecurityGroup", call.region, "security-group", tags, {})
        vpc = call.parameters.get("VpcId")
        if vpc:
            needs.append(self.need("ec2:CreateSecurityGroup", call.region, backend, "vpc", vpc))
        return needs

    def _new_endpoint(self, call: Call, backend: Any) -> list[Need]:
        form, permission = call.parameters, "ec2:CreateVpcEndpoint"
        context = known(ec2__vpceservicename=form.get("ServiceName"))
        tags = tags_by_kind(form).get("vpc-endpoint")
        needs = self.created("CreateVpcEndpoint", call.region, "vpc-endpoint", tags, context)
        touched = [("vpc", form.get("VpcId", ""))]
        touched += [("route-table", name) for name in members(form, "RouteTableId")]
        touched += [("subnet", name) for name in members(form, "SubnetId")]
        touched += [("security-group", name) for name in members(form, "SecurityGroupId")]
        return needs + [self.need(permission, call.region, backend, kind, name) for kind, name in touched]

    def _instance(self, _backend: Any, name: str) -> Mapping[str, Value]:
        life = self.cloud.lifecycle.lives.get(name)
        if life is None:
            return {}
        instance = life.instance
        options = instance.metadata_options
        return {
            "ec2:instanceid": name,
            **known(
                ec2__instancetype=instance.instance_type,
                ec2__availabilityzone=instance.availability_zone,
                ec2__instanceprofile=(instance.iam_instance_profile or {}).get("Arn"),
                ec2__instancemarkettype="spot" if instance.lifecycle == "spot" else "on-demand",
                ec2__rootdevicetype="ebs",
                ec2__metadatahttptokens=options.http_tokens,
                ec2__metadatahttpendpoint=options.http_endpoint,
            ),
        }


def _attributes(form: Mapping[str, str]) -> Mapping[str, Value]:
    """The attribute that ModifyInstanceAttribute changes: ``DisableApiTermination.Value``, or by its name."""
    named = form.get("Attribute")
    changed = [key.partition(".")[0] for key in form if key.endswith(".Value") and "." in key]
    if named:
        changed.append(named[:1].upper() + named[1:])
    if len(set(changed)) != 1:
        return {}
    value = form.get(f"{changed[0]}.Value", form.get("Value", ""))
    return {"ec2:attribute": changed[0], f"ec2:attribute/{changed[0].lower()}": value}


def _volume(backend: Any, name: str) -> Mapping[str, Value]:
    volume = backend.volumes.get(name)
    if volume is None:
        return {}
    return {
        "ec2:volumeid": name,
        "ec2:encrypted": "true" if volume.encrypted else "false",
        **known(
            ec2__volumetype=volume.volume_type,
            ec2__volumesize=str(volume.size),
            ec2__availabilityzone=getattr(volume.zone, "name", None),
        ),
    }


def _interface(backend: Any, name: str) -> Mapping[str, Value]:
    interface = backend.enis.get(name)
    if interface is None:
        return {}
    return {"ec2:networkinterfaceid": name, **place_of(backend, interface.subnet)}


def place_of(backend: Any, subnet: Any) -> Mapping[str, Value]:
    """Subnet and VPC as conditions name them: by ARN."""
    region = backend.region_name
    return {
        "ec2:subnet": arn("ec2", region, f"subnet/{subnet.id}"),
        "ec2:vpc": arn("ec2", region, f"vpc/{subnet.vpc_id}"),
        "ec2:availabilityzone": subnet.availability_zone,
    }


def _group(backend: Any, name: str) -> Mapping[str, Value]:
    group = next((found[name] for found in backend.groups.values() if name in found), None)
    if group is None:
        return {}
    return {
        "ec2:securitygroupid": name,
        **known(ec2__vpc=group.vpc_id and arn("ec2", backend.region_name, f"vpc/{group.vpc_id}")),
    }
