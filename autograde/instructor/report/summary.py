"""What a class did in a lesson, from the records of its gradings: read one after the other, and only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autograde.exercises import exercise as find_exercise
from autograde.grading.records import results
from autograde.grading.records.results import Record
from autograde.instructor.report.grades import Grade, Grades
from autograde.instructor.report.predictions import Prediction
from autograde.judge.verdict import ERROR, FAILED, NOT_STARTED, PASSED

PARTLY = "partly"  # some of the points
OUTCOMES = (PASSED, PARTLY, FAILED, ERROR, NOT_STARTED)
LOW = "the verdict was made beside the submission's code (low assurance)"


@dataclass(kw_only=True)
class Row:
    """One submission: a line of the table of students."""

    student: str
    name: str
    score: float
    max_score: float
    late: float
    seconds: float
    assurance: str
    submitted: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    points: dict[str, float | None]
    diagnoses: dict[str, str]


@dataclass
class Part:
    """One graded cell: what became of it in how many submissions."""

    name: str
    max_score: float
    exercise: bool
    outcomes: Counter = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return sum(self.outcomes.values())

    @property
    def pass_rate(self) -> float:
        return self.outcomes[PASSED] / self.count if self.count else 0.0


@dataclass
class Mistake:
    """A misconception, and who has it; `sentence` is the catalogue's."""

    exercise: str
    name: str
    sentence: str
    students: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Summary:
    """A lesson's class. `rows` by name of the student, `parts` in the order of the notebook, the most frequent of
    `mistakes` first; `not_graded`: {student: why the newest version has no marks}."""

    lesson: str
    rows: list[Row] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    not_graded: dict[str, str] = field(default_factory=dict)
    max_score: float = 0.0
    assurances: Counter = field(default_factory=Counter)
    predictions: list[Prediction] = field(default_factory=list)

    @property
    def reviews(self) -> list[Row]:
        return [row for row in self.rows if row.reasons]


def records(folder: Path, lesson: str) -> Iterator[Record]:
    """The newest record of each submission of a lesson (of each of its notebooks), one at a time."""
    for file in sorted((folder / lesson).rglob("*.jsonl")):
        record = results.last(folder, file.parent.relative_to(folder).as_posix(), file.stem)
        if record is not None:
            yield record


def summarize(folder: Path, lesson: str, grades: Grades) -> Summary:
    """The summary of a lesson. `folder` holds the records (`course.results`)."""
    summary = Summary(lesson=lesson, not_graded=results.not_graded(folder, lesson))
    mistakes: dict[tuple[str, str], Mistake] = {}
    for record in records(folder, lesson):
        row = _row(record, lesson, grades)
        summary.rows.append(row)
        summary.assurances[row.assurance] += 1
        for name, mark in record.result.scores.items():
            part = summary.parts.setdefault(name, Part(_shown(name, mark), mark.max_score, mark.verdict is not None))
            part.max_score = mark.max_score
            part.outcomes[_outcome(mark)] += 1
            if mark.verdict is not None and mark.verdict.diagnosis and not mark.verdict.passed:
                key = mark.verdict.name, mark.verdict.diagnosis
                mistake = mistakes.setdefault(key, Mistake(*key, _sentence(*key) or mark.verdict.advice))
                mistake.students.append(row.student)
    summary.rows.sort(key=lambda row: (row.name.casefold(), row.student))
    summary.mistakes = sorted(mistakes.values(), key=lambda one: (-len(one.students), one.exercise, one.name))
    summary.max_score = max((row.max_score for row in summary.rows), default=grades.max_score.get(lesson, 0.0))
    return summary


def _row(record: Record, lesson: str, grades: Grades) -> Row:
    result = record.result
    person, grade = grades.people.get(result.student), grades.grades.get((lesson, result.student))
    own = sum(mark.points or 0.0 for mark in result.scores.values())
    max_score = sum(mark.max_score for mark in result.scores.values())
    return Row(
        student=result.student,
        name=person.name if person else result.student,
        score=grade.score if grade else own,
        max_score=grades.max_score.get(lesson, max_score) if grade else max_score,
        late=grade.late if grade else 0.0,
        seconds=float(result.seconds.get("total", 0.0)),
        assurance=result.assurance or "not run",
        submitted=f"{record.submitted:%Y-%m-%d %H:%M}" if record.submitted else "",
        reasons=() if _is_reviewed(record, grade) else tuple(_reasons(record)),
        notes=result.notes,
        points={name: mark.points for name, mark in result.scores.items()},
        diagnoses={
            name: mark.verdict.diagnosis
            for name, mark in result.scores.items()
            if mark.verdict is not None and mark.verdict.diagnosis and not mark.verdict.passed
        },
    )


def _is_reviewed(record: Record, grade: Grade | None) -> bool:
    """Whether a person has looked at the cells that were to be reviewed: the gradebook no longer waits for them."""
    cells = {review.grade_id for review in record.result.reviews}
    return bool(cells) and cells <= record.result.scores.keys() and grade is not None and not grade.review


def _reasons(record: Record) -> Iterator[str]:
    """Why a submission needs manual review: rules with the line, cells that its own code could have decided, and files
    that could not be read."""
    result = record.result
    if result.unreadable:
        yield f"{result.unreadable} Nothing in it could be graded."
    for review in (one for one in result.reviews if one.reason != result.unreadable):
        yield f"{review.grade_id}: {review.reason}" + (f": {review.line.strip()}" if review.line.strip() else "")
    low = [name for name, mark in result.scores.items() if mark.assurance == "low" and (mark.points or 0) > 0]
    if low:
        yield f"{', '.join(low)}: {LOW}"


def _outcome(mark) -> str:
    if mark.verdict is not None:
        if mark.verdict.passed:
            return PASSED
        return PARTLY if mark.verdict.score > 0 else mark.verdict.state
    if mark.points is not None and mark.points >= mark.max_score:
        return PASSED
    return PARTLY if mark.points else FAILED


def _shown(name: str, mark) -> str:
    return mark.verdict.name if mark.verdict is not None else name


def _sentence(exercise: str, diagnosis: str) -> str:
    try:
        known = find_exercise(exercise).misconceptions
    except KeyError:
        return ""
    return next((one.sentence for one in known if one.name == diagnosis), "")
