"""Run a submission in a kernel and judge its checks here, outside the kernel.

At a check cell the kernel gets calls made from a seed that it does not know, and sends back plain data. The judge, the
references and the misconceptions run in this process, which never imports a learner's code.
"""

from __future__ import annotations

import ast
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute
from nbgrader.preprocessors.execute import UnresponsiveKernelError

from autograde import exercises
from autograde.answering import pack_calls, unpack_answers
from autograde.build import environment, merge_streams
from autograde.exercise import Exercise
from autograde.judging import judge
from autograde.notebooks import grade_id, nbgrader_data
from autograde.plain import LARGEST
from autograde.verdict import ERROR, NOT_STARTED, Verdict

VERDICTS = "course_verdicts"  # where `resources` carry {grade id: Verdict}
Seeds = Callable[[Exercise], int]


def checked_exercise(cell: NotebookNode) -> Exercise | None:
    """The exercise that a cell checks: a grade cell whose only statement is `check("name")`."""
    data = nbgrader_data(cell)
    if cell.cell_type != "code" or not data.get("grade") or data.get("solution"):
        return None
    try:
        body = ast.parse(cell.source).body
    except (SyntaxError, ValueError):
        return None
    match body:
        case [ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(str(name))], []))]:
            try:
                return exercises.exercise(name)
            except KeyError:
                return None
    return None


def secret(folder: Path) -> bytes:
    """The key of the grader's random inputs, made once per course; never inside a submission's reach by design of
    `.gitignore` and file permissions."""
    file = folder / ".secret"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".secret.{os.getpid()}"
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_hex(32))
        try:
            os.link(temporary, file)  # the first of two graders wins
        except OSError:
            if not file.is_file():
                os.replace(temporary, file)
        temporary.unlink(missing_ok=True)
    return bytes.fromhex(file.read_text().strip())


def secret_seeds(key: bytes, student: str, lesson: str) -> Seeds:
    """Seeds that only the owner of `key` can foresee, the same in each grading of the same student's lesson."""

    def seed(exercise: Exercise) -> int:
        text = "\0".join((student, lesson, exercise.name)).encode()
        return int.from_bytes(hmac.new(key, text, hashlib.sha256).digest()[:8], "big")

    return seed


