"""Per region: the security group that lets nothing in, and the gateway to S3 where it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchtui.aws import network_setup
from benchtui.aws.errors import CloudError
from benchtui.aws.session import Cloud
from benchtui.engine.setting_up.parts import TAGS, Finding, State, hand_over, made_by_setup

#: Interfaces of instances that are just ending keep a group in use for so long, s.
FREED_WITHIN = 180
FREED_EVERY = 5
GROUP_SETTING = "[aws] security_group"
CLOSE = "take out its inbound rules"


@dataclass(frozen=True, slots=True)
class GroupPart:
    """The security group of one region: nothing comes in, everything goes out."""

    cloud: Cloud
    name: str  # or its id, which is used as it is
    at: str
    vpc: str
    kind = "security group"

    @property
    def region(self) -> str | None:
        """Where it is."""
        return self.at

    async def look(self) -> Finding:
        """How it stands."""
        found = await self._found()
        if found is None:
            return Finding(State.MAKE, (f"make it in {self.vpc}, with no inbound rule",))
        if not made_by_setup(found.tags):
            open_to = f", and it has {len(found.inbound)} inbound rules" if found.inbound else ""
            why = f"not made by setup{open_to}; the policy launcher allows no launch behind it"
            return Finding(State.KEPT, why=why, fix=hand_over(GROUP_SETTING))
        return Finding(State.CHANGE, (CLOSE,)) if found.inbound else Finding(State.THERE)

    async def _found(self) -> network_setup.FoundGroup | None:
        found = await network_setup.groups(self.cloud, self.at, name=self.name, vpc=self.vpc)
        return found[0] if found else None

    async def make(self) -> None:
        """Make it, or take out what was put in."""
        found = await self._found()
        if found is None:
            about = "benchtui instances: nothing comes in"
            await network_setup.make_group(self.cloud, self.at, self.name, self.vpc, about, TAGS)
        elif found.inbound:
            await network_setup.close_group(self.cloud, self.at, found)


@dataclass(frozen=True, slots=True)
class GatewayPart:
    """A gateway endpoint: the way to S3 for instances without a public address. It costs nothing."""

    cloud: Cloud
    at: str
    vpc: str
    kind = "gateway to S3"

    @property
    def name(self) -> str:
        """The network that it belongs to."""
        return self.vpc

    @property
    def region(self) -> str | None:
        """Where it is."""
        return self.at

    async def look(self) -> Finding:
        """How it stands."""
        there = await network_setup.gateways(self.cloud, self.at, vpc=self.vpc)
        tables = set(await network_setup.route_tables(self.cloud, self.at, self.vpc))
        reached = {table for each in there for table in each.route_tables}
        if tables <= reached and there:
            ours = any(made_by_setup(each.tags) for each in there)
            return Finding(State.THERE) if ours else Finding(State.KEPT, why="not made by setup")
        if not there:
            return Finding(State.MAKE, (f"make it for {len(tables)} route tables",))
        missing = ", ".join(sorted(tables - reached))
        return Finding(
            State.BLOCKED,
            why=f"it is not entered in {missing}",
            fix=f"aws ec2 modify-vpc-endpoint --vpc-endpoint-id {there[0].endpoint_id} --region {self.at} "
            f"--add-route-table-ids {missing.replace(', ', ' ')}",
        )

    async def make(self) -> None:
        """Make it in every route table of the VPC."""
        if await network_setup.gateways(self.cloud, self.at, vpc=self.vpc):
            return
        tables = await network_setup.route_tables(self.cloud, self.at, self.vpc)
        await network_setup.make_gateway(self.cloud, self.at, self.vpc, tables, TAGS)


async def remove_group_when_free(
    cloud: Cloud, region: str, group_id: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Delete a group; one that an ending instance still uses is asked for again for some minutes.

    Raises:
        CloudError: it may still be there.
    """
    for _ in range(FREED_WITHIN // FREED_EVERY):
        try:
            await network_setup.remove_group(cloud, region, group_id)
            return
        except CloudError as error:
            if error.failure.code != network_setup.IN_USE:
                raise
        await sleep(FREED_EVERY)
    await network_setup.remove_group(cloud, region, group_id)
