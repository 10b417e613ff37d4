"""Compare two pieces of plain data, and say in a few words where they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograde.harness.brief import Projected, brief, describe, values
from autograde.harness.plain import Other, TensorData

Tolerance = Callable[[str, np.ndarray], float]  # (path, expected values) -> largest accepted difference


@dataclass(frozen=True)
class Difference:
    """Where two values differ: `path` inside the result, both sides in words, and a remark that helps."""

    path: str
    expected: str
    got: str
    remark: str = ""


def difference(
    expected: Any,
    got: Any,
    tolerance: Tolerance,
    ignore: tuple[str, ...] = (),
    path: str = "",
    multiple_outputs: bool = False,
) -> Difference | None:
    """The first difference between `expected` and `got`, or None if there is none.

    `several`: a list in place of the outermost tuple is fine. `ignore`: see `Exercise.ignore`.
    """

    def differ(remark: str = "") -> Difference:
        return Difference(path, brief(expected), brief(got), remark)

    if isinstance(expected, Projected) and isinstance(got, Projected):
        same = difference(expected.value, got.value, tolerance, ignore, path) is None
        return None if same else Difference(path, expected.text, got.text, got.remark)
    if got is None and expected is not None:
        return differ("Nothing came back: is a `return` missing?")
    if isinstance(got, Other):
        remark = (
            f"The result is {_article(got.kind)} ({got.text})." if got.text else f"The result is {_article(got.kind)}."
        )
        return differ(f"{remark} {_capital(_article(_kind(expected)))} is asked for.")
    if isinstance(expected, TensorData):
        if not isinstance(got, TensorData):
            return differ(f"The result is {_article(_kind(got))}; a torch.Tensor is asked for.")
        return _arrays(expected.array, got.array, tolerance, ignore, path, "torch.Tensor")
    if isinstance(expected, np.ndarray):
        if isinstance(got, TensorData):
            return differ("The result is a torch.Tensor; a NumPy array is asked for.")
        if not isinstance(got, np.ndarray):
            if expected.ndim == 0 and isinstance(got, int | float):
                return _arrays(expected, np.asarray(got, expected.dtype), tolerance, ignore, path, "numpy.ndarray")
            return differ(f"The result is {_article(_kind(got))}; a NumPy array is asked for.")
        return _arrays(expected, got, tolerance, ignore, path, "numpy.ndarray")
    if isinstance(got, TensorData | np.ndarray) and isinstance(expected, bool | int | float):
        got_array = got.array if isinstance(got, TensorData) else got
        if got_array.ndim:
            return differ(f"The result is an array; {_article(_kind(expected))} is asked for.")
        got = got_array.item()
    if isinstance(expected, bool) or isinstance(got, bool):
        return None if expected is got else differ()
    if isinstance(expected, int | float):
        return _numbers(expected, got, tolerance, path, differ)
    if isinstance(expected, str):
        return None if isinstance(got, str) and expected == got else differ()
    if isinstance(expected, list | tuple):
        return _sequences(expected, got, tolerance, ignore, path, multiple_outputs, differ)
    if isinstance(expected, dict):
        return _mappings(expected, got, tolerance, ignore, path, multiple_outputs, differ)
    return None if expected is None and got is None else differ()


def _numbers(expected, got, tolerance, path, differ):
    if not isinstance(got, int | float):
        return differ(f"The result is {_article(_kind(got))}; a number is asked for.")
    if isinstance(expected, int):
        return None if expected == got else differ()
    values = np.asarray(expected, float)
    return None if _close(values, np.asarray(got, float), tolerance(path, values)).all() else differ()


def _sequences(expected, got, tolerance, ignore, path, multiple_outputs, differ):
    if not isinstance(got, list | tuple):
        if multiple_outputs and isinstance(got, np.ndarray | TensorData):
            return differ(f"One {_kind(got)} came back; {len(expected)} values are asked for, separated by commas.")
        return differ(f"The result is {_article(_kind(got))}; {_article(_kind(expected))} is asked for.")
    if len(expected) != len(got):
        return differ(f"{len(got)} items; {len(expected)} are asked for.")
    for index, (one, other) in enumerate(zip(expected, got, strict=True)):
        found = difference(one, other, tolerance, ignore, f"{path}[{index}]")
        if found:
            # a short list is clearer as a whole than one item of it, or than one item of a pair in it
            order = "The items are right, their order is not. " if _same_items(expected, got) else ""
            short = differ(f"{order}The first difference is at index {index}{f' of {path}' if path else ''}.")
            plain = all(isinstance(item, str | int | float | tuple) for item in [*expected, *got])
            inside = isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other)
            return short if plain and (inside or not found.remark) and len(short.expected) < 160 else found
    if type(expected) is not type(got) and not multiple_outputs and "sequence" not in ignore:
        return differ(
            f"The items are right. They come in {_article(_kind(got))}; {_article(_kind(expected))} is asked for."
        )
    return None


def _same_items(expected, got) -> bool:
    return len(got) < 1000 and sorted(map(repr, expected)) == sorted(map(repr, got))


def _mappings(expected, got, tolerance, ignore, path, multiple_outputs, differ):
    if not isinstance(got, dict):
        return differ(f"The result is {_article(_kind(got))}; {_article(_kind(expected))} is asked for.")
    missing = [key for key in expected if key not in got]
    surplus = [key for key in got if key not in expected]
    if missing or surplus:
        words = []
        if missing:
            words.append("missing: " + ", ".join(map(brief, missing[:4])))
        if surplus:
            words.append("not asked for: " + ", ".join(map(brief, surplus[:4])))
        return differ("; ".join(words) + ".")
    for key in expected:
        found = difference(
            expected[key], got[key], tolerance, ignore, f"{path}[{key!r}]" if path else str(key), multiple_outputs
        )
        if found:
            return found
    return None


def _arrays(expected, got, tolerance, ignore, path, kind):
    both = describe(expected), describe(got)
    if expected.shape != got.shape:
        return Difference(path, both[0], both[1], f"The shape is {got.shape}; {expected.shape} is asked for.")
    if expected.dtype.kind in "biu" and got.dtype.kind in "biu" and expected.size:
        equal = expected == got
    elif expected.size:
        with np.errstate(all="ignore"):
            equal = _close(expected, got, tolerance(path, expected))
    else:
        equal = np.ones(expected.shape, bool)
    if not equal.all():
        one, other, remark = worst_row(expected, got, equal)
        return Difference(path, one, other, remark)
    if expected.dtype != got.dtype and "dtype" not in ignore:
        return Difference(
            path, both[0], both[1], f"The values are right. The dtype is {got.dtype}; {expected.dtype} is asked for."
        )
    return None


def _close(expected: np.ndarray, got: np.ndarray, atol: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        same = (expected == got) | (np.isnan(expected) & np.isnan(got))
        near = np.abs(expected.astype(np.float64) - got.astype(np.float64)) <= atol
    return same | near


def worst_row(expected: np.ndarray, got: np.ndarray, equal: np.ndarray) -> tuple[str, str, str]:
    """Both sides of the row with the largest difference, and how many values differ."""
    with np.errstate(all="ignore"):
        gap = np.abs(expected.astype(np.float64) - got.astype(np.float64))
    gap = np.where(equal, 0, np.where(np.isnan(gap), np.inf, gap))
    at = np.unravel_index(int(np.argmax(gap)), gap.shape) if gap.ndim else ()
    count = int((~equal).sum())
    remark = f"{count} of {equal.size} values differ" if equal.size > 1 else ""
    if np.isnan(got[at]) and not np.isnan(expected[at]):
        remark += "; there is a NaN"
    elif np.isfinite(gap[at]) and np.issubdtype(expected.dtype, np.floating):
        remark += f"; the largest difference is {gap[at]:.3g}" if remark else f"The difference is {gap[at]:.3g}"
    if expected.ndim <= 1 or expected.size <= 12:
        return describe(expected), describe(got), remark + "." if remark else ""
    row = at[:-1]
    place = f"row {row[0]}" if len(row) == 1 else f"row {tuple(int(i) for i in row)}"
    return f"{place}: {values(expected[row])}", f"{place}: {values(got[row])}", remark + "."


def _kind(value: Any) -> str:
    if isinstance(value, TensorData):
        return "torch.Tensor"
    if isinstance(value, np.ndarray):
        return "NumPy array"
    if isinstance(value, Other):
        return value.kind
    if value is None:
        return "None"
    names = {"str": "string", "int": "whole number", "float": "number", "bool": "truth value", "dict": "dictionary"}
    return names.get(type(value).__name__, type(value).__name__)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _article(kind: str) -> str:
    if kind == "None":
        return "None"
    return f"{'an' if kind[:1].lower() in 'aeio' else 'a'} {kind}"
