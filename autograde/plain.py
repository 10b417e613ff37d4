"""Plain data: the only thing that travels between a learner's code and the judge.

`to_plain` copies a result into exact built-in types and fresh NumPy buffers; `dump` and `load` move it between
processes as JSON and raw array bytes. Nothing here uses pickle, `repr` of foreign objects or `eval`.
"""

from __future__ import annotations

import json
import struct
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


class TooLarge(ValueError):
    """The result does not fit into a frame."""


def type_name(value: object) -> str:
    cls = type(value)
    module = "" if cls.__module__ in ("builtins", "__main__") else cls.__module__.split(".")[0] + "."
    return f"{module}{cls.__name__}"


def _tensor_type() -> type | None:
    import sys

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
        return str(type_name(key))
    return key


def _array(value: np.ndarray) -> Any:
    try:
        base = np.ndarray.view(value, np.ndarray)
        if base.dtype.name not in DTYPES and base.dtype.kind != "U":
            return Other("numpy.ndarray", f"dtype {base.dtype}")
        if base.size * base.dtype.itemsize > LARGEST:
            return Other("numpy.ndarray", f"shape {base.shape}, {base.dtype}, too large to compare")
        if base.dtype.kind == "U":
            return base.tolist()
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


# --- frames ---------------------------------------------------------------------------------------------------------


def dump(value: Any) -> bytes:
    """One frame: the length of the JSON (8 bytes), the JSON, then the bytes of the arrays, one after the other."""
    buffers: list[bytes] = []
    tree = json.dumps(_pack(value, buffers), ensure_ascii=True, allow_nan=True).encode()
    return struct.pack(">Q", len(tree)) + tree + b"".join(buffers)


def load(frame: bytes, limit: int = 4 * LARGEST) -> Any:
    """The inverse of `dump`; raises ValueError for anything that `dump` would not have written."""
    if len(frame) > limit:
        raise TooLarge(f"a frame of {len(frame)} bytes, the limit is {limit}")
    if len(frame) < 8:
        raise ValueError("a frame of fewer than 8 bytes")
    (size,) = struct.unpack(">Q", frame[:8])
    if size > len(frame) - 8:
        raise ValueError("a frame that ends too early")
    try:
        tree = json.loads(frame[8 : 8 + size])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"a frame without valid JSON: {error}") from None
    reader = _Reader(frame, 8 + size)
    value = reader.read(tree, 0)
    if reader.position != len(frame):
        raise ValueError("a frame with bytes left over")
    return value


def _pack(value: Any, buffers: list[bytes]) -> Any:
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is int:
        return value if abs(value) < 2**53 else {"int": hex(value)}
    if type(value) is float:
        return {"float": value.hex()}
    if type(value) is complex:
        return {"complex": [value.real.hex(), value.imag.hex()]}
    if type(value) is list:
        return [_pack(item, buffers) for item in value]
    if type(value) is tuple:
        return {"tuple": [_pack(item, buffers) for item in value]}
    if type(value) is dict:
        return {"dict": [[_pack(key, buffers), _pack(item, buffers)] for key, item in value.items()]}
    if type(value) is np.ndarray:
        buffers.append(np.ascontiguousarray(value).tobytes())
        return {"array": [value.dtype.name, list(value.shape)]}
    if type(value) is TensorData:
        return {"tensor": _pack(value.array, buffers)}
    if type(value) is Other:
        return {"other": [value.kind[:200], value.text[:500]]}
    raise TypeError(f"{type_name(value)} is no plain data")


class _Reader:
    def __init__(self, frame: bytes, position: int):
        self.frame, self.position = frame, position

    def read(self, tree: Any, depth: int) -> Any:
        if depth > 4 * DEEPEST:
            raise ValueError("a frame nested too deeply")
        if tree is None or type(tree) in (bool, int, str):
            return tree
        if type(tree) is list:
            return [self.read(item, depth + 1) for item in tree]
        if type(tree) is not dict or len(tree) != 1:
            raise ValueError("a frame with an unknown item")
        (kind, body), *_ = tree.items()
        try:
            return self._read(kind, body, depth)
        except (TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ValueError(f"a frame with a malformed {kind!r}: {error}") from None

    def _read(self, kind: str, body: Any, depth: int) -> Any:
        match kind:
            case "int":
                if len(body) > 5000:
                    raise ValueError("a whole number of too many digits")
                return int(body, 16)
            case "float":
                return float.fromhex(body)
            case "complex":
                return complex(float.fromhex(body[0]), float.fromhex(body[1]))
            case "tuple":
                return tuple(self.read(item, depth + 1) for item in body)
            case "dict":
                return {self.read(key, depth + 1): self.read(item, depth + 1) for key, item in body}
            case "array":
                return self._read_array(body)
            case "tensor":
                return TensorData(self._read(*next(iter(body.items())), depth + 1))
            case "other":
                return Other(str(body[0]), str(body[1]))
        raise ValueError(f"a frame with an unknown item {kind!r}")

    def _read_array(self, body: Any) -> np.ndarray:
        name, shape = body
        if name not in DTYPES or any(type(n) is not int or n < 0 for n in shape) or len(shape) > 32:
            raise ValueError("a frame with a malformed array")
        dtype, count = np.dtype(name), 1
        for n in shape:
            count *= n
        end = self.position + count * dtype.itemsize
        if end > len(self.frame):
            raise ValueError("a frame that ends too early")
        array = np.frombuffer(self.frame[self.position : end], dtype).reshape(shape).copy()
        self.position = end
        return array
