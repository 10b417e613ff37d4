"""What is probably wrong: a misconception, a relation in the data, or what the source shows, in this order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from autograde.harness.call import MAIN, Answer, Skipped
from autograde.harness.plain import Other
from autograde.judge import explain
from autograde.judge.case import Case, Diagnosis, naming_tolerance, parts
from autograde.judge.compare import WRONG_TYPE, Comparison
from autograde.judge.exceptions import explained
from autograde.judge.findings import Finding, is_unwritten
from autograde.judge.misconceptions import (
    misconception,
    on_every_call,
    on_failing_calls,
    on_main_calls,
    two_mistakes,
)
from autograde.judge.other_questions import right_for_another_question
from autograde.judge.plain_errors import described
from autograde.judge.projection import projected
from autograde.judge.relations import FINDERS, WHERE, Failure, Finder, relate
from autograde.judge.slips import other_defaults, seldom_meant, surely_not_meant
from autograde.judge.source import UNUSED, Observation, leftover, observe
from autograde.judge.verdict import RELATION, SOURCE


def diagnose(case: Case) -> Diagnosis | None:
    """The first evidence that fits, or None."""
    case = replace(case, key=case.key.possible_for(case.source))
    slip = surely_not_meant(case.exercise, case.source) if case.source else None
    if slip and case.says_little:
        return Diagnosis(slip.name, slip.sentence, SOURCE)
    if found := misconception(case, on_every_call):
        return found
    if all(_is_form(case.findings[at]) for at in case.failing):
        return _told(case)
    if default := _another_default(case):
        return Diagnosis(default.name, default.sentence, SOURCE)
    if found := misconception(case, on_failing_calls):
        return found
    if slip:
        return Diagnosis(slip.name, slip.sentence, SOURCE)
    if found := _relation(case, FINDERS) or _another_question(case):
        return found
    if found := two_mistakes(case) or misconception(case, on_main_calls):
        return found
    seen = _seen(case)
    if seen is not None and not (seen.name == UNUSED and _is_of_another_type(case)):
        return Diagnosis(seen.name, seen.sentence, SOURCE)
    if found := _relation(case, WHERE) or _in_plain_calls(case) or _in_calls_that_return(case):
        return found
    return _told(case) or _in_one_part(case) or _in_some_calls(case)


def _is_form(finding: Finding | None) -> bool:
    """Whether the values are right, and only the dtype or the kind of list is another."""
    difference = finding.difference if finding is not None else None
    if difference is None or difference.kind not in ("another dtype", WRONG_TYPE):
        return False
    return difference.remark.startswith(("The values are right.", "The items are right."))


def _is_of_another_type(case: Case) -> bool:
    return case.first.difference is not None and case.first.difference.kind == WRONG_TYPE


# --- what an exception and the source show --------------------------------------------------------------------------


def _another_default(case: Case) -> Observation | None:
    """A default of the learner's, where all calls that fail leave that argument out."""
    found = other_defaults(case.exercise, case.source) if case.source else {}
    for argument, observation in found.items():
        if not any(argument in explain.filled(case.exercise, case.key.calls[at]) for at in case.failing):
            return observation
    return None


def _seen(case: Case) -> Observation | None:
    exercise, source, first = case.exercise, case.source, case.first
    problems = [finding.problem for finding in case.findings if finding is not None and finding.problem is not None]
    if first.problem is not None:
        if is_unwritten(first.problem):
            return leftover(exercise, source) if source else None
        if found := explained(exercise, first.problem, source):
            return found
    if problems and not _is_wrong_in_values(case):  # what is missing is a gradient
        found = explained(exercise, problems[0], source)
        if found is not None and found.name == "no gradient":
            return found
    lines = problems[0].lines if problems else ()
    line = lines[-1].partition(": ")[2] if lines else ""
    found = observe(exercise, source, line if problems else None, case.findings[0] is None) if source else None
    found = found or (seldom_meant(exercise, source) if source else None)
    if found is None and first.problem is not None and first.missing_error is None:
        return described(exercise, first.problem, source)
    return found


def _is_wrong_in_values(case: Case) -> bool:
    """Whether the first result itself differs, not only the precision of its numbers, or what is reported beside it."""
    difference = case.first.difference
    if difference is None or difference.path.partition("[")[0] not in ("", "output"):
        return False
    return difference.kind != "another dtype" or not re.search(r"got (b?float|complex)", difference.remark)


# --- relations ------------------------------------------------------------------------------------------------------


def _relation(case: Case, finders: Sequence[Finder]) -> Diagnosis | None:
    failures = [
        Failure(
            call=(call := case.key.calls[at]),
            parameters=explain.parameters(case.exercise, call),
            expected=case.key.expected[at],
            got=case.got[at],
            comparison=case.comparison(at),
        )
        for at in case.failing
    ]
    relation = relate(failures, finders)
    return Diagnosis(relation.name, relation.sentence, RELATION) if relation else None


