"""What `nbgrader_config.py` puts into nbgrader's lists."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_notebook
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades

from autograde import notebooks
from autograde.grading import running
from autograde.grading.normalising import normalise, note_cell
from autograde.grading.reading import Submitted, Unreadable, read_submission

__all__ = ["Normalise", "SaveScores", "SubmissionExporter"]


class SubmissionExporter(NotebookExporter):
    """Opens submitted files of any content; nbgrader's own stops at the first that is no valid notebook."""

    def from_filename(self, filename, resources=None, **kwargs):
        resources = {} if resources is None else resources
        file = Path(filename)
        resources["metadata"] = {"name": file.stem, "path": str(file.parent)}
        converter = self.parent
        if getattr(converter, "_sanitizing", False):
            resources["course_file"] = str(file)
            notebook = new_notebook(metadata=from_dict(notebooks.METADATA))
        else:
            notebook = notebooks.read(file)
        return self.from_notebook_node(notebook, resources, **kwargs)


class Normalise(NbGraderPreprocessor):
    """Rebuild the submission from the release (`normalising.normalise`).

    An unreadable file becomes the untouched release, with the reason.
    """

    def preprocess(self, nb, resources):
        course = resources["nbgrader"]
        release = self._release(course["assignment"], course["notebook"])
        locked = locked_sources(course["db_url"], course["assignment"], course["notebook"])
        reason = ""
        try:
            submitted = read_submission(Path(resources["course_file"]))
        except Unreadable as error:
            submitted, reason = Submitted([]), str(error)
        notebook, notes = normalise(release, submitted, locked)
        notebook.metadata = from_dict(notebooks.METADATA)
        if reason:
            notes = [f"{reason} Nothing in it could be graded."]
            notebook.metadata["course"] = {"unreadable": reason}
        if notes:
            self.log.warning("%s, %s: %s", course["student"], course["notebook"], " ".join(notes))
            notebook.cells.insert(0, note_cell(notes))
        return notebook, resources

    def _release(self, assignment: str, notebook: str) -> NotebookNode:
        coursedir = self.parent.parent.coursedir
        folder = coursedir.format_path(coursedir.release_directory, ".", assignment)
        return notebooks.read(Path(folder) / f"{notebook}.ipynb")


def locked_sources(db_url: str, assignment: str, notebook: str) -> dict[str, str]:
    """The sources of locked cells in the gradebook: with the hidden tests that the release lacks."""
    with Gradebook(db_url) as gradebook:
        cells = gradebook.find_notebook(notebook, assignment).source_cells
        return {cell.name: cell.source for cell in cells if cell.locked and cell.source is not None}


class SaveScores(SaveAutoGrades):
    """Writes the judge's scores into the gradebook; ordinary test cells get theirs from what they output."""

    def preprocess(self, nb, resources):
        self.verdicts = resources.get(running.VERDICTS, {})
        self.by_exercise = {verdict.name: verdict for verdict in self.verdicts.values()}
        return super().preprocess(nb, resources)

    def _add_score(self, cell, resources):
        name = cell.metadata["nbgrader"]["grade_id"]
        grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
        most = float(cell.metadata["nbgrader"]["points"])
        verdict = self.verdicts.get(name)
        if verdict is not None:
            score = round(min(1.0, max(0.0, verdict.score)) * most, 2)
        else:
            score = ordinary_score(cell, most)
        grade.auto_score = score
        grade.needs_manual_grade = score is None or grade.manual_score is not None
        self.gradebook.db.commit()

    def _add_comment(self, cell, resources):
        super()._add_comment(cell, resources)
        name = cell.metadata["nbgrader"]["grade_id"]
        verdict = self.by_exercise.get(name)
        if verdict is None or verdict.passed:
            return
        comment = self.gradebook.find_comment(name, self.notebook_id, self.assignment_id, self.student_id)
        comment.auto_comment = verdict.summary
        self.gradebook.db.commit()


_NUMPY_SCALAR = re.compile(r"^np\.\w+\((.*)\)$", re.DOTALL)


def ordinary_score(cell: NotebookNode, most: float) -> float | None:
    """The points of a test cell that an instructor wrote; None where a person has to grade.

    As nbgrader does: an error is 0, a number is partial credit, anything else full. Unlike it: stderr does not count, a
    NumPy scalar is a number, an error beats a result, and a number outside [0, most] is for a person to look at.
    """
    if cell.cell_type != "code" or utils.is_solution(cell):
        return utils.determine_grade(cell)[0]
    if any(output.output_type == "error" for output in cell.outputs):
        return 0.0
    for output in cell.outputs:
        if output.output_type == "execute_result":
            number = _number(output.get("data", {}).get("text/plain", ""))
            if number is not None:
                return number if math.isfinite(number) and 0 <= number <= most else None
    return most


def _number(text: str) -> float | None:
    text = "".join(text) if isinstance(text, list) else str(text)
    scalar = _NUMPY_SCALAR.match(text.strip())
    text = scalar.group(1) if scalar else text.strip()
    if text.lower() in ("nan", "inf", "-inf"):
        return float(text)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
