"""The borders around a submission. Two stages: `enter_tree` once in the warm process, the rest in each child.

The warm process moves into a small tree of read-only mounts, which holds Python's installation and the staging folder
and nothing else, and into user and pid namespaces of its own, before it imports anything from there; apart from
PyTorch, where the grader's workers share it (`main.fork_off`). Each child is process 1 of a pid namespace and enters
namespaces of its own (mount, network, ipc, uts, user), gets an empty home on a file system in memory, loses every
capability, and is held by Landlock, seccomp and resource limits. Works as root (which becomes `nobody`) and as an
ordinary user. Linux only.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from pathlib import Path

from autograde.harness.sandboxed import landlock, linux, seccomp

PRIVATE, COURSE, STAGES = "/private", "/course", "/stages"
LESSON = COURSE + "/lesson"
HOME, WORK, TEMPORARY, SHARED = (f"{PRIVATE}/{name}" for name in ("home", "work", "tmp", "shm"))
NOBODY = 65534
_INSIDE = 1000  # the user number that a submission sees
_DEVICES = ("null", "zero", "full", "random", "urandom")
_PROC = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
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
    user = os.geteuid()
    if user == 0:
        linux.unshare(linux.CLONE_NEWNS)
    else:
        own = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
        _enter_user(os.geteuid(), os.getegid(), own, linux.CLONE_NEWNS)
        os.close(own)
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
    _enter_pids()
    os.makedirs(HOME)


def _enter_pids() -> None:
    """User, mount and pid namespaces in which this process may make those of its children, and a /proc that shows
    only these. The process that was started waits for the one that goes on."""
    own = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
    _enter_user(os.geteuid(), os.getegid(), own, linux.CLONE_NEWNS | linux.CLONE_NEWPID)
    os.close(own)
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    inner = os.fork()
    if inner:
        close_all_but(set())
        _, status = os.waitpid(inner, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    die_with_parent()
    with contextlib.suppress(OSError):  # a container that hides parts of /proc allows no new one
        linux.mount("proc", "/proc", "proc", _PROC)


def _enter_user(inside_user: int, inside_group: int, own: int, more: int = 0) -> None:
    """A user namespace (with `more` namespaces that belong to it) that knows only this user; `own` is /proc/self."""
    user, group = os.geteuid(), os.getegid()
    linux.unshare(linux.CLONE_NEWUSER | more)
    _write(own, "setgroups", "deny")
    _write(own, "gid_map", f"{inside_group} {group} 1")
    _write(own, "uid_map", f"{inside_user} {user} 1")


def _write(folder: int, name: str, text: str) -> None:
    file = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


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


def fork() -> int:
    """Fork a child that is process 1 of a pid namespace of its own: with it ends everything that it started."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    linux.unshare(linux.CLONE_NEWPID)
    try:
        pid = os.fork()
    except OSError:
        pid = -1
    if pid:
        linux.setns(own, linux.CLONE_NEWPID)  # the next child gets another one
    os.close(own)
    if pid < 0:
        raise OSError("no process could be started for the submission")
    if not pid:
        die_with_parent()
    return pid


def enter_home(stage: str, size: int) -> None:
    """Namespaces of its own; in them an empty home, the stage of one lesson, and no other lesson's."""
    own = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # where memory ends, a submission goes first
        _write(own, "oom_score_adj", "1000")
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.bind(f"{STAGES}/{stage}", LESSON)
    linux.mount("none", STAGES, "tmpfs", linux.MS_RDONLY, "size=4k,mode=755")
    options = f"size={size},nr_inodes=20000,mode=755"
    linux.mount("private", PRIVATE, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)
    for path in (HOME, WORK, TEMPORARY, SHARED):
        os.mkdir(path)
    _mount_temporary()
    linux.mount(SHARED, "/dev/shm", flags=linux.MS_BIND)
    try:
        linux.mount("proc", "/proc", "proc", _PROC | linux.MS_RDONLY)
    except OSError:  # a container that hides parts of /proc allows no new one: then there is none
        linux.mount("none", "/proc", "tmpfs", linux.MS_RDONLY, "size=4k,mode=555")
    _enter_user(_INSIDE, _INSIDE, own)  # from here on without any right over the mounts
    os.close(own)


def _mount_temporary() -> None:
    """An empty /tmp; where Python's installation lies in the machine's /tmp, that stays visible in it."""
    shown = {name: os.open(f"/tmp/{name}", os.O_PATH | os.O_CLOEXEC) for name in os.listdir("/tmp")}
    linux.mount(TEMPORARY, "/tmp", flags=linux.MS_BIND)
    for name, place in shown.items():
        os.mkdir(f"/tmp/{name}")
        linux.mount(f"/proc/self/fd/{place}", f"/tmp/{name}", flags=linux.MS_BIND | linux.MS_REC)
        os.close(place)


def confine() -> None:
    """The last step: no capability, Landlock, seccomp, as far as the kernel has them."""
    linux.drop_capabilities()
    devices = [f"/dev/{name}" for name in _DEVICES]
    landlock.restrict(["/"], [PRIVATE, "/tmp", "/dev/shm", *devices])
    seccomp.restrict()


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
