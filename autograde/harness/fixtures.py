"""Arguments of a call that are not plain data: built by name, beside the learner's code (see `call.Made`).

The factories are the catalogue's (`exercises.fixtures`). In the sandbox this registry starts empty; the grader sends
the source of those that a call needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograde.harness.call import Made
from autograde.harness.plain import TensorData

MAKERS: dict[str, Callable[..., Any]] = {}


def maker(function: Callable[..., Any]) -> Callable[..., Any]:
    MAKERS[function.__name__] = function
    return function


def realise_args(args: tuple) -> tuple:
    """Fresh copies of the arguments of a call; a later one may be made from an earlier one."""
    made: tuple = ()
    for value in args:
        made += (realise(value, made),)
    return made


def realise(value: Any, args: tuple = ()) -> Any:
    """A fresh copy of an argument; `TensorData` becomes a tensor and `Made` the object that it names."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, TensorData):
        import torch

        return torch.from_numpy(value.array.copy())
    if isinstance(value, Made):
        inner = realise(value.args, args)
        return args[inner[0]] if value.maker == "argument" else MAKERS[value.maker](*inner)
    if isinstance(value, list | tuple):
        return type(value)(realise(item, args) for item in value)
    if isinstance(value, dict):
        return {key: realise(item, args) for key, item in value.items()}
    return value
