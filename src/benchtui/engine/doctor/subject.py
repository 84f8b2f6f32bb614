"""What `benchtui doctor` looks at: a configuration, an account, this machine; asked once for each fact."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from benchtui.aws.images import Image, resolve_image
from benchtui.aws.network import Network, resolve_network
from benchtui.aws.objects import Bucket
from benchtui.aws.session import Cloud, Identity
from benchtui.aws.subnets import Subnet, subnets_of
from benchtui.config.schema import Config
from benchtui.core.catalogue import Catalogue, InstanceType
from benchtui.core.documents import RunDocument
from benchtui.core.errors import UsageError
from benchtui.core.plan import draw_seed
from benchtui.core.policies import Scope
from benchtui.engine import planning
from benchtui.engine.catalogues import online_catalogues
from benchtui.engine.clock import Clock
from benchtui.engine.planning import Planned
from benchtui.engine.runs import list_runs

T = TypeVar("T")

#: Each question is asked twice at the most: a diagnosis that waits for minutes is none.
TRIES = 2
NEWEST_RUNS = 20
ARCHES = ("arm64", "x86_64")


@dataclass(frozen=True, slots=True)
class Terminal:
    """What this process writes to."""

    is_one: bool  # stdout is a terminal
    columns: int
    lines: int
    encoding: str


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, as far as it matters."""

    state: Path
    cache: Path
    results: Path
    environ: Mapping[str, str]
    terminal: Terminal
    endpoint_meant: bool = False  # another endpoint than AWS's was asked for on the command line


