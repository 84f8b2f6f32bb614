"""What the last sweep found, kept on this machine for the next command: expired instances, silent regions.

The file is this machine's own and may be deleted at any time; what it holds came from tags that anybody may
have written, so it is read back like anything from outside.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from benchtui.core.errors import BenchtuiError
from benchtui.core.states import Ec2State, InstanceView
from benchtui.core.text import clean_line
from benchtui.engine.sweep import Sweep

SCHEMA = "benchtui.sweep/1"
#: A sweep holds for this long: the next command does not sweep again.
HOLDS = timedelta(minutes=1)
#: Older ones say nothing of now.
FORGOTTEN = timedelta(days=7)
MAX_BYTES = 1_000_000
MOST = 1000  # instances that are kept; a thousand expired ones tell enough

Line = Annotated[str, Field(max_length=300)]


class _Kept(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)


class ExpiredInstance(_Kept):
    """An instance that was alive after the time at which it should have been gone."""

    instance_id: Annotated[str, Field(pattern=r"^i-[0-9a-f]{8,17}$")]
    instance_type: Line
    region: Line
    launched_at: AwareDatetime
    expires_at: AwareDatetime
    run: Line | None = None
    job: Line | None = None


class SweepRecord(_Kept):
    """One look at the account."""

    schema_: Literal["benchtui.sweep/1"] = Field("benchtui.sweep/1", alias="schema")
    taken_at: AwareDatetime
    regions: Annotated[tuple[Line, ...], Field(max_length=200)] = ()  # asked and answered
    unanswered: Annotated[dict[Line, Line], Field(max_length=200)] = {}  # by region: why
    regions_error: Line | None = None
    expired: Annotated[tuple[ExpiredInstance, ...], Field(max_length=MOST)] = ()

    @classmethod
    def of(cls, sweep: Sweep) -> SweepRecord:
        """What is worth keeping of a sweep."""
        expired = [view for view in sweep.expired(sweep.taken_at) if view.expires_at is not None]
        return cls.model_validate(
            {
                "schema": SCHEMA,
                "taken_at": sweep.taken_at,
                "regions": sweep.regions,
                "unanswered": {region: clean_line(why.what, 300) for region, why in sweep.unanswered},
                "regions_error": clean_line(sweep.regions_error.what, 300) if sweep.regions_error else None,
                "expired": [
                    {name: getattr(view, name) for name in ExpiredInstance.model_fields}
                    for view in expired[:MOST]
                ],
            }
        )

    def as_sweep(self) -> Sweep:
        """The sweep as far as it was kept: of its instances the expired alone."""
        return Sweep(
            self.taken_at,
            tuple(_view(each) for each in self.expired),
            self.regions,
            tuple((region, BenchtuiError(why)) for region, why in self.unanswered.items()),
            BenchtuiError(self.regions_error) if self.regions_error else None,
        )


def _view(kept: ExpiredInstance) -> InstanceView:
    return InstanceView(
        instance_id=kept.instance_id,
        instance_type=clean_line(kept.instance_type),
        region=clean_line(kept.region),
        zone="",
        state=Ec2State.RUNNING,
        launched_at=kept.launched_at,
        run=clean_line(kept.run) if kept.run else None,
        job=clean_line(kept.job) if kept.job else None,
        expires_at=kept.expires_at,
    )


def record_file(cache: Path, environ: Mapping[str, str], profile: str) -> Path:
    """Where the sweep of this account is kept: by what decides which account is meant.

    Args:
        cache: the cache folder.
        environ: of the process; the SDK's variables in it count.
        profile: of the configuration; empty: the SDK's own choice.
    """
    said = [profile, *(f"{name}={environ[name]}" for name in sorted(environ) if name.startswith("AWS_"))]
    return cache / "sweeps" / f"{hashlib.sha256('|'.join(said).encode()).hexdigest()[:24]}.json"


def read_record(file: Path, now: datetime) -> SweepRecord | None:
    """The record in ``file``; None: there is none that says anything of ``now``."""
    try:
        with file.open("rb") as stream:
            record = SweepRecord.model_validate_json(stream.read(MAX_BYTES))
    except (OSError, ValidationError):
        return None
    return record if timedelta(0) <= now - record.taken_at < FORGOTTEN else None


def write_record(file: Path, record: SweepRecord) -> None:
    """Put ``record`` in place of the one before, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    beside = file.with_suffix(f".{os.getpid()}")
    beside.write_text(record.model_dump_json(by_alias=True))
    beside.replace(file)
