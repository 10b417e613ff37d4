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
    if isinstance(got, Skipped):
        return Finding(
            call=call,
            difference=Difference(path="", expected="a result", got="skipped, because an earlier call did not return"),
        )
    if expected.problem is not None:
        if got.problem is None:
            return Finding(
                call=call,
                missing_error=expected.problem,
                difference=Difference(path="", expected="", got=brief(got.value)),
            )
        if expected.problem.kind not in got.problem.kinds:
            return Finding(call=call, problem=got.problem, missing_error=expected.problem)
        if call.mentions and not got.problem.text.strip():
            remark = f"The {got.problem.kind} has no message. Say in it what is wrong."
            return Finding(
                call=call,
                difference=Difference(
                    path="",
                    expected=expected.problem.text,
                    got=got.problem.text,
                    remark=remark,
                    kind="an error without a word",
                ),
            )
        absent = [word for word in call.mentions if word not in got.problem.text]
        if absent:
            remark = f"The message of the {got.problem.kind} does not name {', '.join(map(repr, absent))}."
            kind = "a message without the name"
            return Finding(
                call=call,
                difference=Difference(
                    path="", expected=expected.problem.text, got=got.problem.text, remark=remark, kind=kind
                ),
            )
        return None
    if got.problem is not None:
        return Finding(call=call, problem=got.problem)
    found = Comparison(tolerance, exercise.ignore, exercise.multiple_outputs).difference(expected.value, got.value)
    if found:
        return Finding(call=call, difference=found)
    if got.changed and not exercise.mutates:
        return Finding(call=call, changed=got.changed)
    return None
