"""The JSON documents of the bucket: run.json, sentinel bodies, system.json, result.json, census.json."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from benchtui.core.catalogue import Price
from benchtui.core.document_fields import (
    Document,
    JobId,
    Line,
    LongLine,
    Moment,
    RunId,
    Scalar,
    Seconds,
    Sha256,
    SuiteName,
    TypeName,
    Usd,
    Whole,
)
from benchtui.core.money import Rate, Rates

#: Limits of size in bytes; a larger object is refused before it is parsed.
MAX_RUN_BYTES = 16 << 20
MAX_RESULT_BYTES = 8 << 20
MAX_SYSTEM_BYTES = 1 << 20
MAX_SENTINEL_BYTES = 64 << 10
MAX_SAMPLES = 100_000


class Outcome(StrEnum):
    """What became of a planned cell. Nothing is ever left out: planned = measured + declined."""

    MEASURED = "measured"
    DECLINED = "declined"


class CellOutcome(BaseModel):
    """One suite's outcome, with the reason if it was not measured."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    outcome: Outcome
    reason: LongLine | None = None


class Tried(BaseModel):
    """A place where a job could not be launched, and what EC2 said there."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    region: Line
    zone: Line | None = None  # None: EC2 was to choose
    code: Line
    reason: LongLine


class SentinelBody(Document):
    """Body of a sentinel. The key alone carries the state; this is what a person wants to know besides."""

    kind: ClassVar[str] = "benchtui.sentinel"
    version: ClassVar[int] = 1
    max_bytes: ClassVar[int] = MAX_SENTINEL_BYTES

    schema_: Line = Field(alias="schema", default="benchtui.sentinel/1")
    reason: LongLine | None = None
    detail: LongLine | None = None
    instance_id: Line | None = None
    instance_type: Line | None = None
    region: Line | None = None
    zone: Line | None = None
    image_id: Line | None = None
    client_token: Line | None = None
    attempt: Whole | None = None
    usd_per_hour: Usd | None = None
    market: Line | None = None
    tried: tuple[Tried, ...] = Field(default=(), max_length=200)  # before it came to this, in order
    layers: dict[Line, LongLine] = Field(default_factory=dict, max_length=40)
    outcomes: dict[SuiteName, CellOutcome] = Field(default_factory=dict, max_length=100)
    #: Seal of the run.json that the instance was launched for, see core/seals.py.
    run_seal: Sha256 | None = None
    #: Seal of the sentinel before it, by sequence number.
    previous: Sha256 | None = None
    #: SHA-256 of the job's objects written since the sentinel before, by key below the run's prefix.
    objects: dict[LongLine, Sha256] = Field(default_factory=dict, max_length=1_000)


class PriceDocument(BaseModel):
    """A price with where it is from and how old it is."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    usd_per_hour: Usd
    basis: Line
    as_of: Moment
    region: Line
    max_usd_per_hour: Usd | None = None  # spot: what it may come to

    @classmethod
    def of(cls, price: Price) -> PriceDocument:
        """The document of ``price``."""
        return cls(
            usd_per_hour=price.usd_per_hour,
            basis=price.basis,
            as_of=price.as_of,
            region=price.region,
            max_usd_per_hour=price.max_usd_per_hour,
        )


class JobDocument(BaseModel):
    """One planned job: an instance and the suites it runs, in order."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    job: JobId
    instance_type: TypeName
    suites: tuple[SuiteName, ...] = Field(min_length=1, max_length=100)
    region: Line
    arch: Line
    vcpus: Whole = Field(ge=1)
    cores: Whole = Field(ge=1)
    threads_per_core: Whole = Field(ge=1)
    price: PriceDocument
    expected_seconds: Seconds = Field(ge=0)
    expected_usd: Usd
    worst_case_usd: Usd  # in the dearest region it may be launched in
    market: Line = "on_demand"
    elsewhere: dict[Line, PriceDocument] = Field(
        default_factory=dict, max_length=64
    )  # regions to fall back to
    wave: Whole = Field(default=1, ge=1)  # among the jobs of its region and quota

    @property
    def places(self) -> tuple[str, ...]:
        """Regions in which its instance can be, its own first."""
        return (self.region, *(region for region in self.elsewhere if region != self.region))

    def price_in(self, region: str | None) -> PriceDocument:
        """Its price where its instance is; its own region's where that is not known."""
        return self.elsewhere.get(region or self.region, self.price)


