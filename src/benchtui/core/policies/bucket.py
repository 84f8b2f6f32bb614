"""The bucket's own policy: what nobody may do, whatever else they were given."""

from __future__ import annotations

from benchtui.core.policies.model import BUCKET_POLICY_LIMIT, Effect, Policy, Statement
from benchtui.core.policies.scope import Scope

#: Everything but heartbeats and the record of the last reaping, which are overwritten.
WRITTEN_ONCE = (
    "benchmarks/*/run.json",
    "benchmarks/*/events/*",
    "benchmarks/*/jobs/*",
    "benchmarks/*/reservations/*",
    "benchmarks/*/control/*",
    "payloads/*",
    "safety/drills/*",
    "history/*",
)


def bucket_policy(scope: Scope) -> Policy:
    """TLS only, and write-once for everything under ``benchmarks/`` but heartbeats.

    The form is that of the Amazon S3 User Guide, "Enforce conditional writes on Amazon S3 buckets": uploads
    in parts are let through up to the request that completes them, which needs the header as well.
    """
    return Policy(
        "bucket-policy",
        "What the bucket refuses to everyone.",
        (
            Statement(
                "TlsOnly",
                "Nothing of a run crosses a network unencrypted.",
                ("s3:*",),
                (scope.bucket_arn, f"{scope.bucket_arn}/*"),
                {"Bool": {"aws:SecureTransport": "false"}},
                Effect.DENY,
                "*",
            ),
            Statement(
                "WrittenOnce",
                "What a run has said, measured or reserved is never overwritten, whatever rights "
                "someone was given: an upload without If-None-Match is refused.",
                ("s3:PutObject",),
                scope.objects(*WRITTEN_ONCE),
                {
                    "Null": {"s3:if-none-match": "true"},
                    "Bool": {"s3:ObjectCreationOperation": "true"},
                },
                Effect.DENY,
                "*",
            ),
        ),
        BUCKET_POLICY_LIMIT,
    )
