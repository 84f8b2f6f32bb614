"""Costs in US dollars, itemised, each item with basis and date. All arithmetic is decimal.

Rounding: every item is rounded up to a millionth of a dollar, once, at its end; a total is the exact sum of
its items. So a cost is never understated and a table always adds up.

What is counted, with sources:

- Instance: per second of the state *running* with a minimum of 60 s for Linux
  (repost.aws/knowledge-center/ec2-instance-hour-billing).
- EBS: provisioned GB × seconds / month, minimum 60 s; AWS's example has a month of 30 days (example 1 of
  aws.eu/ebs/pricing). An estimate does the same; a worst case takes the shortest month, 28 days.
- Public IPv4: 0.005 USD per hour, in use or idle, since 2024-02-01
  (aws.amazon.com/blogs/networking-and-content-delivery/identify-and-optimize-public-ipv4-address-usage-on-aws).
  A worst case counts begun hours as whole ones.
- S3 requests: writes of the instance. Not counted: reads (0.0004 USD per 1000), storage of results, and
  the LIST requests of whoever watches (840 an hour at 5 s: 0.0042 USD for the whole run).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from benchtui.core.catalogue import Price
from benchtui.core.deadlines import LATEST

MINIMUM_BILLED_SECONDS = 60
MILLIONTH = Decimal("0.000001")
#: Behind or before the point of an amount that comes from outside.
MOST_DIGITS = 1000
SECONDS_PER_HOUR = 3600
ESTIMATED_MONTH_SECONDS = 30 * 86400
SHORTEST_MONTH_SECONDS = 28 * 86400

#: Percent of the budget at which a run's followers are warned, once each; at 100 the run is ended.
WARN_AT = (50, 80)

#: Writes of one job whatever its length: transitions, system.json, results, raw archives, log ends.
WRITES_PER_JOB = 200
#: Progress sentinels come at most this often.
PROGRESS_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Rate:
    """A price per unit and how we know it."""

    usd: Decimal
    basis: str
    as_of: date | None = None  # None: valid when the run was planned


@dataclass(frozen=True, slots=True)
class Rates:
    """All rates but the instance's own."""

    ebs_gb_month: Rate
    ipv4_hour: Rate
    s3_write_1000: Rate


