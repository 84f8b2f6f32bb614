"""What an HTTP request asks for: service, action, region, parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
SERVICE_OF_TARGET = {
    "AmazonSSM": "ssm",
    "ServiceQuotasV20190624": "servicequotas",
    "AWSPriceListService": "pricing",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API.

    Attributes:
        service: signing name (`ec2`, `s3`, `ssm`, …); an unsigned request counts as S3, as S3 alone allows
            them.
        action: operation name as the SDK knows it (`RunInstances`, `PutObject`).
        region: from the signature's scope.
        access_key_id: from the signature; empty when unsigned.
        parameters: form parameters (query protocols), or Bucket and Key of S3.
        body: the whole request body.
    """

    service: str
    action: str
    region: str
    access_key_id: str
    method: str
    path: str
    query: dict[str, str]
    parameters: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def bucket(self) -> str:
        return self.parameters.get("Bucket", "") if self.service == "s3" else ""

    @property
    def key(self) -> str:
        return self.parameters.get("Key", "") if self.service == "s3" else ""


def parse_call(environ: dict[str, Any], body: bytes) -> Call:
    """Read a call from a WSGI environment and its body; what is not understood is an S3 path."""
    method = environ["REQUEST_METHOD"]
    path = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) or SCOPE.search(
        "Credential=" + query.get("X-Amz-Credential", "")
    )
    access_key_id, region, service = scope.groups() if scope else ("", "us-east-1", "")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    form: dict[str, str] = {}
    if service != "s3" and environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif service not in ("", "s3"):
        form = query
    if target:
        prefix, _, action = target.partition(".")
        return Call(
            SERVICE_OF_TARGET.get(prefix, service),
            action,
            region,
            access_key_id,
            method,
            path,
            query,
            form,
            body,
        )
    if service == "scheduler":
        action, parameters = scheduler_action(method, path)
        return Call(service, action, region, access_key_id, method, path, query, parameters | query, body)
    if service in ("", "s3") and not (service == "" and method == "POST" and "Action" in form):
        bucket, _, key = path.lstrip("/").partition("/")
        owner = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", "")
        parameters = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": owner}
        action = s3_action(method, bucket, key, query, environ)
        return Call("s3", action, region, access_key_id, method, path, query, parameters, body)
    return Call(service, form.get("Action", ""), region, access_key_id, method, path, query, form, body)


SCHEDULER_VERBS = {"GET": "Get", "POST": "Create", "PUT": "Update", "DELETE": "Delete"}


def scheduler_action(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Operation name and path parameters of a request to EventBridge Scheduler, whose protocol is REST."""
    kind, _, name = path.strip("/").partition("/")
    nouns = {"schedules": "Schedule", "schedule-groups": "ScheduleGroup"}
    noun = nouns.get(kind, kind)
    if not name:
        return f"List{noun}s", {}
    return SCHEDULER_VERBS.get(method, method) + noun, {"Name": name}


SUBRESOURCES = {
    "versioning": "BucketVersioning",
    "encryption": "BucketEncryption",
    "publicAccessBlock": "PublicAccessBlock",
    "policy": "BucketPolicy",
    "lifecycle": "BucketLifecycleConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "tagging": "Tagging",
    "acl": "Acl",
    "cors": "BucketCors",
    "location": "BucketLocation",
}
VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete", "HEAD": "Head", "POST": "Post"}


def s3_action(method: str, bucket: str, key: str, query: dict[str, str], environ: dict[str, Any]) -> str:
    """Operation name of an S3 request in path style, as far as fault rules and the log need it."""
    verb = VERBS.get(method, method)
    if not bucket:
        return "ListBuckets"
    for subresource, noun in SUBRESOURCES.items():
        if subresource in query:
            return verb + noun
    if not key:
        plain = {"GET": "ListObjects", "PUT": "CreateBucket", "DELETE": "DeleteBucket", "HEAD": "HeadBucket"}
        if "list-type" in query:
            return "ListObjectsV2"
        if method == "POST" and "delete" in query:
            return "DeleteObjects"
        if method == "GET" and "uploads" in query:
            return "ListMultipartUploads"
        return plain.get(method, verb)
    if "uploadId" in query:
        parts = {
            "PUT": "UploadPart",
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
            "GET": "ListParts",
        }
        return parts.get(method, verb)
    if method == "POST" and "uploads" in query:
        return "CreateMultipartUpload"
    if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ:
        return "CopyObject"
    return verb + "Object"
