"""Kinds of failures and the codes AWS tells them by. Pure: imports no SDK."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from benchtui.aws.actions import missing_action


class FailureKind(StrEnum):
    """What kind of failure it is, which decides what may be done next."""

    THROTTLED = "throttled"  # refused unread: wait, then the same request again
    CAPACITY = "capacity"  # EC2 has none there now: another zone, region, type or hour
    QUOTA = "quota"  # the account's limit: fewer at a time, or ask for more
    DENIED = "denied"  # credentials or permissions
    INVALID = "invalid"  # the request will never be accepted as it is
    MISSING = "missing"  # what it names is not there, or not visible yet
    GONE = "gone"  # the client token's instance was launched and is terminated: never launch it again
    UNKNOWN = "unknown"  # no trustworthy answer: it may or may not have been carried out


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed request; all texts are one printable line."""

    kind: FailureKind
    code: str  # AWS's error code, or the name of the client-side error
    message: str
    region: str | None = None
    operation: str | None = None  # as AWS spells it: RunInstances
    status: int | None = None  # HTTP status of an answer that came
    subject: str | None = None  # what the request was about: a type, a key
    service: str | None = None  # the SDK's name: ec2, s3

    def __str__(self) -> str:
        return f"{self.kind}: {self.request}: {self.code}: {self.message}"

    @property
    def signed_out(self) -> bool:
        """Whether the credentials were good and have expired: the same request passes after a new sign-in."""
        return self.code in _EXPIRED

    @property
    def missing_action(self) -> str | None:
        """The IAM action whose lack led to this, of a refusal; None: it was no refusal, or nobody knows."""
        if self.kind is not FailureKind.DENIED or self.status is None:
            return None
        return missing_action(self.message, self.service, self.operation)

    @property
    def request(self) -> str:
        """The request in words: RunInstances of c7g.large in us-east-1."""
        of = f" of {self.subject}" if self.subject else ""
        where = f" in {self.region}" if self.region else ""
        return f"{self.operation or 'request'}{of}{where}"


# EC2's codes and their meaning: https://docs.aws.amazon.com/ec2/latest/devguide/errors-overview.html
_THROTTLED = frozenset(
    {
        "RequestLimitExceeded",  # EC2, HTTP 503
        "EC2ThrottledException",
        "SlowDown",  # S3, HTTP 503
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestThrottled",
        "RequestThrottledException",
        "Throttling",  # common errors of every query API
        "ThrottlingException",  # JSON APIs: SSM, Pricing
        "ThrottledException",
        "TooManyRequestsException",
        "LimitExceededException",  # listed as throttling by botocore/retries/standard.py
        "TooManyUpdates",  # SSM
    }
)
_CAPACITY = frozenset(
    {
        "InsufficientInstanceCapacity",  # HTTP 500: a code outranks its status
        "InsufficientCapacity",
        "InsufficientHostCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientReservedInstancesCapacity",
        "InsufficientCapacityOnHost",
        "InsufficientVolumeCapacity",
        "InsufficientAddressCapacity",
        "InsufficientFreeAddressesInSubnet",  # another subnet, hence another zone, may have some
        "ReservationCapacityExceeded",
        "UnfulfillableCapacity",
        "SpotMaxPriceTooLow",
        # "Your requested instance type (…) is not supported in your requested Availability Zone (…)": sold in
        # some zones only. The code's other uses fail in every zone as well, after a bounded number of tries.
        "Unsupported",
    }
)
_QUOTA = frozenset(
    {
        "InstanceLimitExceeded",
        "VcpuLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "MaxSpotFleetRequestCountExceeded",
        "VolumeLimitExceeded",
        "MaxIOPSLimitExceeded",
        "NetworkInterfaceLimitExceeded",
        "AddressLimitExceeded",
        "ResourceLimitExceeded",
        "PendingVerification",  # a new account's launches wait for a check by AWS
        "ServiceQuotaExceededException",
    }
)
_DENIED = frozenset(
    {
        "UnauthorizedOperation",  # EC2
        "AccessDenied",  # S3, STS
        "AccessDeniedException",  # JSON APIs
        "AllAccessDisabled",
        "AccountProblem",
        "AuthFailure",  # EC2: credentials could not be validated
        "AuthorizationHeaderMalformed",
        "Blocked",  # the account is
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidToken",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "NotSignedUp",
        "OptInRequired",  # no subscription to the service, or the region is not enabled
        "RequestExpired",  # temporary credentials, or this machine's clock
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
        "403",  # what moto and some proxies name it; also a HEAD, which has no body to carry a code
        "401",
    }
)
_MISSING = frozenset(
    {
        "404",  # HEAD
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchKey",
        "NoSuchVersion",
        "NotFound",
        "ParameterNotFound",
        "ParameterVersionNotFound",
        "ResourceNotFoundException",
    }
)
#: An answer came, but from a server in trouble: nothing says what it did before.
_UNKNOWN = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "InternalServiceErrorException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
        "RequestTimeout",
        "RequestTimeoutException",
        "OperationAborted",  # S3: a conflicting operation is in progress
        "ConditionalRequestConflict",  # S3, HTTP 409: a race, to be repeated
    }
)
#: Of AWS, and errors of the SDK for a session of IAM Identity Center or of `aws login` that is over. EC2 says
#: RequestExpired of credentials and of a wrong clock alike (github.com/aws/aws-sdk-go/pull/253).
_EXPIRED = frozenset(
    {
        "ExpiredToken",
        "RequestExpired",
        "ExpiredTokenException",
        "TokenRefreshRequired",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
        "TokenRetrievalError",
        "LoginRefreshRequired",
        "LoginTokenLoadError",
    }
)
_GONE = frozenset({"IdempotentInstanceTerminated"})  # since January 2025, see boto/boto3#4406

_BY_CODE = (
    (_THROTTLED, FailureKind.THROTTLED),
    (_CAPACITY, FailureKind.CAPACITY),
    (_QUOTA, FailureKind.QUOTA),
    (_DENIED, FailureKind.DENIED),
    (_GONE, FailureKind.GONE),
    (_MISSING, FailureKind.MISSING),
    (_UNKNOWN, FailureKind.UNKNOWN),
)
_KIND = {code: kind for codes, kind in _BY_CODE for code in codes}

RETRY_READS = frozenset({FailureKind.THROTTLED, FailureKind.UNKNOWN})
#: For requests that must not be repeated while it is unclear whether the first one was carried out.
RETRY_REFUSED = frozenset({FailureKind.THROTTLED})


def kind_of_answer(code: str, status: int | None) -> FailureKind:
    """Kind of an error that AWS answered with: by its code, or by the HTTP status of an unknown code."""
    bare = code.removeprefix("Server.").removeprefix("Client.")  # as EC2 writes codes in state reasons
    if bare in _KIND:
        return _KIND[bare]
    # InvalidInstanceID.NotFound, InvalidAMIID.NotFound, InvalidAMIID.Unavailable, …
    if bare.endswith((".NotFound", ".Unavailable")):
        return FailureKind.MISSING
    # Names change, the numbers less: LimitExceeded and Insufficient stand for families of codes.
    if bare.endswith(("LimitExceeded", "LimitExceededException")):
        return FailureKind.QUOTA
    if bare.startswith("Insufficient") and bare.endswith("Capacity"):
        return FailureKind.CAPACITY
    if status is None or status >= 500 or status == 408:
        return FailureKind.UNKNOWN
    if status == 429:
        return FailureKind.THROTTLED
    if status in (401, 403):
        return FailureKind.DENIED
    if status == 404:
        return FailureKind.MISSING
    return FailureKind.INVALID
