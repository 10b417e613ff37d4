"""Run a submission in a kernel and judge its checks here, outside the kernel.

At a check cell the kernel gets calls made from a seed that it does not know, and sends back plain data. The judge, the
references and the misconceptions run in this process, which never imports a learner's code.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.preprocessors import Execute
from nbgrader.preprocessors.execute import UnresponsiveKernelError
from traitlets import List, Unicode

from autograde.course.kernels import environment
from autograde.course.notebooks import grade_id, merge_streams
from autograde.exercise import Exercise
from autograde.grading.notebook.cells import answer_source, checked_exercise, error_output, outputs, refused, undefined
from autograde.grading.notebook.mending import reference_source
from autograde.harness.plain import LARGEST
from autograde.harness.wire import pack_calls, unpack_answers
from autograde.judge import carry
from autograde.judge.judge import judge
from autograde.judge.verdict import Verdict

Seeds = Callable[[Exercise], int]


class RunSubmission(Execute):
    """nbgrader's Execute, with checks judged outside the kernel. Never raises because of what a cell does.

    seeds          the seed of each exercise's calls
    carry_forward  as `Options.carry_forward`
    verdicts       {grade id: Verdict} of the checks that have run
    """

    seeds: Seeds
    carry_forward = True
    verdicts: dict[str, Verdict]
    # its warning about unencrypted messages on this machine frightens learners, who can do nothing about it
    extra_arguments = List(Unicode(), default_value=["--IPKernelApp.log_level=ERROR"]).tag(config=True)

    def preprocess(self, nb, resources, km=None):
        self.verdicts, self.stopped = {}, ""
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
            if self.carry_forward and not verdict.passed and not self.stopped:
                verdict = self._carried(exercise, verdict, index)
            self.verdicts[grade_id(cell)] = verdict
            cell.outputs = outputs(verdict)
            cell.execution_count = index + 1
        elif self.stopped:
            if cell.cell_type == "code":
                cell.outputs = [error_output("NotRun", self.stopped)]
        else:
            self._guarded(cell, index)
            if cell.cell_type == "code":
                cell.outputs = merge_streams(cell.outputs)
        return cell, resources

    def _guarded(self, cell: NotebookNode, index: int) -> None:
        try:
            self.execute_cell(cell, index, store_history=True)
        except CellTimeoutError:
            cell.outputs = [error_output("CellTimeoutError", f"The cell did not end within {self.timeout} seconds.")]
        except (DeadKernelError, UnresponsiveKernelError):
            self.stopped = "The kernel died in an earlier cell, so this cell was not run."
            cell.outputs = [error_output("DeadKernelError", "The kernel died while this cell ran.")]
        except Exception as error:
            # a broken protocol message, say: the fault of one cell stays with that cell
            cell.outputs = [error_output(type(error).__name__, f"The cell could not be run: {error}")]

    def _carried(self, exercise: Exercise, verdict: Verdict, index: int) -> Verdict:
        """The verdict after the answer has been asked again with what it uses of earlier exercises mended."""
        later = [check.name for cell in self.nb.cells[index + 1 :] if (check := checked_exercise(cell))]
        sources = [cell.source for cell in self.nb.cells[:index] if cell.cell_type == "code"]
        names = carry.to_mend(exercise, carry.code_from(sources), carry.settled(self.verdicts.values(), later))
        if not names:
            return verdict
        again = self._judge(exercise, index, {name: reference_source(name) for name in names})
        return carry.carried(verdict, again, names, private=True)

    def _judge(self, exercise: Exercise, index: int, mended: dict[str, str] | None = None) -> Verdict:
        if self.stopped:
            return refused(exercise, self.stopped)
        calls = exercise.calls(self.seeds(exercise))
        with tempfile.TemporaryDirectory() as folder:
            request, reply = Path(folder, "request"), Path(folder, "reply")
            request.write_bytes(pack_calls(calls))
            code = (
                "__import__('autograde.grading.kernel.reply', fromlist=['answer_file'])"
                f".answer_file({exercise.name!r}, {str(request)!r}, {str(reply)!r}, globals(), {mended or {}!r})"
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
                return refused(
                    exercise, "There was no answer: " + (_error_of(asking) or "the kernel did not write it.")
                )
        if not data:
            answers = [cell for cell in self.nb.cells[:index] if grade_id(cell) == exercise.name]
            return undefined(self.nb, exercise, _error_of(answers[-1]) if answers else "")
        try:
            answers = unpack_answers(data, len(calls))
            return judge(exercise, calls, answers, source=answer_source(self.nb, exercise))
        except ValueError as error:
            return refused(exercise, f"The answer could not be read: {error}.")


def run_in_kernel(
    notebook: NotebookNode, files: dict[str, bytes], seeds: Seeds, seconds: float, carry_forward: bool = True
) -> dict[str, Verdict]:
    """Run a normalised notebook in a kernel, with this user's rights, where no process can fork (Windows). Fills in
    the outputs; {grade id: Verdict} of its checks.

    files    what lies beside the notebook
    seconds  for one cell
    """
    runner = RunSubmission(timeout=max(1, round(seconds)), kernel_name="python3")
    runner.seeds, runner.carry_forward = seeds, carry_forward
    with tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True) as folder:
        for name, content in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        runner.preprocess(notebook, {"metadata": {"path": folder}})
    return runner.verdicts


def _error_of(cell: NotebookNode) -> str:
    errors = (output for output in cell.get("outputs", ()) if output.output_type == "error")
    return next((f"{error.ename}: {error.evalue}"[:300] for error in errors), "")
