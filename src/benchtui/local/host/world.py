"""A running world as the host sees it: one stage process, its events, its console, and its end."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchtui.local.host import memory
from benchtui.local.host.limits import Budget, CgroupV1, CgroupV2, ResourceLimits
from benchtui.local.host.network import Gateway, Outside
from benchtui.local.host.userdata import UserData

Rung = Literal["T1", "T2", "T3"]

_CONSOLE_PIPE_BYTES = 1 << 20
_KILL_TIMEOUT_S = 15.0  # thousands of processes of a fork bomb share one CPU while they die
_F_SETPIPE_SZ = 1031
_NOBODY = 65534
_OPEN_FILES = (1024, 524288)  # the soft and hard limit systemd gives a service


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """What a world is made from. `image` None puts the volume into memory (tmpfs)."""

    instance_id: str
    rung: Rung
    budget: Budget
    userdata: UserData
    environment: Mapping[str, str]
    private_ip: str
    hide: tuple[str, ...]
    image: Path | None
    outside: Outside | None = None  # a network of its own, with these ways out


def _rlimits(budget: Budget, limits: CgroupV1 | CgroupV2 | ResourceLimits) -> dict[str, tuple[int, int]]:
    chosen = {
        "NOFILE": _OPEN_FILES,
        # 1, not 0: a core handler (core_pattern with a pipe) runs as root of the machine, and only 1 keeps it
        # away.
        "CORE": (1, 1),
        "MEMLOCK": (budget.memory_bytes, budget.memory_bytes),
        "MSGQUEUE": (819200, 819200),
    }
    if limits.needs_rlimits:
        chosen["NPROC"] = (budget.processes, budget.processes)
        chosen["DATA"] = (budget.memory_bytes, budget.memory_bytes)
    return chosen


class World:
    """One world, from start to the death of its last process.

    Start it from a thread that lives as long as the host: the kernel kills the world when that thread ends.
    """

    def __init__(self, spec: WorldSpec, limits: CgroupV1 | CgroupV2 | ResourceLimits) -> None:
        self.spec = spec
        self.how: str | None = None  # how it ended, once it has
        self.error: str | None = None  # why it could not be built
        self._limits = limits
        self._text = b""
        self._gateway = Gateway(spec.outside) if spec.outside is not None else None
        self._init_pid: int | None = None
        self._init: int | None = None  # pidfd of pid 1
        enforcement = limits.prepare(spec.instance_id, spec.budget)
        self._console, console_write = os.pipe()
        with suppress(OSError):
            import fcntl

            fcntl.fcntl(self._console, _F_SETPIPE_SZ, _CONSOLE_PIPE_BYTES)
        os.set_blocking(self._console, False)
        passed = [console_write]
        if self._gateway is not None:
            passed.append(self._gateway.handover.fileno())
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", "benchtui.local.host.stage", *map(str, passed)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console_write,
                pass_fds=passed,
                start_new_session=True,
                env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                cwd="/",
            )
        finally:
            os.close(console_write)
        assert self._process.stdin is not None and self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._process.stdin.write(
            json.dumps(self._configuration(enforcement.join, enforcement.view)).encode() + b"\n"
        )
        self._process.stdin.flush()

    def _configuration(self, join: tuple[str, ...], view: dict[str, str]) -> dict[str, Any]:
        spec = self.spec
        parts = [
            {"stage": part.stage, "body": base64.b64encode(part.body).decode("ascii")}
            for part in spec.userdata.parts
        ]
        return {
            "host_pid": os.getpid(),
            "instance_id": spec.instance_id,
            "rung": spec.rung,
            "run_as": _NOBODY if os.geteuid() == 0 else None,
            "hostname": f"ip-{spec.private_ip.replace('.', '-')}",
            "private_ip": spec.private_ip,
            "machine_id": hashlib.md5(spec.instance_id.encode(), usedforsecurity=False).hexdigest(),
            "api_port": spec.outside.api[1] if spec.outside is not None else None,
            "cpus": list(spec.budget.cpus),
            "memory_bytes": spec.budget.memory_bytes,
            "disk_bytes": spec.budget.disk_bytes,
            "image": str(spec.image) if spec.image else None,
            "cgroups": list(join),
            "cgroup_view": view,
            "rlimits": _rlimits(spec.budget, self._limits),
            "hide": list(spec.hide),
            "parts": parts,
            "ignored": list(spec.userdata.ignored),
            "environment": dict(spec.environment),
        }

    def fileno(self) -> int:
        """The descriptor on which events arrive, for select."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def poll(self) -> list[dict[str, Any]]:
        """New events of the stage ("booted", "reboot", "ended", "error"); sets `how` once the world is
        gone."""
        if self._gateway is not None:
            self._gateway.poll()
        with suppress(BlockingIOError):
            while data := os.read(self.fileno(), 65536):
                self._text += data
        *lines, self._text = self._text.split(b"\n")
        events = [json.loads(line) for line in lines]
        for event in events:
            if event["event"] == "booted":
                self._follow(int(event["init"]))
            elif event["event"] == "ended":
                self.how = event["how"]
            elif event["event"] == "error":
                self.error = event["text"]
        if self._process.poll() is not None and self.how is None:
            # The last lines may have come between the read above and the end of the process.
            with suppress(BlockingIOError, ValueError):
                for line in os.read(self.fileno(), 65536).splitlines():
                    event = json.loads(line)
                    events.append(event)
                    self.how = event.get("how", self.how)
                    self.error = event.get("text", self.error)
            self.how = self.how or self.error or f"stage ended with {self._process.returncode}"
        return events

    def enforce_memory(self) -> None:
        """Keep the world within its memory where no cgroup does. Call it a few times a second."""
        if self._limits.needs_rlimits and self._init_pid is not None and self.how is None:
            memory.enforce(self._init_pid, self.spec.budget.memory_bytes)

    def _follow(self, pid: int | None) -> None:
        self._init_pid = pid
        if self._init is not None:
            os.close(self._init)
        self._init = None
        if pid is not None:
            with suppress(OSError):
                self._init = os.pidfd_open(pid)

    def read_console(self, at_most: int) -> bytes:
        """New console output, at most so many bytes; the rest waits, and the world's writers with it."""
        try:
            return os.read(self._console, at_most)
        except (BlockingIOError, OSError):
            return b""

    def kill(self) -> None:
        """End every process of the world. Returns when they are gone; safe to call again."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        if self._init is not None:
            # The stage does the same, but shares its CPU with whatever the world is doing.
            with suppress(OSError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        try:
            self._process.wait(_KILL_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its children have asked for SIGKILL when it dies
            self._process.wait()
        self._limits.kill(self.spec.instance_id)
        self.poll()

    def close(self) -> None:
        """Kill what is left and free descriptors and cgroups."""
        self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._follow(None)
        if self._gateway is not None:
            self._gateway.close()
        with suppress(OSError):
            os.close(self._console)
        self._console = -1
        self._limits.remove(self.spec.instance_id)
        if self.spec.image is not None:
            self.spec.image.unlink(missing_ok=True)

    def wait(self, timeout_s: float) -> str | None:
        """Wait for the end and return how it came, or None after the timeout."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.poll()
            if self.how is not None:
                return self.how
            time.sleep(0.01)
        return None
