"""What went wrong at AWS, sorted by what may be done about it; botocore's errors end here.

Every function of this package raises `CloudError` and nothing else about the cloud.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from random import Random
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    LoginError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from benchtui.aws.failures import RETRY_READS, RETRY_REFUSED, Failure, FailureKind, kind_of_answer
from benchtui.aws.sdk import aiohttp
from benchtui.core.errors import AccessError, BenchtuiError, UsageError
from benchtui.core.text import clean_line

__all__ = [
    "RAISED_BY_SDK",
    "RETRY_READS",
    "RETRY_REFUSED",
    "CloudAccessError",
    "CloudError",
    "CloudUsageError",
    "Failure",
    "FailureKind",
    "UnusableAnswer",
    "classify",
    "to_user_error",
    "with_retries",
]

T = TypeVar("T")


_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    NoAuthTokenError,
    ProfileNotFound,
    SSOError,  # SSOTokenLoadError, UnauthorizedSSOTokenError
    LoginError,
    TokenRetrievalError,
)
_NO_ANSWER = (
    ConnectionError,
    HTTPClientError,
    ResponseParserError,  # not a BotoCoreError; truncated XML, or a page of HTML
    aiohttp.ClientError,
    TimeoutError,
    OSError,
)
#: What a call through an SDK client can raise; everything else is a mistake in this program.
RAISED_BY_SDK = (ClientError, BotoCoreError, *_NO_ANSWER)

# EC2 appends this to UnauthorizedOperation, up to several kB of it.
_ENCODED = re.compile(r"\s*Encoded authorization failure message:.*", re.DOTALL)


class CloudError(BenchtuiError):
    """A failed request to AWS, with what happened and what to do about it."""

    def __init__(self, failure: Failure) -> None:
        what, fix = _words(failure)
        super().__init__(what, fix)
        self.failure = failure


class CloudAccessError(CloudError, AccessError):
    """Credentials, permission or quota stand in the way."""


class CloudUsageError(CloudError, UsageError):
    """What was asked for does not exist or is not accepted as given."""


class UnusableAnswer(Exception):
    """An answer came with success and lacks what it has to hold: as good as none."""


def classify(
    error: BaseException,
    *,
    region: str | None = None,
    operation: str | None = None,
    subject: str | None = None,
    service: str | None = None,
) -> Failure:
    """What kind of failure ``error`` is.

    Args:
        error: what an SDK client raised, or a `CloudError`, whose failure is returned.
        region, operation, subject, service: of the request, where the error does not know.

    An error that none of the rules knows is UNKNOWN: the cautious reading of a request whose outcome
    nobody knows.
    """
    if isinstance(error, CloudError):
        return _completed(error.failure, region, operation, subject, service)
    if isinstance(error, ClientError):
        return _completed(_classify_answer(error), region, operation, subject, service)
    if isinstance(error, _NO_CREDENTIALS):
        kind = FailureKind.DENIED
    elif isinstance(error, BotoCoreError) and not isinstance(error, _NO_ANSWER):
        kind = FailureKind.INVALID  # refused by the SDK before anything was sent
    else:
        kind = FailureKind.UNKNOWN
    message = clean_line(" ".join(str(error).split()) or "no answer in time", 300)
    return Failure(kind, type(error).__name__, message, region, operation, subject=subject, service=service)


def _completed(
    failure: Failure, region: str | None, operation: str | None, subject: str | None, service: str | None
) -> Failure:
    return replace(
        failure,
        region=failure.region or region,
        operation=failure.operation or operation,
        subject=failure.subject or subject,
        service=failure.service or service,
    )


def _classify_answer(error: ClientError) -> Failure:
    answer = error.response
    detail = answer.get("Error", {})
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = clean_line(str(detail.get("Code") or status or "no code"), 80)
    message = _ENCODED.sub("", " ".join(str(detail.get("Message") or "").split()))
    return Failure(
        kind_of_answer(code, status),
        code,
        clean_line(message, 300),
        operation=clean_line(error.operation_name, 80),
        status=status,
    )


def to_user_error(failure: Failure) -> CloudError:
    """The failure as an error for the user: what happened where, and which setting or command helps.

    DENIED and QUOTA become an `AccessError` as well (exit code 3), INVALID and MISSING a `UsageError`
    (exit code 2).
    """
    if failure.kind in (FailureKind.DENIED, FailureKind.QUOTA):
        return CloudAccessError(failure)
    if failure.kind in (FailureKind.INVALID, FailureKind.MISSING):
        return CloudUsageError(failure)
    return CloudError(failure)


_FIX_BY_CODE = {
    NoCredentialsError.__name__: (
        "sign in (aws sso login, aws configure), or name a profile in [aws] profile or AWS_PROFILE"
    ),
    PartialCredentialsError.__name__: (
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY both, or neither and [aws] profile"
    ),
    ProfileNotFound.__name__: (
        "correct [aws] profile or AWS_PROFILE; `aws configure list-profiles` shows those there are"
    ),
    "OptInRequired": (
        "enable the region or the service in the account's settings, or take it out of [aws] regions"
    ),
    "AuthFailure": "check the credentials; a region that is not enabled has to leave [aws] regions",
    "RequestExpired": "sign in again (aws sso login), or set this machine's clock right if it is wrong",
    "RequestTimeTooSkewed": "set this machine's clock right",
    "NoSuchBucket": "make it: benchtui setup; or correct [aws] bucket",
    "InvalidAMIID.NotFound": "correct [instance] image: an AMI belongs to one region",
    "InvalidAMIID.Malformed": "correct [instance] image",
    "InvalidAMIID.Unavailable": "choose another image in [instance] image",
    "ImageName": "correct [instance] image",
    "ImageArchitecture": "give an image per architecture: [instance.image] x86_64 = …, arm64 = …",
    "ImageRootDevice": "choose an image with an EBS root volume in [instance] image",
    "ParameterNotFound": "choose another image in [instance] image, or give an AMI id of your own",
    "InvalidSubnetID.NotFound": "correct [aws] subnet: a subnet belongs to one region",
    "InvalidGroup.NotFound": "make it: benchtui setup; or correct [aws] security_group",
    "InvalidGroupId.Malformed": "correct [aws] security_group",
    "InvalidInstanceType": "correct [plan] types: the region does not know it",
    "VPCIdNotSpecified": "name a subnet in [aws] subnet: the region has no default VPC",
    "InsufficientFreeAddressesInSubnet": "name a larger subnet in [aws] subnet, or run fewer jobs at a time",
    "PendingVerification": "wait for AWS to verify the account, usually minutes, then run again",
}
_FIX_BY_KIND = {
    FailureKind.THROTTLED: "wait a minute, or lower [safety] launch_concurrency",
    FailureKind.CAPACITY: "put another region first in [aws] regions, choose another type, or wait a while",
    FailureKind.QUOTA: (
        "run fewer vCPUs at a time ([safety] launch_concurrency, [plan] replicates), or raise the quota: "
        "Service Quotas, Amazon EC2"
    ),
    FailureKind.UNKNOWN: "check the network and AWS_ENDPOINT_URL, then ask again",
    FailureKind.GONE: "nothing: it ran and has ended; a new run launches a new one",
}


def _words(failure: Failure) -> tuple[str, str | None]:
    """What happened and how to go on."""
    said = failure.request
    reason = f"{failure.code}: {failure.message}" if failure.message else failure.code
    what = {
        FailureKind.THROTTLED: f"throttled: AWS limits the rate of {said} ({reason})",
        FailureKind.CAPACITY: f"capacity: {said} refused ({reason})",
        FailureKind.QUOTA: f"quota: {said} refused ({reason})",
        FailureKind.DENIED: f"denied: {said} ({reason})",
        FailureKind.INVALID: f"invalid: {said} ({reason})",
        FailureKind.MISSING: f"missing: {said} ({reason})",
        FailureKind.GONE: f"gone: {said}: this instance was launched before and is terminated",
        FailureKind.UNKNOWN: f"unknown: no usable answer to {said} ({reason})",
    }[failure.kind]
    return what, _fix(failure)


def _fix(failure: Failure) -> str | None:
    if failure.code in _FIX_BY_CODE:
        return _FIX_BY_CODE[failure.code]
    if failure.signed_out:
        return "sign in again: aws sso login, with --profile as in [aws] profile"
    if "IAM Instance Profile" in failure.message or "iamInstanceProfile" in failure.message:
        return "make it: benchtui setup; or correct [aws] instance_profile"
    if failure.kind is FailureKind.DENIED and failure.status is not None:
        action = failure.missing_action or "this action"
        return (
            f"allow {action} to these credentials (benchtui setup --print-policies shows the policies), "
            "or change [aws] profile"
        )
    if failure.kind is FailureKind.DENIED:
        return "check the credentials: aws sts get-caller-identity, [aws] profile, AWS_PROFILE"
    return _FIX_BY_KIND.get(failure.kind)


async def with_retries(
    call: Callable[[], Awaitable[T]],
    *,
    tries: int,
    random: Random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    retry_on: AbstractSet[FailureKind] = RETRY_READS,
    base_seconds: float = 0.5,
    cap_seconds: float = 20.0,
) -> T:
    """What ``call()`` returns, tried up to ``tries`` times.

    Between tries it waits a random time, uniform in 0 … min(cap, base · 2^n) seconds ("full jitter"), so
    that many clients refused together do not come back together. Deterministic under a seeded ``random``
    and an own ``sleep``.

    Raises:
        CloudError: the failure of the last try, or the first one whose kind is not in ``retry_on``.
    """
    for attempt in range(tries):
        try:
            return await call()
        except CloudError as error:
            if error.failure.kind not in retry_on or attempt + 1 >= tries:
                raise
        await sleep(random.uniform(0, min(cap_seconds, base_seconds * 2**attempt)))
    raise ValueError("tries must be at least 1")
