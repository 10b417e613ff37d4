"""A control group (cgroup v2) for each submission: the kernel itself then holds the memory of all that it starts.

Only in a subtree that was given to the grader: its group has the memory controller, may be written, and holds no
process but the grader's own. `systemd-run --user --scope -p Delegate=yes course grade 3` begins in such a group. The
grader moves into a leaf of it, since a group that holds processes passes no controller on, and makes the submissions'
groups beside that leaf. Everywhere else the warm process counts (`harness.sandboxed.resources.Memory`), as it does here
too: it ends what is too large with a reason, and the kernel ends what grows faster than it looks.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import struct
import time
from pathlib import Path

from autograde.grading.job import Limits

ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_LEAF, _PREFIX = "grader", "submission-"
_CREDENTIALS = struct.Struct("iII")  # of the process that sent something: its number, its user, its group
_ENDING = 2.0  # seconds until the last process has left a group


def delegated() -> Path | None:
    """The folder in which groups for submissions can be made; None where there is none."""
    try:
        lines = _MEMBERSHIP.read_text().splitlines()
        own = ROOT / next(line[3:].lstrip("/") for line in lines if line.startswith("0::"))
        base = own.parent if own.name == _LEAF else own
        if "memory" not in (base / "cgroup.controllers").read_text().split():
            return None
        if base == own:
            _enter_leaf(own)
        (base / "cgroup.subtree_control").write_text("+memory")
    except (OSError, StopIteration):
        return None
    for left in base.glob(f"{_PREFIX}*"):  # by a grader that was killed; one with a process in it stays
        with contextlib.suppress(OSError):
            left.rmdir()
    return base


def _enter_leaf(own: Path) -> None:
    """Move what is in this group into its leaf; OSError where somebody else's processes are in it."""
    there = (own / "cgroup.procs").read_text().split()
    if not all(map(_is_ours, there)):
        raise PermissionError("the group is shared with other programs")
    leaf = own / _LEAF
    leaf.mkdir(exist_ok=True)
    for pid in there:
        (leaf / "cgroup.procs").write_text(pid)


def _is_ours(pid: str) -> bool:
    """Whether a process is this one or was started by it."""
    while pid not in ("0", str(os.getpid())):
        pid = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[1]
    return pid != "0"


class Group:
    """The control group of one submission. OSError where it cannot be made."""

    def __init__(self, base: Path, limits: Limits):
        self.folder = base / f"{_PREFIX}{secrets.token_hex(8)}"
        self.folder.mkdir()
        try:
            self._write("memory.max", limits.memory + limits.home)
            self._write("memory.oom.group", 1)  # all of it ends, as where the warm process ends it
            if (self.folder / "memory.swap.max").exists():  # not where the kernel does not count swap
                self._write("memory.swap.max", 0)
        except OSError:
            self.close()
            raise

    def _write(self, name: str, value: int) -> None:
        (self.folder / name).write_text(str(value))

    def take_sender(self, connection: socket.socket, seconds: float) -> None:
        """Put in the process whose message comes next by this connection. That stays there to be received."""
        connection.settimeout(seconds)
        try:
            _, given, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size), socket.MSG_PEEK)
        finally:
            connection.settimeout(None)
        senders = [data for level, kind, data in given if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS)]
        pid = _CREDENTIALS.unpack(senders[0])[0] if senders else 0
        if not pid:  # which would be this process itself
            raise OSError("the kernel does not say which process it is")
        self._write("cgroup.procs", pid)

    def is_over(self) -> bool:
        """Whether the kernel has ended a process in it because it used too much memory."""
        with contextlib.suppress(OSError):
            events = dict(line.split() for line in (self.folder / "memory.events").read_text().splitlines())
            return events.get("oom_kill", "0") != "0"
        return False

    def close(self) -> None:
        """Remove it. What may still be in it ends."""
        with contextlib.suppress(OSError):
            self._write("cgroup.kill", 1)
        end = time.monotonic() + _ENDING
        while True:
            try:
                return self.folder.rmdir()
            except FileNotFoundError:
                return None
            except OSError:
                if time.monotonic() > end:
                    return None
                time.sleep(0.01)


def name_senders(connection: socket.socket) -> None:
    """From now on the kernel says which process has sent what comes by this connection, by its number here."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
