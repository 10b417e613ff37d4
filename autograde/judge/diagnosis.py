"""What is probably wrong: a misconception, a relation in the data, or what the source shows, in this order."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograde.exercise import Exercise
from autograde.harness.brief import Projected
from autograde.harness.call import MAIN, Answer, Skipped
from autograde.harness.plain import TensorData
from autograde.judge import explain
from autograde.judge.answer_key import AnswerKey
from autograde.judge.compare import WRONG_TYPE, Array, Comparison
from autograde.judge.exceptions import explained
from autograde.judge.findings import Finding, find, is_unwritten
from autograde.judge.other_questions import right_for_another_question
from autograde.judge.plain_errors import described
from autograde.judge.projection import projected
from autograde.judge.relations import FINDERS, ON_TOP, WHERE, Finder, relate
from autograde.judge.slips import seldom_meant, surely_not_meant
from autograde.judge.source import UNUSED, Observation, leftover, observe
from autograde.judge.verdict import MISCONCEPTION, RELATION, SOURCE


@dataclass(frozen=True)
class Diagnosis:
    """A name, a sentence, and the kind of evidence (`verdict.MISCONCEPTION`, `RELATION` or `SOURCE`)."""

    name: str
    sentence: str
    evidence: str


def diagnose(
    key: AnswerKey, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None], source: str | None
) -> Diagnosis | None:
    """The first evidence that fits, or None."""
    key = key.possible_for(source)
    slip = surely_not_meant(key.exercise, source) if source else None
    if slip and _says_little(key):
        return Diagnosis(slip.name, slip.sentence, SOURCE)
    if found := _misconception(key, got, findings, _on_every_call, _on_failing_calls):
        return found
    if slip:
        return Diagnosis(slip.name, slip.sentence, SOURCE)
    if found := _relation(key, got, findings, FINDERS) or _another_question(key, got, findings):
        return found
    if found := _two(key, got, findings) or _misconception(key, got, findings, _on_main_calls):
        return found
    seen = _seen(key.exercise, findings, source)
    if seen is not None and not (seen.name == UNUSED and _is_of_another_type(findings)):
        return Diagnosis(seen.name, seen.sentence, SOURCE)
    if found := _relation(key, got, findings, WHERE) or _in_plain_calls(key, got, findings):
        return found
    failing = [finding for finding in findings if finding is not None]
    return _told(key.exercise, failing) or _in_one_part(key, got, findings) or _in_some_calls(key, findings)


def _is_of_another_type(findings: Sequence[Finding | None]) -> bool:
    first = next(finding for finding in findings if finding is not None)
    return first.difference is not None and first.difference.kind == WRONG_TYPE


def _says_little(key: AnswerKey) -> bool:
    """Whether the right answers are a few yes and no, which other mistakes than the known ones give as well."""
    different = set()
    for answer in key.expected:
        different.add(repr(answer.value.value if isinstance(answer.value, Projected) else answer.value))
        if len(different) > 2:
            return False
    return len(key.expected) >= 4


# --- misconceptions -------------------------------------------------------------------------------------------------


def _misconception(
    key: AnswerKey, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None], *ways: Callable[..., bool]
) -> Diagnosis | None:
    """The misconception that fits in one of these ways, in their order."""
    for fits in ways:
        numbers = range(len(key.exercise.misconceptions))
        found = _closest(key, got, [number for number in numbers if fits(key, number, got, findings)])
        if found is not None:
            candidate = key.exercise.misconceptions[found]
            return Diagnosis(candidate.name, candidate.sentence, MISCONCEPTION)
    return None


def _closest(key: AnswerKey, got: Sequence[Answer | Skipped], fitting: Sequence[int]) -> int | None:
    """Of the misconceptions that fit, the one that answers most calls in the same way; None where several answer
    equally many, and others than all: which of them it is, or another still, is not known."""
    agreed = {
        number: sum(_agree(key.exercise, key.wrong(number, at), answer) for at, answer in enumerate(got))
        for number in fitting
    }
    best = [number for number in fitting if agreed[number] == max(agreed.values())]
    return best[0] if best and (len(best) == 1 or agreed[best[0]] == len(got)) else None


def _on_every_call(
    key: AnswerKey, number: int, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None]
) -> bool:
    """Whether a misconception answers every call as the learner's code; an error has to read the same."""
    places = range(len(got))
    raised = [at for at in places if _problem(got[at]) is not None and findings[at] is not None]
    if not all(_agree(key.exercise, key.wrong(number, at), got[at]) for at in places):
        return False
    return not raised or all(_same_text(key.wrong(number, at), got[at]) for at in raised)


