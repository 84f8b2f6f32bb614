"""The configuration in the terms of `core.plan` and `core.money`, which know nothing of files and origins."""

from __future__ import annotations

from decimal import Decimal

from benchtui.config.load import Loaded
from benchtui.config.schema import Config
from benchtui.core.money import LIST_RATES, Limits, Rate, Rates
from benchtui.core.plan import Excluded, Included, Matrix


def matrix_of(config: Config) -> Matrix:
    """The matrix of [plan]."""
    plan = config.plan
    return Matrix(
        types=plan.types,
        suites=plan.suites,
        replicates=plan.replicates,
        mode=plan.mode,
        include=tuple(Included(row.type, row.suite, row.replicates) for row in plan.include),
        exclude=tuple(Excluded(row.type, row.suite) for row in plan.exclude),
    )


def limits_of(config: Config) -> Limits:
    """The life of an instance by [safety] and [watch], seconds."""
    safety = config.safety
    return Limits(
        max_runtime=safety.max_runtime,
        emergency_grace=safety.emergency_grace,
        boot_allowance=safety.boot_allowance,
        heartbeat=config.watch.heartbeat_seconds,
    )


def rates_of(loaded: Loaded) -> Rates:
    """[prices] with its basis: where the value stands, or the dated list price where nobody set one."""
    prices = loaded.config.prices

    def rate(key: str, usd: Decimal, list_rate: Rate) -> Rate:
        origin = loaded.origins[f"prices.{key}"]
        return list_rate if origin.kind == "default" else Rate(usd, str(origin))

    return Rates(
        ebs_gb_month=rate("ebs_gb_month", prices.ebs_gb_month, LIST_RATES.ebs_gb_month),
        ipv4_hour=rate("ipv4_hour", prices.ipv4_hour, LIST_RATES.ipv4_hour),
        s3_write_1000=rate("s3_write_1000", prices.s3_write_1000, LIST_RATES.s3_write_1000),
    )
