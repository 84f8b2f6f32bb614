"""Life of a world: user data, its ends, the commands that stand in for systemd's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchtui.local.host import limits

from . import worlds
from .worlds import processes_in, run, world

RUNGS = ("T1", "T2")
OFF = "poweroff -f\n"
#: One of each kind: the plain command, systemd at once, systemd by a timer, the system call.
POWER_OFF = (
    "poweroff",
    "systemctl poweroff --force --force",
    "systemd-run --on-active=0.2s --timer-property=AccuracySec=1s systemctl poweroff --force --force",
    "python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321fedc)'",
)
OTHER_WAYS = (
    "poweroff -f",
    "poweroff -ff",
    "/sbin/poweroff",
    "halt -f",
    "shutdown -P now",
    "shutdown -h +0",
    "systemctl poweroff",
    "systemctl poweroff --force",
    "systemctl poweroff -ff",
    "systemd-run poweroff -f",
    "systemd-run --unit=x --on-active 200ms --no-block -p DefaultDependencies=no systemctl poweroff -ff",
)


@pytest.fixture(params=RUNGS)
def rung(request: pytest.FixtureRequest) -> str:
    found = next(report for report in worlds.ladder(request.param).rungs if report.rung == request.param)
    if not found.works:
        pytest.skip(f"{request.param}: {found.reason}")
    return request.param


@pytest.fixture
def t1() -> str:
    found = worlds.ladder("T1").rungs[0]
    if not found.works:
        pytest.skip(f"T1: {found.reason}")
    return "T1"


@pytest.mark.long
@pytest.mark.parametrize(
    "command", [*POWER_OFF, *(pytest.param(way, marks=pytest.mark.long) for way in OTHER_WAYS)]
)
def test_every_way_to_power_off_ends_the_world_as_power_off(command: str, t1: str, tmp_path: Path) -> None:
    outcome = run(f"#!/bin/sh\n{command}\nsleep 30\n", directory=tmp_path)
    assert outcome.how == "poweroff", outcome.console


def test_the_same_as_a_plain_user(rung: str, tmp_path: Path) -> None:
    script = "#!/bin/sh\nid -u\nmkdir -p /var/lib/benchtui && echo kept >/var/lib/benchtui/x\n" + OFF
    outcome = run(script, rung, directory=tmp_path)
    assert outcome.how == "poweroff"
    assert outcome.console.split()[0] == "0"
    assert not Path("/var/lib/benchtui/x").exists()


def test_boothook_runs_before_the_script_and_the_environment_is_that_of_cloud_init(
    t1: str, tmp_path: Path
) -> None:
    outcome = run(
        "#!/bin/sh\necho script; env | sort | tr '\\n' ' '; pwd\n" + OFF,
        boothook="#!/bin/sh\necho hook $INSTANCE_ID\n",
        environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        directory=tmp_path,
    )
    lines = outcome.console.splitlines()
    assert lines[0].startswith("hook i-")
    assert lines[1] == "script"
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:9" in lines[2]
    assert "HOME=" not in lines[2]
    assert lines[2].endswith("/")


def test_the_instance_stays_running_after_user_data_has_ended(t1: str, tmp_path: Path) -> None:
    with world("#!/bin/sh\necho over\nexit 3\n", directory=tmp_path) as started:
        console = b""
        while b"failed with 3" not in console:
            console += started.read_console(4096)
        assert started.wait(0.5) is None


@pytest.mark.long
def test_a_timer_survives_the_death_of_every_other_process(t1: str, tmp_path: Path) -> None:
    script = "#!/bin/sh\nsystemd-run --on-active=1 systemctl poweroff --force --force\n"
    script += "setsid sleep 60 &\nkill -9 -1\n"
    script += "python3 -c 'import os; os.kill(-1, 9)'\nsleep 60\n"
    outcome = run(script, directory=tmp_path)
    assert outcome.how == "poweroff"


def test_a_scheduled_shutdown_can_be_cancelled(t1: str, tmp_path: Path) -> None:
    outcome = run("#!/bin/sh\nshutdown -P +1 && shutdown -c && echo cancelled\n" + OFF, directory=tmp_path)
    assert "Shutdown scheduled for" in outcome.console
    assert "cancelled" in outcome.console


def test_graceful_power_off_sends_sigterm_and_waits_for_those_who_tidy_up(t1: str, tmp_path: Path) -> None:
    script = "#!/bin/bash\ntrap 'sleep 0.3; echo tidied >/dev/console; exit 0' TERM\nsystemctl poweroff &\n"
    script += "while :; do sleep 0.05; done\n"
    outcome = run(script, directory=tmp_path)
    assert outcome.how == "poweroff"
    assert "tidied" in outcome.console


@pytest.mark.long
def test_reboot_keeps_the_disk_and_does_not_run_user_data_again(t1: str, tmp_path: Path) -> None:
    unit = (
        "[Unit]\\nDefaultDependencies=no\\n[Service]\\nType=oneshot\\n"
        "ExecStart=/bin/sh -c 'cat /root/kept /proc/sys/kernel/random/boot_id >/dev/console; poweroff -f'\\n"
        "[Install]\\nWantedBy=sysinit.target\\n"
    )
    script = (
        "#!/bin/sh\necho user data ran\ncat /proc/sys/kernel/random/boot_id\n"
        "echo from the first boot >/root/kept\n"
        f'printf "{unit}" >/etc/systemd/system/guard.service\nsystemctl enable guard.service\nreboot -f\n'
    )
    outcome = run(script, directory=tmp_path)
    assert outcome.how == "poweroff", outcome.console
    assert outcome.console.count("user data ran") == 1
    assert "from the first boot" in outcome.console
    boot_ids = [line for line in outcome.console.splitlines() if line.count("-") == 4 and len(line) == 36]
    assert len(set(boot_ids)) == 2
    assert Path("/proc/sys/kernel/random/boot_id").read_text().strip() not in boot_ids


def test_a_crash_of_pid_1_is_not_a_power_off(t1: str, tmp_path: Path) -> None:
    outcome = run("#!/bin/sh\nkill -SEGV 1\nsleep 30\n", directory=tmp_path)
    assert outcome.how is not None
    assert outcome.how not in ("poweroff", "reboot", "killed")


@pytest.mark.long
@pytest.mark.parametrize("name", ["INT", "TERM", "KILL", "HUP"])
def test_signals_from_inside_do_not_end_pid_1(name: str, t1: str, tmp_path: Path) -> None:
    outcome = run(f"#!/bin/sh\nkill -{name} 1\nsleep 0.3\necho alive\n{OFF}", directory=tmp_path)
    assert "alive" in outcome.console


@pytest.mark.long
def test_what_a_world_does_not_have_fails_honestly(t1: str, tmp_path: Path) -> None:
    commands = (
        "modprobe softdog",
        "sysctl -w kernel.panic=10",
        "systemctl start ssh",
        "systemctl daemon-reload",
        "systemctl enable --now ssh",
        "systemd-run --on-calendar=daily true",
        "systemd-run --pty true",
        "systemd-run -p MemoryMax=1M true",
        "systemd-run",
        "shutdown -P tomorrow",
        "systemctl kexec",
    )
    script = "#!/bin/sh\n" + "".join(f"{c} 2>/dev/null >&2 && echo 'PASSED: {c}'\n" for c in commands) + OFF
    outcome = run(script, directory=tmp_path)
    assert "PASSED" not in outcome.console
    assert outcome.how == "poweroff"


def test_console_device_and_log_hold_the_output(t1: str, tmp_path: Path) -> None:
    script = "#!/bin/sh\necho to stdout\necho to stderr >&2\necho to console >/dev/console\nsleep 0.2\n"
    script += "grep -c 'to std' /var/log/cloud-init-output.log\n" + OFF
    outcome = run(script, directory=tmp_path)
    assert {"to stdout", "to stderr", "to console", "2"} <= set(outcome.console.splitlines())


@pytest.mark.long
def test_a_flood_of_output_neither_blocks_power_off_nor_fills_memory(t1: str, tmp_path: Path) -> None:
    outcome = run("#!/bin/sh\nyes 'a line of output' &\nsleep 0.5\n" + OFF, directory=tmp_path)
    assert outcome.how == "poweroff"


@pytest.mark.long
def test_killed_stage_takes_the_whole_world_along(t1: str, tmp_path: Path) -> None:
    with world(
        "#!/bin/sh\nfor i in 1 2 3; do setsid sleep 600 & done\nwait\n", directory=tmp_path
    ) as started:
        namespace = worlds.pid_namespace(started)
        assert len(processes_in(namespace)) >= 1
        os.kill(started._process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while processes_in(namespace) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert processes_in(namespace) == []


@pytest.mark.long
def test_death_of_the_host_takes_every_world_along(t1: str, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from tests.local.host import worlds\n"
        "with worlds.world('#!/bin/sh\\nsleep 600', directory=Path(sys.argv[1])) as started:\n"
        "    print(worlds.pid_namespace(started), flush=True); time.sleep(600)\n"
    )
    root = Path(__file__).parents[3]
    host = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert host.stdout is not None
    namespace = host.stdout.readline().strip()
    assert namespace.startswith("pid:")
    assert processes_in(namespace)
    host.kill()
    host.wait()
    deadline = time.monotonic() + 5
    while processes_in(namespace) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_in(namespace) == []
    assert any(f"-{host.pid}-" in scope for scope in limits.sweep())
    assert not any(f"-{host.pid}-" in scope for scope in limits.sweep())


def test_hidden_places_are_empty_even_after_they_are_made_anew(rung: str, tmp_path: Path) -> None:
    secret = tmp_path / "state"
    secret.mkdir()
    (secret / "token").write_text("secret-token")
    script = f"#!/bin/sh\nls -A /root /home /tmp\nrm -rf /root; mkdir -p /root; ls -A /root\nls -A {secret}\n"
    outcome = run(script + f"cat {secret}/token\n" + OFF, rung, directory=tmp_path, hide=(str(secret),))
    assert "secret-token" not in outcome.console
    assert ".ssh" not in outcome.console
    assert ".aws" not in outcome.console


@pytest.mark.long
def test_a_state_directory_under_a_hidden_one_is_hidden_with_it(rung: str, tmp_path: Path) -> None:
    script = f"#!/bin/sh\nls -A /usr/share; touch /usr/share/x && echo writable\n{OFF}"
    outcome = run(script, rung, directory=tmp_path, hide=("/usr/share/doc", "/usr/share"))
    assert outcome.console.split() == ["writable"]
    assert outcome.how == "poweroff"


def test_a_second_user_of_the_world_cannot_reach_pid_1(t1: str, tmp_path: Path) -> None:
    outcome = run(
        "#!/bin/sh\nsu nobody -s /bin/sh -c 'systemctl poweroff' || echo refused\n" + OFF, directory=tmp_path
    )
    assert "refused" in outcome.console
