"""What a local cloud can be asked to do differently."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """Options of one local cloud, fixed while it runs.

    Attributes:
        port: TCP port on 127.0.0.1; None = a free one.
        idle_minutes: the daemon ends itself after so many minutes without a live instance and without a
            request.
        oversubscribe: let instances share CPUs instead of waiting for free ones (tests).
        simulate_ec2_types: accept EC2 type names; such instances run with nobody home and never yield a
            number.
        isolate_net: give each world its own network with the true metadata address.
        rung: force one rung of the instance host's ladder instead of the highest that works.
        state_dir: where state, logs and bucket contents live; None = the XDG state directory.
        host: instances are run by an instance host; False = the API alone, they become running by a timer.
        spawn_host: start and supervise that host; False = someone else runs it (tests, debugging).
        terminated_kept_s: seconds a terminated instance stays visible (EC2: about an hour).
        regions: those that are enabled in the account; empty = those that are without an opt-in.
        bare: an account with nothing but its default VPCs, for `benchtui setup`; else as setup leaves one.
    """

    port: int | None = None
    idle_minutes: float = 15
    oversubscribe: bool = False
    simulate_ec2_types: bool = False
    isolate_net: bool = False
    rung: str | None = None
    state_dir: Path | None = None
    host: bool = True
    spawn_host: bool = True
    terminated_kept_s: float = 3600
    regions: tuple[str, ...] = ()
    bare: bool = False

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back."""
        fields: dict[str, Any] = dataclasses.asdict(self)
        if self.state_dir is not None:
            fields["state_dir"] = str(self.state_dir)
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> LocalOptions:
        """Inverse of `to_json`; unknown fields raise TypeError."""
        fields = json.loads(text)
        if fields.get("state_dir"):
            fields["state_dir"] = Path(fields["state_dir"])
        fields["regions"] = tuple(fields.get("regions") or ())
        return cls(**fields)
