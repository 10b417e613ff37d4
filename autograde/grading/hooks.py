"""What `nbgrader_config.py` puts into nbgrader's lists: `nbgrader autograde` and the formgrader's button grade with the
same function, the same records and the same writer as `course grade`."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import from_dict
from nbformat.v4 import new_notebook
from nbgrader.preprocessors import NbGraderPreprocessor

from autograde import notebooks
from autograde.errors import CourseError
from autograde.grading import course as courses
from autograde.grading import gathering
from autograde.grading.course import Course
from autograde.grading.grade import grade
from autograde.grading.schedule import Grading, lock
from autograde.grading.workers import attempt
from autograde.grading.writing import Writer

__all__ = ["GradeSubmission", "SubmissionExporter", "before"]


class SubmissionExporter(NotebookExporter):
    """Opens nothing: `GradeSubmission` reads the submitted file. nbgrader's own stops at the first that is no valid
    notebook."""

    def from_filename(self, filename, resources=None, **kwargs):
        resources = {} if resources is None else resources
        file = Path(filename)
        resources["metadata"] = {"name": file.stem, "path": str(file.parent)}
        return self.from_notebook_node(new_notebook(metadata=from_dict(notebooks.METADATA)), resources, **kwargs)


class GradeSubmission(NbGraderPreprocessor):
    """Grades the submission and writes its marks; the notebook becomes the graded one."""

    def preprocess(self, nb, resources):
        names = resources["nbgrader"]
        lesson, notebook, student = names["assignment"], names["notebook"], names["student"]
        converter = self.parent.parent
        course = Course(converter.parent, converter.coursedir)
        common = gathering.material(course, lesson, notebook)
        with lock(course, lesson), Writer(course, lesson, notebook) as writer:
            grading = Grading(course, common, writer, course.options, force=True)
            result, problem, _ = attempt(grade, grading.begin(student))
            outcome = grading.finish(student, result, problem)
        if result is None:
            raise CourseError(f"{student} was not graded: {problem}")
        if outcome.notes:
            self.log.warning("%s, %s: %s", student, notebook, " ".join(outcome.notes))
        # nbgrader writes this file once more, and then sets its permissions
        os.chmod(course.autograded(student, lesson) / f"{notebook}.ipynb", 0o644)
        return nbformat.reads(result.notebook, as_version=4), resources


@cache
def _course(root: Path) -> Course:
    return courses.load(root, quiet=False)


def before(assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader calls this before it puts a new time of submission into the gradebook.

    The marks of an older submission go, so that a grading that is stopped shows no older score with the new time. A
    notebook of another name, if it is the only one, takes the place of the expected one, and a time that cannot be read
    is put aside. `student` is nbgrader's pattern ("*"); whose submission it is stands in the paths of `notebooks`.
    """
    folder = Path(notebooks[0]).parent
    course = _course(Path.cwd())
    names = [name for name in course.students(assignment) if course.submitted(name, assignment) == folder]
    if not names:
        return
    with Writer(course, assignment) as writer:
        if len(writer.notebooks) == 1:
            notebooks[:] = [str(folder / f"{writer.notebooks[0]}.ipynb")]
        submitted = gathering.submitted_at(folder, [])
        if submitted is None and os.path.lexists(folder / gathering.TIMESTAMP):
            os.replace(folder / gathering.TIMESTAMP, folder / f"{gathering.TIMESTAMP}.unreadable")
        if writer.submitted_at(names[0]) not in (None, submitted):
            writer.withdraw(names[0])
