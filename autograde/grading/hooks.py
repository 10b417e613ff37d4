"""What `nbgrader_config.py` puts into nbgrader's lists: `nbgrader autograde` and the formgrader's button grade with the
same function, the same records and the same writer as `course grade`."""

from __future__ import annotations

import glob
import os
from functools import cache
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import from_dict
from nbformat.v4 import new_notebook
from nbgrader.converters import Autograde
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import rmtree

from autograde.course import notebooks
from autograde.course.errors import CourseError
from autograde.grading.classes.schedule import NOT_GRADED, Grading, lock
from autograde.grading.classes.workers import attempt
from autograde.grading.grade import grade
from autograde.grading.job import Job
from autograde.grading.records import course as courses
from autograde.grading.records import intake, results
from autograde.grading.records.course import Course
from autograde.grading.records.gradebook import Writer

__all__ = ["GradeSubmission", "SubmissionExporter", "after", "before"]


class SubmissionExporter(NotebookExporter):
    """Opens nothing: `GradeSubmission` reads the submitted file. nbgrader's own stops at the first that is no valid
    notebook."""

    def __init__(self, config=None, **kwargs):
        super().__init__(config=config, **kwargs)
        if isinstance(self.parent, Autograde):  # made once, when it knows whom to grade and before it grades anybody
            try:
                _prepare(self.parent)
            except CourseError as error:
                self.log.warning("%s", error)

    def from_filename(self, filename, resources=None, **kwargs):
        resources = {} if resources is None else resources
        file = Path(filename)
        resources["metadata"] = {"name": file.stem, "path": str(file.parent)}
        return self.from_notebook_node(new_notebook(metadata=from_dict(notebooks.METADATA)), resources, **kwargs)


def _prepare(converter: Autograde) -> None:
    """What nbgrader's command would pass over: submissions whose grading was stopped, and folders without a notebook.

    Of the first it sees the beginnings of a graded notebook and skips them. Where the grade is recorded, it is written
    here; else those beginnings are put away. The second are graded here: no points, with the reason.
    """
    course = Course(converter.parent, converter.coursedir)
    lesson = converter.coursedir.assignment_id
    matched = set(glob.glob(converter._format_source(lesson, converter.coursedir.student_id)))
    excluded = converter.coursedir.student_id_exclude.split(",")
    with lock(course, lesson):
        empty, there = [], []
        for student in course.students(lesson):
            folder = str(course.submitted(student, lesson))
            if folder not in matched or student in excluded:
                continue
            if folder not in converter.assignments:
                empty.append(student)
            elif course.autograded(student, lesson).is_dir():
                if results.begun(course.results, lesson, student):
                    rmtree(str(course.autograded(student, lesson)))
                elif not converter.force and (course.release(lesson) / f"{lesson}.ipynb").is_file():
                    there.append(student)
        if (empty or there) and converter.coursedir.notebook_id == "*":
            common = intake.material(course, lesson)
            with Writer(course, lesson) as writer:
                grading = Grading(course, common, writer, course.options, force=converter.force)
                for student in there if common.alone else ():
                    if not grading.is_complete(student):
                        rmtree(str(course.autograded(student, lesson)))
                for student in empty:
                    item = grading.begin(student)
                    if isinstance(item, Job):
                        result, problem, _ = attempt(grade, item)
                        grading.finish(student, result, problem)


class GradeSubmission(NbGraderPreprocessor):
    """Grades the submission and writes its marks; the notebook becomes the graded one."""

    def preprocess(self, nb, resources):
        names = resources["nbgrader"]
        lesson, notebook, student = names["assignment"], names["notebook"], names["student"]
        converter = self.parent.parent
        course = Course(converter.parent, converter.coursedir)
        common = intake.material(course, lesson, notebook)
        with lock(course, lesson), Writer(course, lesson, notebook) as writer:
            grading = Grading(course, common, writer, course.options, force=True, ends=False)
            item, result = grading.begin(student), None
            if isinstance(item, Job):  # a forced grading has always something to grade
                result, problem, _ = attempt(grade, item)
                item = grading.finish(student, result, problem)
        outcome = item
        if result is None or outcome.state == NOT_GRADED:
            raise CourseError(f"{student} was not graded: {outcome.problem}")
        review = ", needs manual review" if outcome.review else ""
        points = f"{outcome.score:g} of {outcome.max_score:g} points"
        self.log.info("%s, %s: %s%s", student, notebook, points, review)  # the formgrader's window shows it
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

    The marks of an older submission go, so that a grading that is stopped shows no older score with the new time; that
    it has begun is noted, so that it is taken up again. A notebook of another name, if it is the only one, takes the
    place of the expected one, and a time that cannot be read is put aside. `student` is nbgrader's pattern ("*"); whose
    submission it is, is told by the paths of `notebooks`.
    """
    course, name, folder = _whose(assignment, notebooks)
    if name is None:
        return
    results.begin(course.results, assignment, name)
    with Writer(course, assignment) as writer:
        if len(writer.notebooks) == 1:
            notebooks[:] = [str(folder / f"{writer.notebooks[0]}.ipynb")]
        submitted = intake.submitted_at(folder, [])
        if submitted is None and os.path.lexists(folder / intake.TIMESTAMP):
            os.replace(folder / intake.TIMESTAMP, folder / f"{intake.TIMESTAMP}.unreadable")
        if writer.submitted_at(name) not in (None, submitted):
            writer.withdraw(name)


def after(assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader calls this when a submission is graded and all its files are written."""
    course, name, _ = _whose(assignment, notebooks)
    if name is not None:
        results.end(course.results, assignment, name)


def _whose(assignment: str, notebooks: list[str]) -> tuple[Course, str | None, Path]:
    folder = Path(notebooks[0]).parent
    course = _course(Path.cwd())
    names = (name for name in course.students(assignment) if course.submitted(name, assignment) == folder)
    return course, next(names, None), folder
