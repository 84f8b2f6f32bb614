"""One guest under qemu: its command line, its monitor (QMP), its two serial lines."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.vm.image import Image

MEMORY_MIB = 512
NET = "net=169.254.169.0/24,host=169.254.169.2,dns=169.254.169.3,dhcpstart=169.254.169.15"
METADATA = "169.254.169.254:80"
EC2_UUID = "ec2e1916-9099-7caf-fd21-012345abcdef"  # an instance is known by these three letters


@dataclass(frozen=True)
class Clock:
    """How time passes in a guest."""

    name: str
    qemu: tuple[str, ...]
    kernel: str = ""

    @property
    def skips(self) -> bool:
        """Whether idle time is left out."""
        return "sleep=off" in " ".join(self.qemu)

    @property
    def counted(self) -> bool:
        """Whether time is the guest's: then a busy machine makes nothing late."""
        return "-icount" in self.qemu


#: One instruction is 8 ns of guest time; idle time passes as it does here.
COUNTED = Clock("counted", ("-accel", "tcg,thread=single", "-icount", "shift=3", "-rtc", "clock=vm"))
#: When the CPU idles the clock moves to the next timer.
SKIPPED = Clock(
    "skipped",
    ("-accel", "tcg,thread=single", "-icount", "shift=3,sleep=off", "-rtc", "clock=vm"),
    "proof.spin",
)
KVM = Clock("kvm", ("-accel", "kvm"))


def command(
    folder: Path,
    image: Image,
    disk: Path,
    port: int,
    clock: Clock,
    *,
    seed: Path | None = None,
    state: Path | None = None,
) -> list[str]:
    """qemu's command line. Sockets, console and disk lie in ``folder``, whose name has no comma.

    Args:
        folder: of this guest alone.
        image: kernel and initial file system.
        disk: written to.
        port: of the guest's store, on this machine.
        clock: how time passes.
        seed: user data for cloud-init's NoCloud source; without it the machine says that it is EC2's.
        state: a saved state to go on from.
    """
    forward = f"guestfwd=tcp:{METADATA}-cmd:socat - TCP:127.0.0.1:{port}"
    argv = [
        # A guest must not outlive this program, whatever ends it.
        "setpriv", "--pdeathsig", "KILL",
        "qemu-system-x86_64", "-nodefaults", "-machine", "q35", *clock.qemu, "-cpu", "max", "-smp", "1",
        "-m", str(MEMORY_MIB), "-display", "none",
        "-serial", f"file:{folder}/console", "-serial", f"unix:{folder}/line,server=on,wait=off",
        "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
        "-kernel", str(image.kernel), "-initrd", str(image.initrd),
        "-append", f"root=LABEL=root ro console=ttyS0 {clock.kernel}".strip(),
        "-drive", f"file={disk},if=none,id=root,cache=unsafe", "-device", "virtio-blk-pci,drive=root",
        "-netdev", f"user,id=n0,{NET},{forward}", "-device", "virtio-net-pci,netdev=n0",
    ]  # fmt: skip
    if seed is not None:
        argv += ["-drive", f"file={seed},if=virtio,readonly=on,format=raw"]
    else:
        argv += ["-smbios", f"type=1,uuid={EC2_UUID},serial={EC2_UUID}"]
    if state is not None:
        argv += ["-incoming", f"exec:cat {state}"]
    return argv


