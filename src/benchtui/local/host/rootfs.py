"""The file system of a world: this machine's own as a read-only lower layer, and all writes on a volume of
its own.

Runs in pid 1 of the world before it becomes the world's init, in fresh namespaces. Every mount but the device
nodes of /dev is `nodev`, so that no device node a world may come by opens this machine's disks.
"""

import os
import shutil
import stat
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchtui.local.host import linux
from benchtui.local.host.linux import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY

#: Where the volume is mounted while the world is built; every machine has it, and no world keeps this mount.
VOLUME = Path("/tmp")  # noqa: S108

_GUEST = Path(__file__).parent / "guest"
#: What runs inside a world, read before anything is mounted: the volume may cover the folder this package
#: is in.
INIT = (_GUEST / "init.py").read_bytes()
POWER = (_GUEST / "power.py").read_bytes()

#: Empty in a world: other people's files, and with them the credentials of whoever runs the local cloud.
ALWAYS_HIDDEN = ("/root", "/home", "/tmp", "/var/tmp", "/mnt", "/media")  # noqa: S108

_SPECIAL = {"proc", "sys", "dev", "run"}
_PERSISTENT_TYPES = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "overlay", "erofs", "squashfs"}
_SYSTEM_DIRECTORIES = {"usr", "etc", "var", "opt", "srv"}

#: Directories that the world's root must own to write in them when it is root in a user namespace only.
_OWNED_BY_NAMESPACE_ROOT = (
    *("etc", "etc/systemd", "etc/systemd/system", "usr", "usr/bin", "usr/sbin", "usr/lib", "usr/local"),
    *(
        "usr/local/bin",
        "usr/local/sbin",
        "usr/local/lib",
        "var",
        "var/lib",
        "var/log",
        "var/cache",
        "opt",
        "srv",
    ),
)

_PROC_WORTH_NOTHING = ("kcore", "keys", "key-users", "timer_list", "sched_debug", "latency_stats", "kmsg")
_PROC_EMPTY = ("acpi", "asound", "scsi", "driver", "bus")


class Layers:
    """The upper layer of the world's overlays, prepared on the volume before it is mounted."""

    def __init__(self, volume: Path, *, user_namespace: bool) -> None:
        self.upper = volume / "upper"
        self.work = volume / "work"
        self.root = volume / "root"
        self.user_namespace = user_namespace
        for directory in (self.upper, self.work, self.root):
            directory.mkdir(exist_ok=True, mode=0o755)

    def directory(self, path: str) -> Path:
        """Make `path` exist in the upper layer with the owner and mode it has on this machine."""
        target = self.upper
        for name in Path(path).parts[1:]:
            target /= name
            if target.exists():
                continue
            target.mkdir()
            with suppress(FileNotFoundError, PermissionError):
                below = (Path("/") / target.relative_to(self.upper)).stat()
                if not self.user_namespace:
                    os.chown(target, below.st_uid, below.st_gid)
                target.chmod(stat.S_IMODE(below.st_mode))
        return target

    def hide(self, path: str) -> None:
        """Make `path` an empty directory of the world, for good: made anew, it is as empty."""
        real = os.path.realpath(path)
        if not Path(real).is_dir():
            return
        os.setxattr(self.directory(real), "trusted.overlay.opaque", b"y")

    def own(self, paths: Iterable[str]) -> None:
        """Make these directories belong to the world's root."""
        for path in paths:
            if Path("/", path).is_dir() and not Path("/", path).is_symlink():
                self.directory(f"/{path}").chmod(0o755)

    def mount(self, lower: str) -> None:
        """Overlay `lower` ("/" or a directory) at its place under the new root."""
        name = lower.strip("/")
        upper = self.directory(lower)
        work = self.work / (name.replace("/", "_") or "root")
        work.mkdir(exist_ok=True)
        target = self.root / name
        target.mkdir(exist_ok=True, parents=True)
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        options += ",userxattr" if self.user_namespace else ",index=off,xino=off,metacopy=off"
        linux.mount("overlay", target, "overlay", MS_NODEV, options)


def _mount_points() -> list[tuple[str, str]]:
    """(mount point, file system type) of this namespace, as proc_pid_mountinfo(5) has it."""
    rows = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        rows.append((left.split()[4], right.split()[0]))
    return rows


def _root_by_one_overlay(layers: Layers, hidden: Iterable[str], *, first_boot: bool) -> None:
    if first_boot:
        for path in hidden:
            layers.hide(path)
    layers.mount("/")
    # A separate /usr or /var is not part of the lower layer: overlays do not cross mount points.
    for point, kind in _mount_points():
        top = point.strip("/").split("/")[0]
        if kind in _PERSISTENT_TYPES and top in _SYSTEM_DIRECTORIES and Path(point).is_dir():
            layers.mount(point)


