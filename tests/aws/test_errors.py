import asyncio
from random import Random
from typing import Any

import aiohttp
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    ResponseStreamingError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

from benchtui.aws.errors import (
    CloudError,
    Failure,
    FailureKind,
    UnusableAnswer,
    classify,
    to_user_error,
    with_retries,
)
from benchtui.aws.failures import RETRY_REFUSED
from benchtui.core.errors import AccessError, ExitCode, UsageError

URL = "https://ec2.us-east-1.amazonaws.com/"


def answered(
    code: str, status: int = 400, message: str = "no", operation: str = "RunInstances"
) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("RequestLimitExceeded", 503, "throttled"),
        ("Throttling", 400, "throttled"),
        ("ThrottlingException", 400, "throttled"),
        ("SlowDown", 503, "throttled"),
        ("TooManyRequestsException", 429, "throttled"),
        ("SomethingNew", 429, "throttled"),
        ("InsufficientInstanceCapacity", 500, "capacity"),
        ("Server.InsufficientInstanceCapacity", 500, "capacity"),
        ("InsufficientHostCapacity", 400, "capacity"),
        ("InsufficientReservedInstanceCapacity", 400, "capacity"),
        ("InsufficientFreeAddressesInSubnet", 400, "capacity"),
        ("InsufficientQuantumCapacity", 500, "capacity"),
        ("Unsupported", 400, "capacity"),
        ("InstanceLimitExceeded", 400, "quota"),
        ("VcpuLimitExceeded", 400, "quota"),
        ("MaxSpotInstanceCountExceeded", 400, "quota"),
        ("PendingVerification", 400, "quota"),
        ("FutureThingLimitExceeded", 400, "quota"),
        ("UnauthorizedOperation", 403, "denied"),
        ("AccessDenied", 403, "denied"),
        ("AccessDeniedException", 400, "denied"),
        ("AuthFailure", 401, "denied"),
        ("OptInRequired", 401, "denied"),
        ("InvalidClientTokenId", 403, "denied"),
        ("ExpiredToken", 400, "denied"),
        ("RequestExpired", 400, "denied"),
        ("SignatureDoesNotMatch", 403, "denied"),
        ("403", 403, "denied"),
        ("NameOfTheFuture", 403, "denied"),
        ("InvalidInstanceID.NotFound", 400, "missing"),
        ("InvalidAMIID.NotFound", 400, "missing"),
        ("InvalidAMIID.Unavailable", 400, "missing"),
        ("NoSuchKey", 404, "missing"),
        ("NoSuchBucket", 404, "missing"),
        ("ParameterNotFound", 400, "missing"),
        ("404", 404, "missing"),
        ("IdempotentInstanceTerminated", 400, "gone"),
        ("IdempotentParameterMismatch", 400, "invalid"),
        ("InvalidParameterValue", 400, "invalid"),
        ("InvalidInstanceType", 400, "invalid"),
        ("OperationNotPermitted", 400, "invalid"),
        ("PreconditionFailed", 412, "invalid"),
        ("ConditionalRequestConflict", 409, "unknown"),
        ("InternalError", 500, "unknown"),
        ("ServiceUnavailable", 503, "unknown"),
        ("Unavailable", 503, "unknown"),
        ("RequestTimeout", 400, "unknown"),
        ("500", 500, "unknown"),
        ("NameOfTheFuture", 502, "unknown"),
    ],
)
def test_an_answer_is_sorted_by_its_code_then_by_its_status(code: str, status: int, kind: str) -> None:
    failure = classify(answered(code, status), region="eu-west-1")
    assert (failure.kind, failure.code) == (kind, code)
    assert (failure.region, failure.operation, failure.status) == ("eu-west-1", "RunInstances", status)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EndpointConnectionError(endpoint_url=URL), "unknown"),
        (ConnectTimeoutError(endpoint_url=URL), "unknown"),
        (ReadTimeoutError(endpoint_url=URL), "unknown"),
        (ConnectionClosedError(endpoint_url=URL), "unknown"),
        (HTTPClientError(error="?"), "unknown"),
        (ResponseStreamingError(error="cut"), "unknown"),
        (ResponseParserError("not XML"), "unknown"),
        (aiohttp.ClientPayloadError("cut"), "unknown"),
        (TimeoutError(), "unknown"),
        (ConnectionResetError(104, "reset"), "unknown"),
        (UnusableAnswer("no Reservations"), "unknown"),
        (NoCredentialsError(), "denied"),
        (PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"), "denied"),
        (CredentialRetrievalError(provider="process", error_msg="exit 1"), "denied"),
        (ProfileNotFound(profile="lab"), "denied"),
        (SSOTokenLoadError(error_msg="none"), "denied"),
        (UnauthorizedSSOTokenError(), "denied"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "denied"),
        (ParamValidationError(report="Unknown parameter"), "invalid"),
        (NoRegionError(), "invalid"),
    ],
)
def test_an_error_without_an_answer_is_sorted_by_where_it_arose(error: Exception, kind: str) -> None:
    failure = classify(error, region="us-east-1", operation="RunInstances")
    assert failure.kind == kind
    assert failure.message
    assert failure.status is None


