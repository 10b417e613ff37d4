"""How a wrong result relates to the expected one, where that is certain: facts about the data, never guesses.

Each relation looks at one pair of expected and got. It is told only if it holds, in the same words, for every part of
every failing call that differs.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograde.course.text import counted, enumerated
from autograde.harness.call import Answer, Call, ModuleCall, Skipped
from autograde.harness.plain import TensorData
from autograde.judge.compare import Array, Comparison


@dataclass(frozen=True)
class Relation:
    """`name` for lists, `sentence` for the learner."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Pair:
    """One part of a result that differs: where, both sides, and the arrays among the call's arguments by name."""

    path: str
    expected: Any
    got: Any
    arguments: dict[str, Array]


Finder = Callable[[Pair], "Relation | Sequence[Relation] | None"]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A call whose answer `got` is not what was `expected`, the names of its parameters, and how both are compared."""

    call: Call
    parameters: Sequence[str]
    expected: Answer
    got: Answer | Skipped
    comparison: Comparison


def relate(failures: Sequence[Failure], finders: Sequence[Finder]) -> Relation | None:
    """The relation that holds for all failing calls."""
    pairs: list[Pair] = []
    whole: list[tuple[Any, Any]] = []
    for failure in failures:
        expected, got = failure.expected, failure.got
        if isinstance(got, Skipped) or got.problem is not None or got.changed:
            return None
        if expected.problem is not None:  # an error that was not raised: nothing to relate, and nothing against it
            continue
        arguments = dict(_arrays_of(failure.call, failure.parameters))
        different = _different(expected.value, got.value, failure.comparison, "")
        found = [Pair(path, wanted, given, arguments) for path, wanted, given in different]
        if not found:
            return None
        pairs += found
        whole.append((expected.value, got.value))
    if not pairs:
        return None
    if swapped := _common(exchanged, [Pair("", *both, {}) for both in whole]):
        return swapped
    different_values = [pair for pair in pairs if not _same_values(pair)]
    if not different_values:  # where only the dtype differs, that is what is said
        return _common(nearly, pairs) if nearly in finders and all(map(_of_one_dtype, pairs)) else None
    pairs = different_values
    if lost := _no_gradients(pairs):
        return lost
    if turned := _transposed_entries(pairs):
        return turned
    part, *others = {_where(pair.path) for pair in pairs}
    if others or part is None:
        return None
    for finder in finders:
        relation = _common(finder, pairs)
        if relation is not None:
            return replace(relation, sentence=_within(part, relation.sentence))
    return None


def _common(finder: Finder, pairs: Sequence[Pair]) -> Relation | None:
    """The first relation that a finder sees in every pair."""
    seen = []
    for pair in pairs:
        found = finder(pair)
        seen.append([found] if isinstance(found, Relation) else list(found or ()))
    return next((relation for relation in seen[0] if all(relation in others for others in seen[1:])), None)


def _within(part: str, sentence: str) -> str:
    """A sentence about a part of the result."""
    begins_with_value = sentence.startswith(("True", "`", "NaN"))
    return part + (sentence if begins_with_value or not part else sentence[:1].lower() + sentence[1:])


_ORDINALS = ("first", "second", "third", "fourth")


def _where(path: str) -> str | None:
    """Words for the part of the result that a sentence is about, "" for the whole of it; None where there are none."""
    if path in ("", "output"):
        return ""
    if found := re.fullmatch(r"(?:output)?\[(\d)\]", path):
        number = int(found[1])
        return f"The {_ORDINALS[number]} result: " if number < len(_ORDINALS) else None
    if found := re.fullmatch(r"(gradients|initial)\['([^']+)'\]", path):
        what = "The gradient" if found[1] == "gradients" else "The start value"
        return f"{what} of `{found[2]}`: "
    return None


def _same_values(pair: Pair) -> bool:
    both = _numbers(pair)
    return both is not None and _same(both[1], both[0])


def _of_one_dtype(pair: Pair) -> bool:
    """Both are arrays or both are tensors, and the dtype is the same."""
    expected, got = _array(pair.expected), _array(pair.got)
    one_kind = isinstance(pair.expected, TensorData) == isinstance(pair.got, TensorData)
    return one_kind and expected is not None and got is not None and expected.dtype == got.dtype


def _arrays_of(call: Call, names: Sequence[str]) -> Iterator[tuple[str, Array]]:
    weights = call.weights if isinstance(call, ModuleCall) else {}
    for name, value in [*zip(names, call.args, strict=False), *call.kwargs.items(), *weights.items()]:
        array = value.array if isinstance(value, TensorData) else value
        if isinstance(array, np.ndarray):
            yield name, array


def _different(expected: Any, got: Any, comparison: Comparison, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The smallest parts that differ, as far as both sides have the same form; an array is a part."""
    if comparison.equal(expected, got, path):
        return
    both = type(expected), type(got)
    if both in ((list, list), (tuple, tuple), (tuple, list)) and len(expected) == len(got) and _nested(expected):
        for index, pair in enumerate(zip(expected, got, strict=True)):
            yield from _different(*pair, comparison, f"{path}[{index}]")
    elif both == (dict, dict) and expected.keys() == got.keys():
        for key in expected:
            yield from _different(expected[key], got[key], comparison, f"{path}[{key!r}]" if path else str(key))
    else:
        yield path, expected, got


