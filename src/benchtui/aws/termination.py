"""Ending instances: in bulk, and never stopped by the one id that EC2 objects to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.session import Cloud

BATCH = 100  # EC2 takes 1000, but one id that it objects to costs a search through the batch
BATCHES_AT_ONCE = 4
PROTECTED = "OperationNotPermitted"
_WORD = re.compile(r"[\w-]+")
#: Failures for which the fault may lie with single ids, so that the others are worth a request of their own.
_SINGLE_OUT = frozenset({FailureKind.MISSING, FailureKind.INVALID, FailureKind.DENIED})


@dataclass(frozen=True, slots=True)
class TerminateAnswer:
    """What EC2 said to a request to end instances.

    A failure of kind MISSING does not mean that the instance is gone: it may be too new to be visible.
    """

    accepted: tuple[str, ...] = ()
    failures: Mapping[str, Failure] = field(default_factory=dict)  # by instance id


async def terminate(
    cloud: Cloud,
    region: str,
    ids: Iterable[str],
    skip_os_shutdown: bool = False,
    zones: Mapping[str, str] | None = None,
) -> TerminateAnswer:
    """End the instances ``ids``, as many of them as EC2 lets end; TerminateInstances can be repeated.

    An id that EC2 names as unknown is dropped and the rest asked for again; a refusal that names none
    (one protected instance spares all of its zone) is narrowed down by halving.

    Args:
        cloud, region: where they are.
        ids: instance ids; whoever calls has checked that they are ours.
        skip_os_shutdown: switch off without letting the system shut down.
        zones: availability zone by id; instances of one zone are then asked for together.

    Failures are in the answer, none is raised.
    """
    by_zone: dict[str, list[str]] = {}
    for instance_id in dict.fromkeys(ids):
        by_zone.setdefault((zones or {}).get(instance_id, ""), []).append(instance_id)
    batches = [
        tuple(group[start : start + BATCH])
        for group in by_zone.values()
        for start in range(0, len(group), BATCH)
    ]
    ending = _Ending(cloud, region, skip_os_shutdown)
    limit = asyncio.Semaphore(BATCHES_AT_ONCE)

    async def bounded(batch: tuple[str, ...]) -> None:
        async with limit:
            await ending.end(batch)

    async with asyncio.TaskGroup() as group:
        for batch in batches:
            group.create_task(bounded(batch))
    return TerminateAnswer(tuple(ending.accepted), ending.failures)


class _Ending:
    """One call of `terminate` under way."""

    def __init__(self, cloud: Cloud, region: str, skip_os_shutdown: bool) -> None:
        self.cloud, self.region, self.skip_os_shutdown = cloud, region, skip_os_shutdown
        self.accepted: list[str] = []
        self.failures: dict[str, Failure] = {}

    async def end(self, batch: tuple[str, ...]) -> None:
        """End ``batch``: whole, or without those named, or by halves."""
        while batch:
            try:
                await self._ask(batch)
            except CloudError as error:
                failure = error.failure
            else:
                self.accepted.extend(batch)
                return
            if len(batch) == 1 or failure.kind not in _SINGLE_OUT:
                self.failures.update(dict.fromkeys(batch, failure))
                return
            named = _named(failure, batch)
            if named:
                self.failures.update(dict.fromkeys(named, failure))
                batch = tuple(instance_id for instance_id in batch if instance_id not in named)
                continue
            middle = len(batch) // 2
            await self.end(batch[:middle])
            batch = batch[middle:]

    async def _ask(self, batch: tuple[str, ...]) -> None:
        params: dict[str, object] = {"InstanceIds": list(batch)}
        if self.skip_os_shutdown:
            params["SkipOsShutdown"] = True
        await self.cloud.call("ec2", self.region, "TerminateInstances", params)


def _named(failure: Failure, batch: tuple[str, ...]) -> tuple[str, ...]:
    """Ids that EC2 says do not exist or are none: InvalidInstanceID.NotFound, InvalidInstanceID.Malformed."""
    if not failure.code.startswith("InvalidInstanceID"):
        return ()
    words = frozenset(_WORD.findall(failure.message))
    return tuple(instance_id for instance_id in batch if instance_id in words)


async def lift_protection(cloud: Cloud, region: str, instance_id: str) -> None:
    """Lift the termination protection of one instance; whoever calls has checked that it is ours.

    Raises:
        CloudError: EC2 refused or could not be asked.
    """
    await cloud.call(
        "ec2",
        region,
        "ModifyInstanceAttribute",
        {"InstanceId": instance_id, "DisableApiTermination": {"Value": False}},
    )
