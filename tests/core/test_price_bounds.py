from decimal import Decimal

import pytest

from benchtui.core.price_bounds import implausible


@pytest.mark.parametrize("usd", ["0.0001", "0.0042", "0.0725", "407.68", "2000"])
def test_prices_of_ec2_can_be(usd: str) -> None:
    assert implausible("c7g.large", Decimal(usd)) is None


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        ("0", "0 USD"),
        ("0.0000000000", "0 USD"),
        ("1E-10", "less than"),
        ("0.00009", "less"),
        ("2000.1", "more"),
    ],
)
def test_what_is_wrong_by_orders_of_magnitude_cannot(usd: str, words: str) -> None:
    assert words in str(implausible("c7g.large", Decimal(usd)))


def test_only_this_machine_costs_nothing() -> None:
    assert implausible("local.2cpu", Decimal(0)) is None
    assert implausible("local.2cpu", Decimal("1E-10"))
    assert implausible("localx.large", Decimal(0))
