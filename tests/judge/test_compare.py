"""Two values are equal only as a whole: nothing is dropped before they are compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autograde.exercises import all_exercises, exercise
from autograde.harness.call import Answer
from autograde.harness.invoke import answer
from autograde.harness.plain import TensorData
from autograde.judge import tolerance
from autograde.judge.answer_key import AnswerKey
from autograde.judge.compare import Comparison
from autograde.judge.judge import judge

LENIENT = [asked for asked in all_exercises() if "dtype" in asked.ignore]


@pytest.mark.parametrize(
    "expected, got",
    [
        (np.array(3), 3.7),
        (np.array(True), 5),
        (np.array([1.0, 2.0]), np.array([1.0 + 7j, 2.0])),
        (TensorData(np.ones(2, np.float32)), TensorData(np.array([1.0, 1.0 + 1j], np.complex64))),
        (2.0, 2.0 + 1j),
        (2.0, np.array(2.0 + 1j)),
        ([1.0], [1.0 + 1j]),
        (2**53 + 1, float(2**53)),
        (np.array([2**53 + 1]), np.array([2**53], np.uint64)),
    ],
)
def test_no_part_of_a_value_is_dropped(expected, got):
    comparison = Comparison(ignore=("dtype", "sequence"))
    assert comparison.difference(expected, got) is not None and not comparison.equal(expected, got)


@pytest.mark.parametrize("expected, got", [(np.array(3), 3), (np.array(0.1, np.float32), 0.1), (np.array(2.0), 2)])
def test_a_number_is_an_array_without_axes(expected, got):
    assert Comparison(tolerance=lambda path, values: 1e-6).difference(expected, got) is None


@pytest.mark.parametrize("asked", all_exercises(), ids=lambda asked: asked.name)
def test_equal_is_no_difference(asked):
    """Whether two values are equal is found without words, by the same rules."""
    key, comparison = AnswerKey(asked, asked.calls()), Comparison(ignore=asked.ignore)
    for number in range(min(4, len(asked.misconceptions))):
        for at, expected in enumerate(key.expected):
            for one, other in ((expected, key.wrong(number, at)), (expected, expected)):
                if isinstance(other, Answer) and one.problem is other.problem is None:
                    found = comparison.difference(one.value, other.value)
                    assert comparison.equal(one.value, other.value) == (found is None)


def imaginary(value):
    """The same data with an imaginary part in each array."""
    if isinstance(value, TensorData):
        return TensorData(imaginary(value.array))
    if isinstance(value, np.ndarray):
        return value + 7j if value.dtype.kind in "fiu" else value
    if isinstance(value, list | tuple):
        return type(value)(map(imaginary, value))
    return {key: imaginary(item) for key, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("exercise", LENIENT, ids=lambda asked: asked.name)
def test_an_imaginary_part_is_no_right_answer(exercise):
    calls = exercise.calls(1)
    right = answer(exercise.reference, calls)
    assert judge(exercise, calls, right).passed
    wrong = [replace(answer, value=imaginary(answer.value)) for answer in right]
    assert judge(exercise, calls, wrong).score == 0


def test_the_float_error_is_measured_once_and_only_where_an_answer_differs(monkeypatch):
    measured = []
    real = tolerance._float_error
    monkeypatch.setattr(tolerance, "_float_error", lambda *given: measured.append(given[1]) or real(*given))
    asked = exercise("softmax")
    calls = asked.calls()
    key = AnswerKey(asked, calls)
    for _ in range(2):
        assert judge(asked, calls, answer(asked.reference, calls), key).passed
    assert not measured
    for _ in range(2):
        assert judge(asked, calls, answer(lambda x, axis=-1: asked.reference(x, axis) * (1 + 4e-16), calls), key).passed
        assert not judge(asked, calls, answer(lambda x, axis=-1: asked.reference(x, axis) * 2, calls), key).passed
    assert measured and len(measured) == len({id(call) for call in measured})


def test_a_float_for_a_whole_number_is_called_a_float():
    difference = Comparison().difference(3, 3.0)
    assert difference is not None and difference.remark == "Expected a whole number, got a float."
    assert (difference.expected, difference.got) == ("3", "3.0")
