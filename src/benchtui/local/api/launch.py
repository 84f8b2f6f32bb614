"""RunInstances: what EC2 checks, launches and remembers."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.responses import EC2Response
from moto.iam.models import iam_backends

from .block_devices import attach_volumes, volumes_of
from .errors import ec2_error
from .hooks import replace
from .idempotency import Scope, fingerprint
from .images import resolve
from .instance_types import architectures_of, vcpus_of
from .quotas import ON_DEMAND_STANDARD, SPOT_STANDARD
from .spot_requests import request_spot

if TYPE_CHECKING:
    from .cloud import Cloud

USER_DATA_BYTES = 16384
TAGGABLE = frozenset({"instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a launch goes: a zone and its subnet."""

    zone: str
    subnet_id: str


def install(cloud: Cloud) -> None:
    """Replace moto's RunInstances."""

    def run_instances(self: Any) -> ActionResult:
        return _run_instances(cloud, self)

    replace(EC2Response, "run_instances", run_instances)
    # moto shows every launch as pending; here the state is the real one, also when a token repeats.
    EC2Response.RESPONSE_KEY_PATH_TO_TRANSFORMER.pop(
        "RunInstances.Reservation.Instances.Instance.State", None
    )


def _run_instances(cloud: Cloud, request: Any) -> ActionResult:
    backend = request.ec2_backend
    get = request._get_param
    minimum, maximum = int(get("MinCount", 1)), int(get("MaxCount", 1))
    if minimum < 1 or maximum < minimum:
        raise ec2_error(
            "InvalidParameterValue", f"Invalid value '{maximum}' for maxCount. Must not be less than minCount"
        )
    instance_type = get("InstanceType", "m1.small")
    spot = get("InstanceMarketOptions.MarketType") == "spot"
    place = _place(request, backend)
    token = get("ClientToken", "")
    # With a subnet or a zone the token is zonal.
    asked_zone = get("SubnetId") or get("Placement.AvailabilityZone") or _nic_subnet(request)
    scope = Scope(backend.region_name, place.zone if asked_zone else None, token)
    request_hash = fingerprint(request.params)
    if token and (earlier := cloud.tokens.earlier(scope, request_hash)):
        return ActionResult(earlier.reservation)

    _check_type(cloud, instance_type, place.zone)
    image = resolve(backend.region_name, get("ImageId", ""), backend)
    _check_architecture(instance_type, image)
    user_data = _user_data(get("UserData"))
    profile = _profile(request)
    tags = _tags(request, spot)
    volumes = volumes_of(get("BlockDeviceMappings", []), image)
    request.error_on_dryrun()  # which asks about rights and names, not whether there is room
    count = _count_within_quota(cloud, backend.region_name, instance_type, minimum, maximum, spot)

    reservation = backend.run_instances(
        image.id,
        count,
        user_data,
        get("SecurityGroups", []),
        instance_type=instance_type,
        is_instance_type_default=False,
        placement=None,
        region_name=request.region,
        subnet_id=None if get("NetworkInterfaces") else place.subnet_id,
        key_name=get("KeyName"),
        security_group_ids=get("SecurityGroupIds", []),
        nics=_nics(request, place),
        private_ip=get("PrivateIpAddress"),
        associate_public_ip=None,
        tags={"instance": tags.get("instance", {})},
        ebs_optimized=get("EbsOptimized") or False,
        disable_api_stop=get("DisableApiStop") or False,
        disable_api_termination=get("DisableApiTermination") or False,
        instance_market_options=get("InstanceMarketOptions.MarketType", {}),
        instance_initiated_shutdown_behavior=get("InstanceInitiatedShutdownBehavior"),
        hibernation_options=get("HibernationOptions", {}),
        monitoring_state="enabled" if get("Monitoring.Enabled") else "disabled",
        metadata_options=get("MetadataOptions", {}),
        client_token=token,
        block_device_mappings=[],
    )
    for instance in reservation.instances:
        attach_volumes(backend, instance, volumes, tags.get("volume", {}))
        _finish_network(backend, instance, request, tags.get("network-interface", {}))
        if profile is not None:
            backend.associate_iam_instance_profile(instance.id, iam_instance_profile_name=profile.name)
            instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}
        if spot:
            request_spot(cloud, backend, instance, tags.get("spot-instances-request", {}))
        cloud.lifecycle.admit(instance, backend, reservation.id, hosted=cloud.hosted(instance_type))
    if token:
        cloud.tokens.remember(scope, request_hash, reservation)
    return ActionResult(reservation)


def _nic_subnet(request: Any) -> str | None:
    return next(
        (n["SubnetId"] for n in request._get_param("NetworkInterfaces", []) if n.get("SubnetId")), None
    )


