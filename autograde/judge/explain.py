"""A finding in words for a learner."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autograde.exercise import Exercise
from autograde.harness.brief import brief
from autograde.harness.call import (
    Answer,
    Call,
    ConstructorCall,
    Fixture,
    FunctionCall,
    MethodCall,
    ModuleCall,
    Skipped,
    WeightsCall,
)
from autograde.harness.plain import TensorData
from autograde.judge.compare import with_article
from autograde.judge.findings import Finding, is_unwritten


def advice(exercise: Exercise, finding: Finding) -> str:
    """What is wrong, in a sentence."""
    if finding.problem is not None:
        if finding.problem.kind in _OF_ANSWERS:
            return _sentence(finding.problem.text)
        if is_unwritten(finding.problem):
            return "This part is not written yet."
        if finding.missing_error is not None:
            return (
                f"Expected {with_article(finding.missing_error.kind)} here, got {with_article(finding.problem.kind)}."
            )
        return f"{finding.problem.kind}: {finding.problem.text}".rstrip(": ")
    if finding.missing_error is not None:
        return f"Expected {with_article(finding.missing_error.kind)} here, but the call returned a value."
    if finding.changed:
        names = ", ".join(f"`{name}`" for name in argument_names(exercise, finding.call, finding.changed))
        return f"The result is right, but the call changes its input{' ' * bool(names)}{names}. Work on a copy instead."
    return (finding.difference.remark if finding.difference else "") or "Expected and got differ."


def kind(finding: Finding) -> str:
    """What `advice` tells, in a few words for lists; "" where it is a comparison, or Python's own sentence."""
    if finding.problem is not None:
        if finding.problem.kind in _OF_ANSWERS:
            return _OF_ANSWERS[finding.problem.kind]
        return "another error" if finding.missing_error is not None else ""
    if finding.missing_error is not None:
        return "no error raised"
    if finding.changed:
        return "an input is changed"
    return finding.difference.kind if finding.difference else ""


# problems that are no errors of the learner's code, with their names for lists
_OF_ANSWERS = {"Unsuitable": "another form", "TimeIsUp": "no result in time", "Exited": "exits Python"}


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else text + "."


def argument_names(exercise: Exercise, call: Call, changed: Sequence[str]) -> list[str]:
    """The names of changed arguments; what is no argument of the call is left out."""
    names = parameters(exercise, call)
    known = {str(i): name for i, name in enumerate(names)} | {name: name for name in (*names, *call.kwargs)}
    return [known[i] for i in changed if i in known]


def parameters(exercise: Exercise, call: Call) -> list[str]:
    """The names of the parameters that a call fills, without `self`, from the reference's signature."""
    target: Any = exercise.reference
    match call:
        case ModuleCall(method="__call__"):
            target = target.forward
        case ModuleCall() | MethodCall():
            target = getattr(target, call.method)
        case FunctionCall() | ConstructorCall() | WeightsCall():
            pass
    try:
        names = list(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return [f"argument {i + 1}" for i in range(len(call.args))]
    return names[1:] if names[:1] == ["self"] else names


def filled(exercise: Exercise, call: Call) -> set[str]:
    """The names of the arguments that a call gives, also to the class."""
    names = {*parameters(exercise, call)[: len(call.args)], *call.kwargs}
    if isinstance(call, MethodCall | ModuleCall):
        names |= {*list(inspect.signature(exercise.reference).parameters)[: len(call.new)], *call.new_kwargs}
    return names


def facts(exercise: Exercise, finding: Finding, given: Answer | Skipped, named: bool) -> Iterator[tuple[str, str]]:
    """The rows (label, text) of a verdict.

    named  its advice is a diagnosis's; otherwise it is `advice`, which has the difference's remark already
    """
    yield "Call", describe_call(exercise, finding.call)
    if finding.call.note:
        yield "Here", finding.call.note
    if finding.problem is not None:
        if finding.missing_error:
            yield "Expected", f"{finding.missing_error.kind}: {finding.missing_error.text}"
        if named or finding.missing_error:
            error = "" if finding.problem.kind in _OF_ANSWERS else f"{finding.problem.kind}: "
            yield "Got", f"{error}{finding.problem.text}".rstrip(": ")
        if finding.problem.lines:
            yield "In your code", "\n".join(finding.problem.lines)
        if finding.problem.values:
            yield "With", "\n".join(finding.problem.values[:8])
    elif finding.missing_error is not None:
        yield "Expected", f"{finding.missing_error.kind}: {finding.missing_error.text}"
        if finding.difference is not None:
            yield "Got", finding.difference.got
    elif finding.difference is not None:
        where = f" ({finding.difference.path})" if finding.difference.path else ""
        yield "Expected" + where, finding.difference.expected
        yield "Got" + where, finding.difference.got
        if finding.difference.remark and named:
            yield "Difference", finding.difference.remark
    if given.printed.strip():
        lines = given.printed.strip().splitlines()
        yield "Printed", "\n".join([line[:100] for line in lines[:4]] + (["..."] if len(lines) > 4 else []))


def describe_call(exercise: Exercise, call: Call) -> str:
    """The call as a line of Python, large values replaced by name, dtype and shape."""
    notes: list[str] = []
    names = parameters(exercise, call)
    arrays = sum(isinstance(value, np.ndarray | TensorData) for value in (*call.args, *call.kwargs.values()))
    most = 24 if arrays < 2 else 12  # a message stays short: of several arrays only small ones show their numbers
    inner = []
    for index, value in enumerate(call.args):
        name = names[index] if index < len(names) else f"argument {index + 1}"
        inner.append(_argument(name, value, notes, most))
    inner += [f"{name}={_argument(name, value, notes, most)}" for name, value in call.kwargs.items()]
    return "\n".join([_expression(exercise.name, call, ", ".join(inner)), *notes, *_further(call)])


def _further(call: Call, most: int = 3) -> Iterator[str]:
    """The calls that follow on the same object, their arguments in short."""
    then = getattr(call, "then", ())
    for method, args in then[:most]:
        yield f"then {'' if method == 'forward' else f'.{method}'}({', '.join(brief(value, 60, 12) for value in args)})"
    if len(then) > most:
        yield f"then {len(then) - most} more"


def _expression(name: str, call: Call, inputs: str) -> str:
    match call:
        case FunctionCall() | ConstructorCall():
            return f"{name}({inputs})"
        case WeightsCall():
            return f"{name}()"
        case MethodCall() | ModuleCall():
            fresh = [brief(v, 60) if not isinstance(v, Fixture) else v.factory for v in call.new]
            fresh += [f"{k}={brief(v, 60)}" for k, v in call.new_kwargs.items()]
            made = f"{name}({', '.join(fresh)})"
            match call.method:
                case "__call__":
                    return f"{made}({inputs})"
                case "__len__":
                    return f"len({made})"
                case method:
                    return f"{made}.{method}({inputs})"


def _argument(name: str, value: Any, notes: list[str], most: int) -> str:
    if isinstance(value, Fixture):
        return value.factory
    if isinstance(value, np.ndarray | TensorData):
        notes.append(f"{name}: {brief(value, most=most)}")
        return name
    return brief(value, 120)