def _nested(value: Any) -> bool:
    return any(isinstance(item, np.ndarray | TensorData | list | tuple | dict) for item in value)


def _numbers(pair: Pair) -> tuple[Array, Array] | None:
    """Both sides as floating-point arrays of one shape, all finite where expected is."""
    expected, got = (_array(side) for side in (pair.expected, pair.got))
    if expected is None or got is None or expected.shape != got.shape or not expected.size:
        return None
    return expected.astype(float), got.astype(float)


def _array(value: Any, kinds: str = "iuf") -> Array | None:
    if isinstance(value, TensorData):
        value = value.array
    if isinstance(value, bool) or not isinstance(value, np.ndarray | int | float):
        return None
    array = np.asarray(value)
    return array if array.dtype.kind in kinds else None


def _same(array: Array, other: Array) -> bool:
    """Equal within float32's rounding."""
    if array.shape != other.shape:
        return False
    with np.errstate(all="ignore"):
        finite = np.abs(other[np.isfinite(other)])
        scale = float(finite.max()) if finite.size else 0.0
        return bool(np.allclose(array, other, rtol=1e-5, atol=1e-6 * max(scale, 1e-12), equal_nan=True))


def _wrong(pair: Pair) -> Array | None:
    """True where the two sides differ, or None where they cannot be compared place by place."""
    both = _numbers(pair)
    if both is None:
        return None
    expected, got = both
    with np.errstate(all="ignore"):
        finite = np.abs(expected[np.isfinite(expected)])
        scale = float(finite.max()) if finite.size else 1.0
        return np.asarray(~np.isclose(got, expected, rtol=1e-5, atol=1e-6 * max(scale, 1e-12), equal_nan=True))


def _mostly(wrong: Array) -> bool:
    """More than half: a few wrong numbers may be in one region by chance."""
    return bool(wrong.size) and float(np.mean(wrong)) > 0.5


# --- the result as a whole ------------------------------------------------------------------------------------------


def an_argument(pair: Pair) -> Relation | None:
    got = _array(pair.got)
    if got is None or not got.size:
        return None
    for name, array in pair.arguments.items():
        if array.dtype.kind in "iuf" and _same(got.astype(float), array.astype(float)):
            return Relation("returns an argument", f"The result is the argument `{name}`, unchanged.")
    return None


def transposed(pair: Pair) -> Relation | None:
    expected, got = _array(pair.expected), _array(pair.got)
    if expected is None or got is None or expected.ndim < 2 or got.ndim != expected.ndim:
        return None
    turned = np.swapaxes(expected, -1, -2)
    if not _same(got.astype(float), turned.astype(float)) or _same(turned.astype(float), expected.astype(float)):
        return None
    return Relation("transposed", "The numbers are right, the last two axes of the result have changed places.")


def inverted(pair: Pair) -> Relation | None:
    """True and False in exchanged roles."""
    expected, got = (value.array if isinstance(value, TensorData) else value for value in (pair.expected, pair.got))
    if not isinstance(expected, np.ndarray) or not isinstance(got, np.ndarray) or expected.shape != got.shape:
        return None
    if expected.dtype != bool or got.dtype != bool or expected.size < 2 or (got == expected).any():
        return None
    return Relation("True and False exchanged", "True and False are exchanged everywhere.")


def missing_axis(pair: Pair) -> Relation | None:
    expected, got = _array(pair.expected), _array(pair.got)
    if expected is None or got is None or expected.shape == got.shape or expected.size != got.size:
        return None
    if not _same(got.astype(float).reshape(expected.shape), expected.astype(float)):
        return None
    if [n for n in expected.shape if n != 1] != [n for n in got.shape if n != 1]:
        return Relation("another shape", "The numbers are right and in the right order; only the shape differs.")
    return Relation("an axis of size 1", "The numbers are right; the shape differs only by an axis of size 1.")


def order_of_rows(pair: Pair) -> Relation | None:
    both = _numbers(pair)
    if both is None or not 2 <= len(both[0].reshape(-1)) <= 5000:
        return None
    expected, got = both
    for axis in range(expected.ndim):
        if expected.shape[axis] > 1 and _same(got, np.flip(expected, axis)) and not _same(got, expected):
            where = f" along axis {axis}" if expected.ndim > 1 else ""
            return Relation("reversed", f"The numbers are right, their order is reversed{where}.")
    if expected.ndim > 1 and _same(*(side[np.lexsort(side.reshape(len(side), -1).T)] for side in (got, expected))):
        return Relation("order of the rows", "The rows are right, their order along axis 0 is not.")
    return None


