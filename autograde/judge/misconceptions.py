"""Which known mistake, or which two of them, an answer shows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from autograde.harness.call import MAIN, Answer, Skipped
from autograde.harness.plain import TensorData
from autograde.judge import explain
from autograde.judge.case import Case, Diagnosis, parts
from autograde.judge.relations import ON_TOP, Failure, relate
from autograde.judge.verdict import MISCONCEPTION

Part = tuple[int, Any]  # the number of a call, and the key of one of its results


def misconception(case: Case, fits: Callable[[Case, int], bool]) -> Diagnosis | None:
    """The misconception that fits in this way."""
    found = _closest(case, [number for number in _numbers(case) if fits(case, number)])
    if found is None:
        return None
    candidate = case.exercise.misconceptions[found]
    return Diagnosis(candidate.name, candidate.sentence, MISCONCEPTION)


def _numbers(case: Case) -> range:
    return range(len(case.exercise.misconceptions))


def _closest(case: Case, fitting: list[int]) -> int | None:
    """Of the misconceptions that fit, the one that answers most calls in the same way; None where several answer
    equally many, and others than all: which of them it is, or another still, is not known."""
    agreed = {number: sum(case.agrees(number, at) for at in range(len(case.got))) for number in fitting}
    best = [number for number in fitting if agreed[number] == max(agreed.values())]
    return best[0] if best and (len(best) == 1 or agreed[best[0]] == len(case.got)) else None


# --- ways in which one fits -----------------------------------------------------------------------------------------


def on_every_call(case: Case, number: int) -> bool:
    """Whether a misconception answers every call as the learner's code; an error has to read the same."""
    if not all(case.agrees(number, at) for at in range(len(case.got))):
        return False
    raised = [at for at in case.failing if case.raised(at)]
    return all(_words(case.key.wrong(number, at)) == _words(case.got[at]) for at in raised)


def on_main_calls(case: Case, number: int) -> bool:
    """Whether it answers the calls of the main part in the same way, several wrong ones among them, and not with a few
    yes and no: what else is wrong beyond them is another mistake."""
    main = [at for at, call in enumerate(case.key.calls) if call.part == MAIN]
    failing = [at for at in main if case.findings[at] is not None]
    if len(failing) < 2 or any(map(case.raised, failing)) or case.says_little:
        return False
    return all(case.agrees(number, at) for at in main) and all(case.errs(number, at) for at in failing)


def on_failing_calls(case: Case, number: int) -> bool:
    """Whether it answers the calls that fail in the same way, with values and not with errors, where these are most of
    the calls on which the misconception itself is wrong."""
    if any(map(case.raised, case.failing)) or case.says_little:
        return False
    if not all(case.agrees(number, at) and case.errs(number, at) for at in case.failing):
        return False
    return 3 * len(case.failing) >= 2 * sum(case.fails(number, at) for at in range(len(case.got)))


def _words(answer: Answer | Skipped) -> list[str]:
    """The words of an error, whichever of two shapes comes first in it; its kind fits too many mistakes."""
    return sorted(re.findall(r"\w+|\S", answer.problem.text if answer.problem else ""))


# --- two mistakes at once -------------------------------------------------------------------------------------------


def two_mistakes(case: Case) -> Diagnosis | None:
    """Two misconceptions that explain together what fails, each a part of it; or one misconception, and on top of it a
    relation, another dtype, or a changed input. The one that explains more gives the name."""
    if any(case.raised(at) or isinstance(case.got[at], Skipped) for at in case.failing) or case.says_little:
        return None
    wrong = {(at, part) for at in case.failing for part in case.wrong_parts(at)}
    explains = {}
    for number in _numbers(case):
        explained = _explained(case, number, wrong)
        if explained is None:
            continue
        if wrong and explained == wrong and (second := _changed_on_top(case, number)):
            return _both(case, number, second)
        places = {at for at, _ in explained}
        if explained and _fails_there_only(case, number, places) and _errs_within(case, number, explained):
            explains[number] = explained
    for number, other in itertools.permutations(sorted(explains, key=lambda number: -len(explains[number])), 2):
        mine, others = explains[number], explains[other]
        if mine - others and others - mine and mine | others == wrong:
            further = case.exercise.misconceptions[other]
            return _both(case, number, f"There is a second mistake, {further.name}: {further.sentence}")
    return _with_relation(case)


