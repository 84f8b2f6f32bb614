"""Errors in the wire format of each AWS protocol."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from xml.sax.saxutils import escape

from moto.ec2.exceptions import EC2ClientError

JSON_SERVICES = frozenset({"ssm", "servicequotas", "pricing", "scheduler", "logs"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def ec2_error(code: str, message: str) -> EC2ClientError:
    """An exception that moto turns into EC2's error document with HTTP status 400 (or the code's own)."""
    return EC2ClientError(code, message)


def json_reply(body: object, status: int = 200) -> Reply:
    """A JSON document as AWS's JSON protocol and our private routes send it."""
    return Reply(status, (("Content-Type", "application/x-amz-json-1.1"),), json.dumps(body).encode())


def error_reply(service: str, code: str, message: str, status: int) -> Reply:
    """An error document of `service` (its signing name) that every SDK parses."""
    request_id = str(uuid.uuid4())
    if service in JSON_SERVICES:
        return Reply(
            status,
            (("Content-Type", "application/x-amz-json-1.1"), ("X-Amzn-ErrorType", code)),
            json.dumps({"__type": code, "message": message, "Message": message}).encode(),
        )
    code, message = escape(code), escape(message)
    if service == "ec2":
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    elif service == "s3":
        body = (
            f"<Error><Code>{code}</Code><Message>{message}</Message>"
            f"<RequestId>{request_id}</RequestId></Error>"
        )
    else:
        body = (
            ""
            ""
            ""
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    document = f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode()
    return Reply(status, (("Content-Type", "application/xml"), ("x-amzn-RequestId", request_id)), document)
