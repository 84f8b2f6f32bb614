"""The waves of a plan in words, for people."""

from __future__ import annotations

from benchtui.core.plan import Plan
from benchtui.core.plan_record import known_limits, unknown_limits

#: Waves named one by one; of more only how many there are.
MOST_WAVES = 6


def wave_lines(plan: Plan) -> tuple[str, ...]:
    """What the quotas make of a plan: its waves and how to ask for more; nothing where all runs at once.

    A quota that could not be asked for is said, too.
    """
    lines = []
    for limit in known_limits(plan):
        waves = [each for each in plan.waves if (each.region, each.code) == (limit.region, limit.code)]
        if len(waves) < 2 and sum(each.vcpus for each in waves) <= limit.free:
            continue
        used = "use not known" if limit.in_use is None else f"{limit.in_use} in use"
        lines.append(f"vCPU quota of {limit.region}: {limit.vcpus}, {used}; {_count(len(waves), 'wave')}")
        lines += [
            f"  wave {each.number}: {_count(len(each.jobs), 'job')} {each.vcpus} vCPU"
            for each in waves[:MOST_WAVES]
        ]
        if len(waves) > MOST_WAVES:
            lines.append(f"  and {len(waves) - MOST_WAVES} more waves")
    lines += [f"for one wave: {command}" for command in plan.quota_requests]
    lines += [f"vCPU quota not known, launched by EC2's answers alone: {why}" for why in unknown_limits(plan)]
    return tuple(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
