"""How questions and answers travel between processes: JSON and raw array bytes, never pickle."""

from __future__ import annotations

import json
import struct
from typing import Any, get_args

import numpy as np

from autograde.harness.call import Answer, Call, Fixture, Problem, Skipped
from autograde.harness.json_size import too_many_parts
from autograde.harness.plain import DEEPEST, DTYPES, LARGEST, Other, TensorData, type_name


class TooLarge(ValueError):
    """The result does not fit into a frame."""


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
    text = frame[8 : 8 + size]
    if too_many_parts(text):
        raise TooLarge("a frame with too many parts")
    try:
        tree = json.loads(text)
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
        ((kind, body),) = tree.items()
        try:
            return self._read(kind, body, depth)
        except ValueError:
            raise
        except (TypeError, LookupError, AttributeError, OverflowError) as error:
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
                return TensorData(self._read_array(body["array"]))
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


# --- calls and answers ----------------------------------------------------------------------------------------------

_MOST_TEXTS = 100  # lines of a traceback, names of changed arguments: what comes after them is left out
_KINDS = {kind.__name__: kind for kind in get_args(Call)}
_PROBLEM = tuple(Problem.__dataclass_fields__)


def pack_calls(calls: list[Call]) -> bytes:
    return dump([(type(call).__name__, _pack_argument(vars(call))) for call in calls])


def unpack_calls(frame: bytes) -> list[Call]:
    return [_KINDS[kind](**_unpack_argument(fields)) for kind, fields in load(frame)]


def _pack_argument(value: Any) -> Any:
    if isinstance(value, Fixture):
        return {"made": value.factory, "args": _pack_argument(value.args)}
    if isinstance(value, list | tuple):
        return type(value)(_pack_argument(item) for item in value)
    if isinstance(value, dict):
        return {"items": [(key, _pack_argument(item)) for key, item in value.items()]}
    return value


def _unpack_argument(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_unpack_argument(item) for item in value)
    if isinstance(value, dict):
        if "made" in value:
            return Fixture(value["made"], _unpack_argument(value["args"]))
        return {key: _unpack_argument(item) for key, item in value["items"]}
    return value


def pack_answers(answers: list[Answer | Skipped]) -> bytes:
    rows = []
    for answer in answers:
        problem = answer.problem and tuple(getattr(answer.problem, name) for name in _PROBLEM)
        rows.append((isinstance(answer, Skipped), answer.value, problem, answer.changed, answer.printed))
    return dump(rows)


def unpack_answers(frame: bytes, expected: int) -> list[Answer | Skipped]:
    """Read what an untrusted process sent; ValueError if it is not `expected` answers of the right form."""
    rows = load(frame)
    if type(rows) is not list or len(rows) != expected:
        raise ValueError(f"{expected} answers were asked for")
    return [_unpack_answer(row) for row in rows]


def _unpack_answer(row: Any) -> Answer | Skipped:
    if type(row) is not tuple or len(row) != 5:
        raise ValueError("a malformed answer")
    unasked, value, problem, changed, printed = row
    if unasked is True:
        return Skipped()
    if problem is not None:
        if type(problem) is not tuple or len(problem) != len(_PROBLEM) or not all(map(_texts, problem[2:])):
            raise ValueError("a malformed problem")
        problem = Problem(str(problem[0])[:100], str(problem[1])[:600], *(texts[:_MOST_TEXTS] for texts in problem[2:]))
    if type(printed) is not str or not _texts(changed):
        raise ValueError("a malformed answer")
    return Answer(value, problem, changed[:_MOST_TEXTS], printed[:1000])


def _texts(value: Any) -> bool:
    return type(value) is tuple and all(type(item) is str and len(item) < 2000 for item in value)
