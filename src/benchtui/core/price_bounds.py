"""Hourly prices that cannot be: a zero for what AWS rents out, a fraction of a cent too small, a fortune.

A price that is wrong by orders of magnitude would let a budget pass what it is there to stop, so it is none.
The bounds are wide on purpose: the cheapest instance there is, a t4g.nano, lists at 0.0042 USD an hour in
us-east-1 and has been several times cheaper on the spot market; the dearest are some hundred dollars.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

LEAST_USD_PER_HOUR = Decimal("0.0001")
MOST_USD_PER_HOUR = Decimal(2000)
#: Types of this machine, which costs nothing (DESIGN 11).
_OF_THIS_MACHINE = "local."


#: Characters of an amount; AWS gives ten decimals.
LONGEST_AMOUNT = 40
#: Powers of ten of an amount's last digit. Beyond them it would be written out as a text of any length.
FINEST, COARSEST = -40, 12


def amount_of(text: object) -> Decimal | None:
    """An amount of money that someone wrote as a decimal text; None: it is something else, or below zero."""
    if not isinstance(text, str) or len(text) > LONGEST_AMOUNT:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount < 0:
        return None
    return amount if FINEST <= int(amount.as_tuple().exponent) <= COARSEST else None


def implausible(instance_type: str, usd_per_hour: Decimal) -> str | None:
    """Why an amount cannot be what an hour of an instance costs; None: it can.

    Args:
        instance_type: name of the type.
        usd_per_hour: finite.
    """
    if usd_per_hour == 0 and instance_type.startswith(_OF_THIS_MACHINE):
        return None
    if usd_per_hour == 0:
        return "0 USD an hour, which no instance of EC2 costs"
    if usd_per_hour < LEAST_USD_PER_HOUR:
        return f"less than {LEAST_USD_PER_HOUR} USD an hour ({usd_per_hour:.3g})"
    if usd_per_hour > MOST_USD_PER_HOUR:
        return f"more than {MOST_USD_PER_HOUR} USD an hour ({usd_per_hour:.3g})"
    return None
