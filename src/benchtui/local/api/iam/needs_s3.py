"""What S3's calls need: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from ...state import ACCOUNT_ID
from ..bucket_tags import tags_at_creation
from ..calls import SUBRESOURCES, Call
from .asked import requested
from .conditions import Value
from .documents import Need

#: Permission by operation, where the two have different names; on the bucket.
ON_BUCKET = {
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "CreateBucket": "CreateBucket",
    "DeleteBucket": "DeleteBucket",
    "GetBucketLocation": "GetBucketLocation",
    "GetBucketPolicy": "GetBucketPolicy",
    "PutBucketPolicy": "PutBucketPolicy",
    "DeleteBucketPolicy": "DeleteBucketPolicy",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketOwnershipControls": "GetBucketOwnershipControls",
    "PutBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetBucketVersioning": "GetBucketVersioning",
    "PutBucketVersioning": "PutBucketVersioning",
    "GetTagging": "GetBucketTagging",
    "PutTagging": "PutBucketTagging",
    "DeleteTagging": "PutBucketTagging",
}
#: The same, on an object.
ON_OBJECT = {
    "GetObject": "GetObject",
    "HeadObject": "GetObject",
    "PutObject": "PutObject",
    "CopyObject": "PutObject",
    "DeleteObject": "DeleteObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload",
    "ListParts": "ListMultipartUploadParts",
}
#: On one version of an object.
ON_VERSION = {
    "GetObject": "GetObjectVersion",
    "HeadObject": "GetObjectVersion",
    "DeleteObject": "DeleteObjectVersion",
}
#: What may stand in a query without making it another operation than the one it is taken for.
_PARAMETERS = frozenset(
    {
        "continuation-token",
        "delete",
        "delimiter",
        "encoding-type",
        "encryption",
        "fetch-owner",
        "lifecycle",
        "list-type",
        "location",
        "marker",
        "max-keys",
        "max-parts",
        "ownershipControls",
        "part-number-marker",
        "partNumber",
        "policy",
        "prefix",
        "publicAccessBlock",
        "start-after",
        "tagging",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "x-id",
    }
)
#: What makes an object, for s3:ObjectCreationOperation; the others that need s3:PutObject do not.
_CREATING = frozenset({"PutObject", "CopyObject", "CompleteMultipartUpload"})
_HEADERS = (
    "if-match",
    "if-none-match",
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
)


def needs_of(call: Call, environ: dict[str, Any]) -> list[Need] | None:
    """What a call to S3 needs; None: it is not known here."""
    if any(name not in _PARAMETERS and not name.startswith("X-Amz-") for name in call.query):
        return None
    if len(SUBRESOURCES.keys() & call.query.keys()) > 1:
        return None
    context = _context(call, environ)
    if not call.bucket:
        return [Need("s3:ListAllMyBuckets", "*", context)]
    bucket = f"arn:aws:s3:::{call.bucket}"
    if call.action == "DeleteObjects":
        return _deletions(call, bucket, context)
    if not call.key:
        permission = ON_BUCKET.get(call.action)
        if permission is None:
            return None
        tags = tags_at_creation(call)
        tagging = [Need("s3:TagResource", bucket, {**context, **requested(tags)})] if tags else []
        return [Need(f"s3:{permission}", bucket, {**context, **requested(tags)}), *tagging]
    permission = (ON_VERSION if "versionId" in call.query else ON_OBJECT).get(call.action)
    if permission is None:
        return None
    needs = [Need(f"s3:{permission}", f"{bucket}/{call.key}", context)]
    if call.action == "CopyObject":
        source = unquote(environ["HTTP_X_AMZ_COPY_SOURCE"]).lstrip("/")
        if "?" in source:
            return None
        needs.append(Need("s3:GetObject", f"arn:aws:s3:::{source}", context))
    return needs


def listing_need(call: Call, environ: dict[str, Any]) -> Need:
    """The right to list: whoever has it may learn that an object is not there."""
    context = _context(call, environ)
    return Need("s3:ListBucket", f"arn:aws:s3:::{call.bucket}", context)


def _deletions(call: Call, bucket: str, context: dict[str, Value]) -> list[Need] | None:
    """One need an object. S3 deletes those that may be deleted; here one that may not refuses the call."""
    try:
        root = ElementTree.fromstring(call.body)  # noqa: S314  (its parser expands no entities from outside)
    except ElementTree.ParseError:
        return None
    needs = []
    for row in root:
        if row.tag.rpartition("}")[2] != "Object":
            continue
        fields = {field.tag.rpartition("}")[2]: field.text or "" for field in row}
        permission = "DeleteObjectVersion" if fields.get("VersionId") else "DeleteObject"
        needs.append(Need(f"s3:{permission}", f"{bucket}/{fields.get('Key', '')}", context))
    return needs or None


def _context(call: Call, environ: dict[str, Any]) -> dict[str, Value]:
    presigned = "X-Amz-Signature" in call.query
    context: dict[str, Value] = {"s3:resourceaccount": ACCOUNT_ID, "aws:resourceaccount": ACCOUNT_ID}
    if call.access_key_id:
        context["s3:authtype"] = "REST-QUERY-STRING" if presigned else "REST-HEADER"
        context["s3:signatureversion"] = "AWS4-HMAC-SHA256"
    for name in _HEADERS:
        value = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
        if value is not None:
            context[f"s3:{name}"] = value.strip('"') if name == "if-match" else value
    sent_hash = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if sent_hash is not None:
        context["s3:x-amz-content-sha256"] = sent_hash
    if call.action in ("ListObjects", "ListObjectsV2"):
        for name in ("prefix", "delimiter", "max-keys"):
            if name in call.query:
                context[f"s3:{name}"] = call.query[name]
    if ON_OBJECT.get(call.action) == "PutObject":
        context["s3:objectcreationoperation"] = "true" if call.action in _CREATING else "false"
    if "versionId" in call.query:
        context["s3:versionid"] = call.query["versionId"]
    if call.action == "CreateBucket":
        place = re.search(rb"<LocationConstraint>([^<]+)</LocationConstraint>", call.body)
        if place:
            context["s3:locationconstraint"] = place[1].decode()
    return context
