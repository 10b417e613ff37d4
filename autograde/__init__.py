"""Checks that name the mistake.

`check("softmax")` in a notebook checks the learner's object of that name; `assess(name, obj)` does the same for any
object, without a notebook; `exercises()` lists everything that is asked.
"""

from autograde import exercises
from autograde.checking import CheckFailed, assess, check
from autograde.verdict import Verdict

__all__ = ["CheckFailed", "Verdict", "assess", "check", "exercises"]
