"""A kill while all that can go wrong does: what it ends, what it claims, and the second try."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.cli.conftest import Cli, last_line

RUN = "20261124-120000-fire"
HOME, SILENT, SLOW = "us-east-1", "eu-west-1", "us-west-2"
COUNTS = {HOME: 16, SILENT: 12, SLOW: 12}


def launch(cli: Cli, region: str, count: int, zone: str, **options: Any) -> list[str]:
    """Instances of the run that no launcher knows of."""
    assert cli.cloud is not None
    tags = [
        {"Key": "LaunchedBy", "Value": "AsyncBenchmarkLauncher"},
        {"Key": "benchtui:run", "Value": RUN},
        {"Key": "benchtui:job", "Value": "c7i.large-1"},
    ]
    answer = cli.cloud.boto3("ec2", region).run_instances(
        ImageId=cli.cloud.image(region),
        InstanceType="c7i.large",
        MinCount=count,
        MaxCount=count,
        Placement={"AvailabilityZone": f"{region}{zone}"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        **options,
    )
    return [row["InstanceId"] for row in answer["Instances"]]


def alive(cli: Cli, region: str) -> list[str]:
    assert cli.cloud is not None
    filters = [
        {"Name": "tag:benchtui:run", "Values": [RUN]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    answer = cli.cloud.boto3("ec2", region).describe_instances(Filters=filters)
    return sorted(row["InstanceId"] for group in answer["Reservations"] for row in group["Instances"])


def wait_until(condition: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.mark.slow
def test_forty_instances_three_regions_and_everything_that_can_go_wrong(local_cli: Cli) -> None:
    cloud = local_cli.cloud
    assert cloud is not None
    ids = {
        region: [name for zone in "ab" for name in launch(local_cli, region, count // 2, zone)]
        for region, count in COUNTS.items()
    }
    assert sum(map(len, ids.values())) == 40
    protected, bad = ids[HOME][3], ids[HOME][12]
    cloud.boto3("ec2", HOME).modify_instance_attribute(
        InstanceId=protected, DisableApiTermination={"Value": True}
    )
    forbidden = cloud.private("POST", "faults", {"service": "ec2", "region": SILENT, "status": 403})
    throttle = {"service": "ec2", "region": SLOW, "status": 503, "probability": 0.5, "seed": 7}
    throttled = cloud.private("POST", "faults", throttle)
    # EC2 knows nothing of an instance it has just shown, wherever in the request it stands, for a while.
    unknown = {
        "service": "ec2",
        "region": HOME,
        "action": "TerminateInstances",
        "status": 400,
        "code": "InvalidInstanceID.NotFound",
        "message": f"The instance ID '{bad}' does not exist",
        "times": 1,
    }
    for place in range(1, 17):
        cloud.private("POST", "faults", unknown | {"match": {f"InstanceId.{place}": bad}})

    with local_cli.start("kill", RUN, "--local", "--json", "--confirm", RUN) as process:
        wait_until(lambda: alive(local_cli, HOME) == [bad])
        (late,) = launch(local_cli, HOME, 1, "c")
        out, err = process.communicate(timeout=120)

    assert process.returncode == 6, err
    report = last_line(out)
    assert report["exit_code"] == 6
    assert report["proven"] is False
    by_region = {row["region"]: row for row in report["regions"]}
    assert [name for name, row in by_region.items() if not row["proven"]] == [SILENT]
    assert by_region.keys() > COUNTS.keys(), "regions without an instance are proven, too"
    assert by_region[SILENT]["error"].startswith("UnauthorizedOperation")
    assert by_region[SILENT]["asked"] == []
    assert by_region[HOME]["gone"] == sorted([*ids[HOME], late])
    assert by_region[SLOW]["gone"] == sorted(ids[SLOW])
    assert all(row["sweeps"] == 2 for name, row in by_region.items() if name != SILENT)
    assert f"{SILENT}: UnauthorizedOperation" in err
    assert "may still be running" in err
    assert f"termination protection of {protected} lifted" in err
    rules = {rule["id"]: rule for rule in cloud.private("GET", "faults")}
    assert rules[throttled["id"]]["hits"] > 0
    assert any(rule["hits"] for rule in rules.values() if rule["code"] == "InvalidInstanceID.NotFound")
    told = [json.loads(line) for line in out.splitlines()]
    course = [line for line in told if line["type"] == "region" and line["region"] == HOME]
    assert any(bad in line["alive"] and bad in str(line["error"]) for line in course), "told, not dropped"
    assert [line["sweeps"] for line in course][-2:] == [1, 2]
    cloud.private("DELETE", f"faults/{forbidden['id']}")
    cloud.private("DELETE", f"faults/{throttled['id']}")
    assert alive(local_cli, HOME) == alive(local_cli, SLOW) == []
    assert alive(local_cli, SILENT) == sorted(ids[SILENT]), "it could not be reached"

    again = local_cli("kill", RUN, "--local", "--json", "--confirm", RUN)
    report = last_line(again.stdout)
    assert (again.returncode, report["proven"]) == (0, True), again.stderr
    assert alive(local_cli, SILENT) == []
