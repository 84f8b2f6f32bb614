from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from benchtui.aws.errors import CloudError
from benchtui.config.schema import Config
from benchtui.core.catalogue import InstanceType, Missing, Price
from benchtui.core.comparable import Basis
from benchtui.core.errors import UsageError
from benchtui.core.filter import FilterError
from benchtui.engine.offer_fields import FIELDS, SORTS, TypeOrder, chosen, parse_filter
from benchtui.engine.offers import TypeOffer, comparable, offers, offline_offers

from .conftest import Bench

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def offer(
    name: str,
    arch: Any = "x86_64",
    vcpus: int = 2,
    gib: int = 4,
    usd: str | None = "0.1",
    *,
    cores: int | None = None,
    current: bool | None = True,
) -> TypeOffer:
    price = Missing("no price") if usd is None else Price(Decimal(usd), "pricing-api", NOW, "us-east-1")
    counted = cores or max(1, vcpus // 2)
    maker = "AWS" if arch == "arm64" else "Intel"
    shape = InstanceType(name, arch, vcpus, counted, vcpus // counted, gib * 1024, maker, current, current)
    return TypeOffer(shape, price, ("us-east-1a",))


OFFERS = (
    offer("c7g.large", "arm64", usd="0.0725", cores=2),
    offer("c7i.large", usd="0.0893"),
    offer("c7i.4xlarge", vcpus=16, gib=32, usd="0.714", current=None),
    offer("p9.huge", vcpus=192, gib=2048, usd=None, current=False),
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["c7g.large", "c7i.large", "c7i.4xlarge", "p9.huge"]),
        ("arch=arm64", ["c7g.large"]),
        ("price<0.10", ["c7g.large", "c7i.large"]),
        ("price=-", ["p9.huge"]),
        ("vcpus>=16 memory<=32", ["c7i.4xlarge"]),
        ("c7i cores=1", ["c7i.large"]),
        ("family=c7g,p9", ["c7g.large", "p9.huge"]),
        ("threads=1", ["c7g.large"]),
        ("generation=7 vendor=graviton", ["c7g.large"]),
        ("maker=AWS", ["c7g.large"]),
        ("vendor=intel", ["c7i.large", "c7i.4xlarge", "p9.huge"]),
        ("current=no", ["p9.huge"]),
        ("current=- burstable=-", ["c7i.4xlarge"]),
        ("price_core<0.05", ["c7g.large"]),
        ("$/gib>0.02", ["c7i.large", "c7i.4xlarge"]),
        ("price_vcpu=-", ["p9.huge"]),
    ],
)
def test_offers_are_chosen_by_the_filter_language(text: str, names: list[str]) -> None:
    assert [found.name for found in chosen(OFFERS, parse_filter(text))] == names


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("type", ["c7g.large", "c7i.large", "c7i.4xlarge", "p9.huge"]),
        ("-type", ["p9.huge", "c7i.4xlarge", "c7i.large", "c7g.large"]),
        ("price_core", ["c7g.large", "c7i.4xlarge", "c7i.large", "p9.huge"]),
        ("-price", ["c7i.4xlarge", "c7i.large", "c7g.large", "p9.huge"]),  # what is not known stays last
        ("-generation", ["p9.huge", "c7g.large", "c7i.large", "c7i.4xlarge"]),
        ("memory", ["c7g.large", "c7i.large", "c7i.4xlarge", "p9.huge"]),
    ],
)
def test_offers_are_sorted_and_what_is_not_known_comes_last(order: str, names: list[str]) -> None:
    found = chosen(OFFERS, parse_filter(""), TypeOrder.parse(order))
    assert [offer.name for offer in found] == names
    assert str(TypeOrder.parse(order)) == order


def test_an_order_that_is_none_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="no order 'price_cores'") as error:
        TypeOrder.parse("price_cores")
    assert "did you mean price_core?" in str(error.value.fix)


def test_orders_follow_one_another_and_turn_round() -> None:
    order, names = TypeOrder(), []
    for _ in range(len(SORTS)):
        names.append(order.name)
        order = order.next()
    assert (tuple(names), order) == (SORTS, TypeOrder())
    assert order.reversed().reversed() == order
    assert set(SORTS) <= {field.name for field in FIELDS}


def test_comparable_types_are_those_for_sale() -> None:
    (cores,) = comparable("c7i.large", OFFERS, "us-east-1", (Basis.CORES,))
    assert (cores.matches, cores.families_without) == ((), ("c7g",))
    with pytest.raises(UsageError, match=r"c7i\.larg is not among the types of us-east-1") as error:
        comparable("c7i.larg", OFFERS, "us-east-1")
    assert "did you mean c7i.large?" in str(error.value.fix)


def test_the_snapshot_offers_types_without_a_network() -> None:
    found = offline_offers(Config(), NOW)
    assert "c7i.large" in [offer.name for offer in found]
    (cores, vcpus, price) = comparable("c7i.xlarge", found, "us-east-1")
    assert {"c7g.large", "c7a.large"} <= {match.candidate.type.name for match in cores.matches}
    assert {"c7g.xlarge", "c7a.xlarge"} <= {match.candidate.type.name for match in vcpus.matches}
    assert price.problem is None


def test_an_unknown_field_names_the_nearest() -> None:
    with pytest.raises(FilterError, match="no field 'vcpu'"):
        parse_filter("vcpu=2")


@pytest.mark.long
async def test_offers_have_priced_types_first_by_family_and_size(bench: Bench) -> None:
    found = await offers(
        bench.workspace.cloud, bench.workspace.config, bench.clock.now(), bench.folders.cache / "prices.json"
    )
    priced = [found for found in found if isinstance(found.price, Price)]
    assert {"c7a.large", "c7g.large", "c7i.large", "local.1cpu"} <= {offer.name for offer in priced}
    assert list(found[: len(priced)]) == priced
    names = [offer.name for offer in found[len(priced) :] if offer.family == "c6g"]
    assert names[:4] == ["c6g.medium", "c6g.large", "c6g.xlarge", "c6g.2xlarge"]
    assert all(offer.zones for offer in found)
    bench.fault(service="ec2", status=403)
    again = await offers(
        bench.workspace.cloud, bench.workspace.config, bench.clock.now(), bench.folders.cache / "prices.json"
    )
    assert again == found


async def test_offers_that_cannot_be_asked_for_are_an_error(bench: Bench) -> None:
    bench.fault(service="ec2", status=403)
    with pytest.raises(CloudError):
        await offers(
            bench.workspace.cloud, bench.workspace.config, bench.clock.now(), bench.folders.cache / "p.json"
        )
