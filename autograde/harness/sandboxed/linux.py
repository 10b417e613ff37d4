"""Linux system calls that Python does not offer, by ctypes. Every function raises OSError."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
MADV_COLLAPSE = 25
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 36, 38
_MOUNT_SETATTR, _AT_RECURSIVE = 442, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_LAST_CAPABILITY = 63

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *args: Any) -> int:
    full = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    return _checked(_libc.syscall(ctypes.c_long(number), *full), f"system call {number}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    _checked(_libc.setns(descriptor, kind), "setns")


def prctl(option: int, *args: int) -> int:
    full = [ctypes.c_ulong(a) for a in (*args, 0, 0, 0, 0)[:4]]
    return _checked(_libc.prctl(option, *full), f"prctl {option}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    text = [part.encode() if part else None for part in (source, target, kind)]
    result = _libc.mount(*text, ctypes.c_ulong(flags), data.encode() if data else None)
    _checked(result, f"mount {target}")


def unmount(target: str) -> None:
    _checked(_libc.umount2(target.encode(), MNT_DETACH), f"unmount {target}")


def pivot_root(new: str) -> None:
    """The folder `new`, a mount, becomes the root; the old root is gone."""
    os.chdir(new)
    number = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    syscall(number, ctypes.c_char_p(b"."), ctypes.c_char_p(b"."))
    unmount(".")
    os.chdir("/")


def bind(source: str, target: str, read_only: bool = True) -> None:
    """Show `source` at `target` too, with everything mounted inside it; no device or set-user-id file works there."""
    mount(source, target, flags=MS_BIND | MS_REC)
    wanted = _ATTR_NOSUID | (_ATTR_RDONLY | _ATTR_NODEV if read_only else 0)
    attributes = ctypes.create_string_buffer(struct.pack("QQQQ", wanted, 0, 0, 0), 32)
    try:
        syscall(_MOUNT_SETATTR, -100, ctypes.c_char_p(target.encode()), _AT_RECURSIVE, attributes, 32)
    except OSError:  # before Linux 5.12
        flags = MS_BIND | MS_REMOUNT | MS_NOSUID | (MS_RDONLY | MS_NODEV if read_only else 0)
        mount("none", target, flags=flags | (os.statvfs(target).f_flag & 0xF))


def remount_read_only(target: str) -> None:
    mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def collapse(start: int, end: int) -> None:
    """Put the memory between two addresses into huge pages, where the kernel has it (6.1 and later)."""
    _checked(_libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_COLLAPSE), "madvise")


def drop_capabilities() -> None:
    """All of them, for good."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # above the last that this kernel knows, or none may be dropped because none is held
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0), 8)
    data = ctypes.create_string_buffer(24)
    _checked(_libc.capset(header, data), "capset")
