"""Who has not answered, and what to do about it: beside what was shown without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchtui.cli import diagnostics
from benchtui.core.errors import BenchtuiError, ExitCode

if TYPE_CHECKING:
    from benchtui.engine.snapshot import Snapshot


def tell(snapshot: Snapshot) -> ExitCode:
    """Name each source that did not answer, with its reason; the exit code that a missing right deserves.

    What is shown of a run without EC2 looks like one whose instances have gone.
    """
    code = ExitCode.OK
    for source in snapshot.sources:
        if source.error is None:
            continue
        diagnostics.error(BenchtuiError(f"{source.name} does not answer: {source.error}", fix=source.fix))
        if source.refused:
            code = ExitCode.DENIED
    return code
