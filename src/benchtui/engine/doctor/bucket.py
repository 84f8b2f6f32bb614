"""Checks of the bucket, the only truth about a run: there, ours, private, encrypted, written once."""

from __future__ import annotations

from benchtui.aws.bucket_settings import BucketSettings
from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.core.policies import bucket_policy
from benchtui.core.policy_comparison import difference
from benchtui.engine.doctor.finding import Check, Said, fail, ok, warn
from benchtui.engine.doctor.subject import Subject

SETUP = "benchtui setup"
_SHOW = "aws s3api get-bucket-policy"


async def bucket(subject: Subject, _region: str) -> Said:
    """Whether it is there, ours, and where it should be."""
    settings, name = await _settings(subject), await subject.bucket_name()
    try:
        owned = await settings.owned()
    except CloudError as error:
        if error.failure.kind is FailureKind.MISSING:
            means = "runs have nowhere to speak and no results to keep"
            return fail(f"there is no bucket {name}", means, f"{SETUP}, or correct [aws] bucket")
        if error.failure.kind is FailureKind.DENIED:
            means = "it is somebody else's, or the right to list it is missing"
            fix = "correct [aws] bucket, or allow s3:ListBucket on it"
            return fail(f"{name} may not be reached: {error.failure.code}", means, fix)
        raise
    if not owned:
        means = "what runs write, its owner can read and change"
        return fail(f"{name} is of another account", means, "correct [aws] bucket")
    region = await settings.region()
    if region != subject.home:
        means = "requests go to the first of [aws] regions, and S3 sends them away"
        fix = f'put "{region}" first in [aws] regions; [plan] regions says where to launch'
        return fail(f"{name} lies in {region}, not in {subject.home}", means, fix)
    return ok(f"{name} in {region}, of this account")


async def policy(subject: Subject, _region: str) -> Said:
    """Whether the bucket refuses to overwrite and to speak without TLS, as `setup` makes it."""
    document, name = await (await _settings(subject)).policy(), await subject.bucket_name()
    if document is None:
        means = "results can be overwritten, and requests without TLS are taken"
        return fail("the bucket has no policy", means, SETUP)
    wanted = bucket_policy(await subject.scope())
    differs = difference([wanted.document()], [document])
    if differs.missing:
        lacking = {rule.sid for rule in differs.missing}
        why = " ".join(each.why for each in wanted.statements if each.sid in lacking)
        return fail(f"the policy lacks {', '.join(sorted(lacking))}", f"it does not hold: {why}", SETUP)
    opening = [rule for rule in differs.extra if rule.effect != "Deny"]
    if opening:
        sids = ", ".join(rule.sid or "one without a name" for rule in opening)
        means = "more may reach the bucket than by their own rights; whether that is meant, you know"
        return warn(f"statements beside setup's allow: {sids}", means, f"{_SHOW} --bucket {name}")
    return ok(", ".join(each.sid for each in wanted.statements))


async def public_access(subject: Subject, _region: str) -> Said:
    """Whether nobody can make it public, not even by mistake."""
    blocks = await (await _settings(subject)).blocks()
    off = [name for name, on in blocks.items() if not on]
    if off:
        found = f"not blocked: {', '.join(off)}"
        return fail(found, "a policy or an ACL could make results public", SETUP)
    return ok("all four blocks are on")


async def encryption(subject: Subject, _region: str) -> Said:
    """Whether new objects are encrypted, with a key that instances may use."""
    rule = await (await _settings(subject)).encryption()
    if rule is None:
        return warn("S3 tells no rule", "new objects may lie there unencrypted", SETUP)
    if rule.algorithm.startswith("aws:kms"):
        means = "instances may not write without kms:GenerateDataKey on it, which setup does not give"
        fix = f"give the key's use to the instances' role, or {SETUP} for AES256"
        return warn(f"{rule.algorithm}, key {rule.key or 'of AWS'}", means, fix)
    return ok(rule.algorithm)


async def _settings(subject: Subject) -> BucketSettings:
    identity = await subject.identity()
    return BucketSettings(subject.cloud, await subject.bucket_name(), identity.account)


_NEEDS = ("bucket",)
CHECKS = (
    Check(
        "bucket",
        "whether the bucket is there, of this account, and in its region",
        bucket,
        needs=("clock", "credentials", "region"),
    ),
    Check("bucket-policy", "whether it takes TLS alone and never overwrites a result", policy, needs=_NEEDS),
    Check("bucket-public", "whether nobody can make it public", public_access, needs=_NEEDS),
    Check("bucket-encryption", "whether new objects are encrypted", encryption, needs=_NEEDS),
)
