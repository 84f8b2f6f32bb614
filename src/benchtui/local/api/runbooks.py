"""Systems Manager Automation, as far as one runbook of AWS goes: AWS-TerminateEC2Instance.

It runs in the name of whoever starts it, as it does on AWS without a role of its own: a caller who may start
it and may not end an instance gets an execution that has failed. On AWS the execution goes on after the
answer; here it has ended by then.
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .calls import Call
from .errors import Reply, error_reply, json_reply
from .inside import inside

if TYPE_CHECKING:
    from .authorisation import Authorisation
    from .cloud import Cloud

LOG = logging.getLogger("benchtui.local.api")
RUNBOOK = "AWS-TerminateEC2Instance"
ACTIONS = frozenset({"StartAutomationExecution", "GetAutomationExecution", "DescribeDocument"})
#: Of one step, when EC2 is busy.
STEP_TRIES = 4
KEPT = 1000
Answer = Callable[[dict[str, Any], bytes], Reply]
PARAMETERS = [
    {
        "Name": "InstanceId",
        "Type": "StringList",
        "Description": "(Required) EC2 Instance(s) to terminate",
    },
    {
        "Name": "AutomationAssumeRole",
        "Type": "String",
        "Description": "(Optional) The ARN of the role that allows Automation to perform the actions.",
        "DefaultValue": "",
    },
]


class Runbooks:
    """The runbook, and what became of each execution."""

    def __init__(self, cloud: Cloud, answer: Answer, authorisation: Authorisation) -> None:
        self.cloud, self.answer, self.authorisation = cloud, answer, authorisation
        self._executions: dict[str, dict[str, Any]] = {}

    def serves(self, call: Call) -> bool:
        """Whether a call is answered here; another document's description is moto's to give."""
        if call.service != "ssm" or call.action not in ACTIONS:
            return False
        return call.action != "DescribeDocument" or _sent(call).get("Name") == RUNBOOK

    def reply(self, call: Call) -> Reply:
        """Answer a call that is served here."""
        sent = _sent(call)
        if call.action == "DescribeDocument":
            return json_reply({"Document": _description()})
        if call.action == "GetAutomationExecution":
            found = self._executions.get(str(sent.get("AutomationExecutionId")))
            if found is None:
                return error_reply(
                    "ssm", "AutomationExecutionNotFoundException", "there is no such execution", 400
                )
            return json_reply({"AutomationExecution": found})
        return self._start(call, sent)

    def _start(self, call: Call, sent: dict[str, Any]) -> Reply:
        name = str(sent.get("DocumentName"))
        if name != RUNBOOK:
            return error_reply(
                "ssm", "AutomationDefinitionNotFoundException", f"Automation definition {name} not found", 400
            )
        problem = _objection(sent)
        if problem is not None:
            return error_reply("ssm", "InvalidAutomationExecutionParametersException", problem, 400)
        targets = sent.get("Targets") or []
        if targets:
            denied = self._may_not_look(call)
            ids = [] if denied else self._carrying(call.region, targets[0])
        else:
            denied, ids = None, list(sent["Parameters"]["InstanceId"])
        execution_id = str(uuid.uuid4())
        self._executions[execution_id] = self._execute(call, sent, ids, denied)
        while len(self._executions) > KEPT:
            self._executions.pop(next(iter(self._executions)))
        self._executions[execution_id]["AutomationExecutionId"] = execution_id
        return json_reply({"AutomationExecutionId": execution_id})

    def _may_not_look(self, call: Call) -> Reply | None:
        """The refusal of what it takes to find instances by tag.

        Which of these AWS asks for is not documented; its own policies for what resolves such targets have
        both, so both are asked for here.
        """
        for service, action in (("tag", "GetResources"), ("ec2", "DescribeInstances")):
            looking = Call(service, action, call.region, call.access_key_id, "POST", "/", {})
            denied = self.authorisation.denial_reply(looking, {})
            if denied is not None:
                return denied
        return None

    def _carrying(self, region: str, target: dict[str, Any]) -> list[str]:
        """Instances with the target's tag, terminated ones that are still shown among them."""
        key, values = target["Key"].removeprefix("tag:"), set(target["Values"])
        with self.cloud.lock:
            return [
                instance_id
                for instance_id, life in self.cloud.lifecycle.lives.items()
                if life.backend.region_name == region
                and life.backend.tags.get(instance_id, {}).get(key) in values
            ]

    def _execute(
        self, call: Call, sent: dict[str, Any], ids: list[str], denied: Reply | None
    ) -> dict[str, Any]:
        started, failures = time.time(), []
        allowed = _count(str(sent.get("MaxErrors", "0")), len(ids))
        for instance_id in ids:
            failure = self._terminate(call, instance_id)
            if failure is not None:
                failures.append(f"{instance_id}: {failure}")
                if len(failures) > allowed:
                    break  # the rest is spared
        if denied is not None:
            failures.append(_words(denied))
        for failure in failures:
            LOG.error("automation %s: %s", RUNBOOK, failure)
        return {
            "DocumentName": RUNBOOK,
            "AutomationExecutionStatus": "Failed" if failures else "Success",
            "ExecutionStartTime": started,
            "ExecutionEndTime": time.time(),
            "FailureMessage": "; ".join(failures)[:2000],
            "TargetParameterName": sent.get("TargetParameterName", ""),
            "Targets": sent.get("Targets") or [],
            "ResolvedTargets": {"ParameterValues": ids, "Truncated": False},
        }

    def _terminate(self, call: Call, instance_id: str) -> str | None:
        """The runbook's one step for one instance: end it, and see that it is ending; what went wrong."""
        for action in ("TerminateInstances", "DescribeInstanceStatus"):
            problem = self._ask(call, action, instance_id)
            if problem is not None:
                return problem
        return None

    def _ask(self, call: Call, action: str, instance_id: str) -> str | None:
        """One request of the step, tried again while EC2 is busy."""
        form = {"Action": action, "Version": "2016-11-15", "InstanceId.1": instance_id}
        if action == "DescribeInstanceStatus":
            form["IncludeAllInstances"] = "true"
        body = urlencode(form).encode()
        headers = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
        reply = None
        for attempt in range(STEP_TRIES):
            environ = inside(call.access_key_id, "ec2", call.region, "POST", "/", headers, body)
            reply = self.answer(environ, body)
            if reply.status < 300:
                return None
            if reply.status < 500:
                break
            time.sleep(0.1 * 2**attempt)
        assert reply is not None
        return _words(reply)


