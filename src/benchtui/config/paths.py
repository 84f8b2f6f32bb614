"""Every path benchtui uses on this machine, by the XDG base directory specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT_FILE = "benchtui.toml"
_NAME = "benchtui"


@dataclass(frozen=True, slots=True)
class KnownPath:
    """A path with its use, for `benchtui config paths`."""

    name: str
    path: Path
    use: str


def config_dir(environ: Mapping[str, str]) -> Path:
    """``$XDG_CONFIG_HOME/benchtui``, else ``~/.config/benchtui``."""
    return _base(environ, "XDG_CONFIG_HOME", ".config")


def state_dir(environ: Mapping[str, str]) -> Path:
    """``$XDG_STATE_HOME/benchtui``, else ``~/.local/state/benchtui``: ledger, local cloud, logs."""
    return _base(environ, "XDG_STATE_HOME", ".local/state")


def cache_dir(environ: Mapping[str, str]) -> Path:
    """``$XDG_CACHE_HOME/benchtui``, else ``~/.cache/benchtui``: prices, types; can be asked for again."""
    return _base(environ, "XDG_CACHE_HOME", ".cache")


def user_config_file(environ: Mapping[str, str]) -> Path:
    """The user's own configuration file; need not exist."""
    return config_dir(environ) / "config.toml"


def private_dir(path: Path) -> Path:
    """``path``, made with its parents where missing, readable by its owner alone (0700).

    Raises:
        OSError: it cannot be made.
    """
    for folder in reversed((path, *path.parents)):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path


def known_paths(environ: Mapping[str, str], cwd: Path) -> tuple[KnownPath, ...]:
    """All paths benchtui reads or writes outside the results, whether they exist or not."""
    return (
        KnownPath("project config", cwd / PROJECT_FILE, "settings of this project"),
        KnownPath("user config", user_config_file(environ), "your own settings"),
        KnownPath("state", state_dir(environ), "launch ledger, state and logs of the local cloud"),
        KnownPath("cache", cache_dir(environ), "prices and instance types; may be deleted at any time"),
    )


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    given = environ.get(variable, "")
    # The specification: a relative path in one of these variables is to be ignored.
    if given and Path(given).is_absolute():
        return Path(given) / _NAME
    return home(environ) / below_home / _NAME


def home(environ: Mapping[str, str]) -> Path:
    """The home directory: ``$HOME``, else the account's."""
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def expanded(path: str, environ: Mapping[str, str]) -> Path:
    """``path`` with a leading ``~/`` replaced by the home directory."""
    return home(environ) / path[2:] if path.startswith("~/") else Path(path)
