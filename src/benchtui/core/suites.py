"""What a suite declares in its ``payload.toml``, and the JSON the agent gets of it.

The suites that benchtui comes with and a user's own are read by the same rules. The agent runs on
Python 3.9, which cannot read TOML: it gets ``suites.json`` in the bundle.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from benchtui.core.errors import UsageError
from benchtui.core.keys import check_suite
from benchtui.core.toml import NotTomlError, parse_toml

SCHEMA = "benchtui.payload/1"
#: Folders in a bundle beside the suites, so no names for one.
RESERVED = frozenset({"common", "agent", "boot", "log"})
LONGEST_TIMEOUT_S = 24 * 3600
PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")

Argument = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00\n]*$")]
Argv = Annotated[list[Argument], Field(min_length=1, max_length=200)]
RunName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,39}$")]
ModeName = Annotated[str, Field(pattern=r"^[a-z]{1,16}$")]
ParamName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
PackageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+:_-]{0,99}$")]
#: A colon is what sets an arm's metric apart from the suite's own.
MetricName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}$")]
ArmName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,19}$")]
#: ID of os-release, or ID:VERSION_ID, which beats it: "debian", "debian:13".
SystemName = Annotated[str, Field(pattern=r"^(debian|ubuntu|amzn)(:[0-9][0-9.]{0,9})?$")]
CheckName = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT_S, allow_inf_nan=False)]


class Part(BaseModel):
    """A table of payload.toml."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


def inside(path: str) -> str:
    """``path`` if it stays inside the suite's folder.

    Raises:
        ValueError: it is absolute or leads out.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise ValueError("must be a path inside the suite's folder")
    return path


#: Packages per system; the agent installs those of the most precise name that fits.
Packages = Annotated[
    dict[SystemName, Annotated[list[PackageName], Field(max_length=100)]], Field(max_length=30)
]


class Build(Part):
    """How the suite is built on the instance, in its folder."""

    commands: list[Argv] = Field(default_factory=list, max_length=50)
    """Commands in order, each as a list of arguments; no shell."""
    binary: str | None = None
    """The file they build; its SHA-256 stands in the result."""
    sources: list[str] = Field(default_factory=list, max_length=200)
    """Files of the folder that are built, for the reader; all of the folder is in the bundle."""
    timeout_seconds: Seconds = 900
    """Time limit of all commands together."""
    expected_seconds: Seconds = 8
    """Installing the packages and building, on a small instance; the plan's estimate."""

    @field_validator("binary")
    @classmethod
    def _binary_inside(cls, path: str | None) -> str | None:
        return None if path is None else inside(path)

    @field_validator("sources")
    @classmethod
    def _sources_inside(cls, paths: list[str]) -> list[str]:
        return [inside(path) if not path.startswith("../common/") else path for path in paths]


class Mode(Part):
    """How long a mode measures, when it has repeated enough, and what it fills into the placeholders.

    A repetition is one process of a run. Without ``budget_seconds`` there is one of each run.
    """

    expected_seconds: Seconds
    """All runs with all repetitions on a small instance; the plan's estimate."""
    timeout_seconds: Seconds
    """Time limit of all runs together."""
    budget_seconds: Seconds | None = None
    """No repetition but a run's first starts that would end later than this after the first began."""
    floor: int = Field(default=5, ge=1, le=1000)
    """Repetitions of a run before precision may end it."""
    precision: float | None = Field(default=None, gt=0, lt=1, allow_inf_nan=False)
    """A run ends when of each metric the 95 % interval's half-width is at most this part of the mean."""
    measuring_share: float | None = Field(default=None, gt=0, lt=1, allow_inf_nan=False)
    """Repeat even if precise, until measuring is this part of the instance's time from boot on."""
    params: dict[ParamName, str | int | float] = Field(default_factory=dict, max_length=100)
    """Values of ``{name}`` in argv and env."""

    @model_validator(mode="after")
    def _times_in_order(self) -> Mode:
        if self.timeout_seconds < self.expected_seconds:
            raise ValueError("timeout_seconds is less than expected_seconds")
        if self.budget_seconds is not None and self.budget_seconds > self.timeout_seconds:
            raise ValueError("budget_seconds is more than timeout_seconds")
        if self.budget_seconds is None and self.precision is not None:
            raise ValueError("precision needs budget_seconds: the time after which it is given up")
        if self.budget_seconds is None and self.measuring_share is not None:
            raise ValueError("measuring_share needs budget_seconds: the share of this suite among a job's")
        return self


