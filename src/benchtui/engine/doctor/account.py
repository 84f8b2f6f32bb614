"""Checks of the way to AWS: an answer at all, whose credentials, what time it is, which regions."""

from __future__ import annotations

from datetime import timedelta

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.aws.regions import answers, opt_in_of
from benchtui.core.errors import BenchtuiError
from benchtui.core.text import clean_line
from benchtui.engine.doctor.finding import Check, Said, fail, ok, refused, unknown, waiting, warn
from benchtui.engine.doctor.subject import Subject

#: Signatures hold five minutes, fifteen at S3 (IAM User Guide, "Signature Version 4 for API requests").
MOST_SKEW = timedelta(minutes=5)
#: From here on the times of sentinels and schedules are read with more care than benchtui takes.
NOTABLE_SKEW = timedelta(seconds=30)
_SET_THE_CLOCK = "sudo timedatectl set-ntp true (or set the clock by hand)"
#: Refusals that a clock that is off explains.
_SKEWED = frozenset(
    {"RequestTimeTooSkewed", "RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException"}
)


async def network(subject: Subject, _region: str) -> Said:
    """Whether anybody answers, whatever the answer is."""
    try:
        await subject.identity()
    except CloudError as error:
        failure = error.failure
        if failure.kind is FailureKind.UNKNOWN and failure.status is None:
            return fail(
                f"no answer from STS in {failure.region}: {failure.message}",
                "nothing can be launched, watched or ended from here",
                error.fix or "check the network, a proxy (HTTPS_PROXY) and AWS_ENDPOINT_URL",
            )
        if failure.status is None:  # refused by the SDK before anything was sent
            return waiting("credentials")
    return ok(f"STS in {subject.home} answers")


async def credentials(subject: Subject, _region: str) -> Said:
    """Whether there are credentials, whether they are accepted, and whose they are."""
    try:
        identity = await subject.identity()
    except CloudError as error:
        failure = error.failure
        if failure.kind is FailureKind.UNKNOWN and failure.status is None:
            return waiting("network")
        offset = subject.cloud.clock_offset
        if failure.code in _SKEWED and offset is not None and abs(offset) > MOST_SKEW:
            return waiting("clock")
        if failure.kind is FailureKind.DENIED:
            what = f"{failure.code}: {failure.message}"
            return fail(what, "nothing can be asked in your name, and nothing launched or ended", error.fix)
        return refused(error)
    name = clean_line(identity.arn, 120)
    if identity.arn.endswith(":root"):
        return warn(
            f"{name}: the root user",
            "nothing limits what a mistake could do",
            "use a role or user with the launcher policy: benchtui setup --print-policies",
        )
    return ok(f"account {identity.account}, {name.split(':')[-1]}")


async def clock(subject: Subject, _region: str) -> Said:
    """This machine's clock against the Date of AWS's answers."""
    problem: BenchtuiError | None = None
    try:
        await subject.identity()
    except CloudError as error:
        problem = error
        if error.failure.kind is FailureKind.UNKNOWN and error.failure.status is None:
            return waiting("network")
    offset = subject.cloud.clock_offset
    if offset is None:
        return waiting("credentials") if problem is not None else unknown("the answer told no time")
    seconds = round(abs(offset).total_seconds())
    side = "behind" if offset > timedelta(0) else "ahead of"
    length = f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
    found = f"this machine is {length} {side} AWS" if seconds > 1 else "agrees with AWS's"
    if abs(offset) > MOST_SKEW:
        return fail(found, "AWS refuses signatures that are more than 5 minutes off", _SET_THE_CLOCK)
    if abs(offset) > NOTABLE_SKEW:
        return warn(found, "ages and ends of instances are shown that much off", _SET_THE_CLOCK)
    return ok(found)


async def region(subject: Subject, region: str) -> Said:
    """Whether the region is enabled in the account and EC2 answers there."""
    opt_in = await opt_in_of(subject.cloud, region)
    if opt_in is None:
        return fail(f"EC2 knows no region {region}", "nothing can be launched there", "correct [aws] regions")
    if opt_in == "not-opted-in":
        return fail(
            f"{region} is not enabled in this account",
            "every request there is refused",
            f"aws account enable-region --region-name {region}, or take it out of [aws] regions",
        )
    try:
        await answers(subject.cloud, region)
    except CloudError as error:
        if error.failure.kind is FailureKind.UNKNOWN:
            return fail(
                f"EC2 does not answer in {region}: {error.failure.message}",
                "nothing can be launched, seen or ended there",
                f"wait, or put another region first in [aws] regions; {error.fix or 'check the network'}",
            )
        raise
    return ok(f"{opt_in}, EC2 answers")


CHECKS = (
    Check("network", "whether AWS answers at all", network),
    Check("clock", "this machine's clock against AWS's", clock),
    Check("credentials", "whether there are credentials, accepted ones, and whose", credentials),
    Check(
        "region",
        "whether each configured region is enabled and answers",
        region,
        needs=("clock", "credentials"),
        everywhere=True,
    ),
)
