"""What can be left of a run beside its instances: volumes, network interfaces, addresses, spot requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from benchtui.aws.errors import CloudError, to_user_error
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.instances import (
    LAUNCHED_BY,
    TAG_EXPIRES,
    TAG_JOB,
    TAG_LAUNCHED_BY,
    TAG_RUN,
    expiry,
    tag_text,
    tags_of,
)
from benchtui.aws.session import Answer, Cloud
from benchtui.core.keys import check_run
from benchtui.core.text import clean_line

#: States of a spot request in which it runs an instance or may launch one yet.
OPEN_STATES = ("open", "active", "disabled")


@dataclass(frozen=True, slots=True)
class Leftover:
    """A volume, network interface or address that carries a run's tag, or that of every run."""

    kind: str  # "volume", "network interface" or "address"
    id: str
    region: str
    state: str  # available, in-use, deleting, …
    attached_to: str | None  # instance id
    run: str | None = None  # tag benchtui:run
    ours: bool = False  # tagged LaunchedBy=AsyncBenchmarkLauncher: a launch of ours made it

    @property
    def idle(self) -> bool:
        """Whether it belongs to no instance any more, and costs all the same."""
        return self.attached_to is None and self.state == "available"


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What was found, and which of the questions were not answered."""

    found: tuple[Leftover, ...] = ()
    failures: Mapping[str, Failure] = field(default_factory=dict)  # by operation


@dataclass(frozen=True, slots=True)
class SpotRequest:
    """A spot request that runs an instance or may launch one yet."""

    id: str
    run: str | None = None  # tag benchtui:run
    job: str | None = None  # tag benchtui:job
    expires_at: datetime | None = None  # tag benchtui:expires


def _wanted(run: str | None) -> Answer:
    """The filter on a run's tag, or on that of all runs."""
    tag, value = (TAG_RUN, check_run(run)) if run is not None else (TAG_LAUNCHED_BY, LAUNCHED_BY)
    return {"Filters": [{"Name": f"tag:{tag}", "Values": [value]}]}


def _meant(tags: Mapping[str, str], run: str | None) -> bool:
    """The same once more, because not every endpoint filters as asked."""
    return tags.get(TAG_RUN) == run if run is not None else tags.get(TAG_LAUNCHED_BY) == LAUNCHED_BY


async def leftovers(cloud: Cloud, region: str, run: str | None) -> tuple[Leftover, ...]:
    """Volumes, network interfaces and addresses tagged with ``run``; after its end there should be none.

    Args:
        run: None: those of every run.

    Raises:
        CloudError: EC2 could not be asked for one of them.
    """
    answer = await look_for_leftovers(cloud, region, run)
    for failure in answer.failures.values():
        raise to_user_error(failure)
    return answer.found


async def look_for_leftovers(cloud: Cloud, region: str, run: str | None) -> Leftovers:
    """As `leftovers`, with what could not be asked in the answer."""
    asked = _wanted(run)

    async def listed(operation: str, item: str) -> list[Answer] | CloudError:
        try:
            if operation == "DescribeAddresses":  # comes in one piece
                rows: list[Answer] = (await cloud.call("ec2", region, operation, asked, expect=(item,)))[item]
                return rows
            return await cloud.pages("ec2", region, operation, asked, item=item)
        except CloudError as error:
            return error

    answers = await asyncio.gather(*(listed(name, item) for name, item, _, _ in _KINDS))
    found: list[Leftover] = []
    failures: dict[str, Failure] = {}
    for (_, _, tags, read), answer in zip(_KINDS, answers, strict=True):
        if isinstance(answer, CloudError):
            failures[answer.failure.operation or "?"] = answer.failure
        else:
            found += [read(row, region) for row in answer if _meant(tags_of(row, tags), run)]
    return Leftovers(tuple(found), failures)


def _volume(row: Answer, region: str) -> Leftover:
    attached = next((a.get("InstanceId") for a in row.get("Attachments") or ()), None)
    return _leftover("volume", row.get("VolumeId"), region, row.get("State"), attached, tags_of(row))


def _interface(row: Answer, region: str) -> Leftover:
    attached = (row.get("Attachment") or {}).get("InstanceId")
    name, state = row.get("NetworkInterfaceId"), row.get("Status")
    return _leftover("network interface", name, region, state, attached, tags_of(row, "TagSet"))


def _address(row: Answer, region: str) -> Leftover:
    # An address has no state of its own: it is associated with something, or it is not.
    state = "in-use" if row.get("AssociationId") else "available"
    name = row.get("AllocationId") or row.get("PublicIp")
    return _leftover("address", name, region, state, row.get("InstanceId") or None, tags_of(row))


def _leftover(
    kind: str, name: object, region: str, state: object, attached_to: str | None, tags: Mapping[str, str]
) -> Leftover:
    return Leftover(
        kind,
        clean_line(str(name or "?"), 80),
        region,
        clean_line(str(state or "?"), 40),
        attached_to,
        tag_text(tags, TAG_RUN),
        tags.get(TAG_LAUNCHED_BY) == LAUNCHED_BY,
    )


#: How each is asked for: operation, the field of its answer, where its tags are.
_KINDS = (
    ("DescribeVolumes", "Volumes", "Tags", _volume),
    ("DescribeNetworkInterfaces", "NetworkInterfaces", "TagSet", _interface),
    ("DescribeAddresses", "Addresses", "Tags", _address),
)


async def remove_leftover(cloud: Cloud, left: Leftover) -> None:
    """Delete a volume or network interface that belongs to nothing; one that is gone already is no failure.

    Whoever calls has seen it idle and ours: EC2 itself refuses to delete one that is attached.

    Raises:
        ValueError: an address, which no launch of ours ever makes, is not to be given away.
        CloudError: EC2 refused or could not be asked.
    """
    operations = {
        "volume": ("DeleteVolume", "VolumeId"),
        "network interface": ("DeleteNetworkInterface", "NetworkInterfaceId"),
    }
    if left.kind not in operations:
        raise ValueError(f"{left.kind} {left.id} is not removed here")
    operation, name = operations[left.kind]
    try:
        await cloud.call("ec2", left.region, operation, {name: left.id}, subject=left.id)
    except CloudError as error:
        if error.failure.kind is not FailureKind.MISSING:
            raise


async def open_spot_requests(cloud: Cloud, region: str, run: str | None) -> tuple[SpotRequest, ...]:
    """Spot requests of ``run``, or of every run, that run an instance or may launch one yet.

    Raises:
        CloudError: EC2 could not be asked.
    """
    params = _wanted(run)
    params["Filters"].append({"Name": "state", "Values": list(OPEN_STATES)})
    rows = await cloud.pages(
        "ec2", region, "DescribeSpotInstanceRequests", params, item="SpotInstanceRequests"
    )
    found = []
    for row in rows:
        tags = tags_of(row)
        if row.get("State") in OPEN_STATES and _meant(tags, run) and row.get("SpotInstanceRequestId"):
            name = clean_line(str(row["SpotInstanceRequestId"]), 40)
            expires_at = expiry(tags.get(TAG_EXPIRES))
            found.append(SpotRequest(name, tag_text(tags, TAG_RUN), tag_text(tags, TAG_JOB), expires_at))
    return tuple(found)


async def cancel_spot_requests(cloud: Cloud, region: str, ids: tuple[str, ...]) -> None:
    """Cancel them; the instances that they run are ended by themselves, not by this.

    Raises:
        CloudError: EC2 refused or could not be asked.
    """
    await cloud.call("ec2", region, "CancelSpotInstanceRequests", {"SpotInstanceRequestIds": list(ids)})