@dataclass(slots=True)
class Subject:
    """Facts that several checks share are asked for once, by whichever check comes first.

    Attributes:
        config: the settings.
        machine: where benchtui runs.
        clock: the time.
        rng: chance of retries and of the plan's order.
    """

    config: Config
    machine: Machine
    clock: Clock
    rng: Random
    cloud: Cloud = field(init=False)
    _facts: dict[object, asyncio.Task[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        aws = self.config.aws
        self.cloud = Cloud(aws.profile, aws.regions, random=self.rng, sleep=self.clock.sleep, tries=TRIES)

    async def close(self) -> None:
        """End what is still asked for, and close the connections."""
        for task in self._facts.values():
            task.cancel()
        await asyncio.gather(*self._facts.values(), return_exceptions=True)
        await self.cloud.close()

    @property
    def regions(self) -> tuple[str, ...]:
        """Every configured region, launched in or not."""
        return tuple(dict.fromkeys((*self.config.aws.regions, *self.launch_regions)))

    @property
    def launch_regions(self) -> tuple[str, ...]:
        """Regions in which instances are launched."""
        return planning.regions_of(self.config)

    @property
    def home(self) -> str:
        """The region of the bucket."""
        return self.config.aws.regions[0]

    @property
    def now(self) -> datetime:
        """The time on this machine, UTC."""
        return self.clock.now()

    async def _once(self, name: object, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` returns or raises, asked by the first who wants to know.

        A check whose time is over does not take the answer away from the others.
        """

        async def asked() -> T:
            return await ask()

        if name not in self._facts:
            self._facts[name] = asyncio.create_task(asked())
        return await asyncio.shield(self._facts[name])

    async def identity(self) -> Identity:
        """Whose credentials they are."""
        return await self._once("identity", self.cloud.identity)

    async def scope(self) -> Scope:
        """The names of this account that policies are rendered with."""
        identity, aws = await self.identity(), self.config.aws
        partition = identity.arn.split(":")[1] if identity.arn.startswith("arn:") else "aws"
        return Scope(
            account=identity.account,
            bucket=await self.bucket_name(),
            partition=partition,
            instance_profile=aws.instance_profile,
            scheduler_role=aws.scheduler_role.rsplit("/", 1)[-1],
            security_group=aws.security_group,
        )

    async def bucket_name(self) -> str:
        """As configured, else by the account."""
        if self.config.aws.bucket:
            return self.config.aws.bucket
        return f"benchtui-{(await self.identity()).account}-{self.home}"

    async def bucket(self) -> Bucket:
        """The bucket."""
        name = await self.bucket_name()

        async def opened() -> Bucket:
            return Bucket(self.cloud, name)

        return await self._once("bucket", opened)

    @property
    def has_plan(self) -> bool:
        """Whether the configuration names any instance type."""
        return bool(self.types)

    @property
    def types(self) -> tuple[str, ...]:
        """Instance types that the plan names."""
        plan = self.config.plan
        return tuple(dict.fromkeys((*plan.types, *(row.type for row in plan.include))))

    async def catalogue(self, region: str) -> Catalogue:
        """Types of the plan in ``region``, with zones, prices and quotas.

        Raises:
            CloudError: no region of the plan answered.
        """
        return (await self._catalogues())[region]

    async def _catalogues(self) -> dict[str, Catalogue]:
        cache = self.machine.cache / "prices.json"

        async def asked() -> dict[str, Catalogue]:
            return await online_catalogues(
                self.cloud, self.config, self.launch_regions, self.types, self.now, cache
            )

        return await self._once("catalogues", asked)

    async def planned(self) -> Planned:
        """The plan as AWS's types and prices make it now.

        Raises:
            UsageError: there is none, or it names what there is not.
        """
        if not self.has_plan:
            raise UsageError("the plan names no instance type", fix="[plan] types, or give CONFIG")
        seed = self.config.plan.seed

        async def made() -> Planned:
            drawn = draw_seed(self.rng) if seed is None else seed
            return planning.assemble(self.config, drawn, await self._catalogues())

        return await self._once("plan", made)

    async def enabled_regions(self) -> tuple[str, ...]:
        """Regions that are enabled in the account."""
        return await self._once("regions", self.cloud.enabled_regions)

    async def image(self, region: str, arch: str) -> Image:
        """The image instances of ``arch`` boot.

        Raises:
            UsageError: the configuration names none.
        """
        name = planning.image_for(self.config, arch, region)
        if name is None:
            raise UsageError(f"no image for {arch} is configured", fix=f"[instance.image] {arch} = …")
        found = name
        return await self._once(
            ("image", region, arch), lambda: resolve_image(self.cloud, region, found, arch)
        )

    async def network(self, region: str) -> Network:
        """Security group and VPC of a region."""
        group, subnet = self.security_group(region), self.subnet(region)
        return await self._once(
            ("network", region), lambda: resolve_network(self.cloud, region, group, subnet)
        )

    async def subnets(self, region: str) -> tuple[Subnet, ...]:
        """Subnets that instances of a region are put in."""
        named = self.subnet(region)
        return await self._once(("subnets", region), lambda: subnets_of(self.cloud, region, named))

    def security_group(self, region: str) -> str:
        """Name or id of the group in ``region``."""
        own = self.config.regions.get(region)
        return (own.security_group if own else "") or self.config.aws.security_group

    def subnet(self, region: str) -> str:
        """Id of the subnet that is configured for ``region``; empty: its default subnets."""
        own = self.config.regions.get(region)
        return (own.subnet if own else "") or (self.config.aws.subnet if region == self.home else "")

    async def runs(self) -> tuple[RunDocument, ...]:
        """The bucket's newest runs whose documents can be read, newest first."""

        async def listed() -> tuple[RunDocument, ...]:
            listings = await list_runs(await self.bucket(), NEWEST_RUNS)
            return tuple(each.document for each in listings if each.document is not None)

        return await self._once("runs", listed)

    async def architectures(self, region: str) -> tuple[str, ...]:
        """Of the plan's types that ``region`` has; without a plan all that an image is configured for."""
        if not self.has_plan:
            return tuple(arch for arch in ARCHES if planning.image_for(self.config, arch, region))
        types = (await self.catalogue(region)).types.values()
        return tuple(sorted({each.arch for each in types if isinstance(each, InstanceType)}))
