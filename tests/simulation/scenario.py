"""What a seed means: the plan, the weather, the nature of cloud and instances, and who does what when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from tests.simulation.account import AWAY, HOME
from tests.simulation.ec2 import Ec2Nature
from tests.simulation.machine import MachineNature
from tests.simulation.network import Outage, Weather

CALM = Weather()
WEATHERS = {
    "calm": CALM,
    "throttled": Weather(throttle=0.25, slow=0.02),
    "flaky": Weather(
        slow=0.05, throttle=0.04, fault_before=0.03, fault_after=0.03,
        lost_request=0.02, lost_answer=0.03, reset=0.03, twice=0.03,
    ),
    "storm": Weather(
        latency_s=0.3, slow=0.15, throttle=0.15, fault_before=0.06, fault_after=0.08,
        lost_request=0.05, lost_answer=0.08, reset=0.06, twice=0.05,
    ),
}  # fmt: skip
#: What follows a launcher that is gone.
AFTERMATHS = ("resumed", "elsewhere", "killed", "nobody", "resumed and watched")


@dataclass(frozen=True, slots=True)
class Crash:
    """The launcher's process dies at one of its awaits, or a person interrupts it."""

    at_step: int | None  # of the process; None: at a time
    at_s: float
    kindly: bool  # cancelled, with every clean-up; else as by SIGKILL
    torn: bool  # the last line of the ledger was cut short
    again_after_s: float
    aftermath: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One world."""

    seed: int
    types: tuple[str, ...]
    replicates: int
    suites: tuple[str, ...]
    suite_s: float
    max_runtime_s: int
    emergency_grace_s: int
    boot_allowance_s: int
    concurrency: int
    covered: int | None  # jobs that the budget covers; None: all
    weather: Weather
    weather_name: str
    outages: tuple[Outage, ...]
    ec2: Ec2Nature
    machines: MachineNature
    s3_race: float
    scheduler: str  # "works", "denied": cannot be armed, "idle": armed, and nothing comes of it
    scheduler_failing: float
    laptop_skew_s: tuple[float, float]
    s3_skew_s: float
    crashes: tuple[Crash, ...]
    killed_at_s: float | None
    reaped_every_s: float | None
    twin_at_s: float | None  # a second launcher of the same run, on another machine
    strangers: int
    theme: str = "any"
    regions: tuple[str, ...] = (HOME,)
    fallback: bool = False  # to another of them where one has no capacity
    quota_known: bool = False  # so that the launcher reckons with it
    sleeps: tuple[tuple[float, float], ...] = ()  # when the laptop is suspended, and for how long, s
    cuts_s: tuple[float, ...] = ()  # when the laptop comes into another network
    signed_out_s: tuple[float, float] | None = None  # from when to when the laptop's credentials are expired

    @property
    def jobs(self) -> int:
        """How many instances are planned."""
        return len(self.types) * self.replicates * len(self.regions)

    @property
    def life_s(self) -> int:
        """From launch to the end that is promised."""
        return self.max_runtime_s + self.emergency_grace_s + self.boot_allowance_s


def scenario_of(seed: int) -> Scenario:
    """The world of a seed."""
    rng = Random(f"scenario {seed}")
    world = THEMES[seed % len(THEMES)](_any(seed, rng), rng)
    return world if seed in AS_FOUND else _spread(world, Random(f"regions {seed}"))


#: Worlds that found something before there were regions and quotas, and stay what they were.
AS_FOUND = frozenset({28, 67, 157})


def _spread(world: Scenario, rng: Random) -> Scenario:
    """Some worlds have two regions, of which one may be away for a while, and some a quota that is known."""
    if rng.random() < 0.6:
        return world
    regions = (HOME, AWAY) if rng.random() < 0.7 else (HOME,)
    tight = rng.random() < 0.4
    ec2 = replace(world.ec2, quota=rng.choice((1, 2, 3))) if tight else world.ec2
    begins = rng.uniform(0, 600)
    away = Outage("ec2", AWAY, begins, begins + rng.choice((20.0, 200.0)), "InternalError", 500)
    return replace(
        world,
        regions=regions,
        fallback=len(regions) > 1 and rng.random() < 0.5,
        ec2=ec2,
        quota_known=rng.random() < 0.6,
        outages=(*world.outages, away) if len(regions) > 1 and rng.random() < 0.5 else world.outages,
    )


def _any(seed: int, rng: Random) -> Scenario:
    """Everything may happen, and each of it seldom."""
    weather_name = rng.choices(list(WEATHERS), weights=(2, 2, 4, 3))[0]
    max_runtime_s = rng.randrange(240, 901, 60)
    types = tuple(rng.sample(("c7g.large", "c8g.large", "m7g.large", "r7g.large"), rng.randint(1, 3)))
    killed = rng.random() < 0.35
    return Scenario(
        seed=seed,
        types=types,
        replicates=rng.randint(1, 3),
        suites=("stream",) if rng.random() < 0.5 else ("stream", "fftw"),
        suite_s=max_runtime_s * rng.choice((0.1, 0.25, 0.5, 0.9)),
        max_runtime_s=max_runtime_s,
        emergency_grace_s=rng.randrange(120, 301, 60),
        boot_allowance_s=rng.choice((60, 120, 300)),
        concurrency=rng.choice((1, 2, 10)),
        covered=rng.choice((None, None, None, 1, 2)),
        weather=WEATHERS[weather_name],
        weather_name=weather_name,
        outages=_outages(rng),
        ec2=Ec2Nature(
            lag_s=rng.choice((0.5, 3.0, 10.0)),
            no_capacity=rng.choice((0.0, 0.0, 0.3, 0.7)),
            quota=rng.choice((10_000, 10_000, 10_000, 2)),
            protected=rng.choice((0.0, 0.0, 0.0, 0.3)),
            stillborn=rng.choice((0.0, 0.0, 0.1)),
            sloppy=rng.choice((0.0, 0.0, 0.2)),
            page=rng.choice((1, 2, 1000)),
        ),
        machines=MachineNature(
            never_boots=rng.choice((0.0, 0.0, 0.2)),
            no_soft_stop=rng.choice((0.0, 0.3, 0.8)),
            no_hard_stop=rng.choice((0.0, 0.3, 0.8)),
            hangs=rng.choice((0.0, 0.2)),
            dies=rng.choice((0.0, 0.2)),
            fails=rng.choice((0.0, 0.1)),
            late=rng.choice((0.0, 0.05, 0.2)),
            doubled=rng.choice((0.0, 0.2)),
            reclaimed=rng.choice((0.0, 0.0, 0.3)),
            skew_s=rng.choice((0.5, 20.0, 150.0)),
        ),
        s3_race=rng.choice((0.0, 0.1)),
        scheduler=rng.choices(("works", "denied", "idle"), weights=(7, 1, 1))[0],
        scheduler_failing=rng.choice((0.0, 0.0, 0.4)),
        laptop_skew_s=(rng.choice((0.0, 1.5, -90.0, 150.0)), rng.uniform(-60, 60)),
        s3_skew_s=rng.choice((0.0, 0.7, -2.0)),
        crashes=_crashes(rng, max_runtime_s),
        killed_at_s=rng.uniform(0.5, 120) if killed and rng.random() < 0.6 else _sometime(rng, killed, 900),
        reaped_every_s=rng.choice((None, 120.0)),
        twin_at_s=rng.uniform(0, 60) if rng.random() < 0.1 else None,
        strangers=rng.choice((0, 1, 2)),
    )


def _launching(world: Scenario, rng: Random) -> Scenario:
    """Launches that go wrong in every way, and launchers that crash in the midst of it and go on."""
    weather = rng.choice(("flaky", "storm"))
    crashes = tuple(
        replace(
            crash, at_step=rng.randint(20, 200), kindly=rng.random() < 0.1,
            aftermath=rng.choice(("resumed", "resumed", "resumed and watched", "elsewhere")),
        )
        for crash in _crashes(rng, world.max_runtime_s)
    )  # fmt: skip
    return replace(
        world,
        theme="launching",
        types=world.types[:2],
        replicates=2,
        weather=WEATHERS[weather],
        weather_name=weather,
        outages=(),
        ec2=replace(world.ec2, no_capacity=rng.choice((0.3, 0.6, 0.8)), quota=10_000),
        crashes=crashes,
        killed_at_s=None,
        twin_at_s=rng.uniform(1, 60) if rng.random() < 0.4 else None,
    )


def _killing(world: Scenario, rng: Random) -> Scenario:
    """A kill from another machine while a launcher is at it."""
    at_s = rng.uniform(0.5, 90) if rng.random() < 0.8 else rng.uniform(90, 600)
    return replace(
        world,
        theme="killing",
        types=world.types[:2],
        replicates=rng.choice((2, 4)),
        concurrency=rng.choice((1, 2, 3)),
        outages=(),
        ec2=replace(world.ec2, lag_s=rng.choice((0.5, 6.0, 12.0)), sloppy=rng.choice((0.0, 0.3))),
        crashes=world.crashes[:1],
        killed_at_s=at_s,
        strangers=2,
    )


def _living(world: Scenario, rng: Random) -> Scenario:
    """Instances that do not end by themselves, with or without anyone who looks on."""
    crashes = tuple(
        replace(crash, at_step=None, aftermath=rng.choice(("nobody", "elsewhere")))
        for crash in world.crashes[:1]
    )
    machines = replace(
        world.machines,
        never_boots=rng.choice((0.0, 0.3, 1.0)),
        no_soft_stop=rng.choice((0.5, 1.0)),
        no_hard_stop=rng.choice((0.5, 1.0)),
        hangs=0.4,
        dies=0.3,
    )
    return replace(
        world,
        theme="living",
        types=world.types[:2],
        replicates=min(world.replicates, 2),
        weather=WEATHERS["flaky"],
        weather_name="flaky",
        machines=machines,
        crashes=crashes,
        killed_at_s=None,
        twin_at_s=None,
        ec2=replace(world.ec2, protected=0.0),
    )


#: One after the other, by the number of the seed.
THEMES: tuple[Callable[[Scenario, Random], Scenario], ...] = (
    lambda world, _rng: world,
    _launching,
    _killing,
    _living,
)


def _sometime(rng: Random, wanted: bool, latest_s: float) -> float | None:
    return rng.uniform(1, latest_s) if wanted else None


def _outages(rng: Random) -> tuple[Outage, ...]:
    found = []
    for _ in range(rng.choice((0, 0, 1, 2))):
        service = rng.choice(("s3", "ec2", "scheduler", "ssm"))
        begins = rng.uniform(0, 900)
        code, status = rng.choice(
            (("InternalError", 500), ("AccessDenied", 403), ("ServiceUnavailable", 503))
        )
        ends = begins + rng.choice((20.0, 90.0, 400.0))
        found.append(Outage(service, rng.choice(("", HOME)), begins, ends, code, status))
    return tuple(found)


def _crashes(rng: Random, max_runtime_s: int) -> tuple[Crash, ...]:
    found = []
    for _ in range(rng.choices((0, 1, 2, 3), weights=(3, 5, 2, 1))[0]):
        by_step = rng.random() < 0.7
        found.append(
            Crash(
                at_step=rng.randint(1, 60) * rng.choice((1, 3, 10)) if by_step else None,
                at_s=rng.uniform(0.1, max_runtime_s * 1.5),
                kindly=rng.random() < 0.2,
                torn=rng.random() < 0.3,
                again_after_s=rng.choice((0.5, 20.0, 200.0)),
                aftermath=rng.choice(AFTERMATHS),
            )
        )
    return tuple(found)
