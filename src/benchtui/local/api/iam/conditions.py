"""The Condition element of a policy: its operators, on the keys of one request.

Rules: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
and …/reference_policies_condition-logic-multiple-context-keys-or-values.html.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

Value = str | tuple[str, ...]  # a tuple: a key that has several values, such as aws:TagKeys
Context = Mapping[str, Value]  # by key in lower case: names of keys are the same in any case

#: Keys that requests to the local cloud carry where AWS has them; a policy with another is not understood.
KEYS = frozenset(
    {
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principaltype",
        "aws:username",
        "aws:requestedregion",
        "aws:resourceaccount",
        "aws:securetransport",
        "aws:currenttime",
        "aws:epochtime",
        "aws:sourceaccount",
        "aws:tagkeys",
        "ec2:attribute",
        "ec2:availabilityzone",
        "ec2:createaction",
        "ec2:encrypted",
        "ec2:imageid",
        "ec2:instanceid",
        "ec2:instancemarkettype",
        "ec2:instancemetadatatags",
        "ec2:instanceprofile",
        "ec2:instancetype",
        "ec2:metadatahttpendpoint",
        "ec2:metadatahttpputresponsehoplimit",
        "ec2:metadatahttptokens",
        "ec2:networkinterfaceid",
        "ec2:owner",
        "ec2:public",
        "ec2:region",
        "ec2:rootdevicetype",
        "ec2:routetableid",
        "ec2:securitygroupid",
        "ec2:subnet",
        "ec2:subnetid",
        "ec2:volumeid",
        "ec2:volumesize",
        "ec2:volumetype",
        "ec2:vpc",
        "ec2:vpceservicename",
        "ec2:vpcid",
        "iam:awsservicename",
        "iam:passedtoservice",
        "iam:permissionsboundary",
        "iam:policyarn",
        "s3:authtype",
        "s3:delimiter",
        "s3:if-match",
        "s3:if-none-match",
        "s3:locationconstraint",
        "s3:max-keys",
        "s3:objectcreationoperation",
        "s3:prefix",
        "s3:resourceaccount",
        "s3:signatureversion",
        "s3:tlsversion",
        "s3:versionid",
        "s3:x-amz-acl",
        "s3:x-amz-content-sha256",
        "s3:x-amz-copy-source",
        "s3:x-amz-object-ownership",
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-storage-class",
        "servicequotas:service",
        "ssm:documenttype",
        "sts:externalid",
        "sts:rolesessionname",
    }
)
#: Keys with the name of a tag or attribute at their end.
FAMILIES = ("aws:requesttag/", "aws:resourcetag/", "ec2:resourcetag/", "ec2:attribute/", "iam:resourcetag/")

_OPERATOR = re.compile(r"(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?")
Test = Callable[[str, str], bool]  # value of the request, value of the policy


class NotUnderstood(ValueError):
    """A part of a policy that is not known here. Its message names it."""


@lru_cache(maxsize=4096)
def pattern(text: str, ignore_case: bool = False) -> re.Pattern[str]:
    """``*`` and ``?`` of a policy as a regular expression.

    Raises NotUnderstood for a policy variable, which none of our policies has.
    """
    return re.compile(_wildcards(text, "."), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _wildcards(text: str, any_character: str) -> str:
    if "${" in text:
        raise NotUnderstood(f"the policy variable in {text!r}")
    found = {"*": f"{any_character}*", "?": any_character}
    return "".join(found.get(c) or re.escape(c) for c in text)


def like(value: str, wanted: str) -> bool:
    """Whether a value matches a pattern, in the same case."""
    return pattern(wanted).fullmatch(value) is not None


def arn_like(value: str, wanted: str) -> bool:
    """Whether an ARN matches a pattern, each of its six parts by itself."""
    return wanted == "*" or arn_pattern(wanted).fullmatch(value) is not None


@lru_cache(maxsize=4096)
def arn_pattern(text: str) -> re.Pattern[str]:
    """A pattern for ARNs, in whose first five parts a wildcard does not reach over a colon.

    Raises NotUnderstood for what has fewer parts, and for a policy variable.
    """
    parts = text.split(":", 5)
    if len(parts) != 6:
        raise NotUnderstood(f"the ARN {text!r}")
    heads = (_wildcards(part, "[^:]") for part in parts[:5])
    return re.compile(":".join((*heads, _wildcards(parts[5], "."))), re.DOTALL)


def _exactly(value: str, wanted: str) -> bool:
    if "${" in wanted:
        raise NotUnderstood(f"the policy variable in {wanted!r}")
    return value == wanted


def _numeric(compare: Callable[[float, float], bool]) -> Test:
    def test(value: str, wanted: str) -> bool:
        try:
            return compare(float(value), float(wanted))
        except ValueError:
            return False

    return test


def _dated(compare: Callable[[float, float], bool]) -> Test:
    return lambda value, wanted: compare(_seconds(value), _seconds(wanted))


def _seconds(text: str) -> float:
    if text.isdigit():
        return float(text)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise NotUnderstood(f"the date {text!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


_TESTS: dict[str, Test] = {
    "StringEquals": _exactly,
    "StringEqualsIgnoreCase": lambda value, wanted: _exactly(value.lower(), wanted.lower()),
    "StringLike": like,
    "ArnEquals": arn_like,  # the two do the same
    "ArnLike": arn_like,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "NumericEquals": _numeric(lambda a, b: a == b),
    "NumericLessThan": _numeric(lambda a, b: a < b),
    "NumericLessThanEquals": _numeric(lambda a, b: a <= b),
    "NumericGreaterThan": _numeric(lambda a, b: a > b),
    "NumericGreaterThanEquals": _numeric(lambda a, b: a >= b),
    "DateEquals": _dated(lambda a, b: a == b),
    "DateLessThan": _dated(lambda a, b: a < b),
    "DateLessThanEquals": _dated(lambda a, b: a <= b),
    "DateGreaterThan": _dated(lambda a, b: a > b),
    "DateGreaterThanEquals": _dated(lambda a, b: a >= b),
}
#: Met by a value that none of the policy's is equal to.
_NEGATED: dict[str, Test] = {
    "StringNotEquals": _TESTS["StringEquals"],
    "StringNotEqualsIgnoreCase": _TESTS["StringEqualsIgnoreCase"],
    "StringNotLike": _TESTS["StringLike"],
    "ArnNotEquals": _TESTS["ArnEquals"],
    "ArnNotLike": _TESTS["ArnLike"],
    "NumericNotEquals": _TESTS["NumericEquals"],
    "DateNotEquals": _TESTS["DateEquals"],
}
OPERATORS = frozenset({*_TESTS, *_NEGATED, "Null"})


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key.

    Attributes:
        operator: without prefix and suffix.
        key: lower case.
        wanted: values of the policy, of which one has to match (none, for a negated operator).
        quantifier: ``ForAllValues``, ``ForAnyValue`` or empty.
        if_exists: met by a request without the key.
    """

    operator: str
    key: str
    wanted: tuple[str, ...]
    quantifier: str = ""
    if_exists: bool = False

    @classmethod
    def read(cls, operator: str, key: str, wanted: object) -> Condition:
        """Read one from a policy. Raises NotUnderstood for an operator or key that is not known here."""
        found = _OPERATOR.fullmatch(operator)
        if found is None or found[2] not in OPERATORS or (found[2] == "Null" and (found[1] or found[3])):
            raise NotUnderstood(f"the condition operator {operator}")
        name = key.lower()
        if name not in KEYS and not any(name.startswith(f) and name != f for f in FAMILIES):
            raise NotUnderstood(f"the condition key {key}")
        values = wanted if isinstance(wanted, list) else [wanted]
        texts = tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values)
        return cls(found[2], name, texts, found[1] or "", bool(found[3]))

    def met(self, context: Context) -> bool:
        """Whether a request meets it. Raises NotUnderstood for a value that cannot be compared."""
        value = context.get(self.key)
        if self.operator == "Null":
            return (value is None or value == ()) == (self.wanted[0].lower() == "true")
        values = () if value is None else (value,) if isinstance(value, str) else value
        if not values:
            # For what a request does not say: every of no values is right, none of them is.
            if self.quantifier:
                return self.quantifier == "ForAllValues" or self.if_exists
            return self.if_exists or self.operator in _NEGATED
        if not self.quantifier and not isinstance(value, str):
            raise NotUnderstood(
                f"{self.operator} on {self.key}, which has several values: ForAnyValue or ForAllValues"
            )
        each = [self._matches(one) for one in values]
        return any(each) if self.quantifier == "ForAnyValue" else all(each)

    def _matches(self, value: str) -> bool:
        if self.operator in _NEGATED:
            return not any(_NEGATED[self.operator](value, wanted) for wanted in self.wanted)
        return any(_TESTS[self.operator](value, wanted) for wanted in self.wanted)