class DeclinedDocument(BaseModel):
    """A planned cell that is not launched, and why."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    job: JobId
    suite: SuiteName
    reason: LongLine


class RatesDocument(BaseModel):
    """Rates beside the instance's own, USD, as they were when the run was planned."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    ebs_gb_month: Usd
    ipv4_hour: Usd
    s3_write_1000: Usd

    @classmethod
    def of(cls, rates: Rates) -> RatesDocument:
        """The document of ``rates``."""
        return cls(
            ebs_gb_month=rates.ebs_gb_month.usd,
            ipv4_hour=rates.ipv4_hour.usd,
            s3_write_1000=rates.s3_write_1000.usd,
        )

    def rates(self, run: str) -> Rates:
        """The rates, with the run they were recorded in as their basis."""
        basis = f"recorded in {run}"
        return Rates(
            ebs_gb_month=Rate(self.ebs_gb_month, basis),
            ipv4_hour=Rate(self.ipv4_hour, basis),
            s3_write_1000=Rate(self.s3_write_1000, basis),
        )


class ConfirmsDocument(BaseModel):
    """What a run was launched to confirm: that a metric of a type changed for the worse."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    suite: SuiteName
    metric: Line
    instance_type: TypeName
    region: Line | None = None
    since: RunId  # the first run of the new level
    against: tuple[RunId, ...] = Field(min_length=1, max_length=1_000)  # runs of the level before


class RunDocument(Document):
    """run.json: all that any machine needs to pick a run up again, with the tags of its instances."""

    kind: ClassVar[str] = "benchtui.run"
    version: ClassVar[int] = 1
    max_bytes: ClassVar[int] = MAX_RUN_BYTES

    schema_: Line = Field(alias="schema", default="benchtui.run/1")
    run: RunId
    name: Line
    benchtui_version: Line
    created_at: Moment
    mode: Line
    seed: Whole
    regions: tuple[Line, ...] = Field(min_length=1, max_length=64)
    bundle_sha256: Sha256
    max_runtime_s: Seconds = Field(ge=1)
    emergency_grace_s: Seconds = Field(ge=1)
    boot_allowance_s: Seconds = Field(ge=0)
    heartbeat_s: Seconds = Field(ge=1)
    never_started_s: Seconds = Field(ge=1)
    volume_gib: Whole = Field(ge=1)
    rates: RatesDocument
    budget_usd: Usd
    worst_case_usd: Usd
    jobs: tuple[JobDocument, ...] = Field(max_length=20_000)  # in launch order
    declined: tuple[DeclinedDocument, ...] = Field(default=(), max_length=200_000)
    #: By region, before the launch: armed, or why not.
    schedules: dict[Line, LongLine] = Field(default_factory=dict, max_length=64)
    config: dict[str, Any] = Field(default_factory=dict)
    confirms: ConfirmsDocument | None = None
    #: When the account itself starts its instances, without a launcher; None: a launcher does, at once.
    scheduled_for: Moment | None = None
    #: Of the stored object, see core/seals.py; no part of what it seals. None: from before there were any.
    seal: Sha256 | None = Field(default=None, exclude=True)


class SystemDocument(Document):
    """system.json: what an instance observed about itself. Every field but the identity can be unknown."""

    kind: ClassVar[str] = "benchtui.system"
    version: ClassVar[int] = 1
    max_bytes: ClassVar[int] = MAX_SYSTEM_BYTES

    schema_: Line = Field(alias="schema", default="benchtui.system/1")
    run: RunId
    job: JobId
    provider: Line
    instance_id: Line
    instance_type: Line
    region: Line | None = None
    zone: Line | None = None
    image_id: Line | None = None
    arch: Line | None = None
    cpu_model: Line | None = None
    cpu_vendor: Line | None = None
    usable_cpus: Whole | None = None
    physical_cores: Whole | None = None
    threads_per_core: Whole | None = None
    memory_bytes: Whole | None = None
    kernel: Line | None = None
    os: Line | None = None
    microcode: Line | None = None
    #: Everything else that was observed, by topic: caches, numa, governor, thp, mitigations, steal …
    observed: dict[str, Any] = Field(default_factory=dict)


class Sample(BaseModel):
    """One number from one repetition."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="allow")

    value: FiniteFloat
    seconds: FiniteFloat | None = Field(default=None, ge=0)
    excluded: bool = False  # a warm-up: reported, never part of a summary
    run: Line | None = None  # the suite's command it came from, and which repetition of it
    repetition: Whole | None = Field(default=None, ge=0)
    disturbed: LongLine | None = None  # what else happened on its CPUs meanwhile