def _on_main_calls(
    key: AnswerKey, number: int, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None]
) -> bool:
    """Whether it answers the calls of the main part in the same way, several wrong ones among them, and not with a few
    yes and no: what else is wrong beyond them is another mistake."""
    places = [at for at, call in enumerate(key.calls) if call.part == MAIN]
    failing = [at for at in places if findings[at] is not None]
    if len(failing) < 2 or any(_problem(got[at]) is not None for at in failing):
        return False
    return all(_agree(key.exercise, key.wrong(number, at), got[at]) for at in places) and not _says_little(key)


def _on_failing_calls(
    key: AnswerKey, number: int, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None]
) -> bool:
    """Whether it answers the calls that fail in the same way, with values and not with errors, where these are most of
    the calls on which the misconception itself is wrong."""
    places = [at for at, finding in enumerate(findings) if finding is not None]
    if any(_problem(got[at]) is not None for at in places):
        return False
    if not all(_agree(key.exercise, key.wrong(number, at), got[at]) for at in places) or _says_little(key):
        return False
    return 3 * len(places) >= 2 * sum(_is_wrong(key, number, at) for at in range(len(got)))


def _is_wrong(key: AnswerKey, number: int, at: int) -> bool:
    """Whether a misconception fails at a call."""
    call, expected, tolerance = key.calls[at], key.expected[at], key.tolerances[at]
    return find(key.exercise, call, expected, key.wrong(number, at), tolerance) is not None


def _problem(answer: Answer | Skipped) -> str | None:
    return answer.problem.text if answer.problem is not None else None


def _same_text(wrong: Answer | Skipped, got: Answer | Skipped) -> bool:
    """Whether an error reads the same, whichever of two shapes comes first: its kind fits too many mistakes."""
    words, other = (sorted(re.findall(r"\w+|\S", _problem(answer) or "")) for answer in (wrong, got))
    return words == other


def _agree(exercise: Exercise, wrong: Answer | Skipped, got: Answer | Skipped) -> bool:
    if isinstance(wrong, Skipped) or isinstance(got, Skipped):
        return False
    if wrong.problem is not None or got.problem is not None:
        return wrong.problem is not None and got.problem is not None and wrong.problem.kind == got.problem.kind
    if wrong.changed != got.changed:
        return False
    comparison = Comparison(_naming_tolerance, exercise.ignore, exercise.multiple_outputs)
    return comparison.equal(wrong.value, got.value)


def _naming_tolerance(path: str, values: Array) -> float:
    finite = np.abs(values[np.isfinite(values)]) if values.size else values
    size = float(finite.max()) if finite.size else 0.0
    return (1e-4 if values.dtype == np.float32 else 1e-8) * max(size, 1e-3)


# --- what an exception and the source show --------------------------------------------------------------------------


