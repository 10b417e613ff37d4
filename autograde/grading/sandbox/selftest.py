"""Does the isolation hold on this machine? Asked in a real child, by trying.

    breaches(runner) -> what a submission could do here and should not; empty where everything holds

The attempts run as a cell of a notebook, with the same borders around it as a submission has, against things that are
made for this: a secret file, another submission, a gradebook, sockets that listen, a process that can be signalled.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autograde.course import class_data, paths
from autograde.grading.job import Limits
from autograde.grading.sandbox import rootfs
from autograde.harness.sandboxed.frames import Busy, Gone

# what must hold for a submission to be graded at all; the others are named in the level
ESSENTIAL = frozenset(
    [
        *("read files", "write files", "write installation", "connect by TCP", "send by UDP", "reach sockets"),
        *("signal processes", "gain rights"),
    ]
)
LIMITS = Limits(cell=20.0, memory=256 * 2**20, processes=12, file_size=2**20)

# Runs in the child. Every function returns None where the attempt failed as it should, else what it got.
ATTEMPTS = r"""
def _attempts(given):
    import ctypes, json, os, signal, socket

    libc = ctypes.CDLL(None, use_errno=True)

    def read_files():
        for path in given["readable"]:
            try:
                with open(path, "rb") as file:
                    file.read(1)
                return path
            except OSError:
                pass
        for path in given["folders"]:
            try:
                if os.listdir(path):
                    return path
            except OSError:
                pass

    def write_files():
        for path in given["writable"]:
            try:
                with open(path, "ab") as file:
                    file.write(b"x")
                return path
            except OSError:
                pass

    def write_installation():
        for folder in (os.path.dirname(os.__file__), *given["installed"], "/course/common", "/course/lesson", "/"):
            try:
                path = os.path.join(folder, f"attempt-{os.getpid()}")
                open(path, "xb").close()
                os.unlink(path)
                return path
            except OSError:
                pass

    def connect(family, kind, address):
        try:
            with socket.socket(family, kind) as attempt:
                attempt.settimeout(1)
                attempt.connect(address)
                attempt.send(b"x")
                return str(address)
        except OSError:
            pass

    def connect_by_TCP():
        return connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", given["tcp"]))

    def send_by_UDP():
        return connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", given["udp"]))

    def reach_sockets():
        here, found = os.getcwd(), None
        try:
            os.chdir(given["unix"])
            found = connect(socket.AF_UNIX, socket.SOCK_STREAM, "socket")
        except OSError:
            pass
        finally:
            os.chdir(here)
        return found or connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + given["abstract"])

    def signal_processes():
        for pid in given["pids"]:
            try:
                os.kill(pid, signal.SIGUSR1)
                return pid
            except OSError:
                pass

    def see_processes():
        try:
            seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        except OSError:
            return
        return len(seen) if len(seen) > 10 else None

    def gain_rights():
        for number in (0, 65534):
            try:
                os.setuid(number)
                return "setuid"
            except OSError:
                pass
        if libc.unshare(0x10000000) == 0:
            return "unshare"
        if libc.mount(b"none", given["work"].encode(), b"tmpfs", 0, None) == 0:
            return "mount"
        if libc.ptrace(0, 0, 0, 0) == 0:
            return "ptrace"
        try:
            status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
            if int(status["CapEff"], 16) or int(status["CapPrm"], 16):
                return "capabilities"
        except OSError:
            pass

    def use_much_memory():
        try:
            return len(bytearray(given["memory"]))
        except MemoryError:
            pass

    def start_many_processes():
        started = []
        try:
            for _ in range(given["processes"]):
                pid = os.fork()
                if not pid:
                    signal.pause()
                    os._exit(0)
                started.append(pid)
            return len(started)
        except OSError:
            return None
        finally:
            for pid in started:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def write_large_files():
        try:
            with open(os.path.join(given["work"], "large"), "wb") as file:
                file.write(bytes(given["large"]))
            return given["large"]
        except OSError:
            pass

    found = {}
    for attempt in (read_files, write_files, write_installation, connect_by_TCP, send_by_UDP, reach_sockets,
                    signal_processes, see_processes, gain_rights, use_much_memory, write_large_files,
                    start_many_processes):
        result = attempt()
        if result is not None:
            found[attempt.__name__.replace("_", " ")] = str(result)
    return json.dumps(found)