def _words(reply: Reply) -> str:
    """What a refusal says, of any protocol."""
    body = reply.body.decode(errors="replace")
    found = re.search(r"<Code>([^<]*)</Code><Message>([^<]*)</Message>", body)
    return ": ".join(found.groups()) if found else body[:500] or f"status {reply.status}"


def _sent(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call.body or b"{}")
    return found


def _description() -> dict[str, Any]:
    return {
        "Name": RUNBOOK,
        "Owner": "Amazon",
        "Status": "Active",
        "DocumentVersion": "1",
        "DefaultVersion": "1",
        "LatestVersion": "1",
        "Description": "Terminate EC2 instances(s)",
        "DocumentType": "Automation",
        "SchemaVersion": "0.3",
        "DocumentFormat": "JSON",
        "TargetType": "/AWS::EC2::Instance",
        "PlatformTypes": ["Windows", "Linux", "MacOS"],
        "Parameters": PARAMETERS,
    }


def _objection(sent: dict[str, Any]) -> str | None:
    """Why an execution is not accepted."""
    targets, parameters = sent.get("Targets") or [], sent.get("Parameters") or {}
    unknown = set(parameters) - {row["Name"] for row in PARAMETERS}
    if unknown:
        return f"Parameters are not defined in the document: {', '.join(sorted(unknown))}"
    if len(targets) > 1:
        return "Only one resource group or tag can be specified at a time"
    if targets and sent.get("TargetParameterName") != "InstanceId":
        return "TargetParameterName has to name a parameter of the document"
    if targets and not str(targets[0].get("Key", "")).startswith("tag:"):
        return "the local cloud resolves targets by tag alone"
    if not targets and not parameters.get("InstanceId"):
        return "missing required parameters: InstanceId"
    return None


def _count(text: str, of: int) -> int:
    """A number, or a percentage of ``of``."""
    return of * int(text.removesuffix("%")) // 100 if text.endswith("%") else int(text)
