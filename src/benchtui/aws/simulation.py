"""What IAM itself reckons that the caller may do, where nothing is there to try it on."""

from __future__ import annotations

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.aws.instances import LAUNCHED_BY, TAG_LAUNCHED_BY
from benchtui.aws.session import Cloud, Identity

ACTION = "ec2:TerminateInstances"


async def may_end(cloud: Cloud, identity: Identity, region: str) -> bool | None:
    """Whether the caller's policies let it end an instance with our tag; None: IAM was not allowed to say.

    Raises:
        CloudError: IAM did not answer.
    """
    partition = identity.arn.split(":")[1] if identity.arn.startswith("arn:") else "aws"
    try:
        answer = await cloud.call(
            "iam",
            cloud.regions[0],
            "SimulatePrincipalPolicy",
            {
                "PolicySourceArn": await _source(cloud, identity),
                "ActionNames": [ACTION],
                "ResourceArns": [f"arn:{partition}:ec2:{region}:{identity.account}:instance/*"],
                "ContextEntries": [
                    {
                        "ContextKeyName": f"aws:ResourceTag/{TAG_LAUNCHED_BY}",
                        "ContextKeyValues": [LAUNCHED_BY],
                        "ContextKeyType": "string",
                    }
                ],
            },
            expect=("EvaluationResults",),
        )
    except CloudError as error:
        if error.failure.kind in (FailureKind.DENIED, FailureKind.INVALID, FailureKind.MISSING):
            return None
        raise
    decisions = [row.get("EvalDecision") for row in answer["EvaluationResults"]]
    return decisions == ["allowed"] if decisions else None


async def _source(cloud: Cloud, identity: Identity) -> str:
    """The user, or the role behind a session: its ARN leaves the role's path out, which IAM knows."""
    parts = identity.arn.split(":", 5)
    kind, _, rest = parts[-1].partition("/")
    if kind != "assumed-role":
        return identity.arn
    name = rest.partition("/")[0]
    answer = await cloud.call("iam", cloud.regions[0], "GetRole", {"RoleName": name}, expect=("Role",))
    return str(answer["Role"].get("Arn"))
