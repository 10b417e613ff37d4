"""What a class did in a lesson, from the records of its gradings: read one after the other, and only counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autograde.course.outline import Asked, described
from autograde.exercises import exercise as find_exercise
from autograde.grading.job import Score
from autograde.grading.records import results
from autograde.grading.records.results import Record
from autograde.instructor.report.grades import Grade, Grades
from autograde.instructor.report.predictions import Prediction
from autograde.instructor.report.regrade import Request
from autograde.judge.verdict import ERROR, FAILED, NOT_STARTED, PASSED, Verdict

PARTLY = "partly"  # some of the points
OUTCOMES = (PASSED, PARTLY, FAILED, ERROR, NOT_STARTED)
COMPARED = ("Call", "Expected", "Got")  # what an unnamed wrong result is told by
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
    outcomes: Counter = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return sum(self.outcomes.values())

    @property
    def pass_rate(self) -> float:
        return self.outcomes[PASSED] / self.count if self.count else 0.0


@dataclass
class Written:
    """An answer, and who wrote it."""

    source: str
    students: list[str] = field(default_factory=list)


@dataclass
class Mistake:
    """What went wrong in the same way in one exercise, and for whom.

    name      the misconception; "" where the check knows none: then call and result are the same, or the error is
    sentence  what the check says; of a misconception the catalogue's sentence
    facts     without a name: the (label, text) rows of call, expected and got
    code      what these students wrote
    """

    exercise: str
    name: str
    sentence: str
    facts: tuple[tuple[str, str], ...] = ()
    students: list[str] = field(default_factory=list)
    code: list[Written] = field(default_factory=list)


@dataclass(kw_only=True)
class Summary:
    """A lesson's class.

    rows        submissions, by the student's name
    parts       the graded cells, in the notebook's order; unreadable files count in none
    mistakes    misconceptions, the most frequent first
    unnamed     the other wrong results and errors, grouped where they are equal
    not_graded  {student: why the newest version has no marks}
    by_hand     {student: {cell: points that a person gave}}
    unreadable  students whose file is no notebook
    requests    regrade requests about this lesson, and those that name none that is known
    """

    lesson: str
    rows: list[Row] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    unnamed: list[Mistake] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    not_graded: dict[str, str] = field(default_factory=dict)
    max_score: float = 0.0
    assurances: Counter = field(default_factory=Counter)
    predictions: list[Prediction] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    by_hand: dict[str, dict[str, float]] = field(default_factory=dict)
    title: str = ""
    asked: dict[str, Asked] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.title, self.asked = described(self.lesson)

    def number(self, exercise: str) -> str:
        """The number of an exercise ("3.3"); an instructor's own cell has its name."""
        return self.asked[exercise].number if exercise in self.asked else exercise

    def label(self, exercise: str) -> str:
        """Number and title of an exercise, as the lesson's table has them."""
        return f"{self.number(exercise)} {self.asked[exercise].title}" if exercise in self.asked else exercise

    def marked(self, request: Request) -> float | None:
        """The points that a person gave to the exercise of a request; None where nobody has marked it."""
        cells = self.by_hand.get(request.student, {})
        return cells.get(f"check_{request.exercise}", cells.get(request.exercise))

    @property
    def open_requests(self) -> list[Request]:
        return [request for request in self.requests if self.marked(request) is None]

    @property
    def shared(self) -> list[Mistake]:
        """The unnamed wrong results that more than one student has."""
        return [mistake for mistake in self.unnamed if len(mistake.students) > 1]

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
    by_hand = {student: cells for (name, student), cells in grades.by_hand.items() if name == lesson}
    summary = Summary(lesson=lesson, not_graded=results.not_graded(folder, lesson), by_hand=by_hand)
    mistakes: dict[tuple, Mistake] = {}
    for record in records(folder, lesson):
        row = _row(record, lesson, grades, summary.label)
        summary.rows.append(row)
        summary.assurances[row.assurance] += 1
        if record.result.unreadable:
            summary.unreadable.append(row.student)
        for name, mark in record.result.scores.items():
            part = summary.parts.setdefault(name, Part(_shown(name, mark), mark.max_score))
            part.max_score = mark.max_score
            if record.result.unreadable:
                continue
            part.outcomes[_outcome(mark)] += 1
            if mark.verdict is not None and mark.verdict.state in (FAILED, ERROR):
                mistake = _mistake(mark.verdict)
                key = mistake.exercise, mistake.name, mistake.name or (mistake.sentence, mistake.facts)
                mistakes.setdefault(key, mistake).students.append(row.student)
    summary.rows.sort(key=lambda row: (row.name.casefold(), row.student))
    found = sorted(mistakes.values(), key=lambda mistake: (-len(mistake.students), mistake.exercise, mistake.name))
    summary.mistakes = [mistake for mistake in found if mistake.name]
    summary.unnamed = [mistake for mistake in found if not mistake.name]
    summary.max_score = max((row.max_score for row in summary.rows), default=grades.max_score.get(lesson, 0.0))
    return summary


def _mistake(verdict: Verdict) -> Mistake:
    """The mistake of one verdict; two without a name are the same if these are equal."""
    if verdict.diagnosis:
        return Mistake(verdict.name, verdict.diagnosis, _sentence(verdict.name, verdict.diagnosis) or verdict.advice)
    compared = [fact for fact in verdict.facts if fact[0].split(" (")[0] in COMPARED]
    return Mistake(verdict.name, "", verdict.advice, tuple(compared) if verdict.state == FAILED else ())


def _row(record: Record, lesson: str, grades: Grades, label: Callable[[str], str]) -> Row:
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
        reasons=() if _is_reviewed(record, grade) else tuple(_reasons(record, label)),
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


def _reasons(record: Record, label: Callable[[str], str]) -> Iterator[str]:
    """Why a submission needs manual review: rules with the line, cells that its own code could have decided, and files
    that could not be read."""
    result = record.result
    if result.unreadable:
        yield f"{result.unreadable} Nothing in it could be graded."
    for review in result.reviews:
        if review.reason == result.unreadable:
            continue
        line = f": `{review.line.strip()}`" if review.line.strip() else ""
        yield f"{label(review.grade_id.removeprefix('check_'))}: {review.reason}{line}"
    low = [
        label(name.removeprefix("check_"))
        for name, mark in result.scores.items()
        if mark.assurance == "low" and (mark.points or 0) > 0
    ]
    if low:
        yield f"{', '.join(low)}: {LOW}"


def _outcome(mark: Score) -> str:
    if mark.verdict is not None:
        if mark.verdict.passed:
            return PASSED
        return PARTLY if mark.verdict.score > 0 else mark.verdict.state
    if mark.points is not None and mark.points >= mark.max_score:
        return PASSED
    return PARTLY if mark.points else FAILED


def _shown(name: str, mark: Score) -> str:
    return mark.verdict.name if mark.verdict is not None else name


def _sentence(exercise: str, diagnosis: str) -> str:
    try:
        known = find_exercise(exercise).misconceptions
    except KeyError:
        return ""
    return next((misconception.sentence for misconception in known if misconception.name == diagnosis), "")
