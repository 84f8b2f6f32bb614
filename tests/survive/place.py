"""A home, a project and a local cloud whose instances do nothing until their part is played."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchtui.core import keys
from benchtui.core.document_fields import parse_document, to_json
from benchtui.core.documents import ResultDocument, RunDocument, SystemDocument
from benchtui.core.keys import JobState, Sentinel
from benchtui.local import daemon
from benchtui.local.errors import LocalCloudError
from benchtui.local.options import LocalOptions
from benchtui.local.state import LocalState
from tests.cli.conftest import Cli
from tests.local.conftest import FEW_REGIONS, LocalCloud

TYPES, REPLICATES = ("c7g.large", "c7i.large"), 3
PLAN = f"""
[plan]
types = {list(TYPES)!r}
replicates = {REPLICATES}
suites = ["stream"]
[safety]
budget_usd = 50
require_layers = []
[watch]
poll_seconds = 0.5
"""
#: A process that is not killed has come to its end by then, on a busy machine as well.
PATIENCE_S = 240.0
STARTS = 6


@dataclass
class Site:
    """Where processes are started and killed."""

    cli: Cli
    cloud: LocalCloud
    known: set[str] = field(default_factory=set)  # runs that were looked at already

    def killed_after(self, seconds: float, *arguments: str) -> bool:
        """Start benchtui and send SIGKILL after ``seconds``; whether it was still alive by then."""
        with self.cli.start(*arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                return True
        return False

    def undisturbed(self, *arguments: str) -> tuple[int, str, float]:
        """Run benchtui to its end; exit code, what it said, seconds."""
        begun = time.monotonic()
        ended = self.cli.alone(*arguments, patience=PATIENCE_S)
        return ended.returncode, ended.stdout + ended.stderr, time.monotonic() - begun

    def listed(self, prefix: str) -> dict[str, bytes]:
        """Objects below ``prefix``, by key."""
        s3 = self.cloud.boto3("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.cloud.bucket, Prefix=prefix)
        names = [row["Key"] for page in pages for row in page.get("Contents", ())]
        return {name: s3.get_object(Bucket=self.cloud.bucket, Key=name)["Body"].read() for name in names}

    def new_runs(self) -> list[str]:
        """Runs with a run.json that were not there before."""
        names = {key.split("/")[1] for key in self.listed("benchmarks/") if key.endswith("/run.json")}
        fresh = sorted(names - self.known)
        self.known |= names
        return fresh

    def instances(self) -> list[dict[str, Any]]:
        """Every instance of ours in every state, as an independent client sees them."""
        ec2 = self.cloud.boto3("ec2")
        wanted = [{"Name": "tag:LaunchedBy", "Values": ["AsyncBenchmarkLauncher"]}]
        rows: list[dict[str, Any]] = []
        for page in ec2.get_paginator("describe_instances").paginate(Filters=wanted):
            rows += [row for group in page["Reservations"] for row in group["Instances"]]
        return rows

    def by_job(self, run: str) -> Counter[str]:
        """How many instances each job of a run has, whatever their state."""
        found: Counter[str] = Counter()
        for row in self.instances():
            tags = {tag["Key"]: tag["Value"] for tag in row["Tags"]}
            if tags.get("benchtui:run") == run:
                found[tags["benchtui:job"]] += 1
        return found

    def play(self, run: str) -> None:
        """Have every instance of a run measure, say so and end, as instances do."""
        document = parse_document(
            RunDocument, self.listed(keys.run_json_key(run))[keys.run_json_key(run)], run
        )
        ids = {}
        for row in self.instances():
            tags = {tag["Key"]: tag["Value"] for tag in row["Tags"]}
            if tags.get("benchtui:run") == run:
                ids[tags["benchtui:job"]] = row["InstanceId"]
        for job in document.jobs:
            self._played(document, job.job, job.instance_type, ids[job.job])
        self.cloud.boto3("ec2").terminate_instances(InstanceIds=list(ids.values()))

    def _played(self, run: RunDocument, job: str, instance_type: str, instance_id: str) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        self._say(run.run, Sentinel(now, job, 1, JobState.BOOTED))
        about = {"run": run.run, "job": job, "provider": "aws", "instance_id": instance_id}
        about |= {"instance_type": instance_type, "cpu_model": "x"}
        system = SystemDocument.model_validate({**about, "usable_cpus": 2, "physical_cores": 2})
        self._put(keys.system_key(run.run, job), to_json(system))
        result = ResultDocument.model_validate(
            {
                **about,
                "suite": "stream",
                "mode": run.mode,
                "outcome": "measured",
                "started_at": now - timedelta(seconds=30),
                "finished_at": now,
                "verified": True,
                "metrics": {
                    "triad.all": {
                        "unit": "GB/s",
                        "higher_is_better": True,
                        "samples": [{"value": 40 + len(job) + n / 10} for n in range(5)],
                    }
                },
            }
        )
        self._put(keys.result_key(run.run, job, "stream"), to_json(result))
        self._say(run.run, Sentinel(now, job, 2, JobState.COLLECTED, "stream"))
        self._say(run.run, Sentinel(now + timedelta(milliseconds=1), job, 3, JobState.COMPLETED))

    def _say(self, run: str, sentinel: Sentinel) -> None:
        self._put(sentinel.key(run), b'{"schema":"benchtui.sentinel/1"}')

    def _put(self, key: str, body: bytes) -> None:
        self.cloud.boto3("s3").put_object(Bucket=self.cloud.bucket, Key=key, Body=body, IfNoneMatch="*")

    def results(self, run: str) -> Path:
        """Where the results of a run are collected to."""
        return self.cli.cwd / "results" / run

    def differences(self, run: str) -> list[str]:
        """What the collected results are not: each object of jobs/ as it is in the bucket, and a census."""
        folder, prefix = self.results(run), keys.run_prefix(run)
        wrong = []
        for key, body in self.listed(keys.jobs_prefix(run)).items():
            file = folder / key.removeprefix(prefix)
            if not file.is_file():
                wrong.append(f"{file.name} of {key} is missing")
            elif hashlib.sha256(file.read_bytes()).digest() != hashlib.sha256(body).digest():
                wrong.append(f"{key} differs")
        census_file = folder / "census.json"
        census = json.loads(census_file.read_text()) if census_file.is_file() else {}
        cells = len(TYPES) * REPLICATES
        if (census.get("closed"), census.get("planned"), census.get("measured")) != (True, cells, cells):
            said = {name: census.get(name) for name in ("closed", "planned", "measured")}
            wrong.append(f"the census says {said}")
        return wrong


def _up(options: LocalOptions) -> LocalState:
    """The local cloud; on a machine that is busy with other things it may take more than one start."""
    for _ in range(STARTS - 1):
        with contextlib.suppress(LocalCloudError):
            return daemon.up(options)
    return daemon.up(options)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Site]:
    """A site in ``folder``; its local cloud ends with it."""
    cwd, state = folder / "project", folder / "state"
    cwd.mkdir(parents=True)
    directory = state / "benchtui" / "local"
    options = LocalOptions(
        host=False, oversubscribe=True, simulate_ec2_types=True, regions=FEW_REGIONS, state_dir=directory
    )
    cloud = LocalCloud(_up(options), directory)
    try:
        rows = [{"instance_type": name, "region": "us-east-1", "usd_per_hour": "0.08"} for name in TYPES]
        cloud.private("POST", "prices", {"prices": rows})
        cli = Cli(folder, state, cwd, cloud)
        cli.configure(PLAN)
        yield Site(cli, cloud)
    finally:
        daemon.down(directory)
