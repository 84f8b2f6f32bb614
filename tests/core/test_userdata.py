"""User data: its size, its grammar, and what must never be in it."""

from __future__ import annotations

import ast
import dataclasses
import email
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.core import userdata
from benchtui.core.errors import UsageError
from benchtui.core.keys import KeyNotOurs
from benchtui.core.money import Limits
from benchtui.core.userdata import MAX_BYTES, SHORTEST_GRACE_S, SOFTDOG_LIMIT_S, JobUserData
from benchtui.engine.packaged import packaged_templates

JOB = JobUserData(
    run="20261124-021533-k3f7",
    job="c7g.large-1",
    bucket="benchtui-123456789012-us-east-1",
    bucket_region="us-east-1",
    bundle_sha256="ab" * 32,
    instance_type="c7g.large",
    image_id="ami-0123456789abcdef0",
    suites=("stream",),
    mode="quick",
    max_runtime_s=4 * 3600,
    emergency_grace_s=3600,
)
BUILT_IN = ("stream", "hpl", "fftw", "vector_ops", "mixed_precision", "compilation", "cache")
LONGEST_TYPE = "a" * 31 + "." + "b" * 31
LONGEST = dataclasses.replace(
    JOB,
    job=f"{LONGEST_TYPE}-9999",
    bucket="b" * 63,
    bucket_region="us-isob-central-10",
    instance_type=LONGEST_TYPE,
    image_id="ami-" + "0" * 17,
    suites=(*BUILT_IN, "x" * 40, "y" * 40, "z" * 40),
    max_runtime_s=999_999,
    emergency_grace_s=99_999,
    heartbeat_s=600,
    run_seal="f" * 64,
)


def render(job: JobUserData) -> str:
    """With the templates that benchtui comes with."""
    return userdata.render(job, packaged_templates())


def parts(job: JobUserData = JOB) -> tuple[str, str]:
    """Boothook and script."""
    message = email.message_from_string(render(job))
    boothook, script = message.get_payload()
    assert (boothook.get_content_type(), script.get_content_type()) == (
        "text/cloud-boothook",
        "text/x-shellscript",
    )
    return boothook.get_payload(), script.get_payload()


def test_the_longest_names_fit() -> None:
    assert len(render(LONGEST).encode()) <= MAX_BYTES == 6144


def test_more_than_fits_is_refused_with_a_way_out() -> None:
    many = dataclasses.replace(LONGEST, suites=tuple(f"{'s' * 37}{n:03d}" for n in range(40)))
    with pytest.raises(UsageError, match="more than 6144") as error:
        render(many)
    assert "fewer suites" in (error.value.fix or "")


