"""`benchtui types`: the instance types to choose from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from benchtui.cli import output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.core.catalogue import Missing, Price
    from benchtui.engine.offers import TypeOffer


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "types",
        parents=[shared()],
        help="instance types of the region, with price",
        description="Instance types the region sells, those with a price first. Asks AWS at most once a day.",
        epilog="fields: type family arch vcpus cores threads memory (GiB) price (USD/h) maker zone; "
        "example: --filter 'arch=arm64 vcpus<=4 price<0.20'",
    )
    parser.add_argument(
        "--filter", metavar="EXPR", default="", help="only these, such as 'arch=arm64 price<0.20'"
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """List them."""
    import asyncio

    from benchtui.cli.settings import read
    from benchtui.engine.offers import chosen, parse_filter

    which = parse_filter(arguments.filter)
    settings = read(arguments)
    found = asyncio.run(_asked(settings))
    shown = chosen(found, which)
    region = settings.config.aws.regions[0]
    if arguments.json:
        rows = [_fields(offer) for offer in shown]
        fields = {"v": 1, "type": "types", "region": region, "offered": len(found), "types": rows}
        output.document(fields)
        return ExitCode.OK
    from benchtui.cli.tables import Text

    count = f"{len(shown)} of {len(found)} types of {region}"
    output.table(_table(shown), Text(count + (f", filter: {which.text}" if which else "")))
    return ExitCode.OK


async def _asked(settings: Settings) -> tuple[TypeOffer, ...]:
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.offers import offers

    async with open_workspace(settings, lambda _: None) as workspace:
        cache = workspace.folders.cache / "prices.json"
        return await offers(workspace.cloud, workspace.config, workspace.clock.now(), cache)


def _table(shown: tuple[TypeOffer, ...]) -> Any:
    from benchtui.cli import tables
    from benchtui.core.catalogue import Price

    glyphs = tables.Glyphs(output.speaks_unicode())
    numbers = ("vCPU", "cores", "GiB", "USD/h", "zones")
    table = tables.new_table("type", "arch", *numbers, "price from", right=numbers)
    for offer in shown:
        shape, price = offer.type, offer.price
        times = f"{glyphs.times}{shape.threads_per_core}" if shape.threads_per_core > 1 else ""
        rate, origin = (
            (str(price.usd_per_hour), f"{price.basis}, {price.as_of:%Y-%m-%d}")
            if isinstance(price, Price)
            else (glyphs.unknown, glyphs.unknown)
        )
        tables.add(
            table,
            shape.name,
            shape.arch,
            shape.vcpus,
            f"{shape.cores}{times}",
            f"{float(offer.memory_gib):.4g}",
            rate,
            len(offer.zones),
            origin,
        )
    return table


def _fields(offer: TypeOffer) -> dict[str, Any]:
    shape = offer.type
    return {
        "instance_type": shape.name,
        "arch": shape.arch,
        "vcpus": shape.vcpus,
        "cores": shape.cores,
        "threads_per_core": shape.threads_per_core,
        "memory_mib": shape.memory_mib,
        "manufacturer": shape.manufacturer,
        "zones": list(offer.zones),
        **_price_fields(offer.price),
    }


def _price_fields(price: Price | Missing) -> dict[str, Any]:
    from benchtui.core.catalogue import Missing

    if isinstance(price, Missing):
        return {"price": None, "price_problem": price.reason, "price_fix": price.fix}
    return {
        "price": {"usd_per_hour": price.usd_per_hour, "basis": price.basis, "as_of": price.as_of},
        "price_problem": None,
        "price_fix": None,
    }
