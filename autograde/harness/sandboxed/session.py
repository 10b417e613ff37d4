"""Inside the sandbox: runs the cells of one notebook and answers calls, in one process with the learner's code.

Nothing here is trusted: whatever it sends is data, and the grader decides outside. The grader asks, one frame at a
time (`frames`), and this answers with one frame:

    {"do": "begin", "files": {name: size}, "links": {name: target}, "output", "memory"} + contents -> {}
    {"do": "run", "source", "seconds"}                      -> {"outputs", "late", "count", "threads", "seconds"}
    {"do": "ask", "name", "seconds", "factories", "mended"} + packed calls
                                                            -> {"there", "threads", "seconds"} + packed answers
    {"do": "checkpoint"} + a socket                         -> (nothing: the copy answers {} by that socket)
    {"do": "resume"}                                        -> {} (from the process that waited)
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from autograde.harness.call import Answer, Skipped
from autograde.harness.fixtures import FACTORIES
from autograde.harness.invoke import answer
from autograde.harness.sandboxed import frames
from autograde.harness.sandboxed.frames import Message
from autograde.harness.sandboxed.shell import Shell
from autograde.harness.wire import pack_answers, unpack_calls

_AGAIN = 1.0  # seconds after which a time-out that was swallowed is raised again
_PRINTED = 2**20  # bytes of what is written to the process's own output, around Python


class CellTimeoutError(BaseException):
    """The cell took too long. Not an `Exception`, so that `except Exception` in a learner's code lets it through."""


