"""A filter of system calls: what a notebook never needs is refused with EPERM, before the kernel's code for it runs."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from autograde.harness.sandboxed import linux

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data (little-endian low words)
_NAMESPACES = 0x7E020080  # the CLONE_NEW* flags

# {name: (number on x86-64, number on aarch64)}; None where it does not exist
REFUSED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "lookup_dcookie": (212, 18),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
}
_CLONE, _CLONE3, _IOCTL, _SOCKET = (56, 220), (435, 435), (16, 29), (41, 198)
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
    if machine == "x86_64":  # the numbers of the x32 interface, which nothing here uses
        rows += [(_AT_LEAST, 0, 1, 0x40000000), refuse(errno.ENOSYS)]
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            rows += [(_EQUAL, 0, 1, number), refuse(errno.EPERM)]
    # its flags lie in memory, where a filter cannot look; the C library then takes `clone`
    rows += [(_EQUAL, 0, 1, _CLONE3[column]), refuse(errno.ENOSYS)]
    rows += [(_EQUAL, 0, 4, _CLONE[column]), (_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NAMESPACES)]
    rows += [refuse(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    rows += [(_EQUAL, 0, 4, _IOCTL[column]), (_LOAD, 0, 0, _SECOND), (_EQUAL, 0, 1, _TIOCSTI)]
    rows += [refuse(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]
    rows += [(_EQUAL, 0, 4, _SOCKET[column]), (_LOAD, 0, 0, _FIRST), (_EQUAL, 1, 0, _UNIX)]
    rows += [refuse(errno.EACCES), (_RETURN, 0, 0, _ALLOW)]
    rows += [(_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *row) for row in rows)


def restrict() -> bool:
    """Put the filter on this process and its children; False where there is none for this machine."""
    if not available():
        return False
    code = program(os.uname().machine)
    instructions = ctypes.create_string_buffer(code, len(code))
    packed = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(instructions))
    header = ctypes.create_string_buffer(packed, len(packed))
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(header))
    return True
