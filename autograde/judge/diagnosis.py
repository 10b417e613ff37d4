"""Which misconception gives the learner's answers."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.harness.call import Answer, Skipped
from autograde.judge.answer_key import AnswerKey
from autograde.judge.compare import difference


def diagnose(key: AnswerKey, got: list[Answer | Skipped]) -> Misconception | None:
    """The misconception that gives the learner's answers on every call, or None. Most differ at the first call."""
    for number, candidate in enumerate(key.exercise.misconceptions):
        same = all(_agree(key.exercise, key.wrong(number, at), one) for at, one in enumerate(got))
        if same and (any(one.problem is None for one in got) or _one_message(key, number, got)):
            return candidate
    return None


def _one_message(key: AnswerKey, number: int, got: list[Answer]) -> bool:
    """Whether an error reads the same. Where every call raises, the kind of error alone fits too many mistakes."""
    return any(key.wrong(number, at).problem.text == one.problem.text for at, one in enumerate(got))


def _agree(exercise: Exercise, one: Answer | Skipped, other: Answer | Skipped) -> bool:
    if isinstance(one, Skipped) or isinstance(other, Skipped):
        return False
    if (one.problem is None) != (other.problem is None):
        return False
    if one.problem is not None:
        return one.problem.kind == other.problem.kind
    if one.changed != other.changed:
        return False
    return (
        difference(
            one.value, other.value, _naming_tolerance, exercise.ignore, multiple_outputs=exercise.multiple_outputs
        )
        is None
    )


def _naming_tolerance(path: str, values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)]) if values.size else values
    size = float(finite.max()) if finite.size else 0.0
    return (1e-4 if values.dtype == np.float32 else 1e-8) * max(size, 1e-3)
