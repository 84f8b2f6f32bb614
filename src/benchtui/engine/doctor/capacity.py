"""Checks of what the plan asks of EC2: types, images, quotas."""

from __future__ import annotations

from benchtui.aws.quotas import Market as BoughtAs
from benchtui.aws.quotas import VcpuQuota, in_use, vcpu_quotas, vcpus_in_use
from benchtui.core.catalogue import Catalogue, InstanceType, Market, Missing, Price, VcpuLimit
from benchtui.core.errors import BenchtuiError
from benchtui.engine.doctor.finding import Check, Said, fail, ok, unknown, waiting, warn
from benchtui.engine.doctor.subject import Subject
from benchtui.engine.planning import market_of

NAMED = 4
#: Without a plan the quota of the families that are compared most is told.
_TYPICAL = ("c7g.large",)
_BOUGHT = {Market.ON_DEMAND: BoughtAs.ON_DEMAND, Market.SPOT: BoughtAs.SPOT}


async def plan(subject: Subject, _region: str) -> Said:
    """Whether there is a plan, and one that can be made."""
    if not subject.has_plan:
        means = "types, prices, quotas and budget are not held against a plan"
        return warn("[plan] types names no instance type", means, "benchtui doctor CONFIG, or [plan] types")
    try:
        planned = await subject.planned()
    except BenchtuiError as problem:
        return fail(problem.what, "no run can be planned", problem.fix)
    made, elsewhere = planned.plan, await _told_elsewhere(subject)
    other = [cell for cell in made.declined if cell.reason not in elsewhere]
    if not made.jobs:
        if not other:
            return waiting(elsewhere[made.declined[0].reason])
        return fail(f"every job is declined: {other[0].reason}", "nothing would be launched", other[0].fix)
    found = f"{len(made.jobs)} jobs in {', '.join(made.regions)}"
    if other:
        jobs, why = len({cell.job for cell in other}), other[0]
        return warn(f"{found}; of {jobs} something is declined: {why.reason}", "it is not measured", why.fix)
    return ok(found)


async def _told_elsewhere(subject: Subject) -> dict[str, str]:
    """Reasons of declined jobs that types, prices and quotas tell in lines of their own, which are named."""
    reasons: dict[str, str] = {}
    for region in subject.launch_regions:
        catalogue = await subject.catalogue(region)
        for line, known in (
            ("types", catalogue.types),
            ("prices", catalogue.prices),
            ("prices", catalogue.spot),
        ):
            missing = (each for each in known.values() if isinstance(each, Missing))
            reasons |= {each.reason: f"{line} {region}" for each in missing}
    quota = f"quota-{'spot' if market_of(subject.config) is Market.SPOT else 'on-demand'}"
    for cell in (await subject.planned()).plan.declined:
        if cell.reason.startswith("quota:"):
            reasons.setdefault(cell.reason, f"{quota} {subject.launch_regions[0]}")
    return reasons


async def types(subject: Subject, region: str) -> Said:
    """Whether the region sells every type, and in which zones."""
    if not subject.has_plan:
        return waiting("plan")
    catalogue = await subject.catalogue(region)
    missing = [(name, each) for name, each in catalogue.types.items() if isinstance(each, Missing)]
    if missing:
        names = ", ".join(name for name, _ in missing[:NAMED])
        fix = missing[0][1].fix
        return fail(f"not offered in {region}: {names}", "its jobs are declined", fix)
    zone = (await subject.network(region)).zone if subject.subnet(region) else None
    outside = [name for name, zones in catalogue.zones.items() if zone is not None and zone not in zones]
    if outside:
        found = f"{', '.join(outside[:NAMED])} not offered in {zone}, the zone of {subject.subnet(region)}"
        return fail(found, "EC2 refuses its launches", f"a subnet in another zone: [regions.{region}] subnet")
    said = [f"{name} in {len(zones)}" for name, zones in sorted(catalogue.zones.items())]
    more = f" and {len(said) - NAMED} more types" if len(said) > NAMED else ""
    return ok(f"zones that sell them: {', '.join(said[:NAMED])}{more}")


async def prices(subject: Subject, region: str) -> Said:
    """Whether the price of every type is known: what has none is never launched."""
    if not subject.has_plan:
        return waiting("plan")
    catalogue = await subject.catalogue(region)
    spot = market_of(subject.config) is Market.SPOT
    known = {**catalogue.prices, **(catalogue.spot if spot else {})}
    missing = [(name, each) for name, each in known.items() if isinstance(each, Missing)]
    dated = sorted(each.as_of for each in known.values() if isinstance(each, Price))
    if missing:
        names = ", ".join(name for name, _ in missing[:NAMED])
        means = "its jobs are declined: no price is guessed"
        return fail(f"no price for {names}: {missing[0][1].reason}", means, missing[0][1].fix)
    bases = sorted({each.basis for each in known.values() if isinstance(each, Price)})
    return ok(f"{len(known)} of {len(known)} known, {' and '.join(bases)}, of {dated[0]:%Y-%m-%d %H:%MZ}")


