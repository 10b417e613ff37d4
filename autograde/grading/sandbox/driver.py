"""Drive one submission through the sandbox: time limits, and what happens when its process ends.

The state before is kept: from time to time the process forks, and the older copy waits (`Child.checkpoint`). When the
newer one dies or does not return, the older goes on: the cells since then are run again, without the guilty one. That
costs a fork for every quarter of a second of work, and nothing where nothing happens; where threads run, which a fork
would lose, no copy is made, and the notebook is run again from an older one or from its start.
"""

from __future__ import annotations

import contextlib
import re
import time

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograde.grading.job import Limits
from autograde.grading.sandbox.child import Child
from autograde.grading.sandbox.warm import Runner
from autograde.harness.call import Answer, Call, Skipped
from autograde.harness.sandboxed.frames import Gone, too_much

_BETWEEN = 0.25  # seconds of work between two checkpoints
_MOST = 24  # times that a notebook is taken up again
_MISSING = re.compile(r"name '([^']*)'")
ENDED = ("CellTimeoutError", "DeadKernelError")  # names of errors whose text says all
_KINDS = ("stream", "display_data", "execute_result", "error")


class Stopped(Exception):
    """There is no answer, and the message says why."""


class Driver:
    """Runs the cells of one submission in order; `with` ends its processes."""

    def __init__(self, runner: Runner, stage: str, limits: Limits, files: dict[str, bytes]):
        self.runner, self.stage, self.limits, self.files = runner, stage, limits, files
        self.end = time.monotonic() + limits.total
        self.stopped = ""
        self.missing: set[str] = set()  # names that the last cell did not find
        self.user = 0.0  # seconds of the cells and calls alone
        self.ended = False  # a process ended that was in time
        self._history: list[str] = []  # the cells that made the state of now
        self._kept: list[int] = []  # how many of them each waiting copy has run
        self._since = 0.0  # seconds of work since the last checkpoint
        self._recoveries = 0
        self._child: Child | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Driver:
        self._start()
        return self

    def __exit__(self, *error) -> None:
        self.user += self._running().seconds
        self._stack.close()

    def run(self, source: str) -> tuple[list[NotebookNode], int | None]:
        """Run a cell: its outputs and its number."""
        self.missing = set()
        seconds = self._left(self.limits.cell)
        if self.stopped:
            return [_error("NotRun", self.stopped)], None
        self._checkpoint()
        try:
            reply = self._running().run(source, seconds)
        except Gone as gone:
            self.ended |= not gone.late
            self._recover()
            if gone.late:
                return [_error("CellTimeoutError", f"The cell did not end within {seconds:g} seconds.")], None
            text = f"The process {_end(gone)} while this cell ran."
            text += " Later cells continue from the state before this cell."
            return [_error("DeadKernelError", text)], None
        self._history.append(source)
        self._since += _seconds(reply)
        shown = _outputs(reply["outputs"], self.limits.output)
        for output in shown:
            if output.output_type == "error" and output.ename == "NameError":
                self.missing |= set(_MISSING.findall(output.evalue))
        count = reply.get("count")
        return shown, count if type(count) is int and 0 < count < 10**6 else None

    def ask(self, name: str, calls: list[Call]) -> list[Answer | Skipped] | None:
        """Put calls to the object of that name; None if there is none. Stopped without an answer, ValueError where it
        cannot be read."""
        longest = self._left(self.limits.call * len(calls) + 2)
        if self.stopped:
            raise Stopped(self.stopped)
        self._checkpoint()
        try:
            answers = self._running().ask(name, calls, self.limits.call, longest)
        except Gone as gone:
            self.ended |= not gone.late
            self._recover()
            late = f"no result came within {longest:g} seconds" if gone.late else f"the process {_end(gone)}"
            raise Stopped(f"While this check ran, {late}.") from None
        return answers

    def ask_mended(self, name: str, calls: list[Call], mended: dict[str, str]) -> list[Answer | Skipped] | None:
        """Put calls to the object of that name in a copy of the process in which other objects ({name: source}) are
        mended; the copy ends with it. None without an answer, or where no copy can be made."""
        longest = self._left(self.limits.call * len(calls) + 2)
        if self.stopped or self._child is None or not self._child.checkpoint():
            return None
        try:
            return self._running().ask(name, calls, self.limits.call, longest, mended)
        except (Gone, ValueError):
            return None
        finally:
            if not self._running().back():
                self._recover()

    def _left(self, seconds: float) -> float:
        left = self.end - time.monotonic()
        if left <= 0 and not self.stopped:
            self.stopped = (
                f"The notebook had used its {self.limits.total:g} seconds before this cell, so it was not run."
            )
        return max(0.001, min(seconds, left))

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("the driver has not been entered")
        return self._child

    # --- states -----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.user += self._child.seconds if self._child else 0.0
        self._stack.close()
        self._child = self._stack.enter_context(self.runner.child(self.stage, self.limits, self.files))
        self._kept, self._since = [], 0.0

    def _checkpoint(self) -> None:
        if self._since >= _BETWEEN and self._running().checkpoint():
            self._kept.append(len(self._history))
            self._since = 0.0

    def _recover(self) -> None:
        """Come back to the state that the cells of the history made."""
        while not self.stopped:
            self._recoveries += 1
            if self._recoveries > _MOST:
                self.stopped = (
                    f"The process of the notebook had ended {_MOST} times before this cell, so it was not run."
                )
                return
            if self._running().back():
                done = self._kept.pop()
            else:
                self._start()
                done = 0
            again, self._history = self._history[done:], self._history[:done]
            if self._again(again):
                return

    def _again(self, sources: list[str]) -> bool:
        """Run cells once more; False where one ended the process, which is then left out of the history."""
        self._since = 0.0
        for index, source in enumerate(sources):
            seconds = self._left(self.limits.cell)
            if self.stopped:
                return False
            try:
                self._since += _seconds(self._running().run(source, seconds))
            except Gone as gone:
                self.ended |= not gone.late
                self._history += sources[index + 1 :]
                return False
            self._history.append(source)
        return True


