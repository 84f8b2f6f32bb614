"""Launches under a quota of vCPUs: in waves, in order, whoever else uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from benchtui.core.keys import JobState, Sentinel
from benchtui.core.wave_words import wave_lines
from benchtui.engine.wave_watch import waves_now
from tests.engine.conftest import Bench
from tests.local.conftest import LocalCloud

CODE = "L-1216C47A"
TEN_JOBS = {"plan.types": ["c7g.large", "c7i.large"], "plan.replicates": 5, "plan.regions": ["us-west-2"]}


def quota(cloud: LocalCloud, vcpus: int) -> None:
    cloud.private("POST", "quotas", {"values": {CODE: vcpus}, "region": "us-west-2"})


@pytest.fixture(autouse=True)
def priced(simulated: LocalCloud) -> Iterator[None]:
    """A region of these tests' own, for others count against its quota, too."""
    rows = [
        {"instance_type": name, "region": "us-west-2", "usd_per_hour": "0.08"}
        for name in ("c7g.large", "c7i.large")
    ]
    simulated.private("POST", "prices", {"prices": rows})
    ended(simulated)
    yield
    quota(simulated, 4096)
    ended(simulated)


def ended(cloud: LocalCloud) -> None:
    """Everything in the region ends."""
    ec2 = cloud.boto3("ec2", "us-west-2")
    rows = ec2.describe_instances()["Reservations"]
    ids = [each["InstanceId"] for row in rows for each in row["Instances"] if each["State"]["Code"] < 32]
    if ids:
        ec2.terminate_instances(InstanceIds=ids)


class Instances:
    """Ends each instance a while after it was launched, as its own power-off would."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.most_at_once = 0
        self._done: set[str] = set()
        self._ec2 = bench.cloud.boto3("ec2", "us-west-2")

    async def __aenter__(self) -> Instances:
        self._task = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _go_on(self) -> None:
        while True:
            alive = await asyncio.to_thread(self.bench.instances, "pending", "running", region="us-west-2")
            self.most_at_once = max(self.most_at_once, len(alive))
            if self.bench.said("waiting") or len(self._done) >= 4:
                for row in alive:
                    await asyncio.to_thread(self._end, row)
            await asyncio.sleep(0.1)

    def _end(self, row: dict[str, object]) -> None:
        run = self.bench.run
        assert run is not None
        tags = {tag["Key"]: tag["Value"] for tag in row["Tags"]}  # type: ignore[attr-defined]
        job = tags["benchtui:job"]
        if job not in self._done:
            self._done.add(job)
            for seq, state in enumerate((JobState.BOOTED, JobState.COMPLETED), start=1):
                key = Sentinel(self.bench.clock.now(), job, seq, state).key(run.run)
                self.bench.put(key, b'{"schema":"benchtui.sentinel/1"}')
        self._ec2.terminate_instances(InstanceIds=[row["InstanceId"]])


@pytest.mark.parametrize("settings", [TEN_JOBS])
async def test_twenty_vcpus_under_a_quota_of_eight_are_launched_in_waves(bench: Bench) -> None:
    quota(bench.cloud, 8)
    run = await bench.start()
    assert bench.planned is not None
    assert wave_lines(bench.planned.plan)[:4] == (
        "vCPU quota of us-west-2: 8, 0 in use; 3 waves",
        "  wave 1: 4 jobs 8 vCPU",
        "  wave 2: 4 jobs 8 vCPU",
        "  wave 3: 2 jobs 4 vCPU",
    )
    assert "--desired-value 20 --region us-west-2" in wave_lines(bench.planned.plan)[-1]
    async with Instances(bench) as instances:
        launched = await bench.launch()
        assert len(launched.instances) == 10
        assert not launched.declined
        assert instances.most_at_once <= 4
        ended(bench.cloud)
        await asyncio.sleep(0.4)
    assert [(each["wave"], each["of"], each["jobs"]) for each in bench.said("wave")] == [
        (1, 3, 4), (2, 3, 4), (3, 3, 2)
    ]  # fmt: skip
    assert bench.said("waiting")
    assert bench.said("retry") == [], "the launcher knows that there is no room before EC2 says so"
    order = [each["job"] for each in bench.said("launching")]
    assert order == [job.job for job in run.jobs]
    watcher = await bench.workspace.watcher(run)
    snapshot = await watcher.poll()
    assert str(waves_now(snapshot)[0]).startswith("us-west-2: wave 3 of 3")
    census = (await bench.workspace.collect(watcher, snapshot)).census
    assert (census.planned, len(census.rows)) == (10, 10)
    assert {row.job for row in census.rows} == {job.job for job in run.jobs}


@pytest.mark.long
@pytest.mark.parametrize("settings", [TEN_JOBS | {"plan.replicates": 2}])
async def test_a_quota_that_became_smaller_since_the_plan_is_waited_for(bench: Bench) -> None:
    quota(bench.cloud, 8)
    await bench.start()
    quota(bench.cloud, 4)
    async with Instances(bench) as instances:
        launched = await bench.launch()
        assert len(launched.instances) == 4
        assert instances.most_at_once <= 2
    assert bench.said("retry"), "EC2 refused, and the job waited"
    assert {each["reason"].split(":")[1].strip() for each in bench.said("retry")} == {"VcpuLimitExceeded"}


@pytest.mark.long
@pytest.mark.parametrize("settings", [TEN_JOBS | {"plan.replicates": 1, "safety.launch_tries": 2}])
async def test_what_others_use_up_is_tried_as_often_as_configured(bench: Bench) -> None:
    await bench.start()
    quota(bench.cloud, 0)
    launched = await bench.launch()
    assert sorted(launched.declined) == ["c7g.large-1", "c7i.large-1"]
    assert all(reason.startswith("quota: VcpuLimitExceeded") for reason in launched.declined.values())


@pytest.mark.long
@pytest.mark.parametrize("settings", [TEN_JOBS | {"plan.replicates": 1}])
async def test_an_unknown_quota_is_said_and_stops_nothing(bench: Bench) -> None:
    bench.fault(service="servicequotas", status=403, code="AccessDeniedException")
    await bench.start()
    assert bench.planned is not None
    (said,) = wave_lines(bench.planned.plan)
    assert said.startswith("vCPU quota not known, launched by EC2's answers alone: us-west-2: denied: ")
    assert len((await bench.launch()).instances) == 2
