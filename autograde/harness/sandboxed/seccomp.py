"""A filter of system calls: what a notebook needs is allowed (`syscalls`), and for everything else the kernel is as one
that does not have it (ENOSYS): libraries know what to do then."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from autograde.harness.sandboxed import linux
from autograde.harness.sandboxed.syscalls import ALLOWED

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data (little-endian low words)
_NAMESPACES = 0x7E020080  # the CLONE_NEW* flags

_CLONE, _IOCTL, _SOCKET = (56, 220), (16, 29), (41, 198)  # allowed in part
_TIOCSTI = 0x5412
_UNIX = 1  # the one family of sockets that a notebook needs (data loaders)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def available() -> bool:
    return os.uname().machine in _MACHINES and os.path.exists("/proc/sys/kernel/seccomp/actions_avail")


def program(machine: str) -> bytes:
    """The filter as classic BPF."""
    column, architecture = _MACHINES[machine]

    def refuse(code: int) -> tuple[int, int, int, int]:
        return _RETURN, 0, 0, _ERRNO | code

    rows = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    rows += [(_EQUAL, 0, 4, _CLONE[column]), (_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NAMESPACES)]
    rows += [refuse(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    rows += [(_EQUAL, 0, 4, _IOCTL[column]), (_LOAD, 0, 0, _SECOND), (_EQUAL, 0, 1, _TIOCSTI)]
    rows += [refuse(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    rows += [(_EQUAL, 0, 4, _SOCKET[column]), (_LOAD, 0, 0, _FIRST), (_EQUAL, 1, 0, _UNIX)]
    rows += [refuse(errno.EACCES), (_RETURN, 0, 0, _ALLOW)]
    for first, last in _ranges(column):
        rows += [(_AT_LEAST, 0, 2, first), (_AT_LEAST, 1, 0, last + 1), (_RETURN, 0, 0, _ALLOW)]
    rows += [refuse(errno.ENOSYS)]
    return b"".join(struct.pack("HBBI", *row) for row in rows)


def _ranges(column: int) -> list[tuple[int, int]]:
    """The allowed numbers, as (first, last) of those that follow one another."""
    found: list[tuple[int, int]] = []
    for number in sorted(number for numbers in ALLOWED.values() if (number := numbers[column]) is not None):
        if found and found[-1][1] == number - 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found


def restrict() -> None:
    """Put the filter on this process and its children, if there is one for this machine."""
    if not available():
        return
    code = program(os.uname().machine)
    instructions = ctypes.create_string_buffer(code, len(code))
    packed = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(instructions))
    header = ctypes.create_string_buffer(packed, len(packed))
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(header))
