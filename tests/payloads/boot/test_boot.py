"""The two parts of user data, executed in a tree of their own: what they arm, and what a fault does to it.

Every absolute path they name is moved below a temporary folder, and the commands that would act on the
machine are ones that only note how they were called. The true commands are met in tests/local.
"""

from __future__ import annotations

import ast
import email
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from benchtui.core.userdata import JobUserData, render
from benchtui.engine.packaged import packaged_templates

BOOT_ID = "0f1e2d3c-0000-4000-8000-000000000001"
OTHER_ID = "0f1e2d3c-0000-4000-8000-000000000002"
MOVED = (
    "/run/benchtui",
    "/var/lib/benchtui",
    "/etc/systemd/system",
    "/proc/",
    "/dev/watchdog",
    "/usr/bin/python3",
)
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
NOTE = '#!/bin/sh\necho "{name} $*" >>{base}/calls\n{more}'


class Machine:
    """A tree with the places that user data touches, and commands that note their calls."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.environment = {"PATH": f"{base / 'bin'}:/usr/bin:/bin"}
        for folder in ("run", "var/lib", "proc/sys/kernel/random", "etc/systemd", "dev", "usr/bin", "bin"):
            (base / folder).mkdir(parents=True)
        (base / "proc/sys/kernel/random/boot_id").write_text(BOOT_ID + "\n")
        (base / "proc/uptime").write_text("123.45 200.00\n")
        for name in (
            "modprobe",
            "poweroff",
            "systemctl",
            "systemd-run",
            "shutdown",
            "setsid",
            "sync",
            "sleep",
        ):
            self.command(name)
        self.command("modprobe", f"touch {base}/dev/watchdog0")
        self.python()

    def command(self, name: str, more: str = "") -> None:
        """Put a command into PATH that notes its call and then runs ``more``."""
        path = self.base / "bin" / name
        path.write_text(NOTE.format(name=name, base=self.base, more=more))
        path.chmod(0o755)

    def python(self, more: str = "") -> None:
        """The image's Python."""
        path = self.base / "usr/bin/python3"
        path.write_text(NOTE.format(name="python3", base=self.base, more=more))
        path.chmod(0o755)

    def run(self, part: int, shell: str = "sh") -> None:
        """Execute a part: 0 the boothook, 1 the script."""
        text = email.message_from_string(render(JOB, packaged_templates())).get_payload()[part].get_payload()
        for path in MOVED:
            text = text.replace(path, f"{self.base}{path}")
        assert not re.search(r"[ '>]/(run|var|etc|proc|dev/watch)", text), "a path that was not moved"
        script = self.base / f"part{part}"
        script.write_text(text)
        subprocess.run([shell, script], cwd=self.base, env=self.environment, timeout=60, check=False)

    @property
    def calls(self) -> list[str]:
        file = self.base / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def in_order(self) -> list[str]:
        """The calls without those of children in the background, which come when they come."""
        return [call for call in self.calls if not call.startswith("setsid")]

    def wait_for_children(self, number: int) -> None:
        """Wait until the children in the background have noted their calls."""
        ends = time.monotonic() + 10
        while len([call for call in self.calls if call.startswith("setsid")]) < number:
            assert time.monotonic() < ends, self.calls
            time.sleep(0.01)

    @property
    def armed(self) -> set[str]:
        folder = self.base / "run/benchtui/armed"
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def said(self, path: str) -> str:
        file = self.base / path
        return file.read_text() if file.exists() else ""


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> str:
    """sh is dash on Debian and Ubuntu, bash on Amazon Linux."""
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param}")
    return str(request.param)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


GUARD = "etc/systemd/system/benchtui-guard.service"