class Machine:
    """A running guest. Ended by :meth:`close` at the latest."""

    def __init__(self, folder: Path, argv: list[str]) -> None:
        self.folder = folder
        with (folder / "qemu").open("wb") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.ended_at: float | None = None
        self._changed = threading.Condition()
        self._qmp = _Lines(folder / "qmp", self.process, self._on_monitor)
        self._line = _Lines(folder / "line", self.process, self._on_line)
        self._answers: dict[int, dict[str, Any]] = {}
        self._ids = itertools.count(1)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.lines: list[tuple[float, str]] = []
        threading.Thread(target=self._await_end, daemon=True).start()
        try:
            self._qmp.open()
            self._line.open()
            self.ask("qmp_capabilities")
        except RuntimeError:
            self.close()
            raise

    def ask(self, what: str, seconds: float = 60, **arguments: Any) -> Any:
        """A command of the monitor, and its answer.

        Raises:
            RuntimeError: it was refused, or there was no answer in time.
        """
        number = next(self._ids)
        self._qmp.send(json.dumps({"execute": what, "arguments": arguments, "id": number}))
        with self._changed:
            self._changed.wait_for(lambda: number in self._answers or self.ended_at is not None, seconds)
            answer = self._answers.pop(number, {"error": "no answer"})
        if "error" in answer:
            raise RuntimeError(f"{what}: {answer['error']}")
        return answer["return"]

    def clock_s(self) -> int:
        """The guest's clock chip, in seconds; setting the time inside does not move it.

        Raises:
            RuntimeError: as :meth:`ask`.
        """
        now = self.ask("qom-get", path="/machine", property="rtc-time")
        date = datetime(now["tm_year"] + 1900, now["tm_mon"] + 1, now["tm_mday"], tzinfo=UTC)
        return int(date.timestamp()) + 3600 * now["tm_hour"] + 60 * now["tm_min"] + now["tm_sec"]

    def say(self, line: str) -> None:
        """A line to the guest's second serial line."""
        self._line.send(line)

    def hear(self, word: str, seconds: float) -> tuple[float, str]:
        """Wait for a line that begins with ``word``: when it came, and the line.

        Raises:
            TimeoutError: it did not come, or the guest ended.
        """

        def heard() -> tuple[float, str] | None:
            return next((one for one in self.lines if one[1].startswith(word)), None)

        with self._changed:
            self._changed.wait_for(lambda: heard() or self.ended_at is not None, seconds)
            found = heard()
        if found is None:
            raise TimeoutError(f"no {word!r} on the serial line in {seconds:.0f} s")
        return found

    def wait(self, seconds: float) -> float | None:
        """When the guest ended (time.monotonic()); None if it did not within ``seconds``.

        Raises:
            RuntimeError: qemu ended, and not because the guest switched the machine off.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.ended_at is not None, max(0.0, seconds))
            ended = self.ended_at
        if ended is not None:
            self._qmp.join()  # what it had to say is read
            if not any(name == "SHUTDOWN" and told.get("guest") for name, told in self.events):
                raise RuntimeError(f"qemu ended with {self.process.returncode}, its guest had not")
        return ended

    def console(self) -> str:
        """What the kernel said."""
        return (self.folder / "console").read_text(errors="replace")

    def close(self) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._qmp.close()
        self._line.close()

    def _on_monitor(self, line: str) -> None:
        message = json.loads(line)
        with self._changed:
            if "id" in message:
                self._answers[message["id"]] = message
            elif "event" in message:
                self.events.append((message["event"], message.get("data", {})))
            self._changed.notify_all()

    def _on_line(self, line: str) -> None:
        with self._changed:
            self.lines.append((time.monotonic(), line.strip()))
            self._changed.notify_all()

    def _await_end(self) -> None:
        self.process.wait()
        with self._changed:
            self.ended_at = time.monotonic()
            self._changed.notify_all()


class _Lines:
    """A socket of qemu's that carries lines."""

    def __init__(self, path: Path, process: subprocess.Popen[bytes], on_line: Callable[[str], None]) -> None:
        self._path, self._process, self._on_line = path, process, on_line
        self._socket = socket.socket(socket.AF_UNIX)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def open(self, seconds: float = 20) -> None:
        """Connect and read from now on. Raises RuntimeError if qemu did not come up."""
        ends = time.monotonic() + seconds
        while True:
            try:
                self._socket.connect(str(self._path))
                break
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > ends:
                    said = (self._path.parent / "qemu").read_text(errors="replace")
                    raise RuntimeError(f"qemu did not start: {said.strip() or error}") from error
                time.sleep(0.02)
        self._reader.start()

    def send(self, line: str) -> None:
        """Does not raise when the other end is gone: the guest's end is seen elsewhere."""
        with contextlib.suppress(OSError):
            self._socket.sendall(line.encode() + b"\n")

    def join(self) -> None:
        """Wait until the other end has closed it and everything was read."""
        self._reader.join(5)

    def close(self) -> None:
        """Read no more."""
        self._socket.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._socket.makefile("r", errors="replace") as file:
            for line in file:
                self._on_line(line)