class Run(Part):
    """One command of the suite; each repetition is a process of its own."""

    name: RunName
    argv: Argv
    env: dict[VariableName, Argument] = Field(default_factory=dict, max_length=100)
    """Variables added to a clean environment."""
    modes: list[ModeName] | None = None
    """The modes it belongs to; all if not given."""
    repeat: bool = True
    """False: once per result, for proofs and cross-checks."""


class Arm(Part):
    """The suite with another compiler or library, in a copy of its folder.

    Its metrics, checks and facts are called ``<name>:<arm>`` and never mixed with the suite's own.
    """

    build: Build
    packages: Packages = Field(default_factory=dict)
    """Besides the suite's; one that cannot be had declines the arm alone."""
    modes: list[ModeName] | None = None
    """The modes it belongs to; all if not given."""
    runs: list[RunName] | None = None
    """The runs it repeats; all of the mode if not given."""
    env: dict[VariableName, Argument] = Field(default_factory=dict, max_length=100)
    """Variables added to those of its runs."""


class DeclaredMetric(Part):
    """A number the suite reports."""

    unit: str = Field(min_length=1, max_length=40)
    higher_is_better: bool
    min: FiniteFloat | None = None
    """Values below it are implausible: not verified."""
    max: FiniteFloat | None = None
    modes: list[ModeName] | None = None
    """The modes that measure it; all if not given."""
    normalises: Literal["instance", "thread", "none"] = "instance"
    """What it is a figure of: the instance (can be given per vCPU, core, dollar), one thread, or neither."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> DeclaredMetric:
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise ValueError("min is not less than max")
        return self


class Verification(Part):
    """What must be true before a result may be called verified."""

    checks: list[CheckName] = Field(default_factory=list, max_length=500)
    """Required of every result."""
    of: dict[
        Annotated[str, Field(min_length=1, max_length=100)], Annotated[list[CheckName], Field(max_length=500)]
    ] = Field(default_factory=dict, max_length=500)
    """Required when a metric that matches the pattern (as in file names: ``*.one``) was measured."""


class Suite(Part):
    """A suite, as its payload.toml declares it."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["benchtui.payload/1"] = Field(alias="schema")
    name: str
    title: str = Field(min_length=1, max_length=200)
    version: int | str
    """Raised whenever its numbers may change; results of different versions are not compared."""
    headlines: list[MetricName] = Field(default_factory=list, max_length=20)
    """The metrics that tell most, the most telling first."""
    packages: Packages = Field(default_factory=dict)
    build: Build = Build()
    arms: dict[ArmName, Arm] = Field(default_factory=dict, max_length=10)
    modes: dict[ModeName, Mode] = Field(min_length=1, max_length=10)
    """``quick`` and ``full``."""
    runs: list[Run] = Field(min_length=1, max_length=100)
    metrics: dict[MetricName, DeclaredMetric] = Field(min_length=1, max_length=1000)
    verification: Verification = Verification()
    folder: str = Field(exclude=True)
    """Where it was read from; payload.toml does not say it."""

    @field_validator("name")
    @classmethod
    def _may_be_a_key(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError(f"{name!r} is a name benchtui needs itself")
        return check_suite(name)

    @model_validator(mode="after")
    def _fits_together(self) -> Suite:
        names = [run.name for run in self.runs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"runs: two have the name {twice[0]!r}")
        self._check_names()
        self._check_placeholders()
        return self

    def _check_names(self) -> None:
        """Every run, mode and metric that is named somewhere is declared."""
        for name in self.headlines:
            if name not in self.metrics:
                raise ValueError(f"headlines: {name!r} is no metric of the suite")
        for pattern in self.verification.of:
            if not fnmatch.filter(self.metrics, pattern):
                raise ValueError(f"verification.of: {pattern!r} fits no metric of the suite")
        for arm, declared in self.arms.items():
            for name in declared.runs or ():
                if name not in {run.name for run in self.runs}:
                    raise ValueError(f"arms.{arm}.runs: {name!r} is no run of the suite")
        restricted: dict[str, list[str] | None] = {f"runs.{run.name}": run.modes for run in self.runs}
        restricted |= {f"metrics.{name}": metric.modes for name, metric in self.metrics.items()}
        restricted |= {f"arms.{name}": arm.modes for name, arm in self.arms.items()}
        for where, modes in restricted.items():
            for mode in modes or ():
                if mode not in self.modes:
                    raise ValueError(f"{where}.modes: {mode!r} is no mode of the suite")
        for mode in self.modes:
            if not any(run.modes is None or mode in run.modes for run in self.runs):
                raise ValueError(f"modes.{mode}: no run belongs to it")

    def _check_placeholders(self) -> None:
        builds = [self.build, *(arm.build for arm in self.arms.values())]
        words = [word for build in builds for argv in build.commands for word in argv]
        words += [word for run in self.runs for word in (*run.argv, *run.env.values())]
        words += [word for arm in self.arms.values() for word in arm.env.values()]
        used = {name for word in words for name in PLACEHOLDER.findall(word)}
        for mode, declared in self.modes.items():
            for name in sorted(used - set(declared.params)):
                raise ValueError(f"modes.{mode}.params: {{{name}}} is used and has no value")

    def for_agent(self, source_sha256: str) -> dict[str, Any]:
        """What the agent gets, as plain JSON values."""
        declared = self.model_dump(mode="json", exclude={"schema_", "verification", "name"})
        return {
            **declared,
            "checks": list(self.verification.checks),
            "checks_of": {pattern: list(checks) for pattern, checks in self.verification.of.items()},
            "source_sha256": source_sha256,
        }

    def setup_seconds(self, mode: str) -> float:
        """Expected seconds of installing and building, with the arms of ``mode``."""
        arms = (arm for arm in self.arms.values() if arm.modes is None or mode in arm.modes)
        return self.build.expected_seconds + sum(arm.build.expected_seconds for arm in arms)


def parse_payload(text: str, folder: str) -> Suite:
    """The suite that ``folder/payload.toml`` declares.

    Args:
        text: content of payload.toml.
        folder: the folder's name, which the suite's name has to be; a path is shown in errors as given.

    Raises:
        UsageError: not TOML or not a suite; names file and key, all errors at once.
    """
    file = f"{folder}/payload.toml"
    try:
        content = parse_toml(text, number=float)
    except NotTomlError as error:
        raise UsageError(f"{file}: not TOML: {error}", fix="correct the file") from error
    if content.get("schema") != SCHEMA:
        raise UsageError(f"{file}: schema: is {content.get('schema')!r}", fix=f'set schema = "{SCHEMA}"')
    if "folder" in content:
        raise UsageError(f"{file}: folder: is no key of payload.toml", fix="remove it")
    try:
        suite = Suite.model_validate({**content, "folder": folder})
    except ValidationError as error:
        raise UsageError("\n".join(_problems(file, error)), fix="correct the file") from error
    if suite.name != PurePosixPath(folder).name:
        raise UsageError(
            f"{file}: name: {suite.name!r} is not the name of its folder",
            fix="give folder and suite the same name",
        )
    return suite


def _problems(file: str, error: ValidationError) -> Iterable[str]:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        yield f"{file}: {key}: {message}" if key else f"{file}: {message}"


def suites_json(declared: dict[str, dict[str, Any]]) -> bytes:
    """suites.json of a bundle, from :meth:`Suite.for_agent` by suite; equal suites give equal bytes."""
    content = {"schema": "benchtui.suites/1", "suites": declared}
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False).encode()
