"""EventBridge Scheduler's API (REST-JSON): schedules kept, checked, listed, and still there after a restart.

moto's own keeps schedules too, and nothing more: it takes any expression and role, forgets them with the
process and never fires one. This is ours whole. It takes only what it executes (schedule_firing.py).
"""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
import zoneinfo
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..state import ACCOUNT_ID
from .authorisation import assumable
from .calls import Call
from .clock import Clock
from .errors import Reply, error_reply

NAME = re.compile(r"[0-9a-zA-Z_.-]{1,64}")
AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)\)")
ROLE = re.compile(r"arn:aws(-[a-z]+)?:iam::\d{12}:role/[\w+=,.@/-]+")
TARGETS = {
    "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances": "ec2:TerminateInstances",
    "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution": "ssm:StartAutomationExecution",
    "arn:aws:scheduler:::aws-sdk:ec2:runInstances": "ec2:RunInstances",
}
GROUP = "default"
LARGEST_PAGE = 100
PRINCIPAL = "scheduler.amazonaws.com"
#: What a request may set, as the API names it; what is not sent gets its default.
DEFAULTS: dict[str, Any] = {
    "Description": None,
    "ScheduleExpression": None,
    "ScheduleExpressionTimezone": "UTC",
    "FlexibleTimeWindow": None,
    "State": "ENABLED",
    "ActionAfterCompletion": "NONE",
    "StartDate": None,
    "EndDate": None,
    "KmsKeyArn": None,
    "Target": None,
}
RETRY_DEFAULTS = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


