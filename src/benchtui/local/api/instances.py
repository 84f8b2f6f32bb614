"""Describe, terminate, stop, start and reboot instances, and their console, as EC2 answers."""

from __future__ import annotations

import copy
import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.responses import EC2Response

from .errors import ec2_error
from .hooks import replace
from .instance_filters import check_names, passes
from .instance_types import paged
from .lifecycle import CODES, Life

if TYPE_CHECKING:
    from .cloud import Cloud

INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
LARGEST_PAGE = 1000


def checked_lives(cloud: Cloud, backend: Any, ids: list[str]) -> list[Life]:
    """Lives of these ids in a region; the whole request fails on one malformed or unknown id."""
    for instance_id in ids:
        if not INSTANCE_ID.fullmatch(instance_id):
            raise ec2_error("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
    lives = cloud.lifecycle.lives
    missing = [i for i in ids if i not in lives or lives[i].backend is not backend]
    if missing:
        noun, verb = ("ID", "does") if len(missing) == 1 else ("IDs", "do")
        raise ec2_error(
            "InvalidInstanceID.NotFound", f"The instance {noun} '{', '.join(missing)}' {verb} not exist"
        )
    return [lives[i] for i in dict.fromkeys(ids)]


def _changes(rows: list[tuple[Life, str]]) -> list[dict[str, Any]]:
    return [
        {
            "InstanceId": life.instance.id,
            "CurrentState": {"Code": life.instance.state_code, "Name": life.instance.state},
            "PreviousState": {"Code": CODES[before], "Name": before},
        }
        for life, before in rows
    ]


def _terminate(cloud: Cloud, request: Any) -> ActionResult:
    ids = request._get_param("InstanceIds", [])
    if not ids:
        raise ec2_error("MissingParameter", "The request must contain the parameter InstanceId")
    lives = checked_lives(cloud, request.ec2_backend, ids)
    request.error_on_dryrun()
    alive = [life for life in lives if life.instance.state != "terminated"]
    protected = [life for life in alive if life.instance.disable_api_termination in (True, "true")]
    spared_zones = {life.instance.availability_zone for life in protected}
    rows = []
    for life in lives:
        if life.instance.availability_zone not in spared_zones:
            rows.append((life, life.instance.state))
            cloud.lifecycle.shut_down(life.instance.id)
    if protected:
        # Instances of zones without a protected one are terminated all the same.
        raise ec2_error(
            "OperationNotPermitted",
            f"The instance '{protected[0].instance.id}' may not be terminated. Modify its "
            "'disableApiTermination' "
            "instance attribute and try again.",
        )
    return ActionResult({"TerminatingInstances": _changes(rows)})


def _stop(cloud: Cloud, request: Any) -> ActionResult:
    lives = checked_lives(cloud, request.ec2_backend, request._get_param("InstanceIds", []))
    request.error_on_dryrun()
    for life in lives:
        if life.instance.state in ("terminated", "shutting-down"):
            raise ec2_error(
                "IncorrectInstanceState",
                f"This instance '{life.instance.id}' is not in a state from which it can be stopped.",
            )
        if life.instance.lifecycle == "spot":
            raise ec2_error(
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{life.instance.id}' because it is associated with a "
                "one-time "
                "Spot Instance request. You can only stop Spot Instances associated with persistent Spot "
                "Instance "
                "requests.",
            )
        if life.instance.disable_api_stop is True:
            raise ec2_error(
                "OperationNotPermitted",
                f"The instance '{life.instance.id}' may not be stopped. Modify its 'disableApiStop' instance "
                "attribute and try again.",
            )
    rows = [(life, life.instance.state) for life in lives]
    for life in lives:
        cloud.lifecycle.stop(life.instance.id)
    return ActionResult({"StoppingInstances": _changes(rows)})


def _start(cloud: Cloud, request: Any) -> ActionResult:
    lives = checked_lives(cloud, request.ec2_backend, request._get_param("InstanceIds", []))
    request.error_on_dryrun()
    for life in lives:
        if life.instance.state not in ("stopped", "pending", "running"):
            raise ec2_error(
                "IncorrectInstanceState",
                f"The instance '{life.instance.id}' is not in a state from which it can be started.",
            )
    rows = [(life, life.instance.state) for life in lives]
    for life in lives:
        cloud.lifecycle.start(life.instance.id)
    return ActionResult({"StartingInstances": _changes(rows)})


def _reboot(cloud: Cloud, request: Any) -> EmptyResult:
    lives = checked_lives(cloud, request.ec2_backend, request._get_param("InstanceIds", []))
    request.error_on_dryrun()
    for life in lives:
        if life.instance.state not in ("pending", "running"):
            raise ec2_error(
                "IncorrectState",
                f"The instance '{life.instance.id}' is not in a state from which it can be rebooted.",
            )
    return EmptyResult()


def _describe(cloud: Cloud, request: Any) -> ActionResult:
    request.error_on_dryrun()
    backend, ids = request.ec2_backend, request._get_param("InstanceIds", [])
    filters, limit = request._filters_from_querystring(), request._get_int_param("MaxResults")
    if ids and limit:
        raise ec2_error(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    if limit is not None and not 5 <= limit <= LARGEST_PAGE:
        raise ec2_error(
            "InvalidParameterValue",
            f"Value ( {limit} ) for parameter maxResults is invalid. Expecting a value between 5 and "
            f"{LARGEST_PAGE}.",
        )
    check_names(filters)
    wanted = {life.instance.id for life in checked_lives(cloud, backend, ids)}
    rows = [
        (reservation, instance)
        for reservation in backend.reservations.values()
        for instance in reservation.instances
        if (not ids or instance.id in wanted) and passes(instance, reservation, filters)
    ]
    page, token = paged(
        rows, len(rows) + 1 if ids else limit or LARGEST_PAGE, request._get_param("NextToken")
    )
    reservations: dict[str, Any] = {}
    for reservation, instance in page:
        if reservation.id not in reservations:
            reservations[reservation.id] = copy.copy(reservation)
            reservations[reservation.id].instances = []
        reservations[reservation.id].instances.append(instance)
    return ActionResult({"Reservations": list(reservations.values()), "NextToken": token})


def _console(cloud: Cloud, request: Any) -> ActionResult:
    instance_id = request._get_param("InstanceId")
    (life,) = checked_lives(cloud, request.ec2_backend, [instance_id])
    result: dict[str, Any] = {"InstanceId": instance_id}
    if life.console_at is not None:
        result["Timestamp"] = dt.datetime.fromtimestamp(life.console_at, tz=dt.UTC).replace(tzinfo=None)
        result["Output"] = Base64EncodedString(cloud.lifecycle.console_base64(instance_id))
    return ActionResult(result)


ACTIONS = {
    "describe_instances": _describe,
    "terminate_instances": _terminate,
    "stop_instances": _stop,
    "start_instances": _start,
    "reboot_instances": _reboot,
    "get_console_output": _console,
}


def install(cloud: Cloud) -> None:
    """Replace moto's calls by ours, and its look-ups that grow with the square of the number of instances."""
    for name, action in ACTIONS.items():
        replace(EC2Response, name, _bound(cloud, action))

    def get_tags(self: Any) -> list[dict[str, str]]:
        return [
            {"key": k, "value": v, "resource_id": self.id}
            for k, v in self.ec2_backend.tags.get(self.id, {}).items()
        ]

    def first_nic(attribute: str) -> property:
        return property(lambda self: getattr(self.nics[0], attribute) if 0 in self.nics else None)

    def private_dns_name(self: Any) -> str:
        if not self.private_ip:
            return ""
        name = "ip-" + self.private_ip.replace(".", "-")
        zone = "ec2.internal" if self.region_name == "us-east-1" else f"{self.region_name}.compute.internal"
        return f"{name}.{zone}"

    def get_instance(self: Any, instance_id: str) -> Any:
        life = cloud.lifecycle.lives.get(instance_id)
        if life is not None and life.backend is self:
            return life.instance
        # During its own launch an instance has no life yet.
        for reservation in reversed(self.reservations.values()):
            for instance in reservation.instances:
                if instance.id == instance_id:
                    return instance
        return checked_lives(cloud, self, [instance_id])

    replace(TaggedEC2Resource, "get_tags", get_tags)
    replace(InstanceBackend, "get_instance", get_instance)
    # A terminated instance has no interface left.
    replace(Instance, "private_ip", first_nic("private_ip_address"))
    replace(Instance, "private_ip_address", first_nic("private_ip_address"))
    replace(Instance, "public_ip", first_nic("public_ip"))
    replace(Instance, "public_ip_address", first_nic("public_ip"))
    replace(Instance, "private_dns_name", property(private_dns_name))


def _bound(cloud: Cloud, action: Any) -> Any:
    def call(self: Any) -> Any:
        return action(cloud, self)

    return call
