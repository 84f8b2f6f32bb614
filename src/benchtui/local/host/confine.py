"""What a world's processes may ask of the kernel: a system call filter, and no way to the machine's abstract
sockets.

The filter refuses what capabilities and namespaces leave open: kexec_load(2) (opened by CAP_SYS_BOOT),
modules, bpf, the machine's keyrings, file handles, swap, new user namespaces (in which a process would have
every capability again), AF_VSOCK (which reaches the hypervisor of a virtual machine) and io_uring (which
makes sockets unfiltered).
"""

import ctypes
import errno
import os
import struct

from benchtui.local.host import linux

_AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_SECCOMP_NUMBER = {"x86_64": 317, "aarch64": 277}
_SECCOMP_SET_MODE_FILTER = 1
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
_LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET = 1
_LANDLOCK_FIRST_ABI_WITH_SCOPES = 6

# asm/unistd_64.h and asm-generic/unistd.h
_REFUSED = {
    "x86_64": {
        "kexec_load": 246,
        "kexec_file_load": 320,
        "init_module": 175,
        "finit_module": 313,
        "delete_module": 176,
        "bpf": 321,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "open_by_handle_at": 304,
        "swapon": 167,
        "swapoff": 168,
        "iopl": 172,
        "ioperm": 173,
        "io_uring_setup": 425,
        "acct": 163,
        "quotactl": 179,
        "setns": 308,
    },
    "aarch64": {
        "kexec_load": 104,
        "kexec_file_load": 294,
        "init_module": 105,
        "finit_module": 273,
        "delete_module": 106,
        "bpf": 280,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "open_by_handle_at": 265,
        "swapon": 224,
        "swapoff": 225,
        "io_uring_setup": 425,
        "acct": 89,
        "quotactl": 60,
        "setns": 268,
    },
}
_CLONE = {"x86_64": 56, "aarch64": 220}
_UNSHARE = {"x86_64": 272, "aarch64": 97}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CLONE3 = 435
_AF_VSOCK = 40
_X32_BIT = 0x4000_0000

# linux/bpf_common.h
_LOAD_WORD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF_0000, 0x0005_0000
_OFFSET_NUMBER, _OFFSET_ARCH, _OFFSET_FIRST_ARGUMENT = 0, 4, 16


def supported_machine() -> str | None:
    """This machine's name if the filter knows its system calls, else None: then no world may have
    CAP_SYS_BOOT."""
    machine = os.uname().machine
    return machine if machine in _REFUSED else None


def filter_program(machine: str) -> bytes:
    """The BPF program (struct sock_filter[]) for `machine` ("x86_64" or "aarch64")."""

    def op(code: int, k: int, true: int = 0, false: int = 0) -> bytes:
        return struct.pack("HBBI", code, true, false, k & 0xFFFF_FFFF)

    def refuse(number: int) -> bytes:
        return op(_RETURN, _ERRNO | number)

    program = [
        op(_LOAD_WORD, _OFFSET_ARCH),
        op(_JUMP_EQUAL, _AUDIT_ARCH[machine], true=1),
        refuse(errno.ENOSYS),  # a 32-bit program: its numbers mean other calls
        op(_LOAD_WORD, _OFFSET_NUMBER),
    ]
    if machine == "x86_64":
        program += [op(_JUMP_GREATER_EQUAL, _X32_BIT, false=1), refuse(errno.ENOSYS)]
    for number in _REFUSED[machine].values():
        program += [op(_JUMP_EQUAL, number, false=1), refuse(errno.EPERM)]
    # clone3 hides its flags behind a pointer; with ENOSYS the C library falls back to clone.
    program += [op(_JUMP_EQUAL, _CLONE3, false=1), refuse(errno.ENOSYS)]
    for number in (_CLONE[machine], _UNSHARE[machine]):
        program += [
            op(_JUMP_EQUAL, number, false=4),
            op(_LOAD_WORD, _OFFSET_FIRST_ARGUMENT),
            op(_JUMP_SET, linux.CLONE_NEWUSER, false=1),
            refuse(errno.EPERM),
            op(_RETURN, _ALLOW),
        ]
    program += [
        op(_JUMP_EQUAL, _SOCKET[machine], false=4),
        op(_LOAD_WORD, _OFFSET_FIRST_ARGUMENT),
        op(_JUMP_EQUAL, _AF_VSOCK, false=1),
        refuse(errno.EAFNOSUPPORT),
        op(_RETURN, _ALLOW),
        op(_RETURN, _ALLOW),
    ]
    return b"".join(program)


def install_filter() -> None:
    """Put the filter on this process and all its descendants, for ever. Needs CAP_SYS_ADMIN. Raises
    OSError."""
    machine = supported_machine()
    if machine is None:
        raise OSError(errno.ENOTSUP, f"no system call filter for {os.uname().machine}")
    program = filter_program(machine)
    instructions = ctypes.create_string_buffer(program, len(program))
    descriptor = ctypes.create_string_buffer(
        struct.pack("H6xQ", len(program) // 8, ctypes.addressof(instructions)), 16
    )
    linux.syscall(_SECCOMP_NUMBER[machine], _SECCOMP_SET_MODE_FILTER, 0, descriptor)


def hide_abstract_sockets() -> bool:
    """Refuse connections to abstract sockets made outside the world, which a shared network namespace leaves
    open.

    Returns whether the kernel can (Landlock ABI 6, Linux 6.12). Needs CAP_SYS_ADMIN.
    """
    try:
        abi = linux.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION)
        if abi < _LANDLOCK_FIRST_ABI_WITH_SCOPES:
            return False
        ruleset = (ctypes.c_uint64 * 3)(0, 0, _LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET)
        fd = linux.syscall(_LANDLOCK_CREATE_RULESET, ruleset, 24, 0)
    except OSError:
        return False
    try:
        linux.syscall(_LANDLOCK_RESTRICT_SELF, fd, 0)
    finally:
        os.close(fd)
    return True