#: List prices of us-east-1, the defaults of the configuration. Sources: EBS
#: www.webuildup.live/2026/04/ebs-gp2-vs-gp3-why-gp3-wins-on-cost-and.html; IPv4 as above; S3
#: c3x.dev/blog/s3-request-fees-explained (undated, looked up on the day given).
LIST_RATES = Rates(
    ebs_gb_month=Rate(Decimal("0.08"), "list price gp3, us-east-1", date(2026, 4, 1)),
    ipv4_hour=Rate(Decimal("0.005"), "list price, all regions", date(2024, 2, 1)),
    s3_write_1000=Rate(Decimal("0.005"), "list price S3 Standard, us-east-1", date(2026, 11, 24)),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one instance may live, seconds, and how often it speaks."""

    max_runtime: int
    emergency_grace: int
    boot_allowance: int
    heartbeat: int

    @property
    def longest_seconds(self) -> int:
        """From launch to the hard end inside the instance, which ``benchtui:expires`` tells."""
        return self.max_runtime + self.emergency_grace + self.boot_allowance

    @property
    def latest_seconds(self) -> int:
        """From launch to the latest end that the schedules outside promise, when everything inside failed."""
        return self.longest_seconds + int(LATEST.total_seconds())


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a bill."""

    name: str
    quantity: Decimal
    unit: str
    usd_per_unit: Decimal
    usd: Decimal
    basis: str
    as_of: date | None


@dataclass(frozen=True, slots=True)
class Cost:
    """An itemised cost of one job."""

    items: tuple[Item, ...]

    @property
    def usd(self) -> Decimal:
        """Exact sum of the items."""
        return sum((item.usd for item in self.items), Decimal(0))


def worst_case(price: Price, limits: Limits, volume_gib: int, rates: Rates) -> Cost:
    """Most that one job can cost while any layer that ends it works, on time.

    price × (max_runtime + grace + boot + 4 min) + EBS + public IPv4 + S3 writes. The 4 minutes
    (core.deadlines.LATEST) are those after ``benchtui:expires`` within which layer 2 ends what has not ended
    itself. They are paid for here. Schedules that come earlier instead would cut into the grace of an
    instance that booted slowly, and end a job whose own timers were about to end it in order.
    """
    seconds = limits.latest_seconds
    whole_hours = -(-billed_seconds(seconds) // SECONDS_PER_HOUR) * SECONDS_PER_HOUR
    return Cost(
        (
            _instance(price, seconds),
            _ebs(rates.ebs_gb_month, volume_gib, seconds, SHORTEST_MONTH_SECONDS),
            _ipv4(rates.ipv4_hour, whole_hours),
            _writes(rates.s3_write_1000, writes_at_most(seconds, limits.heartbeat)),
        )
    )


def cost_of(price: Price, seconds: float, volume_gib: int, rates: Rates, s3_writes: int) -> Cost:
    """Cost of one job whose instance was, or is expected to be, running for ``seconds``.

    Args:
        price: at launch.
        seconds: observed running time; billed as at least 60.
        s3_writes: PUT requests of the instance.

    Raises:
        ValueError: negative time or count.
    """
    if seconds < 0 or s3_writes < 0:
        raise ValueError(f"a cost of {seconds} s and {s3_writes} requests")
    return Cost(
        (
            _instance(price, seconds),
            _ebs(rates.ebs_gb_month, volume_gib, seconds, ESTIMATED_MONTH_SECONDS),
            _ipv4(rates.ipv4_hour, billed_seconds(seconds)),
            _writes(rates.s3_write_1000, s3_writes),
        )
    )


def billed_seconds(seconds: float) -> int:
    """Seconds that are charged: begun ones count whole, at least 60."""
    return max(MINIMUM_BILLED_SECONDS, -int(-seconds // 1))


def writes_at_most(seconds: float, heartbeat: int) -> int:
    """Upper bound of the PUT requests of one job: progress, heartbeats, a log chunk with each, the rest."""
    begun = billed_seconds(seconds)
    return WRITES_PER_JOB + begun // PROGRESS_SECONDS + 2 * (begun // heartbeat + 1)


def reached(spent_usd: Decimal, budget_usd: Decimal) -> int:
    """The highest of 0, 50, 80 and 100 % of the budget that has been spent.

    A run that has cost nothing has reached nothing, whatever its budget.
    """
    if spent_usd <= 0:
        return 0
    steps = (0, *WARN_AT, 100)
    return max(step for step in steps if spent_usd * 100 >= budget_usd * step)


def rounded_up(usd: Decimal) -> Decimal:
    """``usd``, up to the next millionth."""
    return usd.quantize(MILLIONTH, rounding=ROUND_CEILING)


def _instance(price: Price, seconds: float) -> Item:
    billed = Decimal(billed_seconds(seconds))
    usd = rounded_up(price.usd_per_hour * billed / SECONDS_PER_HOUR)
    return Item("instance", billed, "s", price.usd_per_hour, usd, price.basis, price.as_of.date())


def _ebs(rate: Rate, volume_gib: int, seconds: float, month_seconds: int) -> Item:
    gb_seconds = Decimal(volume_gib) * billed_seconds(seconds)
    return Item(
        "ebs",
        gb_seconds,
        "GB·s",
        rate.usd,
        rounded_up(rate.usd * gb_seconds / month_seconds),
        rate.basis,
        rate.as_of,
    )


def _ipv4(rate: Rate, seconds: int) -> Item:
    usd = rounded_up(rate.usd * seconds / SECONDS_PER_HOUR)
    return Item("ipv4", Decimal(seconds), "s", rate.usd, usd, rate.basis, rate.as_of)


def _writes(rate: Rate, count: int) -> Item:
    usd = rounded_up(rate.usd * count / 1000)
    return Item("s3 writes", Decimal(count), "requests", rate.usd, usd, rate.basis, rate.as_of)


def writable(amount: Decimal) -> Decimal:
    """``amount``, if it can be written out: 1E-999999999 would be a text of a gigabyte.

    Raises:
        ValueError: it has more digits behind or before the point than anybody means.
    """
    if abs(int(amount.as_tuple().exponent)) > MOST_DIGITS:
        raise ValueError(f"must be an amount of money of at most {MOST_DIGITS} digits")
    return amount


def usd_text(amount: Decimal | None) -> str:
    """Money as it is shown: to the hundredth of a cent below ten cents, else to the cent; ``–`` unknown."""
    if amount is None:
        return "–"
    step = Decimal("0.0001") if 0 < amount < Decimal("0.10") else Decimal("0.01")
    return str(amount.quantize(step, rounding=ROUND_HALF_UP))
