"""The few settings that a kill needs, read in a moment and whatever is wrong with the others.

Building the schema of all settings takes longer than asking EC2 what runs, and a mistake in ``[plan]`` is no
reason not to end anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.config.sdk_region import sdk_region
from benchtui.config.sources import ENVIRONMENT_PREFIX, MAX_FILE_BYTES, Flag, candidate_files, words
from benchtui.core.toml import parse_toml

if TYPE_CHECKING:
    from benchtui.config.schema import AwsSection

REGION_PATTERN = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
BUCKET_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
DEFAULT_REGIONS = ("us-east-1",)
MAX_REGIONS = 50
#: What ``[aws]`` may hold; a test compares it with the schema.
KEYS = frozenset(
    {
        "profile",
        "regions",
        "bucket",
        "instance_profile",
        "security_group",
        "scheduler_role",
        "starter_role",
        "subnet",
        "public_ipv4",
    }
)


@dataclass(frozen=True, slots=True)
class Access:
    """Which account, where in it, and which bucket, as ``[aws]`` has them."""

    profile: str = ""
    regions: tuple[str, ...] = DEFAULT_REGIONS
    bucket: str = ""

    @classmethod
    def of(cls, section: AwsSection) -> Access:
        """From all settings."""
        return cls(section.profile, section.regions, section.bucket)


class _Unclear(Exception):
    """Something that is for `load.load` to read, or to find fault with."""


def quick_access(
    config_file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Flag], cwd: Path
) -> Access | None:
    """``[aws]`` as `load.load` would have it; None: ask that, which says what is wrong if anything is.

    Takes what `load.load` takes. Nothing outside ``[aws]`` is looked at.
    """
    try:
        merged: dict[str, Any] = {}
        for file, required in candidate_files(config_file, environ, cwd):
            merged |= _of_file(file, required=required == "required")
        typed = _of_environment(environ) | _of_flags(flags)
        if isinstance(typed.get("regions"), str):  # a file has a list
            typed["regions"] = words(typed["regions"])
        merged |= typed
        return _checked(merged, environ)
    except _Unclear:
        return None


def _of_file(file: Path, *, required: bool) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise _Unclear
        return _known(parse_toml(raw.decode("utf-8-sig")).get("aws", {}))
    except FileNotFoundError as error:
        if required:
            raise _Unclear from error
        return {}
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or not TOML
        raise _Unclear from error


def _of_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    prefix = f"{ENVIRONMENT_PREFIX}AWS_"
    names = [name for name in environ if name.startswith(prefix)]
    if not all(name.isupper() for name in names):
        raise _Unclear
    return _known({name.removeprefix(prefix).lower(): environ[name] for name in names})


def _of_flags(flags: Mapping[str, Flag]) -> dict[str, Any]:
    return _known(
        {key.removeprefix("aws."): flag.value for key, flag in flags.items() if key.startswith("aws.")}
    )


def _known(table: object) -> dict[str, Any]:
    """``table``, if it can be one of ``[aws]``."""
    if not isinstance(table, dict) or not table.keys() <= KEYS:
        raise _Unclear
    return table


def _checked(merged: dict[str, Any], environ: Mapping[str, str]) -> Access:
    profile, bucket = merged.get("profile", ""), merged.get("bucket", "")
    if not isinstance(profile, str) or not isinstance(bucket, str):
        raise _Unclear
    if bucket and not BUCKET_PATTERN.fullmatch(bucket):
        raise _Unclear
    if "regions" not in merged:
        found = sdk_region(profile, environ)
        merged["regions"] = DEFAULT_REGIONS if found is None else [found[0]]
    regions = merged["regions"]
    if not isinstance(regions, list | tuple) or not 0 < len(regions) <= MAX_REGIONS:
        raise _Unclear
    if not all(isinstance(each, str) and REGION_PATTERN.fullmatch(each) for each in regions):
        raise _Unclear
    if len(set(regions)) < len(regions):
        raise _Unclear
    return Access(profile, tuple(regions), bucket)