class RunSubmission(Execute):
    """nbgrader's Execute, with checks judged outside the kernel. Leaves `resources[VERDICTS]`; never raises because of
    what a cell does."""

    seeds: Seeds | None = None

    def preprocess(self, nb, resources, km=None):
        self.verdicts: dict[str, Verdict] = {}
        self.stopped = unreadable_reason(nb)
        if self.seeds is None:
            course = resources["nbgrader"]
            key = secret(Path(self.parent.parent.coursedir.root) / "autograde")
            self.seeds = secret_seeds(key, course["student"], course["assignment"])
        if self.stopped:
            for index, cell in enumerate(nb.cells):
                self.preprocess_cell(cell, resources, index)
        else:
            nb, resources = self._run(nb, resources, km)
        resources[VERDICTS] = self.verdicts
        return nb, resources

    def _run(self, nb, resources, km):
        try:
            return super().preprocess(nb, resources, km)
        except (DeadKernelError, UnresponsiveKernelError, RuntimeError) as error:
            # the kernel ended while it was being started or stopped: cells that did not run get their verdicts here
            self.stopped = self.stopped or f"The notebook could not be run to its end: {error}"
            for index, cell in enumerate(nb.cells):
                if grade_id(cell) not in self.verdicts:
                    self.preprocess_cell(cell, resources, index)
            return nb, resources

    def start_new_kernel(self, **kwargs):
        kwargs["env"] = {**environment(), **(kwargs.get("env") or {})}
        return super().start_new_kernel(**kwargs)

    async def async_start_new_kernel(self, **kwargs):
        kwargs["env"] = {**environment(), **(kwargs.get("env") or {})}
        await super().async_start_new_kernel(**kwargs)

    def preprocess_cell(self, cell, resources, index):
        exercise = checked_exercise(cell)
        if exercise is not None:
            verdict = self._judge(exercise, index)
            self.verdicts[grade_id(cell)] = verdict
            cell.outputs = outputs(verdict)
            cell.execution_count = index + 1
        elif self.stopped:
            if cell.cell_type == "code":
                cell.outputs = [_error("NotRun", self.stopped)]
        else:
            self._guarded(cell, index)
            if cell.cell_type == "code":
                cell.outputs = merge_streams(cell.outputs)
        return cell, resources

    def _guarded(self, cell: NotebookNode, index: int) -> None:
        try:
            self.execute_cell(cell, index, store_history=True)
        except CellTimeoutError:
            cell.outputs = [_error("CellTimeoutError", f"The cell did not end within {self.timeout} seconds.")]
        except (DeadKernelError, UnresponsiveKernelError):
            self.stopped = "The kernel died in an earlier cell, so this cell was not run."
            cell.outputs = [_error("DeadKernelError", "The kernel died while this cell ran.")]
        except Exception as error:
            # a broken protocol message, say: the fault of one cell stays with that cell
            cell.outputs = [_error(type(error).__name__, f"The cell could not be run: {error}")]

    def _judge(self, exercise: Exercise, index: int) -> Verdict:
        if self.stopped:
            return refused(exercise, self.stopped)
        calls = exercise.calls(self.seeds(exercise))
        with tempfile.TemporaryDirectory() as folder:
            request, reply = Path(folder, "request"), Path(folder, "reply")
            request.write_bytes(pack_calls(calls))
            code = (
                "__import__('autograde.grading.asking', fromlist=['answer_file'])"
                f".answer_file({exercise.name!r}, {str(request)!r}, {str(reply)!r}, globals())"
            )
            asking = new_code_cell(code)
            original = self.nb.cells[index]
            self._guarded(asking, index)
            self.nb.cells[index] = original  # nbclient has put the asking cell there
            if self.stopped:
                return refused(exercise, "The kernel died while this check ran.")
            try:
                if reply.stat().st_size > 4 * LARGEST:
                    return refused(exercise, "The results are too large.")
                data = reply.read_bytes()
            except OSError:
                return refused(exercise, "There was no answer: " + _first_error(asking))
        if not data:
            advice = f"There is no `{exercise.name}` when this check runs."
            return Verdict(exercise.name, False, NOT_STARTED, 0.0, advice=advice, points=exercise.points)
        try:
            return judge(exercise, calls, unpack_answers(data, len(calls)))
        except ValueError as error:
            return refused(exercise, f"The answer could not be read: {error}.")


def run_in_kernel(notebook: NotebookNode, files: dict[str, bytes], seeds: Seeds, seconds: float) -> dict[str, Verdict]:
    """Run a normalised notebook in a kernel, with this user's rights, where no process can fork (Windows). Fills in
    the outputs; {grade id: Verdict} of its checks.

    files    what lies beside the notebook
    seconds  for one cell
    """
    runner = RunSubmission(timeout=max(1, round(seconds)), kernel_name="python3")
    runner.seeds = seeds
    with tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True) as folder:
        for name, content in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        _, resources = runner.preprocess(notebook, {"metadata": {"path": folder}})
    return resources[VERDICTS]


def refused(exercise: Exercise, reason: str) -> Verdict:
    """No complete answer: no points, with the reason."""
    return Verdict(exercise.name, False, ERROR, 0.0, advice=reason, points=exercise.points)


def outputs(verdict: Verdict) -> list[NotebookNode]:
    """What the check shows; an error output with it unless everything passed, as in a learner's notebook."""
    shown = [new_output("display_data", {"text/html": verdict.html, "text/plain": verdict.message})]
    return shown if verdict.passed else [*shown, _error("CheckFailed", verdict.summary)]


def _error(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[text])


def _first_error(cell: NotebookNode) -> str:
    for output in cell.outputs:
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}"[:300]
    return "the kernel did not write one."


def unreadable_reason(notebook: NotebookNode) -> str:
    """The sentence that normalising left in a notebook whose file could not be read, or ""."""
    course = notebook.metadata.get("course")
    return str(course.get("unreadable", "")) if isinstance(course, dict) else ""
