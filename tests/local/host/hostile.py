# ruff: noqa: E501  (shell lines are clearer whole)
"""Hostile user data, and what of this machine must be the same afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path

OFF = "\npoweroff -f\n"
SH = "#!/bin/bash\n"

#: /proc/sys values that change by themselves or by others' ordinary work.
_VOLATILE = ("random/", "fs/dentry-state", "fs/inode-", "fs/file-nr", "fs/aio-nr", "ns_last_pid", "quota/",
             "kernel/pty/nr", "keys/", "fs/pipe-user", "cached", "perf_event_max_sample_rate")  # fmt: skip


def _tree_digest(top: Path) -> str:
    """sha256 over names, modes, owners and contents of everything below `top`."""
    digest = hashlib.sha256()
    for folder, directories, files in os.walk(top):
        directories.sort()
        for name in sorted([*directories, *files]):
            path = Path(folder, name)
            status = path.lstat()
            digest.update(f"{path} {status.st_mode:o} {status.st_uid} {status.st_gid}\n".encode())
            if stat.S_ISREG(status.st_mode):
                digest.update(path.read_bytes())
            elif stat.S_ISLNK(status.st_mode):
                digest.update(os.readlink(path).encode())
    return digest.hexdigest()


def _names_digest(top: Path) -> str:
    """sha256 over names, modes, sizes and change times of everything in a directory: cheap, and as telling."""
    rows = []
    for path in sorted(top.iterdir()):
        status = path.lstat()
        rows.append(
            f"{path.name} {status.st_mode:o} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _kernel_settings() -> str:
    digest = hashlib.sha256()
    for folder, directories, files in os.walk("/proc/sys"):
        directories.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if any(word in str(path) for word in _VOLATILE):
                continue
            try:
                digest.update(f"{path} {path.read_text()}".encode())
            except (OSError, UnicodeDecodeError):
                continue
    return digest.hexdigest()


def _mounts() -> str:
    return hashlib.sha256(Path("/proc/self/mounts").read_bytes()).hexdigest()


@dataclass(frozen=True)
class Machine:
    """What hostile user data could have changed. Compare two of them with `differences`."""

    etc: str
    programs: str
    kernel_settings: str
    mounts: str
    devices: str
    hostname: str
    boot_id: str
    panic: str
    clock_offset_s: float  # wall clock minus monotonic clock: moves when someone sets the date
    uptime_s: float
    free_disk_bytes: int
    free_memory_bytes: int

    @classmethod
    def now(cls) -> Machine:
        memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return cls(
            etc=_tree_digest(Path("/etc")),
            programs="".join(
                _names_digest(Path(p)) for p in ("/usr/bin", "/usr/sbin", "/usr/lib/systemd", "/boot")
            ),
            kernel_settings=_kernel_settings(),
            mounts=_mounts(),
            # Without loop devices: the kernel makes another one when worlds of two clouds need theirs at once.
            devices="".join(
                f"{p.name}{p.lstat().st_mode:o}"
                for p in sorted(Path("/dev").iterdir())
                if not p.name.startswith("loop")
            ),
            hostname=os.uname().nodename,
            boot_id=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            panic=Path("/proc/sys/kernel/panic").read_text().strip(),
            clock_offset_s=time.time() - time.clock_gettime(time.CLOCK_BOOTTIME),
            uptime_s=float(Path("/proc/uptime").read_text().split()[0]),
            free_disk_bytes=shutil.disk_usage("/").free,
            free_memory_bytes=int(memory["MemAvailable"].split()[0]) * 1024,
        )


def differences(before: Machine, after: Machine, disk_tolerance: int = 256 << 20) -> list[str]:
    """Names of what changed beyond what time and other people's work on the machine explain."""
    same = ("etc", "programs", "kernel_settings", "mounts", "devices", "hostname", "boot_id", "panic")
    found = [name for name in same if getattr(before, name) != getattr(after, name)]
    if abs(before.clock_offset_s - after.clock_offset_s) > 1.0:
        found.append("clock")
    if after.uptime_s <= before.uptime_s:
        found.append("uptime")
    if before.free_disk_bytes - after.free_disk_bytes > disk_tolerance:
        found.append("disk")
    return found


