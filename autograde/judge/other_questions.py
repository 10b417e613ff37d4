"""Whether a wrong result is the right one for another question: the same call with two arguments exchanged, without an
argument, with the opposite mask, with the weights of one layer in the place of another's, ...

A fact about the data: the reference answers the changed question, and gives what the learner's code gives.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from autograde.exercise import Exercise
from autograde.harness.call import Answer, Call, FunctionCall, MethodCall, ModuleCall, Skipped
from autograde.harness.invoke import answer
from autograde.harness.plain import TensorData
from autograde.judge.answer_key import AnswerKey
from autograde.judge.compare import Array
from autograde.judge.explain import parameters
from autograde.judge.projection import projected
from autograde.judge.relations import Relation

_SECONDS = 2.0  # for the reference; a changed question may be one that never ends
_MOST = 120  # changed questions that are tried; of a large module, which takes longer, only so many as have together
_MOST_WEIGHTS = 4000  # weights
_IDS = ("bos", "eos", "pad")  # numbers that mean words: one more is another word, not one more
_FEW = 4  # numbers in the results of all calls together, below which chance may give the same

Changed = Iterator[tuple[Relation, Call]]
Same = Callable[[Any, Any], bool]


def right_for_another_question(
    key: AnswerKey, got: Sequence[Answer | Skipped], failing: Sequence[int], same: Same
) -> Relation | None:
    """What question the results of all failing calls are right for. `same` compares two results."""
    if key.exercise.expected is not None:
        return None
    places = [at for at in failing if key.expected[at].problem is None]
    if any("initial" in getattr(key.calls[at], "report", ()) for at in places):
        return None  # start values are random: another question has others
    if not places or any(got[at].problem is not None or isinstance(got[at], Skipped) for at in failing):
        return None
    if sum(_size(_output(key.expected[at].value)) for at in places) < _FEW:
        return None
    first, *others = places
    weights = len(getattr(key.calls[first], "weights", ()))
    for question in _questions(key, first)[: min(_MOST, _MOST_WEIGHTS // (weights + 1))]:
        if _is_answered(question, got[first], same) and all(
            any(
                other.relation == question.relation and _is_answered(other, got[at], same)
                for other in _questions(key, at)
            )
            for at in others
        ):
            return question.relation
    return None


def _is_answered(question: Question, given: Answer | Skipped, same: Same) -> bool:
    if question.result is None:
        return False
    result, mine = _output(question.result.value), _output(given.value)
    return same(result, mine) and not same(_output(question.right.value), result)


@dataclass(frozen=True, eq=False)
class Question:
    """A changed question, what a right result of it says, and the right answer `right` of the question as it was."""

    relation: Relation
    call: Call
    exercise: Exercise
    right: Answer

    @cached_property
    def result(self) -> Answer | None:
        """What the reference answers, worked out once for all learners; None where it fails."""
        given = projected(self.exercise, [self.call], answer(self.exercise.reference, [self.call], _SECONDS))[0]
        return given if isinstance(given, Answer) and given.problem is None else None


def _questions(key: AnswerKey, at: int) -> list[Question]:
    if at not in key.other_questions:
        changed = _changed(key, at)
        key.other_questions[at] = [Question(*each, key.exercise, key.expected[at]) for each in changed]
    return key.other_questions[at]


def _output(value: Any) -> Any:
    return value["output"] if isinstance(value, dict) and "output" in value else value


def _size(value: Any) -> int:
    if isinstance(value, TensorData):
        value = value.array
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list | tuple) else 1


# --- changed questions ----------------------------------------------------------------------------------------------


def _changed(key: AnswerKey, at: int) -> Changed:
    call = key.calls[at]
    names = parameters(key.exercise, call)
    inputs = dict(zip(names, call.args, strict=False)) | call.kwargs
    for relation, values in _other_values(inputs):
        args = tuple(values[name] for name in names[: len(call.args)])
        yield relation, replace(call, args=args, kwargs={name: values[name] for name in call.kwargs})
    for name in call.kwargs:
        yield _without(name), replace(call, kwargs={k: v for k, v in call.kwargs.items() if k != name})
    if isinstance(call, FunctionCall) and call.args and _has_default(key.exercise.reference, names[len(call.args) - 1]):
        yield _without(names[len(call.args) - 1]), replace(call, args=call.args[:-1])
    if isinstance(call, MethodCall | ModuleCall):
        yield from _other_objects(key, call)


def _other_objects(key: AnswerKey, call: MethodCall | ModuleCall) -> Changed:
    names = list(inspect.signature(key.exercise.reference).parameters)
    made = dict(zip(names, call.new, strict=False)) | call.new_kwargs
    for relation, values in _other_values(made):
        new = tuple(values[name] for name in names[: len(call.new)])
        yield relation, replace(call, new=new, new_kwargs={k: values[k] for k in call.new_kwargs})
    for name in call.new_kwargs:
        yield _without(name), replace(call, new_kwargs={k: v for k, v in call.new_kwargs.items() if k != name})
    if call.new and _has_default(key.exercise.reference, names[len(call.new) - 1]):
        yield _without(names[len(call.new) - 1]), replace(call, new=call.new[:-1])
    if not isinstance(call, ModuleCall):
        return
    for relation, layers in _other_values(_layers(call.weights)):
        named = ((layer + name, weight) for layer, weights in layers.items() for name, weight in weights.items())
        yield relation, replace(call, weights=dict(named))
    for name, weight in call.weights.items():
        for relation, changed in _other_value(name, weight):
            yield relation, replace(call, weights={**call.weights, name: changed})
    for part in dict.fromkeys(name.split(".")[0] for name in call.weights):
        rest = {name: value for name, value in call.weights.items() if name.split(".")[0] != part}
        sentence = f"The result is the right one for a fresh `{part}`: what it has learned takes no part."
        yield Relation("weights without effect", sentence), replace(call, weights=rest)
    other, own = ("evaluation", "training") if call.training else ("training", "evaluation")
    yield (
        Relation("the other mode", f"This is the result for {other} mode, but the module is in {own} mode."),
        replace(call, training=not call.training),
    )


def _layers(weights: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Weights by the layer that they belong to: {"query": {".weight": ...}}."""
    layers: dict[str, dict[str, Any]] = {}
    for name, weight in weights.items():
        layer, dot, last = name.rpartition(".")
        layers.setdefault(layer if dot else last, {})[f".{last}" if dot else ""] = weight
    return layers


