"""The user data of an instance: two MIME parts from the templates in ``payloads/boot``, at most 6 KiB.

What the parts do, and why each line is as it is, is said in the templates; comments are left out of what
is sent.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from benchtui.core.errors import UsageError
from benchtui.core.keys import check_instance_type, check_job, check_run, check_suite, payload_key

#: Ours; EC2 takes 16 KiB. What does not fit here belongs into the bundle.
MAX_BYTES = 6144
#: The kernel's limit for softdog's margin, in seconds (drivers/watchdog/softdog.c).
SOFTDOG_LIMIT_S = 65_535
#: How long after max_runtime an agent that does not end by itself is powered off, and the polite way comes.
FORCE_AFTER_S = 60
POLITE_AFTER_MIN = 2
#: The last word of the hard stop is tried this long before it.
LAST_WORD_S = 10
#: With less than this after max_runtime the hard stop would come before the gentler ways had their time.
SHORTEST_GRACE_S = FORCE_AFTER_S + 2 * LAST_WORD_S
#: The hard stop's other form, in locked memory, comes this much later: so it is seen which of them it was.
LOCKED_AFTER_S = 10
#: softdog counts from the boothook, which comes before the script: it must not come before the hard stop.
SOFTDOG_AFTER_S = 60

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,3}-[0-9]{1,2}")
_IMAGE = re.compile(r"[0-9a-zA-Z-]{1,40}")
_SEAL = re.compile(r"[0-9a-f]{64}")
_MODE = re.compile(r"[a-z]{1,16}")
_PLACEHOLDER = re.compile(r"@([a-z_]+)@")
_BOUNDARY = "=benchtui="


@dataclass(frozen=True, slots=True)
class JobUserData:
    """What an instance has to know before it can ask for anything. No secret is among it."""

    run: str
    job: str
    bucket: str
    bucket_region: str
    bundle_sha256: str  # lower-case hex
    instance_type: str
    image_id: str
    suites: tuple[str, ...]  # in the order to run them
    mode: str
    max_runtime_s: int
    emergency_grace_s: int
    heartbeat_s: int = 30
    run_seal: str | None = None  # of run.json; 64 hex digits


@dataclass(frozen=True, slots=True)
class Templates:
    """Texts of ``payloads/boot``."""

    boothook: str
    script: str
    bootstrap: str
    locked: str


def render(job: JobUserData, templates: Templates) -> str:
    """User data as MIME text, to be base64-encoded by the SDK.

    Raises:
        KeyNotOurs: an id cannot be put into a key.
        UsageError: a name is none of its kind, a time is out of range, or it all takes more than 6 KiB.
    """
    _check(job)
    hard_s = hard_stop_s(job)
    margin_s = hard_s + SOFTDOG_AFTER_S
    values = {
        # 0: beyond softdog's limit, so not armed, and BOOTED says so.
        "softdog_margin": str(margin_s if margin_s <= SOFTDOG_LIMIT_S else 0),
        "max_s": str(job.max_runtime_s),
        "off_s": str(job.max_runtime_s + FORCE_AFTER_S),
        "word_s": str(hard_s - LAST_WORD_S),
        "hard_s": str(hard_s),
        "polite_min": str(-(-job.max_runtime_s // 60) + POLITE_AFTER_MIN),
        "job": _job_json(job),
        "bootstrap": _bare(templates.bootstrap).rstrip("\n"),
    }
    locked_s = {"locked_s": str(hard_s + LOCKED_AFTER_S)}
    values["locked"] = _filled(_bare(templates.locked), locked_s).rstrip("\n")
    text = _mime(
        ("cloud-boothook", _filled(_bare(templates.boothook), values)),
        ("x-shellscript", _filled(_bare(templates.script), values)),
    )
    if len(text.encode()) > MAX_BYTES:
        raise UsageError(
            f"user data of {job.job} takes {len(text.encode())} bytes, more than {MAX_BYTES}",
            fix="run fewer suites per job, or give them shorter names",
        )
    return text


def hard_stop_s(job: JobUserData) -> int:
    """Seconds from the script's start to the hard stop; worst case and expiry tag count with the same."""
    return job.max_runtime_s + job.emergency_grace_s


def _check(job: JobUserData) -> None:
    check_run(job.run)
    check_job(job.job)
    check_instance_type(job.instance_type)
    payload_key(job.bundle_sha256)
    if job.run_seal is not None and not _SEAL.fullmatch(job.run_seal):
        raise UsageError("run.json has no seal of 64 hex digits")
    for suite in job.suites:
        check_suite(suite)
    for pattern, value, what in (
        (_BUCKET, job.bucket, "bucket"),
        (_REGION, job.bucket_region, "region"),
        (_IMAGE, job.image_id, "image"),
        (_MODE, job.mode, "mode"),
    ):
        if not pattern.fullmatch(value):
            raise UsageError(f"{value!r} is not the name of a {what}")
    if min(job.max_runtime_s, job.heartbeat_s) < 1 or not job.suites:
        raise UsageError("a job needs a suite, and times of at least a second")
    if job.emergency_grace_s < SHORTEST_GRACE_S:
        raise UsageError(f"a grace of {job.emergency_grace_s} s, less than {SHORTEST_GRACE_S}")


def _job_json(job: JobUserData) -> str:
    seal = {} if job.run_seal is None else {"seal": job.run_seal}
    return json.dumps(
        {
            "run": job.run,
            "job": job.job,
            "bucket": job.bucket,
            "region": job.bucket_region,
            "bundle": job.bundle_sha256,
            "type": job.instance_type,
            "image": job.image_id,
            "mode": job.mode,
            "suites": list(job.suites),
            "max_s": job.max_runtime_s,
            "beat_s": job.heartbeat_s,
            **seal,
        },
        separators=(",", ":"),
    )


def _bare(source: str) -> str:
    """A template without comment lines and empty lines: they are for whoever reads the template."""
    kept = [line for line in source.splitlines() if line.startswith("#!") or line.strip()]
    return "".join(f"{line}\n" for line in kept if line.startswith("#!") or not line.lstrip().startswith("#"))


def _filled(template: str, values: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], template)


def _mime(*parts: tuple[str, str]) -> str:
    lines = [f'Content-Type: multipart/mixed; boundary="{_BOUNDARY}"', "MIME-Version: 1.0", ""]
    for subtype, body in parts:
        lines += [f"--{_BOUNDARY}", f"Content-Type: text/{subtype}", "", body]
    return "\n".join([*lines, f"--{_BOUNDARY}--", ""])
