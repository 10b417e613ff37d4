"""Checks that name the mistake.

`check("softmax")` in a notebook checks the learner's object of that name; `assess(name, obj)` does the same for any
object, without a notebook; `all_exercises()` lists all exercises. `by_hand("query of 'man'", 0.65)` looks at a number
that a learner typed, `predict("it grows")` keeps a guess; neither decides points. `solution("softmax")` shows a
solution, `progress()` what is done, and what is next. `own_model()` makes the Transformer of a learner's own cells.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograde.exercises import all_exercises
    from autograde.judge.verdict import Verdict
    from autograde.learner.by_hand import by_hand
    from autograde.learner.check import CheckFailed, assess, check
    from autograde.learner.overview import progress
    from autograde.learner.own_model import own_model
    from autograde.learner.predict import predict
    from autograde.learner.solution import solution

__all__ = [
    "CheckFailed",
    "Verdict",
    "all_exercises",
    "assess",
    "by_hand",
    "check",
    "own_model",
    "predict",
    "progress",
    "solution",
]

# imported when they are first used: commands that only read a file need no PyTorch, which takes seconds
_HOMES = {
    "CheckFailed": "autograde.learner.check",
    "Verdict": "autograde.judge.verdict",
    "all_exercises": "autograde.exercises",
    "assess": "autograde.learner.check",
    "by_hand": "autograde.learner.by_hand",
    "check": "autograde.learner.check",
    "own_model": "autograde.learner.own_model",
    "predict": "autograde.learner.predict",
    "progress": "autograde.learner.overview",
    "solution": "autograde.learner.solution",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from autograde.course import namesake

        namesake.refuse()
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
