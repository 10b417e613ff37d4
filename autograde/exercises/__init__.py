"""The catalogue: one package per lesson, each with a tuple `EXERCISES`, in the order of the lesson.

The module can be called: `autograde.exercises()` lists all exercises.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from functools import cache
from types import ModuleType

from autograde.course.lessons import LESSONS
from autograde.exercise import Exercise
from autograde.exercises import fixtures as fixtures  # the calls of the catalogue name them


@cache
def all_exercises() -> tuple[Exercise, ...]:
    """All exercises, in the order of the course."""
    return tuple(
        exercise
        for lesson in LESSONS
        for exercise in importlib.import_module(f"autograde.exercises.{lesson.topic}").EXERCISES
    )


@cache
def _by_name() -> dict[str, Exercise]:
    return {exercise.name: exercise for exercise in all_exercises()}


def exercise(name: str) -> Exercise:
    """The exercise of that name; KeyError with the nearest name if there is none."""
    try:
        return _by_name()[name]
    except KeyError:
        near = difflib.get_close_matches(str(name), _by_name(), 1)
        hint = f" Did you mean {near[0]!r}?" if near else " `autograde.exercises()` lists all."
        raise KeyError(f"There is no exercise {name!r}.{hint}") from None


def of_lesson(lesson: str) -> tuple[Exercise, ...]:
    """The exercises of one lesson, in its order."""
    return tuple(one for one in all_exercises() if one.lesson == lesson)


class _Catalogue(ModuleType):
    def __call__(self) -> tuple[Exercise, ...]:
        return all_exercises()


sys.modules[__name__].__class__ = _Catalogue
