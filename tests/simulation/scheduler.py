"""EventBridge Scheduler: one-time schedules that fire, are retried, and delete themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.simulation.ec2 import Ec2
from tests.simulation.network import Refused

Answer = dict[str, Any]
_AT = re.compile(r"at\((.*)\)")
PRECISION_S = 60.0
RUNBOOK = "AWS-TerminateEC2Instance"


@dataclass
class _Entry:
    fields: Answer
    created: datetime
    modified: datetime
    due_s: float
    version: int = 0
    tries: int = 0


class Scheduler:
    """All regions.

    Attributes:
        works: False: schedules are taken and none ever does anything, as with a role without permission.
        ever: regions and names of schedules that were once there.
    """

    def __init__(
        self,
        ec2: Ec2,
        rng: Random,
        time: Callable[[], float],
        now: Callable[[], datetime],
        later: Callable[[float, Callable[[], None]], None],
        failing: float,
        fired: Callable[[str, str], None],
    ) -> None:
        self.ec2, self.rng, self.time, self.now, self.later = ec2, rng, time, now, later
        self.failing, self.fired = failing, fired
        self.entries: dict[tuple[str, str], _Entry] = {}
        self.works = True
        self.ever: set[tuple[str, str]] = set()

    def create_schedule(self, region: str, params: Answer) -> Answer:
        if (region, params["Name"]) in self.entries:
            raise Refused("ConflictException", "the schedule already exists", 409)
        entry = _Entry(params, self.now(), self.now(), self._due(params))
        self.entries[region, params["Name"]] = entry
        self.ever.add((region, params["Name"]))
        self._arm(region, params["Name"], entry)
        return {"ScheduleArn": f"arn:aws:scheduler:{region}:123456789012:schedule/default/{params['Name']}"}

    def update_schedule(self, region: str, params: Answer) -> Answer:
        entry = self._entry(region, params["Name"])
        entry.fields, entry.due_s, entry.version = params, self._due(params), entry.version + 1
        entry.modified = self.now()
        self._arm(region, params["Name"], entry)
        return {"ScheduleArn": f"arn:aws:scheduler:{region}:123456789012:schedule/default/{params['Name']}"}

    def get_schedule(self, region: str, params: Answer) -> Answer:
        entry = self._entry(region, params["Name"])
        return {**entry.fields, "CreationDate": entry.created, "LastModificationDate": entry.modified}

    def delete_schedule(self, region: str, params: Answer) -> Answer:
        self._entry(region, params["Name"])
        del self.entries[region, params["Name"]]
        return {}

    def list_schedules(self, region: str, params: Answer) -> Answer:
        found = sorted(
            name for where, name in self.entries if where == region and name.startswith(params["NamePrefix"])
        )
        start = int(params.get("NextToken") or 0)
        end = start + params.get("MaxResults", 100)
        rows = [
            {
                "Name": name,
                "State": self.entries[region, name].fields.get("State", "ENABLED"),
                "CreationDate": self.entries[region, name].created,
                "LastModificationDate": self.entries[region, name].modified,
            }
            for name in found[start:end]
        ]
        return {"Schedules": rows, **({"NextToken": str(end)} if end < len(found) else {})}

    def describe_document(self, params: Answer) -> Answer:
        if params["Name"] != RUNBOOK:
            raise Refused("InvalidDocument", "no such document")
        document = {
            "Name": RUNBOOK,
            "Status": "Active",
            "DocumentType": "Automation",
            "Parameters": [{"Name": "InstanceId"}, {"Name": "AutomationAssumeRole"}],
        }
        return {"Document": document}

    def _entry(self, region: str, name: str) -> _Entry:
        if (region, name) not in self.entries:
            raise Refused("ResourceNotFoundException", "the schedule does not exist", 404)
        return self.entries[region, name]

    def _due(self, params: Answer) -> float:
        found = _AT.fullmatch(params["ScheduleExpression"])
        if found is None:
            raise Refused("ValidationException", "not an at() expression")
        at = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
        return self.time() + (at - self.now()).total_seconds()

    def _arm(self, region: str, name: str, entry: _Entry) -> None:
        # One whose minute has passed when it is made never fires: the cautious reading of the documentation.
        if entry.due_s <= self.time():
            return
        version = entry.version
        wait = entry.due_s - self.time() + self.rng.uniform(0, PRECISION_S)

        def due() -> None:
            if self.entries.get((region, name)) is entry and entry.version == version:
                self._fire(region, name, entry)

        self.later(wait, due)

    def _fire(self, region: str, name: str, entry: _Entry) -> None:
        entry.tries += 1
        retry = entry.fields["Target"]["RetryPolicy"]
        done = self.works and self.rng.random() >= self.failing and self._act(region, name, entry.fields)
        if done or entry.tries > retry["MaximumRetryAttempts"]:
            self.entries.pop((region, name), None)
            return
        wait = min(60.0, 2.0 ** min(entry.tries, 6))
        version = entry.version

        def again() -> None:
            if self.entries.get((region, name)) is entry and entry.version == version:
                self._fire(region, name, entry)

        self.later(wait, again)

    def _act(self, region: str, name: str, fields: Answer) -> bool:
        asked = json.loads(fields["Target"]["Input"])
        arn = fields["Target"]["Arn"]
        self.fired(region, name)
        if arn.endswith(":ssm:startAutomationExecution"):
            key, value = asked["Targets"][0]["Key"].removeprefix("tag:"), asked["Targets"][0]["Values"][0]
            for machine in self.ec2.by_tag(region, key, value):
                if not machine.protected:
                    self.ec2.end(machine, "Client.UserInitiatedShutdown", "schedule by tag")
            return True
        try:
            self.ec2.terminate_instances(region, {"InstanceIds": asked["InstanceIds"]}, by="schedule by id")
        except Refused:
            return False
        return True
