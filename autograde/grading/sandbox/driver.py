"""Drive one submission through the sandbox: time limits, and what happens when its process ends.

The state before is kept: from time to time the process forks, and the older copy waits (`Child.checkpoint`). When the
newer one dies or does not return, the older goes on: the cells since then are run again, without the guilty one. That
costs a fork for every quarter of a second of work, and nothing where nothing happens; where threads run, which a fork
would lose, no copy is made, and the notebook is run again from an older one or from its start.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograde.course.text import whole
from autograde.grading.deadline import Deadline, Unusable
from autograde.grading.job import Limits
from autograde.grading.sandbox.child import GRACE, WAIT, Child, seconds_of
from autograde.grading.sandbox.warm import Runner
from autograde.harness.call import Answer, Call, Skipped
from autograde.harness.problems import undefined_name
from autograde.harness.sandboxed.frames import Gone, too_much
from autograde.harness.wire import unpack_answers

_BETWEEN = 0.25  # seconds of work between two checkpoints
_MOST = 24  # times that a notebook is taken up again
ENDED = ("CellTimeoutError", "DeadKernelError")  # names of errors whose text says all
MOST_OUTPUTS = 10_000  # of one cell
MOST_COUNT = 10**6  # of an execution count
ODD_OUTPUT = "[An output is not shown: it has a form that no notebook can hold.]\n"


class Stopped(Exception):
    """There is no answer, and the message says why; `late`: none came in time."""

    def __init__(self, reason: str, late: bool = False):
        super().__init__(reason)
        self.late = late


class Driver:
    """Runs the cells of one submission in order; `with` ends its processes."""

    def __init__(
        self, runner: Runner, stage: str, limits: Limits, files: dict[str, bytes], deadline: Deadline | None = None
    ):
        self.runner, self.stage, self.limits, self.files = runner, stage, limits, files
        self.deadline = deadline or Deadline(limits.total)
        self.stopped = ""
        self.missing: set[str] = set()  # names that the last cell did not find
        self.late, self.seconds = False, 0.0  # whether the last cell did not end in time, and how long it took
        self.user = 0.0  # seconds of only the cells and calls
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

    def run(self, source: str, seconds: float | None = None) -> tuple[list[NotebookNode], int | None]:
        """Run a cell: its outputs and its number. `seconds` defaults to the limit of a cell."""
        self.missing, self.late = set(), False
        limit = self._left(self.limits.cell if seconds is None else seconds)
        if self.stopped:
            return [_error("NotRun", self.stopped)], None
        self._checkpoint()
        begun = time.monotonic()
        try:
            reply = self._running().run(source, limit)
        except Gone as gone:
            self.late, self.seconds = gone.late, time.monotonic() - begun
            self.ended |= not gone.late
            self._recover()
            if gone.late:
                return [_error("CellTimeoutError", f"The cell did not end within {limit:g} seconds.")], None
            text = f"The process {_end(gone)} while this cell ran."
            text += " Later cells continue from the state before this cell."
            return [_error("DeadKernelError", text)], None
        self._history.append(source)
        self._since += seconds_of(reply)
        self.late, self.seconds = reply.get("late") is True, time.monotonic() - begun
        try:
            with self.deadline.handling("What the cell has shown is left out"):
                shown = _outputs(reply["outputs"], self.limits.output)
        except Unusable as error:
            shown = [_error("NotShown", f"{error}.")]
        errors = (output for output in shown if output.output_type == "error")
        self.missing |= {name for error in errors if (name := undefined_name(error.ename, error.evalue))}
        count = reply.get("count")
        return shown, count if type(count) is int and 0 < count < MOST_COUNT else None

    def ask(self, name: str, calls: list[Call]) -> list[Answer | Skipped] | None:
        """Put calls to the object of that name; None if there is none. Stopped without an answer; ValueError or
        Unusable where it cannot be read."""
        longest = self._left(self.limits.call * len(calls) + 2)
        if self.stopped:
            raise Stopped(self.stopped)
        self._checkpoint()
        try:
            packed = self._running().ask(name, calls, self.limits.call, longest)
        except Gone as gone:
            self.ended |= not gone.late
            self._recover()
            late = f"no result came within {longest:g} seconds" if gone.late else f"the process {_end(gone)}"
            raise Stopped(f"While this check ran, {late}.", late=gone.late) from None
        return self._unpacked(packed, calls)

    def _unpacked(self, packed: bytes | None, calls: list[Call]) -> list[Answer | Skipped] | None:
        if packed is None:
            return None
        with self.deadline.handling("The answer could not be read", own=(ValueError,)):
            return unpack_answers(packed, len(calls))

    def ask_mended(self, name: str, calls: list[Call], mended: dict[str, str]) -> list[Answer | Skipped] | None:
        """Put calls to the object of that name in a copy of the process in which other objects ({name: source}) are
        mended; the copy ends with it. None without an answer, or where no copy can be made."""
        longest = self._left(self.limits.call * len(calls) + 2)
        if self.stopped or self._child is None or not self._child.checkpoint(self._wait()):
            return None
        try:
            packed = self._running().ask(name, calls, self.limits.call, longest, mended)
        except Gone as gone:
            self.ended |= not gone.late
            return None
        except ValueError:
            return None
        finally:
            if not self._running().back(self._wait()):
                self._recover()
        return self._unpacked(packed, calls)

    def _left(self, seconds: float) -> float:
        left = self.deadline.left
        if left <= 0 and not self.stopped:
            self.stopped = (
                f"The notebook had used its {self.limits.total:g} seconds before this cell, so it was not run."
            )
        return max(0.001, min(seconds, left))

    def _wait(self) -> float:
        """Seconds for an answer that comes at once."""
        return max(0.001, min(WAIT, self.deadline.left + GRACE))

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
        if self._since >= _BETWEEN and self._running().checkpoint(self._wait()):
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
            if self._running().back(self._wait()):
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
                self._since += seconds_of(self._running().run(source, seconds))
            except Gone as gone:
                self.ended |= not gone.late
                self._history += sources[index + 1 :]
                return False
            self._history.append(source)
        return True


def _end(gone: Gone) -> str:
    return f"used {too_much(gone.memory)} and was ended" if gone.memory else "ended"


# --- outputs --------------------------------------------------------------------------------------------------------


def _outputs(rows: list, limit: int) -> list[NotebookNode]:
    """What came from the sandbox, as outputs of a notebook; in place of what has another form there is a sentence."""
    shown, size = [], 0
    for row in rows[:MOST_OUTPUTS]:
        size += len(str(row))
        if size > 4 * limit:
            break
        try:
            shown.append(_output(row))
        except Exception:
            shown.append(new_output("stream", name="stderr", text=ODD_OUTPUT))
    return shown


def _output(row: dict) -> NotebookNode:
    kind = row["output_type"]
    if kind == "stream":
        return new_output("stream", name="stderr" if row["name"] == "stderr" else "stdout", text=_text(row["text"]))
    if kind == "error":
        lines = [_text(line) for line in row["traceback"]]
        return new_output("error", ename=_text(row["ename"]), evalue=_text(row["evalue"]), traceback=lines)
    if kind not in ("display_data", "execute_result"):
        raise ValueError(kind)
    # JSON of any kind may be shown; no page of the course shows more of it than its text
    data = {
        _text(mime): _text(value if type(value) is str else json.dumps(value)) for mime, value in row["data"].items()
    }
    made = {"data": data, "metadata": nbformat.from_dict(_metadata(row.get("metadata")))}
    if kind == "execute_result":
        count = row.get("execution_count")
        made["execution_count"] = count if type(count) is int and 0 <= count < MOST_COUNT else None
    return new_output(kind, **made)


def _metadata(metadata: Any) -> dict[str, Any]:
    """Metadata of an output whose text can be written: pictures have some, one level deep."""
    if type(metadata) is not dict:
        return {}
    kept: dict[str, Any] = {}
    for name, value in metadata.items():
        if type(value) is dict:
            kept[_text(name)] = {_text(key): _leaf(item) for key, item in value.items()}
        else:
            kept[_text(name)] = _leaf(value)
    return kept


def _leaf(value: Any) -> Any:
    if type(value) is str:
        return _text(value)
    return value if value is None or type(value) in (bool, int, float) else None


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(type(value).__name__)
    return whole(value)


def _error(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[text])