def test_a_first_boot_arms_panic_guard_and_softdog(machine: Machine, shell: str) -> None:
    machine.run(0, shell)
    kernel = {"panic", "panic_on_oops", "softlockup_panic", "hung_task_timeout_secs", "hung_task_panic"}
    assert machine.armed == kernel | {"boot-guard", "softdog"}
    assert machine.said("proc/sys/kernel/panic") == "10\n"
    assert machine.said("dev/watchdog0") == "1\n"
    assert "modprobe softdog soft_margin=18060 nowayout=1" in machine.calls
    link = machine.base / "etc/systemd/system/sysinit.target.wants/benchtui-guard.service"
    assert link.resolve() == machine.base / GUARD
    assert "poweroff -ff" not in machine.calls


def test_the_guard_lets_this_boot_pass_and_powers_off_any_other(machine: Machine, shell: str) -> None:
    machine.run(0, shell)
    [line] = [line for line in machine.said(GUARD).splitlines() if line.startswith("ExecStart=")]
    assert "$" not in line, "systemd would expand it"
    assert "%" not in line
    command = re.fullmatch(r"ExecStart=/bin/sh -c '(.*)'", line)
    assert command is not None
    environment = machine.environment
    subprocess.run([shell, "-c", command.group(1)], env=environment, check=True)
    assert "systemctl poweroff -ff" not in machine.calls
    (machine.base / "proc/sys/kernel/random/boot_id").write_text(f"{OTHER_ID}\n")
    subprocess.run([shell, "-c", command.group(1)], env=environment, check=True)
    assert machine.said("proc/sysrq-trigger") == "o\n"
    assert "systemctl poweroff -ff" in machine.calls


def test_a_boothook_on_another_boot_powers_off(machine: Machine, shell: str) -> None:
    machine.run(0, shell)
    (machine.base / "proc/sys/kernel/random/boot_id").write_text(f"{OTHER_ID}\n")
    machine.run(0, shell)
    assert machine.said("proc/sysrq-trigger") == "o\n"
    assert "poweroff -ff" in machine.calls


def test_a_boothook_run_twice_on_one_boot_does_not(machine: Machine, shell: str) -> None:
    machine.run(0, shell)
    machine.run(0, shell)
    assert "poweroff -ff" not in machine.calls


def test_another_watchdog_is_left_alone(machine: Machine, shell: str) -> None:
    """Opening it would start a countdown of a minute that nobody feeds."""
    (machine.base / "dev/watchdog0").touch()
    machine.command("modprobe", f"touch {machine.base}/dev/watchdog1")
    machine.run(0, shell)
    assert (machine.said("dev/watchdog0"), machine.said("dev/watchdog1")) == ("", "1\n")
    assert "softdog" in machine.armed


def test_a_softdog_that_was_there_before_has_another_margin(machine: Machine, shell: str) -> None:
    (machine.base / "dev/watchdog0").touch()
    machine.command("modprobe")
    machine.run(0, shell)
    assert machine.said("dev/watchdog0") == ""
    assert "softdog" not in machine.armed


def test_a_kernel_without_softdog_arms_the_rest(machine: Machine, shell: str) -> None:
    machine.command("modprobe", "exit 1")
    machine.run(0, shell)
    assert "softdog" not in machine.armed
    assert {"panic", "boot-guard"} <= machine.armed


def test_a_run_directory_that_takes_nothing_keeps_nothing_from_being_armed(
    machine: Machine, shell: str
) -> None:
    (machine.base / "run/benchtui").write_text("a file in its place")
    machine.run(0, shell)
    assert machine.said("dev/watchdog0") == "1\n"
    assert machine.said("proc/sys/kernel/panic") == "10\n"
    machine.run(1, shell)
    machine.wait_for_children(3)
    assert any(call.startswith("setsid sh -c sleep 18000; echo o >") for call in machine.calls)
    assert any("systemctl poweroff --force --force" in call for call in machine.calls)
    assert "poweroff -ff" in machine.calls