def _root_by_many_overlays(layers: Layers, hidden: Iterable[str], *, first_boot: bool) -> None:
    """In a user namespace `lowerdir=/` is refused (locked mounts below it); single directories are not.

    Hidden directories are not opaque here: that takes user.* attributes, which tmpfs has since Linux 6.6.
    """
    if first_boot:
        layers.own(_OWNED_BY_NAMESPACE_ROOT)
    for entry in sorted(Path("/").iterdir()):
        name = entry.name
        target = layers.root / name
        if name in _SPECIAL:
            continue
        if entry.is_symlink():
            if not target.is_symlink():
                target.symlink_to(entry.readlink())
        elif str(entry) in hidden:
            target.mkdir(exist_ok=True)
            linux.bind(layers.directory(str(entry)), target)
        elif entry.is_dir():
            try:
                layers.mount(str(entry))
            except OSError:  # mounts below it: visible, but not writable
                linux.bind(entry, target, MS_RDONLY | MS_NODEV, recursive=True)
    for path in hidden:
        target = layers.root / path.lstrip("/")
        if len(Path(path).parts) > 2 and target.is_dir():
            linux.mount("none", target, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=755")


def _proc(root: Path) -> None:
    proc = _mount_point(root, "proc")
    linux.mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    for entry in sorted(proc.iterdir()):
        # Root of the world has this machine's uid 0, and procfs asks for no more than that: everything in it
        # that is not about the world's own processes becomes read-only.
        if entry.name.isdigit() or entry.is_symlink():
            continue
        if entry.name in _PROC_EMPTY:
            linux.mount("none", entry, "tmpfs", flags, "size=0k")
        elif entry.name in _PROC_WORTH_NOTHING:
            linux.bind("/dev/null", entry, MS_RDONLY | MS_NOSUID | MS_NOEXEC)
        elif entry.name != "sysrq-trigger":
            linux.bind(entry, entry, flags)


def _sysrq(root: Path) -> None:
    """A FIFO over /proc/sysrq-trigger: `echo o` then ends the world as it ends a machine, read by the world's
    init."""
    trigger = root / "proc/sysrq-trigger"
    if not trigger.exists():
        return
    fifo = root / "run/benchtui/sysrq"
    os.mkfifo(fifo, 0o200)
    linux.bind(fifo, trigger)
    if not stat.S_ISFIFO(trigger.stat().st_mode):
        raise OSError("sysrq-trigger of this machine is still in reach of the world")


def _sys(root: Path, cgroup_view: dict[str, str], *, user_namespace: bool) -> None:
    target = _mount_point(root, "sys")
    flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    linux.bind("/sys", target, flags, recursive=user_namespace)
    if (target / "firmware").is_dir():
        linux.mount("none", target / "firmware", "tmpfs", flags, "size=0k")
    view = target / "fs/cgroup"
    if not view.is_dir():
        return
    if list(cgroup_view) == [""]:
        linux.bind(cgroup_view[""], view, flags)
        return
    linux.mount("none", view, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755")
    for name, path in cgroup_view.items():
        (view / name).mkdir()
        linux.bind(path, view / name, flags)
    linux.mount("none", view, None, linux.MS_REMOUNT | linux.MS_BIND | flags)


def _dev(root: Path, shm_bytes: int, *, user_namespace: bool) -> None:
    dev = _mount_point(root, "dev")
    linux.mount("dev", dev, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=1m,mode=755")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (dev / name).touch()
        # Read-only: devices still take writes, but chmod would reach this machine's own node.
        linux.bind(f"/dev/{name}", dev / name, MS_RDONLY | MS_NOSUID | MS_NOEXEC)
    for name, link in {
        "fd": "/proc/self/fd",
        "stdin": "/proc/self/fd/0",
        "stdout": "/proc/self/fd/1",
        "stderr": "/proc/self/fd/2",
        "ptmx": "pts/ptmx",
    }.items():
        (dev / name).symlink_to(link)
    (dev / "shm").mkdir()
    linux.mount("shm", dev / "shm", "tmpfs", MS_NOSUID | MS_NODEV, f"size={shm_bytes},mode=1777")
    (dev / "pts").mkdir()
    options = "newinstance,ptmxmode=0666,mode=620" + ("" if user_namespace else ",gid=5")
    linux.mount("devpts", dev / "pts", "devpts", MS_NOSUID | MS_NOEXEC, options)
    os.mkfifo(dev / "console", 0o600)


def _run(root: Path, memory_bytes: int) -> None:
    run = _mount_point(root, "run")
    linux.mount("run", run, "tmpfs", MS_NOSUID | MS_NODEV, f"size={memory_bytes // 10},mode=755")
    (run / "lock").mkdir()
    (run / "lock").chmod(0o1777)
    (run / "benchtui").mkdir(mode=0o700)


def _own_directories(root: Path) -> None:
    for relative, mode in {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700}.items():
        path = _inside(root, relative)
        if not path.is_symlink():
            path.mkdir(exist_ok=True)
            path.chmod(mode)


def _etc(root: Path, config: dict[str, Any]) -> None:
    """The files that tell one machine from another. In containers some are bind mounts, so their text is
    copied."""
    hosts = (
        f"127.0.0.1 localhost\n{config['private_ip']} {config['hostname']}\n::1 ip6-localhost ip6-loopback\n"
    )
    texts = {"hosts": hosts, "hostname": config["hostname"] + "\n", "machine-id": config["machine_id"] + "\n"}
    texts["fstab"] = ""
    with suppress(OSError):
        texts["resolv.conf"] = Path("/etc/resolv.conf").read_text(encoding="utf-8")
    for name, text in texts.items():
        target = _inside(root, f"etc/{name}")
        target.unlink(missing_ok=True)
        target.write_text(text, encoding="utf-8")


def _boot_id(root: Path) -> None:
    """Each boot of a world has a boot id of its own, by which a guard can tell a second boot from the
    first."""
    own = root / "run/benchtui/boot_id"
    own.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    with suppress(FileNotFoundError):
        linux.bind(own, root / "proc/sys/kernel/random/boot_id", MS_RDONLY)


def _programs(root: Path) -> None:
    """In the place of systemd's commands, those that talk to the world's init."""
    library = _inside(root, "usr/lib/benchtui")
    library.mkdir(exist_ok=True)
    systemctl = root / "usr/bin/systemctl"
    if systemctl.exists():
        shutil.copyfile(systemctl, library / "systemctl")
        (library / "systemctl").chmod(0o755)
    (library / "power").write_bytes(POWER)
    (library / "power").chmod(0o755)
    for name in ("poweroff", "reboot", "halt", "shutdown", "telinit"):
        _link(_inside(root, f"usr/sbin/{name}"), "/usr/lib/benchtui/power")
    for name in ("systemctl", "systemd-run"):
        _link(_inside(root, f"usr/bin/{name}"), "/usr/lib/benchtui/power")
    python = interpreter(root)
    if not (root / "usr/bin/python3").exists():
        _link(_inside(root, "usr/bin/python3"), python)


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def interpreter(root: Path) -> str:
    """The Python that user data and the world's init run with, as a path inside the world. Raises OSError."""
    for path in ("usr/bin/python3", "usr/local/bin/python3"):
        if (root / path).exists():
            return f"/{path}"
    raise OSError("no /usr/bin/python3 or /usr/local/bin/python3 on this machine: the agent needs one")


def _inside(root: Path, relative: str) -> Path:
    """`relative` under the new root, refused if links of the image lead out of it: it is not the root yet."""
    path = root / relative
    parent = os.path.realpath(path.parent)
    if parent != str(root) and not parent.startswith(f"{root}/"):
        raise OSError(f"/{relative} of this machine is reached through an absolute link")
    return path


def _mount_point(root: Path, name: str) -> Path:
    """A real directory at the top of the root; a world that was rebooted may have left a link there."""
    path = root / name
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        path.mkdir()
    return path


def _outermost(paths: Iterable[str]) -> list[str]:
    """Resolved directories without those that lie in another of them: what is hidden in a hidden one is not
    there."""
    real = {os.path.realpath(path) for path in paths}
    return sorted(path for path in real if not any(str(parent) in real for parent in Path(path).parents))


def build(config: dict[str, Any], *, user_namespace: bool, boot: int) -> Path:
    """Assemble the root of the world under the volume and return its path. Raises OSError naming what
    failed."""
    memory = int(config["memory_bytes"])
    layers = Layers(VOLUME, user_namespace=user_namespace)
    hidden = _outermost([*ALWAYS_HIDDEN, *config["hide"]])
    if user_namespace:
        linux.mount("root", layers.root, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755")
        _root_by_many_overlays(layers, hidden, first_boot=boot == 1)
    else:
        _root_by_one_overlay(layers, hidden, first_boot=boot == 1)
    root = layers.root
    _run(root, memory)
    _proc(root)
    _sysrq(root)
    _sys(root, config["cgroup_view"], user_namespace=user_namespace)
    # What lies in memory counts there; where no cgroup counts, it has to be little.
    _dev(root, memory // 2 if config["cgroups"] else memory // 8, user_namespace=user_namespace)
    _boot_id(root)
    (root / "run/benchtui/init.py").write_bytes(INIT)
    if boot == 1:  # later, what the world has written lies on top, and this code is not yet confined to it
        _own_directories(root)
        _etc(root, config)
        _programs(root)
    return root
