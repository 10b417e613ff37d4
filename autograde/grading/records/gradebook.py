"""The one writer: a record goes into nbgrader's gradebook in one transaction, its notebook among the autograded files.

nbgrader's own functions commit after each field and look every row up by four names. Here the same rows of the same
models are written in one session: all grades of a submission are there, or none.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nbformat import from_dict
from nbgrader import utils
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    Notebook,
    SolutionCell,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    TaskCell,
)
from sqlalchemy.exc import OperationalError

from autograde.course import notebooks, times
from autograde.course.errors import CourseError
from autograde.course.text import whole
from autograde.grading.job import Result, Score
from autograde.grading.notebook.normalise import note_cell
from autograde.grading.records import intake
from autograde.grading.records.course import Course
from autograde.grading.records.results import Record

LONGEST = 20_000  # characters of a comment
TRIES = 5  # of a transaction, where the database is busy
NO_RESPONSE = "No response."  # nbgrader's words for an answer that is as it was handed out
NO_VERDICT = "There is no complete verdict, so there are no points. This needs manual review."
NOT_GRADED = "**Not graded.** The newest version could not be graded. The points are those of the version before."
_NOTE = "not-graded"  # the id of the cell that says so
T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """A cell of the gradebook that gets points (`max_score` is not None) or a comment; a task is graded by hand."""

    id: str
    max_score: float | None
    comment: bool
    task: bool = False


@dataclass(frozen=True, kw_only=True)
class Written:
    """What the gradebook says of a submission afterwards; `review`: it needs manual grading."""

    student: str
    score: float
    max_score: float
    review: bool
    late: float = 0.0


class Writer:
    """Writes records of one notebook (default: the first) of a lesson. Use as a context manager.

    notebooks  the names of all notebooks of the lesson
    """

    def __init__(self, course: Course, lesson: str, notebook: str | None = None) -> None:
        self.course, self.lesson, self.notebook = course, lesson, notebook

    def __enter__(self) -> Writer:
        self._gradebook = Gradebook(self.course.db_url, self.course.course_id)
        self._db = self._gradebook.db
        try:
            self._read_cells()
        except BaseException:
            self._gradebook.close()
            raise
        return self

    def __exit__(self, *exc) -> None:
        self._gradebook.close()

    def _read_cells(self) -> None:
        rows = (
            self._db.query(Notebook.name, Notebook.id, Notebook.assignment_id)
            .join(Assignment, Assignment.id == Notebook.assignment_id)
            .filter(Assignment.name == self.lesson)
            .order_by(Notebook.name)
            .all()
        )
        self.notebooks = [name for name, *_ in rows]
        mine = self.notebook or (self.notebooks[0] if self.notebooks else "")
        if mine not in self.notebooks:
            raise CourseError(f"The gradebook does not know {self.lesson}. Run `course release {self.lesson}` first.")
        self.notebook = mine
        self._notebooks = [notebook for _, notebook, _ in rows]
        self._notebook_id = self._notebooks[self.notebooks.index(mine)]
        self._assignment_id = rows[0][2]
        self._cells = {notebook_id: self._cells_of(notebook_id) for notebook_id in self._notebooks}
        self.max_score = sum(cell.max_score or 0.0 for cell in self._cells[self._notebook_id].values())
        self._db.rollback()

    def _cells_of(self, notebook_id: str) -> dict[tuple[str, bool], Cell]:
        """{(name, is it only a solution cell): Cell}: nbgrader has a row each for a cell's grade and its comment."""
        cells = {}
        for cell in self._db.query(BaseCell).filter(BaseCell.notebook_id == notebook_id):
            max_score = getattr(cell, "max_score", None)
            solution, task = isinstance(cell, SolutionCell), isinstance(cell, TaskCell)
            cells[cell.name, solution] = Cell(cell.id, max_score, solution or task, task)
        return cells

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self, record: Record, notebook: str | None = None, changed: bool = True) -> Written:
        """Write the marks of a record into the gradebook, all or none.

        notebook  the graded notebook, as JSON text; None: the one that was saved
        changed   the answers may differ from those that were graded by hand: those need review again
        """
        if notebook is None:
            notebook = self._notebook_file(record.result.student).read_text(encoding="utf-8")
        untouched = _untouched(notebook)
        return self._transaction(lambda: self._write(record, untouched, changed))

    def _transaction(self, work: Callable[[], T]) -> T:
        for left in reversed(range(TRIES)):
            try:
                done = work()
                self._db.commit()
                return done
            except OperationalError:  # another program holds the database
                self._db.rollback()
                if not left:
                    raise
                time.sleep(0.2 * (TRIES - left))
            except BaseException:
                self._db.rollback()
                raise
            finally:
                self._db.expunge_all()
        raise AssertionError("unreachable")

    def _write(self, record: Record, untouched: frozenset[str], changed: bool) -> Written:
        result = record.result
        submission = self._submission(result.student, record.submitted)
        mine = self._mine(submission)
        grades, comments = self._rows(mine)
        reviews = {review.grade_id for review in result.reviews}
        for (name, _), cell in self._cells[self._notebook_id].items():
            if cell.max_score is not None:
                mark = result.scores.get(
                    name, Score(grade_id=name, points=None, max_score=cell.max_score) if cell.task else None
                )
                self._grade(grades[cell.id], mark, cell.max_score, name in reviews, changed)
            if cell.comment:
                comments[cell.id].auto_comment = self._comment(name, result, name in untouched)
        self._db.flush()
        self._penalise(submission, mine)
        self._db.flush()
        score = float(mine.score)
        review = any(grade.needs_manual_grade for grade in grades.values())
        return Written(
            student=result.student,
            score=score,
            max_score=self.max_score,
            review=review,
            late=float(mine.late_submission_penalty or 0.0),
        )

    def _submission(self, student: str, submitted: datetime.datetime | None) -> SubmittedAssignment:
        """The submission's row, made with all that belongs to it where it is new, as nbgrader makes it."""
        if self._db.get(Student, student) is None:
            self._db.add(Student(id=student))
            self._db.flush()
        row = self._submission_of(student)
        if row is None:
            row = SubmittedAssignment(assignment_id=self._assignment_id, student_id=student)
            self._db.add(row)
            self._db.flush()
        row.timestamp = submitted
        return row

    def _submission_of(self, student: str) -> SubmittedAssignment | None:
        rows = self._db.query(SubmittedAssignment)
        return rows.filter_by(assignment_id=self._assignment_id, student_id=student).one_or_none()

    def _notebook_of(self, submission: SubmittedAssignment) -> SubmittedNotebook | None:
        rows = self._db.query(SubmittedNotebook)
        return rows.filter_by(assignment_id=submission.id, notebook_id=self._notebook_id).one_or_none()

    def _mine(self, submission: SubmittedAssignment) -> SubmittedNotebook:
        known = {
            row.notebook_id: row for row in self._db.query(SubmittedNotebook).filter_by(assignment_id=submission.id)
        }
        for notebook_id in self._notebooks:
            if notebook_id not in known:
                known[notebook_id] = SubmittedNotebook(notebook_id=notebook_id, assignment_id=submission.id)
                self._db.add(known[notebook_id])
                self._db.flush()
                if notebook_id != self._notebook_id:
                    self._rows(known[notebook_id])
        return known[self._notebook_id]

    def _rows(self, submitted: SubmittedNotebook) -> tuple[dict[str, Grade], dict[str, Comment]]:
        """{cell: row} of grades and comments; rows that are missing are made."""
        grades = {row.cell_id: row for row in self._db.query(Grade).filter_by(notebook_id=submitted.id)}
        comments = {row.cell_id: row for row in self._db.query(Comment).filter_by(notebook_id=submitted.id)}
        for cell in self._cells[submitted.notebook_id].values():
            if cell.max_score is not None and cell.id not in grades:
                grades[cell.id] = Grade(cell_id=cell.id, notebook_id=submitted.id)
                self._db.add(grades[cell.id])
            if cell.comment and cell.id not in comments:
                comments[cell.id] = Comment(cell_id=cell.id, notebook_id=submitted.id)
                self._db.add(comments[cell.id])
        return grades, comments

    def _grade(self, grade: Grade, mark: Score | None, max_score: float, review: bool, changed: bool) -> None:
        before, seen = grade.auto_score, grade.needs_manual_grade is False
        grade.auto_score = 0.0 if mark is None else clamp(mark.points, max_score)
        if grade.manual_score is not None:  # it stays, and needs review again where the answer is another
            grade.needs_manual_grade = changed or not seen
        elif not changed and seen and before == grade.auto_score:
            grade.needs_manual_grade = False  # it was reviewed and left as it is
        else:
            grade.needs_manual_grade = review or mark is None or grade.auto_score is None

    def _comment(self, name: str, result: Result, untouched: bool) -> str | None:
        """The comment of a solution's cell: of the mark that was given for it."""
        if untouched:
            return NO_RESPONSE
        own = [result.scores.get(name)]
        own += [mark for mark in result.scores.values() if mark.verdict is not None and mark.verdict.name == name]
        marks = [mark for mark in own if mark is not None]
        texts = [comment_of(mark) for mark in marks]
        for review in result.reviews:  # where a person decides, the reason is beside the answer
            decided = review.grade_id in {mark.grade_id for mark in marks if mark.points is not None}
            if decided and review.reason not in "".join(texts):
                line = f" (`{review.line.strip()}`)" if review.line.strip() else ""
                texts.append(f"Marked for manual review: {review.reason.rstrip('.')}{line}.")
        graded = self._cells[self._notebook_id].get((name, False))
        if graded is not None and graded.max_score is not None and not graded.task and name not in result.scores:
            texts.append(NO_VERDICT)
        return cleaned("\n".join(text for text in dict.fromkeys(texts) if text)) or None

    def penalise(self, student: str) -> float:
        """Bring the late penalty of a submission up to date with its due date, the rule and the time of submission;
        returns what the penalty was before."""

        def work() -> float:
            submission = self._submission_of(student)
            mine = None if submission is None else self._notebook_of(submission)
            if mine is None:
                return 0.0
            before = mine.late_submission_penalty
            self._penalise(submission, mine)
            return float(before or 0.0)

        return self._transaction(work)

    def _penalise(self, submission: SubmittedAssignment, mine: SubmittedNotebook) -> None:
        self._db.flush()
        self._db.refresh(mine)
        penalty = _owed(self.course, submission, mine)
        if mine.late_submission_penalty != penalty:
            mine.late_submission_penalty = penalty

    # --- reading back -----------------------------------------------------------------------------------------------

    def agrees(self, record: Record) -> bool:
        """True where the gradebook and the autograded file have what the record says."""
        result = record.result
        if not self.has_notebook(result.student):
            return False
        try:
            rows = (
                self._db.query(Grade.cell_id, Grade.auto_score, SubmittedAssignment.timestamp)
                .join(SubmittedNotebook, SubmittedNotebook.id == Grade.notebook_id)
                .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
                .filter(
                    SubmittedAssignment.assignment_id == self._assignment_id,
                    SubmittedAssignment.student_id == result.student,
                    SubmittedNotebook.notebook_id == self._notebook_id,
                )
                .all()
            )
        finally:
            self._db.rollback()
        have = {cell_id: score for cell_id, score, _ in rows}
        want = {
            cell.id: clamp(result.scores[name].points, cell.max_score)
            if name in result.scores
            else (None if cell.task else 0.0)
            for (name, _), cell in self._cells[self._notebook_id].items()
            if cell.max_score is not None
        }
        return have == want and {time for *_, time in rows} <= {record.submitted}

    def current(self, student: str) -> Written:
        """What the gradebook says of a submission; zero points where it knows none."""
        try:
            row = (
                self._db.query(
                    SubmittedNotebook.score,
                    SubmittedNotebook.needs_manual_grade,
                    SubmittedNotebook.late_submission_penalty,
                )
                .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
                .filter(
                    SubmittedAssignment.assignment_id == self._assignment_id,
                    SubmittedAssignment.student_id == student,
                    SubmittedNotebook.notebook_id == self._notebook_id,
                )
                .one_or_none()
            )
        finally:
            self._db.rollback()
        score, review, late = row or (0.0, False, 0.0)
        return Written(
            student=student, score=float(score), max_score=self.max_score, review=bool(review), late=float(late or 0.0)
        )

    def submitted_at(self, student: str) -> datetime.datetime | None:
        """The time of submission that the gradebook has."""
        query = self._db.query(SubmittedAssignment.timestamp)
        row = query.filter_by(assignment_id=self._assignment_id, student_id=student).one_or_none()
        self._db.rollback()
        return row[0] if row else None

    def withdraw(self, student: str) -> None:
        """Take the automatic marks of an older submission away, before a new one is graded by nbgrader's own command:
        what is then not graded to its end shows no older score."""

        def work() -> None:
            rows = (
                self._db.query(Grade)
                .join(SubmittedNotebook, SubmittedNotebook.id == Grade.notebook_id)
                .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
                .filter(
                    SubmittedAssignment.assignment_id == self._assignment_id, SubmittedAssignment.student_id == student
                )
            )
            for grade in rows:
                grade.auto_score, grade.needs_manual_grade = None, True

        self._transaction(work)

    def put_back(self, record: Record) -> None:
        """The automatic marks and the time of an older submission, where `withdraw` has taken them away and the new one
        could not be graded."""

        def work() -> None:
            submission = self._submission(record.result.student, record.submitted)
            mine = self._mine(submission)
            grades, _ = self._rows(mine)
            for (name, _), cell in self._cells[self._notebook_id].items():
                mark = record.result.scores.get(name)
                if cell.max_score is not None and mark is not None:
                    grades[cell.id].auto_score = clamp(mark.points, cell.max_score)
            self._penalise(submission, mine)

        self._transaction(work)

    def say_not_graded(self, student: str, reason: str) -> None:
        """Show in the formgrader and in the feedback that the points are not those of the newest submission: it is to
        be looked at, and its graded notebook begins with the reason."""

        def work() -> None:
            submission = self._submission_of(student)
            mine = None if submission is None else self._notebook_of(submission)
            for grade in () if mine is None else self._db.query(Grade).filter_by(notebook_id=mine.id):
                if grade.manual_score is None:
                    grade.needs_manual_grade = True

        self._transaction(work)
        file = self._notebook_file(student)
        if not file.is_file():
            return
        tree = json.loads(file.read_text(encoding="utf-8"))
        cell = note_cell([cleaned(f"{NOT_GRADED} The reason: {reason}.")])
        tree["cells"] = [{**cell, "id": _NOTE}, *(cell for cell in tree["cells"] if cell.get("id") != _NOTE)]
        notebooks.write(file, json.dumps(tree, sort_keys=True, ensure_ascii=False) + "\n")
        self.course.converter.set_permissions(self.lesson, student)

    def has_notebook(self, student: str) -> bool:
        return self._notebook_file(student).is_file()

    def _notebook_file(self, student: str) -> Path:
        return self.course.autograded(student, self.lesson) / f"{self.notebook}.ipynb"

    # --- files ------------------------------------------------------------------------------------------------------

    def save_notebook(self, record: Record, notebook: str) -> None:
        """Put the graded notebook where nbgrader has it, with the lesson's own files and the time of submission."""
        student = record.result.student
        target = self.course.autograded(student, self.lesson)
        keep = {f"{self.notebook}.ipynb", intake.TIMESTAMP}
        source = self.course.source(self.lesson)
        for name in utils.find_all_files(str(source), [*self.course.coursedir.ignore, "*.ipynb"]):
            place = os.path.relpath(name, source)
            keep.add(place)
            notebooks.write(target / place, Path(name).read_bytes())
        self.save_time(record)
        notebooks.write(self._notebook_file(student), notebook)
        if len(self._notebooks) == 1:
            for file in sorted(target.rglob("*")):
                if not file.is_dir() and file.relative_to(target).as_posix() not in keep:
                    file.unlink()
        self.course.converter.set_permissions(self.lesson, student)

    def save_time(self, record: Record) -> None:
        """Put the time of submission where nbgrader has it."""
        file = self.course.autograded(record.result.student, self.lesson) / intake.TIMESTAMP
        if record.submitted is None:
            file.unlink(missing_ok=True)
        else:
            notebooks.write(file, times.stamp(record.submitted))


