#!/usr/bin/python3 -IS
"""poweroff, reboot, halt, shutdown, telinit, systemctl and systemd-run of a world.

One file under several names. What systemd's own commands would ask of systemd goes to the world's pid 1; what
they do with reboot(2) alone they do themselves; work on unit files goes to the real systemctl. Anything else
is refused with a non-zero exit code, as on a machine that was not booted with systemd: never ignored, never
passed on.
"""

from __future__ import annotations

import ctypes
import datetime
import json
import os
import re
import socket
import sys

REAL_SYSTEMCTL = "/usr/lib/benchtui/systemctl"
OFFLINE = {
    "enable",
    "disable",
    "mask",
    "unmask",
    "is-enabled",
    "preset",
    "list-unit-files",
    "get-default",
    "link",
}
POWER_OFF, RESTART = 0x4321FEDC, 0x01234567  # linux/reboot.h
IGNORED_PROPERTIES = {"AccuracySec", "DefaultDependencies", "RemainAfterElapse", "RandomizedDelaySec"}
IGNORED_SERVICE_PROPERTIES = {"DefaultDependencies", "Type", "KillMode", "OOMScoreAdjust", "OOMPolicy"}
SYSTEMD_RUN_VALUES = {
    *("--unit", "-u", "--on-active", "--timer-property", "--property", "-p", "--setenv", "-E"),
    *("--description", "--slice", "--service-type"),
}
SYSTEMD_RUN_FLAGS = {
    *("--quiet", "-q", "--scope", "--no-block", "--collect", "-G", "--system", "--no-ask-password"),
    *("--remain-after-exit", "-r"),
}
_UNITS_S = {
    **dict.fromkeys(("us", "usec"), 1e-6),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604800.0),
}


class Refused(Exception):
    """What was asked is not available in a world of the local cloud."""


