"""The bill of a run, for people and for programs."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from benchtui.cli import tables
from benchtui.core.money import usd_text

if TYPE_CHECKING:
    from rich.table import Table

    from benchtui.engine.bill import Bill, BillLine

_ITEMS = ("instance", "ebs", "ipv4", "s3 writes")


def bill_fields(found: Bill) -> dict[str, Any]:
    """``jobs`` and ``reservations`` for ``--json``; money as strings, what is not known is null."""
    held = [line.held_usd for line in found.lines if line.held_usd is not None]
    paid = [line.released_usd for line in found.lines if line.released_usd is not None]
    return {
        "reservations": {
            "known": found.reserved_known,
            "held_usd": sum(held, Decimal(0)) if found.reserved_known else None,
            "released_usd": sum(paid, Decimal(0)) if found.reserved_known else None,
            "problem": found.problem,
        },
        "jobs": [_line_fields(line) for line in found.lines],
    }


def _line_fields(line: BillLine) -> dict[str, Any]:
    return {
        "job": line.job,
        "instance_id": line.instance_id,
        "launched_at": line.launched_at,
        "ended_at": line.ended_at,
        "spent_usd": line.spent_usd,
        "reserved_usd": line.reserved_usd,
        "held_usd": line.held_usd,
        "released_usd": line.released_usd,
        "items": [
            {
                "name": item.name,
                "quantity": item.quantity,
                "unit": item.unit,
                "usd_per_unit": item.usd_per_unit,
                "usd": item.usd,
                "basis": item.basis,
                "as_of": None if item.as_of is None else item.as_of.isoformat(),
            }
            for item in line.items
        ],
    }


def bill_table(found: Bill, glyphs: tables.Glyphs) -> Table:
    """One line a job: seconds billed, items, what was reserved and what took its place; and the sums."""
    numbers = ("s", "instance", "EBS", "IPv4", "S3", "spent", "reserved", "released")
    table = tables.new_table("job", *numbers, right=numbers)
    for line in found.lines:
        usd = {item.name: item.usd for item in line.items}
        seconds = next((item.quantity for item in line.items if item.name == "instance"), None)
        shown = [_usd(usd.get(name), glyphs) for name in _ITEMS]
        money = (line.spent_usd, line.reserved_usd, line.released_usd)
        whole = glyphs.unknown if seconds is None else f"{seconds:f}"
        tables.add(table, line.job, whole, *shown, *(_usd(amount, glyphs) for amount in money))
    sums = [_sum([line.spent_usd for line in found.lines])]
    sums += [_sum([line.reserved_usd for line in found.lines])]
    sums += [_sum([line.released_usd for line in found.lines])]
    blank = [""] * (1 + len(_ITEMS))
    tables.add(table, "sum", *blank, *(_usd(amount, glyphs) for amount in sums))
    return table


def _sum(amounts: list[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def _usd(amount: Decimal | None, glyphs: tables.Glyphs) -> str:
    return glyphs.unknown if amount is None else usd_text(amount)