class Refused(Exception):
    """A request that the API refuses: code, message, HTTP status."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def invalid(message: str) -> Refused:
    """400."""
    return Refused("ValidationException", message, 400)


@dataclass
class Stored:
    """One schedule.

    Attributes:
        fields: as the API names them, with the defaults filled in.
        created, modified: seconds since the epoch.
        client_token: of the request that made it.
        attempts: how often its target was called.
        not_before: seconds since the epoch of the next try.
        done: fired, and kept because it does not delete itself.
    """

    region: str
    name: str
    fields: dict[str, Any]
    created: float
    modified: float
    client_token: str | None = None
    attempts: int = 0
    not_before: float = 0.0
    done: bool = False
    firing: bool = field(default=False, compare=False)

    @property
    def due_at(self) -> float:
        """Seconds since the epoch."""
        return time_of(self.fields).timestamp()

    @property
    def arn(self) -> str:
        return f"arn:aws:scheduler:{self.region}:{ACCOUNT_ID}:schedule/{GROUP}/{self.name}"

    def shown(self) -> dict[str, Any]:
        """As GetSchedule answers."""
        known = {name: value for name, value in self.fields.items() if value is not None}
        return {**self._head(), **known}

    def listed(self) -> dict[str, Any]:
        """As ListSchedules answers."""
        target = {"Arn": self.fields["Target"]["Arn"]}
        return {**self._head(), "State": self.fields["State"], "Target": target}

    def _head(self) -> dict[str, Any]:
        return {
            "Arn": self.arn,
            "Name": self.name,
            "GroupName": GROUP,
            "CreationDate": self.created,
            "LastModificationDate": self.modified,
        }


def time_of(fields: dict[str, Any]) -> dt.datetime:
    """When a one-time schedule is due; Refused for what is none."""
    expression = str(fields["ScheduleExpression"])
    found = AT.fullmatch(expression)
    if found is None:
        raise invalid(f"Invalid Schedule Expression {expression}. (The local cloud knows at(…) alone.)")
    try:
        zone = zoneinfo.ZoneInfo(fields["ScheduleExpressionTimezone"])
        return dt.datetime.fromisoformat(found[1]).replace(tzinfo=zone)
    except (ValueError, zoneinfo.ZoneInfoNotFoundError):
        raise invalid(f"Invalid Schedule Expression {expression}.") from None


class ScheduleStore:
    """All schedules of all regions, on disk after every change. Thread-safe; calls nobody under its lock."""

    def __init__(self, clock: Clock, path: Path) -> None:
        self.clock, self.path = clock, path
        self._lock = threading.RLock()
        self._all: dict[tuple[str, str], Stored] = {}
        if path.exists():
            for row in json.loads(path.read_text()):
                stored = Stored(**row)
                self._all[stored.region, stored.name] = stored

    def reply(self, call: Call) -> Reply:
        """Answer one request of the API."""
        name = call.parameters.get("Name", "")
        try:
            body = json.loads(call.body) if call.body else {}
            with self._lock:
                answer = self._act(call, name, body)
        except Refused as refused:
            return error_reply("scheduler", refused.code, refused.message, refused.status)
        except (ValueError, TypeError, AttributeError, KeyError) as problem:
            return error_reply(
                "scheduler", "ValidationException", f"{type(problem).__name__}: {problem}", 400
            )
        return Reply(200, (("Content-Type", "application/json"),), json.dumps(answer).encode())

    def _act(self, call: Call, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if call.action == "ListSchedules":
            return self._list(call)
        if not NAME.fullmatch(name):
            raise invalid(f"1 validation error detected: Value at 'name' is not a schedule's name: {name}")
        group = body.get("GroupName") or call.query.get("groupName") or GROUP
        if group != GROUP:
            raise Refused("ResourceNotFoundException", f"Schedule group {group} does not exist.", 404)
        if call.action == "CreateSchedule":
            return {"ScheduleArn": self._create(call.region, name, body).arn}
        stored = self._all.get((call.region, name))
        if stored is None:
            raise Refused("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)
        if call.action == "GetSchedule":
            return stored.shown()
        if call.action == "DeleteSchedule":
            self._drop(stored)
            return {}
        if call.action == "UpdateSchedule":
            # As Scheduler does it: what is not sent goes back to its default.
            stored.fields, stored.modified = self._checked(body), self.clock.now()
            stored.attempts, stored.not_before, stored.done = 0, 0.0, False
            self._save()
            return {"ScheduleArn": stored.arn}
        raise Refused("UnknownOperationException", f"the local cloud does not serve {call.action}", 404)

    def _create(self, region: str, name: str, body: dict[str, Any]) -> Stored:
        fields, token = self._checked(body), body.get("ClientToken")
        there = self._all.get((region, name))
        if there is not None:
            if token and there.client_token == token and there.fields == fields:
                return there
            raise Refused("ConflictException", f"Schedule {name} already exists.", 409)
        now = self.clock.now()
        stored = self._all[region, name] = Stored(region, name, fields, now, now, token)
        self._save()
        return stored

    def _checked(self, body: dict[str, Any]) -> dict[str, Any]:
        """The fields of a schedule that will be executed as it says; Refused for any other."""
        fields = {name: body.get(name, default) for name, default in DEFAULTS.items()}
        for name in ("ScheduleExpression", "FlexibleTimeWindow", "Target"):
            if fields[name] is None:
                raise invalid(f"1 validation error detected: Value null at '{name}' must not be null")
        if fields["FlexibleTimeWindow"].get("Mode") != "OFF":
            raise invalid("the local cloud knows no flexible time window")
        if fields["State"] not in ("ENABLED", "DISABLED"):
            raise invalid(f"not a state: {fields['State']}")
        if fields["ActionAfterCompletion"] not in ("NONE", "DELETE"):
            raise invalid(f"not an action after completion: {fields['ActionAfterCompletion']}")
        # What AWS does with a time that has passed is not documented; who relies on neither is right here.
        if time_of(fields).timestamp() <= self.clock.now():
            raise invalid(f"Invalid Schedule Expression {fields['ScheduleExpression']}: it has passed.")
        fields["Target"] = self._checked_target(fields["Target"])
        return fields

    def _checked_target(self, target: dict[str, Any]) -> dict[str, Any]:
        if target.get("Arn") not in TARGETS:
            raise invalid(f"{target.get('Arn')} is not a target that the local cloud executes")
        if not isinstance(json.loads(target.get("Input") or "{}"), dict):
            raise invalid("Invalid RequestJson provided. Reason Input is not an object.")
        role = str(target.get("RoleArn"))
        if not ROLE.fullmatch(role):
            raise invalid(f"Value '{role}' at 'target.roleArn' failed to satisfy constraint")
        if not assumable(role, PRINCIPAL):
            raise invalid(
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
            )
        retries = {**RETRY_DEFAULTS, **(target.get("RetryPolicy") or {})}
        if not 60 <= retries["MaximumEventAgeInSeconds"] <= 86_400:
            raise invalid("MaximumEventAgeInSeconds is 60 to 86400")
        if not 0 <= retries["MaximumRetryAttempts"] <= 185:
            raise invalid("MaximumRetryAttempts is 0 to 185")
        return {**target, "RetryPolicy": retries}

    def _list(self, call: Call) -> dict[str, Any]:
        query = call.query
        group, prefix, state = (
            query.get("ScheduleGroup", GROUP),
            query.get("NamePrefix", ""),
            query.get("State"),
        )
        size = int(query.get("MaxResults", LARGEST_PAGE))
        if not 1 <= size <= LARGEST_PAGE:
            raise invalid("MaxResults is 1 to 100")
        after = query.get("NextToken", "")
        found = sorted(
            (
                stored
                for (region, name), stored in self._all.items()
                if region == call.region
                and group == GROUP
                and name.startswith(prefix)
                and name > after
                and state in (None, stored.fields["State"])
            ),
            key=lambda stored: stored.name,
        )
        page = found[:size]
        more = {"NextToken": page[-1].name} if len(found) > size else {}
        return {"Schedules": [stored.listed() for stored in page], **more}

    # For whoever fires them.

    def claim_due(self) -> list[Stored]:
        """Schedules whose time or next try has come, none of which anybody else is firing."""
        now = self.clock.now()
        with self._lock:
            due = [s for s in self._all.values() if self._is_due(s, now)]
            for stored in due:
                stored.firing = True
        return due

    def _is_due(self, stored: Stored, now: float) -> bool:
        waiting = stored.done or stored.firing or stored.fields["State"] != "ENABLED"
        return not waiting and max(stored.due_at, stored.not_before) <= now

    def fired(self, stored: Stored, *, again_in_s: float | None) -> None:
        """A claimed one was tried: it is complete, or is to be tried again."""
        with self._lock:
            stored.firing = False
            if self._all.get((stored.region, stored.name)) is not stored:
                return  # removed meanwhile
            if again_in_s is not None:
                stored.not_before = self.clock.now() + again_in_s
            elif stored.fields["ActionAfterCompletion"] == "DELETE":
                self._drop(stored)
                return
            else:
                stored.done = True
            self._save()

    def _drop(self, stored: Stored) -> None:
        del self._all[stored.region, stored.name]
        self._save()

    def _save(self) -> None:
        rows = [{k: v for k, v in asdict(s).items() if k != "firing"} for s in self._all.values()]
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(rows))
        temporary.replace(self.path)
