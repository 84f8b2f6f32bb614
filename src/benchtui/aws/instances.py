"""Instances: launched one by one, found by their tags, ended in bulk."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from benchtui.aws.errors import UnusableAnswer, classify, to_user_error
from benchtui.aws.failures import RETRY_REFUSED, FailureKind
from benchtui.aws.images import Image
from benchtui.aws.session import Answer, Cloud
from benchtui.aws.termination import TerminateAnswer, lift_protection, terminate
from benchtui.core.keys import check_run
from benchtui.core.states import ENDING, Ec2State, InstanceView
from benchtui.core.text import clean_line, clean_lines

__all__ = [
    "LaunchRequest",
    "TerminateAnswer",
    "console_output",
    "count_alive",
    "describe_ids",
    "describe_ours",
    "describe_run",
    "expiry",
    "find_by_token",
    "lift_protection",
    "run_instance",
    "tag_text",
    "tags_of",
    "terminate",
]

LAUNCHED_BY = "AsyncBenchmarkLauncher"
TAG_LAUNCHED_BY = "LaunchedBy"
TAG_RUN = "benchtui:run"
TAG_JOB = "benchtui:job"
TAG_EXPIRES = "benchtui:expires"
_EXPIRES_FORM = "%Y-%m-%dT%H:%M:%SZ"
PAGE = 1000  # most a page of DescribeInstances may hold
IDS_PER_REQUEST = 100
#: EC2's limit on user data before base64 encoding, bytes.
MAX_USER_DATA = 16 * 1024


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """One instance to be launched: everything that RunInstances is told."""

    run: str
    job: str
    region: str
    instance_type: str
    image: Image
    user_data: str  # as the instance will see it, not encoded; at most 16 KiB
    client_token: str  # core.tokens.client_token
    expires_at: datetime  # UTC: when it should be gone at the latest
    instance_profile: str  # name
    security_groups: tuple[str, ...]  # ids
    volume_gib: int  # of the root volume
    zone: str | None = None  # None: EC2 chooses
    subnet: str | None = None  # None: the zone's default subnet
    tags: Mapping[str, str] = field(default_factory=dict)  # the user's own
    spot_max_usd: Decimal | None = None  # per hour; None: bought on demand
    public_ipv4: bool = True  # False: no public address, whatever the subnet gives by itself

    def all_tags(self) -> dict[str, str]:
        """The tags of instance, volumes and network interface; ours win over the user's."""
        return {
            **self.tags,
            "Name": f"benchtui {self.run} {self.job}",
            TAG_LAUNCHED_BY: LAUNCHED_BY,
            TAG_RUN: self.run,
            TAG_JOB: self.job,
            TAG_EXPIRES: self.expires_at.astimezone(UTC).strftime(_EXPIRES_FORM),
        }

    def params(self) -> dict[str, Any]:
        """Parameters of RunInstances."""
        tags = [{"Key": key, "Value": value} for key, value in self.all_tags().items()]
        params: dict[str, Any] = {
            "ImageId": self.image.image_id,
            "InstanceType": self.instance_type,
            "MinCount": 1,
            "MaxCount": 1,
            "ClientToken": self.client_token,
            "UserData": self.user_data,  # the SDK encodes it
            "InstanceInitiatedShutdownBehavior": "terminate",
            "BlockDeviceMappings": self._block_devices(),
            # All of it said: an account may have other defaults, and may refuse what says nothing.
            "MetadataOptions": {
                "HttpEndpoint": "enabled",
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": 1,
                "InstanceMetadataTags": "disabled",
            },
            "IamInstanceProfile": {"Name": self.instance_profile},
            "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in self._tagged()],
        }
        if self.spot_max_usd is not None:
            params["InstanceMarketOptions"] = {
                "MarketType": "spot",
                "SpotOptions": {
                    "SpotInstanceType": "one-time",
                    "InstanceInterruptionBehavior": "terminate",
                    "MaxPrice": f"{self.spot_max_usd:f}",
                },
            }
        params |= self._network()
        if self.zone:
            params["Placement"] = {"AvailabilityZone": self.zone}
        return params

    def _network(self) -> dict[str, Any]:
        """Groups and subnet. Who wants no public address says so of the interface, and all else with it."""
        subnet = {"SubnetId": self.subnet} if self.subnet else {}
        groups = list(self.security_groups)
        if self.public_ipv4:
            return {**({"SecurityGroupIds": groups} if groups else {}), **subnet}
        interface = {"DeviceIndex": 0, "AssociatePublicIpAddress": False, "DeleteOnTermination": True}
        return {"NetworkInterfaces": [{**interface, **({"Groups": groups} if groups else {}), **subnet}]}

    def _tagged(self) -> tuple[str, ...]:
        """Kinds of resources that the request makes and that carry the tags."""
        kinds = ("instance", "volume", "network-interface")
        return kinds if self.spot_max_usd is None else (*kinds, "spot-instances-request")

    def _block_devices(self) -> list[dict[str, Any]]:
        """Every EBS volume of the image: encrypted, and gone with the instance."""
        mappings = []
        for device in self.image.block_devices:
            ebs: dict[str, Any] = {"DeleteOnTermination": True, "Encrypted": True}
            if device.device_name == self.image.root_device:
                ebs |= {"VolumeType": "gp3", "VolumeSize": max(self.volume_gib, device.size_gib or 0)}
            mappings.append({"DeviceName": device.device_name, "Ebs": ebs})
        return mappings


