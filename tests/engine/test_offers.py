from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from benchtui.aws.errors import CloudError
from benchtui.core.catalogue import InstanceType, Missing, Price
from benchtui.core.filter import FilterError
from benchtui.engine.offers import TypeOffer, chosen, offers, parse_filter

from .conftest import Bench

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def offer(
    name: str, arch: Any = "x86_64", vcpus: int = 2, gib: int = 4, usd: str | None = "0.1"
) -> TypeOffer:
    price = Missing("no price") if usd is None else Price(Decimal(usd), "pricing-api", NOW, "us-east-1")
    shape = InstanceType(name, arch, vcpus, max(1, vcpus // 2), 2, gib * 1024, "Intel")
    return TypeOffer(shape, price, ("us-east-1a",))


OFFERS = (
    offer("c7g.large", "arm64", usd="0.0725"),
    offer("c7i.large", usd="0.0893"),
    offer("c7i.4xlarge", vcpus=16, gib=32, usd="0.714"),
    offer("p9.huge", vcpus=192, gib=2048, usd=None),
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
        ("threads=1", []),
    ],
)
def test_offers_are_chosen_by_the_filter_language(text: str, names: list[str]) -> None:
    assert [found.name for found in chosen(OFFERS, parse_filter(text))] == names


def test_an_unknown_field_names_the_nearest() -> None:
    with pytest.raises(FilterError, match="no field 'vcpu'"):
        parse_filter("vcpu=2")


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