def _place(request: Any, backend: Any) -> Place:
    get = request._get_param
    if get("NetworkInterfaces") and get("SubnetId"):
        raise ec2_error(
            "InvalidParameterCombination",
            "Network interfaces and an instance-level subnet ID may not be specified on the same request",
        )
    zone = get("Placement.AvailabilityZone")
    subnet_id = get("SubnetId") or _nic_subnet(request)
    if subnet_id:
        subnet = backend.get_subnet(subnet_id)
        if zone and zone != subnet.availability_zone:
            raise ec2_error(
                "InvalidParameterCombination",
                f"The subnet {subnet_id} is not in the availability zone {zone}",
            )
        return Place(subnet.availability_zone, subnet_id)
    defaults = backend.get_default_subnets()
    if not defaults:
        raise ec2_error(
            "VPCIdNotSpecified",
            "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
        )
    if zone and zone not in defaults:
        raise ec2_error("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
    zone = zone or min(defaults)
    return Place(zone, defaults[zone].id)


def _check_type(cloud: Cloud, instance_type: str, zone: str) -> None:
    if instance_type not in INSTANCE_TYPES:
        raise ec2_error("InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType.")
    if instance_type not in cloud.types and not cloud.options.simulate_ec2_types:
        raise ec2_error(
            "Unsupported",
            f"Your requested instance type ({instance_type}) is not supported in your requested "
            "Availability Zone "
            f"({zone}). The local cloud runs {', '.join(cloud.types)}; started with --simulate-ec2-types it "
            "also "
            "accepts EC2 types, which then never execute anything.",
        )


def _check_architecture(instance_type: str, image: Any) -> None:
    offered = architectures_of(instance_type)
    if image.architecture not in offered:
        raise ec2_error(
            "InvalidParameterValue",
            f"The architecture '{','.join(offered)}' of the specified instance type does not match the "
            "architecture "
            f"'{image.architecture}' of the specified AMI. Specify an instance type and an AMI that have "
            "matching "
            "architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to "
            "discover "
            "the architecture of the instance type or AMI.",
        )


def _user_data(encoded: Any) -> Base64EncodedString | None:
    if encoded is None:
        return None
    text = encoded.decode() if isinstance(encoded, bytes) else str(encoded)
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ec2_error("InvalidParameterValue", "Invalid BASE64 encoding of user data.") from None
    if len(raw) > USER_DATA_BYTES:
        raise ec2_error("InvalidParameterValue", f"User data is limited to {USER_DATA_BYTES} bytes")
    return Base64EncodedString(text)


def _profile(request: Any) -> Any:
    name, arn = request._get_param("IamInstanceProfile.Name"), request._get_param("IamInstanceProfile.Arn")
    if not name and not arn:
        return None
    profiles = iam_backends[request.current_account][request.partition].instance_profiles.values()
    for profile in profiles:
        if profile.name == name or profile.arn == arn:
            return profile
    field, noun = ("name", "name") if name else ("arn", "ARN")
    raise ec2_error(
        "InvalidParameterValue",
        f"Value ({name or arn}) for parameter iamInstanceProfile.{field} is invalid. "
        f"Invalid IAM Instance Profile {noun}",
    )


def _tags(request: Any, spot: bool) -> dict[str, dict[str, str]]:
    tags: dict[str, dict[str, str]] = request._parse_tag_specification()
    for kind, pairs in tags.items():
        if kind not in TAGGABLE:
            raise ec2_error("InvalidParameterValue", f"'{kind}' is not a valid taggable resource type.")
        if kind == "spot-instances-request" and not spot:
            raise ec2_error(
                "InvalidParameterValue",
                "You cannot specify tags for Spot instances requests if there are no Spot instances "
                "requests being "
                "created by the request.",
            )
        for key, value in pairs.items():
            if key.lower().startswith("aws:"):
                raise ec2_error(
                    "InvalidParameterValue",
                    f"Tag key '{key}' is invalid. Tag keys starting with 'aws:' are reserved for internal "
                    "use",
                )
            if not 1 <= len(key) <= 128 or len(value) > 256:
                raise ec2_error("InvalidParameterValue", f"Tag '{key}' exceeds the maximum length")
    return tags


def _count_within_quota(
    cloud: Cloud, region: str, instance_type: str, minimum: int, maximum: int, spot: bool
) -> int:
    each = vcpus_of(instance_type)
    quota = cloud.quotas.value(SPOT_STANDARD if spot else ON_DEMAND_STANDARD, region)
    used = sum(
        vcpus_of(life.instance.instance_type)
        for life in cloud.lifecycle.lives.values()
        if life.backend.region_name == region
        and life.instance.state in ("pending", "running")
        and (life.instance.lifecycle == "spot") == spot
    )
    possible = int((quota - used) // each)
    if possible < minimum:
        if spot:
            raise ec2_error("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        raise ec2_error(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {quota:g} allows for "
            "the instance "
            "bucket that the specified instance type belongs to. Please visit "
            "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
        )
    return min(maximum, possible)


def _nics(request: Any, place: Place) -> list[dict[str, Any]]:
    nics = [dict(nic) for nic in request._get_param("NetworkInterfaces", [])]
    for nic in nics:
        if not nic.get("NetworkInterfaceId"):
            nic.setdefault("SubnetId", place.subnet_id)
    return nics


def _finish_network(backend: Any, instance: Any, request: Any, tags: dict[str, str]) -> None:
    asked = {int(n.get("DeviceIndex", 0)): n for n in request._get_param("NetworkInterfaces", [])}
    for index, nic in instance.nics.items():
        spec = asked.get(index, {})
        if spec.get("NetworkInterfaceId"):
            continue  # an existing interface keeps its tags and outlives the instance
        nic.delete_on_termination = spec.get("DeleteOnTermination", True)
        nic.add_tags(tags)
    if not instance.security_groups:
        nic_groups = [g for nic in instance.nics.values() for g in nic._group_set]
        instance.security_groups = nic_groups or [backend.get_default_security_group(instance.vpc_id)]
