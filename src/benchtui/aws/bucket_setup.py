"""Making, setting up and removing the bucket. Every step may be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchtui.aws.errors import CloudError, to_user_error
from benchtui.aws.failures import Failure, FailureKind, kind_of_answer
from benchtui.aws.session import MAX_PAGES, Answer, Cloud
from benchtui.core.text import clean_line

#: The one region whose name S3 does not take as a location.
US_EAST_1 = "us-east-1"
_NOT_ENCRYPTED = "ServerSideEncryptionConfigurationNotFoundError"
BLOCK_ALL = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
#: Days after which S3 removes the parts of an upload that nobody completed. benchtui makes none.
ABORT_AFTER_DAYS = 7
ABORT_RULE = "benchtui-abort-uploads"
#: All that S3 removes by itself. Its rules know prefixes alone, and heartbeats and logs lie below each run
#: beside the results: a rule that removed them would remove results as well.
ABORT_UPLOADS: Answer = {
    "ID": ABORT_RULE,
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_AFTER_DAYS},
}
OWNER = "BucketOwnerEnforced"  # ACLs are off
SSE_S3 = "AES256"
_DELETED_AT_ONCE = 1000  # most keys a DeleteObjects takes


@dataclass(frozen=True, slots=True)
class FoundBucket:
    """A bucket of this account and how it is set up; None: it has no such setting."""

    tags: Mapping[str, str]
    block: Mapping[str, bool] | None
    ownership: str | None
    encryption: str | None  # algorithm: AES256, aws:kms
    lifecycle: tuple[Answer, ...]
    policy: Mapping[str, Any] | None


class BucketSetup:
    """One bucket of one account.

    A name is taken once in all of AWS: every request but the first says whose bucket is meant.
    """

    def __init__(self, cloud: Cloud, name: str, region: str, account: str) -> None:
        self.cloud, self.name, self.region, self.account = cloud, name, region, account

    async def find(self) -> FoundBucket | None:
        """The bucket; None: there is none of that name.

        Raises:
            CloudError: S3 did not say; kind DENIED also for a bucket of somebody else.
        """
        try:
            await self._ask("HeadBucket")
        except CloudError as error:
            if error.failure.kind is FailureKind.MISSING:
                return None
            raise
        tags = await self._unset("GetBucketTagging", "NoSuchTagSet")
        block = await self._unset("GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration")
        owner = await self._unset("GetBucketOwnershipControls", "OwnershipControlsNotFoundError")
        encryption = await self._unset("GetBucketEncryption", _NOT_ENCRYPTED)
        lifecycle = await self._unset("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration")
        policy = await self._unset("GetBucketPolicy", "NoSuchBucketPolicy")
        rules = _rules(encryption.get("ServerSideEncryptionConfiguration"))
        return FoundBucket(
            tags={str(tag.get("Key")): str(tag.get("Value")) for tag in tags.get("TagSet") or ()},
            block=block.get("PublicAccessBlockConfiguration"),
            ownership=next(
                (str(rule.get("ObjectOwnership")) for rule in _rules(owner.get("OwnershipControls"))), None
            ),
            encryption=next(
                (
                    str((rule.get("ApplyServerSideEncryptionByDefault") or {}).get("SSEAlgorithm"))
                    for rule in rules
                ),
                None,
            ),
            lifecycle=tuple(lifecycle.get("Rules") or ()),
            policy=_json(policy.get("Policy")),
        )

    async def make(self, tags: Mapping[str, str]) -> None:
        """Make it with its tags; one that is there and of this account is left as it is.

        Raises:
            CloudError: it is not known to be there, or is somebody else's.
        """
        configuration: Answer = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        if self.region != US_EAST_1:
            configuration["LocationConstraint"] = self.region
        try:
            await self._ask("CreateBucket", {"CreateBucketConfiguration": configuration}, owned=False)
        except CloudError as error:
            if error.failure.code != "BucketAlreadyOwnedByYou":
                raise

    async def block_public_access(self) -> None:
        """Raises: CloudError."""
        await self._ask("PutPublicAccessBlock", {"PublicAccessBlockConfiguration": BLOCK_ALL})

    async def enforce_owner(self) -> None:
        """Objects belong to the account, and access lists are off. Raises: CloudError."""
        await self._ask(
            "PutBucketOwnershipControls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": OWNER}]}}
        )

    async def encrypt(self) -> None:
        """New objects are encrypted with S3's own keys, which costs nothing. Raises: CloudError."""
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": SSE_S3}}
        await self._ask("PutBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": [rule]}})

    async def put_lifecycle(self, keep: tuple[Answer, ...]) -> None:
        """Have S3 remove what nobody completed, beside the rules in ``keep``. Raises: CloudError."""
        rules = [*(rule for rule in keep if rule.get("ID") != ABORT_RULE), ABORT_UPLOADS]
        await self._ask("PutBucketLifecycleConfiguration", {"LifecycleConfiguration": {"Rules": rules}})

    async def put_policy(self, text: str) -> None:
        """Raises: CloudError."""
        await self._ask("PutBucketPolicy", {"Policy": text})

    async def count(self, most: int = 1000) -> int:
        """How many objects it holds, counted to ``most``.

        Raises:
            CloudError: S3 did not say.
        """
        answer = await self._ask("ListObjectsV2", {"MaxKeys": most}, expect=("KeyCount",))
        return int(answer["KeyCount"])

    async def empty(self) -> int:
        """Delete every object; how many there were.

        Raises:
            CloudError: some may still be there.
        """
        deleted = 0
        for _ in range(MAX_PAGES):
            answer = await self._ask("ListObjectsV2", {"MaxKeys": _DELETED_AT_ONCE}, expect=("KeyCount",))
            named = [{"Key": row["Key"]} for row in answer.get("Contents") or ()]
            if not named:
                break
            done = await self._ask("DeleteObjects", {"Delete": {"Objects": named, "Quiet": True}})
            for error in done.get("Errors") or ():
                raise self._refused(error)
            deleted += len(named)
        return deleted

    async def remove(self) -> None:
        """Delete the empty bucket; one that is gone already is no failure.

        Raises:
            CloudError: it may still be there, as it is while it holds anything.
        """
        try:
            await self._ask("DeleteBucket")
        except CloudError as error:
            if error.failure.code != "NoSuchBucket":
                raise

    def _refused(self, error: Answer) -> CloudError:
        """One object of many that S3 did not delete."""
        code, message = str(error.get("Code") or "no code"), str(error.get("Message") or "")
        failure = Failure(
            kind_of_answer(code, None),
            clean_line(code, 80),
            clean_line(message, 300),
            self.region,
            "DeleteObjects",
            subject=clean_line(f"s3://{self.name}/{error.get('Key', '')}", 300),
            service="s3",
        )
        return to_user_error(failure)

    async def _unset(self, operation: str, code: str) -> Answer:
        """The answer; empty where S3 says by ``code`` that nothing is set."""
        try:
            return await self._ask(operation)
        except CloudError as error:
            if error.failure.code == code:
                return {}
            raise

    async def _ask(
        self,
        operation: str,
        params: Answer | None = None,
        *,
        owned: bool = True,
        expect: tuple[str, ...] = (),
    ) -> Answer:
        asked: Answer = {"Bucket": self.name, **(params or {})}
        if owned:
            asked["ExpectedBucketOwner"] = self.account
        subject = clean_line(f"s3://{self.name}", 100)
        return await self.cloud.call("s3", self.region, operation, asked, subject=subject, expect=expect)


def _rules(configuration: Answer | None) -> list[Answer]:
    return list((configuration or {}).get("Rules") or ())


def _json(text: object) -> Mapping[str, Any] | None:
    """A policy; whatever is none is none of ours."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