async def run_instance(
    cloud: Cloud, request: LaunchRequest, retry_on: AbstractSet[FailureKind] = RETRY_REFUSED
) -> InstanceView:
    """Launch one instance.

    Args:
        cloud: the account.
        request: what is launched.
        retry_on: throttles, or nothing where the caller paces its requests; never anything else.

    Raises:
        ValueError: the user data is too long.
        CloudError: kind THROTTLED, CAPACITY, QUOTA, DENIED, INVALID or MISSING: it was not launched. GONE:
            it was, and has ended. UNKNOWN: it may have been launched; look it up (`find_by_token`, then
            `describe_run`) until that is settled, before launching anything else for this job.
    """
    size = len(request.user_data.encode())
    if size > MAX_USER_DATA:
        raise ValueError(f"user data of {size} bytes; EC2 takes at most {MAX_USER_DATA}")
    answer = await cloud.call(
        "ec2",
        request.region,
        "RunInstances",
        request.params(),
        expect=("Instances",),
        subject=f"{request.instance_type} for {request.job}",
        retry_on=retry_on,
    )
    views = _views([answer], request.region, "RunInstances")
    if len(views) != 1:
        raise _unusable(f"{len(views)} instances instead of one", request.region, "RunInstances")
    return views[0]


async def describe_run(cloud: Cloud, region: str, run: str) -> tuple[InstanceView, ...]:
    """Instances of ``run`` in ``region``, in every state EC2 still shows.

    The filter is on tag and state only; the tags of each instance are checked again here, because not
    every endpoint filters as asked.

    Raises:
        CloudError: EC2 could not be asked: nothing is known then.
    """
    views = await _described(cloud, region, {f"tag:{TAG_RUN}": [check_run(run)]})
    return tuple(view for view in views if view.run == run)


async def describe_ours(cloud: Cloud, region: str) -> tuple[InstanceView, ...]:
    """Instances of any run in ``region``: those tagged LaunchedBy=AsyncBenchmarkLauncher.

    Raises:
        CloudError: EC2 could not be asked.
    """
    rows = await _rows(cloud, region, {f"tag:{TAG_LAUNCHED_BY}": [LAUNCHED_BY]})
    return _views(
        [{"Instances": [row for row in rows if tags_of(row).get(TAG_LAUNCHED_BY) == LAUNCHED_BY]}],
        region,
        "DescribeInstances",
    )


async def count_alive(cloud: Cloud, region: str) -> int:
    """How many instances in ``region`` are not ending, whoever launched them.

    Raises:
        CloudError: EC2 could not be asked.
    """
    rows = await _rows(cloud, region, {})
    return sum((row.get("State") or {}).get("Name") not in ENDING for row in rows)


async def find_by_token(cloud: Cloud, region: str, token: str) -> tuple[InstanceView, ...]:
    """Instances launched with client token ``token`` in ``region``; none or one, if EC2 keeps its word.

    An empty answer right after a launch proves nothing yet: EC2 is eventually consistent.

    Raises:
        CloudError: EC2 could not be asked.
    """
    views = await _described(cloud, region, {"client-token": [token]})
    return tuple(view for view in views if view.client_token == token)


