"""Compare two pieces of plain data, and say in a few words where they differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from autograde.course.text import counted
from autograde.harness.brief import Projected, brief, describe, values
from autograde.harness.plain import Other, TensorData

Array = npt.NDArray[Any]
Tolerance = Callable[[str, Array], float]  # (path, expected values) -> largest accepted difference
# kinds of differences that several places tell
_NOTHING = "Nothing came back: is a `return` missing?", "nothing returned"
WRONG_TYPE, REMARK = "another type", "a remark of the exercise"


@dataclass(frozen=True)
class Difference:
    """Where two values differ.

    path           inside the result
    expected, got  both sides in words
    remark         a sentence that helps
    kind           what the remark tells, in a few words, where it tells more than that values differ
    """

    path: str
    expected: str
    got: str
    remark: str = ""
    kind: str = ""


def exact(path: str, values: Array) -> float:
    """The tolerance that accepts no difference."""
    return 0.0


@dataclass(frozen=True)
class Comparison:
    """How two values are compared.

    tolerance         largest accepted difference of floating-point numbers
    ignore            kinds that do not matter, see `Exercise.ignore`
    multiple_outputs  a list in place of the outermost tuple is fine
    in_words          a difference has both sides in words; without them it is found faster
    """

    tolerance: Tolerance = exact
    ignore: tuple[str, ...] = ()
    multiple_outputs: bool = False
    in_words: bool = True

    def equal(self, expected: Any, got: Any, path: str = "") -> bool:
        """Whether there is no difference."""
        return replace(self, in_words=False).difference(expected, got, path) is None

    def difference(self, expected: Any, got: Any, path: str = "") -> Difference | None:
        """The first difference between `expected` and `got`, or None if there is none."""

        def differ(remark: str = "", kind: str = "") -> Difference:
            return self._difference(brief, path, expected, got, remark, kind)

        def wrong_type(kind: str) -> Difference:
            words = repr if isinstance(expected, int) and isinstance(got, float) else brief  # 3.0 is not shown as 3
            return self._difference(words, path, expected, got, _wrong_type(expected, kind), WRONG_TYPE)

        if isinstance(expected, Projected) and isinstance(got, Projected):
            same = self._inside().equal(expected.value, got.value, path)
            return None if same else Difference(path, expected.text, got.text, got.remark, got.remark and REMARK)
        if got is None and expected is not None:
            inside = re.search(r"\[\d+\]", path) is not None
            return differ(*(("An item is None.",) if inside else _NOTHING))
        if isinstance(got, Other):
            return wrong_type(f"{got.kind} ({got.text})" if got.text else got.kind)
        if isinstance(expected, TensorData):
            if not isinstance(got, TensorData):
                return wrong_type(_kind(got))
            return self._arrays(expected.array, got.array, path)
        if isinstance(expected, np.ndarray):
            if isinstance(got, np.ndarray):
                return self._arrays(_in_single_precision(expected, got), got, path)
            if expected.ndim == 0 and isinstance(got, int | float):
                return self._arrays(expected, _as_array(got, expected.dtype), path)
            return wrong_type(_kind(got))
        if isinstance(got, TensorData | np.ndarray) and isinstance(expected, bool | int | float):
            array = got.array if isinstance(got, TensorData) else got
            if array.ndim:
                return wrong_type(_kind(got))
            if isinstance(expected, float) and array.dtype == np.float32:
                return self._arrays(np.asarray(expected, np.float32), array, path)
            got = array.item()
        if isinstance(expected, bool) or isinstance(got, bool):
            return None if expected is got else differ()
        if isinstance(expected, int | float):
            if not isinstance(got, int | float) or (isinstance(expected, int) and isinstance(got, float)):
                return wrong_type(_kind(got))
            return None if self._equal_numbers(expected, got, path) else differ(_equal_looking(expected, got))
        if isinstance(expected, str):
            return None if isinstance(got, str) and expected == got else differ()
        if isinstance(expected, list | tuple):
            return self._sequences(expected, got, path)
        if isinstance(expected, dict):
            return self._mappings(expected, got, path)
        return None if expected is None and got is None else differ()

    def _inside(self) -> Comparison:
        return replace(self, multiple_outputs=False) if self.multiple_outputs else self

    def _difference(
        self, words: Callable[[Any], str], path: str, expected: Any, got: Any, remark: str, kind: str
    ) -> Difference:
        both = (words(expected), words(got)) if self.in_words else ("", "")
        return Difference(path, *both, remark, kind)

    def _equal_numbers(self, expected: int | float, got: int | float, path: str) -> bool:
        if isinstance(expected, int):
            return expected == got
        wanted = np.asarray(expected, float)
        return bool(_close(wanted, np.asarray(got, float), lambda: self.tolerance(path, wanted)).all())

    def _sequences(self, expected: list[Any] | tuple[Any, ...], got: Any, path: str) -> Difference | None:
        def differ(remark: str, kind: str = "") -> Difference:
            return self._difference(brief, path, expected, got, remark, kind)

        got = _as_numbers(got) if self.multiple_outputs and _are_numbers(expected) else got
        if not isinstance(got, list | tuple):
            if self.multiple_outputs and isinstance(got, np.ndarray | TensorData):
                remark = f"Expected {len(expected)} values, separated by commas; got one {_kind(got)}."
                return differ(remark, "one value in place of several")
            return differ(_wrong_type(expected, _kind(got)), WRONG_TYPE)
        other_type = type(expected) is not type(got) and not self.multiple_outputs and "sequence" not in self.ignore
        wrong_type = f" {_wrong_type(expected, _kind(got))}" if other_type else ""
        if len(expected) != len(got):
            return differ(f"Expected {counted(len(expected), 'item')}, got {len(got)}.{wrong_type}")
        for index, pair in enumerate(zip(expected, got, strict=True)):
            found = self._inside().difference(*pair, f"{path}[{index}]")
            if found:
                if not self.in_words:
                    return found
                # a short list is clearer as a whole than one item of it, or than one item of a pair in it
                plain = all(isinstance(item, str | int | float | tuple) for item in [*expected, *got])
                inside = all(isinstance(item, tuple) for item in pair) and len(pair[0]) == len(pair[1])
                if not plain or (found.remark and not inside):
                    return found
                other_order = _same_items(expected, got)
                order = "The items are right, their order is not. " if other_order else ""
                place = f"The first difference is at index {index}{f' of {path}' if path else ''}."
                short = differ(f"{order}{place}{wrong_type}", "another order" if other_order else "")
                return short if len(short.expected) < 160 else found
        return differ(f"The items are right. {_wrong_type(expected, _kind(got))}", WRONG_TYPE) if other_type else None

    def _mappings(self, expected: dict[Any, Any], got: Any, path: str) -> Difference | None:
        if not isinstance(got, dict):
            return self._difference(brief, path, expected, got, _wrong_type(expected, _kind(got)), WRONG_TYPE)
        missing = [key for key in expected if key not in got]
        surplus = [key for key in got if key not in expected]
        if (missing or surplus) and not self.in_words:
            return Difference(path, "", "")
        if missing or surplus:
            words = []
            if missing:
                words.append("missing: " + ", ".join(map(brief, missing[:4])))
            if surplus:
                words.append("not expected: " + ", ".join(map(brief, surplus[:4])))
            remark = "; ".join(words) + "."
            if path == "parameters":
                remark = f"of the module's parameters, {remark}"
            return Difference(path, brief(expected), brief(got), remark[:1].upper() + remark[1:], "other entries")
        for key in expected:
            found = self.difference(expected[key], got[key], f"{path}[{key!r}]" if path else str(key))
            if found:
                return found
        return None

    def _arrays(self, expected: Array, got: Array, path: str) -> Difference | None:
        def differ(remark: str, kind: str = "") -> Difference:
            return self._difference(describe, path, expected, got, remark, kind)

        if got.dtype.kind == "c" != expected.dtype.kind:
            remark = f"The result has complex numbers ({got.dtype}). Expected {expected.dtype}."
            return differ(remark, "another dtype")
        if got.dtype.kind == "b" != expected.dtype.kind:
            remark = f"The result has truth values. Expected numbers ({expected.dtype})."
            return differ(remark, "another dtype")
        if expected.shape != got.shape:
            return differ(f"Expected the shape {expected.shape}, got {got.shape}.")
        if expected.dtype.kind in "biu" and got.dtype.kind in "biu" and expected.size:
            equal = expected == got
        elif expected.size:
            equal = _close(expected, got, lambda: self.tolerance(path, expected))
        else:
            equal = np.ones(expected.shape, bool)
        if not equal.all():
            return Difference(path, *(_worst_row(expected, got, equal) if self.in_words else ("", "")))
        if expected.dtype != got.dtype and "dtype" not in self.ignore:
            remark = f"The values are right. Expected the dtype {expected.dtype}, got {got.dtype}."
            return differ(remark, "another dtype")
        return None


def _in_single_precision(expected: Array, got: Array) -> Array:
    """float32 is fine where nobody has said float64: NumPy functions are asked about numbers, not about a dtype."""
    return expected.astype(np.float32) if expected.dtype == np.float64 and got.dtype == np.float32 else expected


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)


def _as_numbers(got: Any) -> Any:
    """An array with one axis serves as well as a tuple of its numbers."""
    array = got.array if isinstance(got, TensorData) else got
    return array.tolist() if isinstance(array, np.ndarray) and array.ndim == 1 else got


def _as_array(number: int | float, wanted: np.dtype[Any]) -> Array:
    """A number as an array without axes, of the dtype `wanted` where nothing of it is lost: 0.5 does not become 0."""
    kinds = {"b": bool, "i": int, "u": int}
    return np.asarray(number, wanted if isinstance(number, kinds.get(wanted.kind, object)) else None)


def _wrong_type(expected: Any, got: str) -> str:
    kind = _kind(expected)
    got = "float" if (kind, got) == ("whole number", "number") else got
    return f"Expected {with_article(kind)}, got {with_article(got)}."


def _same_items(expected: Sequence[Any], got: Sequence[Any]) -> bool:
    return len(got) < 1000 and sorted(map(repr, expected)) == sorted(map(repr, got))


def _equal_looking(expected: float, got: float) -> str:
    """Where two numbers print alike, the digits that differ."""
    if brief(expected) != brief(got):
        return ""
    return f"They differ in later digits: expected {expected!r}, got {got!r}."


def _close(expected: Array, got: Array, atol: Callable[[], float]) -> Array:
    """Where two arrays agree; `atol` is called, which may take long, only where they are not equal anyway."""
    with np.errstate(all="ignore"):
        same = np.asarray((expected == got) | (np.isnan(expected) & np.isnan(got)))
        if same.all():
            return same
        near = np.abs(expected.astype(np.float64) - got.astype(np.float64)) <= atol()
    return np.asarray(same | near)


def _worst_row(expected: Array, got: Array, equal: Array) -> tuple[str, str, str]:
    """Both sides of the row with the largest difference, and how many values differ."""
    with np.errstate(all="ignore"):
        gap = np.abs(expected.astype(np.float64) - got.astype(np.float64))
    gap = np.where(equal, 0, np.where(np.isnan(gap), np.inf, gap))
    at = np.unravel_index(int(np.argmax(gap)), gap.shape) if gap.ndim else ()
    remarks = []
    if equal.size > 1:
        count = int((~equal).sum())
        remarks.append(f"{count} of {equal.size} values {'differs' if count == 1 else 'differ'}")
    if np.isnan(got[at]) and not np.isnan(expected[at]):
        remarks.append("there is a NaN")
    elif np.isfinite(gap[at]) and np.issubdtype(expected.dtype, np.floating):
        remarks.append(f"the largest difference is {gap[at]:.3g}" if remarks else f"the difference is {gap[at]:.3g}")
    if expected.ndim <= 1 or expected.size <= 24:
        shown = describe(expected), describe(got)
    else:
        row = at[:-1]
        place = f"row {row[0]}" if len(row) == 1 else f"row {tuple(int(i) for i in row)}"
        shown = f"{place}: {values(expected[row])}", f"{place}: {values(got[row])}"
    if shown[0].split(" ", 1)[-1] == shown[1].split(" ", 1)[-1] and expected.dtype.kind == "f" == got.dtype.kind:
        alike = values(np.atleast_1d(expected[at])) == values(np.atleast_1d(got[at]))
        where = "in later digits" if alike else "for example"
        remarks.append(f"{where}: expected {_digits(expected[at])}, got {_digits(got[at])}")
        if expected.dtype != got.dtype:
            remarks.append(f"the dtype is {got.dtype} in place of {expected.dtype}")
    remark = "; ".join(remarks)
    return *shown, f"{remark[:1].upper()}{remark[1:]}." if remark else ""


def _digits(value: Any) -> str:
    return repr(float(value))


def _kind(value: Any) -> str:
    if isinstance(value, TensorData):
        return "torch.Tensor"
    if isinstance(value, np.ndarray):
        return "NumPy array" if value.ndim else "number"
    if isinstance(value, Other):
        return value.kind
    if value is None:
        return "None"
    names = {"str": "string", "int": "whole number", "float": "number", "bool": "truth value", "dict": "dictionary"}
    return names.get(type(value).__name__, type(value).__name__)


def with_article(kind: str) -> str:
    """A kind of object with "a" or "an", as it is spoken: "a uint8", "an UnboundLocalError"."""
    if kind == "None":
        return "None"
    return f"{'an' if re.match('[aeio]|un(?!i)', kind, re.IGNORECASE) else 'a'} {kind}"
