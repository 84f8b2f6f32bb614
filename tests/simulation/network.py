"""Between a process and the cloud: requests take time, get lost, are refused, come twice, go unanswered.

A request that has left its process is carried out whatever becomes of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from tests.simulation.loop import VirtualLoop, outside

READ_TIMEOUT_S = 30.0
URL = "https://simulated.example"
THROTTLES = {
    "ec2": ("RequestLimitExceeded", 503),
    "s3": ("SlowDown", 503),
    "scheduler": ("ThrottlingException", 429),
    "ssm": ("ThrottlingException", 400),
    "sts": ("Throttling", 400),
}


class Refused(Exception):
    """The service's own answer that it does not do what was asked."""

    def __init__(self, code: str, message: str = "refused", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status

    def as_seen(self, operation: str) -> ClientError:
        """The error that the SDK raises."""
        answer = {
            "Error": {"Code": self.code, "Message": self.message},
            "ResponseMetadata": {"HTTPStatusCode": self.status},
        }
        return ClientError(answer, operation)


@dataclass(frozen=True, slots=True)
class Weather:
    """How likely each fault is, per request, and how long requests take."""

    latency_s: float = 0.05  # mean of one way
    slow: float = 0.0  # a way takes up to slow_s
    slow_s: float = 8.0
    throttle: float = 0.0
    fault_before: float = 0.0  # 5xx, nothing was done
    fault_after: float = 0.0  # 5xx, and it was done
    lost_request: float = 0.0
    lost_answer: float = 0.0  # done, and never answered
    reset: float = 0.0  # the connection breaks after it was done
    twice: float = 0.0  # the request arrives twice


@dataclass(frozen=True, slots=True)
class Outage:
    """A service of a region that answers nothing useful for a while."""

    service: str
    region: str
    begins_s: float
    ends_s: float
    code: str  # what it answers
    status: int


@dataclass(frozen=True, slots=True)
class SignedOut:
    """The credentials of a machine have expired, until somebody signs in again."""

    whose: str  # the machine's name
    begins_s: float
    ends_s: float


@dataclass
class Network:
    """All ways between processes and services of one world."""

    loop: VirtualLoop
    rng: Random
    weather: Weather
    note: Callable[..., None]
    outages: tuple[Outage, ...] = ()
    faults: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    signed_out: tuple[SignedOut, ...] = ()
    under_way: dict[asyncio.Future[dict[str, Any]], str] = field(default_factory=dict)  # by whom
    still: bool = False  # no more faults: the world is being looked at

    async def request(
        self, who: str, service: str, region: str, operation: str, serve: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises:
            ClientError: the service answered with an error.
            ReadTimeoutError, ConnectionClosedError, EndpointConnectionError: no answer came.
        """
        self.requests += 1
        future: asyncio.Future[dict[str, Any]] = self.loop.create_future()
        self.under_way[future] = who
        future.add_done_callback(lambda done: self.under_way.pop(done, None))
        fault = "signed out" if self._signed_out(who) else self._fault(service, region)
        if fault is not None:
            self.faults[fault] += 1
        rng = self.rng
        there, back = self._way(), self._way()

        def answer(value: dict[str, Any] | None, error: Exception | None, after_s: float) -> None:
            def deliver() -> None:
                if not future.done():
                    if error is not None:
                        future.set_exception(error)
                    else:
                        future.set_result(value or {})

            outside(self.loop, after_s, deliver)

        def arrive() -> None:
            refusal = self._refused_unread(fault, service, region)
            self.note("request", who, service, region, operation, fault or "")
            if refusal is not None:
                answer(None, refusal.as_seen(operation), back)
                return
            try:
                value, error = serve(), None
                if fault == "twice":  # what was refused is not sent on once more
                    outside(self.loop, rng.uniform(0.0, 5.0), again)
            except Refused as refused:
                value, error = None, refused.as_seen(operation)
            if fault == "fault_after":
                answer(None, Refused("InternalError", "we are sorry", 500).as_seen(operation), back)
            elif fault == "lost_answer":
                answer(None, ReadTimeoutError(endpoint_url=URL), READ_TIMEOUT_S)
            elif fault == "reset":
                answer(None, ConnectionClosedError(endpoint_url=URL), back)
            else:
                answer(value, error, back)

        def again() -> None:
            with contextlib.suppress(Refused):
                serve()

        if fault == "lost_request":
            lost: Exception = (
                ReadTimeoutError(endpoint_url=URL)
                if rng.random() < 0.5
                else EndpointConnectionError(endpoint_url=URL)
            )
            self.note("request", who, service, region, operation, fault)
            answer(None, lost, READ_TIMEOUT_S if isinstance(lost, ReadTimeoutError) else there)
        else:
            outside(self.loop, there, arrive)
        return await future

    def cut(self, whose: str) -> None:
        """A machine comes into another network: every connection of its processes breaks."""
        for future, who in list(self.under_way.items()):
            if who.startswith(whose) and not future.done():
                self.faults["cut"] += 1
                future.set_exception(ConnectionClosedError(endpoint_url=URL))

    def _signed_out(self, who: str) -> bool:
        now = self.loop.time()
        return not self.still and any(
            who.startswith(each.whose) and each.begins_s <= now < each.ends_s for each in self.signed_out
        )

    def _fault(self, service: str, region: str) -> str | None:
        if self.still:
            return None
        if self._outage(service, region) is not None:
            return f"outage:{service}"
        roll = self.rng.random()
        for name in (
            "throttle",
            "fault_before",
            "fault_after",
            "lost_request",
            "lost_answer",
            "reset",
            "twice",
        ):
            share = getattr(self.weather, name)
            if roll < share:
                return name
            roll -= share
        return None

    def _way(self) -> float:
        if self.still:
            return 0.01
        if self.rng.random() < self.weather.slow:
            self.faults["slow"] += 1
            return self.rng.uniform(1.0, self.weather.slow_s)
        return min(self.rng.expovariate(1 / self.weather.latency_s), 2.0)

    def _outage(self, service: str, region: str) -> Outage | None:
        now = self.loop.time()
        for outage in self.outages:
            here = outage.service == service and outage.region in ("", region)
            if here and outage.begins_s <= now < outage.ends_s:
                return outage
        return None

    def _refused_unread(self, fault: str | None, service: str, region: str) -> Refused | None:
        if fault is None:
            return None
        if fault == "signed out":
            code = "RequestExpired" if service == "ec2" else "ExpiredToken"
            return Refused(code, "the provided token has expired", 400)
        if fault == "throttle":
            code, status = THROTTLES[service]
            return Refused(code, "rate exceeded", status)
        if fault == "fault_before":
            return Refused("ServiceUnavailable", "please reduce", 503)
        if fault.startswith("outage"):
            outage = self._outage(service, region)
            if outage is not None:
                return Refused(outage.code, "outage", outage.status)
        return None
