"""Regrade requests: a text file for each student, classroom/regrade/STUDENT.txt, with a request in each line:
the lesson, the exercise, and why. `3 softmax The text allows any axis.`
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autograde.course.errors import CourseError
from autograde.course.files import Refused, read_plain
from autograde.course.lessons import find_lesson
from autograde.course.outline import described
from autograde.course.text import decode

LARGEST = 64 * 2**10  # bytes of a file
FORM = "A line is expected to have the lesson, the exercise and why: `3 softmax The text allows any axis.`"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One line. Where it cannot be read, `problem` says why, and `why` has the line; then `lesson` may be ""."""

    student: str
    lesson: str = ""
    exercise: str = ""
    why: str = ""
    problem: str = ""


def read(folder: Path) -> list[Request]:
    """The requests in a folder, by student, in the order of each file. Nothing is left out in silence."""
    found = []
    for file in sorted(folder.glob("[!.]*")):
        if file.suffix.casefold() != ".txt":
            problem = f"{file.name} is not read: a text file STUDENT.txt is expected."
            found.append(Request(student=file.stem, problem=problem))
            continue
        try:
            text = decode(read_plain(file, LARGEST))
        except (Refused, OSError, ValueError) as error:
            found.append(Request(student=file.stem, problem=f"{file.name} cannot be read: {error}."))
            continue
        found += [_request(file.stem, line) for line in text.splitlines() if line.strip()]
    return found


def _request(student: str, line: str) -> Request:
    number, exercise, why = (*line.split(maxsplit=2), "", "", "")[:3]
    try:
        lesson = find_lesson(number).name
    except CourseError as error:
        return Request(student=student, why=line, problem=f"{error} {FORM}")
    known = described(lesson)[1]
    if exercise not in known:
        problem = f"There is no exercise {exercise!r} in {lesson}. It has: {', '.join(known)}."
        return Request(student=student, lesson=lesson, why=line, problem=problem)
    if not why:
        return Request(student=student, lesson=lesson, exercise=exercise, why=line, problem=FORM)
    return Request(student=student, lesson=lesson, exercise=exercise, why=why)
