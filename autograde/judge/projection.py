"""What of an answer is compared: an exercise's own view of it, where it has one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autograde.exercise import Exercise
from autograde.harness.call import Call, Skipped


def projected(exercise: Exercise, calls: list[Call], answers: list) -> list:
    if exercise.projection is None:
        return answers
    return [
        one
        if one.problem is not None or isinstance(one, Skipped)
        else replace(one, value=_project(exercise, call, one.value))
        for call, one in zip(calls, answers, strict=True)
    ]


def _project(exercise: Exercise, call: Call, value: Any) -> Any:
    # a value of another form than the reference's is compared as it is, without what is reported beside it
    try:
        return exercise.projection(call, value)
    except Exception:
        output = value.get("output", value) if isinstance(value, dict) else value
        return value if isinstance(output, dict) else output