def _both(case: Case, number: int, second: str) -> Diagnosis:
    first = case.exercise.misconceptions[number]
    return Diagnosis(first.name, f"{first.sentence} {second}", MISCONCEPTION)


def _explained(case: Case, number: int, wrong_parts: set[Part]) -> set[Part] | None:
    """The wrong parts for which a misconception gives the same, and the right answer does not; None where it raises.
    The dtype does not matter."""
    comparison = case.alike("dtype", "sequence")
    explained = set()
    for at in case.failing:
        wrong, got = case.key.wrong(number, at), case.got[at]
        if isinstance(wrong, Skipped) or wrong.problem is not None:
            return None
        if not case.errs(number, at):
            continue
        values, given = parts(wrong.value), parts(got.value)
        right = parts(case.key.expected[at].value)
        for part in (part for place, part in wrong_parts if place == at):
            same = part in values and part in given and comparison.equal(values[part], given[part])
            same = same and not (part in right and comparison.equal(right[part], values[part]))
            if same or (part is None and comparison.equal(wrong.value, got.value)):
                explained.add((at, part))
    return explained


def _fails_there_only(case: Case, number: int, places: set[int]) -> bool:
    """Whether a misconception is wrong on calls that fail only, and explains most of them."""
    wrong = [at for at in range(len(case.got)) if case.fails(number, at)]
    return all(case.findings[at] is not None for at in wrong) and 3 * len(places) >= 2 * len(wrong)


def _errs_within(case: Case, number: int, explained: set[Part]) -> bool:
    """Whether a misconception is wrong in no other part of the calls that it explains: its sentence speaks of all."""
    comparison = case.alike("dtype", "sequence")
    for at in {at for at, _ in explained}:
        right, wrong = parts(case.key.expected[at].value), parts(case.key.wrong(number, at).value)
        if right.keys() != wrong.keys():
            if (at, None) not in explained:
                return False
        elif any((at, part) not in explained and not comparison.equal(right[part], wrong[part]) for part in right):
            return False
    return True


def _changed_on_top(case: Case, number: int) -> str:
    """The sentence about an input that the answer changes and the misconception does not; "" for none."""
    for at in case.failing:
        changed = set(case.got[at].changed) - set(case.key.wrong(number, at).changed)
        if changed and not case.exercise.mutates:
            names = explain.argument_names(case.exercise, case.key.calls[at], sorted(changed))
            named = " " * bool(names) + ", ".join(f"`{name}`" for name in names)
            return f"On top of it, the call changes its input{named}. Work on a copy."
    return ""


def _with_relation(case: Case) -> Diagnosis | None:
    """A relation between the answers of a misconception and the learner's, one that no chance gives."""
    for number in _numbers(case):
        failures = []
        for at in case.failing:
            wrong, got = case.key.wrong(number, at), case.got[at]
            if isinstance(wrong, Skipped) or wrong.problem is not None or wrong.changed != got.changed:
                break
            if any(_rearranged(case.key.expected[at].value, answer.value) for answer in (wrong, got)):
                break  # two rearrangements are as well another one
            if all(_is_zeros_and_ones(answer.value) for answer in (wrong, got)):
                break  # many mistakes give the same few numbers
            failures.append(
                Failure(call=case.key.calls[at], parameters=(), expected=wrong, got=got, comparison=case.alike())
            )
        if len(failures) < len(case.failing) or not any(case.errs(number, at) for at in case.failing):
            continue
        if relation := relate(failures, ON_TOP):
            return _both(case, number, f"There is a second difference on top of it: {relation.name}.")
    return None


def _is_zeros_and_ones(value: Any) -> bool:
    array = value.array if isinstance(value, TensorData) else value
    return isinstance(array, np.ndarray) and bool(np.isin(array, (0, 1)).all())


def _rearranged(expected: Any, given: Any) -> bool:
    """Whether two arrays have the same numbers, in any order and shape."""
    right, other = (value.array if isinstance(value, TensorData) else value for value in (expected, given))
    if not isinstance(right, np.ndarray) or not isinstance(other, np.ndarray) or right.size != other.size:
        return False
    return np.allclose(np.sort(right, axis=None), np.sort(other, axis=None), rtol=1e-5, equal_nan=True)
