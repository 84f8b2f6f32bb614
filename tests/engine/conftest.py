"""An engine on a real local cloud, with a clock that does not make tests wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchtui.config.load import Flag, load
from benchtui.core.documents import RunDocument
from benchtui.engine.events import Event
from benchtui.engine.launcher import Launched
from benchtui.engine.planning import Planned
from benchtui.engine.workspace import Folders, Workspace
from tests.aws.requests_known import watched
from tests.local.conftest import FEW_REGIONS, LocalCloud, Start, start_local_cloud

__all__ = ["start_local_cloud"]


class ForwardClock:
    """This machine's time, put forward by every sleep instead of waiting."""

    def __init__(self) -> None:
        self.skew = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skew

    async def sleep(self, seconds: float) -> None:
        self.skew += timedelta(seconds=seconds)
        await asyncio.sleep(0.02)


@dataclass
class Bench:
    """A workspace with what a test looks at."""

    cloud: LocalCloud
    workspace: Workspace
    clock: ForwardClock
    events: list[Event]
    folders: Folders
    planned: Planned | None = None
    run: RunDocument | None = None
    rules: list[int] = field(default_factory=list)

    def fault(self, **rule: Any) -> None:
        self.rules.append(self.cloud.private("POST", "faults", rule)["id"])

    def faults_hit(self) -> int:
        return sum(rule["hits"] for rule in self.cloud.private("GET", "faults"))

    def said(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.fields) for event in self.events if event.type == kind]

    def instances(self, *states: str, region: str = "us-east-1") -> list[dict[str, Any]]:
        """Instances of the run as an independent client sees them."""
        assert self.run is not None
        filters = [{"Name": "tag:benchtui:run", "Values": [self.run.run]}]
        if states:
            filters.append({"Name": "instance-state-name", "Values": list(states)})
        answer = self.cloud.boto3("ec2", region).describe_instances(Filters=filters)
        return [row for group in answer["Reservations"] for row in group["Instances"]]

    async def start(self, seed: int = 1) -> RunDocument:
        self.planned = await self.workspace.plan(seed)
        self.run = await self.workspace.start(self.planned)
        return self.run

    async def launch(self) -> Launched:
        run = self.run or await self.start()
        assert self.planned is not None
        return await self.workspace.launch(run, self.planned)

    async def launch_another(self, seed: int = 1) -> Launched:
        """Another run of the same plan."""
        await self.start(seed)
        return await self.launch()

    def put(self, key: str, body: bytes = b"{}") -> None:
        """Write an object as an instance would."""
        once = {} if "/heartbeats/" in key else {"IfNoneMatch": "*"}  # the bucket's policy wants it
        self.cloud.boto3("s3").put_object(Bucket=self.cloud.bucket, Key=key, Body=body, **once)


@pytest.fixture(autouse=True)
def requests_are_allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every request that a test sends is one that AWS's own description allows."""
    found = watched(monkeypatch)
    yield
    assert found == []


@pytest.fixture(scope="session")
def simulated(start_local_cloud: Start) -> LocalCloud:
    """The API alone, with EC2's types at a price: instances run by a timer and nobody is home."""
    cloud = start_local_cloud(host=False, simulate_ec2_types=True, regions=FEW_REGIONS)
    types = ("c7g.large", "c7i.large", "c7a.large")
    rows = [{"instance_type": name, "region": "us-east-1", "usd_per_hour": "0.08"} for name in types]
    cloud.private("POST", "prices", {"prices": rows})
    return cloud


@pytest.fixture
def settings() -> dict[str, object]:
    """Settings by key; a test changes them by parametrization."""
    return {}


@pytest.fixture
def environment(simulated: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    for name, value in simulated.environment.items():
        monkeypatch.setenv(name, value)
    yield simulated.environment


@pytest.fixture
async def bench(
    simulated: LocalCloud, environment: dict[str, str], settings: dict[str, object], tmp_path: Path
) -> AsyncIterator[Bench]:
    chosen = {
        "plan.types": ["c7g.large", "c7i.large"],
        "plan.replicates": 2,
        "safety.budget_usd": "50",
        "watch.poll_seconds": 1,
    } | settings
    flags = {key: Flag("test", value) for key, value in chosen.items()}
    config = load(None, environment, flags, tmp_path).config
    folders = Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "results")
    events: list[Event] = []
    clock = ForwardClock()
    async with Workspace(config, folders, clock, random.Random(7), events.append) as workspace:
        yield Bench(simulated, workspace, clock, events, folders)
    simulated.private("DELETE", "faults")
