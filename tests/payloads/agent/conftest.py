"""The agent's modules, instance metadata, and the agent as a process against the local cloud's S3."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchtui.core import keys, seals
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import ResultDocument, SentinelBody, SystemDocument
from benchtui.core.policies import Scope, instance_role
from benchtui.engine.bundle import build_bundle, load_suites
from benchtui.engine.packaged import payloads_root

# The bundle carries the launcher's keys.py and seals.py beside the agent: here they are the same files.
sys.modules.setdefault("keys", keys)
sys.modules.setdefault("seals", seals)
sys.path.insert(0, str(payloads_root() / "agent"))

from tests.local.conftest import LocalCloud, local_api, start_local_cloud  # noqa: E402

__all__ = ["local_api", "start_local_cloud"]

RUN, JOB = "20261124-021533-k3f7", "local.2cpu-1"

#: Starts the agent in a way that cannot power off the machine the test runs on.
DRIVER = """
import sys
agent, off = sys.argv[1:]
sys.path.insert(0, agent)
import power
power.off = lambda: open(off, "w").write("off")
power.start_guard = lambda seconds: None
import main
main.main()
"""


def python_of_the_agent() -> str:
    """Python 3.9 if the machine has one: the oldest the agent has to run on."""
    candidates = [shutil.which("python3.9"), *map(str, Path.home().glob(".pyenv/versions/3.9*/bin/python"))]
    for found in filter(None, candidates):
        if subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
            return found
    return sys.executable


class Metadata(BaseHTTPRequestHandler):
    """IMDSv2 under a path of the instance's own; no token, no answer."""

    items: ClassVar[dict[str, str]] = {}
    refuse_until: ClassVar[dict[str, int]] = {}
    asked: ClassVar[list[str]] = []

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self, status: int, text: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self) -> None:
        if self.path != "/i-1/latest/api/token" or not self.headers["X-aws-ec2-metadata-token-ttl-seconds"]:
            return self._answer(400)
        return self._answer(200, "the-token")

    def do_GET(self) -> None:
        path = self.path.removeprefix("/i-1/latest/")
        self.asked.append(path)
        if self.headers["X-aws-ec2-metadata-token"] != "the-token":
            return self._answer(401)
        if self.refuse_until.get(path, 0) > 0:
            self.refuse_until[path] -= 1
            return self._answer(500)
        if path not in self.items:
            return self._answer(404)
        return self._answer(200, self.items[path])


MADE_UP = {
    "AccessKeyId": "ASIAEXAMPLEEXAMPLE12",
    "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "Token": "session/token+with=signs",
}


def credentials_text(seconds: float = 3600, keys: Mapping[str, str] = MADE_UP) -> str:
    """A role's credentials as IMDS serves them, expiring in ``seconds``."""
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    return json.dumps({"Code": "Success", **keys, "Expiration": f"{expires:%Y-%m-%dT%H:%M:%SZ}"})