def one_slice(pair: Pair) -> Relation | None:
    """An array that is one row or column too long or too short."""
    expected, got = _array(pair.expected, "biuf"), _array(pair.got, "biuf")
    if expected is None or got is None or expected.ndim != got.ndim:
        return None
    axes = [axis for axis in range(expected.ndim) if expected.shape[axis] != got.shape[axis]]
    if len(axes) != 1 or abs(expected.shape[axes[0]] - got.shape[axes[0]]) != 1 or not min(expected.size, got.size):
        return None
    axis = axes[0]
    short, long = sorted((expected, got), key=lambda array: int(array.shape[axis]))
    missing = short is got
    what = ("item", "row", "column")[
        0 if expected.ndim == 1 else {expected.ndim - 1: 2, expected.ndim - 2: 1}.get(axis, 0)
    ]
    for end, rest in (("last", slice(None, -1)), ("first", slice(1, None))):
        if _same(short.astype(float), long[(slice(None),) * axis + (rest,)].astype(float)):
            if missing:
                return Relation(f"the {end} {what} is missing", f"The {end} {what} is missing; the rest is right.")
            where = "at the end" if end == "last" else "at the start"
            return Relation(f"one {what} too many {where}", f"There is one {what} too many {where}; the rest is right.")
    return None


def other_axes(pair: Pair) -> Relation | None:
    """The right numbers with the axes in another order."""
    expected, got = _array(pair.expected, "biuf"), _array(pair.got, "biuf")
    if expected is None or got is None or not 3 <= expected.ndim <= 4 or sorted(expected.shape) != sorted(got.shape):
        return None
    for order in itertools.permutations(range(expected.ndim)):
        turned = expected.transpose(order).astype(float)
        if list(order) != sorted(order) and _same(got.astype(float), turned) and not _same(got.astype(float), expected):
            return Relation("axes in another order", f"The values are right, with the axes in another order: {order}.")
    return None


def cut_or_longer(pair: Pair) -> Relation | None:
    """An array that ends too early or too late along one axis, or begins too late or too early."""
    expected, got = _array(pair.expected, "biuf"), _array(pair.got, "biuf")
    if expected is None or got is None or expected.ndim != got.ndim or not min(expected.size, got.size):
        return None
    axes = [axis for axis in range(expected.ndim) if expected.shape[axis] != got.shape[axis]]
    if len(axes) != 1:
        return None
    axis = axes[0]
    short, long = sorted((expected, got), key=lambda array: int(array.shape[axis]))
    size = int(short.shape[axis])
    what = (
        "items" if expected.ndim == 1 else {expected.ndim - 1: "columns", expected.ndim - 2: "rows"}.get(axis, "items")
    )
    for end, part in (("end", slice(None, size)), ("start", slice(-size, None))):
        if _same(short.astype(float), long[(slice(None),) * axis + (part,)].astype(float)):
            if short is got:
                there = "first" if end == "end" else "last"
                return Relation(f"the {end} is missing", f"The {there} {what} are right; the others are missing.")
            return Relation(f"too much at the {end}", f"There are too many {what} at the {end}; the rest is right.")
    return None


def one_of_many(pair: Pair) -> Relation | None:
    """A single row of the expected array, the same row everywhere, or nothing but zeros."""
    expected, got = _array(pair.expected), _array(pair.got)
    if expected is None or got is None or expected.ndim < 2 or expected.shape[-2] < 2:
        return None
    if got.ndim == expected.ndim - 1 and any(_same(got, row) for row in expected):
        return Relation("a part in place of the whole", "Only one item along axis 0 came back.")
    if got.shape != expected.shape or not np.isfinite(got).all():
        return None
    if not got.any():
        return Relation("zeros", "All numbers of the result are 0.")
    first = got[..., :1, :]
    if _same(got, np.broadcast_to(first, got.shape)) and not _same(expected, np.broadcast_to(first, got.shape)):
        if _same(expected, np.broadcast_to(expected[..., :1, :], expected.shape)):
            return None
        return Relation("the same row everywhere", "All rows of the result are equal; they should differ.")
    return None


def in_order(pair: Pair) -> Relation | None:
    """The right numbers of each row, sorted."""
    both = _numbers(pair)
    if both is None or both[0].ndim < 1 or both[0].shape[-1] < 3 or not np.isfinite(both[0]).all():
        return None
    expected, got = both
    for name, turn in (("falling", -1), ("rising", 1)):
        if _same(got, turn * np.sort(turn * expected, axis=-1)) and not _same(got, expected):
            return Relation("sorted", f"The numbers of each row are right, in {name} order: they are not put back.")
    return None


