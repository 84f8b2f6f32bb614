"""The JSON documents of the bucket: run.json, sentinel bodies, system.json, result.json, census.json.

All of them come from outside, an instance or a bucket, and are untrusted: sizes are bounded, numbers
finite, text printable. A body says its schema and version; a newer one than known is reported as
such, never dropped or guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
)

from benchtui.core.catalogue import Price
from benchtui.core.errors import InvalidDocumentError
from benchtui.core.keys import check_instance_type, check_job, check_run, check_suite
from benchtui.core.money import Rate, Rates, writable
from benchtui.core.text import clean_line

#: Limits of size in bytes; a larger object is refused before it is parsed.
MAX_RUN_BYTES = 16 << 20
MAX_RESULT_BYTES = 8 << 20
MAX_SYSTEM_BYTES = 1 << 20
MAX_SENTINEL_BYTES = 64 << 10
MAX_SAMPLES = 100_000
#: At the ends of the calendar another time zone or a minute more is an overflow.
FIRST_YEAR, LAST_YEAR = 1970, 2999


def _line(limit: int) -> BeforeValidator:
    return BeforeValidator(lambda value: clean_line(value, limit) if isinstance(value, str) else value)


def _moment(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"a time between the years {FIRST_YEAR} and {LAST_YEAR} is wanted")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


#: What a database, a column of a table or another program's integer can hold.
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Seconds = Annotated[int, Field(le=100_000_000)]  # three years
Line = Annotated[str, _line(200)]
LongLine = Annotated[str, _line(2_000)]
Scalar = bool | int | FiniteFloat | LongLine | None
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RunId = Annotated[str, AfterValidator(check_run)]
JobId = Annotated[str, AfterValidator(check_job)]
SuiteName = Annotated[str, AfterValidator(check_suite)]
TypeName = Annotated[str, AfterValidator(check_instance_type)]
Usd = Annotated[Decimal, Field(ge=0, le=Decimal("1e9"), allow_inf_nan=False), AfterValidator(writable)]
#: A time with room before and behind it; UTC where nothing else is said.
Moment = Annotated[datetime, AfterValidator(_moment)]


class Document(BaseModel):
    """A versioned body. Fields that a later writer of the same version added are ignored."""

    model_config = ConfigDict(
        defer_build=True, frozen=True, extra="ignore", populate_by_name=True, ser_json_inf_nan="constants"
    )

    kind: ClassVar[str]
    version: ClassVar[int]
    max_bytes: ClassVar[int]
    #: By version: makes the content of version n + 1 of that of version n. What is stored is never rewritten.
    upcasters: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}


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


D = TypeVar("D", bound=Document)
#: One of these is in every body whose texts hold a surrogate without its other half, and in few others.
_MAY_BE_HALVES = (b"\\ud", b"\\uD", b"\xed", b"\x00")


def parse_document(model: type[D], body: bytes, name: str) -> D:
    """Validate an object of the bucket.

    Args:
        model: what it has to be.
        body: its bytes.
        name: its key or path, for the error.

    Raises:
        InvalidDocumentError: too large, not JSON, of a newer schema, or not valid; names the object.
    """
    if len(body) > model.max_bytes:
        raise InvalidDocumentError(f"{name}: {len(body)} bytes, more than the {model.max_bytes} allowed")
    usual = _usual(model, body)
    if usual is not None:
        return usual
    try:
        content = json.loads(body)
        if any(mark in body for mark in _MAY_BE_HALVES):
            json.dumps(
                content, ensure_ascii=False
            ).encode()  # half a character is no text, and nothing stores it
    except (ValueError, RecursionError) as error:
        raise InvalidDocumentError(f"{name}: not JSON: {clean_line(str(error))}") from error
    found = _check_schema(model, content, name)
    try:
        for step in range(found, model.version):
            content = model.upcasters[step](content)
        return model.model_validate(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidDocumentError(f"{name}: not what {model.kind}/{found} is: {error!r}") from error
    except (ValidationError, RecursionError) as error:
        raise InvalidDocumentError(f"{name}: {_first_reasons(error)}") from error


def _usual(model: type[D], body: bytes) -> D | None:
    """A valid body of the newest version, in two thirds of the time; None: it has to be looked at closely."""
    try:
        found = model.model_validate_json(body)
    except (ValidationError, RecursionError):
        return None
    said = getattr(found, "schema_", None) if "schema_" in found.model_fields_set else None
    return found if said == f"{model.kind}/{model.version}" else None


def _check_schema(model: type[Document], content: object, name: str) -> int:
    """The version of a body that this benchtui can read."""
    schema = content.get("schema") if isinstance(content, dict) else None
    kind, _, version = str(schema).partition("/")
    if kind != model.kind or not (version.isdecimal() and len(version) < 6):
        said = clean_line(str(schema), 60)
        raise InvalidDocumentError(f"{name}: schema is {said!r}, not {model.kind}/{model.version}")
    if int(version) > model.version:
        raise InvalidDocumentError(
            f"{name}: {kind}/{int(version)} is of a newer benchtui; this one reads up to {model.version}",
            fix="update benchtui",
        )
    return int(version)


def _first_reasons(error: ValidationError | RecursionError) -> str:
    """The first three problems, in one line."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}" for p in problems[:3]]
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    return clean_line("; ".join(shown) + more, 400)


def to_json(document: Document) -> bytes:
    """The bytes to store: strict JSON, money as strings, keys as their readers expect them."""
    return document.model_dump_json(by_alias=True, indent=1).encode()