def _seen(exercise: Exercise, findings: Sequence[Finding | None], source: str | None) -> Observation | None:
    problems = [finding.problem for finding in findings if finding is not None and finding.problem is not None]
    first = next(finding for finding in findings if finding is not None)
    if first.problem is not None:
        if is_unwritten(first.problem):
            return leftover(exercise, source) if source else None
        if found := explained(exercise, first.problem, source):
            return found
    if problems:  # an answer whose values are right, and that has no gradient
        found = explained(exercise, problems[0], source)
        if found is not None and found.name == "no gradient":
            return found
    lines = problems[0].lines if problems else ()
    line = lines[-1].partition(": ")[2] if lines else ""
    found = observe(exercise, source, line if problems else None, findings[0] is None) if source else None
    found = found or (seldom_meant(exercise, source) if source else None)
    if found is None and first.problem is not None and first.missing_error is None:
        return described(exercise, first.problem, source)
    return found


# --- what a single call tells ---------------------------------------------------------------------------------------


def _told(exercise: Exercise, findings: Sequence[Finding]) -> Diagnosis | None:
    """What a single finding tells: the first one, or one about the parameters that a module has."""
    about_parameters = (
        finding for finding in findings if finding.difference and finding.difference.path == "parameters"
    )
    for finding in (findings[0], *about_parameters):
        if kind := explain.kind(finding):
            return Diagnosis(kind, explain.advice(exercise, finding), RELATION)
    return None


# --- relations ------------------------------------------------------------------------------------------------------


def _relation(
    key: AnswerKey, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None], finders: Sequence[Finder]
) -> Diagnosis | None:
    failing = []
    for at, finding in enumerate(findings):
        if finding is None:
            continue
        call = key.calls[at]
        comparison = Comparison(key.tolerances[at], key.exercise.ignore, key.exercise.multiple_outputs)
        failing.append((call, explain.parameters(key.exercise, call), key.expected[at], got[at], comparison))
    relation = relate(failing, finders)
    return Diagnosis(relation.name, relation.sentence, RELATION) if relation else None


def _another_question(
    key: AnswerKey, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None]
) -> Diagnosis | None:
    exercise = key.exercise
    comparison = Comparison(_naming_tolerance, ("dtype", *exercise.ignore), exercise.multiple_outputs)
    failing = [at for at, finding in enumerate(findings) if finding is not None]
    relation = right_for_another_question(key, got, failing, comparison.equal)
    return Diagnosis(relation.name, relation.sentence, RELATION) if relation else None


def _in_plain_calls(
    key: AnswerKey, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None]
) -> Diagnosis | None:
    """What holds in the calls of the main part, two of which at least fail: in others something else may come to it."""
    main = [finding if call.part == MAIN else None for call, finding in zip(key.calls, findings, strict=True)]
    if sum(finding is not None for finding in main) < 2 or main == list(findings):
        return None
    found = _relation(key, got, main, FINDERS) or _another_question(key, got, main) or _relation(key, got, main, WHERE)
    return replace(found, sentence=f"In the plain calls: {found.sentence}") if found else None


def _in_one_part(
    key: AnswerKey, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None]
) -> Diagnosis | None:
    """Of several results, the only one that differs, in every call that fails."""
    wrong = set()
    for at, finding in enumerate(findings):
        if finding is None or key.expected[at].problem is not None:
            continue
        if finding.difference is None or _problem(got[at]) is not None or len(_parts(key.expected[at].value)) < 2:
            return None
        wrong.add(tuple(_wrong_parts(key, at, got[at])))
    if len(wrong) != 1 or len(parts := wrong.pop()) != 1 or parts[0] in (None, "output", "0"):
        return None
    if isinstance(parts[0], int):
        what = f"the {('first', 'second', 'third', 'fourth')[parts[0]]} result" if parts[0] < 4 else ""
    else:
        what = _REPORTED.get(parts[0], f"`{parts[0]}`")
    return Diagnosis(f"wrong only: {what}", f"Only {what} differs; the rest is right.", RELATION) if what else None


_REPORTED = {
    "gradients": "the gradient of the parameters",
    "input_gradients": "the gradient of the input",
    "initial": "a start value",
    "buffers": "what is registered as a buffer",
    "parameters": "what is registered as a parameter",
    "args": "what becomes of an argument",
    "different values": "what dropout does to a value",
    "their shares": "how often dropout acts",
}


