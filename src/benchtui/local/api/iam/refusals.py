"""How each service says no: to a signature, and to a call that no policy allows."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import JSON_SERVICES, Reply, error_reply
from .signatures import Unverified

#: Every key id, secret, signature and token that EC2 does not like it answers with the same words.
_EC2 = ("AuthFailure", 401, "AWS was not able to validate the provided access credentials")
_INVALID = "The security token included in the request is invalid."
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method."
)
_UNSIGNED = "Request is missing Authentication Token"

# reason → S3, EC2, JSON services, query services (IAM, STS): code, HTTP status, message
_Answer = tuple[str, int, str]
_SIGNATURES: dict[str, tuple[_Answer, _Answer, _Answer, _Answer]] = {
    "missing": (
        ("AccessDenied", 403, "Access Denied"),
        _EC2,
        ("MissingAuthenticationTokenException", 403, _UNSIGNED),
        ("MissingAuthenticationToken", 403, _UNSIGNED),
    ),
    "malformed": (
        ("AuthorizationHeaderMalformed", 400, ""),
        ("AuthFailure", 401, ""),
        ("IncompleteSignatureException", 403, ""),
        ("IncompleteSignature", 403, ""),
    ),
    "unknown-key": (
        ("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records."),
        _EC2,
        ("UnrecognizedClientException", 403, _INVALID),
        ("InvalidClientTokenId", 403, _INVALID),
    ),
    "mismatch": (
        ("SignatureDoesNotMatch", 403, _MISMATCH),
        _EC2,
        ("InvalidSignatureException", 403, _MISMATCH),
        ("SignatureDoesNotMatch", 403, _MISMATCH),
    ),
    "headers": (
        ("AccessDenied", 403, ""),
        _EC2,
        ("InvalidSignatureException", 403, ""),
        ("SignatureDoesNotMatch", 403, ""),
    ),
    "skew": (
        (
            "RequestTimeTooSkewed",
            403,
            "The difference between the request time and the current time is too large.",
        ),
        ("RequestExpired", 400, "Request has expired."),
        ("InvalidSignatureException", 403, ""),
        ("SignatureDoesNotMatch", 403, ""),
    ),
    "presigned-expired": (
        ("AccessDenied", 403, "Request has expired"),
        ("RequestExpired", 400, "Request has expired."),
        ("InvalidSignatureException", 403, "Signature expired"),
        ("SignatureDoesNotMatch", 403, "Signature expired"),
    ),
    "token": (
        ("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
        _EC2,
        ("UnrecognizedClientException", 403, _INVALID),
        ("InvalidClientTokenId", 403, _INVALID),
    ),
    "expired": (
        ("ExpiredToken", 400, "The provided token has expired."),
        ("RequestExpired", 400, "Request has expired."),
        ("ExpiredTokenException", 403, "The security token included in the request is expired"),
        ("ExpiredToken", 403, "The security token included in the request is expired"),
    ),
    "payload": (
        ("InvalidRequest", 400, ""),
        _EC2,
        ("InvalidSignatureException", 403, ""),
        ("SignatureDoesNotMatch", 403, ""),
    ),
    "payload-mismatch": (
        (
            "XAmzContentSHA256Mismatch",
            400,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        _EC2,
        ("InvalidSignatureException", 403, _MISMATCH),
        ("SignatureDoesNotMatch", 403, _MISMATCH),
    ),
}


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a call is not allowed.

    Attributes:
        caller: ARN, or ``anonymous``.
        permission: the action that is missing: ``ec2:CreateTags``.
        resource: ARN, or ``*``.
        because: the end of AWS's sentence.
    """

    caller: str
    permission: str
    resource: str
    because: str

    def sentence(self, quoted: bool = False) -> str:
        """As AWS says it; S3 puts the resource in quotes."""
        resource = f'"{self.resource}"' if quoted else self.resource
        return (
            f"User: {self.caller} is not authorized to perform: {self.permission} on resource: {resource} "
            f"{self.because}"
        )


def signature_reply(service: str, problem: Unverified) -> Reply:
    """The answer to a request whose signature does not hold."""
    kind = {"s3": 0, "ec2": 1}.get(service, 2 if service in JSON_SERVICES else 3)
    code, status, message = _SIGNATURES[problem.reason][kind]
    return error_reply(service, code, message or problem.detail, status)


def denial_reply(service: str, denial: Denial) -> Reply:
    """The answer to a call that is not allowed."""
    if service == "ec2":
        message = f"You are not authorized to perform this operation. {denial.sentence()}"
        return error_reply("ec2", "UnauthorizedOperation", message, 403)
    if service == "s3":
        named = denial.caller != "anonymous"
        return error_reply("s3", "AccessDenied", denial.sentence(True) if named else "Access Denied", 403)
    if service in JSON_SERVICES:
        status = 403 if service == "scheduler" else 400
        return error_reply(service, "AccessDeniedException", denial.sentence(), status)
    return error_reply(service, "AccessDenied", denial.sentence(), 403)
