"""Numbers that learners compute on paper and type: an answer at once, and no points."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import Any

import numpy as np

from autograde.course.text import counted
from autograde.exercise import ByHand
from autograde.exercises import by_hand_numbers
from autograde.harness.brief import brief
from autograde.judge.verdict import FAILED, NOT_STARTED, PASSED, SIGNS, card, marked_up
from autograde.learner.display import show

SHOWN_AFTER = 3  # wrong numbers; then the right one is shown
EXACT = 6  # decimals; what has more was computed by the machine

_wrong: Counter[str] = Counter()


def by_hand(name: str, value: Any = ..., *more: Any) -> None:
    """Say whether the number that was typed for `name` is right. Raises KeyError for an unknown name, TypeError where
    the name is no text, and nothing else.

    A number counts as right if it is rounded, or one off in its last place. Several numbers are one list.
    """
    number = _asked(name)
    state, advice = _answer(number, [value, *more] if more else value)
    head = {PASSED: "right", FAILED: "not yet", NOT_STARTED: "type your number"}[state]
    show(card(state, f"{name}: {head}", [marked_up(advice)]), f"{SIGNS[state]} {name}: {head}\n{advice}")


def _asked(name: str) -> ByHand:
    if not isinstance(name, str):
        raise TypeError("Write the name first, in quotes as the lesson has it, then your number.")
    numbers = by_hand_numbers()
    if name not in numbers:
        near = difflib.get_close_matches(name, numbers, 1)
        raise KeyError(f"There is no number {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
    return numbers[name]


def _answer(number: ByHand, value: Any) -> tuple[str, str]:
    """The state, and a sentence."""
    if value is None or value is ...:
        return NOT_STARTED, "Compute it on paper, and type it in place of `...`."
    wanted, typed = np.asarray(number.value, float), _numbers(value)
    if typed is None:
        return NOT_STARTED, "Type a number such as `0.25`" + (", or a list of numbers." if wanted.ndim else ".")
    if typed.shape != wanted.shape:
        return FAILED, f"Expected {_form(wanted)}, got {_form(typed)}."
    if _near(typed, wanted, number.places):
        _wrong.pop(number.name, None)
        return PASSED, f"It is {_shown(number)}."
    slip = next((text for slip, text in number.slips.items() if _is(typed, np.asarray(slip), number.places)), None)
    if _is_rounded(typed, wanted, number.places):
        decimals = counted(number.places, "decimal")
        return FAILED, f"Give {decimals}." if slip else f"Right so far: give {decimals}."
    _wrong[number.name] += 1
    advice = slip or number.hint
    if _wrong[number.name] >= SHOWN_AFTER:
        advice += f" The {'numbers are' if wanted.ndim else 'number is'} {_shown(number)}."
    return FAILED, advice


def _numbers(value: Any) -> np.ndarray | None:
    try:
        typed = np.asarray(value, float)
    except Exception:  # text, a list of lists of unequal length, an object that answers oddly
        return None
    return typed if not isinstance(value, str) and np.isfinite(typed).all() else None


def _near(typed: np.ndarray, wanted: np.ndarray, places: int) -> bool:
    return typed.shape == wanted.shape and bool((np.abs(typed - wanted) <= 1.001 * 10.0**-places).all())


def _is_rounded(typed: np.ndarray, wanted: np.ndarray, places: int) -> bool:
    """Whether the typed digits are right, and fewer than the `places` that count."""
    decimals = _decimals(typed)
    return decimals < places and bool((np.abs(typed - wanted) <= 0.501 * 10.0**-decimals).all()) and bool(typed.any())


def _decimals(typed: np.ndarray) -> int:
    return max(len(np.format_float_positional(number, trim="-").partition(".")[2]) for number in typed.flat)


def _is(typed: np.ndarray, slip: np.ndarray, places: int) -> bool:
    """Whether the typed digits are those of the slip, rounded: one that is only near may be another mistake."""
    return typed.shape == slip.shape and np.allclose(
        typed, slip, rtol=0, atol=0.501 * 10.0 ** -min(max(places, _decimals(typed)), EXACT)
    )


def _form(numbers: np.ndarray) -> str:
    if not numbers.ndim:
        return "one number"
    count = counted(numbers.size, "number")
    return f"a list of {count}" if numbers.ndim == 1 else f"numbers of the shape {numbers.shape}"


def _shown(number: ByHand) -> str:
    return brief(np.round(np.asarray(number.value, float), number.places).tolist())
