"""How far a result may differ: measured from the reference's own float error."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from autograde.exercise import Exercise
from autograde.harness.call import (
    Answer,
    Call,
    ConstructorCall,
    Fixture,
    FunctionCall,
    MethodCall,
    ModuleCall,
    WeightsCall,
)
from autograde.harness.invoke import answer
from autograde.harness.plain import TensorData
from autograde.judge.compare import Array, Tolerance, exact
from autograde.judge.projection import projected

# A result may differ by so many times the reference's own float error. Reordering the same operations changes a result
# by a few such errors; 64 also covers long sums and is still far below any real mistake.
TOLERANCE_FACTOR = 64
PATIENCE = 60.0  # seconds for a call of the reference


def measured_tolerance(exercise: Exercise, call: Call, expected: Answer) -> Tolerance:
    """From the reference's own float error, which is measured when it is first needed."""
    if call.tolerance is not None:
        return _fixed(call.tolerance)
    if expected.problem is not None:
        return exact

    @functools.cache
    def moved() -> dict[str, float]:
        return _float_error(exercise, call, expected)

    def tolerance(path: str, values: Array) -> float:
        return TOLERANCE_FACTOR * _eps(values) * (moved().get(path, 0.0) + _size(values))

    return tolerance


def _float_error(exercise: Exercise, call: Call, expected: Answer) -> dict[str, float]:
    """{path: how far the reference's result moves when every input moves by one rounding}, in roundings of the result's
    dtype: a float32 answer to a float64 question has larger ones."""
    rng = np.random.default_rng(0)
    moved: dict[str, float] = {}
    for _ in range(4):
        other = _moved(call, rng)
        again = projected(exercise, [other], answer(exercise.reference, [other], PATIENCE))[0]
        if again.problem is None:
            _gaps(expected.value, again.value, "", moved)
    return moved


def _moved(call: Call, rng: np.random.Generator) -> Call:
    args, kwargs = _jitter(call.args, rng), _jitter(call.kwargs, rng)
    match call:
        case FunctionCall() | WeightsCall():
            return replace(call, args=args, kwargs=kwargs)
        case ConstructorCall():
            return replace(call, args=args, kwargs=kwargs, weights=_jitter(call.weights, rng))
        case MethodCall():
            return replace(call, args=args, kwargs=kwargs, new=_jitter(call.new, rng))
        case ModuleCall():
            weights, new = _jitter(call.weights, rng), _jitter(call.new, rng)
            return replace(call, args=args, kwargs=kwargs, weights=weights, new=new)


def _fixed(tolerance: float) -> Tolerance:
    """A tolerance that a call gives; a float32 answer keeps at least its own rounding."""

    def of(path: str, values: Array) -> float:
        return max(tolerance, TOLERANCE_FACTOR * _eps(values) * _size(values) if values.dtype == np.float32 else 0.0)

    return of


def _eps(values: Array) -> float:
    return float(np.finfo(values.dtype if values.dtype.kind == "f" else np.float64).eps)


def _size(values: Array) -> float:
    finite = values[np.isfinite(values)] if values.size else values
    return float(np.abs(finite).max()) if finite.size else 0.0


def _jitter(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        eps = np.finfo(value.dtype).eps
        with np.errstate(invalid="ignore"):
            return (value * (1 + eps * rng.choice([-1.0, 1.0], value.shape))).astype(value.dtype)
    if isinstance(value, TensorData):
        return TensorData(_jitter(value.array, rng))
    if isinstance(value, Fixture):
        return Fixture(value.factory, _jitter(value.args, rng))
    if isinstance(value, list | tuple):
        return type(value)(_jitter(item, rng) for item in value)
    if isinstance(value, dict):
        return {key: _jitter(item, rng) for key, item in value.items()}
    return value


def _gaps(expected: Any, other: Any, path: str, into: dict[str, float]) -> None:
    if isinstance(expected, TensorData) and isinstance(other, TensorData):
        expected, other = expected.array, other.array
    if isinstance(expected, float) and isinstance(other, float):
        expected, other = np.asarray(expected), np.asarray(other)
    if isinstance(expected, np.ndarray) and isinstance(other, np.ndarray):
        if expected.shape == other.shape and expected.size and expected.dtype.kind == "f":
            with np.errstate(all="ignore"):
                gap = np.abs(expected.astype(np.float64) - other.astype(np.float64))
            gap = gap[np.isfinite(gap)]
            into[path] = max(into.get(path, 0.0), float(gap.max()) / _eps(expected) if gap.size else 0.0)
    elif isinstance(expected, list | tuple) and isinstance(other, list | tuple):
        for index, pair in enumerate(zip(expected, other, strict=False)):
            _gaps(*pair, f"{path}[{index}]", into)
    elif isinstance(expected, dict) and isinstance(other, dict):
        for key in expected.keys() & other.keys():
            _gaps(expected[key], other[key], f"{path}[{key!r}]" if path else str(key), into)
