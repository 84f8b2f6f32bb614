"""Whether two policies say the same: order, spelling of single values and names of statements aside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchtui.core.text import clean_line

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """One statement in a form that can be compared; what differs in form alone is equal."""

    effect: str
    principals: frozenset[str]
    actions: frozenset[str]  # in small letters: IAM does not tell them apart
    resources: frozenset[str]
    conditions: frozenset[tuple[str, str, frozenset[str]]]  # operator, key in small letters, values
    inverted: frozenset[str]  # NotAction, NotResource, NotPrincipal with their values
    sid: str = ""

    @property
    def substance(self) -> tuple[object, ...]:
        """Everything but its name."""
        return (
            self.effect,
            self.principals,
            self.actions,
            self.resources,
            self.conditions,
            self.inverted,
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """What two policies have of their own."""

    missing: tuple[Rule, ...]  # wanted, and not there
    extra: tuple[Rule, ...]  # there, and not wanted

    @property
    def none(self) -> bool:
        """They say the same."""
        return not self.missing and not self.extra


def difference(wanted: Iterable[Document], there: Iterable[Document]) -> Difference:
    """What the policies ``there`` together lack of those ``wanted``, and what they have beyond them."""
    want = [rule for document in wanted for rule in rules_of(document)]
    have = [rule for document in there for rule in rules_of(document)]
    wanted_substance, had_substance = {r.substance for r in want}, {r.substance for r in have}
    return Difference(
        missing=tuple(rule for rule in want if rule.substance not in had_substance),
        extra=tuple(rule for rule in have if rule.substance not in wanted_substance),
    )


def rules_of(document: Document) -> list[Rule]:
    """The statements of a policy; what is none counts as one that allows everything."""
    statements = document.get("Statement", [])
    listed = [statements] if isinstance(statements, Mapping) else statements
    return [_rule(each) for each in listed] if isinstance(listed, list) else [_rule(None)]


def _rule(statement: object) -> Rule:
    if not isinstance(statement, Mapping):
        star = frozenset({"*"})
        return Rule("Allow", star, star, star, frozenset(), frozenset(), "not a statement")
    inverted = {
        f"{name}: {value}"
        for name in ("NotAction", "NotResource", "NotPrincipal")
        for value in _principals(statement.get(name))
    }
    return Rule(
        effect=str(statement.get("Effect", "")),
        principals=frozenset(_principals(statement.get("Principal"))),
        actions=frozenset(value.lower() for value in _values(statement.get("Action"))),
        resources=frozenset(_values(statement.get("Resource"))),
        conditions=frozenset(_conditions(statement.get("Condition"))),
        inverted=frozenset(inverted),
        sid=clean_line(str(statement.get("Sid", "")), 40),
    )


def _conditions(value: object) -> Iterable[tuple[str, str, frozenset[str]]]:
    for operator, keys in value.items() if isinstance(value, Mapping) else ():
        for key, wanted in keys.items() if isinstance(keys, Mapping) else ():
            yield str(operator), str(key).lower(), frozenset(_values(wanted))


def _principals(value: object) -> list[str]:
    """``*``, or ``Service: ec2.amazonaws.com`` for each; ``{"AWS": "*"}`` means everybody, too."""
    if isinstance(value, Mapping):
        named = [(str(kind), each) for kind, listed in value.items() for each in _values(listed)]
        return ["*" if (kind, each) == ("AWS", "*") else f"{kind}: {each}" for kind, each in named]
    return _values(value)


def _values(value: object) -> list[str]:
    if value is None:
        return []
    listed = value if isinstance(value, list | tuple) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in listed]
