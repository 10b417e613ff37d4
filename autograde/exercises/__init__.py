"""The catalogue: a package for each lesson, with `EXERCISES` in the order of the lesson, and a file for each exercise."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
from functools import cache
from pathlib import Path

from autograde.course.lessons import GRADED, find_lesson
from autograde.exercise import ByHand, Exercise
from autograde.exercises import fixtures as fixtures  # the calls of the catalogue name them

_NAMED = re.compile(r'^EXERCISE = Exercise\(\s*name="(\w+)"', re.MULTILINE)


@cache
def all_exercises() -> tuple[Exercise, ...]:
    """All exercises, in the order of the course."""
    return tuple(exercise for lesson in GRADED for exercise in of_lesson(lesson.name))


def of_lesson(lesson: str) -> tuple[Exercise, ...]:
    """The exercises of one lesson, in its order."""
    found = find_lesson(lesson)
    return importlib.import_module(f"autograde.exercises.{found.topic}").EXERCISES if found.graded else ()


@cache
def modules() -> dict[str, str]:
    """{name: module} of all exercises, read from their files: an import would bring PyTorch."""
    found = {}
    for file in sorted(Path(__file__).parent.glob("*/*.py")):
        if name := _NAMED.search(file.read_text(encoding="utf-8")):
            found[name[1]] = f"{__name__}.{file.parent.name}.{file.stem}"
    return found


@cache
def _by_name() -> dict[str, Exercise]:
    return {exercise.name: exercise for exercise in all_exercises()}


@cache
def by_hand_numbers() -> dict[str, ByHand]:
    """{name: ByHand} of the whole course."""
    names = (f"{__name__}.{lesson.topic}.by_hand" for lesson in GRADED)
    modules = [importlib.import_module(name) for name in names if importlib.util.find_spec(name)]
    return {number.name: number for module in modules for number in module.BY_HAND}


def exercise(name: str) -> Exercise:
    """The exercise of that name; KeyError with the nearest name if there is none."""
    try:
        return _by_name()[name]
    except KeyError:
        near = difflib.get_close_matches(str(name), _by_name(), 1)
        hint = f" Did you mean {near[0]!r}?" if near else " `autograde.all_exercises()` lists all."
        raise KeyError(f"There is no exercise {name!r}.{hint}") from None
