"""A setup's plan, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchtui.cli.failures import error_fields
from benchtui.cli.tables import BAD, FAINT, GOOD, WARN, Text
from benchtui.engine.setting_up.making import Item, SetupPlan
from benchtui.engine.setting_up.parts import State
from benchtui.engine.setting_up.wanted import Place

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLE = {State.THERE: GOOD, State.MAKE: WARN, State.CHANGE: WARN, State.KEPT: FAINT, State.BLOCKED: BAD}
_INDENT = " " * 9
COST = (
    "None of this costs anything by being there (0 USD a month). Paid are runs: instances, "
    "S3 storage by size, S3 requests."
)
NO_ADDRESS = (
    "Without public addresses instances reach S3 alone. Suites that install packages need a mirror inside S3 "
    'or the VPC ([instance] image = "al2023", whose packages lie in S3), a NAT gateway, or an image that '
    "has them."
)


def lines(plan: SetupPlan) -> Iterator[RenderableType]:
    """What is there, what would be made, and where instances would go."""
    yield Text(f"account {plan.scope.account}")
    for item in plan.items:
        yield from _item(item)
    yield Text("")
    for place in plan.places:
        yield from _place(place)
    for key, value in plan.settings.items():
        yield Text(f'to be put into the configuration: {key} = "{value}"', style=WARN)
    if not plan.public_ipv4:
        yield Text(NO_ADDRESS, style=FAINT)
    yield Text(COST, style=FAINT)


def _item(item: Item) -> Iterator[Text]:
    finding, part = item.finding, item.part
    word, style = finding.state.value, _STYLE[finding.state]
    if item.done:
        word, style = "made" if finding.state is State.MAKE else "changed", GOOD
    where = f" in {part.region}" if part.region else ""
    yield Text.assemble((f"{word:<8} ", style), f"{part.kind} {part.name}{where}")
    for each in finding.does:
        yield Text(f"{_INDENT}- {each}")
    if finding.why:
        yield Text(f"{_INDENT}{finding.why}")
    if finding.fix:
        yield Text(f"{_INDENT}fix: {finding.fix}")


def _place(place: Place) -> Iterator[Text]:
    if place.problem is not None:
        yield Text(f"{place.region}: {place.problem.what}", style=BAD)
        if place.problem.fix:
            yield Text(f"  fix: {place.problem.fix}")
        return
    where = f"subnet {place.subnet}" if place.subnet else f"default subnets of {place.vpc}"
    yield Text(f"instances in {place.region}: {where} ({place.how})")
    for name, zones in place.zones.items():
        offered = ", ".join(zones) if zones else "no zone offers it"
        yield Text(f"  {name}: {offered}", style="" if zones else BAD)


def done_line(item: Item) -> str:
    """What was just made."""
    where = f" in {item.part.region}" if item.part.region else ""
    word = "made" if item.finding.state is State.MAKE else "changed"
    return f"{word}: {item.part.kind} {item.part.name}{where}"


def next_steps(plan: SetupPlan) -> Iterator[str]:
    """What a person does next."""
    if plan.to_do:
        return
    if plan.problems:
        yield "something is missing before a launch can work; see above"
        return
    if any(item.done and item.part.kind in ("role", "instance profile") for item in plan.items):
        yield "a role that was just made is known everywhere in about a minute"
    yield "next: `benchtui doctor` looks whether a launch would work,"
    yield "      `benchtui drill` proves what ends instances"


def fields(plan: SetupPlan, *, dry_run: bool) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "v": 1,
        "type": "setup",
        "account": plan.scope.account,
        "bucket": plan.scope.bucket,
        "dry_run": dry_run,
        "complete": not plan.to_do and not plan.problems,
        "monthly_usd": "0",
        "items": [
            {
                "kind": item.part.kind,
                "name": item.part.name,
                "region": item.part.region,
                "state": item.finding.state.value,
                "does": list(item.finding.does),
                "why": item.finding.why or None,
                "fix": item.finding.fix,
                "done": item.done,
            }
            for item in plan.items
        ],
        "places": [
            {
                "region": place.region,
                "vpc": place.vpc,
                "subnet": place.subnet,
                "how": place.how or None,
                "zones": {name: list(zones) for name, zones in place.zones.items()},
                "problem": None if place.problem is None else error_fields(place.problem),
            }
            for place in plan.places
        ],
        "settings": dict(plan.settings),
    }
