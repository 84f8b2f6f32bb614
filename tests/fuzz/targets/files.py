"""Files on this machine: its own, yet a crash may cut them and anybody may have written them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from benchtui.aws.price_cache import PriceCache
from benchtui.aws.type_listing import _read as read_listing
from benchtui.engine.availability import _read as read_availability
from benchtui.engine.ledger import Ledger
from benchtui.engine.sweep_record import read_record
from tests.fuzz.target import FOLDER, Target

RUN = "20261124-021533-k3f7"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TODAY = "2026-11-28T11:00:00+00:00"
ENDPOINT = "https://api.pricing.us-east-1.amazonaws.com"


def _written(name: str, content: bytes) -> Path:
    path = FOLDER / name
    path.write_bytes(content)
    return path


def read_ledger(content: bytes) -> None:
    """As `run --resume` does."""
    _written(f"{RUN}.jsonl", content)
    with Ledger(FOLDER, RUN) as ledger:
        ledger.gone_launchers()
        ledger.asked()
        list(ledger.lines())


def read_price_cache(content: bytes) -> None:
    """Every price that it gives is one."""
    cache = PriceCache.read(_written("prices.json", content), ENDPOINT, NOW)
    cache.has_all_of("us-east-1")
    for key in (*cache.rows, *cache.problems):
        _, _, rest = key.partition(" ")
        region, _, name = rest.partition(" ")
        cache.get(region, name)
        cache.problem(region, name)
    for price in filter(None, (cache.get("us-east-1", name) for name in ("c7g.large", "rate:ipv4_hour"))):
        assert price.usd_per_hour >= 0
        assert len(f"{price.usd_per_hour:f}") < 100, "an amount of a sensible length"


def read_types(content: bytes) -> None:
    """The types of a region as they were listed."""
    read_listing(_written("types.json", content), "e us-east-1", NOW)


def read_dry(content: bytes) -> None:
    """Zones that had none of a type."""
    for dry in read_availability(_written("availability.json", content)).values():
        assert dry.until > NOW or dry.until <= NOW


def read_sweep(content: bytes) -> None:
    """What the last sweep found."""
    record = read_record(_written("sweep.json", content), NOW)
    if record is not None:
        sweep = record.as_sweep()
        for view in sweep.expired(NOW):
            assert view.expires_at is not None


def ledger_seeds() -> list[bytes]:
    """A launcher's lines, the last one cut short."""
    return [
        b'{"v":1,"event":"launcher","launcher":"ab12"}\n{"v":1,"event":"launching","job":"c7g.large-1"}\n{"v":1',
    ]


def price_seeds() -> list[bytes]:
    """A kept price, a problem, and a whole region."""
    key = f"{ENDPOINT} us-east-1"
    return [
        (
            f'{{"schema":"benchtui.prices/1","prices":{{"{key} c7g.large":{{"usd_per_hour":"0.0725",'
            f'"as_of":"{TODAY}"}}}},"listed":{{"{key}":"{TODAY}"}},'
            f'"problems":{{"{key} c7i.large":{{"reason":"several","as_of":"{TODAY}"}}}}}}'
        ).encode()
    ]


def type_seeds() -> list[bytes]:
    """One type."""
    return [
        (
            f'{{"schema":"benchtui.types/2","listings":{{"e us-east-1":{{"as_of":"{TODAY}","types":['
            '{"name":"c7g.large","arch":"arm64","vcpus":2,"cores":2,"threads_per_core":1,"memory_mib":4096,'
            '"manufacturer":"AWS","current_generation":true,"burstable":null,"zones":["us-east-1a"]}]}}}'
        ).encode()
    ]


def dry_seeds() -> list[bytes]:
    """One zone."""
    return [
        b'{"v":1,"dry":{"e us-east-1a c7g.large on_demand":{"until":"2026-11-28T12:05:00+00:00","times":1,'
        b'"code":"InsufficientInstanceCapacity"}}}'
    ]


def sweep_seeds() -> list[bytes]:
    """An expired instance and a region that did not answer."""
    return [
        (
            f'{{"schema":"benchtui.sweep/1","taken_at":"{TODAY}","regions":["us-east-1"],'
            '"unanswered":{"eu-west-1":"denied"},"regions_error":null,"expired":[{"instance_id":"i-0123456789",'
            '"instance_type":"c7g.large","region":"us-east-1","launched_at":"2026-11-28T01:00:00Z",'
            '"expires_at":"2026-11-28T02:00:00Z","run":"20261124-021533-k3f7","job":"c7g.large-1"}]}'
        ).encode()
    ]


TARGETS = (
    Target("ledger", read_ledger, ledger_seeds),
    Target("price-cache", read_price_cache, price_seeds, tree=True),
    Target("type-cache", read_types, type_seeds, tree=True),
    Target("availability", read_dry, dry_seeds, tree=True),
    Target("sweep", read_sweep, sweep_seeds, tree=True),
)
