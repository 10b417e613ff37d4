"""The borders around a submission. Two stages: `enter_tree` once in the warm process, the rest in each child.

The warm process moves into a small tree of read-only mounts, which holds Python's installation and the staging folder
and nothing else, before it imports anything from there. Each child enters namespaces of its own (user, mount, network,
pid, ipc, uts), gets an empty home on a file system in memory, loses every capability, and is held by Landlock, seccomp
and resource limits. Works as root (which becomes `nobody`) and as an ordinary user. Linux only.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import stat
from pathlib import Path

from autograde.grading.sandbox import landlock, linux, seccomp

PRIVATE, COURSE, STAGES = "/private", "/course", "/stages"
LESSON = COURSE + "/lesson"
HOME, WORK, TEMPORARY, SHARED = (f"{PRIVATE}/{name}" for name in ("home", "work", "tmp", "shm"))
NOBODY = 65534
_INSIDE = 1000  # the user number that a submission sees
_DEVICES = ("null", "zero", "full", "random", "urandom")
_TREE = 64 * 2**20  # bytes of the warm process's own scratch


def die_with_parent() -> None:
    """This process ends with the one that forked it."""
    parent = os.getppid()
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


# --- the warm process -----------------------------------------------------------------------------------------------


def enter_tree(root: str, shown: list[str], hidden: list[str], places: dict[str, str]) -> None:
    """Move this process into a tree of its own.

    root    an empty folder to build it in
    shown   files and folders that stay visible, read-only, where they are
    hidden  folders inside those that appear empty
    places  {path in the tree: folder that is shown there, read-only}
    """
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        linux.unshare(linux.CLONE_NEWNS)
    else:
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        _map(user, group, user, group)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tree", root, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "size=16m,mode=755")
    for path in shown:
        _show(root, path)
    for path, folder in places.items():
        _bind(folder, root + path)
    for path in hidden:
        if os.path.isdir(root + path):
            linux.mount("hidden", root + path, "tmpfs", linux.MS_RDONLY, "size=4k,mode=755")
    for name in _DEVICES:
        _bind(f"/dev/{name}", f"{root}/dev/{name}", read_only=False)
    for link, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0")):
        os.symlink(target, f"{root}/dev/{link}")
    for name in ("proc", "tmp", "dev/shm", PRIVATE[1:], LESSON[1:], "etc"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    Path(root, "etc/passwd").write_text(f"learner:x:{_INSIDE}:{_INSIDE}::{HOME}:/bin/sh\n")
    Path(root, "etc/group").write_text(f"learner:x:{_INSIDE}:\n")
    linux.mount("/proc", root + "/proc", flags=linux.MS_BIND | linux.MS_REC)
    linux.mount("scratch", root + PRIVATE, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, f"size={_TREE},mode=1777")
    linux.remount_read_only(root)
    linux.pivot_root(root)
    if user == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        linux.prctl(linux.PR_SET_DUMPABLE, 1)
    linux.drop_capabilities()
    os.makedirs(HOME)


def _map(user: int, group: int, inside_user: int, inside_group: int) -> None:
    for file, text in (
        ("setgroups", "deny"),
        ("gid_map", f"{inside_group} {group} 1"),
        ("uid_map", f"{inside_user} {user} 1"),
    ):
        with open(f"/proc/self/{file}", "w") as stream:
            stream.write(text)


def _show(root: str, path: str) -> None:
    """Show `path` in the tree, through symbolic links where it is one."""
    if os.path.islink(path):
        target = root + path
        if not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(os.readlink(path), target)
    elif os.path.exists(path):
        _bind(path, root + path)


def _bind(source: str, target: str, read_only: bool = True) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            Path(target).touch()
    linux.bind(source, target, read_only)


# --- a child --------------------------------------------------------------------------------------------------------


def enter_namespaces() -> None:
    """Namespaces of its own; the next fork is process 1 of the pid namespace."""
    user, group = os.geteuid(), os.getegid()
    with contextlib.suppress(OSError):  # where memory ends, a submission goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    names = (linux.CLONE_NEWUSER, linux.CLONE_NEWNS, linux.CLONE_NEWPID, linux.CLONE_NEWNET)
    linux.unshare(sum(names) | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS)
    _map(user, group, _INSIDE, _INSIDE)


def enter_home(stage: str, size: int) -> None:
    """As process 1: an empty home, the stage of one lesson, and no other lesson's."""
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.bind(f"{STAGES}/{stage}", LESSON)
    linux.mount("none", STAGES, "tmpfs", linux.MS_RDONLY, "size=4k,mode=755")
    options = f"size={size},nr_inodes=20000,mode=755"
    linux.mount("private", PRIVATE, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)
    for path in (HOME, WORK, TEMPORARY, SHARED):
        os.mkdir(path)
    linux.mount(TEMPORARY, "/tmp", flags=linux.MS_BIND)
    linux.mount(SHARED, "/dev/shm", flags=linux.MS_BIND)
    try:
        flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC | linux.MS_RDONLY
        linux.mount("proc", "/proc", "proc", flags)
    except OSError:  # a container that hides parts of /proc allows no new one: then there is none
        linux.mount("none", "/proc", "tmpfs", linux.MS_RDONLY, "size=4k,mode=555")


def limit(limits: dict) -> None:
    """Resource limits of the process that runs the learner's code; memory counts above what it has now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        memory = pages * resource.getpagesize() + limits["memory"]
    except (OSError, ValueError, IndexError):
        memory = 2 * limits["memory"]
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(limits["total"]) + 10),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_FSIZE, limits["file_size"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(kind)
        value = int(value) if most == resource.RLIM_INFINITY else min(int(value), most)
        resource.setrlimit(kind, (value, value))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too large is an OSError, not the end


def confine() -> dict[str, int]:
    """The last step: no capability, Landlock, seccomp. Returns what there is."""
    linux.drop_capabilities()
    devices = [f"/dev/{name}" for name in _DEVICES]
    version = landlock.restrict(["/"], [PRIVATE, "/tmp", "/dev/shm", *devices])
    return {"landlock": version, "seccomp": int(seccomp.restrict())}


def close_all_but(kept: set[int]) -> None:
    """Close every other file descriptor; 0, 1 and 2 become /dev/null."""
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65536)
    last = 3
    for number in sorted(kept):
        os.closerange(last, number)
        last = number + 1
    os.closerange(last, most)
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)


def readable_by_all(path: str) -> bool:
    """Whether another user may read what stands at `path`."""
    mode = os.stat(path).st_mode
    return bool(mode & stat.S_IROTH) and (not stat.S_ISDIR(mode) or bool(mode & stat.S_IXOTH))
