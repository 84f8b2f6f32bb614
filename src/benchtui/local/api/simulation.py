"""IAM's SimulatePrincipalPolicy: what a user's or role's policies say of actions, resources and conditions.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html. Policies of resources
that a caller may hand over, and organisations, are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from .calls import Call
from .errors import Reply, error_reply
from .iam.asked import members, structures
from .iam.conditions import Value
from .iam.documents import Need, Verdict, verdict
from .iam.principals import Principal, named

_DECISION = {
    Verdict.ALLOWED: "allowed",
    Verdict.DENIED: "explicitDeny",
    Verdict.SILENT: "implicitDeny",
}


def serves(call: Call) -> bool:
    """Whether a call is answered here."""
    return (call.service, call.action) == ("iam", "SimulatePrincipalPolicy")


def reply(call: Call) -> Reply:
    """Answer it."""
    form = call.parameters
    source = form.get("PolicySourceArn", "")
    principal = named(source)
    if principal is None:
        return error_reply("iam", "NoSuchEntity", f"The entity {source} cannot be found.", 404)
    context = _context(form)
    rows = [
        _row(action, resource, _decide(principal, Need(action, resource, context)))
        for action in members(form, "ActionNames")
        for resource in members(form, "ResourceArns") or ["*"]
    ]
    body = (
        '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        "<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>"
        f"<EvaluationResults>{''.join(rows)}</EvaluationResults></SimulatePrincipalPolicyResult>"
        "<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></SimulatePrincipalPolicyResponse>"
    )
    return Reply(200, (("Content-Type", "text/xml"),), body.encode())


def _decide(principal: Principal, need: Need) -> Verdict:
    """As in an evaluation: an explicit denial wins, and every limit has to allow as well."""
    said = [verdict(principal.policies, need), *(verdict(limit, need) for limit in principal.limits)]
    if Verdict.DENIED in said:
        return Verdict.DENIED
    return Verdict.SILENT if Verdict.SILENT in said else Verdict.ALLOWED


def _context(form: Mapping[str, str]) -> dict[str, Value]:
    context: dict[str, Value] = {}
    for entry in structures(form, "ContextEntries"):
        values = members(entry, "ContextKeyValues")
        key = entry.get("ContextKeyName", "").lower()
        context[key] = values[0] if len(values) == 1 else tuple(values)
    return context


def _row(action: str, resource: str, said: Verdict) -> str:
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{_DECISION[said]}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
    )
