"""What of an answer is compared: an exercise's own view of it, where it has one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograde.exercise import Exercise
from autograde.harness.call import Answer, Call, Skipped


def projected(exercise: Exercise, calls: Sequence[Call], answers: Sequence[Answer | Skipped]) -> list[Answer | Skipped]:
    """The answers with what is compared in place of their values."""
    project = exercise.projection
    if project is None:
        return list(answers)
    return [
        replace(given, value=_project(project, call, given.value))
        if isinstance(given, Answer) and given.problem is None
        else given
        for call, given in zip(calls, answers, strict=True)
    ]


def _project(project: Callable[[Call, Any], Any], call: Call, value: Any) -> Any:
    # a value of another form than the reference's is compared as it is, without what is reported beside it
    try:
        # a learner's odd values are no fault of the exercise's code, and nothing that an instructor should read about
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return project(call, value)
    except Exception:
        output = value.get("output", value) if isinstance(value, dict) else value
        return value if isinstance(output, dict) else output
