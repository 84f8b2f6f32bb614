"""An account of a local cloud that the doctor looks at, well unless a test plants something in it."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from benchtui.config.load import Flag, load
from benchtui.engine.clock import SystemClock
from benchtui.engine.doctor.checks import CHECKS
from benchtui.engine.doctor.examine import Diagnosis, examine
from benchtui.engine.doctor.finding import Finding, Status
from benchtui.engine.doctor.subject import Machine, Subject, Terminal
from tests.local.conftest import LocalCloud

CPUS = len(os.sched_getaffinity(0))
REGION = "us-east-1"
#: The smallest and the largest type of this machine, two instances of each.
TYPES = list(dict.fromkeys(("local.1cpu", f"local.{CPUS}cpu")))


@dataclass
class Patient:
    """One account, one configuration, one machine."""

    cloud: LocalCloud
    folder: Path
    settings: dict[str, object] = field(default_factory=lambda: {"plan.types": TYPES, "plan.replicates": 2})
    environ: dict[str, str | None] = field(default_factory=dict)  # beside the cloud's; None: taken away
    endpoint_meant: bool = True
    visits: int = 0

    def client(self, service: str, region: str = REGION) -> Any:
        """An independent client with all rights."""
        return self.cloud.boto3(service, region)

    def fault(self, **rule: object) -> int:
        """A fault rule from now on; its number."""
        return int(self.cloud.private("POST", "faults", rule)["id"])

    @property
    def state(self) -> Path:
        return self.folder / "state"

    async def look(self) -> Diagnosis:
        """What the doctor finds now."""
        self.visits += 1
        environ = {**self.cloud.environment, "AWS_CONFIG_FILE": os.devnull, **self.environ}
        environ |= {"AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
        given = {name: value for name, value in environ.items() if value is not None}
        others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with mock.patch.dict(os.environ, others | given, clear=True):
            flags = {key: Flag("test", value) for key, value in self.settings.items()}
            config = load(None, given, flags, self.folder).config
            machine = Machine(
                state=self.state,
                cache=self.folder / f"cache-{self.visits}",  # prices of before are no news
                results=self.folder / "results",
                environ=given,
                terminal=Terminal(is_one=False, columns=80, lines=24, encoding="utf-8"),
                endpoint_meant=self.endpoint_meant,
            )
            subject = Subject(config, machine, SystemClock(), random.Random(self.visits))
            return await examine(subject, CHECKS)


def by_name(diagnosis: Diagnosis) -> dict[str, Finding]:
    """The lines by what they are about."""
    return {finding.name: finding for finding in diagnosis.findings}


def changed(before: Mapping[str, Finding], after: Mapping[str, Finding]) -> dict[str, Finding]:
    """Lines that are not as they were, or new and not ok."""
    return {
        name: finding
        for name, finding in after.items()
        if finding.status is not (before[name].status if name in before else Status.OK)
    }
