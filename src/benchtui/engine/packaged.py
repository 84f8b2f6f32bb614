"""The payloads that benchtui comes with: where they lie, and the templates among them."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from benchtui.core.userdata import Templates


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


@cache
def packaged_templates() -> Templates:
    """The templates of user data.

    Raises:
        OSError: the installation is damaged.
    """
    boot = payloads_root() / "boot"
    names = ("boothook.sh.in", "script.sh.in", "bootstrap.py.in", "locked.py.in")
    return Templates(*((boot / name).read_text(encoding="utf-8") for name in names))


@cache
def suite_titles() -> dict[str, str]:
    """What each packaged suite is called, by its name; without those that cannot be read."""
    found: dict[str, str] = {}
    for path in sorted(payloads_root().glob("*/payload.toml")):
        try:
            title = tomllib.loads(path.read_text(encoding="utf-8")).get("title")
        except (OSError, tomllib.TOMLDecodeError):
            continue
        if isinstance(title, str):
            found[path.parent.name] = title
    return found
