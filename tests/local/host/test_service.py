"""The instance host beside the real API: from RunInstances to terminated, through the EC2 API alone."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchtui.local.host.ladder import Ladder
from benchtui.local.state import LocalState, state_path
from tests.local.conftest import LocalCloud

from .worlds import processes_in

TIMEOUT_S = 30.0


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {TIMEOUT_S:.0f} s: {what}")


class Ec2:
    """Instances of one test; what it launched it also ends."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.client = cloud.boto3("ec2")
        self.ids: list[str] = []

    def launch(self, script: str, instance_type: str = "local.1cpu", **extra: Any) -> str:
        reply = self.client.run_instances(
            ImageId=self.cloud.own_image(),
            InstanceType=instance_type,
            MinCount=1,
            MaxCount=1,
            UserData=script,
            **{"InstanceInitiatedShutdownBehavior": "terminate", **extra},
        )
        self.ids.append(reply["Instances"][0]["InstanceId"])
        return self.ids[-1]

    def describe(self, instance_id: str) -> dict[str, Any]:
        reply = self.client.describe_instances(InstanceIds=[instance_id])
        found: dict[str, Any] = reply["Reservations"][0]["Instances"][0]
        return found

    def state(self, instance_id: str) -> str:
        return str(self.describe(instance_id)["State"]["Name"])

    def wait_for(self, instance_id: str, state: str) -> dict[str, Any]:
        until(
            lambda: self.state(instance_id) == state, f"{instance_id} {state}, is {self.state(instance_id)}"
        )
        return self.describe(instance_id)

    def console(self, instance_id: str) -> str:
        text = self.client.get_console_output(InstanceId=instance_id).get("Output", "")
        try:
            return base64.b64decode(text, validate=True).decode("utf-8", "replace")
        except ValueError:
            return str(text)


@pytest.fixture
def ec2(local_cloud: LocalCloud) -> Any:
    def ladder() -> Ladder | None:
        return Ladder.read(local_cloud.state_dir)

    found = until(ladder, "the instance host has probed the ladder")
    if found.chosen is None:
        pytest.skip(str(found.rungs))
    used = Ec2(local_cloud)
    yield used
    if used.ids:
        used.client.terminate_instances(InstanceIds=used.ids)
        for instance_id in used.ids:
            used.wait_for(instance_id, "terminated")


