"""Pid 1 of a world: runs the user data as cloud-init does, then lives on until the world is powered off.

It keeps what systemd keeps on an instance: timers of `systemd-run` and a scheduled `shutdown` survive the
death of every other process. Output of user data goes to /var/log/cloud-init-output.log and to the console;
what is written to /dev/console goes to the console.

Ends: reboot(2) with power-off (the host sees SIGINT) or restart (SIGHUP). SIGSEGV or SIGABRT sent to it is a
crash, as is `echo c > /proc/sysrq-trigger`.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import selectors
import shlex
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

DIRECTORY = Path("/run/benchtui")
BASELINE = Path("/usr/lib/benchtui/units-of-the-image.json")
CLOUD_DIRECTORY = Path("/var/lib/cloud/instance")
OUTPUT_LOG = "/var/log/cloud-init-output.log"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

POWER_OFF, RESTART = 0x4321FEDC, 0x01234567  # linux/reboot.h
STOP_TIMEOUT_S = 90.0  # DefaultTimeoutStopSec of systemd
CONSOLE_BACKLOG = 256 * 1024  # beyond it, writers wait, as on a slow serial line


class Unit:
    """A transient unit of systemd-run: waiting for its time, or running."""

    def __init__(self, argv: list[str], environment: dict[str, str], deadline: float | None) -> None:
        self.argv = argv
        self.environment = environment
        self.deadline = deadline
        self.pid: int | None = None


class Init:
    """State of pid 1. All times are seconds of CLOCK_MONOTONIC."""

    def __init__(self, world: dict[str, object]) -> None:
        self.world = world
        self.boot = int(str(world["boot"]))
        self.selector = selectors.DefaultSelector()
        self.units: dict[str, Unit] = {}
        self.shutdown: tuple[float, str] | None = None
        self.stopping: tuple[float, str] | None = None
        self.parts: list[dict[str, str]] = list(world["parts"]) if self.boot == 1 else []  # type: ignore[call-overload]
        self.part_number = 0
        self.part_pid: int | None = None
        self.part_name = ""
        self.console = b""
        self.console_open = True
        self.log_fd = -1
        self.output_read, self.output_write = os.pipe()
        self.serial = 0

    # ---- console -----------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        self._to_console(f"{text}\n".encode())
        self._to_log(f"{text}\n".encode())

    def _to_console(self, data: bytes) -> None:
        self.console = (self.console + data)[-2 * CONSOLE_BACKLOG :]
        self._flush()

    def _to_log(self, data: bytes) -> None:
        try:
            if self.log_fd < 0:
                self.log_fd = os.open(OUTPUT_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            os.write(self.log_fd, data)
        except OSError:
            pass  # a full disk must not end the machine's pid 1

    def _flush(self) -> None:
        while self.console and self.console_open:
            try:
                self.console = self.console[os.write(1, self.console[:65536]) :]
            except BlockingIOError:
                return
            except OSError:
                self.console_open = False

    # ---- processes ---------------------------------------------------------------------------------------

    def start(self, argv: list[str], environment: dict[str, str]) -> int:
        """fork and exec in a session of its own, output to the log and console. Raises OSError (EAGAIN,
        ENOMEM)."""
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGSEGV, signal.SIGABRT):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
                # Pid 1 is the last the OOM killer takes, as on any machine; and when the machine itself runs
                # out of memory, it takes the worlds first.
                file.write("500")
            nothing = os.open("/dev/null", os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(self.output_write, 1)
            os.dup2(self.output_write, 2)
            os.closerange(3, 256)
            os.chdir("/")
            os.execvpe(argv[0], argv, environment)  # noqa: S606
        except BaseException as error:
            os.write(2, f"{argv[0]}: {error}\n".encode())
        os._exit(127)

    def next_part(self) -> None:
        """Start the next part of the user data, if any is left and none runs."""
        while self.parts and self.part_pid is None and self.stopping is None:
            part = self.parts.pop(0)
            self.part_number += 1
            folder = CLOUD_DIRECTORY / ("boothooks" if part["stage"] == "boothook" else "scripts")
            path = folder / f"part-{self.part_number:03d}"
            self.part_name = path.name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_bytes(base64.b64decode(part["body"]))
                path.chmod(0o700)
                environment = self.environment()
                if part["stage"] == "boothook":
                    environment["INSTANCE_ID"] = str(self.world["instance_id"])
                self.part_pid = self.start([str(path)], environment)
            except OSError as error:
                self.say(f"cloud-init: {path} not run: {error}")

    def environment(self) -> dict[str, str]:
        extra = dict(self.world["environment"])  # type: ignore[call-overload]
        return {"PATH": SEARCH_PATH, **extra}

    def reap(self) -> bool:
        """Collect every dead child; returns whether any process but this one is left in the world."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.part_pid:
                self.part_pid = None
                code = os.waitstatus_to_exitcode(status)
                if code:
                    self.say(f"cloud-init: {self.part_name} failed with {code}")
                self.next_part()
            for name, unit in list(self.units.items()):
                if unit.pid == pid:
                    del self.units[name]

    # ---- ends --------------------------------------------------------------------------------------------

    def stop(self, action: str) -> None:
        """Ask every process to end, give them the time systemd gives, then power off or reboot."""
        if self.stopping is None:
            self.stopping = (time.monotonic() + STOP_TIMEOUT_S, action)
            self.say(f"init: {action}")
            self.signal_all(signal.SIGTERM)
            self.signal_all(signal.SIGCONT)

    @staticmethod
    def signal_all(number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(-1, number)  # everyone in this pid namespace but pid 1

    def finish(self, action: str) -> None:
        self._flush()
        libc = ctypes.CDLL(None)
        libc.reboot(
            ctypes.c_int(RESTART if action == "reboot" else POWER_OFF - (1 << 32) * (POWER_OFF >> 31))
        )

    def tick(self) -> float:
        """Do what is due; returns seconds until something else is."""
        now = time.monotonic()
        alive = self.reap()
        if self.stopping is not None:
            deadline, action = self.stopping
            if not alive:
                self.finish(action)
            if now >= deadline:
                self.signal_all(signal.SIGKILL)
            return 0.05
        due = [unit.deadline for unit in self.units.values() if unit.deadline is not None]
        if self.shutdown is not None:
            due.append(self.shutdown[0])
            if now >= self.shutdown[0]:
                self.stop(self.shutdown[1])
                return 0.0
        for name, unit in list(self.units.items()):
            if unit.deadline is not None and now >= unit.deadline:
                unit.deadline = None
                try:
                    unit.pid = self.start(unit.argv, unit.environment)
                except OSError as error:
                    self.say(f"init: {name}: {error}")
                    del self.units[name]
        return max(0.0, min(due, default=now + 3600.0) - now)

    # ---- requests of the commands in power.py ------------------------------------------------------------

    def answer(self, request: dict[str, object]) -> dict[str, object]:
        verb = request.get("do")
        if verb in ("poweroff", "reboot"):
            self.stop(str(verb))
            return {"rc": 0}
        if verb == "schedule":
            self.shutdown = (time.monotonic() + float(str(request["seconds"])), str(request["action"]))
            return {"rc": 0}
        if verb == "cancel":
            self.shutdown = None
            return {"rc": 0}
        if verb == "run":
            return self._run(request)
        name = str(request.get("unit", ""))
        unit = self.units.get(name.rsplit(".", 1)[0])
        if verb == "is-active":
            return {"rc": 0 if unit else 3, "out": "active" if unit else "inactive"}
        if verb == "stop":
            if unit is None:
                return {"rc": 5, "err": f"Failed to stop {name}: Unit {name} not loaded."}
            if unit.pid is not None:
                os.kill(unit.pid, signal.SIGTERM)
            else:
                del self.units[name.rsplit(".", 1)[0]]
            return {"rc": 0}
        if verb == "list-timers":
            now = time.monotonic()
            waiting = [(u.deadline - now, n) for n, u in self.units.items() if u.deadline is not None]
            return {"rc": 0, "out": "\n".join(f"{left:.0f}s left  {n}.timer" for left, n in sorted(waiting))}
        return {"rc": 1, "err": f"pid 1 does not know {verb!r}"}

    def _run(self, request: dict[str, object]) -> dict[str, object]:
        self.serial += 1
        name = str(request.get("unit") or f"run-r{self.serial:08x}").rsplit(".", 1)[0]
        if name in self.units:
            return {"rc": 1, "err": f"Failed to start transient unit: Unit {name} was already loaded."}
        environment = {"PATH": SEARCH_PATH, **dict(request.get("environment") or {})}  # type: ignore[call-overload]
        delay = float(str(request.get("delay") or 0))
        timer = request.get("delay") is not None
        unit = Unit(list(request["argv"]), environment, time.monotonic() + delay)  # type: ignore[call-overload]
        self.units[name] = unit
        kind = "timer" if timer else "unit"
        return {
            "rc": 0,
            "err": f"Running {kind} as {'unit: ' if timer else ''}{name}.{kind if timer else 'service'}",
        }

    def serve(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(1.0)
            try:
                request = json.loads(connection.recv(65536))
                connection.send(json.dumps(self.answer(request)).encode())
            except (OSError, ValueError, KeyError, TypeError) as error:
                self.say(f"init: request refused: {error!r}")

    # ---- second boot -------------------------------------------------------------------------------------

    def start_own_units(self) -> None:
        """After a reboot, start what the user data has enabled; the image's own services never run in a
        world."""
        enabled = _enabled_units()
        if self.boot == 1:
            try:
                BASELINE.write_text(json.dumps(enabled), encoding="utf-8")
            except OSError as error:
                self.say(f"init: {error}")
            return
        try:
            known = set(json.loads(BASELINE.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            known = set()
        for path in enabled:
            if path in known:
                continue
            try:
                commands, environment = _commands_of(Path(path))
                for argv in commands:
                    self.start(argv, {"PATH": SEARCH_PATH, **environment})
            except (OSError, ValueError) as error:
                self.say(f"init: {path}: {error}")

    # ---- life --------------------------------------------------------------------------------------------

    def run(self) -> None:
        wake_read, wake_write = os.pipe()
        for fd in (wake_read, wake_write, 1):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGSEGV, signal.SIGABRT):
            signal.signal(number, lambda *_: os._exit(70))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(DIRECTORY / "init.socket"))
        listener.listen(64)
        console = os.open("/dev/console", os.O_RDWR | os.O_NONBLOCK)
        register = self.selector.register
        register(wake_read, selectors.EVENT_READ, "wake")
        register(listener, selectors.EVENT_READ, "request")
        sources = {console: "console", self.output_read: "output"}
        if (DIRECTORY / "sysrq").exists():
            register(os.open(DIRECTORY / "sysrq", os.O_RDWR | os.O_NONBLOCK), selectors.EVENT_READ, "sysrq")
        for text in list(self.world["ignored"]):  # type: ignore[call-overload]
            self.say(f"cloud-init: ignored: {text}")
        self.start_own_units()
        self.next_part()
        while True:
            self._flush()
            for fd, name in sources.items():
                listening = fd in self.selector.get_map()
                if len(self.console) < CONSOLE_BACKLOG and not listening:
                    register(fd, selectors.EVENT_READ, name)
                elif len(self.console) >= CONSOLE_BACKLOG and listening:
                    self.selector.unregister(fd)
            wait = self.tick()
            for key, _ in self.selector.select(min(wait, 0.02) if self.console else wait):
                self.handle(key, listener)

    def handle(self, key: selectors.SelectorKey, listener: socket.socket) -> None:
        if key.data == "request":
            self.serve(listener)
            return
        data = os.read(key.fd, 65536)
        if key.data == "console":
            self._to_console(data)
        elif key.data == "output":
            self._to_console(data)
            self._to_log(data)
        elif key.data == "sysrq":
            for letter in data.decode("ascii", "replace"):
                if letter in "ob":
                    self.finish("poweroff" if letter == "o" else "reboot")
                if letter == "c":
                    os._exit(70)


def _enabled_units() -> list[str]:
    return sorted(str(path) for path in Path("/etc/systemd/system").glob("*.wants/*.service"))


def _commands_of(path: Path) -> tuple[list[list[str]], dict[str, str]]:
    """ExecStart and Environment of a unit file. Raises OSError, ValueError for quoting that shlex cannot
    read."""
    commands: list[list[str]] = []
    environment: dict[str, str] = {}
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        key, _, value = line.strip().partition("=")
        if key.strip() == "ExecStart":
            commands.append(shlex.split(value.strip().lstrip("-@+!:").replace("%%", "%").replace("$$", "$")))
        elif key.strip() == "Environment":
            environment.update(
                (item.split("=", 1)[0], item.split("=", 1)[1]) for item in shlex.split(value) if "=" in item
            )
    return [argv for argv in commands if argv], environment


def main() -> None:
    # From inside the world only signals with a handler reach pid 1; Python's own for SIGINT would let Ctrl-C
    # in.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    world = json.loads((DIRECTORY / "world.json").read_text(encoding="utf-8"))
    os.umask(0o022)
    Init(world).run()


if __name__ == "__main__":
    main()