def _without(name: str) -> Relation:
    sentence = f"`{name}` has no effect here: the result is the right one of a call without it."
    return Relation("an argument without effect", sentence)


def _has_default(target: Any, name: str) -> bool:
    found = inspect.signature(target).parameters.get(name)
    return found is not None and found.default is not inspect.Parameter.empty


def _other_values(values: Mapping[str, Any]) -> Iterator[tuple[Relation, dict[str, Any]]]:
    """Named values of which one or two are changed."""
    for name, other in itertools.combinations(values, 2):
        if _alike(values[name], values[other]):
            sentence = f"The result is the right one for `{name}` and `{other}` in exchanged places."
            yield Relation("two exchanged", sentence), {**values, name: values[other], other: values[name]}
    for name, other in itertools.permutations(values, 2):
        if _alike(values[name], values[other]):
            sentence = f"The result is the right one for `{other}` in the place of `{name}`."
            yield Relation("one in the place of another", sentence), {**values, name: values[other]}
    for name, value in values.items():
        for relation, changed in _other_value(name, value):
            yield relation, {**values, name: changed}


def _other_value(name: str, value: Any) -> Iterator[tuple[Relation, Any]]:
    array = value.array if isinstance(value, TensorData) else value

    def like(changed: Array) -> Any:
        return TensorData(changed) if isinstance(value, TensorData) else changed

    if isinstance(array, np.ndarray) and array.dtype == bool:
        sentence = f"The result is the right one for the opposite of `{name}`: True and False exchanged."
        yield Relation("the opposite mask", sentence), like(~array)
    if isinstance(array, np.ndarray) and array.ndim >= 2 and array.shape[-1] > 1 < array.shape[-2]:
        sentence = f"The result is the right one for `{name}` with its last two axes exchanged."
        yield Relation("transposed input", sentence), like(np.ascontiguousarray(np.swapaxes(array, -1, -2)))
    if isinstance(array, np.ndarray) and array.dtype.kind == "f":
        for number in (0, 1):
            sentence = f"`{name}` has no effect: the result is the right one for a `{name}` of {number}s."
            yield Relation("without effect", sentence), like(np.full_like(array, number))
    if type(value) is int and name not in _IDS:
        for step, what in ((1, "1 more"), (-1, "1 less")):
            sentence = f"The result is the right one for {what} than `{name}`."
            yield Relation("off by one in an argument", sentence), value + step
    if type(value) is float and value:
        yield Relation("without effect", f"`{name}` has no effect: the result is the right one for 0."), 0.0


def _alike(value: Any, other: Any) -> bool:
    """Whether one value can be in the place of the other, and would change something."""
    if isinstance(value, TensorData) and isinstance(other, TensorData):
        value, other = value.array, other.array
    if isinstance(value, np.ndarray) and isinstance(other, np.ndarray):
        both = value.dtype.kind == other.dtype.kind and value.ndim == other.ndim
        return both and not (value.shape == other.shape and bool(np.array_equal(value, other)))
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_alike(value[name], other[name]) for name in value)
    return type(value) is type(other) and isinstance(value, int | float | list | tuple) and value != other
