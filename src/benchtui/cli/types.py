"""`benchtui types`: the instance types to choose from, and which of them are fair to compare."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchtui.cli import output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.engine.offers import TypeOffer

BASES = ("core", "vcpu", "price")


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "types",
        parents=[shared()],
        help="instance types of the region, with price; which are fair to compare",
        description="Instance types the region sells, those with a price first. Asks AWS at most once a day.",
        epilog="fields: type family generation current (yes, no) arch vendor vcpus cores threads memory "
        "(GiB) burstable (yes, no) price (USD/h) price_core price_vcpu price_gib spot "
        "(with --spot) zone; "
        "example: --filter 'vendor=graviton,amd vcpus<=4 price<0.20 current=yes' --sort price_core",
    )
    parser.add_argument(
        "--filter", metavar="EXPR", default="", help="only these, such as 'arch=arm64 price<0.20'"
    )
    parser.add_argument(
        "--sort", metavar="ORDER", help="price, price_core, cores, …; --sort=-price for the other way round"
    )
    parser.add_argument(
        "--comparable",
        metavar="TYPE",
        help="types that are fair to compare with this one: as many cores, as many vCPUs, nearest price",
    )
    parser.add_argument(
        "--by", choices=BASES, help="with --comparable: what is to be equal; without it all three"
    )
    parser.add_argument(
        "--spot", action="store_true", help="ask for prices of the spot market as well, zone by zone"
    )
    parser.add_argument(
        "--offline", action="store_true", help="a few types of a dated snapshot: no network, no account"
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """List them."""
    from benchtui.cli import type_tables
    from benchtui.core.comparable import Basis
    from benchtui.core.errors import UsageError
    from benchtui.engine.offer_fields import TypeOrder, chosen, parse_filter
    from benchtui.engine.offers import comparable

    which = parse_filter(arguments.filter)
    order = TypeOrder.parse(arguments.sort) if arguments.sort else None
    if arguments.comparable and order is not None:
        raise UsageError("--comparable has an order of its own: nearest generation first", "leave out --sort")
    if arguments.by and not arguments.comparable:
        raise UsageError("--by says what types have in common", "name one: --comparable c7i.xlarge")
    found, region = _found(arguments)
    passing = chosen(found, which, order)
    if arguments.comparable:
        reference = [offer for offer in found if offer.name == arguments.comparable]
        kept = {offer.name: offer for offer in (*passing, *reference)}
        bases = (Basis(arguments.by),) if arguments.by else tuple(Basis)
        sets = comparable(arguments.comparable, tuple(kept.values()), region, bases)
        if arguments.json:
            output.document(type_tables.comparable_fields(sets, kept, region))
        else:
            output.table(*type_tables.comparable_texts(sets, kept))
    elif arguments.json:
        output.document(type_tables.listing_fields(passing, found, region))
    else:
        output.table(*type_tables.listing_texts(passing, found, region, which.text))
    return ExitCode.OK


def _found(arguments: argparse.Namespace) -> tuple[tuple[TypeOffer, ...], str]:
    """What is for sale, and where."""
    import asyncio
    from datetime import UTC, datetime

    from benchtui.cli.settings import read
    from benchtui.core.errors import UsageError
    from benchtui.engine.offers import offline_offers
    from benchtui.engine.planning import regions_of

    if arguments.offline and arguments.local:
        raise UsageError("--offline and --local exclude each other", fix="leave out one of them")
    if arguments.offline and arguments.spot:
        raise UsageError("the snapshot has no spot prices", fix="leave out --offline or --spot")
    settings = read(arguments)
    region = regions_of(settings.config)[0]
    if arguments.offline:
        return offline_offers(settings.config, datetime.now(UTC)), region
    return asyncio.run(_asked(settings, spot=arguments.spot)), region


async def _asked(settings: Settings, *, spot: bool) -> tuple[TypeOffer, ...]:
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.offers import offers

    async with open_workspace(settings, lambda _: None) as workspace:
        cache = workspace.folders.cache / "prices.json"
        now = workspace.clock.now()
        return await offers(workspace.cloud, workspace.config, now, cache, spot=spot)