async def describe_ids(cloud: Cloud, region: str, ids: Iterable[str]) -> tuple[InstanceView, ...]:
    """Those of the instances ``ids`` that EC2 shows; unknown ids are left out, not an error.

    Raises:
        CloudError: EC2 could not be asked.
    """
    wanted = list(dict.fromkeys(ids))
    found: list[InstanceView] = []
    for start in range(0, len(wanted), IDS_PER_REQUEST):
        part = wanted[start : start + IDS_PER_REQUEST]
        # As a filter: InstanceIds would fail as a whole for one id that is not visible (yet).
        views = await _described(cloud, region, {"instance-id": part})
        found.extend(view for view in views if view.instance_id in part)
    return tuple(found)


async def console_output(cloud: Cloud, region: str, instance_id: str) -> str:
    """What the instance last wrote to its console, printable; empty if there is nothing yet.

    Raises:
        CloudError: EC2 could not be asked or does not know the instance.
    """
    answer = await cloud.call("ec2", region, "GetConsoleOutput", {"InstanceId": instance_id})
    output = answer.get("Output") or ""
    return clean_lines(output if isinstance(output, str) else _decoded(output))


def _decoded(output: bytes) -> str:
    try:
        return base64.b64decode(output, validate=True).decode(errors="replace")
    except binascii.Error:
        return output.decode(errors="replace")


async def _described(cloud: Cloud, region: str, filters: Mapping[str, list[str]]) -> tuple[InstanceView, ...]:
    rows = await _rows(cloud, region, filters)
    return _views([{"Instances": rows}], region, "DescribeInstances")


async def _rows(cloud: Cloud, region: str, filters: Mapping[str, list[str]]) -> list[Answer]:
    asked = {**filters, "instance-state-name": [state.value for state in Ec2State]}
    params = {
        "Filters": [{"Name": name, "Values": values} for name, values in asked.items()],
        "MaxResults": PAGE,
    }
    reservations = await cloud.pages("ec2", region, "DescribeInstances", params, item="Reservations")
    return [row for reservation in reservations for row in reservation.get("Instances", ())]


def _views(reservations: Iterable[Answer], region: str, operation: str) -> tuple[InstanceView, ...]:
    """Views of all instances, in the order of launch.

    Raises:
        CloudError: UNKNOWN, when a row lacks what every instance has.
    """
    try:
        views = [_view(row, region) for answer in reservations for row in answer["Instances"]]
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise _unusable(f"an instance without a usable {error}", region, operation) from error
    return tuple(sorted(views, key=lambda view: (view.launched_at, view.instance_id)))


def _view(row: Answer, region: str) -> InstanceView:
    tags = tags_of(row)
    # A pending instance has the reason "pending"; those that tell something are Client.… and Server.….
    reason = str((row.get("StateReason") or {}).get("Code") or "")
    return InstanceView(
        instance_id=row["InstanceId"],
        instance_type=row["InstanceType"],
        region=region,
        zone=(row.get("Placement") or {}).get("AvailabilityZone", ""),
        state=Ec2State(row["State"]["Name"]),
        launched_at=row["LaunchTime"].astimezone(UTC),
        job=tag_text(tags, TAG_JOB),
        run=tag_text(tags, TAG_RUN),
        expires_at=expiry(tags.get(TAG_EXPIRES)),
        image_id=row.get("ImageId"),
        state_reason=clean_line(reason, 100) if "." in reason else None,
        client_token=row.get("ClientToken") or None,
        spot=row.get("InstanceLifecycle") == "spot",
    )


def tags_of(row: Answer, name: str = "Tags") -> dict[str, str]:
    """Tags of whatever EC2 describes; network interfaces have theirs in ``TagSet``."""
    return {tag["Key"]: tag.get("Value", "") for tag in row.get(name) or () if "Key" in tag}


def tag_text(tags: Mapping[str, str], key: str) -> str | None:
    """A tag as one printable line; None: it is not there."""
    return clean_line(tags[key]) if key in tags else None


def expiry(text: str | None) -> datetime | None:
    """The time in a benchtui:expires tag; None for one that someone else has written."""
    try:
        return datetime.strptime(text or "", _EXPIRES_FORM).replace(tzinfo=UTC)
    except ValueError:
        return None


def _unusable(message: str, region: str, operation: str) -> Exception:
    return to_user_error(classify(UnusableAnswer(message), region=region, operation=operation))
