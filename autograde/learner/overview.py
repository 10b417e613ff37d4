"""What a learner has done, and what is next. Imports no PyTorch: `course progress` answers at once."""

from __future__ import annotations

from html import escape
from typing import Any

from autograde.course import paths
from autograde.course.errors import CourseError
from autograde.course.lessons import GRADED, Lesson
from autograde.course.outline import Asked, outline
from autograde.judge.verdict import NOT_STARTED, PASSED
from autograde.learner import progress as record

_Record = dict[str, dict[str, Any]]


def lines() -> list[str]:
    """Lessons, exercises, points, and what is next. CourseError where there is no copy of the course."""
    file = record.find(paths.workspace()) or record.find()
    if file is None:
        raise CourseError(f"There is no copy of the course in {paths.workspace()}. Run `course start` first.")
    data = record.read(file)
    shown: list[str] = []
    if record.is_damaged(file):
        shown.append(f"{file} is damaged, so what is passed is not known. `course check 1` (2, 3, ...) finds it again.")
    for lesson in GRADED:
        asked = outline(lesson)
        left = [exercise for exercise in asked if _state(exercise, data) != PASSED]
        passed, points = len(asked) - len(left), sum(_points(exercise, data) for exercise in asked)
        bar = "█" * passed + "░" * len(left)
        shown.append(
            f"{lesson.name:<16} {bar:<16} {passed:>2} of {len(asked):>2} exercises   "
            f"{points:g} of {sum(exercise.points for exercise in asked)} points"
        )
        begun = [exercise.name for exercise in left if _state(exercise, data) != NOT_STARTED]
        if begun:
            shown.append(f"{'':<16} begun: {', '.join(begun)}")
    upcoming = _upcoming(data)
    if upcoming is None:
        return [*shown, "All exercises are passed."]
    lesson, exercise = upcoming
    place = f"{exercise.number} {exercise.name} ({exercise.title}) in {lesson.name}"
    return [*shown, f"Next: {place}, about {exercise.minutes} minutes."]


def _upcoming(data: _Record) -> tuple[Lesson, Asked] | None:
    """The first exercise that is not passed, with its lesson."""
    asked = ((lesson, exercise) for lesson in GRADED for exercise in outline(lesson))
    return next((pair for pair in asked if _state(pair[1], data) != PASSED), None)


def _state(exercise: Asked, data: _Record) -> str:
    return str(data.get(exercise.name, {}).get("state", NOT_STARTED))


def _points(exercise: Asked, data: _Record) -> float:
    """The points; 0 where the record holds no share from 0 to 1."""
    score = data.get(exercise.name, {}).get("score", 0)
    return round(exercise.points * float(score), 2) if isinstance(score, int | float) and 0 <= score <= 1 else 0.0


class _Shown:
    """The lines, as text and as HTML."""

    def __init__(self, shown: list[str]):
        self._text = "\n".join(shown)

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f'<pre style="line-height:1.5">{escape(self._text)}</pre>'


def progress() -> _Shown:
    """In a notebook of the learner's copy: what is done in all lessons, and what is next. Without a copy it says so."""
    try:
        return _Shown(lines())
    except CourseError as error:
        return _Shown([str(error)])
