"""Where settings come from, for whoever reads all of them and for whoever reads a few in haste. No schema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from benchtui.config.paths import PROJECT_FILE, user_config_file

ENVIRONMENT_PREFIX = "BENCHTUI_"
MAX_FILE_BYTES = 1 << 20


class Flag(NamedTuple):
    """The value of one setting as given on the command line, with the flag's spelling (``--budget``)."""

    spelling: str
    value: object


def candidate_files(
    config_file: Path | None, environ: Mapping[str, str], cwd: Path
) -> list[tuple[Path, Literal["required", "optional"]]]:
    """Files that may hold settings, lowest precedence first: the user's own, CONFIG or ./benchtui.toml."""
    user: tuple[Path, Literal["optional"]] = (user_config_file(environ), "optional")
    if config_file is not None:
        return [user, (cwd / config_file, "required")]
    return [user, (cwd / PROJECT_FILE, "optional")]


def words(text: str) -> list[str]:
    """The entries of a list that is given as one text, comma-separated."""
    return [part.strip() for part in text.split(",") if part.strip()]
