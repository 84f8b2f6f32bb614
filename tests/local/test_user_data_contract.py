"""The rendered user data, executed by the local cloud's instance host; every key it wrote is parsed."""

from __future__ import annotations

import io
import re
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from benchtui.core import keys
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import ResultDocument, SentinelBody, SystemDocument
from benchtui.core.userdata import JobUserData, render
from benchtui.engine.bundle import build_bundle, load_suites
from benchtui.engine.packaged import packaged_templates, payloads_root
from tests.local.conftest import LocalCloud

REGION, TYPE = "us-east-1", "local.1cpu"
SAMPLE = '{"sample": "speed", "value": 33.5, "seconds": 0.1}'
_runs = iter(range(1, 1000))


def write_suite(folder: Path, script: str, timeout: float = 30) -> Path:
    """A suite whose one run is a Python script."""
    folder.mkdir(parents=True)
    (folder / "bench.py").write_text(script)
    (folder / "payload.toml").write_text(
        f'schema = "benchtui.payload/1"\nname = "{folder.name}"\ntitle = "A test"\nversion = 1\n'
        f"[modes.quick]\nexpected_seconds = 0.1\ntimeout_seconds = {timeout}\n"
        '[[runs]]\nname = "main"\nargv = ["/usr/bin/python3", "bench.py"]\n'
        '[metrics."speed"]\nunit = "GB/s"\nhigher_is_better = true\n'
    )
    return folder


@dataclass
class Launched:
    """An instance of the local cloud that runs rendered user data, and what it wrote."""

    cloud: LocalCloud
    run: str
    job: str = f"{TYPE}-1"
    instance: str = field(default="", init=False)

    @cached_property
    def s3(self) -> Any:
        return self.cloud.boto3("s3")

    @cached_property
    def ec2(self) -> Any:
        return self.cloud.boto3("ec2")

    def start(self, bundle: str, suites: list[str], **stated: Any) -> None:
        image = self.cloud.own_image()
        job: dict[str, Any] = {
            "run": self.run,
            "job": self.job,
            "bucket": self.cloud.bucket,
            "bucket_region": REGION,
            "bundle_sha256": bundle,
            "instance_type": TYPE,
            "image_id": image,
            "suites": tuple(suites),
            "mode": "quick",
            "max_runtime_s": 300,
            "emergency_grace_s": 100,
            **stated,
        }
        answer = self.ec2.run_instances(
            ImageId=image,
            InstanceType=TYPE,
            MinCount=1,
            MaxCount=1,
            UserData=render(JobUserData(**job), packaged_templates()),
            IamInstanceProfile={"Name": "benchtui-instance"},
            InstanceInitiatedShutdownBehavior="terminate",
            MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        )
        self.instance = answer["Instances"][0]["InstanceId"]

    def upload(self, folders: dict[str, Path]) -> str:
        every = load_suites(folders)
        sha256, content = build_bundle({name: every[name] for name in folders})
        self.put(keys.payload_key(sha256), content)
        return sha256

    def put(self, key: str, content: bytes) -> None:
        """Write an object once, as the bucket's policy wants it; one that is there has this content."""
        try:
            self.s3.put_object(Bucket=self.cloud.bucket, Key=key, Body=content, IfNoneMatch="*")
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] != "PreconditionFailed":
                raise

    def described(self) -> dict[str, Any]:
        answer = self.ec2.describe_instances(InstanceIds=[self.instance])
        found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return found

    def wait_until_terminated(self, seconds: float = 90) -> None:
        ends = time.monotonic() + seconds
        while self.described()["State"]["Name"] != "terminated":
            assert time.monotonic() < ends, f"{self.described()['State']}\n{self.console()}"
            time.sleep(0.3)

    def console(self) -> str:
        output = self.ec2.get_console_output(InstanceId=self.instance).get("Output", "")
        return str(output)

    def written(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.cloud.bucket, Prefix=keys.run_prefix(self.run))
        return [item["Key"] for item in listed.get("Contents", [])]

    def body(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.cloud.bucket, Key=key)["Body"].read())

    def sentinels(self) -> list[tuple[keys.Sentinel, SentinelBody]]:
        found = []
        for key in self.written():
            if key.startswith(keys.events_prefix(self.run)):
                found.append((keys.parse_event(key)[1], parse_document(SentinelBody, self.body(key), key)))
        return sorted(found, key=lambda pair: pair[0].seq)

    def states(self) -> list[str]:
        return [f"{s.state}/{s.suite}" if s.suite else str(s.state) for s, _ in self.sentinels()]

    def wait_for(self, state: str, seconds: float = 60) -> None:
        ends = time.monotonic() + seconds
        while state not in self.states():
            assert time.monotonic() < ends, f"no {state} among {self.states()}\n{self.console()}"
            time.sleep(0.2)


