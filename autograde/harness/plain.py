"""Plain data: the only thing that travels between a learner's code and the judge.

`to_plain` copies a result into exact built-in types and fresh NumPy buffers; `wire` moves it between processes as JSON
and raw array bytes. Neither uses pickle, `repr` of foreign objects or `eval`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGEST = 64 * 2**20  # bytes of one result
DEEPEST = 12  # containers inside containers
MOST = 200_000  # items of all containers of one result together
_SIZES = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64), "complex": (64, 128)}
DTYPES = frozenset(["bool", *(f"{kind}{bits}" for kind, sizes in _SIZES.items() for bits in sizes)])


@dataclass(frozen=True)
class TensorData:
    """The values of a `torch.Tensor`, kept apart from an array of the same values."""

    array: np.ndarray


@dataclass(frozen=True)
class Other:
    """Something that is no plain data: the name of its type and, where known, a short description."""

    kind: str
    text: str = ""


def type_name(value: object) -> str:
    """The name of its class, with the package that it is from: "torch.Tensor", "int"."""
    cls = type(value)
    module = "" if cls.__module__ in ("builtins", "__main__") else cls.__module__.split(".")[0] + "."
    return f"{module}{cls.__name__}"


def _tensor_type() -> type | None:
    """The class of tensors; None where nobody has imported PyTorch."""
    torch = sys.modules.get("torch")
    return getattr(torch, "Tensor", None)


def to_plain(value: Any, depth: int = 0, budget: list[int] | None = None) -> Any:
    """Copy `value` into plain data.

    Subclasses become their base type, NumPy scalars become Python numbers, arrays and tensors get a buffer of their
    own; whatever has no plain form becomes `Other`. Never raises for odd content.
    """
    budget = [MOST] if budget is None else budget
    budget[0] -= 1
    if budget[0] < 0 or depth > DEEPEST:
        return Other(type_name(value), "too many or too deeply nested items")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is TensorData:
        inner = to_plain(value.array)
        return TensorData(inner) if isinstance(inner, np.ndarray) else Other("torch.Tensor")
    if type(value) is Other:
        return value
    if isinstance(value, np.generic):
        item = value.item()
        return item if type(item) in (bool, int, float, str, complex) else Other(type_name(value))
    if isinstance(value, np.ndarray):
        return _array(value)
    tensor = _tensor_type()
    if tensor is not None and isinstance(value, tensor):
        return _tensor(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, complex):
        return complex(value)
    if isinstance(value, list):
        return [to_plain(item, depth + 1, budget) for item in list.__iter__(value)]
    if isinstance(value, tuple):
        return tuple(to_plain(item, depth + 1, budget) for item in tuple.__iter__(value))
    if isinstance(value, dict):
        items = list(dict.items(value))
        return {_key(key): to_plain(item, depth + 1, budget) for key, item in items}
    return Other(type_name(value))


def _key(key: Any) -> Any:
    key = to_plain(key, DEEPEST - 2)
    try:
        hash(key)
    except TypeError:
        return type_name(key)
    return key


def _array(value: np.ndarray) -> Any:
    try:
        base = np.ndarray.view(value, np.ndarray)
        if base.dtype.name not in DTYPES:
            return Other("numpy.ndarray", f"dtype {base.dtype}")
        if base.size * base.dtype.itemsize > LARGEST:
            return Other("numpy.ndarray", f"shape {base.shape}, {base.dtype}, too large to compare")
        return np.array(base, copy=True, order="C", subok=False)
    except Exception:
        return Other("numpy.ndarray")


def _tensor(value: Any) -> Any:
    import torch

    try:
        size = value.numel() * value.element_size()
        if size > LARGEST:
            return Other("torch.Tensor", f"shape {tuple(value.shape)}, {value.dtype}, too large to compare")
        data = torch.Tensor.detach(value).as_subclass(torch.Tensor).to("cpu")
        if data.dtype == torch.bfloat16:
            data = data.float()
        array = np.array(data.resolve_conj().resolve_neg().numpy(), copy=True, order="C")
        return TensorData(array) if array.dtype.name in DTYPES else Other("torch.Tensor", str(value.dtype))
    except Exception:
        return Other("torch.Tensor")
