"""Linux system calls that the standard library lacks, as the world builder needs them.

Numbers are from the kernel's uapi headers: linux/sched.h, linux/mount.h, linux/capability.h, linux/prctl.h.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

#: What root of a world may do (capability numbers). Absent on purpose: everything that reaches the machine
#: itself (sys_admin, sys_module, sys_rawio, sys_time, sys_nice, sys_resource, net_admin, mknod, syslog,
#: dac_read_search, sys_ptrace) and net_raw, with which a world could read this machine's loopback traffic.
#: sys_boot ends only the world: inside a pid namespace reboot(2) kills its pid 1. kexec_load(2), which
#: sys_boot also opens, is refused by the system call filter.
WORLD_CAPABILITIES = {
    "chown": 0,
    "dac_override": 1,
    "fowner": 3,
    "fsetid": 4,
    "kill": 5,
    "setgid": 6,
    "setuid": 7,
    "setpcap": 8,
    "sys_chroot": 18,
    "sys_boot": 22,
    "audit_write": 29,
    "setfcap": 31,
}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_libc.mount.argtypes = [*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p]
_libc.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]
_libc.unshare.argtypes = [ctypes.c_int]
_libc.sethostname.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_libc.syscall.restype = ctypes.c_long

# The same on x86_64 and aarch64 from Linux 5.1 on; before that each architecture counted for itself.
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x2008_0522


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object) -> int:
    """Raw syscall(2). Integers go in as longs, ctypes pointers and bytes as they are. Raises OSError."""
    longs = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(int(_libc.syscall(ctypes.c_long(number), *longs)), f"syscall {number}")


def prctl(option: int, argument: int = 0, third: int = 0) -> int:
    """prctl(2). Raises OSError."""
    return _checked(_libc.prctl(option, argument, third, 0, 0), f"prctl {option}")


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError (EPERM: not allowed here, ENOSPC: user.max_*_namespaces reached)."""
    _checked(_libc.unshare(flags), f"unshare {flags:#x}")


def mount(
    source: str, target: Path | str, kind: str | None = None, flags: int = 0, options: str = ""
) -> None:
    """mount(2). Raises OSError that names source and target."""
    result = _libc.mount(
        source.encode(),
        str(target).encode(),
        kind.encode() if kind else None,
        flags,
        options.encode() or None,
    )
    _checked(result, f"mount {kind or 'bind'} {source} on {target} ({options})")


def bind(source: Path | str, target: Path | str, flags: int = 0, *, recursive: bool = False) -> None:
    """Bind mount, then remount with `flags` (read-only and the like need the second call).

    In a user namespace a remount may not drop the flags that the source is locked to: they are added to
    `flags`.
    """
    mount(str(source), target, None, MS_BIND | (MS_REC if recursive else 0))
    if flags:
        kept = os.statvfs(target).f_flag & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
        times = os.statvfs(target).f_flag & (1024 | 2048 | 4096)  # ST_NOATIME, ST_NODIRATIME, ST_RELATIME
        time_flags = (
            (1024 if times & 1024 else 0) | (2048 if times & 2048 else 0) | (1 << 21 if times & 4096 else 0)
        )
        mount("none", target, None, MS_REMOUNT | MS_BIND | flags | kept | time_flags)


def detach(target: Path | str) -> None:
    """umount2(2) with MNT_DETACH: gone from this namespace now, freed when nobody uses it. Raises OSError."""
    _checked(_libc.umount2(str(target).encode(), MNT_DETACH), f"umount {target}")


def pivot_into(root: Path | str) -> None:
    """Make `root` (a mount point) the root of this mount namespace and let go of the old one. Raises
    OSError."""
    os.chdir(root)
    syscall(_SYS_PIVOT_ROOT[os.uname().machine], b".", b".")
    detach(".")
    os.chdir("/")


def sethostname(name: str) -> None:
    """sethostname(2) in this UTS namespace. Raises OSError."""
    _checked(_libc.sethostname(name.encode(), len(name.encode())), "sethostname")


def keep_capabilities(numbers: Iterable[int]) -> None:
    """Drop every capability but these from the bounding set and from all sets of this process, for ever.

    Raises OSError. The inheritable and ambient sets end empty: root of the world gets its own back by exec,
    as root does, but never more than the bounding set.
    """
    keep = set(numbers)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    for number in range(last + 1):
        if number not in keep:
            prctl(PR_CAPBSET_DROP, number)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    mask = sum(1 << number for number in keep if number <= last)
    low, high = mask & 0xFFFF_FFFF, mask >> 32
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    syscall(_SYS_CAPSET[os.uname().machine], header, sets)