def seconds_of(span: str) -> float:
    """A time span of systemd.time(7): "20", "4h", "5min 20s". Raises Refused."""
    text = span.strip()
    pieces = re.findall(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", text)
    if (
        not pieces
        or re.sub(r"[0-9.]+\s*[a-z]*\s*", "", text)
        or any(unit not in _UNITS_S for _, unit in pieces)
    ):
        raise Refused(f"Failed to parse time span: {span}")
    return sum(float(number) * _UNITS_S[unit] for number, unit in pieces)


def ask(**request: object) -> int:
    """Send a request to pid 1, print what it says, return its exit code. Raises Refused if it does not
    answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(10)
            connection.connect("/run/benchtui/init.socket")
            connection.send(json.dumps(request).encode())
            reply = json.loads(connection.recv(65536) or b"{}")
    except (OSError, ValueError) as error:
        raise Refused(f"Failed to connect to pid 1: {error}") from error
    if reply.get("out"):
        print(reply["out"])  # noqa: T201
    if reply.get("err") and not request.get("quiet"):
        print(reply["err"], file=sys.stderr)  # noqa: T201
    return int(reply.get("rc", 1))


def at_once(action: str) -> int:
    """reboot(2) without asking anyone: the world ends here. Returns only if it was refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = RESTART if action == "reboot" else POWER_OFF
    libc.reboot(ctypes.c_int(ctypes.c_int32(number).value))
    raise Refused(f"Failed to {action}: {os.strerror(ctypes.get_errno())}")


def halt_command(action: str, arguments: list[str]) -> int:
    """poweroff(8), reboot(8), halt(8)."""
    force = 0
    for argument in arguments:
        if argument in ("--poweroff", "-p"):
            action = "poweroff"
        elif argument == "--halt":
            action = "halt"
        elif argument == "--reboot":
            action = "reboot"
        elif argument == "--force":
            force += 1
        elif argument in ("--no-wall", "--no-wtmp", "-n", "--no-sync", "-d"):
            pass
        elif argument in ("-w", "--wtmp-only"):
            return 0
        elif re.fullmatch("-[fpndw]+", argument):
            force += argument.count("f")
            action = "poweroff" if "p" in argument else action
        else:
            raise Refused(f"{action}: unrecognized option '{argument}'")
    return at_once(action) if force else ask(do="reboot" if action == "reboot" else "poweroff")


def shutdown_command(arguments: list[str]) -> int:
    """shutdown(8)."""
    action, when, dry = "poweroff", None, False
    for argument in arguments:
        if argument in ("-c", "--cancel"):
            return ask(do="cancel")
        if argument in ("-r", "--reboot"):
            action = "reboot"
        elif argument in ("-k",):
            dry = True
        elif argument in ("-P", "--poweroff", "-h", "-H", "--halt", "--no-wall", "-t", "-a"):
            pass
        elif re.fullmatch("-[PhHrk]+", argument):
            action = "reboot" if "r" in argument else action
            dry = dry or "k" in argument
        elif argument.startswith("-"):
            raise Refused(f"shutdown: unrecognized option '{argument}'")
        elif when is None:
            when = argument  # the rest is the message to those logged in
    when = when or "+1"
    if when in ("now", "+0", "0"):
        return 0 if dry else ask(do=action)
    minutes = re.fullmatch(r"\+?([0-9]+)", when)
    clock = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", when)
    now = datetime.datetime.now().astimezone()
    if minutes:
        wait_s = 60.0 * int(minutes.group(1))
    elif clock:
        at = now.replace(
            hour=int(clock.group(1)) % 24, minute=int(clock.group(2)) % 60, second=0, microsecond=0
        )
        wait_s = (at - now).total_seconds() % 86400.0
    else:
        raise Refused(f"Failed to parse time specification: {when}")
    at = now + datetime.timedelta(seconds=wait_s)
    text = f"Shutdown scheduled for {at:%a %Y-%m-%d %H:%M:%S %Z}, use 'shutdown -c' to cancel."
    print(text, file=sys.stderr)  # noqa: T201
    return 0 if dry else ask(do="schedule", action=action, seconds=wait_s)


def systemctl_command(arguments: list[str]) -> int:
    """systemctl(1): power, the transient units of systemd-run, and unit files."""
    force = arguments.count("--force") + sum(a.count("f") for a in arguments if re.fullmatch("-f+", a))
    words = [a for a in arguments if not a.startswith("-")]
    verb, names = (words[0] if words else ""), words[1:]
    if verb in ("poweroff", "reboot", "halt"):
        return at_once(verb) if force >= 2 else ask(do="reboot" if verb == "reboot" else "poweroff")
    if verb in ("is-active", "stop") and names:
        return max(ask(do=verb, unit=name, quiet=True) for name in names)
    if verb == "list-timers":
        return ask(do=verb)
    offline = verb in OFFLINE and "--now" not in arguments
    if (offline or "--version" in arguments or "--help" in arguments) and os.path.exists(REAL_SYSTEMCTL):  # noqa: PTH110
        os.execv(REAL_SYSTEMCTL, ["systemctl", *arguments])  # noqa: S606
    raise Refused("System has not been booted with systemd as init system (PID 1). Can't operate.")


class Transient:
    """Options of systemd-run, read one by one."""

    def __init__(self) -> None:
        self.unit: str | None = None
        self.delay: float | None = None
        self.environment: dict[str, str] = {}
        self.flags: set[str] = set()

    def read(self, name: str, value: str) -> None:
        """Take one option with its value ("" for a flag). Raises Refused for what cannot be kept here."""
        if name in ("--unit", "-u"):
            self.unit = value
        elif name == "--on-active":
            self.delay = seconds_of(value)
        elif name == "--timer-property":
            _only(value, IGNORED_PROPERTIES)
        elif name in ("--property", "-p"):
            _only(value, IGNORED_SERVICE_PROPERTIES)
        elif name in ("--setenv", "-E"):
            key, has_value, text = value.partition("=")
            self.environment[key] = text if has_value else os.environ.get(key, "")
        elif name in SYSTEMD_RUN_FLAGS:
            self.flags.add(name)
        elif name not in SYSTEMD_RUN_VALUES:
            raise Refused(f"systemd-run: '{name}' is not available in the local cloud")


def systemd_run_command(arguments: list[str]) -> int:
    """systemd-run(1): a command now or once after a time, run by pid 1."""
    wanted, rest = Transient(), list(arguments)
    while rest and rest[0].startswith("-"):
        argument = rest.pop(0)
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        if name in SYSTEMD_RUN_VALUES and not equals:
            if not rest:
                raise Refused(f"systemd-run: option '{name}' requires an argument")
            value = rest.pop(0)
        wanted.read(name, value)
    if not rest:
        raise Refused("Command line to execute required.")
    if "--scope" in wanted.flags:
        os.execvpe(rest[0], rest, {**os.environ, **wanted.environment})  # noqa: S606
    quiet = bool(wanted.flags & {"--quiet", "-q"})
    return ask(
        do="run",
        unit=wanted.unit,
        delay=wanted.delay,
        argv=rest,
        environment=wanted.environment,
        quiet=quiet,
    )


def _only(assignment: str, known: set[str]) -> None:
    name = assignment.partition("=")[0]
    if name not in known:
        raise Refused(f"systemd-run: property {name} is not available in the local cloud")


def main() -> int:
    name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]  # noqa: PTH119
    try:
        if name in ("poweroff", "reboot", "halt"):
            return halt_command(name, arguments)
        if name == "shutdown":
            return shutdown_command(arguments)
        if name == "systemctl":
            return systemctl_command(arguments)
        if name == "systemd-run":
            return systemd_run_command(arguments)
        if name == "telinit" and arguments[:1] in (["0"], ["6"]):
            return ask(do="poweroff" if arguments[0] == "0" else "reboot")
        raise Refused(f"{name}: not available in the local cloud")
    except Refused as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
