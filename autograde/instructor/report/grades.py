"""What nbgrader's gradebook says, in two queries: students, and the points of each submission."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbgrader.api import Assignment, BaseCell, Gradebook, Student, SubmittedAssignment, SubmittedNotebook
from nbgrader.api import Grade as GradeOfCell

from autograde.grading.records.course import Course
from autograde.instructor.roster import Entry


@dataclass(frozen=True, kw_only=True)
class Person:
    """A student of the gradebook."""

    id: str
    first: str = ""
    last: str = ""
    email: str = ""
    lms: str = ""

    @property
    def name(self) -> str:
        return ", ".join(filter(None, (self.last, self.first))) or self.id

    @property
    def entry(self) -> Entry:
        """The same as an entry of a class list."""
        return Entry(login=self.id, email=self.email, lms=self.lms, first=self.first, last=self.last)


@dataclass(frozen=True, kw_only=True)
class Grade:
    """The points of one submission as nbgrader has them: `score` is after the late penalty and never below zero."""

    score: float
    raw: float
    late: float
    review: bool
    submitted: str = ""


@dataclass(frozen=True)
class Grades:
    """people  {student: Person}; max_score, due  {lesson: points, date}; grades  {(lesson, student): Grade};
    by_hand  {(lesson, student): {cell: points that a person gave}}"""

    people: dict[str, Person]
    max_score: dict[str, float]
    grades: dict[tuple[str, str], Grade]
    due: dict[str, str] = field(default_factory=dict)
    by_hand: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)


def read(course: Course, lesson: str | None = None) -> Grades:
    """The grades of a lesson, or of all."""
    with Gradebook(course.db_url, course.course_id) as gradebook:
        db = gradebook.db
        people = {
            student.id: Person(
                id=student.id,
                first=student.first_name or "",
                last=student.last_name or "",
                email=student.email or "",
                lms=student.lms_user_id or "",
            )
            for student in db.query(Student)
        }
        lessons = db.query(Assignment.name, Assignment.max_score, Assignment.duedate).order_by(Assignment.name)
        rows = db.query(
            Assignment.name,
            SubmittedAssignment.student_id,
            SubmittedAssignment.score,
            SubmittedAssignment.late_submission_penalty,
            SubmittedAssignment.needs_manual_grade,
            SubmittedAssignment.timestamp,
        ).join(SubmittedAssignment, SubmittedAssignment.assignment_id == Assignment.id)
        manual = (
            db.query(Assignment.name, SubmittedAssignment.student_id, BaseCell.name, GradeOfCell.manual_score)
            .join(SubmittedAssignment, SubmittedAssignment.assignment_id == Assignment.id)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(GradeOfCell, GradeOfCell.notebook_id == SubmittedNotebook.id)
            .join(BaseCell, BaseCell.id == GradeOfCell.cell_id)
            .filter(GradeOfCell.manual_score.is_not(None))
        )
        by_hand: dict[tuple[str, str], dict[str, float]] = {}
        for name, student, cell, points in manual:
            by_hand.setdefault((name, student), {})[cell] = points
        if lesson is not None:
            lessons, rows = lessons.filter(Assignment.name == lesson), rows.filter(Assignment.name == lesson)
        grades = {}
        for name, student, raw, late, review, time in rows:
            raw, late = float(raw or 0), float(late or 0)
            grades[name, student] = Grade(
                score=max(0.0, raw - late), raw=raw, late=late, review=bool(review), submitted=str(time or "")
            )
        known = lessons.all()
        max_score = {name: float(points or 0) for name, points, _ in known}
        return Grades(people, max_score, grades, {name: str(due or "") for name, _, due in known}, by_hand)
