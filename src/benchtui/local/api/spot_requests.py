"""Spot instance requests of RunInstances: one-time, fulfilled at once, with tags; Describe and Cancel."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_spot_request_id

from .errors import ec2_error
from .hooks import replace
from .instance_filters import wildcard
from .lifecycle import SPOT_TERMINATION

if TYPE_CHECKING:
    from .cloud import Cloud


@dataclass
class SpotRequest:
    """One request and the instance it launched."""

    id: str
    instance: Any
    backend: Any
    created: dt.datetime
    cancelled: bool = False

    @property
    def state(self) -> str:
        """`closed` once its instance is terminated: a one-time request is not fulfilled again."""
        if self.instance.state == "terminated":
            return "closed"
        return "cancelled" if self.cancelled else "active"

    @property
    def status(self) -> str:
        if getattr(self.instance.state_reason, "code", "") == SPOT_TERMINATION[0]:
            return "instance-terminated-no-capacity"
        codes = {
            "closed": "instance-terminated-by-user",
            "cancelled": "request-canceled-and-instance-running",
            "active": "fulfilled",
        }
        return codes[self.state]

    def shown(self) -> dict[str, Any]:
        tags = self.backend.tags.get(self.id, {})
        return {
            "SpotInstanceRequestId": self.id,
            "InstanceId": self.instance.id,
            "State": self.state,
            "Status": {"Code": self.status, "Message": "", "UpdateTime": self.created},
            "Type": "one-time",
            "CreateTime": self.created,
            "InstanceInterruptionBehavior": "terminate",
            "LaunchedAvailabilityZone": self.instance.availability_zone,
            "ProductDescription": "Linux/UNIX",
            "LaunchSpecification": {
                "ImageId": self.instance.image_id,
                "InstanceType": self.instance.instance_type,
            },
            "Tags": [{"Key": k, "Value": v} for k, v in tags.items()],
        }


FILTERS: dict[str, Any] = {
    "instance-id": lambda r: r.instance.id,
    "launched-availability-zone": lambda r: r.instance.availability_zone,
    "spot-instance-request-id": lambda r: r.id,
    "state": lambda r: r.state,
    "status-code": lambda r: r.status,
    "type": lambda r: "one-time",
}


def request_spot(cloud: Cloud, backend: Any, instance: Any, tags: dict[str, str]) -> None:
    """Give an instance just launched its fulfilled spot request."""
    request = SpotRequest(random_spot_request_id(), instance, backend, cloud.clock.utc())
    cloud.spot_requests[request.id] = request
    instance.spot_instance_request_id = request.id
    if tags:
        backend.create_tags([request.id], tags)


def _found(cloud: Cloud, request: Any) -> list[SpotRequest]:
    own = {r.id: r for r in cloud.spot_requests.values() if r.backend is request.ec2_backend}
    ids = request._get_param("SpotInstanceRequestIds", [])
    for request_id in ids:
        if request_id not in own:
            raise ec2_error(
                "InvalidSpotInstanceRequestID.NotFound",
                f"The spot instance request ID '{request_id}' does not exist",
            )
    return [own[i] for i in ids] if ids else list(own.values())


def _passes(found: SpotRequest, filters: dict[str, list[str]]) -> bool:
    tags = found.backend.tags.get(found.id, {})
    for name, patterns in filters.items():
        if name.startswith("tag:"):
            values = [tags[name[4:]]] if name[4:] in tags else []
        elif name == "tag-key":
            values = list(tags)
        elif name in FILTERS:
            values = [FILTERS[name](found)]
        else:
            raise ec2_error("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not any(wildcard(v, p) for v in values for p in patterns):
            return False
    return True


def install(cloud: Cloud) -> None:
    """Replace moto's two calls, which know nothing of requests made by RunInstances."""

    def describe(self: Any) -> ActionResult:
        self.error_on_dryrun()
        filters = self._filters_from_querystring()
        rows = [r.shown() for r in _found(cloud, self) if _passes(r, filters)]
        return ActionResult({"SpotInstanceRequests": rows})

    def cancel(self: Any) -> ActionResult:
        self.error_on_dryrun()
        found = _found(cloud, self)
        for request in found:
            request.cancelled = True
        rows = [{"SpotInstanceRequestId": r.id, "State": "cancelled"} for r in found]
        return ActionResult({"CancelledSpotInstanceRequests": rows})

    replace(EC2Response, "describe_spot_instance_requests", describe)
    replace(EC2Response, "cancel_spot_instance_requests", cancel)