@dataclass(frozen=True)
class Attack:
    """One piece of hostile user data; `says` must be on the console, `never` must not; `ends` how the world ends.

    `ends` None: any end will do, even none (the world is killed after `seconds`).
    """

    name: str
    script: str
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ("BROKEN",)
    ends: str | None = "poweroff"
    seconds: float = 20.0


def _each_must_fail(*commands: str) -> str:
    """A script that says BROKEN for every command that succeeds."""
    return (
        SH
        + "".join(f"( {c} ) >/dev/null 2>&1 && echo 'BROKEN: {c}'\n".replace("''", "") for c in commands)
        + OFF
    )


_PYTHON_SYSCALLS = """
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
machine = os.uname().machine
numbers = {
    'x86_64': dict(kexec_load=246, init_module=175, bpf=321, keyctl=250, swapon=167, swapoff=168, iopl=172,
                   open_by_handle_at=304, unshare=272, io_uring_setup=425, settimeofday=164,
                   sethostname=170, pivot_root=155, quotactl=179, acct=163, setns=308, clone3=435),
    'aarch64': dict(kexec_load=104, init_module=105, bpf=280, keyctl=219, swapon=224, swapoff=225,
                    open_by_handle_at=265, unshare=97, io_uring_setup=425, settimeofday=170,
                    sethostname=161, pivot_root=41, quotactl=60, acct=89, setns=268, clone3=435),
}[machine]
for name, number in numbers.items():
    first = 0x10000000 if name == 'unshare' else 0
    result = libc.syscall(number, first, 0, 0, 0, 0)
    code = errno.errorcode.get(ctypes.get_errno(), '?')
    if result >= 0 or code not in ('EPERM', 'ENOSYS', 'EACCES'):
        print('BROKEN:', name, result, code)
for family, kind in ((40, socket.SOCK_STREAM), (socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW)):
    try:
        socket.socket(family, kind, 1 if family == socket.AF_INET else 0)
        print('BROKEN: socket', family)
    except OSError:
        pass
print('asked for', len(numbers), 'calls')
"""

_CHROOT_ESCAPE = """
import os
os.makedirs('/tmp/jail', exist_ok=True)
outside = os.open('/', os.O_RDONLY)
os.chroot('/tmp/jail')
os.fchdir(outside)
for _ in range(64):
    os.chdir('..')
os.chroot('.')
os.makedirs('/etc/benchtui-escaped', exist_ok=True)
print('escaped to', sorted(os.listdir('/'))[:3])
"""

_BLOCK_DEVICES = """
for line in $(ls /sys/dev/block); do
  major=${line%%:*} minor=${line##*:}
  mknod /tmp/disk b $major $minor 2>/dev/null && dd if=/dev/zero of=/tmp/disk bs=512 count=1 2>/dev/null \\
    && echo "BROKEN: wrote to block device $line"
  rm -f /tmp/disk
done
mknod /tmp/mem c 1 1 2>/dev/null && head -c1 /tmp/mem >/dev/null 2>&1 && echo 'BROKEN: /dev/mem'
mknod /tmp/kmsg c 1 11 2>/dev/null && echo x 2>/dev/null >/tmp/kmsg && echo 'BROKEN: /dev/kmsg'
for node in /dev/mem /dev/kmem /dev/port /dev/sda /dev/vda /dev/nvme0n1 /dev/loop0 /dev/kvm /dev/fuse /dev/net/tun; do
  [ -e $node ] && echo "BROKEN: $node exists"
done
"""

