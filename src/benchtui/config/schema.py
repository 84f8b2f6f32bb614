"""Every setting of benchtui: its type, its default and, as docstring, its meaning and unit.

`config.example.toml` shows the same settings; a test asserts that both name the same keys and defaults.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from benchtui.config.access import BUCKET_PATTERN, DEFAULT_REGIONS, MAX_REGIONS
from benchtui.config.kinds import (
    InstanceTypeName,
    RegionName,
    Seconds,
    SuiteName,
    Usd,
    Whole,
    distinct,
    region_name,
    type_name,
    whole_number,
)
from benchtui.core.money import LIST_RATES
from benchtui.core.policies.scope import INSTANCE_PROFILE, SCHEDULER_ROLE, SECURITY_GROUP
from benchtui.core.userdata import SHORTEST_GRACE_S

IMAGE_PATTERN = re.compile(r"ami-[0-9a-z]+")

ImageName = Literal["debian-12", "debian-13", "ubuntu-24.04", "al2023"]


class Section(BaseModel):
    """A table of the configuration: unknown keys are errors, nothing changes after loading."""

    # Schemas are built at their first use: at an import they are most of what a short command would cost.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Include(Section):
    """Cells added to the matrix of types × suites × replicates."""

    type: InstanceTypeName
    """Instance type the cells are of; need not be in `types`."""
    suite: SuiteName | None = None
    """Only this suite; without it all of `suites`."""
    replicates: Annotated[Whole, Field(ge=1, le=100)] | None = None
    """Instances of this type; without it `replicates` of the plan."""


class Exclude(Section):
    """Cells taken out of the matrix; with both keys only where both match."""

    type: InstanceTypeName | None = None
    """Instance type of the cells taken out."""
    suite: SuiteName | None = None
    """Suite of the cells taken out."""

    @model_validator(mode="after")
    def _not_everything(self) -> Self:
        if self.type is None and self.suite is None:
            raise ValueError("needs type, suite or both")
        return self


class PlanSection(Section):
    """What is measured: types × suites × replicates."""

    name: Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """Free name of the plan, shown in tables and kept with the results."""
    types: Annotated[tuple[InstanceTypeName, ...], Field(max_length=500)] = ()
    """Instance types to compare."""
    regions: Annotated[tuple[RegionName, ...], Field(max_length=MAX_REGIONS)] = ()
    """Regions to launch in, each with all of the matrix; empty: the first of [aws] regions."""
    region_fallback: bool = False
    """Launch a job in another of `regions` when its own has no capacity: its figures then stand with that
    region's. The worst case counts the dearest."""
    market: Literal["on_demand", "spot"] = "on_demand"
    """on_demand, or spot: cheaper, and EC2 may take an instance back with two minutes' notice."""
    suites: Annotated[tuple[SuiteName, ...], Field(max_length=50)] = ("stream",)
    """Suites each instance runs, in this order."""
    replicates: Annotated[Whole, Field(ge=1, le=100)] = 3
    """Instances per type. Fewer than 3 are shown but never ranked."""
    mode: Literal["quick", "full"] = "quick"
    """quick: a first look in minutes; full: figures to publish."""
    include: tuple[Include, ...] = ()
    """Cells added to the matrix."""
    exclude: tuple[Exclude, ...] = ()
    """Cells taken out of the matrix; they are not planned at all."""
    seed: Annotated[Whole, Field(ge=0, lt=2**53)] | None = None
    """Seed of the launch order; without it a new one is drawn and recorded for each run."""

    _types_distinct = field_validator("types")(distinct)
    _regions_distinct = field_validator("regions")(distinct)
    _suites_distinct = field_validator("suites")(distinct)