def keys_of_a_role(cloud: LocalCloud, name: str, policy: str) -> dict[str, str]:
    """Of a new role with this policy, which the tests may take on; the local cloud knows no made-up keys."""
    principal = {"AWS": "arn:aws:iam::123456789012:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = cloud.boto3("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="tests", PolicyDocument=policy)
    given = cloud.boto3("sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
    return {
        "AccessKeyId": given["AccessKeyId"],
        "SecretAccessKey": given["SecretAccessKey"],
        "Token": given["SessionToken"],
    }


@pytest.fixture(scope="session")
def role_keys(local_api: LocalCloud) -> dict[str, str]:
    """Of a role with the policy of instances."""
    policy = instance_role(Scope("123456789012", local_api.bucket)).compact_text()
    return keys_of_a_role(local_api, "instance-of-the-tests", policy)


@pytest.fixture(scope="session")
def bucket_keys(local_api: LocalCloud) -> dict[str, str]:
    """Of a role that may do anything to objects, also where no instance may."""
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return keys_of_a_role(local_api, "objects-of-the-tests", policy)


@pytest.fixture
def metadata() -> Iterator[type[Metadata]]:
    """A metadata service of this test's own; ``metadata.endpoint`` is its address."""
    identity = {
        "instanceId": "i-0abc",
        "instanceType": "local.2cpu",
        "region": "us-east-1",
        "availabilityZone": "us-east-1a",
        "imageId": "ami-1",
        "provider": "local",
    }
    served = {
        "dynamic/instance-identity/document": json.dumps(identity),
        "meta-data/iam/security-credentials/": "benchtui-instance",
        "meta-data/iam/security-credentials/benchtui-instance": credentials_text(),
    }
    own: Any = type("OwnMetadata", (Metadata,), {"items": served, "refuse_until": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own.endpoint = f"http://127.0.0.1:{server.server_port}/i-1"
    yield own
    server.shutdown()
    server.server_close()


def write_suite(
    folder: Path,
    script: str,
    *,
    timeout: float = 30,
    metrics: str = '[metrics."speed"]\nunit = "GB/s"\nhigher_is_better = true\nmin = 1\nmax = 100\n',
    extra: str = "",
) -> Path:
    """A suite whose one run is a Python script."""
    folder.mkdir(parents=True)
    (folder / "bench.py").write_text(script)
    (folder / "payload.toml").write_text(
        f'schema = "benchtui.payload/1"\nname = "{folder.name}"\ntitle = "A test"\nversion = 1\n'
        f"[modes.quick]\nexpected_seconds = 0.1\ntimeout_seconds = {timeout}\n"
        f'[[runs]]\nname = "main"\nargv = ["{sys.executable}", "bench.py"]\n{metrics}{extra}'
    )
    return folder


def said(text: str) -> str:
    """A script that prints ``text`` and ends."""
    return f"print({text!r})\n"


SAMPLE = '{"sample": "speed", "value": 33.5, "seconds": 0.1}'


@dataclass
class Instance:
    """The agent as a process, in folders of its own, and what it left in the bucket."""

    cloud: LocalCloud
    metadata: type[Metadata]
    base: Path
    run: str
    bucket: str = field(init=False)

    def __post_init__(self) -> None:
        self.bucket = self.cloud.bucket
        for name in ("work", "run/armed"):
            (self.base / name).mkdir(parents=True, exist_ok=True)

    @cached_property
    def s3(self) -> Any:
        return self.cloud.boto3("s3")

    def install(self, folders: dict[str, Path], **job: Any) -> None:
        """Unpack a bundle of these suites and write job.json, as user data does."""
        every = load_suites(folders)
        _, content = build_bundle({name: every[name] for name in folders})
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            tar.extractall(self.base / "work")
        stated = {
            "run": self.run,
            "job": JOB,
            "bucket": self.bucket,
            "region": "us-east-1",
            "type": "local.2cpu",
            "image": "ami-1",
            "mode": "quick",
            "suites": list(folders),
            "max_s": 300,
            "beat_s": 30,
            **job,
        }
        (self.base / "work" / "job.json").write_text(json.dumps(stated))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.cloud.endpoint,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.metadata.endpoint,  # type: ignore[attr-defined]
            "BENCHTUI_WORK": str(self.base / "work"),
            "BENCHTUI_RUN": str(self.base / "run"),
            "BENCHTUI_CALM_S": "-1",  # other tests run beside this one: there is no calm to wait for
        }

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start the agent."""
        argv = [python_of_the_agent(), "-c", DRIVER, str(self.base / "work/agent"), str(self.base / "off")]
        return subprocess.Popen(
            argv, env={**self.environment, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def finish(self, agent: subprocess.Popen[bytes], timeout: float = 60) -> str:
        """Wait for its end; what it logged."""
        try:
            return agent.communicate(timeout=timeout)[1].decode()
        finally:
            agent.kill()

    @property
    def powered_off(self) -> bool:
        return (self.base / "off").exists()

    def written(self) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=keys.run_prefix(self.run))
        return [item["Key"] for item in listed.get("Contents", [])]

    def body(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def sentinels(self) -> list[tuple[keys.Sentinel, SentinelBody]]:
        """All of the job's sentinels by number, with their bodies."""
        found = []
        for key in self.written():
            if key.startswith(keys.events_prefix(self.run)):
                body = parse_document(SentinelBody, self.body(key), key)
                found.append((keys.parse_event(key)[1], body))
        return sorted(found, key=lambda pair: pair[0].seq)

    def states(self) -> list[str]:
        """``STATE`` or ``STATE/suite`` of all sentinels, by number."""
        return [f"{s.state}/{s.suite}" if s.suite else str(s.state) for s, _ in self.sentinels()]

    def result(self, suite: str) -> ResultDocument:
        key = keys.result_key(self.run, JOB, suite)
        return parse_document(ResultDocument, self.body(key), key)

    def system(self) -> SystemDocument:
        key = keys.system_key(self.run, JOB)
        return parse_document(SystemDocument, self.body(key), key)

    def wait_for(self, state: str, seconds: float = 20) -> None:
        """Wait until a sentinel of this state is in the bucket."""
        self.wait_until(lambda: state in self.states(), seconds, lambda: f"no {state} among {self.states()}")

    def wait_until(
        self, condition: Callable[[], bool], seconds: float = 20, why: Callable[[], str] = lambda: "not so"
    ) -> None:
        """Wait until ``condition`` holds."""
        ends = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < ends, why()
            time.sleep(0.1)


_runs = iter(range(1, 1000))


@pytest.fixture
def instance(
    local_api: LocalCloud, metadata: type[Metadata], role_keys: dict[str, str], tmp_path: Path
) -> Iterator[Instance]:
    """An instance of a run of its own."""
    served = "meta-data/iam/security-credentials/benchtui-instance"
    metadata.items[served] = credentials_text(keys=role_keys)
    number = next(_runs)
    suffix = "".join("abcdefghijklmnopqrstuvwxyz234567"[number // 32**place % 32] for place in range(4))
    yield Instance(local_api, metadata, tmp_path / "instance", f"20261124-021533-{suffix}")


MakeSuite = Callable[..., Path]