ATTACKS = (
    Attack("poweroff -f", SH + "poweroff -f\n"),
    Attack("systemctl poweroff --force --force", SH + "systemctl poweroff --force --force\n"),
    Attack("reboot(2) with every command", SH + """python3 -c '
import ctypes
libc = ctypes.CDLL(None)
for command in (0x45584543, 0xD000FCE2, 0x89ABCDEF, 0x00000000):  # kexec, suspend, ctrl-alt-del on and off
    libc.reboot(ctypes.c_int32(command).value)
libc.reboot(ctypes.c_int32(0xCDEF0123).value)  # halt
'
"""),
    Attack("kill -9 -1", SH + "systemd-run --on-active=1 poweroff -f\nkill -9 -1; python3 -c 'import os;os.kill(-1,9)'\n"),
    Attack("rm -rf /", SH + "rm -rf --no-preserve-root /etc /usr/bin /usr/sbin / 2>/dev/null &\n"
           "read -t 6 <>/dev/console; [ -e /etc/passwd ] || [ -e /usr/bin/python3 ] || echo gone\nwait\n",
           says=("gone",), ends=None, seconds=8),
    Attack("chmod and chown of everything", SH + "chmod -R 000 /dev /sys /proc/sys /proc/irq /run 2>/dev/null\n"
           "chown -R 1:1 /dev /sys /proc/sys 2>/dev/null\necho done" + OFF, says=("done",)),
    Attack("sysrq o b c s u i e", SH + "for l in s u i e c b o; do\n"
           "  { [ -p /proc/sysrq-trigger ] || [ ! -e /proc/sysrq-trigger ]; } || { echo BROKEN: sysrq; continue; }\n"
           "  { echo $l >/proc/sysrq-trigger; } 2>/dev/null\ndone\nsleep 1" + OFF, ends=None, seconds=5),
    Attack("fill the disk", SH + "dd if=/dev/zero of=/fill bs=1M 2>&1 | tail -1\n"
           "for i in $(seq 200000); do : 2>/dev/null >/tmp/f$i || break; done\n"
           "df --output=avail -B1 / | tail -1\necho filled" + OFF, says=("filled",), seconds=60),
    Attack("fill /run and /dev/shm", SH + "for d in /run /dev/shm /dev; do dd if=/dev/zero of=$d/fill bs=1M 2>&1 | tail -1;"
           " rm -f $d/fill; done\necho filled" + OFF, ends=None, seconds=20),
    Attack("fork bomb", SH + "systemd-run --on-active=3 poweroff -f\nbomb() { bomb | bomb & }\nbomb 2>/dev/null\nsleep 2\n"
           "poweroff -f\n", ends=None, seconds=8),
    Attack("memory hog", SH + "tail /dev/zero; echo hog ended $?\n"
           "python3 -c 'x=bytearray(1<<34)'; echo python ended $?" + OFF, says=("hog ended 137",), seconds=30),
    Attack("many memory hogs", SH + "for i in $(seq 20); do tail /dev/zero & done 2>/dev/null\nwait\necho ended" + OFF,
           says=("ended",), seconds=30),
    Attack("device nodes of the machine", SH + _BLOCK_DEVICES + "echo tried" + OFF, says=("tried",)),
    Attack("mounts", _each_must_fail(
        "mount -o remount,rw /proc/sys", "mount -t proc proc /mnt", "mount -t sysfs sysfs /mnt",
        "mount -t tmpfs tmpfs /mnt", "mount --bind /proc /mnt", "mount -t cgroup -o memory c /mnt",
        "mount -t devtmpfs d /mnt", "umount /proc/sys", "umount -l /", "umount -a", "pivot_root / /mnt",
        "unshare -m true", "unshare -U true", "unshare -Ur true", "unshare -p true", "unshare -n true",
        "nsenter -t 1 -m true")),
    Attack("kernel settings", _each_must_fail(
        "echo 1 >/proc/sys/kernel/panic", "echo 5 >/proc/sys/kernel/panic_on_oops", "sysctl -w kernel.panic=1",
        "echo x >/proc/sys/kernel/hostname", "echo x >/proc/sys/kernel/core_pattern",
        "echo /x >/proc/sys/kernel/modprobe", "echo 1 >/proc/sys/vm/drop_caches",
        "echo 1 >/proc/sys/net/ipv4/ip_forward", "echo f >/proc/irq/default_smp_affinity",
        "echo mem >/sys/power/state", "echo 0 >/sys/devices/system/cpu/cpu1/online",
        "echo never >/sys/kernel/mm/transparent_hugepage/enabled", "echo 1 >/sys/bus/pci/rescan",
        "echo 99 >/sys/fs/cgroup/memory/memory.limit_in_bytes", "echo max >/sys/fs/cgroup/memory.max",
        "mkdir /sys/fs/cgroup/memory/x", "rmdir /sys/fs/cgroup/pids")),
    Attack("clock, name, swap, modules", _each_must_fail(
        "date -s 2001-01-01", "hwclock -w", "hostname other", "swapoff -a; swapoff /dev/vda", "swapon /dev/vda",
        "modprobe softdog", "insmod /lib/modules/x.ko", "rmmod loop", "dmesg -C", "dmesg -n 1", "losetup /dev/loop0 /etc/passwd",
        "chrt -f 99 true", "nice -n -20 true 2>&1 | grep -q . && false", "ip link set lo down", "ip addr add 1.2.3.4 dev lo",
        "iptables -F", "prlimit --nproc=1000000:1000000 true", "taskset -c 1 true", "kexec -l /boot/vmlinuz")),
    Attack("system calls asked for directly", SH + f"python3 - <<'END'\n{_PYTHON_SYSCALLS}\nEND\n" + OFF,
           says=("asked for",)),
    Attack("processes of the machine", SH + """
n=$(ls -d /proc/[0-9]* | wc -l); [ $n -lt 15 ] || echo "BROKEN: $n processes visible"
for p in $(seq 2 400); do [ -d /proc/$p ] || kill -9 $p 2>/dev/null; done
python3 -c '
import ctypes
libc = ctypes.CDLL(None)
print("attached" if any(libc.ptrace(16, p, 0, 0) == 0 for p in range(30, 5000)) else "none to attach")'
""" + OFF, says=("none to attach",)),
    Attack("out by /proc/1/root and open files", SH + """
echo hacked >/proc/1/root/etc/benchtui-hacked; echo hacked >/proc/self/root/etc/benchtui-hacked
echo hacked >/proc/1/cwd/etc/benchtui-hacked
for f in /proc/1/fd/*; do echo x 2>/dev/null >>$f/../../etc/benchtui-hacked; done
cp /bin/sh /proc/1/exe 2>/dev/null; ls /proc/1/map_files >/dev/null 2>&1
echo '* * * * * root touch /etc/benchtui-hacked' >/etc/cron.d/benchtui-hacked
echo tried""" + OFF, says=("tried",)),
    Attack("out of a chroot by fchdir", SH + f"python3 - <<'END'\n{_CHROOT_ESCAPE}\nEND\n" + OFF, says=("escaped to",)),
    Attack("links in the way of the next boot", SH + """
for d in run dev tmp root proc sys; do rm -rf /$d 2>/dev/null; done
mv /etc /etc-moved; ln -s /work /etc; rm -rf /var/tmp; ln -s /etc /var/tmp
python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x01234567)'
""", ends=None, seconds=4),
    Attack("sockets and secrets of the machine", SH + """
for s in /run/docker.sock /var/run/docker.sock /run/dbus/system_bus_socket /run/systemd/private /run/containerd; do
  [ -e $s ] && echo "BROKEN: $s"
done
for f in /root/.aws /root/.ssh /root/.bash_history /home/*/.ssh; do [ -e $f ] && echo "BROKEN: $f"; done
tr '\\0' '\\n' </proc/1/environ | grep -i -e token -e secret && echo BROKEN: environment
grep -r X-Benchtui-Token /proc/1/environ /run 2>/dev/null && echo BROKEN: token
echo looked""" + OFF, says=("looked",)),
)  # fmt: skip

#: Those that try what capabilities, masks and the filter refuse; they take under a second each.
QUICK = tuple(
    attack
    for attack in ATTACKS
    if attack.name
    in (
        "poweroff -f",
        "reboot(2) with every command",
        "kill -9 -1",
        "sysrq o b c s u i e",
        "device nodes of the machine",
        "mounts",
        "kernel settings",
        "clock, name, swap, modules",
        "system calls asked for directly",
        "processes of the machine",
        "out by /proc/1/root and open files",
        "out of a chroot by fchdir",
        "links in the way of the next boot",
        "sockets and secrets of the machine",
    )
)
