"""Checks that name the mistake.

`check("softmax")` in a notebook checks the learner's object of that name; `assess(name, obj)` does the same for any
object, without a notebook; `exercises()` lists everything that is asked.
"""

from autograde.exercises import all_exercises as exercises
from autograde.judge.verdict import Verdict
from autograde.learner.check import CheckFailed, assess, check

__all__ = ["CheckFailed", "Verdict", "assess", "check", "exercises"]
