"""Executes schedules that are due: takes their role on and sends what they say to the API, as anyone would.

What the role does not allow is refused, what EC2 throttles is tried again by the schedule's retry policy, and
a fault rule that strikes EC2 strikes here, too.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlencode

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from moto.sts.models import sts_backends

from ..state import ACCOUNT_ID
from .authorisation import assumable
from .clock import Clock
from .errors import Reply
from .inside import inside
from .schedules import PRINCIPAL, TARGETS, ScheduleStore, Stored

LOG = logging.getLogger("benchtui.local.api")
LOOK_EVERY_S = 0.2
LONGEST_WAIT_S = 60.0
#: A service's role session is short; the runbook it starts here ends within the request.
SESSION_S = 3600
Answer = Callable[[dict[str, Any], bytes], Reply]


@cache
def _ec2() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("ec2", "service-2"))


def _form(action: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """A request of EC2's query API, as the SDK would send it; base64 stays what it is."""
    operation = _ec2().operation_model(action)
    form: dict[str, Any] = create_serializer("ec2", include_validation=False).serialize_to_request(
        parameters, operation
    )["body"]
    return form


class ScheduleFiring:
    """Fires what is due, in a thread of its own and whenever it is told that time has jumped."""

    def __init__(self, store: ScheduleStore, clock: Clock, answer: Answer) -> None:
        self.store, self.clock, self.answer = store, clock, answer

    def start(self) -> None:
        """Look again and again, until the process ends."""
        threading.Thread(target=self._keep_looking, name="schedules", daemon=True).start()

    def _keep_looking(self) -> None:
        pause = threading.Event()
        while not pause.wait(LOOK_EVERY_S):
            try:
                self.fire_due()
            except Exception:  # the next look must come, or instances live on
                LOG.exception("schedules could not be fired")

    def fire_due(self) -> None:
        """Fire every schedule that is due now; returns when each was tried."""
        for stored in self.store.claim_due():
            again: float | None = 1.0
            try:
                again = self._fire(stored)
            finally:
                self.store.fired(stored, again_in_s=again)

    def _fire(self, stored: Stored) -> float | None:
        """Call the target once; seconds until the next try, None when it is complete."""
        stored.attempts += 1
        status, said = self._call_target(stored)
        why = "" if status < 300 else f": {said}"
        LOG.info("schedule %s fired, try %d: %d%s", stored.name, stored.attempts, status, why)
        if status < 300:
            return None
        retries = stored.fields["Target"]["RetryPolicy"]
        age = self.clock.now() - stored.due_at
        if stored.attempts > retries["MaximumRetryAttempts"] or age > retries["MaximumEventAgeInSeconds"]:
            LOG.error("schedule %s was given up: %s", stored.name, said)
            return None
        return min(LONGEST_WAIT_S, 2.0 ** min(stored.attempts - 1, 10))

    def _call_target(self, stored: Stored) -> tuple[int, str]:
        target = stored.fields["Target"]
        if not assumable(target["RoleArn"], PRINCIPAL):
            return 403, "the role cannot be assumed"
        session = sts_backends[ACCOUNT_ID]["aws"].assume_role(
            region_name=stored.region,
            role_session_name=uuid.uuid4().hex,
            role_arn=target["RoleArn"],
            policy="",
            duration=SESSION_S,
            external_id="",
        )
        parameters = json.loads(target.get("Input") or "{}")
        service, action = TARGETS[target["Arn"]].split(":")
        if service == "ec2":
            body = urlencode(_form(action, parameters)).encode()
            headers = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
        else:
            body = json.dumps(parameters).encode()
            headers = {
                "CONTENT_TYPE": "application/x-amz-json-1.1",
                "HTTP_X_AMZ_TARGET": f"AmazonSSM.{action}",
            }
        environ = inside(session.access_key_id, service, stored.region, "POST", "/", headers, body)
        reply = self.answer(environ, body)
        return reply.status, reply.body.decode(errors="replace")[:500]
