"""What is wrong with the answer to one call."""

from __future__ import annotations

from dataclasses import dataclass

from autograde.exercise import Exercise
from autograde.harness.brief import brief
from autograde.harness.call import Answer, Call, Problem, Skipped
from autograde.judge.compare import Comparison, Difference, Tolerance


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is wrong with the answer to one call."""

    call: Call
    difference: Difference | None = None
    problem: Problem | None = None
    missing_error: Problem | None = None
    changed: tuple[str, ...] = ()


def is_unwritten(problem: Problem | None) -> bool:
    """Whether a stub was called; PyTorch raises the same kind where a module has no `forward`."""
    return problem is not None and problem.kind == "NotImplementedError" and not problem.text.startswith("Module [")


def find(
    exercise: Exercise, call: Call, expected: Answer, got: Answer | Skipped, tolerance: Tolerance
) -> Finding | None:
    """What is wrong with an answer, or None: the value, an error, a missing one or its message, a changed input."""
    if isinstance(got, Skipped):
        skipped = Difference(path="", expected="a result", got="skipped, because an earlier call did not return")
        return Finding(call=call, difference=skipped)
    if expected.problem is not None:
        if got.problem is None:
            value = Difference(path="", expected="", got=brief(got.value))
            return Finding(call=call, missing_error=expected.problem, difference=value)
        if expected.problem.kind not in got.problem.kinds:
            return Finding(call=call, problem=got.problem, missing_error=expected.problem)
        absent = [word for word in call.mentions if word not in got.problem.text]
        if call.mentions and not got.problem.text.strip():
            remark = f"The {got.problem.kind} has no message. Say in it what is wrong."
            kind = "an error without a word"
        elif absent:
            remark = f"The message of the {got.problem.kind} does not name {', '.join(map(repr, absent))}."
            kind = "a message without the name"
        else:
            return None
        texts = expected.problem.text, got.problem.text
        told = Difference(path="", expected=texts[0], got=texts[1], remark=remark, kind=kind)
        return Finding(call=call, difference=told)
    if got.problem is not None:
        return Finding(call=call, problem=got.problem)
    found = Comparison(tolerance, exercise.ignore, exercise.multiple_outputs).difference(expected.value, got.value)
    if found:
        return Finding(call=call, difference=found)
    if got.changed and not exercise.mutates:
        return Finding(call=call, changed=got.changed)
    return None