def sums_of_rows(pair: Pair) -> Relation | None:
    """Rows of probabilities that do not add up to 1."""
    both = _numbers(pair)
    if both is None or both[0].ndim < 1 or both[0].shape[-1] < 2:
        return None
    expected, got = both
    sums = expected.sum(-1)
    if (expected < 0).any() or not (np.isclose(sums, 1, atol=1e-5) | (sums == 0)).all() or not (sums > 0).any():
        return None
    if not np.isfinite(got).all() or np.isclose(got.sum(-1)[sums > 0], 1, atol=1e-5).all():
        return None
    if _is_one_hot(expected) and _is_one_hot(got):
        return None
    for axis in range(-2, -got.ndim - 1, -1):
        along = got.sum(axis)
        if (np.isclose(along, 1, atol=1e-5) | (along == 0)).all() and (along > 0).any():
            sentence = f"The numbers add up to 1 along axis {axis}. Expected are rows that add up to 1 (the last axis)."
            return Relation("adds up to 1 along another axis", sentence)
    return Relation("rows that do not add up to 1", "Not all rows add up to 1, and they should.")


def _is_one_hot(array: Array) -> bool:
    return bool(np.isin(array, (0, 1)).all())


def an_addend(pair: Pair) -> Relation | None:
    """An argument that is missing in a sum, or added once too often."""
    both = _numbers(pair)
    if both is None or both[0].size < 2 or not np.isfinite(both[0]).all() or not np.isfinite(both[1]).all():
        return None
    expected, got = both
    for name, array in pair.arguments.items():
        if array.dtype.kind != "f" or not array.any():
            continue
        try:
            addend = np.broadcast_to(array, expected.shape)
        except ValueError:
            continue
        for sign, what, sentence in (
            (1, "missing in", f"`{name}` is missing in the sum: with it the result is right."),
            (-1, "once too often in", f"`{name}` is added once too often: without it the result is right."),
            (2, "subtracted in place of added to", f"`{name}` is subtracted where it has to be added."),
        ):
            if _same(got + sign * addend, expected):
                return Relation(f"an argument {what} the sum", sentence)
    return None


def an_offset_for_each_row(pair: Pair) -> Sequence[Relation]:
    """All numbers off by the same amount, in the whole result or within each row."""
    both = _numbers(pair)
    if both is None or both[0].ndim < 1 or both[0].shape[-1] < 2 or not np.isfinite(both[0]).all():
        return ()
    expected, got = both
    gaps = got - expected
    if not np.isfinite(gaps).all() or not _same(expected + gaps[..., :1], got) or not np.abs(gaps).all():
        return ()
    relations = [Relation("an offset for each row", "Within each row all numbers are off by the same amount.")]
    if np.ptp(gaps) < 1e-5 * max(1.0, float(np.abs(gaps).max())):
        return [Relation("an offset", "All numbers of a result are off by the same amount."), *relations]
    return relations


def nearly(pair: Pair) -> Relation | None:
    """Right but for later digits."""
    both = _numbers(pair)
    if both is None or not np.isfinite(both[0]).all() or not np.isfinite(both[1]).all():
        return None
    expected, got = both
    largest = float(np.abs(expected).max())
    if largest == 0 or float(np.abs(got - expected).max()) > 1e-3 * largest:
        return None
    sentence = (
        "The numbers are nearly right. Look for a small number that is added (an `eps`), for a large one in place of "
        "infinity, and for steps in lower precision or with rounded constants."
    )
    return Relation("nearly right", sentence)


def not_finite(pair: Pair) -> Relation | None:
    """Where the result is wrong, it is NaN, or infinite."""
    wrong = _wrong(pair)
    got = _array(pair.got)
    if wrong is None or got is None or not wrong.any():
        return None
    if np.isnan(got[wrong]).all():
        sentence = (
            "Where the result is wrong, it is NaN. Look for 0 / 0, inf - inf, 0 * inf, the root or the logarithm of a "
            "negative number, and for places of an `empty` array that nothing fills."
        )
        return Relation("NaN", sentence)
    sentence = (
        "Look for `inf` that is filled in, for a number that grows too large, and for a `log` or a division that meets "
        "0."
    )
    if np.isinf(got[wrong]).all():
        return Relation("infinite", f"Where the result is wrong, it is infinite. {sentence}")
    if not np.isfinite(got[wrong]).any():
        return Relation("NaN or infinite", f"Where the result is wrong, it is NaN or infinite. {sentence}")
    return None


def zeros(pair: Pair) -> Relation | None:
    wrong, got = _wrong(pair), _array(pair.got)
    if wrong is None or got is None or wrong.sum() < 2 or got[wrong].any():
        return None
    return Relation("zeros", "Where the result is wrong, it is 0.")