def test_the_script_arms_its_timers_before_it_asks_anybody(machine: Machine, shell: str) -> None:
    machine.run(1, shell)
    machine.wait_for_children(3)
    first_python = machine.calls.index("python3 -")
    before = machine.calls[:first_python]
    assert any("--on-active=14460" in c and "systemctl poweroff --force --force" in c for c in before)
    assert any(c.startswith("shutdown -P +242") for c in before)
    assert any("--on-active=14400" in c and c.endswith("/run/benchtui/stop") for c in before)
    assert {"hard-stop", "timer", "shutdown"} <= machine.armed
    later = [c for c in machine.calls if c.startswith("setsid")]
    assert any("sleep 18000; echo o >" in c and c.endswith("; poweroff -ff") for c in later)
    assert any("sleep 17990; timeout 9 " in c and "emergency.py" in c for c in later)
    assert f"setsid {machine.base}/usr/bin/python3 -IS -" in later


LOCKED = """import ctypes, os, time
class C:
 def mlockall(self, flags):
  print("mlockall", flags)
  ctypes.set_errno(12)
  return {refused}
 def reboot(self, how):
  print("reboot", hex(how))
class T:
 sleep = staticmethod(lambda s: print("sleep", s))
ctypes.CDLL = lambda name, use_errno: C()
os.nice = lambda by: print("nice", by)
"""


@pytest.mark.parametrize("refused", [0, 1])
def test_the_locked_stop_says_whether_it_is_armed(tmp_path: Path, refused: int) -> None:
    """Its own text, with a kernel that grants or refuses the locking and only notes the rest."""
    script = email.message_from_string(render(JOB, packaged_templates())).get_payload()[1].get_payload()
    [text] = re.findall(r"-IS - [^\n]*<<'E' &\n(.*?)\nE\n", script, flags=re.DOTALL)
    ast.parse(text, feature_version=(3, 9))
    armed = tmp_path / "armed"
    armed.mkdir()
    for path, moved in (
        ("/run/benchtui/armed", armed),
        ("/proc/self/oom_score_adj", tmp_path / "oom"),
        ("/sys/fs/cgroup/benchtui", tmp_path / "cgroup"),
    ):
        assert path in text
        text = text.replace(path, str(moved))
    text = text.replace("time.sleep", "T.sleep")
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-IS", "-"],
        input=LOCKED.replace("{refused}", str(refused)) + text,
        capture_output=True,
        text=True,
        check=True,
    )
    if refused:
        assert [path.name for path in armed.iterdir()] == ["locked: Cannot allocate memory"]
        assert done.stdout.split("\n") == ["mlockall 3", ""]
        assert not (tmp_path / "cgroup").exists(), "what cannot be armed leaves the machine as it is"
        return
    assert [path.name for path in armed.iterdir()] == ["locked"]
    assert (tmp_path / "oom").read_text() == "-1000"
    assert (tmp_path / "cgroup/cgroup.procs").read_text() == "0"
    assert done.stdout.splitlines() == ["mlockall 3", "nice -20", "sleep 18010", "reboot 0x4321fedc"]


def test_where_systemd_is_not_a_child_waits_in_its_place(machine: Machine, shell: str) -> None:
    machine.command("systemd-run", "exit 1")
    machine.command("shutdown", "exit 1")
    machine.run(1, shell)
    machine.wait_for_children(4)
    assert machine.armed == {"hard-stop"}
    assert any(c.startswith("setsid sh -c sleep 14400; sh ") for c in machine.calls)


def test_the_agent_runs_with_its_job_and_the_time_of_arming(machine: Machine, shell: str) -> None:
    machine.python(f'echo "$BENCHTUI_T0" >{machine.base}/t0; pwd >{machine.base}/pwd')
    machine.run(1, shell)
    work = machine.base / "var/lib/benchtui"
    assert f"python3 {work}/agent/main.py" in machine.calls
    assert machine.said("t0") == "123.45\n"
    assert machine.said("pwd") == f"{work}\n"
    assert '"run":"20261124-021533-k3f7"' in (work / "job.json").read_text()


def test_without_a_bundle_no_agent_runs_and_the_power_goes_off(machine: Machine, shell: str) -> None:
    machine.python("exit 1")
    machine.run(1, shell)
    assert not [call for call in machine.calls if call.endswith("main.py")]
    assert machine.in_order[-1] == "poweroff -ff"