@pytest.mark.parametrize("job", [JOB, LONGEST], ids=["usual", "longest"])
def test_shellcheck_finds_nothing(job: JobUserData, tmp_path: Path) -> None:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    for name, text in zip(("boothook", "script"), parts(job), strict=True):
        (tmp_path / name).write_text(text)
        done = subprocess.run([shellcheck, tmp_path / name], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_every_shell_reads_it(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    for text in parts():
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


def test_the_python_in_it_is_python_3_9_with_the_standard_library() -> None:
    sources = re.findall(r" - [^\n]*<<'E' &[^\n]*\n(.*?)\nE\n", parts()[1], flags=re.DOTALL)
    assert len(sources) == 2
    for source in sources:
        tree = ast.parse(source, feature_version=(3, 9))
        imported = {
            alias.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names
        }
        assert imported <= set(sys.stdlib_module_names)


def test_each_part_begins_with_its_interpreter() -> None:
    assert all(text.startswith("#!/bin/sh\n") for text in parts())


def test_comments_stay_behind() -> None:
    for text in parts():
        assert not [line for line in text.splitlines()[1:] if line.lstrip().startswith("#")]


def test_no_placeholder_is_left_and_none_is_unknown() -> None:
    assert re.findall(r"@[a-z_]+@", render(JOB)) == []


def test_the_job_is_what_the_agent_reads() -> None:
    [line] = [line for line in parts()[1].splitlines() if line.startswith('{"')]
    stated = json.loads(line)
    assert stated == {
        "run": JOB.run,
        "job": JOB.job,
        "bucket": JOB.bucket,
        "region": "us-east-1",
        "bundle": JOB.bundle_sha256,
        "type": "c7g.large",
        "image": JOB.image_id,
        "mode": "quick",
        "suites": ["stream"],
        "max_s": 14_400,
        "beat_s": 30,
    }


def test_the_first_lines_arm_the_timers_before_anything_can_hang() -> None:
    script = parts()[1]
    armed = script.index("later 18000 'echo o >/proc/sysrq-trigger; poweroff -ff'")
    forced = script.index("on 14460 systemctl poweroff --force --force")
    polite = script.index("t shutdown -P +242")
    first_network = script.index("timeout -k 5 300 $y - ")
    locked = script.index("setsid $y -IS - ")
    assert armed < locked < forced < polite < first_network


def test_the_locked_stop_comes_between_the_hard_stop_and_softdog() -> None:
    assert "time.sleep(18010)\n" in parts()[1]


def test_softdog_resets_after_the_hard_stop() -> None:
    assert "m=18060\n" in parts()[0]


def test_beyond_softdogs_limit_it_is_not_armed_rather_than_too_early() -> None:
    longer = dataclasses.replace(JOB, max_runtime_s=SOFTDOG_LIMIT_S, emergency_grace_s=3600)
    assert "m=0\n" in parts(longer)[0]
    just = dataclasses.replace(JOB, max_runtime_s=SOFTDOG_LIMIT_S - 3600 - 60)
    assert f"m={SOFTDOG_LIMIT_S}\n" in parts(just)[0]


def test_the_shortest_grace_leaves_the_gentler_ways_their_time() -> None:
    hasty = dataclasses.replace(JOB, max_runtime_s=60, emergency_grace_s=SHORTEST_GRACE_S)
    assert "later 140 'echo o" in parts(hasty)[1]
    assert "on 120 systemctl poweroff" in parts(hasty)[1]
    assert 'later 130 "timeout 9' in parts(hasty)[1]


@pytest.mark.parametrize("grace", [SHORTEST_GRACE_S, 3600])
def test_the_hard_stop_is_the_one_that_the_worst_case_pays_for(grace: int) -> None:
    job = dataclasses.replace(JOB, emergency_grace_s=grace)
    limits = Limits(job.max_runtime_s, grace, boot_allowance=300, heartbeat=30)
    assert userdata.hard_stop_s(job) + limits.boot_allowance == limits.longest_seconds
    assert f"later {userdata.hard_stop_s(job)} 'echo o" in parts(job)[1]


def test_the_boothook_waits_for_nothing_that_can_hang_a_boot() -> None:
    boothook = parts()[0]
    assert "systemd-run" not in boothook, "it would deadlock the boot"
    assert "shutdown" not in boothook, "it would exit 0 and schedule nothing"
    for command in ("modprobe", "sync", "sh -c"):
        assert all(
            re.search(rf"\bt {command}", line)
            for line in boothook.splitlines()
            if command in line and not line.startswith("ExecStart")
        ), command


def test_a_redirection_that_fails_does_not_end_the_shell() -> None:
    """dash exits when a redirection of a special builtin (``: >file``) fails: with a full /run, say."""
    for text in parts():
        assert not re.search(r"(^|[;&|{ ])(:|export|readonly|set|eval|exec)( [^;&|()]*)?>", text, re.M)
    dash = shutil.which("dash")
    if dash is not None:
        done = subprocess.run([dash, "-c", "true >/nowhere/x; echo on"], check=False, capture_output=True)
        assert done.stdout == b"on\n"


def test_metadata_is_asked_where_the_environment_says() -> None:
    assert 'env("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254"' in parts()[1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bucket", "a'b; rm -rf /"),
        ("bucket", "x"),
        ("bucket_region", "us-east-1\nE\nreboot"),
        ("image_id", "ami 1"),
        ("mode", "quick$(reboot)"),
        ("max_runtime_s", 0),
        ("emergency_grace_s", SHORTEST_GRACE_S - 1),
        ("heartbeat_s", 0),
        ("suites", ()),
    ],
)
def test_what_is_no_name_or_no_time_is_refused(field: str, value: object) -> None:
    with pytest.raises(UsageError):
        render(dataclasses.replace(JOB, **{field: value}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run", "x"),
        ("job", "c7g.large"),
        ("bundle_sha256", "zz"),
        ("instance_type", "c7g"),
        ("suites", ("a'b",)),
    ],
)
def test_what_cannot_be_in_a_key_is_refused(field: str, value: object) -> None:
    with pytest.raises(KeyNotOurs):
        render(dataclasses.replace(JOB, **{field: value}))  # type: ignore[arg-type]


def test_equal_jobs_give_equal_user_data() -> None:
    assert render(JOB) == render(dataclasses.replace(JOB))
    assert packaged_templates().script.startswith("#!/bin/sh")
