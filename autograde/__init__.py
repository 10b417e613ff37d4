"""Checks that name the mistake.

`check("softmax")` in a notebook checks the learner's object of that name; `assess(name, obj)` does the same for any
object, without a notebook; `exercises()` lists everything that is asked. `by_hand("dog", 0.65)` looks at a number that
a learner typed, `predict("it grows")` keeps a guess; neither decides points. `solution("softmax")` shows a solution.
"""

from autograde.exercises import all_exercises as exercises
from autograde.judge.verdict import Verdict
from autograde.learner.by_hand import by_hand
from autograde.learner.check import CheckFailed, assess, check
from autograde.learner.predict import predict
from autograde.learner.solution import solution

__all__ = ["CheckFailed", "Verdict", "assess", "by_hand", "check", "exercises", "predict", "solution"]