def test_a_failure_can_be_classified_again() -> None:
    failure = classify(answered("VcpuLimitExceeded"))
    again = classify(to_user_error(failure), region="us-west-2", operation="Other")
    assert (again.kind, again.region, again.operation) == ("quota", "us-west-2", "RunInstances")


def test_text_of_aws_becomes_one_harmless_line_without_the_encoded_part() -> None:
    said = "You are not\nallowed \x1b[31m. Encoded authorization failure message: " + "x" * 5000
    assert classify(answered("UnauthorizedOperation", 403, said)).message == "You are not allowed \ufffd[31m."
    assert len(classify(answered("InvalidParameterValue", message="y" * 5000)).message) == 300


def test_an_answer_without_code_or_status_is_unknown() -> None:
    assert classify(ClientError({}, "RunInstances")).kind is FailureKind.UNKNOWN


@pytest.mark.parametrize(
    ("error", "exit_code", "class_", "fix"),
    [
        (NoCredentialsError(), ExitCode.DENIED, AccessError, "[aws] profile"),
        (UnauthorizedSSOTokenError(), ExitCode.DENIED, AccessError, "aws sso login"),
        (answered("ExpiredToken"), ExitCode.DENIED, AccessError, "aws sso login"),
        (ProfileNotFound(profile="lab"), ExitCode.DENIED, AccessError, "[aws] profile"),
        (answered("UnauthorizedOperation", 403), ExitCode.DENIED, AccessError, "allow RunInstances"),
        (answered("OptInRequired", 401), ExitCode.DENIED, AccessError, "[aws] regions"),
        (answered("RequestExpired"), ExitCode.DENIED, AccessError, "clock"),
        (answered("VcpuLimitExceeded"), ExitCode.DENIED, AccessError, "Service Quotas"),
        (answered("InvalidGroup.NotFound"), ExitCode.USAGE, UsageError, "[aws] security_group"),
        (answered("InvalidAMIID.NotFound"), ExitCode.USAGE, UsageError, "[instance] image"),
        (answered("NoSuchBucket", 404), ExitCode.USAGE, UsageError, "[aws] bucket"),
        (
            answered(
                "InvalidParameterValue", 400, "Value (x) for parameter iamInstanceProfile.name is invalid"
            ),
            ExitCode.USAGE,
            UsageError,
            "[aws] instance_profile",
        ),
        (
            answered("InsufficientInstanceCapacity", 500),
            ExitCode.BENCHMARK_FAILED,
            CloudError,
            "another region",
        ),
        (
            EndpointConnectionError(endpoint_url=URL),
            ExitCode.BENCHMARK_FAILED,
            CloudError,
            "AWS_ENDPOINT_URL",
        ),
    ],
)
def test_a_user_is_told_what_where_and_which_setting_helps(
    error: Exception, exit_code: ExitCode, class_: type[Exception], fix: str
) -> None:
    told = to_user_error(classify(error, region="eu-north-1", operation="RunInstances"))
    assert isinstance(told, class_)
    assert told.exit_code is exit_code
    assert "eu-north-1" in told.what
    assert "RunInstances" in told.what
    assert told.fix is not None
    assert fix in told.fix
    assert "\n" not in told.what + told.fix


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_has_words(kind: FailureKind) -> None:
    told = to_user_error(Failure(kind, "Code", "message", "us-east-1", "RunInstances"))
    assert told.what.startswith(f"{kind}: ")


class Script:
    """Fails as listed, then succeeds; sleeps without sleeping."""

    def __init__(self, *kinds: FailureKind) -> None:
        self.kinds = list(kinds)
        self.calls = 0
        self.slept: list[float] = []

    async def call(self) -> str:
        self.calls += 1
        if self.kinds:
            raise to_user_error(Failure(self.kinds.pop(0), "Code", "message"))
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_throttles_and_lost_answers_are_tried_again_with_growing_jitter() -> None:
    script = Script(FailureKind.THROTTLED, FailureKind.UNKNOWN, FailureKind.THROTTLED)
    assert await with_retries(script.call, tries=4, random=Random(1), sleep=script.sleep) == "done"
    assert script.calls == 4
    expected = Random(1)
    assert script.slept == [expected.uniform(0, most) for most in (0.5, 1.0, 2.0)]


async def test_the_wait_is_capped() -> None:
    script = Script(*[FailureKind.THROTTLED] * 11)
    await with_retries(script.call, tries=12, random=Random(2), sleep=script.sleep, cap_seconds=3)
    assert max(script.slept) <= 3


async def test_the_last_failure_is_raised_when_tries_are_used_up() -> None:
    script = Script(*[FailureKind.THROTTLED] * 3)
    with pytest.raises(CloudError):
        await with_retries(script.call, tries=3, random=Random(1), sleep=script.sleep)
    assert (script.calls, len(script.slept)) == (3, 2)


@pytest.mark.parametrize("kind", [FailureKind.CAPACITY, FailureKind.DENIED, FailureKind.UNKNOWN])
async def test_other_failures_are_raised_at_once(kind: FailureKind) -> None:
    script = Script(kind)
    with pytest.raises(CloudError):
        await with_retries(script.call, tries=3, random=Random(1), sleep=script.sleep, retry_on=RETRY_REFUSED)
    assert script.calls == 1


async def test_cancellation_is_not_a_failure() -> None:
    async def call() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await with_retries(call, tries=3, random=Random(1))
