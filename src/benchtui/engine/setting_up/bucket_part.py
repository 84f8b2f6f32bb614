"""The bucket: private, encrypted, TLS only, written once."""

from __future__ import annotations

import json
from dataclasses import dataclass

from benchtui.aws.bucket_setup import BLOCK_ALL, OWNER, SSE_S3, BucketSetup, FoundBucket
from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.core.policies import Policy
from benchtui.core.policy_comparison import difference
from benchtui.engine.setting_up.parts import TAGS, Finding, Removal, State, hand_over, made_by_setup

SETTING = "[aws] bucket"
#: What is done to a bucket beside making it, in this order, by what people call it.
PRIVATE = "block public access"
OWNED = "let the account own every object"
ENCRYPTED = "encrypt with S3's own keys"
TIDY = "remove uploads that nobody completed, after 7 days"
GUARDED = "refuse what is not TLS, and overwriting"

FOREIGN = "it belongs to another account, or s3:ListBucket is not allowed"


@dataclass(frozen=True, slots=True)
class BucketPart:
    """The bucket of runs."""

    setup: BucketSetup
    policy: Policy
    kind = "bucket"

    @property
    def name(self) -> str:
        """Its name."""
        return self.setup.name

    @property
    def region(self) -> str | None:
        """Where it lies."""
        return self.setup.region

    async def look(self) -> Finding:
        """How it stands."""
        try:
            found = await self.setup.find()
        except CloudError as error:
            if _is_foreign(error):
                fix = f"choose another name: {SETTING}; or allow s3:ListBucket"
                return Finding(State.BLOCKED, why=FOREIGN, fix=fix)
            raise
        wanted = (PRIVATE, OWNED, ENCRYPTED, TIDY, GUARDED)
        if found is None:
            return Finding(State.MAKE, ("make it", *wanted))
        missing = tuple(each for each in wanted if each in self._missing(found))
        if not made_by_setup(found.tags):
            why = "not made by setup" + (f"; it does not: {', '.join(missing)}" if missing else "")
            return Finding(State.KEPT, why=why, fix=hand_over(SETTING) if missing else None)
        return Finding(State.CHANGE, missing) if missing else Finding(State.THERE)

    def _missing(self, found: FoundBucket) -> set[str]:
        """What is not as setup makes it."""
        missing = set()
        if dict(found.block or {}) != BLOCK_ALL:
            missing.add(PRIVATE)
        if found.ownership != OWNER:
            missing.add(OWNED)
        if found.encryption is None or not found.encryption.startswith((SSE_S3, "aws:kms")):
            missing.add(ENCRYPTED)
        if not any(
            rule.get("Status") == "Enabled" and rule.get("AbortIncompleteMultipartUpload")
            for rule in found.lifecycle
        ):
            missing.add(TIDY)
        if not _holds(found, self.policy):
            missing.add(GUARDED)
        return missing

    async def make(self) -> None:
        """Make it and set it up; what is as wanted already is left alone."""
        found = await self.setup.find()
        if found is None:
            await self.setup.make(TAGS)
            found = await self.setup.find()
        missing = self._missing(found) if found is not None else {PRIVATE, OWNED, ENCRYPTED, TIDY, GUARDED}
        if PRIVATE in missing:
            await self.setup.block_public_access()
        if OWNED in missing:
            await self.setup.enforce_owner()
        if ENCRYPTED in missing:
            await self.setup.encrypt()
        if TIDY in missing:
            await self.setup.put_lifecycle(found.lifecycle if found is not None else ())
        if GUARDED in missing:
            await self.setup.put_policy(_merged(found, self.policy))

    async def look_before_removal(self, *, with_results: bool) -> Removal:
        """What teardown would do with it."""
        try:
            found = await self.setup.find()
        except CloudError as error:
            if _is_foreign(error):
                return Removal(True, note=FOREIGN)
            raise
        if found is None:
            return Removal(False)
        if not made_by_setup(found.tags):
            return Removal(True, note="not made by setup")
        count = await self.setup.count()
        held = "empty" if count == 0 else f"{count if count < 1000 else '1000 or more'} objects"
        return Removal(True, True, held, keeps=count > 0 and not with_results)

    async def remove(self, *, with_results: bool) -> None:
        """Delete it, and what it holds if that is wanted.

        Raises:
            CloudError: it may still be there, as it is while it holds anything.
        """
        if with_results:
            await self.setup.empty()
        await self.setup.remove()


def _is_foreign(error: CloudError) -> bool:
    """S3 answers the same to whoever may not look and about a bucket of somebody else."""
    return error.failure.kind is FailureKind.DENIED and error.failure.operation == "HeadBucket"


def _holds(found: FoundBucket, policy: Policy) -> bool:
    """Whether the bucket's policy has every statement of ``policy``; more of them are somebody's own."""
    return not difference([policy.document()], [found.policy or {}]).missing


def _merged(found: FoundBucket | None, policy: Policy) -> str:
    """``policy`` as JSON, with whatever statements of somebody's own the bucket's has beside it."""
    ours = policy.document()
    sids = {each.sid for each in policy.statements}
    there = ((found.policy or {}) if found is not None else {}).get("Statement") or []
    own = [each for each in there if each.get("Sid") not in sids]
    return json.dumps({**ours, "Statement": [*own, *ours["Statement"]]}, separators=(",", ":"))