class Metric(BaseModel):
    """All samples of one metric on one instance."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    unit: Line
    higher_is_better: bool
    samples: tuple[Sample, ...] = Field(max_length=MAX_SAMPLES)
    best: FiniteFloat | None = None
    median: FiniteFloat | None = None
    #: What it is a figure of; a later writer's word that is not known here divides by nothing.
    normalises: Line = "instance"
    headline: Whole | None = Field(default=None, ge=0)  # its rank among those that tell most

    @property
    def counted(self) -> list[float]:
        """The samples that count: all but the warm-ups."""
        return [sample.value for sample in self.samples if not sample.excluded]


class Check(BaseModel):
    """One verification that a suite ran, and whether it passed."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="allow")

    name: Line
    ok: bool
    value: Scalar = None
    limit: Scalar = None
    run: Line | None = None


class BuildDocument(BaseModel):
    """What was compiled, with what, and the hashes that let anyone check it."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="allow")

    commands: tuple[tuple[LongLine, ...], ...] = ()
    compiler: LongLine | None = None
    source_sha256: Sha256 | None = None
    binary_sha256: Sha256 | None = None


class ResultDocument(Document):
    """result.json: a suite on one instance, measured or declined with its reason."""

    kind: ClassVar[str] = "benchtui.result"
    version: ClassVar[int] = 1
    max_bytes: ClassVar[int] = MAX_RESULT_BYTES

    schema_: Line = Field(alias="schema", default="benchtui.result/1")
    run: RunId
    job: JobId
    suite: SuiteName
    suite_version: Whole | Line | None = None
    mode: Line
    outcome: Outcome
    reason: LongLine | None = None
    provider: Line
    instance_id: Line
    instance_type: Line  # as observed, never as requested
    region: Line | None = None
    zone: Line | None = None
    image_id: Line | None = None
    cpu_model: Line | None = None
    started_at: Moment
    finished_at: Moment
    metrics: dict[Line, Metric] = Field(default_factory=dict, max_length=2_000)
    declined_metrics: dict[Line, LongLine] = Field(default_factory=dict, max_length=2_000)
    checks: tuple[Check, ...] = Field(default=(), max_length=20_000)
    facts: dict[Line, Any] = Field(default_factory=dict, max_length=5_000)
    problems: tuple[LongLine, ...] = Field(default=(), max_length=1_000)
    build: BuildDocument = BuildDocument()
    #: True: every declared check ran and passed. False: one failed. None: not checked. Only True is ranked.
    verified: bool | None = None
    raw_sha256: Sha256 | None = None


class CensusRow(BaseModel):
    """What became of one planned cell."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    job: JobId
    suite: SuiteName
    outcome: Outcome
    reason: LongLine | None = None
    state: Line  # state of the job
    verified: bool | None = None
    plausibility: Line | None = None  # of its numbers; None: not judged
    findings: tuple[LongLine, ...] = Field(default=(), max_length=1_000)  # rules it breaks, numbers first
    instance_id: Line | None = None
    instance_state: Line | None = None  # as last observed; None: EC2 could not be asked or no longer lists it

    @property
    def doubted(self) -> bool:
        """Whether it was judged, and its numbers or its record are not what they should be."""
        return self.plausibility is not None and (self.plausibility != "plausible" or bool(self.findings))


class CensusDocument(Document):
    """census.json: every planned cell with its outcome. ``closed`` when nothing can change any more."""

    kind: ClassVar[str] = "benchtui.census"
    version: ClassVar[int] = 1
    max_bytes: ClassVar[int] = MAX_RUN_BYTES

    schema_: Line = Field(alias="schema", default="benchtui.census/1")
    run: RunId
    taken_at: Moment
    closed: bool
    planned: Whole
    measured: Whole
    declined: Whole
    rows: tuple[CensusRow, ...]
    sources: dict[Literal["s3", "ec2"], Line]  # "ok" or why it could not be asked
