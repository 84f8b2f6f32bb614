"""What EC2 would let the caller do, asked without doing it (DryRun)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.instances import LaunchRequest
from benchtui.aws.session import Answer, Cloud

ALLOWED = "DryRunOperation"
#: Well-formed and nobody's: EC2 numbers its instances at random, and this is not one it would choose.
NOBODYS_INSTANCE = "i-00000000000000000"
_DENIED = "UnauthorizedOperation"
_EXPLICIT = re.compile(r"explicit deny", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of a request that was not carried out."""

    allowed: bool | None  # None: EC2 refused it for another reason than rights
    failure: Failure
    explicit: bool = False  # a policy says no; otherwise none says yes


async def rehearse_launch(cloud: Cloud, request: LaunchRequest) -> Rehearsal:
    """Whether the caller may launch this instance.

    Raises:
        CloudError: EC2 did not say.
    """
    params = {name: value for name, value in request.params().items() if name != "ClientToken"}
    return await _rehearse(cloud, request.region, "RunInstances", params, request.instance_type)


async def rehearse_end(cloud: Cloud, region: str, instance_id: str = NOBODYS_INSTANCE) -> Rehearsal:
    """Whether the caller may end an instance; of one that is not there EC2 may say no more than that.

    Raises:
        CloudError: EC2 did not say.
    """
    return await _rehearse(cloud, region, "TerminateInstances", {"InstanceIds": [instance_id]}, instance_id)


async def _rehearse(cloud: Cloud, region: str, operation: str, params: Answer, subject: str) -> Rehearsal:
    try:
        await cloud.call("ec2", region, operation, {**params, "DryRun": True}, subject=subject)
    except CloudError as error:
        failure = error.failure
        if failure.code in (ALLOWED, "InvalidInstanceID.NotFound"):
            return Rehearsal(True, failure)
        if failure.code == _DENIED:
            return Rehearsal(False, failure, bool(_EXPLICIT.search(failure.message)))
        if failure.kind in (FailureKind.THROTTLED, FailureKind.UNKNOWN, FailureKind.DENIED):
            raise
        return Rehearsal(None, failure)
    # AWS answers no dry run with success.
    told = "this endpoint carries out what is only to be tried"
    return Rehearsal(None, Failure(FailureKind.INVALID, "DryRunIgnored", told, region, operation))