def test_without_python_the_power_goes_off(machine: Machine, shell: str) -> None:
    (machine.base / "usr/bin/python3").unlink()
    tools = machine.base / "tools"
    tools.mkdir()
    for name in ("cat", "mkdir", "sh", "timeout"):
        (tools / name).symlink_to(str(shutil.which(name)))
    machine.environment["PATH"] = f"{machine.base / 'bin'}:{tools}"
    machine.run(1, str(shutil.which(shell)))
    machine.wait_for_children(3)
    assert {"hard-stop", "timer", "shutdown"} <= machine.armed
    assert machine.in_order[-1] == "poweroff -ff"


def test_a_python_elsewhere_in_the_path_runs_the_agent(machine: Machine, shell: str) -> None:
    (machine.base / "usr/bin/python3").unlink()
    machine.command("python3")
    machine.run(1, shell)
    machine.wait_for_children(3)
    agent = machine.base / "var/lib/benchtui/agent"
    calls = [call for call in machine.calls if call.startswith("python3")]
    assert calls == ["python3 -", f"python3 {agent}/main.py"]
    assert machine.said("run/benchtui/stop").endswith(f"timeout 8 python3 {agent}/emergency.py\n")
    last_word = f"timeout 9 python3 {agent}/emergency.py"
    assert any(call.endswith(last_word) for call in machine.calls if call.startswith("setsid"))


def test_the_images_own_python_goes_before_one_in_the_path(machine: Machine, shell: str) -> None:
    machine.command("python3", f"touch {machine.base}/wrong")
    machine.run(1, shell)
    assert [call for call in machine.calls if call.endswith("main.py")]
    assert not (machine.base / "wrong").exists()


def test_a_disk_that_takes_nothing_still_leads_to_power_off(machine: Machine, shell: str) -> None:
    (machine.base / "var/lib/benchtui").write_text("a file in its place")
    machine.run(1, shell)
    assert machine.in_order[-1] == "poweroff -ff"


def test_a_polite_way_that_hangs_is_followed_by_force(machine: Machine, shell: str) -> None:
    machine.run(1, shell)
    assert machine.in_order[-4:] == ["systemctl poweroff", "sleep 30", "sleep 2", "poweroff -ff"]
    assert machine.said("proc/sysrq-trigger") == "o\n"


def test_the_stop_asks_the_agent_and_then_speaks_for_it(machine: Machine, shell: str) -> None:
    machine.run(1, shell)
    lines = (machine.base / "run/benchtui/stop").read_text().splitlines()
    stop = [line for line in lines if not line.startswith(("export ", "declare "))]
    assert stop[0] == f"read -r x <{machine.base}/run/benchtui/agent.pid && kill $x"
    assert stop[1] == "sleep 45"
    assert stop[2].startswith("timeout 8 ")
    assert stop[2].endswith("/agent/emergency.py")
    with subprocess.Popen(["/bin/sleep", "600"]) as agent:
        (machine.base / "run/benchtui/agent.pid").write_text(f"{agent.pid}\n")
        environment = {"PATH": f"{machine.base / 'bin'}:/usr/bin:/bin"}
        subprocess.run([shell, machine.base / "run/benchtui/stop"], env=environment, check=False)
        assert agent.wait(10) == -15


def test_the_stop_carries_the_environment_that_names_the_endpoints(machine: Machine, shell: str) -> None:
    """A unit of systemd-run has systemd's environment, not that of user data."""
    machine.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:4566/it's"
    machine.run(1, shell)
    (machine.base / "run/benchtui/agent.pid").write_text("x\n")
    machine.command("timeout", f'echo "$AWS_ENDPOINT_URL" >{machine.base}/seen')
    environment = {"PATH": f"{machine.base / 'bin'}:/usr/bin:/bin"}
    subprocess.run([shell, machine.base / "run/benchtui/stop"], env=environment, check=False)
    assert machine.said("seen") == "http://127.0.0.1:4566/it's\n"