def whole_numbers(pair: Pair) -> Relation | None:
    both = _numbers(pair)
    if both is None or not np.isfinite(both[0]).all():
        return None
    expected, got = both
    if np.isin(got, (0, 1)).all() and expected.size == 1:
        return None  # a yes or no in place of a share
    if not got.any() and expected.size > 1 and np.asarray(_array(pair.got)).dtype.kind == "f":
        return None  # lost in another way
    if any(np.array_equal(cut(expected), got) for cut in (np.trunc, np.floor)) and not np.array_equal(expected, got):
        sentence = "The result has whole numbers only: what belongs after the decimal point is missing."
        return Relation("whole numbers", sentence)
    return None


def rounded(pair: Pair) -> Relation | None:
    both = _numbers(pair)
    if both is None or not np.isfinite(both[0]).all():
        return None
    expected, got = both
    places = {counted(number, "decimal"): np.round(expected, number) for number in range(13)}
    if expected.size == 1:
        digits = {counted(number, "digit"): float(f"{expected.item():.{number - 1}e}") for number in range(2, 7)}
        places |= {text: np.full(expected.shape, value) for text, value in digits.items()}
    for text, values in places.items():
        if text == "0 decimals" and np.isin(got, (0, 1)).all():
            continue  # too little to see it in
        if np.array_equal(values, got) and not np.array_equal(expected, got):
            return Relation("rounded", f"The result is rounded to {text}. Return the numbers as they are.")
    return None


def a_function(pair: Pair) -> Relation | None:
    """The result is another well-known function of the expected one."""
    both = _numbers(pair)
    if both is None or both[0].size < 2:
        return None
    expected, got = both
    with np.errstate(all="ignore"):
        known = {
            "its sign turned": (-expected, "The numbers have the opposite sign."),
            "the logarithm": (np.log(expected), "The result is the natural logarithm of what is expected."),
            "the exponential": (np.exp(expected), "The result is `exp` of what is expected."),
            "the square": (expected**2, "The result is the square of what is expected."),
            "the square root": (np.sqrt(expected), "The result is the square root of what is expected."),
            "the reciprocal": (1 / expected, "The result is 1 divided by what is expected."),
            "1 minus the result": (1 - expected, "The result is 1 minus what is expected."),
            "no negative numbers": (np.maximum(expected, 0), "What should be negative has become 0."),
            "no signs": (np.abs(expected), "What should be negative has lost its sign."),
            "cut at 1": (np.minimum(expected, 1), "What should be larger than 1 has become 1."),
        }
    for name, (values, sentence) in known.items():
        if np.isfinite(values).all() and _same(got, values) and not _same(got, expected):
            return Relation(name, sentence)
    return None


# --- a factor, an offset --------------------------------------------------------------------------------------------


def a_factor(pair: Pair) -> Sequence[Relation]:
    both = _numbers(pair)
    if both is None:
        return ()
    expected, got = both
    large = np.abs(expected) > 1e-3 * np.abs(expected).max(initial=0.0)
    if not large.any() or not np.isfinite(got).all():
        return ()
    ratio = float(np.median(got[large] / expected[large]))
    if not math.isfinite(ratio) or abs(ratio) < 1e-10 or not _same(got, ratio * expected):
        return ()
    relations = []
    for value, name in _factors(pair.arguments):
        if math.isclose(ratio, value, rel_tol=1e-4):
            relations.append(Relation("a constant factor", f"Every number is {name} times what is expected."))
        if math.isclose(ratio, 1 / value, rel_tol=1e-4):
            relations.append(Relation("a constant factor", f"Every number is what is expected, divided by {name}."))
    return relations


def _factors(arguments: dict[str, Array]) -> Iterator[tuple[float, str]]:
    """Numbers that people multiply by, named; sizes of the call's arguments first."""
    for name, array in arguments.items():
        for axis in range(-1, -array.ndim - 1, -1):
            size = array.shape[axis]
            if size > 1:
                yield math.sqrt(size), f"the root of `{name}.shape[{axis}]`"
                yield float(size), f"`{name}.shape[{axis}]`"
    yield from ((float(number), str(number)) for number in (*range(2, 13), 100, 1000))
    yield from ((1e6, "a million"), (1e9, "a billion"))
    yield math.log(2), "ln 2"
    yield math.sqrt(2), "√2"