def of_a_run(cloud: LocalCloud) -> Launched:
    """Of a run of its own, not yet started."""
    number = next(_runs)
    suffix = "".join("abcdefghijklmnopqrstuvwxyz234567"[number // 32**place % 32] for place in range(4))
    return Launched(cloud, f"20261124-021534-{suffix}")


@pytest.fixture
def launched(local_cloud: LocalCloud) -> Iterator[Launched]:
    job = of_a_run(local_cloud)
    yield job
    if job.instance:
        job.ec2.terminate_instances(InstanceIds=[job.instance])


@pytest.fixture(scope="module")
def ended(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """One that measured and has ended, for tests of what it left."""
    job = of_a_run(local_cloud)
    suite = write_suite(tmp_path_factory.mktemp("suites") / "plain", f"print({SAMPLE!r})\n")
    job.start(job.upload({"plain": suite}), ["plain"])
    job.wait_until_terminated()
    return job


def test_every_key_it_writes_is_in_the_grammar_and_every_body_in_its_schema(ended: Launched) -> None:
    states = ["BOOTED", "PREPARING", "PREPARING/plain", "RUNNING/plain", "COLLECTED/plain", "COMPLETED"]
    assert ended.states() == states, ended.console()
    assert [sentinel.seq for sentinel, _ in ended.sentinels()] == list(range(1, 7))
    kinds = set()
    for key in ended.written():
        if key.startswith(keys.events_prefix(ended.run)):
            continue
        if key.startswith(keys.heartbeats_prefix(ended.run)):
            assert keys.parse_heartbeat(key) == ended.job
            kinds.add("heartbeat")
            continue
        found = keys.parse_job_object(key)
        kinds.add(found.kind)
        if found.kind == "result":
            result = parse_document(ResultDocument, ended.body(key), key)
            assert (result.outcome, result.provider, result.instance_type) == ("measured", "local", TYPE)
            assert result.metrics["speed"].median == 33.5
        elif found.kind == "system":
            system = parse_document(SystemDocument, ended.body(key), key)
            assert system.instance_id == ended.instance
            assert system.usable_cpus == 1
        elif found.kind == "raw":
            with tarfile.open(fileobj=io.BytesIO(ended.body(key))) as tar:
                assert "main.0.stdout" in tar.getnames()
    assert kinds == {"heartbeat", "system", "result", "raw", "log"}


def test_it_ends_by_its_own_power_off(ended: Launched) -> None:
    assert ended.described()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_booted_says_which_mechanisms_are_armed(ended: Launched) -> None:
    booted = ended.sentinels()[0][1]
    assert booted.instance_id == ended.instance
    assert booted.layers["hard-stop"] == booted.layers["agent-guard"] == "armed"
    assert booted.layers["softdog"] == "not armed", "no world may reach a watchdog of the machine"
    assert re.fullmatch(r"armed|not armed \(.+\)", booted.layers["locked"]), "as the world's limits allow"


@pytest.mark.long
def test_a_bundle_of_another_hash_is_not_executed(launched: Launched, tmp_path: Path) -> None:
    bundle = launched.upload({"plain": write_suite(tmp_path / "plain", f"print({SAMPLE!r})\n")})
    other = "0" * 64
    content = launched.body(keys.payload_key(bundle))
    launched.put(keys.payload_key(other), content)
    launched.start(other, ["plain"])
    launched.wait_until_terminated()
    [(sentinel, body)] = launched.sentinels()
    assert (sentinel.seq, str(sentinel.state)) == (1, "FAILED")
    assert "another hash" in (body.reason or "")


@pytest.mark.long
def test_a_suite_that_outlives_max_runtime_is_ended_in_time(launched: Launched, tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "endless", "import time\nwhile True: time.sleep(1)\n", timeout=1000)
    launched.start(launched.upload({"endless": suite}), ["endless"], max_runtime_s=6)
    launched.wait_until_terminated(60)
    assert launched.states()[-1] == "TIMED_OUT", launched.console()
    assert "max_runtime" in (launched.sentinels()[-1][1].outcomes["endless"].reason or "")


def test_a_killed_agent_still_leads_to_power_off(launched: Launched, tmp_path: Path) -> None:
    killer = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nimport time\ntime.sleep(600)\n"
    launched.start(launched.upload({"killer": write_suite(tmp_path / "killer", killer)}), ["killer"])
    launched.wait_until_terminated(60)
    assert launched.described()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


@pytest.mark.slow
def test_a_frozen_agent_is_spoken_for_and_powered_off(launched: Launched, tmp_path: Path) -> None:
    freezer = "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\nimport time\ntime.sleep(600)\n"
    suite = write_suite(tmp_path / "freezer", freezer)
    launched.start(launched.upload({"freezer": suite}), ["freezer"], max_runtime_s=6)
    launched.wait_until_terminated(120)
    assert launched.states()[-1] == "EMERGENCY_STOP", launched.console()
    seqs = [sentinel.seq for sentinel, _ in launched.sentinels()]
    assert seqs == list(range(1, len(seqs) + 1))
    assert launched.described()["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_templates_are_what_the_package_brings() -> None:
    assert {path.name for path in (payloads_root() / "boot").iterdir()} == {
        "boothook.sh.in",
        "script.sh.in",
        "bootstrap.py.in",
        "locked.py.in",
    }