def outdated(course: Course, lesson: str) -> list[str]:
    """Whose late penalty is not what the due date, an extension, the rule and the points make it now."""
    with Gradebook(course.db_url, course.course_id) as gradebook:
        rows = (
            gradebook.db.query(SubmittedAssignment, SubmittedNotebook)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
            .filter(Assignment.name == lesson)
        )
        late = {
            submission.student_id
            for submission, mine in rows
            if not math.isclose(_owed(course, submission, mine) or 0, mine.late_submission_penalty or 0, abs_tol=1e-9)
        }
    return sorted(late)


def _owed(course: Course, submission: SubmittedAssignment, mine: SubmittedNotebook) -> float | None:
    """nbgrader's own penalty for late submissions, by the plugin that its configuration names. CourseError where that
    fails: it is the fault of the rule, and of no submission."""
    has_due_date = submission.assignment.duedate is not None  # nbgrader cannot add an extension to none
    late = submission.total_seconds_late if has_due_date else 0
    if late <= 0:
        return None
    step, student = course.penalties, submission.student_id
    try:
        step.init_plugin()
        penalty = step.plugin_inst.late_submission_penalty(student, mine.score, late)
        if penalty is not None and not math.isfinite(penalty):
            raise ValueError(f"{penalty} is not a number of points")
    except Exception as error:
        raise CourseError(
            f"The rule for late penalties failed for {student}: {type(error).__name__}: {error}. Correct it in "
            "nbgrader_config.py, and grade again."
        ) from error
    return None if penalty is None else step._check_late_penalty(mine, penalty)


def _untouched(notebook: str) -> frozenset[str]:
    """The solution cells whose content is as it was handed out, by nbgrader's checksum."""
    names = set()
    for cell in json.loads(notebook)["cells"]:
        data = cell.get("metadata", {}).get("nbgrader") or {}
        if data.get("solution") and data.get("checksum"):
            cell["source"] = "".join(cell["source"])
            if utils.compute_checksum(from_dict(cell)) == data["checksum"]:
                names.add(data["grade_id"])
    return frozenset(names)


def clamp(points: float | None, max_score: float) -> float | None:
    """Points between 0 and `max_score`; None, to be graded by hand, where there is no number."""
    if points is None or not math.isfinite(points):
        return None
    return min(max(float(points), 0.0), max_score)


def comment_of(mark: Score) -> str:
    """The words for a mark: why it is not full, or what the grader has to say beside it."""
    texts = [mark.verdict.summary] if mark.verdict is not None and not mark.verdict.passed else []
    return "\n".join(dict.fromkeys(text for text in (*texts, mark.comment) if text))


def cleaned(text: str) -> str:
    """Text that every database takes: no null characters, whole, not too long."""
    text = whole(text.replace("\0", ""))
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"
