"""The bill of spot instances by the price history of their zones, not by the price at planning."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError
from benchtui.core.catalogue import Market
from benchtui.core.money import Item
from benchtui.core.spot import SpotPrice, spot_item
from benchtui.engine.bill import Bill, BillLine

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.engine.snapshot import JobRow, Snapshot

INSTANCE = "instance"  # the item that a history makes anew


def has_spot(snapshot: Snapshot) -> bool:
    """Whether an instance of the spot market is known of, with its times."""
    return any(_place(row) is not None for row in snapshot.rows)


async def integrated(cloud: Cloud, itemised: Bill, snapshot: Snapshot) -> Bill:
    """The bill with each spot instance's time integrated over what it cost then.

    Where EC2 does not tell the history, or it does not reach back to the launch, the line stays as it is,
    with its own basis.
    """
    histories: dict[tuple[str, str, str], tuple[SpotPrice, ...]] = {}
    found = {row.planned.job: place for row in snapshot.rows if (place := _place(row)) is not None}
    lines = []
    for line in itemised.lines:
        place = found.get(line.job)
        if place is None or not line.items:
            lines.append(line)
            continue
        region, instance_type, zone, launched, ended = place
        key = region, instance_type, zone
        if key not in histories:
            histories[key] = await _history(cloud, key, _span(found, key))
        lines.append(_with(line, histories[key], zone, launched, ended))
    return replace(itemised, lines=tuple(lines))


_Place = tuple[str, str, str, datetime, datetime]  # region, type, zone, launched, ended


def _place(row: JobRow) -> _Place | None:
    view = row.status.instance
    if row.planned.market != Market.SPOT or view is None or not view.zone:
        return None
    if row.launched_at is None or row.ended_at is None or row.ended_at < row.launched_at:
        return None
    return view.region, view.instance_type, view.zone, row.launched_at, row.ended_at


def _span(found: dict[str, _Place], key: tuple[str, str, str]) -> tuple[datetime, datetime]:
    mine = [place for place in found.values() if place[:3] == key]
    return min(place[3] for place in mine), max(place[4] for place in mine)


async def _history(
    cloud: Cloud, key: tuple[str, str, str], span: tuple[datetime, datetime]
) -> tuple[SpotPrice, ...]:
    from benchtui.aws.spot import spot_history

    region, instance_type, zone = key
    try:
        return await spot_history(cloud, region, instance_type, zone, *span)
    except CloudError:
        return ()


def _with(
    line: BillLine, history: tuple[SpotPrice, ...], zone: str, launched: datetime, ended: datetime
) -> BillLine:
    item = spot_item(history, zone, launched, ended)
    if item is None:
        return line
    items: tuple[Item, ...] = tuple(item if each.name == INSTANCE else each for each in line.items)
    before, after = (sum(each.usd for each in part) for part in (line.items, items))
    spent = None if line.spent_usd is None else line.spent_usd + after - before
    return replace(line, items=items, spent_usd=spent)