"""


@contextlib.contextmanager
def targets() -> Iterator[dict]:
    """Things that a submission must not reach, and would reach without isolation."""
    with tempfile.TemporaryDirectory(prefix="selftest-") as folder, contextlib.ExitStack() as stack:
        home = Path(folder)
        home.chmod(0o777)
        for name in ("secret", "gradebook.db", "submitted/other/notebook.ipynb"):
            file = home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(secrets.token_hex(8))
            file.chmod(0o666)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        given = {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "unix": "", "abstract": ""}
        if hasattr(socket, "AF_UNIX"):
            unix, abstract = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
            given["unix"] = folder
            _bind(unix, home / "socket", stack)
            os.chmod(home / "socket", 0o777)
            unix.listen()
            if sys.platform == "linux":
                given["abstract"] = f"selftest-{secrets.token_hex(8)}"
                abstract.bind("\0" + given["abstract"])
                abstract.listen()
        sleeper = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        stack.callback(_end, sleeper)
        root = paths.clone() or rootfs.PACKAGE.parent
        files = [str(home / name) for name in ("secret", "gradebook.db", "submitted/other/notebook.ipynb")]
        course = [root / "autograde" / "judge" / "judge.py", root / "pyproject.toml", root / "classroom" / ".secret"]
        course += [
            root / "helpers" / "decoder.py",
            rootfs.PACKAGE / "judge" / "judge.py",
            rootfs.HELPERS / "decoder.py",
        ]
        # in a container the grader may be process 1: inside, that number is the namespace's own first process
        pids = [pid for pid in (sleeper.pid, os.getpid()) if pid != 1]
        given |= {
            "readable": [*files, *map(str, course)],
            "folders": [
                str(root / "solutions"),
                str(root / "autograde"),
                str(root / class_data.CLASSROOM),
                str(rootfs.PACKAGE),
                folder,
            ],
            "writable": files,
            "installed": [entry for entry in sys.path if entry.endswith("site-packages")],
            "pids": pids if sys.platform == "linux" else [sleeper.pid],
            "memory": 2 * LIMITS.memory,
            "processes": 2 * LIMITS.processes,
            "large": 4 * LIMITS.file_size,
        }
        yield given


def _bind(listener: socket.socket, path: Path, stack: contextlib.ExitStack) -> None:
    """A socket at `path`: its name may have 107 characters, and a temporary folder's may already have more."""
    if sys.platform == "linux":
        folder = os.open(path.parent, os.O_PATH)
        stack.callback(os.close, folder)
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    else:
        listener.bind(str(path))


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


def breaches(runner) -> dict[str, str]:
    """{what a submission could do here: on what}; empty where the isolation is complete."""
    with targets() as given, runner.child(rootfs.OWN, LIMITS) as child:
        source = f"{ATTEMPTS}\nprint(_attempts({ {**given, 'work': '.'}!r}))"
        try:
            reply = child.run(source, LIMITS.cell)
        except Gone as gone:
            if gone.late:
                raise Busy("the self-test of the isolation did not end in time") from None
            return {"gain rights": f"the self-test could not run: its process {gone}"}
        text = "".join(row.get("text", "") for row in reply["outputs"] if row.get("output_type") == "stream")
        try:
            return dict(json.loads(text.strip().splitlines()[-1]))
        except (ValueError, IndexError):
            problem = next(
                (row["evalue"] for row in reply["outputs"] if row.get("output_type") == "error"), "no answer"
            )
            return {"gain rights": f"the self-test could not run: {problem}"}