def _another_question(case: Case) -> Diagnosis | None:
    relation = right_for_another_question(case.key, case.got, case.failing, case.alike("dtype").equal)
    return Diagnosis(relation.name, relation.sentence, RELATION) if relation else None


def _in_plain_calls(case: Case) -> Diagnosis | None:
    """What holds in the calls of the main part, two of which at least fail: in others something else may come to it."""
    main = case.only(MAIN)
    if len(main.failing) < 2 or main.failing == case.failing or main.first is not case.first:
        return None  # the call that is shown has to be one of them
    found = _relation(main, FINDERS) or _another_question(main) or _relation(main, WHERE)
    return (
        replace(found, sentence=f"In ordinary calls: {found.sentence[:1].lower()}{found.sentence[1:]}")
        if found
        else None
    )


def _in_calls_that_return(case: Case) -> Diagnosis | None:
    """What holds in the calls that fail without an error, two at least; why others end in one, may be the same."""
    quiet = replace(case, findings=[None if case.raised(at) else case.findings[at] for at in range(len(case.got))])
    if len(quiet.failing) < 2 or quiet.failing == case.failing or quiet.first is not case.first:
        return None
    found = _relation(quiet, FINDERS) or _another_question(quiet)
    return (
        replace(found, sentence=f"Where there is no error: {found.sentence[:1].lower()}{found.sentence[1:]}")
        if found
        else None
    )


# --- what a single call, one of several results, or some of the calls tell ------------------------------------------


def _told(case: Case) -> Diagnosis | None:
    """What a single finding tells: the first one, or one about the parameters that a module has."""
    findings = [finding for finding in case.findings if finding is not None]
    about_parameters = (
        finding for finding in findings if finding.difference and finding.difference.path == "parameters"
    )
    for finding in (findings[0], *about_parameters):
        if kind := explain.kind(finding):
            return Diagnosis(kind, explain.advice(case.exercise, finding), RELATION)
    return None


def _in_one_part(case: Case) -> Diagnosis | None:
    """Of several results, the only one that differs, in every call that fails."""
    wrong = set()
    for at in case.failing:
        expected, finding = case.key.expected[at], case.findings[at]
        if expected.problem is not None:
            continue
        if finding is None or finding.difference is None or case.raised(at) or len(parts(expected.value)) < 2:
            return None
        wrong.add(tuple(case.wrong_parts(at)))
    if len(wrong) != 1 or len(only := wrong.pop()) != 1 or only[0] in (None, "output", "0"):
        return None
    if isinstance(only[0], int):
        what = f"the {('first', 'second', 'third', 'fourth')[only[0]]} result" if only[0] < 4 else ""
    else:
        what = _REPORTED.get(only[0], f"`{only[0]}`")
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


def _in_some_calls(case: Case) -> Diagnosis | None:
    """What the calls that fail have in common, and those that are right have not."""
    failing = [case.key.calls[at] for at in case.failing]
    right = [call for call, finding in zip(case.key.calls, case.findings, strict=True) if finding is None]
    if not right or any(finding is not None and finding.problem is not None for finding in case.findings):
        return None
    for names in (lambda call: set(call.kwargs), lambda call: set(getattr(call, "new_kwargs", ()))):
        common = set.intersection(*map(names, failing)) - set().union(*map(names, right))
        if common:
            name = min(common)
            return Diagnosis(
                f"wrong only with {name}", f"Without `{name}` the results are right; with it, they are not.", RELATION
            )
    kinds = {call.part for call in failing}
    if len(kinds) == 1 and MAIN not in kinds:
        what = failing[0].note if len(failing) == 1 and failing[0].note else failing[0].part
        sentence = f"Everything else is right; only one kind of call is not ({what})."
        if len(failing) > 1 and not kinds.isdisjoint(call.part for call in right):
            sentence = f"Everything else is right; the calls that fail are of one kind ({what})."
        return Diagnosis(f"wrong only: {failing[0].part}", sentence, RELATION)
    return None


# --- the same calls once more ---------------------------------------------------------------------------------------


def unsteady(case: Case, again: Sequence[Answer | Skipped]) -> Diagnosis | None:
    """Whether a call that fails has another result when it is made once more."""
    again = projected(case.exercise, case.key.calls, again)
    comparison = Comparison(naming_tolerance)
    for at in case.failing:
        first, other = case.got[at], again[at]
        if not isinstance(first, Answer) or not isinstance(other, Answer) or first.problem or other.problem:
            continue
        if not _holds_other(first.value) and not comparison.equal(first.value, other.value):
            sentence = (
                "The same call has another result each time. Something is random, or is kept from call to call: "
                "a default such as `[]`, a variable of the notebook or of the class."
            )
            return Diagnosis("another result each time", sentence, RELATION)
    return None


def _holds_other(value: Any) -> bool:
    """Whether a value has parts of which nothing is known but their type."""
    if isinstance(value, list | tuple):
        return any(map(_holds_other, value))
    return any(map(_holds_other, value.values())) if isinstance(value, dict) else isinstance(value, Other)
