"""A kill ends what is meant and nothing else, and claims nothing it has not seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from benchtui.aws import instances as aws_instances
from benchtui.core import keys
from benchtui.core.errors import ExitCode
from benchtui.core.keys import KeyNotOurs
from benchtui.engine import kill_region
from benchtui.engine.kill_region import KillLimits
from benchtui.engine.kill_scope import KillProgress, KillReport, KillScope, RegionProof, ScopeKind
from tests.engine.conftest import Bench
from tests.local.conftest import FEW_REGIONS

#: The clock of these tests is put forward by the waiting of every region.
SHORT = KillLimits(deadline=timedelta(minutes=8))
FOREIGN = "20200101-000000-aaaa"


def launch_by_hand(bench: Bench, region: str = "us-east-1", **tags: str) -> str:
    """An instance that no launcher knows of."""
    ec2 = bench.cloud.boto3("ec2", region)
    given = [{"Key": key.replace("__", ":"), "Value": value} for key, value in tags.items()]
    specifications = [{"ResourceType": "instance", "Tags": given}] if given else []
    answer = ec2.run_instances(
        ImageId=bench.cloud.image(region),
        InstanceType="c7i.large",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=specifications,
    )
    return str(answer["Instances"][0]["InstanceId"])


def state_of(bench: Bench, instance_id: str, region: str = "us-east-1") -> str:
    answer = bench.cloud.boto3("ec2", region).describe_instances(InstanceIds=[instance_id])
    return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])


def living(bench: Bench) -> list[str]:
    """Jobs of the run with a live instance."""
    rows = bench.instances("pending", "running")
    return sorted(tag["Value"] for row in rows for tag in row["Tags"] if tag["Key"] == "benchtui:job")


def is_marked(bench: Bench, run: str) -> bool:
    found = bench.cloud.boto3("s3").list_objects_v2(Bucket=bench.cloud.bucket, Prefix=keys.kill_key(run))
    return bool(found["KeyCount"])


def end(bench: Bench, instance_id: str) -> None:
    bench.cloud.boto3("ec2").terminate_instances(InstanceIds=[instance_id])


async def killed(bench: Bench, scope: KillScope, **options: Any) -> tuple[KillReport, list[KillProgress]]:
    told: list[KillProgress] = []
    report = await bench.workspace.kill(scope, progress=told.append, **options)
    return report, told


async def test_a_run_is_ended_in_every_region_and_proven(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    elsewhere = launch_by_hand(bench, "eu-west-1", benchtui__run=run.run, benchtui__job="c7i.large-9")
    stranger = launch_by_hand(bench)
    report, _ = await killed(bench, KillScope.of_run(run.run))
    assert report.proven
    assert report.exit_code is ExitCode.OK
    assert report.notes == ()
    assert living(bench) == []
    assert state_of(bench, elsewhere, "eu-west-1") in ("shutting-down", "terminated")
    assert state_of(bench, stranger) in ("pending", "running"), "it carries no tag of ours"
    assert is_marked(bench, run.run), "launchers and agents are told"
    assert {proof.region for proof in report.regions} == set(FEW_REGIONS)
    assert all(proof.sweeps == 2 for proof in report.regions)
    end(bench, stranger)


async def test_the_two_sweeps_of_a_region_are_fifteen_seconds_apart(bench: Bench) -> None:
    await bench.launch()
    assert bench.run is not None
    await killed(bench, KillScope.of_run(bench.run.run))
    first, second = [e.at for e in bench.events if e.type == "sweep" and e.fields["region"] == "us-east-1"]
    assert second - first >= timedelta(seconds=15)


async def test_a_selection_leaves_the_others_and_the_run_alone(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    report, _ = await killed(bench, KillScope.of_jobs(run.run, ["c7g.large-2", "c7i.large-1"]))
    assert report.proven
    assert living(bench) == ["c7g.large-1", "c7i.large-2"]
    asked = {name for proof in report.regions for name in proof.asked}
    assert len(asked) == 2
    assert not is_marked(bench, run.run), "control/kill would stop the whole run"


async def test_all_ends_every_own_instance_and_tells_every_run_of_this_bucket(bench: Bench) -> None:
    first = await bench.start()
    await bench.launch()
    second = await bench.start(seed=2)
    await bench.launch()
    ours = launch_by_hand(bench, LaunchedBy="AsyncBenchmarkLauncher", benchtui__run=FOREIGN)
    nameless = launch_by_hand(bench, LaunchedBy="AsyncBenchmarkLauncher", benchtui__run="no run [/x]")
    stranger = launch_by_hand(bench, LaunchedBy="somebody else", Name="benchtui")
    report, _ = await killed(bench, KillScope.of_account())
    assert report.proven
    for run in (first, second):
        bench.run = run
        assert living(bench) == []
        assert is_marked(bench, run.run)
    assert state_of(bench, ours) in ("shutting-down", "terminated")
    assert state_of(bench, nameless) in ("shutting-down", "terminated")
    assert state_of(bench, stranger) in ("pending", "running")
    assert not is_marked(bench, FOREIGN), "a run of another bucket does not appear in this one"
    assert any(FOREIGN in note and "does not hold this run" in note for note in report.notes)
    assert any("is not a run's id" in note for note in report.notes)
    end(bench, stranger)


async def test_the_protection_of_an_own_instance_is_lifted(bench: Bench) -> None:
    run = await bench.start()
    launched = await bench.launch()
    protected = launched.instances["c7g.large-1"].instance_id
    bench.cloud.boto3("ec2").modify_instance_attribute(
        InstanceId=protected, DisableApiTermination={"Value": True}
    )
    report, _ = await killed(bench, KillScope.of_run(run.run))
    assert report.proven
    assert living(bench) == []
    assert any(protected in note["text"] and "lifted" in note["text"] for note in bench.said("note"))


async def test_a_region_that_may_not_be_listed_is_unknown_and_never_clear(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    bench.fault(service="ec2", action="DescribeInstances", region="eu-west-1", status=403)
    report, told = await killed(bench, KillScope.of_run(run.run))
    assert report.exit_code is ExitCode.MAY_STILL_RUN
    unproven = [proof for proof in report.regions if not proof.proven]
    assert [proof.region for proof in unproven] == ["eu-west-1"]
    assert unproven[0].error
    assert unproven[0].given_up
    assert living(bench) == [], "the others are ended all the same"
    assert told[-1].done
    assert not told[-1].proven


@pytest.mark.long
async def test_regions_that_cannot_be_enumerated_leave_it_unproven(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    bench.fault(service="ec2", action="DescribeRegions", status=403)
    report, _ = await killed(bench, KillScope.of_run(run.run))
    assert living(bench) == [], "the region of the configuration is cleared in any case"
    unproven = [proof for proof in report.regions if not proof.proven]
    assert len(report.regions) - len(unproven) == len(FEW_REGIONS)
    assert len(unproven) > 10, "every region the SDK knows was asked"
    assert all("AuthFailure" in str(proof.error) for proof in unproven), "those that are not enabled"
    assert not report.proven
    assert "enabled regions could not be listed" in str(report.regions_error)


@pytest.mark.slow
async def test_an_end_that_is_refused_is_told_with_its_reason(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    bench.fault(service="ec2", action="TerminateInstances", status=403, code="UnauthorizedOperation")
    report, _ = await killed(bench, KillScope.of_run(run.run), limits=SHORT)
    proof = next(proof for proof in report.regions if proof.region == "us-east-1")
    assert len(proof.alive) == 4
    assert "UnauthorizedOperation" in str(proof.error)
    assert "and 3 more" in str(proof.error)
    assert report.exit_code is ExitCode.MAY_STILL_RUN
    asked = bench.cloud.private("GET", "faults")[0]["hits"]
    assert asked <= 7 * 48, "asked again every ten seconds, not with every listing"


async def test_a_bucket_that_is_away_delays_nothing(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    bench.fault(service="s3", action="PutObject", status=503)
    report, _ = await killed(bench, KillScope.of_run(run.run))
    assert report.proven
    assert any("control/kill" in note and "was not written" in note for note in report.notes)


async def test_what_is_left_over_is_named_and_has_no_part_in_the_proof(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    tags = [{"Key": "benchtui:run", "Value": run.run}]
    volume = bench.cloud.boto3("ec2").create_volume(
        AvailabilityZone="us-east-1a",
        Size=1,
        TagSpecifications=[{"ResourceType": "volume", "Tags": tags}],
    )["VolumeId"]
    report, _ = await killed(bench, KillScope.of_run(run.run))
    assert report.proven
    assert f"left over in us-east-1: volume {volume}" in report.notes
    bench.cloud.boto3("ec2").delete_volume(VolumeId=volume)


@pytest.mark.long
async def test_a_defect_in_one_region_does_not_end_the_kill_in_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await bench.start()
    await bench.launch()
    real = aws_instances.describe_run

    async def defective(cloud: Any, region: str, name: str) -> Any:
        if region == "eu-west-1":
            raise KeyError("State")
        return await real(cloud, region, name)

    monkeypatch.setattr(kill_region, "describe_run", defective)
    report, _ = await killed(bench, KillScope.of_run(run.run), limits=SHORT)
    assert living(bench) == []
    assert [proof.region for proof in report.regions if not proof.proven] == ["eu-west-1"]
    assert "KeyError" in str(next(p.error for p in report.regions if p.region == "eu-west-1"))


async def test_each_change_is_told_and_the_last_word_is_done(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    report, told = await killed(bench, KillScope.of_run(run.run))
    assert told[0].report.listing
    assert not any(progress.proven for progress in told[:-1])
    assert told[-1] == KillProgress(report.scope, report, told[0].started_at, done=True)
    home = [next((p for p in t.report.regions if p.region == "us-east-1"), None) for t in told]
    seen = [proof for proof in home if proof is not None]
    counts = [(len(p.asked), len(p.shutting_down) + len(p.terminated), p.sweeps) for p in seen]
    assert counts == sorted(counts), "asked, then gone, then swept; nothing goes back"
    assert counts[-1] == (4, 4, 2)


async def test_a_listener_that_breaks_does_not_stop_a_kill(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()

    def broken(_: KillProgress) -> None:
        raise RuntimeError("the screen is gone")

    report = await bench.workspace.kill(KillScope.of_run(run.run), progress=broken)
    assert report.proven
    assert living(bench) == []


async def test_a_survey_says_what_a_kill_would_do_and_does_nothing(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    stranger = launch_by_hand(bench)
    found = await bench.workspace.survey(KillScope.of_run(run.run))
    assert found.complete
    assert found.account == "123456789012"
    assert found.token == run.run[-4:]
    assert found.count == 4
    home = next(region for region in found.regions if region.region == "us-east-1")
    assert home.types == (("c7g.large", 2), ("c7i.large", 2))
    assert home.spared is not None
    assert home.spared >= 1
    volume = Decimal("0.08") * run.volume_gib / 720
    each = Decimal("0.08") + Decimal("0.005") + volume
    assert found.usd_per_hour is not None
    assert abs(found.usd_per_hour - 4 * each) < Decimal("0.00001")
    assert living(bench) == ["c7g.large-1", "c7g.large-2", "c7i.large-1", "c7i.large-2"]
    selection = await bench.workspace.survey(KillScope.of_jobs(run.run, ["c7i.large-2"]))
    assert selection.count == 1
    assert selection.spared >= found.spared + 3
    end(bench, stranger)


async def test_a_survey_knows_what_it_does_not_know(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    bench.fault(service="ec2", action="DescribeInstances", region="eu-west-1", status=403)
    bench.fault(service="s3", action="GetObject", status=403)
    found = await bench.workspace.survey(KillScope.of_run(run.run))
    assert [region.region for region in found.unknown] == ["eu-west-1"]
    assert not found.complete
    assert found.count == 4
    assert found.usd_per_hour is None, "without run.json no price is known, and none is guessed"
    assert found.unpriced == 4


async def test_a_sweep_finds_own_instances_oldest_first_and_names_silent_regions(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    expired = launch_by_hand(
        bench,
        "eu-west-1",
        LaunchedBy="AsyncBenchmarkLauncher",
        benchtui__run=FOREIGN,
        benchtui__job="c7i.large-1",
        benchtui__expires="2020-01-01T00:00:00Z",
    )
    stranger = launch_by_hand(bench)
    bench.fault(service="ec2", action="DescribeInstances", region="eu-north-1", status=403)
    found = await bench.workspace.sweep()
    assert [region for region, _ in found.unanswered] == ["eu-north-1"]
    assert not found.known
    assert len(found.of(run.run)) == 4
    assert stranger not in {view.instance_id for view in found.instances}
    times = [view.launched_at for view in found.instances]
    assert times == sorted(times)
    assert [view.instance_id for view in found.expired(bench.clock.now())] == [expired]
    orphans = {view.instance_id: reason for view, reason in found.orphans(bench.clock.now(), {run.run})}
    assert orphans[expired] == "expired 2020-01-01 00:00Z"
    assert not orphans.keys() & {view.instance_id for view in found.of(run.run)}
    bench.cloud.boto3("ec2", "eu-west-1").terminate_instances(InstanceIds=[expired])
    end(bench, stranger)


def test_a_scope_is_a_run_some_of_its_jobs_or_everything() -> None:
    run = "20261124-135100-k3f7"
    assert KillScope.of_run(run).kind is ScopeKind.RUN
    assert KillScope.of_jobs(run, ["c7g.large-1"]).kind is ScopeKind.SELECTION
    assert KillScope.of_account().kind is ScopeKind.ALL
    with pytest.raises(ValueError, match="without a job"):
        KillScope.of_jobs(run, [])
    with pytest.raises(ValueError, match="jobs of no run"):
        KillScope(None, frozenset({"c7g.large-1"}))
    with pytest.raises(KeyNotOurs):
        KillScope("all")
    with pytest.raises(KeyNotOurs):
        KillScope.of_jobs(run, ["; rm -rf /"])


def test_the_token_is_the_end_of_what_is_confirmed() -> None:
    run = "20261124-135100-k3f7"
    assert KillScope.of_run(run).token(None) == "k3f7"
    assert KillScope.of_jobs(run, ["c7g.large-1"]).token(None) == "k3f7"
    assert KillScope.of_account().token("123456789012") == "9012"
    assert KillScope.of_account().token(None) is None, "nobody confirms an account nobody knows"


def test_a_scope_names_its_headless_command() -> None:
    run = "20261124-135100-k3f7"
    assert KillScope.of_account().command == "benchtui kill --all"
    assert KillScope.of_run(run).command == f"benchtui kill {run}"
    jobs = KillScope.of_jobs(run, ["c7i.large-2", "c7g.large-1"])
    assert jobs.command == f"benchtui kill {run} --job c7g.large-1 --job c7i.large-2"


def test_only_what_is_no_selection_stops_launchers() -> None:
    run, other = "20261124-135100-k3f7", "20261124-135100-aaaa"
    assert KillScope.of_run(run).stops(run)
    assert not KillScope.of_run(run).stops(other)
    assert KillScope.of_account().stops(other)
    assert not KillScope.of_jobs(run, ["c7g.large-1"]).stops(run)


def test_a_report_without_the_list_of_regions_is_not_proven() -> None:
    scope = KillScope.of_account()
    clear = RegionProof("us-east-1", sweeps=2)
    assert KillReport(scope, (clear,)).proven
    assert not KillReport(scope, (clear,), listing=True).proven
    assert not KillReport(scope, (clear,), regions_error="denied").proven
    now = datetime.fromisoformat("2026-11-24T14:00:00Z")
    assert not KillProgress(scope, KillReport(scope, (clear,)), now).proven
    assert KillProgress(scope, KillReport(scope, (clear,)), now, done=True).proven