def _in_some_calls(key: AnswerKey, findings: Sequence[Finding | None]) -> Diagnosis | None:
    """What the calls that fail have in common, and those that are right have not."""
    failing = [call for call, finding in zip(key.calls, findings, strict=True) if finding is not None]
    right = [call for call, finding in zip(key.calls, findings, strict=True) if finding is None]
    if not right or any(finding is not None and finding.problem is not None for finding in findings):
        return None
    for names in (lambda call: set(call.kwargs), lambda call: set(getattr(call, "new_kwargs", ()))):
        common = set.intersection(*map(names, failing)) - set().union(*map(names, right))
        if common:
            name = min(common)
            return Diagnosis(
                f"wrong only with {name}", f"Without `{name}` the results are right; with it, they are not.", RELATION
            )
    parts = {call.part for call in failing}
    if len(parts) == 1 and MAIN not in parts and parts.isdisjoint(call.part for call in right):
        sentence = (
            f"Everything else is right; only the calls of one kind are not: {failing[0].note or failing[0].part}."
        )
        return Diagnosis(f"wrong only: {failing[0].part}", sentence, RELATION)
    return None


# --- two mistakes at once -------------------------------------------------------------------------------------------


def _two(key: AnswerKey, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None]) -> Diagnosis | None:
    """Two misconceptions that explain together what fails, each a part of it; or one misconception, and on top of it a
    relation, another dtype, or a changed input. The one that explains more gives the name."""
    failing = [at for at, finding in enumerate(findings) if finding is not None]
    if any(_problem(got[at]) is not None or isinstance(got[at], Skipped) for at in failing) or _says_little(key):
        return None
    parts = {(at, part) for at in failing for part in _wrong_parts(key, at, got[at])}
    explains = {}
    for number in range(len(key.exercise.misconceptions)):
        explained = _explained(key, number, got, failing, parts)
        if explained is None:
            continue
        if parts and explained == parts and (second := _on_top(key, number, got, failing)):
            return _both(key, number, f"On top of it, {second}")
        if explained and _is_wrong_there_only(key, number, findings, {at for at, _ in explained}):
            explains[number] = explained
    for number, other in itertools.permutations(sorted(explains, key=lambda number: -len(explains[number])), 2):
        mine, others = explains[number], explains[other]
        if mine - others and others - mine and mine | others == parts:
            further = key.exercise.misconceptions[other]
            return _both(key, number, f"There is a second mistake, {further.name}: {further.sentence}")
    return _misconception_and_relation(key, got, failing)


def _both(key: AnswerKey, number: int, second: str) -> Diagnosis:
    first = key.exercise.misconceptions[number]
    return Diagnosis(first.name, f"{first.sentence} {second}", MISCONCEPTION)


