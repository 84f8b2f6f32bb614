"""What RunInstances needs: itself on all it uses and makes, CreateTags on what it tags, PassRole for a role.

Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html. Where no subnet is
named the default one is asked about as well; that is stricter than the reference's scenario without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

from ...state import ACCOUNT_ID
from ..calls import Call
from ..images import PARAMETERS
from .asked import arn, carried, known, members, structures, tags_by_kind
from .conditions import Value
from .documents import Need
from .needs_ec2 import Ec2Needs, place_of

RUN = "ec2:RunInstances"
INSTANCES = "ec2.amazonaws.com"
#: Parameters for which is known here what they need. Any other may need more: a launch template, a key pair's
#: own resource, a reservation, a placement group.
_KNOWN = frozenset(
    {
        "Action",
        "Version",
        "BlockDeviceMapping",
        "ClientToken",
        "DisableApiTermination",
        "DryRun",
        "EbsOptimized",
        "IamInstanceProfile",
        "ImageId",
        "InstanceInitiatedShutdownBehavior",
        "InstanceMarketOptions",
        "InstanceType",
        "MaxCount",
        "MetadataOptions",
        "MinCount",
        "Monitoring",
        "NetworkInterface",
        "Placement",
        "SecurityGroup",
        "SecurityGroupId",
        "SubnetId",
        "TagSpecification",
        "UserData",
    }
)


class LaunchNeeds:
    """Knows what a launch needs."""

    def __init__(self, ec2: Ec2Needs) -> None:
        self.ec2 = ec2

    def of(self, call: Call) -> list[Need] | None:
        """What a launch needs; None: it asks for something that is not known here."""
        form, backend = call.parameters, ec2_backends[ACCOUNT_ID][call.region]
        interfaces = structures(form, "NetworkInterface")
        asked = {key.partition(".")[0] for key in form}
        placed = {key for key in form if key.startswith("Placement.")} - {"Placement.AvailabilityZone"}
        if asked - _KNOWN or placed or any("NetworkInterfaceId" in row for row in interfaces):
            return None
        tags, region = tags_by_kind(form), call.region
        subnet = _subnet(form, interfaces, backend)
        spot = form.get("InstanceMarketOptions.MarketType") == "spot"
        profile = _profile(form)
        place: Mapping[str, Value] = {} if subnet is None else place_of(backend, subnet)
        zone = known(ec2__availabilityzone=place.get("ec2:availabilityzone"))

        made: list[tuple[str, Mapping[str, Value]]] = [
            ("instance", self._instance(form, profile, spot) | zone)
        ]
        made += [("volume", context | zone) for context in _volumes(form, backend)]
        made.append(("network-interface", place))
        if spot:
            made.append(("spot-instances-request", {}))
        needs = [
            need
            for kind, context in made
            for need in self.ec2.created("RunInstances", region, kind, tags.get(kind), context)
        ]
        needs += _image(form, backend, region)
        if subnet is not None:
            needs.append(self.ec2.need(RUN, region, backend, "subnet", subnet.id, place))
        for group in _groups(form, interfaces, backend, subnet):
            needs.append(self.ec2.need(RUN, region, backend, "security-group", group))
        for role in profile.roles if profile is not None else ():
            needs.append(Need("iam:PassRole", role.arn, {"iam:passedtoservice": INSTANCES}))
        return needs

    @staticmethod
    def _instance(form: Mapping[str, str], profile: Any, spot: bool) -> dict[str, Value]:
        return known(
            ec2__instancetype=form.get("InstanceType"),
            ec2__instanceprofile=profile.arn if profile is not None else None,
            ec2__instancemarkettype="spot" if spot else "on-demand",
            ec2__metadatahttptokens=form.get("MetadataOptions.HttpTokens"),
            ec2__metadatahttpendpoint=form.get("MetadataOptions.HttpEndpoint"),
            ec2__metadatahttpputresponsehoplimit=form.get("MetadataOptions.HttpPutResponseHopLimit"),
            ec2__instancemetadatatags=form.get("MetadataOptions.InstanceMetadataTags"),
            ec2__rootdevicetype="ebs",
        )


def _profile(form: Mapping[str, str]) -> Any:
    """The instance profile; None for one that does not exist, which the launch itself refuses."""
    name, wanted = form.get("IamInstanceProfile.Name"), form.get("IamInstanceProfile.Arn")
    profiles = list(iam_backends[ACCOUNT_ID]["aws"].instance_profiles.values())
    return next((p for p in profiles if (name and p.name == name) or (wanted and p.arn == wanted)), None)


def _subnet(form: Mapping[str, str], interfaces: list[dict[str, str]], backend: Any) -> Any:
    """The subnet named, or the default one of the zone; None: there is none, which the launch refuses."""
    name = form.get("SubnetId") or next((row["SubnetId"] for row in interfaces if "SubnetId" in row), None)
    if name:
        return next((zone[name] for zone in backend.subnets.values() if name in zone), None)
    defaults = backend.get_default_subnets()
    zone = form.get("Placement.AvailabilityZone") or min(defaults, default=None)
    return defaults.get(zone)


def _groups(
    form: Mapping[str, str], interfaces: list[dict[str, str]], backend: Any, subnet: Any
) -> list[str]:
    ids = members(form, "SecurityGroupId")
    ids += [name for row in interfaces for name in members(row, "SecurityGroupId")]
    vpc = subnet.vpc_id if subnet is not None else None
    groups = [group for found in backend.groups.values() for group in found.values()]
    for name in members(form, "SecurityGroup"):
        ids += [group.id for group in groups if group.name == name and group.vpc_id == vpc]
    return ids or [group.id for group in groups if group.name == "default" and group.vpc_id == vpc]


def _volumes(form: Mapping[str, str], backend: Any) -> list[dict[str, Value]]:
    """What conditions may ask of each volume: the image's, and those that the request changes or adds."""
    devices: dict[str, dict[str, str]] = {}
    image = _image_of(form, backend)
    for mapping in image.block_device_mappings if image is not None else ():
        devices[mapping["DeviceName"]] = {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in mapping["Ebs"].items()
        }
    for row in structures(form, "BlockDeviceMapping"):
        name = row.get("DeviceName", "")
        if "NoDevice" in row or "VirtualName" in row:
            devices.pop(name, None)
            continue
        ebs = {key.removeprefix("Ebs."): value for key, value in row.items() if key.startswith("Ebs.")}
        devices[name] = devices.get(name, {}) | ebs
    return [
        known(
            ec2__encrypted="true" if ebs.get("Encrypted") == "true" or "KmsKeyId" in ebs else "false",
            ec2__volumetype=ebs.get("VolumeType", "gp2"),
            ec2__volumesize=ebs.get("VolumeSize"),
        )
        for ebs in devices.values()
    ]


def _image_of(form: Mapping[str, str], backend: Any) -> Any:
    name = form.get("ImageId", "")
    parameter = name.removeprefix("resolve:ssm:")
    if parameter != name and parameter in PARAMETERS:
        name = PARAMETERS[parameter].ami_id(backend.region_name)
    return backend.amis.get(name)


def _image(form: Mapping[str, str], backend: Any, region: str) -> list[Need]:
    image, name = _image_of(form, backend), form.get("ImageId", "")
    parameter = name.removeprefix("resolve:ssm:")
    needs = []
    if parameter != name:
        needs.append(Need("ssm:GetParameters", arn("ssm", region, f"parameter{parameter}", ""), {}))
    context = dict(carried(backend.tags.get(name, {}), "ec2:resourcetag/"))
    if image is not None:
        name = image.id
        context |= known(
            ec2__owner=image.owner_alias or image.owner_id,
            ec2__public="true" if image.is_public else "false",
            ec2__rootdevicetype=image.root_device_type,
        )
    context["ec2:imageid"] = name
    needs.append(Need(RUN, arn("ec2", region, f"image/{name}", ""), context))
    return needs
