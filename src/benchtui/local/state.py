"""The state file of a running local cloud: who runs, where, and the secrets of this start."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path

ACCOUNT_ID = "123456789012"
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class LocalState:
    """A running local cloud as its state file tells it (mode 0600: it holds the private token and a secret
    key).

    Attributes:
        pid: process id of the API process.
        host_pid: process id of the instance host, None while there is none.
        endpoint: `http://127.0.0.1:PORT`.
        token: demanded by the private routes in the header X-Benchtui-Token; never handed to an instance.
        started: ISO 8601 UTC.
        version: benchtui's version that started it.
        access_key_id, secret_access_key: the account's administrator, for the SDK.
        oversubscribe, isolate_net, rung: options the instance host needs.
        log_dir: folder of api.log and host.log.
        hosted: whether it starts an instance host of its own. False in a file of a version that does not say.
    """

    pid: int
    host_pid: int | None
    endpoint: str
    token: str
    started: str
    version: str
    access_key_id: str
    secret_access_key: str
    oversubscribe: bool
    isolate_net: bool
    rung: str | None
    log_dir: str
    hosted: bool = False

    def write(self, path: Path) -> None:
        """Write atomically with mode 0600."""
        temporary = path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(dataclasses.asdict(self), stream, indent=1)
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> LocalState | None:
        """The state in a file; None when there is no file or it is not one of ours."""
        try:
            fields = json.loads(path.read_text())
            return cls(**{f.name: fields[f.name] for f in dataclasses.fields(cls) if f.name in fields})
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None


def default_state_dir() -> Path:
    """`$XDG_STATE_HOME/benchtui/local`, by default `~/.local/state/benchtui/local`."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "benchtui" / "local"


def state_path(state_dir: Path | None) -> Path:
    """Where the state file of a local cloud lies."""
    return (state_dir or default_state_dir()) / "state.json"
