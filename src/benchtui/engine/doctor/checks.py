"""All checks of `benchtui doctor`, in the order in which they are shown."""

from __future__ import annotations

from benchtui.engine.doctor import account, bucket, capacity, machine, money, network, outside, rights, roles

CHECKS = (
    *machine.CHECKS,
    *account.CHECKS,
    *bucket.CHECKS,
    *roles.CHECKS,
    *network.CHECKS,
    *capacity.CHECKS,
    *rights.CHECKS,
    *outside.CHECKS,
    *money.CHECKS,
)
