"""Which runs a bucket holds, and reading one back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.core import keys
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import RunDocument
from benchtui.core.errors import InvalidDocumentError, UsageError
from benchtui.core.keys import KeyNotOurs

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket


@dataclass(frozen=True, slots=True)
class RunListing:
    """A run of the bucket; ``document`` is None when run.json is missing or cannot be read."""

    run: str
    started_at: datetime
    document: RunDocument | None
    problem: str | None = None

    def ahead(self, now: datetime) -> bool:
        """Whether its time is still to come."""
        at = self.document.scheduled_for if self.document is not None else None
        return at is not None and at > now


async def load_run(bucket: Bucket, run: str) -> RunDocument:
    """run.json of ``run``.

    Raises:
        UsageError: not a run id, or the bucket holds no such run.
        InvalidDocumentError: run.json is not one.
    """
    try:
        key = keys.run_json_key(run)
    except KeyNotOurs as error:
        raise UsageError(str(error), fix="`benchtui runs` lists the runs of the bucket") from error
    try:
        body = await bucket.get(key, RunDocument.max_bytes)
    except CloudError as error:
        if error.failure.kind is not FailureKind.MISSING:
            raise
        raise UsageError(
            f"the bucket {bucket.name} holds no run {run}", fix="`benchtui runs` lists the runs of the bucket"
        ) from error
    document = parse_document(RunDocument, body, key)
    if document.run != run:
        raise InvalidDocumentError(f"{key}: is of run {document.run}")
    return document


async def list_runs(
    bucket: Bucket, newest: int = 50, since: datetime | None = None
) -> tuple[RunListing, ...]:
    """The newest ``newest`` runs of the bucket, newest first; ``since``: only those whose id is not older."""
    oldest = "" if since is None else f"{since:%Y%m%d-%H%M%S}"
    found = sorted((run for run in await bucket.list_runs() if _is_run(run) and run >= oldest), reverse=True)
    listings = []
    for run in found[:newest]:
        started_at = datetime.strptime(run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        try:
            listings.append(RunListing(run, started_at, await load_run(bucket, run)))
        except (InvalidDocumentError, UsageError) as error:
            listings.append(RunListing(run, started_at, None, error.what))
    return tuple(listings)


def _is_run(text: str) -> bool:
    try:
        keys.check_run(text)
    except KeyNotOurs:
        return False
    return True
