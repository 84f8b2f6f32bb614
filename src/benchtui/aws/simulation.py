"""What IAM itself reckons that the caller may do, where nothing is there to try it on."""

from __future__ import annotations

from collections.abc import Iterable

from benchtui.aws.errors import CloudError, UnusableAnswer, classify, to_user_error
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.instances import LAUNCHED_BY, TAG_LAUNCHED_BY
from benchtui.aws.session import MAX_PAGES, Answer, Cloud, Identity

ACTION = "ec2:TerminateInstances"
OPERATION = "SimulatePrincipalPolicy"


async def may_end(cloud: Cloud, identity: Identity, regions: Iterable[str]) -> dict[str, bool] | Failure:
    """Whether the caller's policies let it end instances with our tag, by region; else why IAM does not say.

    Raises:
        CloudError: IAM did not answer.
    """
    partition = identity.arn.split(":")[1] if identity.arn.startswith("arn:") else "aws"
    arns = {f"arn:{partition}:ec2:{region}:{identity.account}:instance/*": region for region in regions}
    asked = {
        "ActionNames": [ACTION],
        "ResourceArns": list(arns),
        "ContextEntries": [
            {
                "ContextKeyName": f"aws:ResourceTag/{TAG_LAUNCHED_BY}",
                "ContextKeyValues": [LAUNCHED_BY],
                "ContextKeyType": "string",
            }
        ],
    }
    sources = sources_of(identity)
    failure = Failure(FailureKind.MISSING, "NoSuchEntity", f"IAM knows no {' and no '.join(sources)}")
    for source in sources:
        try:
            answered = await _reckoned(cloud, {"PolicySourceArn": source, **asked})
        except CloudError as error:
            if error.failure.kind is FailureKind.MISSING:
                continue  # the role has another path
            if error.failure.kind in (FailureKind.DENIED, FailureKind.INVALID):
                return error.failure
            raise
        rows = {row.get("EvalResourceName"): row.get("EvalDecision") for row in answered}
        return {region: rows.get(arn) == "allowed" for arn, region in arns.items()}
    return failure


async def _reckoned(cloud: Cloud, asked: Answer) -> list[Answer]:
    """What IAM reckons of each resource, of all pages; it goes on by Marker.

    Raises:
        CloudError: it did not say, of one of them.
    """
    found: list[Answer] = []
    marker: str | None = None
    for _ in range(MAX_PAGES):
        more = {} if marker is None else {"Marker": marker}
        answer = await cloud.call(
            "iam", cloud.regions[0], OPERATION, {**asked, **more}, expect=("EvaluationResults",)
        )
        found += answer["EvaluationResults"]
        following = answer.get("Marker") if answer.get("IsTruncated") else None
        if not following:
            return found
        if following == marker:
            break
        marker = following
    error = UnusableAnswer("the listing does not come to an end")
    raise to_user_error(classify(error, operation=OPERATION, service="iam"))


def sources_of(identity: Identity) -> tuple[str, ...]:
    """The user, or what the role behind a session may be called: its session leaves the role's path out.

    Roles of IAM Identity Center have theirs, with the region of the directory unless that is us-east-1.
    """
    parts = identity.arn.split(":", 5)
    kind, _, rest = parts[-1].partition("/")
    if kind != "assumed-role":
        return (identity.arn,)
    name, partition = rest.partition("/")[0], parts[1]
    paths = ("", "aws-reserved/sso.amazonaws.com/") if name.startswith("AWSReservedSSO_") else ("",)
    return tuple(f"arn:{partition}:iam::{identity.account}:role/{path}{name}" for path in paths)
