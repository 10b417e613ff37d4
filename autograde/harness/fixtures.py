"""Arguments of a call that are not plain data: built by name, beside the learner's code (see `call.Fixture`).

The factories are the catalogue's (`exercises.fixtures`). In the sandbox this registry starts empty; the grader sends
the source of those that a call needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograde.harness.call import Fixture
from autograde.harness.plain import TensorData

FACTORIES: dict[str, Callable[..., Any]] = {}


def factory(function: Callable[..., Any]) -> Callable[..., Any]:
    FACTORIES[function.__name__] = function
    return function


def build_arguments(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Fresh copies of the arguments of a call; a later one may be made from an earlier one."""
    made: tuple[Any, ...] = ()
    for value in args:
        made += (build_argument(value, made),)
    return made


def build_argument(value: Any, args: tuple[Any, ...] = ()) -> Any:
    """A fresh copy of an argument; `TensorData` becomes a tensor and `Fixture` the object that it names."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, TensorData):
        import torch

        return torch.from_numpy(value.array.copy())
    if isinstance(value, Fixture):
        inner = build_argument(value.args, args)
        return args[inner[0]] if value.factory == "argument" else FACTORIES[value.factory](*inner)
    if isinstance(value, list | tuple):
        return type(value)(build_argument(item, args) for item in value)
    if isinstance(value, dict):
        return {key: build_argument(item, args) for key, item in value.items()}
    return value