def a_factor_for_each_row(pair: Pair) -> Sequence[Relation]:
    """Right proportions, in the whole result or within each row."""
    both = _numbers(pair)
    if both is None or both[0].ndim < 1 or both[0].shape[-1] < 2 or not np.isfinite(both[0]).all():
        return ()
    expected, got = both
    sizes = np.abs(expected)
    at = sizes.argmax(axis=-1)[..., None]
    largest = np.take_along_axis(expected, at, -1)
    with np.errstate(all="ignore"):
        ratios = np.where(largest == 0, 1.0, np.take_along_axis(got, at, -1) / largest)
    if not np.isfinite(ratios).all() or (ratios == 0).any() or not _same(got, ratios * expected):
        return ()
    if np.mean((sizes > 1e-3 * np.abs(largest)).sum(axis=-1) > 1) <= 0.5:  # a row with one number has any proportions
        return ()
    whole = "The proportions are right: all numbers of a result are too large or too small by the same factor."
    row = "Within each row the proportions are right; the rows as a whole are too large or too small."
    relations = [Relation("a factor for each row", row)]
    return [Relation("a factor for each result", whole), *relations] if np.ptp(ratios) < 1e-5 else relations


def an_offset(pair: Pair) -> Relation | None:
    both = _numbers(pair)
    if both is None:
        return None
    expected, got = both
    with np.errstate(all="ignore"):
        offset = float(np.median(got - expected))
    if not math.isclose(abs(offset), 1.0, rel_tol=1e-6) or not _same(got - offset, expected):
        return None
    what = "Every number is" if expected.size > 1 else "The number is"
    return Relation("off by one", f"{what} 1 too {'large' if offset > 0 else 'small'}.")


# --- wrong only in places -------------------------------------------------------------------------------------------


def only_masked(pair: Pair) -> Relation | None:
    wrong = _wrong(pair)
    if wrong is None or wrong.all():
        return None
    for name, mask in pair.arguments.items():
        if mask.dtype != bool or mask.all() or not mask.any():
            continue
        for shaped in (mask, mask[..., None]):
            try:
                spread = np.broadcast_to(shaped, wrong.shape)
            except ValueError:
                continue
            for value in (False, True):
                if not wrong[spread != value].any() and _mostly(wrong[spread == value]):
                    return Relation(
                        f"wrong only where {name} is {value}",
                        f"The result differs only where `{name}` is {value}; elsewhere it is right.",
                    )
    return None


def only_columns(pair: Pair) -> Relation | None:
    wrong = _wrong(pair)
    if wrong is None or wrong.ndim < 1 or wrong.shape[-1] < 2 or wrong.all():
        return None
    axis = "columns" if wrong.ndim > 1 else "places"
    for start, name in ((0, "even"), (1, "odd")):
        other = 1 - start
        if not wrong[..., other::2].any() and _mostly(wrong[..., start::2]) and wrong.shape[-1] > 2:
            return Relation(f"wrong only in {name} {axis}", f"Only {name} {axis} differ (counted from 0).")
    for index, name in ((0, "first"), (-1, "last")):
        rest = wrong[..., 1:] if index == 0 else wrong[..., :-1]
        if not rest.any() and _mostly(wrong[..., index]) and wrong.shape[-1] > 2:
            return Relation(f"wrong only in the {name} one of the {axis}", f"Only the {name} of the {axis} differs.")
    return None


def only_triangle(pair: Pair) -> Relation | None:
    wrong = _wrong(pair)
    if wrong is None or wrong.ndim < 2 or wrong.shape[-1] != wrong.shape[-2] or wrong.shape[-1] < 3:
        return None
    rows, columns = np.indices(wrong.shape[-2:])
    for where, name in ((columns > rows, "above"), (columns < rows, "below"), (columns == rows, "on")):
        if not wrong[..., ~where].any() and _mostly(wrong[..., where]):
            return Relation(f"wrong only {name} the diagonal", f"The result differs only {name} the diagonal.")
    return None


def only_rows(pair: Pair) -> Relation | None:
    wrong = _wrong(pair)
    if wrong is None or wrong.ndim < 2:
        return None
    for axis, what in ((0, "along axis 0"), (wrong.ndim - 2, "of the rows")):
        size = wrong.shape[axis]
        moved = [bool(item.any()) for item in np.moveaxis(wrong, axis, 0)]
        if size > 2 and moved[0] and not any(moved[1:]):
            return Relation(f"wrong only in the first {what}", f"Only the first item {what} differs.")
        if size > 2 and moved[-1] and not any(moved[:-1]):
            return Relation(f"wrong only in the last {what}", f"Only the last item {what} differs.")
        if size > 1 and not moved[0] and all(moved[1:]):
            return Relation(f"right only in the first {what}", f"The first item {what} is right, all others differ.")
    return None


# --- lists ----------------------------------------------------------------------------------------------------------


