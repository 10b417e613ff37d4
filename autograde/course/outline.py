"""What a lesson asks, as the table at its head says it: known without importing the exercises, which takes seconds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from autograde.course import paths
from autograde.course.errors import CourseError
from autograde.course.lessons import Lesson, find_lesson

_ROW = re.compile(r"\| ([\d.]+) `(\w+)`( \(extra\))? \| (.*) \| (\d+) \| (\d+) \|")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One exercise in the table: `number` is the lesson's and its own ("3.2"), `title` says what is built."""

    number: str
    name: str
    title: str
    points: int
    minutes: int
    extra: bool


def outline(lesson: Lesson) -> list[Asked]:
    """The exercises of a lesson in its order, from the released notebook. CourseError where that cannot be read."""
    if not lesson.graded:
        return []
    file = paths.release_of(lesson)
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        text = next(source for source in map(_source, cells) if f"<!-- table: {lesson.name} -->" in source)
    except (OSError, ValueError, KeyError, StopIteration):
        raise CourseError(f"{file} is missing or damaged. Fetch the course again, or run `course build`.") from None
    return [
        Asked(number=number, name=name, title=title, points=int(points), minutes=int(minutes), extra=bool(extra))
        for number, name, extra, title, points, minutes in _ROW.findall(text)
    ]


def described(name: str) -> tuple[str, dict[str, Asked]]:
    """The title of a lesson for people ("3 · Single-head attention") and its exercises by name; an instructor's own
    notebook has its name, and no table."""
    try:
        lesson = find_lesson(name)
        return f"{lesson.number} · {lesson.title}", {asked.name: asked for asked in outline(lesson)}
    except CourseError:
        return name, {}


def _source(cell: dict) -> str:
    return "".join(cell["source"])