class AwsSection(Section):
    """Where it runs. Credentials, SSO and AWS_ENDPOINT_URL are the SDK's own and stand nowhere in here."""

    profile: str = ""
    """Profile of the AWS configuration files; empty: the SDK's own choice (AWS_PROFILE, …)."""
    regions: Annotated[tuple[RegionName, ...], Field(max_length=MAX_REGIONS)] = DEFAULT_REGIONS
    """The first holds the bucket, and is the region to launch in unless [plan] regions names others; further
    ones are cleared by kill even if the enabled regions cannot be listed. Without it the SDK's own region
    (AWS_DEFAULT_REGION, AWS_REGION, the profile's), else us-east-1."""
    bucket: str = ""
    """S3 bucket of sentinels and results; empty: benchtui-<account id>-<first region>."""
    instance_profile: str = INSTANCE_PROFILE
    """Instance profile with the right to write results, nothing else."""
    security_group: str = SECURITY_GROUP
    """Name or id (sg-…) of the security group; it needs no inbound rule."""
    scheduler_role: Annotated[str, Field(max_length=256, pattern=r"^[\w+=,.@:/-]*$")] = SCHEDULER_ROLE
    """Role, by name or ARN, that EventBridge Scheduler takes on to end instances at their deadline, whatever
    becomes of this machine (docs/SAFETY.md); empty: no schedules are made."""
    starter_role: Annotated[str, Field(max_length=256, pattern=r"^[\w+=,.@:/-]*$")] = ""
    """Role, by name or ARN, that EventBridge Scheduler takes on to launch runs of `benchtui schedule create`;
    setup makes it where it is named, as "benchtui-starter". Empty: none can be created."""
    subnet: str = ""
    """Id of the subnet (subnet-…); empty: the default subnets of the region."""
    public_ipv4: bool = True
    """Give instances a public address, which costs. Without one they need another way to S3 and to packages:
    docs/REAL-ACCOUNT.md."""

    @field_validator("regions")
    @classmethod
    def _some_regions(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        if not regions:
            raise ValueError("needs at least one region")
        return distinct(regions)

    @field_validator("bucket")
    @classmethod
    def _bucket_name(cls, bucket: str) -> str:
        if bucket and not BUCKET_PATTERN.fullmatch(bucket):
            raise ValueError(f"{bucket!r} is not a bucket name: 3 to 63 lower-case letters, digits, - and .")
        return bucket


class ImageIds(Section):
    """Images of your own, by architecture."""

    x86_64: str = ""
    """AMI id for x86_64 types."""
    arm64: str = ""
    """AMI id for arm64 types."""

    @model_validator(mode="after")
    def _some_ids(self) -> Self:
        given = [image for image in (self.x86_64, self.arm64) if image]
        for image in given:
            if not IMAGE_PATTERN.fullmatch(image):
                raise ValueError(f"{image!r} is not an AMI id (ami-…)")
        if not given:
            raise ValueError("needs x86_64, arm64 or both")
        return self


# The tags appear in pydantic's error locations and are taken out again by load.py.
IMAGE_TAGS = ("image by name", "image by architecture")


def _image_form(value: object) -> str:
    return IMAGE_TAGS[1] if isinstance(value, dict | ImageIds) else IMAGE_TAGS[0]


Image = Annotated[
    Annotated[ImageName, Tag(IMAGE_TAGS[0])] | Annotated[ImageIds, Tag(IMAGE_TAGS[1])],
    Discriminator(_image_form),
]

RESERVED_TAGS = ("LaunchedBy", "Name")
RESERVED_TAG_PREFIXES = ("benchtui:", "aws:")


class InstanceSection(Section):
    """What every instance of a run has in common."""

    image: Image = "debian-12"
    """System the instances boot: debian-12, debian-13, ubuntu-24.04, al2023, or AMI ids by architecture."""
    volume_gib: Annotated[Whole, Field(ge=8, le=16384)] = 16
    """Size of the root volume (gp3), GiB."""
    tags: dict[str, str] = {}
    """Your own tags on instance, volume and network interface."""

    @field_validator("tags")
    @classmethod
    def _own_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        # Limits: EC2 User Guide, "Tag your Amazon EC2 resources": 50 tags, key 128, value 256 characters.
        # Five are ours.
        if len(tags) > 45:
            raise ValueError("at most 45 tags")
        for key, value in tags.items():
            if key in RESERVED_TAGS or key.lower().startswith(RESERVED_TAG_PREFIXES):
                raise ValueError(f"the tag {key!r} is set by benchtui or AWS")
            if not 1 <= len(key) <= 128 or len(value) > 256:
                raise ValueError(
                    f"the tag {key[:40]!r} is too long: key 1 to 128, value up to 256 characters"
                )
        return tags


# The kernel's last resort inside an instance counts at most 65,535 s: longest runtime and longest grace
# together leave it a margin.
LONGEST_RUNTIME = 12 * 3600
LONGEST_GRACE = 6 * 3600


def _long_enough_grace(seconds: int) -> int:
    if seconds < SHORTEST_GRACE_S:
        raise ValueError(
            f"must be at least {SHORTEST_GRACE_S} (seconds), not {seconds}: so long after max_runtime an "
            "instance needs to stop its job, say so and power off before it is switched off the hard way"
        )
    return seconds


class SafetySection(Section):
    """What ends an instance, and what a run may cost at most."""

    max_runtime: Annotated[Seconds, Field(ge=1, le=LONGEST_RUNTIME)] = 4 * 3600
    """Time after which a job is stopped, per instance, from its boot. Duration, at most 12h."""
    emergency_grace: Annotated[Seconds, AfterValidator(_long_enough_grace), Field(le=LONGEST_GRACE)] = 3600
    """Time after max_runtime at which the instance is switched off the hard way. Duration, 80s to 6h."""
    boot_allowance: Annotated[Seconds, Field(ge=0, le=3600)] = 300
    """Time from launch until the timers inside run; part of expected and worst-case cost. Duration."""
    budget_usd: Usd = Decimal("5.00")
    """Most a run may cost, worst case, USD. Launches that could exceed it are refused."""
    daily_budget_usd: Usd | None = None
    """Most that all runs of the bucket that begin on one UTC day may come to, spent and held, USD. Without it
    there is no such cap."""
    launch_concurrency: Annotated[Whole, Field(ge=1, le=100)] = 10
    """Jobs being launched at the same time in one region."""
    launch_tries: Annotated[Whole, Field(ge=1, le=20)] = 3
    """Tries per job when EC2 has no capacity, or refuses by a quota that others use up."""
    require_layers: Annotated[tuple[Literal["schedule"], ...], AfterValidator(distinct)] = ("schedule",)
    """Layers without which nothing is launched, of those that can be armed before a launch: "schedule", the
    account's own end of the run's instances. Tags and budget are always required; timers inside an instance
    report only when it has booted. Empty: launch without, and show that."""
    sweep: bool = True
    """Look for instances that should have ended, in every enabled region, whenever a command begins. No
    command waits for it, and what was found holds for a minute."""


class PricesSection(Section):
    """Rates of your own, in USD. Without one, benchtui asks the Pricing API, never guesses."""

    on_demand: dict[str, Usd] = {}
    """Negotiated rates, USD per hour, by "type" or "region/type"."""
    spot_max: dict[str, Usd] = {}
    """Most to pay for a spot instance, USD per hour, by "type" or "region/type"; without one its price on
    demand. The worst case counts it."""
    ebs_gb_month: Usd = LIST_RATES.ebs_gb_month.usd
    """gp3 storage, USD per GB-month. At its default, the list price of us-east-1, the Pricing API is asked
    what it is in the region; so with the next two."""
    ipv4_hour: Usd = LIST_RATES.ipv4_hour.usd
    """Public IPv4 address, USD per hour (list price of every region)."""
    s3_write_1000: Usd = LIST_RATES.s3_write_1000.usd
    """1000 S3 PUT or LIST requests, USD (list price of us-east-1)."""

    @field_validator("on_demand", "spot_max", mode="before")
    @classmethod
    def _keys_in_quotes(cls, rates: object) -> object:
        # [prices.on_demand] c7g.large = 1 without quotes is a table c7g with a key large.
        for key, rate in rates.items() if isinstance(rates, dict) else ():
            if isinstance(rate, dict) and rate:
                raise ValueError(f'write the type in quotes: "{key}.{next(iter(rate))}" = …')
        return rates

    @field_validator("on_demand", "spot_max")
    @classmethod
    def _types(cls, rates: dict[str, Decimal]) -> dict[str, Decimal]:
        for key in rates:
            region, slash, name = key.rpartition("/")
            type_name(name)
            if slash:
                region_name(region)
        return rates


class WatchSection(Section):
    """How a run is followed."""

    poll_seconds: Annotated[float, BeforeValidator(whole_number), Field(ge=0.1, le=300)] = 5
    """Seconds between two looks at the bucket and at EC2."""
    heartbeat_seconds: Annotated[Whole, Field(ge=1, le=600)] = 30
    """Seconds between two heartbeats of an instance. Three missed ones count as lost."""
    overlap: Annotated[Seconds, Field(ge=0, le=3600)] = 120
    """How far a poll looks back, for instances whose clock is behind. Duration."""
    never_started_after: Annotated[Seconds, Field(ge=1, le=7200)] = 600
    """Time after its launch at which an instance that never spoke counts as never started. Duration."""


class SuiteSection(Section):
    """Settings of one suite; a name benchtui does not bring needs a path."""

    path: Path | None = None
    """Folder of a suite of your own (payload.toml and sources), relative to the file that names it."""
    timeout: Annotated[Seconds, Field(ge=1, le=LONGEST_RUNTIME)] | None = None
    """Longest time this suite may run; without it the suite's own. Duration."""


class RegionSection(Section):
    """What is other in one region than in [aws] and [instance]: names and ids that belong to one region."""

    security_group: str = ""
    """Name or id (sg-…) of the security group there; empty: [aws] security_group."""
    subnet: str = ""
    """Id of the subnet there (subnet-…); empty: the region's default subnets, or [aws] subnet in the first
    of [aws] regions."""
    image: Image | None = None
    """Image there, as [instance] image; without it that."""


class OutputSection(Section):
    """Where results go on this machine."""

    results_dir: Path = Path("results")
    """Folder that `collect` writes to, one folder per run in it; relative to the working directory."""


TOPIC_PATTERN = r"^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?)?$"
ENVIRONMENT_NAME = r"^([A-Za-z_][A-Za-z0-9_]*)?$"
OccasionName = Literal["run-done", "budget", "kill-incomplete", "regression", "scheduled-missing"]


class NotifySection(Section):
    """Who is told of what happens while nobody looks. No secret stands here: an address with one is read from
    the environment."""

    on: Annotated[tuple[OccasionName, ...], AfterValidator(distinct)] = get_args(OccasionName)
    """Occasions: run-done, budget (50, 80, 100 % spent), kill-incomplete, regression, scheduled-missing."""
    webhook_env: Annotated[str, Field(pattern=ENVIRONMENT_NAME)] = ""
    """Name of the environment variable with the address (https) that JSON is posted to; empty: no webhook."""
    sns_topic: Annotated[str, Field(pattern=TOPIC_PATTERN)] = ""
    """ARN of an Amazon SNS topic; empty: none. Needs sns:Publish on it."""
    command: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """A command and its arguments, started with the notice as JSON on its stdin; empty: none."""
    timeout: Annotated[Seconds, Field(ge=1, le=60)] = 10
    """Longest wait for each of them. Duration, up to 60s."""


class TuiSection(Section):
    """How the terminal application looks, and its keys."""

    theme: Literal["auto", "dark", "light", "ansi"] = "auto"
    """auto: the terminal's own 16 colours where it has no more, or with NO_COLOR; else dark."""
    ascii: bool = False
    """Draw with ASCII alone; without it a terminal whose encoding is not UTF-8 is drawn so all the same."""
    keys: dict[str, str] = {}
    """Other keys, by the name of the action as docs/KEYS.md has it: "jobs.logs" = "L"."""


class Config(Section):
    """All settings."""

    plan: PlanSection = Field(default_factory=PlanSection)
    aws: AwsSection = Field(default_factory=AwsSection)
    instance: InstanceSection = Field(default_factory=InstanceSection)
    safety: SafetySection = Field(default_factory=SafetySection)
    prices: PricesSection = Field(default_factory=PricesSection)
    watch: WatchSection = Field(default_factory=WatchSection)
    suites: dict[SuiteName, SuiteSection] = {}
    regions: dict[RegionName, RegionSection] = {}
    output: OutputSection = Field(default_factory=OutputSection)
    notify: NotifySection = Field(default_factory=NotifySection)
    tui: TuiSection = Field(default_factory=TuiSection)
