"""The process outside a world that builds it, starts it, starts it again after a reboot, and tells how it
ended.

Started by the host as `python -m benchtui.local.host.stage`, with the configuration as one JSON line on
standard input (kept open: end of file means the host is gone, and the world with it), events as JSON lines on
standard XX

Ends of pid 1 as the kernel reports them to this process (pid_namespaces(7), reboot(2)): SIGINT power-off or
halt, SIGHUP restart, anything else is a crash.
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from benchtui.local.host import confine, linux, network, rootfs

_PR_SET_DUMPABLE = 4
_SETUP_FAILED = 71  # EX_OSERR
_SHORTEST_BOOT_S = 1.0  # a world that reboots at once must not spin on this machine


def _tell(event: str, **fields: object) -> None:
    os.write(1, json.dumps({"event": event, **fields}).encode() + b"\n")


def _join_limits(config: dict[str, Any]) -> None:
    for path in config["cgroups"]:
        (Path(path) / "cgroup.procs").write_text("0", encoding="ascii")
    os.sched_setaffinity(0, config["cpus"])
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("-1000", encoding="ascii")
    for name, limit in config["rlimits"].items():
        number = getattr(resource, f"RLIMIT_{name}")
        try:
            resource.setrlimit(number, tuple(limit))
        except ValueError:  # above the hard limit, and without CAP_SYS_RESOURCE
            hard = resource.getrlimit(number)[1]
            resource.setrlimit(number, (min(limit[0], hard), min(limit[1], hard)))


def _enter_user_namespace(run_as: int | None) -> None:
    """Become root of a namespace only. As root of the machine first become nobody: uid 0 itself owns
    procfs."""
    if run_as is not None:
        os.setgroups([])
        os.setresgid(run_as, run_as, run_as)
        os.setresuid(run_as, run_as, run_as)
        linux.prctl(_PR_SET_DUMPABLE, 1)  # else /proc/self/uid_map belongs to root
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        raise OSError("a user namespace made by uid 0 is not a sandbox")
    linux.unshare(linux.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")


def _mount_volume(config: dict[str, Any]) -> None:
    """A size-capped file system for everything the world writes; it exists in this mount namespace only."""
    size = int(config["disk_bytes"])
    image = config["image"]
    if image is None:
        linux.mount("volume", rootfs.VOLUME, "tmpfs", linux.MS_NODEV, f"size={size},mode=755")
        return
    path = Path(image)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    with path.open("wb") as file:
        file.truncate(size)
    features = ["-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=1,nodiscard"]
    subprocess.run(
        ["mkfs.ext4", "-q", "-F", *features, image], check=True, stdin=subprocess.DEVNULL, stdout=2
    )
    options = "loop,nodev,noatime,noinit_itable"
    subprocess.run(["mount", "-o", options, image, str(rootfs.VOLUME)], check=True, stdin=subprocess.DEVNULL)
    # From now on held by the loop device alone: freed when the last process of the world is gone, however it
    # goes.
    os.unlink(path.name, dir_fd=folder)  # the mount may cover the path
    os.close(folder)


def _become_init(config: dict[str, Any], boot: int, user_namespace: bool) -> NoReturn:
    try:
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        linux.sethostname(config["hostname"])
        if config["api_port"] is not None:
            network.enter(int(sys.argv[2]), config["api_port"])
        root = rootfs.build(config, user_namespace=user_namespace, boot=boot)
        guest = {key: config[key] for key in ("parts", "environment", "ignored", "instance_id")}
        text = json.dumps({**guest, "boot": boot})
        (root / "run/benchtui/world.json").write_text(text, encoding="utf-8")
        python = rootfs.interpreter(root)
        linux.pivot_into(root)
        os.umask(0o022)
        confine.install_filter()
        confine.hide_abstract_sockets()
        linux.keep_capabilities(linux.WORLD_CAPABILITIES.values())
        console = os.dup(int(sys.argv[1]))
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(console, 1)
        os.dup2(console, 2)
        os.closerange(3, 1024)
        for number in range(1, signal.NSIG):
            with suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        os.execve(python, [python, "-I", "-S", "/run/benchtui/init.py"], {"PATH": "/usr/sbin:/usr/bin"})  # noqa: S606
    except BaseException as error:
        with suppress(OSError):
            os.write(2, f"world not built: {error!r}\n".encode())
            _tell("error", text=str(error))
    os._exit(_SETUP_FAILED)


def _keeper(config: dict[str, Any], boot: int, user_namespace: bool, report: int) -> NoReturn:
    """Parent of pid 1. A process can make only one pid namespace, so each boot has a keeper of its own."""
    try:
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        flags = linux.CLONE_NEWPID | linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
        linux.unshare(flags | linux.CLONE_NEWCGROUP)
        init = os.fork()
        if init == 0:
            os.close(report)
            _become_init(config, boot, user_namespace)
        os.write(report, json.dumps({"init": init}).encode() + b"\n")
        _, status = os.waitpid(init, 0)
        os.write(report, json.dumps({"status": status}).encode() + b"\n")
    except BaseException as error:
        with suppress(OSError):
            _tell("error", text=f"keeper: {error}")
    os._exit(0)


def _one_boot(config: dict[str, Any], boot: int, user_namespace: bool) -> str:
    """Run the world once; returns "poweroff", "reboot", "killed" (the host asked) or a description of the
    crash."""
    receive, send = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        os.close(receive)
        _keeper(config, boot, user_namespace, send)
    os.close(send)
    text = b""
    init: int | None = None
    killed = False
    watched = [0, receive]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if 0 in ready and not os.read(0, 4096):
            killed = True
            watched.remove(0)
            os.kill(init or keeper, signal.SIGKILL)
        if receive not in ready:
            continue
        data = os.read(receive, 4096)
        text += data
        if init is None and b"\n" in text:
            first = json.loads(text.split(b"\n", 1)[0])
            init = int(first["init"])
            _tell("booted", boot=boot, init=init)
        if not data:
            break
    os.close(receive)
    os.waitpid(keeper, 0)
    if killed:
        return "killed"
    last = json.loads(text.strip().rsplit(b"\n", 1)[-1] or b"{}")
    if "status" not in last:
        return "keeper of the world died"
    status = int(last["status"])
    if os.WIFSIGNALED(status):
        name = {signal.SIGINT: "poweroff", signal.SIGHUP: "reboot"}.get(signal.Signals(os.WTERMSIG(status)))
        return name or f"pid 1 was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"pid 1 exited with {os.WEXITSTATUS(status)}"


def main() -> int:
    """Entry point; exit code 0 whenever the end of the world was told on standard output."""
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return 1
        line += byte
    config: dict[str, Any] = json.loads(line)
    if os.getppid() != config["host_pid"]:
        return 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(
            number, signal.SIG_IGN
        )  # a Ctrl-C at the terminal is for the host, which then closes our stdin
    try:
        _join_limits(config)
        user_namespace = config["rung"] == "T2"
        if user_namespace:
            _enter_user_namespace(config["run_as"])
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)  # the change of user has cleared it
        linux.unshare(linux.CLONE_NEWNS)
        linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
        _mount_volume(config)
    except (OSError, subprocess.SubprocessError) as error:
        _tell("error", text=str(error))
        return _SETUP_FAILED
    boot = 1
    while True:
        started = time.monotonic()
        end = _one_boot(config, boot, user_namespace)
        if end != "reboot":
            break
        _tell("reboot", boot=boot)
        boot += 1
        time.sleep(max(0.0, _SHORTEST_BOOT_S - (time.monotonic() - started)))
    _tell("ended", how=end)
    return 0


if __name__ == "__main__":
    sys.exit(main())