def items(pair: Pair) -> Relation | Sequence[Relation] | None:
    """Of lists and tuples of plain items: one too many or missing, and where. An only item is both first and last."""
    expected, got = pair.expected, pair.got
    if not isinstance(expected, list | tuple) or not isinstance(got, list | tuple):
        return None
    expected, got = list(expected), list(got)
    if len(expected) + len(got) > 2000 or _nested(expected) or _nested(got):
        return None
    empty = Relation("empty", "The result is empty.")
    first_missing = Relation("the first item is missing", "The first item is missing; the rest is right.")
    last_missing = Relation("the last item is missing", "The last item is missing; the rest is right.")
    if expected and not got:
        return empty if len(expected) > 1 else [empty, first_missing, last_missing]
    if expected and got == expected[1:]:
        return first_missing
    if expected and got == expected[:-1]:
        return last_missing
    at_the_start, at_the_end = (
        Relation(f"one item too many at the {end}", f"There is one item too many at the {end}; the rest is right.")
        for end in ("start", "end")
    )
    if len(got) == 1 and not expected:
        return [at_the_start, at_the_end]
    if got and expected == got[1:]:
        return at_the_start
    if got and expected == got[:-1]:
        return at_the_end
    if got and got == expected[: len(got)] and len(got) < len(expected):
        if len(got) == 1:
            return Relation("the first item only", "Only the first item came back.")
        return Relation("ends early", "The result ends too early; what is there is right.")
    if len(expected) == len(got) > 1 and got == [expected[0]] * len(expected):
        return Relation("the first item again and again", "The first item is right, and it comes again and again.")
    if len(expected) > 1 and got == expected[::-1] != expected:
        return Relation("reversed", "The items are right, in reversed order.")
    if len(set(map(repr, got))) == len(got) < len(expected) and set(map(repr, got)) == set(map(repr, expected)):
        return Relation("repeated items are lost", "Every item comes only once. Repeated items are missing.")
    return None


def texts(pair: Pair) -> Relation | None:
    """Of lists and tuples of strings: the same text, cut in other places; empty strings; only some kinds of items."""
    expected, got = pair.expected, pair.got
    if not isinstance(expected, list | tuple) or not isinstance(got, list | tuple) or not expected or not got:
        return None
    if not all(isinstance(item, str) for item in (*expected, *got)):
        return None
    if "".join(expected) == "".join(got) and list(expected) != list(got):
        if len(got) == len(expected):
            return Relation("cut in other places", "The text is right, and it is cut in other places.")
        which = "few" if len(got) < len(expected) else "many"
        return Relation(f"too {which} pieces", f"The text is right, and it is cut into too {which} pieces.")
    if not any(got):
        return Relation("empty strings", "All items of the result are empty strings.")
    return None


def some_items(pair: Pair) -> Sequence[Relation]:
    """Of lists and tuples: what is there is right and in order, and some items are missing, or too many."""
    expected, got = pair.expected, pair.got
    if not isinstance(expected, list | tuple) or not isinstance(got, list | tuple) or _nested(expected) or _nested(got):
        return ()
    if len(expected) == len(got) or not got or not expected or len(expected) + len(got) > 2000:
        return ()
    fewer = len(got) < len(expected)
    short, long = (got, expected) if fewer else (expected, got)
    rest = iter(long)
    if not all(any(item == other for other in rest) for item in short):
        return ()
    left = list(long)
    for item in short:
        left.remove(item)
    kinds = []
    if all(isinstance(item, str) for item in left):
        kinds += [("marks", "neither a letter nor a digit", all(not any(map(str.isalnum, item)) for item in left))]
        kinds += [("special tokens", "a special token", all(re.fullmatch(r"<\w+>", item) for item in left))]
        kinds += [("white space", "white space or nothing", all(not item.strip() for item in left))]
    relations = []
    for name, words, fits in kinds:
        if fits and fewer:
            relations.append(
                Relation(f"{name} are missing", f"Items are missing, each of them {words}; the rest is right.")
            )
        elif fits:
            relations.append(Relation(f"{name} too many", f"There are items too many, each of them {words}."))
    if fewer:
        sentence = "Items are missing. What is there is right and in the right order."
        return [*relations, Relation("items are missing", sentence)]
    sentence = "There are items that should not be there. The others are right and in the right order."
    return [*relations, Relation("items too many", sentence)]


def some_values(pair: Pair) -> Sequence[Relation]:
    """Of tuples of a few numbers, as functions with several results return them: how those that are wrong differ."""
    expected, got = pair.expected, pair.got
    wrong = _wrong_values(pair)
    relations = []
    for number in (2, 3, 4, 0.5):
        if wrong and all(math.isclose(got[at], number * expected[at], rel_tol=1e-9) for at in wrong):
            times = f"{number} times" if number != 0.5 else "half of"
            relations.append(_differ(wrong, f": {times} what is expected."))
    for offset in (1, -1):
        if wrong and all(got[at] == expected[at] + offset for at in wrong):
            relations.append(_differ(wrong, f": 1 too {'large' if offset > 0 else 'small'}."))
    return relations


def other_values_right(pair: Pair) -> Sequence[Relation]:
    """Of such tuples: which values are wrong."""
    wrong = _wrong_values(pair)
    return [_differ(wrong, "; the rest is right.")] if 0 < len(wrong) < len(pair.expected) else ()