def _end(gone: Gone) -> str:
    return f"used {too_much(gone.memory)} and was ended" if gone.memory else "ended"


def _seconds(reply: dict) -> float:
    seconds = reply.get("seconds")
    return seconds if type(seconds) is float and 0 <= seconds < 1e6 else 0.0


# --- outputs --------------------------------------------------------------------------------------------------------


def _outputs(rows: list, limit: int) -> list[NotebookNode]:
    """What came from the sandbox, as outputs of a notebook; what has another form is left out."""
    shown, size = [], 0
    for row in rows[:10_000]:
        try:
            output = _output(row)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            continue
        size += len(str(row))
        if size > 4 * limit:
            break
        shown.append(output)
    return shown


def _output(row: dict) -> NotebookNode:
    kind = row["output_type"]
    if kind == "stream":
        return new_output("stream", name="stderr" if row["name"] == "stderr" else "stdout", text=_text(row["text"]))
    if kind == "error":
        lines = [_text(line) for line in row["traceback"]]
        return new_output("error", ename=_text(row["ename"]), evalue=_text(row["evalue"]), traceback=lines)
    if kind not in _KINDS:
        raise ValueError(kind)
    data = {_text(mime): value if mime.endswith("json") else _text(value) for mime, value in row["data"].items()}
    metadata = row["metadata"] if type(row["metadata"]) is dict else {}
    made = {"data": data, "metadata": nbformat.from_dict(metadata)}
    if kind == "execute_result":
        count = row.get("execution_count")
        made["execution_count"] = count if type(count) is int else None
    return new_output(kind, **made)


def _text(value) -> str:
    if type(value) is not str:
        raise TypeError
    return value.encode("utf-8", "replace").decode("utf-8")


def _error(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[text])
