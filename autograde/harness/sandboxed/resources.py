"""What a submission may use: limits of each process, and the memory of all of them together."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
from pathlib import Path
from typing import Any

PERIOD = 0.05  # seconds between two looks at the memory of a submission
_HUGE = 2 * 2**20  # bytes of a huge page
_PARENT, _SESSION = 0, 1
_RESIDENT = re.compile(rb"^Rss(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)
_ENDED = re.compile(rb"^oom_kill (\d+)$", re.MULTILINE)
_PROPORTIONAL = re.compile(rb"^Pss_(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)


def limit(limits: dict[str, Any], isolated: bool, contained: bool = False) -> None:
    """Limits of the process that runs the learner's code, and of each that it starts; memory counts above what it has
    now. Processes are counted where they are only a submission's: not without isolation, and not in a container, which
    counts its own, while the kernel counts those of all containers of one user."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        memory = pages * resource.getpagesize() + limits["memory"]
    except (OSError, ValueError, IndexError):
        memory = 2 * limits["memory"]
    wanted = [
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(limits["total"]) + 10),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_CORE, 0),
    ]
    if isolated and not contained:
        wanted.append((resource.RLIMIT_NPROC, limits["processes"]))
    for kind, value in wanted:
        _, most = resource.getrlimit(kind)
        value = int(value) if most == resource.RLIM_INFINITY else min(int(value), most)
        try:
            resource.setrlimit(kind, (value, value))
        except (OSError, ValueError):  # not every system has every limit
            if isolated:
                raise
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too large is an OSError, not the end


# --- memory ---------------------------------------------------------------------------------------------------------


def gather() -> None:
    """Put this process's memory into huge pages where the kernel can: a fork then copies some hundred entries instead
    of sixty thousand."""
    from autograde.harness.sandboxed import linux

    with contextlib.suppress(OSError):
        for line in Path("/proc/self/maps").read_text().splitlines():
            words = line.split()
            if words[1] == "rw-p" and (len(words) == 5 or words[5] == "[heap]"):
                first, last = (int(number, 16) for number in words[0].split("-"))
                for start in range(-(-first // _HUGE) * _HUGE, last - _HUGE + 1, _HUGE):
                    with contextlib.suppress(OSError):
                        linux.collapse(start, start + _HUGE)


class Memory:
    """What the processes of a submission use together, above what they share with this one.

    alone  everything below this process belongs to the submission
    """

    def __init__(self, isolated: bool, alone: bool = False):
        self.isolated, self.alone = isolated, alone
        self.own = _kib("self", "status", _RESIDENT)
        # a /proc of other numbers says nothing about these processes, and not every kernel says how much is shared
        own = os.path.islink("/proc/self") and os.readlink("/proc/self") == str(os.getpid())
        self.there = own and _kib("self", "smaps_rollup", _PROPORTIONAL) > 0

    def exceeds(self, child: int, limit: int) -> bool:
        """Whether the processes below `child` use more than `limit` bytes. Their resident pages, which are quick to
        read, count a page once for each process that has it; only where these are too many the exact number is
        read. A program that was started shares nothing with this process, and what a fork has written on is its own."""
        if not self.there:
            return False
        group = self.group(child)
        if sum(_kib(name, "status", _RESIDENT) for name in group) * 1024 <= limit:
            return False
        shared = sum(_kib(name, "smaps_rollup", _PROPORTIONAL) for name in ("self", *group))
        return (shared - self.own) * 1024 > limit

    def group(self, child: int) -> list[str]:
        """The processes of a submission; beside them there may be the other workers' submissions."""
        names = [name for name in os.listdir("/proc") if name.isdigit()]
        if not self.isolated:
            return [name for name in names if _stat(name)[_SESSION] == child]
        # every process whose parent has ended becomes a child of process 1 of its pid namespace, which is `child`, or,
        # where this process is alone, of this one
        children: dict[int, list[str]] = {}
        for name in names:
            children.setdefault(_stat(name)[_PARENT], []).append(name)
        group = [str(os.getpid() if self.alone else child)]
        for name in group:  # it grows
            group += children.get(int(name), [])
        return group[1:] if self.alone else group


def ended_by_kernel() -> bool:
    """Whether the kernel has ended a process of this container because the container had too much memory."""
    for file in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with contextlib.suppress(OSError):
            found = _ENDED.search(Path(file).read_bytes())
            if found and int(found[1]):
                return True
    return False


def _kib(name: str, file: str, what: re.Pattern[bytes]) -> int:
    try:
        return sum(map(int, what.findall(Path("/proc", name, file).read_bytes())))
    except OSError:
        return 0


def _stat(name: str) -> tuple[int, int]:
    """(parent, session) of a process; zeros where it has ended."""
    try:
        words = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
        return int(words[1]), int(words[3])
    except (OSError, ValueError, IndexError):
        return 0, 0