def _parts(value: Any) -> dict[Any, Any]:
    """The results that a call reports side by side, by key; a single one has the key None."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list | tuple) and any(isinstance(item, np.ndarray | TensorData) for item in value):
        return dict(enumerate(value))
    return {None: value}


def _wrong_parts(key: AnswerKey, at: int, answer: Answer | Skipped) -> list[Any]:
    """Which parts of an answer differ from the expected one; all of it where the parts are not the same."""
    expected, given = _parts(key.expected[at].value), _parts(answer.value)
    if expected.keys() != given.keys():
        return [None]
    exercise = key.exercise
    comparison = Comparison(key.tolerances[at], exercise.ignore, exercise.multiple_outputs)
    paths = {part: f"[{part}]" if isinstance(part, int) else str(part or "") for part in expected}
    return [part for part in expected if not comparison.equal(expected[part], given[part], paths[part])]


def _explained(
    key: AnswerKey, number: int, got: Sequence[Answer | Skipped], failing: list[int], parts: set[tuple[int, Any]]
) -> set[tuple[int, Any]] | None:
    """The wrong parts for which a misconception gives the same; None where it raises. The dtype does not matter."""
    exercise = key.exercise
    comparison = Comparison(_naming_tolerance, ("dtype", "sequence", *exercise.ignore), exercise.multiple_outputs)
    explained = set()
    for at in failing:
        wrong = key.wrong(number, at)
        if isinstance(wrong, Skipped) or wrong.problem is not None:
            return None
        values, given = _parts(wrong.value), _parts(got[at].value)
        for part in (part for place, part in parts if place == at):
            same = part in values and part in given and comparison.equal(values[part], given[part])
            if same or (part is None and comparison.equal(wrong.value, got[at].value)):
                explained.add((at, part))
    return explained


def _is_wrong_there_only(key: AnswerKey, number: int, findings: Sequence[Finding | None], places: set[int]) -> bool:
    """Whether a misconception is wrong on calls that fail only, and explains most of them."""
    wrong = [at for at in range(len(key.calls)) if _is_wrong(key, number, at)]
    return all(findings[at] is not None for at in wrong) and 3 * len(places) >= 2 * len(wrong)


def _on_top(key: AnswerKey, number: int, got: Sequence[Answer | Skipped], failing: list[int]) -> str:
    """What differs from a misconception whose values are those of the answer, as the rest of a sentence; "" for
    nothing."""
    exercise = key.exercise
    for at in failing:
        wrong = key.wrong(number, at)
        changed = set(got[at].changed) - set(wrong.changed)
        if changed and not exercise.mutates:
            names = explain.argument_names(exercise, key.calls[at], sorted(changed))
            named = " " * bool(names) + ", ".join(f"`{name}`" for name in names)
            return f"the call changes its input{named}. Work on a copy."
    return ""


def _misconception_and_relation(
    key: AnswerKey, got: Sequence[Answer | Skipped], failing: list[int]
) -> Diagnosis | None:
    """A relation between the answers of a misconception and the learner's, one that no chance gives."""
    exercise = key.exercise
    for number in range(len(exercise.misconceptions)):
        rows = []
        for at in failing:
            wrong = key.wrong(number, at)
            if isinstance(wrong, Skipped) or wrong.problem is not None or wrong.changed != got[at].changed:
                break
            if any(_rearranged(key.expected[at].value, answer.value) for answer in (wrong, got[at])):
                break  # two rearrangements are as well another one
            comparison = Comparison(_naming_tolerance, exercise.ignore, exercise.multiple_outputs)
            rows.append((key.calls[at], (), wrong, got[at], comparison))
        if len(rows) == len(failing) and (relation := relate(rows, ON_TOP)) is not None:
            second = f"There is a second difference on top of it: {relation.name}."
            return _both(key, number, second)
    return None


def _rearranged(expected: Any, given: Any) -> bool:
    """Whether two arrays have the same numbers, in any order and shape."""
    right, other = (value.array if isinstance(value, TensorData) else value for value in (expected, given))
    if not isinstance(right, np.ndarray) or not isinstance(other, np.ndarray) or right.size != other.size:
        return False
    return np.allclose(np.sort(right, axis=None), np.sort(other, axis=None), rtol=1e-5, equal_nan=True)


# --- the same calls once more ---------------------------------------------------------------------------------------


def unsteady(
    key: AnswerKey,
    got: Sequence[Answer | Skipped],
    findings: Sequence[Finding | None],
    again: Sequence[Answer | Skipped],
) -> Diagnosis | None:
    """Whether a call that fails has another result when it is made once more."""
    again = projected(key.exercise, key.calls, again)
    comparison = Comparison(_naming_tolerance)
    for first, other, finding in zip(got, again, findings, strict=True):
        if finding is None or first.problem is not None or other.problem is not None:
            continue
        if not comparison.equal(first.value, other.value):
            sentence = (
                "The same call has another result each time. Something is random, or is kept from call to call: "
                "a default such as `[]`, a variable of the notebook or of the class."
            )
            return Diagnosis("another result each time", sentence, RELATION)
    return None
