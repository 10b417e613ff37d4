"""Arguments that are no plain data, made by name on the answering side (see `exercise.Made`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MAKERS: dict[str, Callable[..., Any]] = {}


def maker(function: Callable[..., Any]) -> Callable[..., Any]:
    MAKERS[function.__name__] = function
    return function


@maker
def linear(weight, bias=None):
    """A `torch.nn.Linear` with these weights; weight (out, in), bias (out,)."""
    import torch

    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight))
        if bias is not None:
            layer.bias.copy_(torch.as_tensor(bias))
    return layer
