"""The region the AWS SDK would choose, without loading the SDK."""

from __future__ import annotations

from collections.abc import Mapping

from benchtui.config.paths import expanded


def sdk_region(profile: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Region and where it was found: environment, then the profile's entry in the AWS configuration file.

    Args:
        profile: of benchtui's configuration; empty: AWS_PROFILE, AWS_DEFAULT_PROFILE, ``default``.
    """
    for variable in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        if environ.get(variable):
            return environ[variable], variable
    import configparser

    profile = profile or environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    file = expanded(environ.get("AWS_CONFIG_FILE") or "~/.aws/config", environ)
    parser = configparser.RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return None  # the SDK itself will complain about its file, in its own words
    section = "default" if profile == "default" else f"profile {profile}"
    region = parser.get(section, "region", fallback="")
    return (region, f"{file} [{section}]") if region else None