def _wrong_values(pair: Pair) -> list[int]:
    """The places of a tuple's values that are wrong; none where it is not two to four numbers."""
    expected, got = pair.expected, pair.got
    if not isinstance(expected, tuple) or not isinstance(got, list | tuple) or not 2 <= len(expected) == len(got) <= 4:
        return []
    if not all(type(value) in (int, float) for value in (*expected, *got)):
        return []
    return [at for at in range(len(expected)) if not math.isclose(expected[at], got[at], rel_tol=1e-9)]


def _differ(wrong: Sequence[int], how: str) -> Relation:
    listed = " and ".join(_ORDINALS[at] for at in wrong)
    does = "differs" if len(wrong) == 1 else "differ"
    return Relation(f"wrong: the {listed} value", f"Of the returned values the {listed} {does}{how}")


def exchanged(pair: Pair) -> Relation | None:
    """Two results in exchanged positions."""
    expected, got = pair.expected, pair.got
    if isinstance(expected, dict) and isinstance(got, dict) and expected.keys() == got.keys():
        return _exchanged_entries(expected, got)
    if not isinstance(expected, tuple) or not isinstance(got, list | tuple) or not len(expected) == len(got) == 2:
        return None
    if Comparison(ignore=("sequence",)).equal(list(expected), [got[1], got[0]]):
        return Relation("results exchanged", "The two results are right, in exchanged positions.")
    return None


def _exchanged_entries(expected: dict[Any, Any], got: dict[Any, Any]) -> Relation | None:
    """Entries that have each other's values, named without the numbers of layers."""
    same = Comparison(lambda path, values: 1e-6)
    wrong = [key for key in expected if not same.equal(expected[key], got[key])]
    if not 2 <= len(wrong) <= 200:
        return None
    names = set()
    for key in wrong:
        others = [other for other in wrong if same.equal(expected[other], got[key])]
        if len(others) != 1 or others[0] == key or not same.equal(expected[key], got[others[0]]):
            return None
        names.add(tuple(sorted(re.sub(r"(^|\.)\w+\.\d+\.", r"\1", str(name)) for name in (key, others[0]))))
    if len(names) != 1:
        return None
    name, other = names.pop()
    return Relation("entries exchanged", f"`{name}` and `{other}` have each other's values.")


def _transposed_entries(pairs: Sequence[Pair]) -> Relation | None:
    """Parameters that are all transposed, named without the numbers of layers."""
    names: dict[str, None] = {}
    for pair in pairs:
        found = re.fullmatch(r"(?:\d\[')?([\w.]+\.weight)(?:'\])?", pair.path)
        if found is None or transposed(pair) is None:
            return None
        names[re.sub(r"(^|\.)\w+\.\d+\.", r"\1", found[1])] = None
    listed = enumerated([f"`{name}`" for name in names])
    does = "has" if len(names) == 1 else "have"
    return Relation("transposed", f"{listed} {does} the right numbers, and rows and columns have changed places.")


_CUTTING = "`.detach()`, `.data`, `torch.no_grad()`, `requires_grad=False` and the way through NumPy cut it off."


def _no_gradients(pairs: Sequence[Pair]) -> Relation | None:
    """Gradients that are zero and should not be, where nothing else differs, with the names of their parameters."""
    lost = dict.fromkeys(_parameter(pair.path) for pair in pairs)
    if None in lost or any(not _is_lost(pair) for pair in pairs):
        return None
    names = enumerated([f"`{name}`" for name in lost])
    return Relation("no gradient", f"The values are right, but no gradient reaches {names}. {_CUTTING}")


def _parameter(path: str) -> str | None:
    found = re.fullmatch(r"gradients\['([^']+)'\]", path)
    return found[1] if found else None


def _is_lost(pair: Pair) -> bool:
    expected, got = _array(pair.expected), _array(pair.got)
    return expected is not None and got is not None and not got.any() and bool(expected.any())


FINDERS: tuple[Finder, ...] = (
    an_argument,
    transposed,
    inverted,
    missing_axis,
    other_axes,
    one_slice,
    cut_or_longer,
    one_of_many,
    in_order,
    not_finite,
    whole_numbers,
    rounded,
    a_function,
    a_factor,
    an_offset,
    an_addend,
    items,
    texts,
    some_values,
    order_of_rows,
)
# relations that tell where a result is wrong, and less why
WHERE: tuple[Finder, ...] = (
    some_items,
    other_values_right,
    only_masked,
    sums_of_rows,
    zeros,
    a_factor_for_each_row,
    an_offset_for_each_row,
    nearly,
    only_triangle,
    only_columns,
    only_rows,
)
# relations that are told also between a wrong answer that is known and the learner's: no chance gives them
ON_TOP: tuple[Finder, ...] = (transposed, inverted, missing_axis, order_of_rows)
