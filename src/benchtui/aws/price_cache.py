"""Answers of the Pricing API kept on this machine, so that looking at types asks it once a day."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchtui.core.catalogue import Missing, Price
from benchtui.core.price_bounds import amount_of, implausible
from benchtui.core.text import clean_line

BASIS = "pricing-api"
VALID_FOR = timedelta(hours=24)
MAX_CACHE_BYTES = 16 * 1024 * 1024  # the prices of every region take a third of it
MAX_REASON = 300  # characters
_SCHEMA = "benchtui.prices/1"
#: What a row that nobody here has written comes to; a time at the ends of the calendar overflows.
_NOT_OURS = (ValueError, KeyError, TypeError, OverflowError)


@dataclass
class PriceCache:
    """Answers of the Pricing API kept in a file, by endpoint, region and type; damaged ones are forgotten."""

    path: Path | None
    endpoint: str
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    listed: dict[str, str] = field(
        default_factory=dict
    )  # when all prices of a region were asked for, ISO 8601
    problems: dict[str, dict[str, str]] = field(default_factory=dict)  # why a product has no price

    @classmethod
    def read(cls, path: Path | None, endpoint: str, now: datetime) -> PriceCache:
        """The file's rows that are still valid; none for a file that is not ours."""
        cache = cls(path, endpoint)
        if path is None:
            return cache
        try:
            if path.stat().st_size > MAX_CACHE_BYTES:
                return cache
            body = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return cache
        if not isinstance(body, dict) or body.get("schema") != _SCHEMA:
            return cache
        rows = body.get("prices")
        for key, row in rows.items() if isinstance(rows, dict) else ():
            with contextlib.suppress(*_NOT_OURS):
                as_of, rate = _kept_at(row["as_of"]), amount_of(row["usd_per_hour"])
                if now - VALID_FOR < as_of <= now and rate is not None and _credible(key, rate):
                    cache.rows[key] = {"usd_per_hour": str(rate), "as_of": as_of.isoformat()}
        problems = body.get("problems")
        for key, row in problems.items() if isinstance(problems, dict) else ():
            with contextlib.suppress(*_NOT_OURS):
                as_of = _kept_at(row["as_of"])
                if now - VALID_FOR < as_of <= now:
                    reason = clean_line(str(row["reason"]), MAX_REASON)
                    cache.problems[key] = {"reason": reason, "as_of": as_of.isoformat()}
        listed = body.get("listed")
        for key, when in listed.items() if isinstance(listed, dict) else ():
            with contextlib.suppress(*_NOT_OURS):
                if now - VALID_FOR < _kept_at(when) <= now:
                    cache.listed[key] = when
        return cache

    def has_all_of(self, region: str) -> bool:
        """Whether all prices of the region were asked for; a type without one has none then."""
        return f"{self.endpoint} {region}" in self.listed

    def get(self, region: str, name: str) -> Price | None:
        """The price kept for a type."""
        row = self.rows.get(self._key(region, name))
        if row is None:
            return None
        return Price(Decimal(row["usd_per_hour"]), BASIS, datetime.fromisoformat(row["as_of"]), region)

    def known(self, region: str, name: str) -> Price | Missing:
        """The price kept for a type, or that there is none."""
        return self.get(region, name) or Missing(f"no price is known for {name} in {region}")

    def problem(self, region: str, name: str) -> str | None:
        """Why the listing of a region had a product of the type and no price."""
        row = self.problems.get(self._key(region, name))
        return row["reason"] if row is not None else None

    def add_all_of(self, region: str, now: datetime, answers: Mapping[str, Price | Missing]) -> None:
        """Keep what a listing of the whole region said, also of types whose price is none."""
        as_of = now.astimezone(UTC).isoformat()
        self.listed[f"{self.endpoint} {region}"] = as_of
        for name, answer in answers.items():
            if isinstance(answer, Missing):
                self.problems[self._key(region, name)] = {"reason": answer.reason, "as_of": as_of}
        self.add({name: price for name, price in answers.items() if isinstance(price, Price)})

    def add(self, fresh: Mapping[str, Price]) -> None:
        """Keep prices by type; a disk that refuses them costs no more than asking again."""
        for name, price in fresh.items():
            self.rows[self._key(price.region, name)] = {
                "usd_per_hour": str(price.usd_per_hour),
                "as_of": price.as_of.astimezone(UTC).isoformat(),
            }
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                    content = {
                        "schema": _SCHEMA,
                        "prices": self.rows,
                        "listed": self.listed,
                        "problems": self.problems,
                    }
                    json.dump(content, stream, indent=1)
                Path(temporary).replace(self.path)
            except OSError:
                Path(temporary).unlink(missing_ok=True)

    def _key(self, region: str, name: str) -> str:
        return f"{self.endpoint} {region} {name}"


def _kept_at(text: str) -> datetime:
    """A time as it is kept, UTC. Raises one of `_NOT_OURS` for anything else."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _credible(key: str, rate: Decimal) -> bool:
    """Whether a kept amount may be a price: the file is as little trusted as the answers it came from."""
    name = key.rpartition(" ")[2]
    return ":" in name or implausible(name, rate) is None  # with a colon: a rate that is not an instance's
