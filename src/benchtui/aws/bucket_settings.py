"""How a bucket is set up, read and never changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from benchtui.aws.errors import CloudError, UnusableAnswer, classify, to_user_error
from benchtui.aws.failures import FailureKind
from benchtui.aws.session import Answer, Cloud
from benchtui.core.text import clean_line

US_EAST_1 = "us-east-1"
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, slots=True)
class Encryption:
    """How new objects are encrypted."""

    algorithm: str  # AES256, aws:kms, aws:kms:dsse
    key: str | None = None  # of KMS


class BucketSettings:
    """Questions about one bucket of one account.

    Args:
        cloud: whom to ask.
        name: of the bucket.
        account: whose it should be; a question about somebody else's bucket is refused.
    """

    def __init__(self, cloud: Cloud, name: str, account: str) -> None:
        self.name = name
        self._cloud, self._account = cloud, account

    async def region(self) -> str:
        """Where it lies.

        Raises:
            CloudError: kind MISSING: there is none; DENIED: it is somebody else's, or may not be asked about.
        """
        answer = await self._call("GetBucketLocation")
        location = answer.get("LocationConstraint") or US_EAST_1
        return clean_line("eu-west-1" if location == "EU" else str(location), 40)

    async def owned(self) -> bool:
        """Whether it is of the account; False: it can be reached and is somebody else's.

        Raises:
            CloudError: it cannot be reached at all.
        """
        await self._call("HeadBucket", {}, owner=False)
        try:
            await self._call("HeadBucket")
        except CloudError as error:
            if error.failure.kind is FailureKind.DENIED:
                return False
            raise
        return True

    async def policy(self) -> dict[str, Any] | None:
        """Its policy; None: it has none.

        Raises:
            CloudError: S3 did not say.
        """
        answer = await self._absent("GetBucketPolicy", "NoSuchBucketPolicy", expect=("Policy",))
        if answer is None:
            return None
        try:
            document = json.loads(answer["Policy"])
        except (ValueError, TypeError, RecursionError) as error:
            raise self._unusable("the policy is not JSON", "GetBucketPolicy") from error
        if not isinstance(document, dict):
            raise self._unusable("the policy is no document", "GetBucketPolicy")
        return document

    async def blocks(self) -> dict[str, bool]:
        """Each of the four blocks of public access and whether it is on.

        Raises:
            CloudError: S3 did not say.
        """
        answer = await self._absent("GetPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration")
        found = (answer or {}).get("PublicAccessBlockConfiguration") or {}
        return {name: found.get(name) is True for name in BLOCKS}

    async def encryption(self) -> Encryption | None:
        """How new objects are encrypted; None: S3 tells no rule (AWS has one for every bucket since 2023).

        Raises:
            CloudError: S3 did not say.
        """
        answer = await self._absent("GetBucketEncryption", "ServerSideEncryptionConfigurationNotFoundError")
        rules = ((answer or {}).get("ServerSideEncryptionConfiguration") or {}).get("Rules") or ()
        for rule in rules:
            applied = rule.get("ApplyServerSideEncryptionByDefault") or {}
            if applied.get("SSEAlgorithm"):
                key = applied.get("KMSMasterKeyID")
                return Encryption(clean_line(str(applied["SSEAlgorithm"]), 40), key and clean_line(str(key)))
        return None

    async def _absent(self, operation: str, code: str, **options: Any) -> Answer | None:
        """The answer; None where S3 says by ``code`` that nothing is set."""
        try:
            return await self._call(operation, **options)
        except CloudError as error:
            if error.failure.code == code:
                return None
            raise

    async def _call(
        self, operation: str, params: Answer | None = None, *, owner: bool = True, **options: Any
    ) -> Answer:
        asked: Answer = {"Bucket": self.name, **(params or {})}
        if owner:
            asked["ExpectedBucketOwner"] = self._account
        where = clean_line(f"s3://{self.name}", 100)
        region = self._cloud.bucket_region
        return await self._cloud.call("s3", region, operation, asked, subject=where, **options)

    def _unusable(self, message: str, operation: str) -> CloudError:
        error = UnusableAnswer(message)
        return to_user_error(classify(error, region=self._cloud.bucket_region, operation=operation))
