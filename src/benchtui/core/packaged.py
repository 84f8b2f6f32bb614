"""Where the payloads lie that benchtui comes with."""

from __future__ import annotations

from pathlib import Path


def payloads_root() -> Path:
    """Folder of agent, boot templates and suites: inside an installed package, or in a checkout.

    Raises:
        FileNotFoundError: neither is there, so the installation is damaged.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "payloads", package.parents[1] / "payloads"):
        if (folder / "agent" / "main.py").is_file():
            return folder
    raise FileNotFoundError(f"no payloads beside {package}: install benchtui again")