class Session:
    """One submission's process.

    connection  to the grader
    work        the folder in which the notebook lies
    """

    def __init__(self, connection: socket.socket, shell: Shell, work: str):
        self.connection, self.shell, self.work = connection, shell, work
        self.copy: int | None = None  # the process that went on from here
        self.output = 0
        self.process = os.getpid()

    def serve(self) -> None:
        """Answer frames until the grader closes the connection."""
        while True:
            try:
                message, data = frames.receive(self.connection)
                reply, more = getattr(self, f"do_{message['do']}")(message, data)
                if os.getpid() != self.process:  # a copy that the learner's code has forked ends with the cell
                    os._exit(0)
                if reply is not None:
                    frames.send(self.connection, reply, more)
            except frames.Ended:
                os._exit(0)

    def do_begin(self, message: Message, data: bytes) -> tuple[Message, bytes]:
        at = 0
        for name, size in message["files"].items():
            file = Path(self.work, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data[at : at + size])
            at += size
        for name, target in message["links"].items():
            if not os.path.lexists(os.path.join(self.work, name)):
                os.symlink(target, os.path.join(self.work, name))
        self.most, self.memory = message["output"], message["memory"]
        self.output = os.open(os.path.join(os.environ["TMPDIR"], ".output"), os.O_RDWR | os.O_CREAT | os.O_APPEND)
        for number in (1, 2):
            os.dup2(self.output, number)
        return {}, b""

    def do_run(self, message: Message, data: bytes) -> tuple[Message, bytes]:
        start = time.monotonic()
        seconds = message["seconds"]
        late = False
        with _interrupt(seconds):
            try:
                outputs = self.shell.cell(message["source"], self.most)
            except BaseException as error:
                outputs = [*self.shell.outputs.finished(), _error(type(error).__name__, str(error))]
        for output in outputs:
            if output.get("output_type") == "error" and output["ename"] == CellTimeoutError.__name__:
                late = True
                output["evalue"] = f"The cell did not end within {seconds:g} seconds."
                output["traceback"] = [output["evalue"]]
            elif output.get("output_type") == "error" and _out_of_memory(output["ename"], output["evalue"]):
                output["evalue"] = self._limit(output["evalue"])
                output["traceback"] = [*output["traceback"], self._limit("")]
        written = self._written()
        if written:
            outputs.insert(0, {"output_type": "stream", "name": "stdout", "text": written})
        reply = {"outputs": outputs, "late": late, "count": self.shell.execution_count - 1}
        return {**reply, "threads": _threads(), "seconds": time.monotonic() - start}, b""

    def _limit(self, text: str) -> str:
        """The text of an error, with the limit that it met."""
        return f"{text.rstrip('. ')}. The notebook asked for {frames.too_much(self.memory)}.".lstrip(". ")

    def _named(self, given: Answer | Skipped) -> Answer | Skipped:
        problem = given.problem
        if problem is None or not _out_of_memory(problem.kind, problem.text):
            return given
        return replace(given, problem=replace(problem, text=self._limit(problem.text)))

    def _written(self) -> str:
        """What was written to the process's own output, by a program that was started or by compiled code."""
        try:
            size = os.fstat(self.output).st_size
            if not size:
                return ""
            text = os.pread(self.output, min(size, _PRINTED), 0).decode("utf-8", "replace")
            os.ftruncate(self.output, 0)
            return text
        except OSError:
            return ""

    def do_ask(self, message: Message, data: bytes) -> tuple[Message, bytes]:
        start = time.monotonic()
        for source in message["factories"]:
            exec(compile(source, "<fixture>", "exec"), sys.modules["autograde.harness.fixtures"].__dict__)
        namespace = self.shell.user_ns
        try:
            for name, source in message["mended"].items():
                mended: dict[str, object] = {"__name__": "mended"}
                exec(compile(source, "<mended>", "exec"), mended)
                namespace[name] = mended[name]
            if message["name"] not in namespace:
                return {"there": False, "seconds": 0.0, "threads": _threads()}, b""
            answers = answer(namespace[message["name"]], unpack_calls(data), message["seconds"])
            answers = [self._named(answer) for answer in answers]
            return {"there": True, "seconds": time.monotonic() - start, "threads": _threads()}, pack_answers(answers)
        except BaseException as error:  # the learner's code has broken what answers for it
            return {
                "there": True,
                "broken": f"{type(error).__name__}: {error}"[:300],
                "threads": 0,
                "seconds": 0.0,
            }, b""
        finally:
            FACTORIES.clear()

    def do_checkpoint(self, message: Message, data: bytes) -> tuple[Message | None, bytes]:
        """Fork: the copy goes on over the new socket, this process waits on the old one, in the state of now."""
        _, descriptors, _, _ = socket.recv_fds(self.connection, 1, 1)
        if not descriptors:
            raise frames.Ended("no socket came")
        sys.stdout.flush()
        try:
            copy = os.fork()
        except OSError:  # as many processes as are allowed run already
            copy = None
        if copy != 0:
            self.copy = copy
            os.close(descriptors[0])
            return None, b""
        os.setpgid(0, 0)
        self.connection.close()
        self.connection = socket.socket(fileno=descriptors[0])
        self.copy, self.process = None, os.getpid()
        return {}, b""

    def do_resume(self, message: Message, data: bytes) -> tuple[Message, bytes]:
        if self.copy:
            for kill, number in ((os.killpg, self.copy), (os.kill, self.copy)):
                with contextlib.suppress(OSError):
                    kill(number, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitpid(self.copy, 0)
            self.copy = None
        with contextlib.suppress(OSError):
            os.ftruncate(self.output, 0)
        return {}, b""


@contextlib.contextmanager
def _interrupt(seconds: float) -> Iterator[None]:
    """Raise CellTimeoutError after `seconds`, and again every second while it is swallowed."""

    def stop(signum: int, frame: object) -> None:
        raise CellTimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _out_of_memory(kind: str, text: str) -> bool:
    """Whether an error says that no more memory was given: Python's and NumPy's MemoryError, PyTorch's RuntimeError."""
    return kind == "MemoryError" or "can't allocate memory" in text


def _error(name: str, text: str) -> Message:
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        import threading

        return threading.active_count()