@pytest.mark.long
def test_power_off_of_the_guest_terminates_with_that_reason(ec2: Ec2) -> None:
    instance_id = ec2.launch("#!/bin/sh\necho hello from the guest\npoweroff\n")
    seen = ec2.wait_for(instance_id, "terminated")
    assert seen["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert "hello from the guest" in ec2.console(instance_id)


@pytest.mark.long
def test_terminate_kills_the_world(ec2: Ec2) -> None:
    instance_id = ec2.launch("#!/bin/sh\ntrap '' TERM\necho up\nwhile :; do sleep 1; done\n")
    until(lambda: "up" in ec2.console(instance_id), "console says up")
    ec2.client.terminate_instances(InstanceIds=[instance_id])
    seen = ec2.wait_for(instance_id, "terminated")
    assert seen["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


@pytest.mark.long
def test_a_crashed_guest_stays_running_with_nobody_home(ec2: Ec2) -> None:
    instance_id = ec2.launch("#!/bin/sh\nsleep 0.5\nkill -SEGV 1\n")
    until(lambda: "world crashed" in ec2.console(instance_id), "console tells the crash")
    assert ec2.state(instance_id) == "running"
    # Its CPUs are free again: what waits behind it must not wait for ever.
    assert ec2.wait_for(ec2.launch("#!/bin/sh\npoweroff -f\n", "local.2cpu"), "terminated")


@pytest.mark.long
def test_an_instance_waits_pending_for_its_cpus_in_launch_order(ec2: Ec2) -> None:
    cpus = len(os.sched_getaffinity(0))
    first = ec2.launch("#!/bin/sh\nsleep 600\n", f"local.{cpus}cpu")
    ec2.wait_for(first, "running")
    second = ec2.launch("#!/bin/sh\nnproc\npoweroff -f\n", f"local.{cpus}cpu")
    third = ec2.launch("#!/bin/sh\nnproc\npoweroff -f\n")
    time.sleep(1.0)
    assert [ec2.state(second), ec2.state(third)] == ["pending", "pending"]
    ec2.client.terminate_instances(InstanceIds=[first])
    ec2.wait_for(second, "terminated")
    ec2.wait_for(third, "terminated")
    assert ec2.console(second).split()[0] == str(cpus)
    assert ec2.console(third).split()[0] == "1"
    assert ec2.describe(second)["LaunchTime"] <= ec2.describe(third)["LaunchTime"]


@pytest.mark.long
def test_the_private_token_is_nowhere_in_the_world(ec2: Ec2) -> None:
    token, state_dir = ec2.cloud.token, ec2.cloud.state_dir
    script = f"""#!/bin/sh
ls {state_dir} 2>&1
for d in /proc/*/environ /proc/*/cmdline /run /tmp /root /etc; do
  grep -rl {token[:20]} $d 2>/dev/null | grep -v part-001
done
curl -s -o /dev/null -w 'private route %{{http_code}}\\n' $AWS_ENDPOINT_URL/_benchtui/instances
poweroff -f
"""
    instance_id = ec2.launch(script)
    ec2.wait_for(instance_id, "terminated")
    console = ec2.console(instance_id)
    assert "state.json" not in console
    assert "/environ" not in console
    assert "private route 403" in console


def test_role_credentials_work_from_inside(ec2: Ec2) -> None:
    script = """#!/bin/sh
E=$AWS_EC2_METADATA_SERVICE_ENDPOINT
T=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $E/latest/api/token)
curl -s -H "X-aws-ec2-metadata-token: $T" $E/latest/meta-data/instance-id; echo
curl -s -H "X-aws-ec2-metadata-token: $T" $E/latest/meta-data/iam/security-credentials/benchtui-instance
poweroff -f
"""
    instance_id = ec2.launch(script, IamInstanceProfile={"Name": "benchtui-instance"})
    ec2.wait_for(instance_id, "terminated")
    console = ec2.console(instance_id)
    assert instance_id in console
    assert "ASIA" in console


@pytest.mark.long
@pytest.mark.parametrize("local_cloud", [{"isolate_net": True}], indirect=True)
def test_an_isolated_world_has_the_true_metadata_address_and_the_api_and_nothing_else(ec2: Ec2) -> None:
    script = """#!/bin/sh
E=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
T=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $E/latest/api/token)
curl -s -H "X-aws-ec2-metadata-token: $T" $E/latest/meta-data/instance-id; echo
curl -s -H "X-aws-ec2-metadata-token: $T" $E/latest/meta-data/iam/security-credentials/benchtui-instance; echo
curl -s -o /dev/null -w 'bare %{http_code}\\n' $E/latest/meta-data/instance-id
curl -s -o /dev/null -w 'api %{http_code}\\n' $AWS_ENDPOINT_URL/benchtui-123456789012-us-east-1
curl -s -m 3 -o /dev/null http://192.0.2.1/ || echo no way out
poweroff -f
"""
    instance_id = ec2.launch(script, IamInstanceProfile={"Name": "benchtui-instance"})
    ec2.wait_for(instance_id, "terminated")
    lines = ec2.console(instance_id).splitlines()
    assert instance_id in lines
    assert any("ASIA" in line for line in lines)
    assert "bare 401" in lines
    assert any(line.startswith("api ") and line != "api 000" for line in lines)
    assert "no way out" in lines


@pytest.mark.long
def test_no_world_outlives_a_killed_host_and_the_next_one_does_not_run_user_data_again(ec2: Ec2) -> None:
    script = "#!/bin/sh\necho started once\nreadlink /proc/self/ns/pid\nsleep 600\n"
    instance_id = ec2.launch(script)
    until(lambda: "pid:[" in ec2.console(instance_id), "console shows the namespace")
    namespace = next(line for line in ec2.console(instance_id).split() if line.startswith("pid:["))
    path = state_path(ec2.cloud.state_dir)
    state = LocalState.read(path)
    assert state is not None and state.host_pid is not None
    os.kill(state.host_pid, signal.SIGKILL)

    def new_host() -> bool:
        now = LocalState.read(path)
        return now is not None and now.host_pid not in (None, state.host_pid)

    until(lambda: processes_in(namespace) == [], "world dead")
    until(new_host, "the API has started another host")
    assert ec2.wait_for(ec2.launch("#!/bin/sh\npoweroff -f\n"), "terminated")
    assert ec2.state(instance_id) == "running"
    assert ec2.console(instance_id).count("started once") == 1
    scopes = [scope.name for scope in Path("/sys/fs/cgroup/pids/benchtui").glob("*/")]
    assert not any(f"-{state.host_pid}-" in scope for scope in scopes)