async def images(subject: Subject, region: str) -> Said:
    """Whether the configured system has an image there, for each architecture, that fits the volume."""
    said = []
    for arch in await subject.architectures(region):
        try:
            image = await subject.image(region, arch)
        except BenchtuiError as problem:
            return fail(f"{arch}: {problem.what}", f"no {arch} instance can be launched", problem.fix)
        if image.root_gib > subject.config.instance.volume_gib:
            found = f"{arch}: {image.image_id} has a root volume of {image.root_gib} GiB"
            return fail(found, "it does not fit the volume", f"[instance] volume_gib = {image.root_gib}")
        said.append(f"{arch} {image.image_id} ({image.name})")
    return ok(", ".join(said))


async def on_demand(subject: Subject, region: str) -> Said:
    """vCPUs on demand against the plan."""
    return await _quota(subject, region, Market.ON_DEMAND)


async def spot(subject: Subject, region: str) -> Said:
    """vCPUs of the spot market against the plan."""
    return await _quota(subject, region, Market.SPOT)


async def _quota(subject: Subject, region: str, market: Market) -> Said:
    if subject.has_plan and market is market_of(subject.config):
        return _against_plan(await subject.catalogue(region), await _vcpus(subject, region))
    wanted = list((await subject.catalogue(region)).types) if subject.has_plan else _TYPICAL
    quotas = await vcpu_quotas(subject.cloud, region, wanted, _BOUGHT[market])
    named = {each.code: each for each in quotas.values() if isinstance(each, VcpuQuota)}
    if not named:
        problem = next(each for each in quotas.values() if isinstance(each, Missing))
        return unknown(problem.reason, "it is not known how much may run", problem.fix)
    used = await vcpus_in_use(subject.cloud, region)
    told = [f"{int(each.vcpus)} vCPUs ({each.code}), {in_use(each, used)} in use" for each in named.values()]
    return ok(f"{', '.join(told)}; {'not used by this plan' if subject.has_plan else 'no plan to compare'}")


async def _vcpus(subject: Subject, region: str) -> dict[str, int]:
    """vCPUs that the plan wants in ``region``, by type; 0 where every job of it is declined."""
    try:
        jobs = (await subject.planned()).plan.jobs
    except BenchtuiError:
        return {}
    wanted: dict[str, int] = {}
    for job in jobs:
        if job.region == region:
            wanted[job.instance_type] = wanted.get(job.instance_type, 0) + job.vcpus
    return wanted


def _against_plan(catalogue: Catalogue, wanted: dict[str, int]) -> Said:
    """The tightest of the quotas that the plan's types count against."""
    limits = {name: each for name, each in catalogue.limits.items() if isinstance(each, VcpuLimit)}
    unclear = next((each for each in catalogue.limits.values() if isinstance(each, Missing)), None)
    said: list[str] = []
    for code in dict.fromkeys(limit.code for limit in limits.values()):
        names = [name for name, limit in limits.items() if limit.code == code]
        limit = limits[names[0]]
        sizes = [each.vcpus for name in names if isinstance(each := catalogue.types.get(name), InstanceType)]
        largest, total = max(sizes, default=0), sum(wanted.get(name, 0) for name in names)
        used = "not known" if limit.in_use is None else str(limit.in_use)
        found = f"{limit.vcpus} vCPUs ({code}), {used} in use; the plan wants {total}"
        if largest > limit.vcpus:
            means = f"an instance of {largest} vCPUs can never be launched"
            return fail(found, means, limit.request(max(total, largest) + (limit.in_use or 0)))
        if total > limit.free:
            means = "it is launched in waves, each when the one before has ended"
            return warn(found, means, limit.request(total + (limit.in_use or 0)))
        said.append(found)
    if unclear is not None:
        return unknown(unclear.reason, "whether the plan fits is not known", unclear.fix)
    return ok("; ".join(said)) if said else unknown("no quota was told", "whether the plan fits is not known")


CHECKS = (
    Check("plan", "whether the plan can be made", plan, needs=("region",)),
    Check("types", "whether every type is for sale, and where", types, needs=("region",), regional=True),
    Check("prices", "whether every price is known", prices, needs=("types",), regional=True),
    Check(
        "images", "whether there is an image for each architecture", images, needs=("region",), regional=True
    ),
    Check(
        "quota-on-demand",
        "vCPUs that may run on demand, against the plan",
        on_demand,
        needs=("region",),
        regional=True,
    ),
    Check(
        "quota-spot",
        "vCPUs that may run on the spot market, against the plan",
        spot,
        needs=("region",),
        regional=True,
    ),
)
