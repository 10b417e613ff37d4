"""What is probably wrong: a misconception, a relation in the data, or what the source shows, in this order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autograde.exercise import Exercise
from autograde.harness.call import Answer, Skipped
from autograde.judge import explain
from autograde.judge.answer_key import AnswerKey
from autograde.judge.compare import Array, Comparison
from autograde.judge.exceptions import explained
from autograde.judge.findings import Finding, is_unwritten
from autograde.judge.relations import relate
from autograde.judge.source import Observation, leftover, observe
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
    for failing_only in (False, True):
        for number, candidate in enumerate(key.exercise.misconceptions):
            if _fits(key, number, got, findings, failing_only):
                return Diagnosis(candidate.name, candidate.sentence, MISCONCEPTION)
    relation = _relation(key, got, findings)
    if relation is not None:
        return Diagnosis(*relation, RELATION)
    seen = _seen(key.exercise, findings, source)
    return Diagnosis(seen.name, seen.sentence, SOURCE) if seen else None


# --- misconceptions -------------------------------------------------------------------------------------------------


def _fits(
    key: AnswerKey,
    number: int,
    got: Sequence[Answer | Skipped],
    findings: Sequence[Finding | None],
    failing_only: bool,
) -> bool:
    """Whether a misconception gives the learner's answers: on every call, or on those that fail, with values and not
    with errors, where the misconception is wrong on these calls only by its own mistake."""
    places = [at for at, finding in enumerate(findings) if finding is not None or not failing_only]
    if failing_only and len(places) == len(got):
        return False
    for at in places:
        if not _agree(key.exercise, key.wrong(number, at), got[at]):
            return False
    raised = [at for at in places if _problem(got[at]) is not None and findings[at] is not None]
    if failing_only:
        return not raised
    return not raised or any(_same_text(key.wrong(number, at), got[at]) for at in raised)


def _problem(answer: Answer | Skipped) -> str | None:
    return answer.problem.text if answer.problem is not None else None


def _same_text(wrong: Answer | Skipped, got: Answer | Skipped) -> bool:
    """Whether an error reads the same: its kind fits too many mistakes."""
    return _problem(wrong) == _problem(got)


def _agree(exercise: Exercise, wrong: Answer | Skipped, got: Answer | Skipped) -> bool:
    if isinstance(wrong, Skipped) or isinstance(got, Skipped):
        return False
    if wrong.problem is not None or got.problem is not None:
        return wrong.problem is not None and got.problem is not None and wrong.problem.kind == got.problem.kind
    if wrong.changed != got.changed:
        return False
    comparison = Comparison(_naming_tolerance, exercise.ignore, exercise.multiple_outputs)
    return comparison.difference(wrong.value, got.value) is None


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
    if not source:
        return None
    lines = problems[0].lines if problems else ()
    line = lines[-1].partition(": ")[2] if lines else ""
    return observe(exercise, source, line if problems else None, findings[0] is None)


# --- relations ------------------------------------------------------------------------------------------------------


def _relation(
    key: AnswerKey, got: Sequence[Answer | Skipped], findings: Sequence[Finding | None]
) -> tuple[str, str] | None:
    failing = []
    for at, finding in enumerate(findings):
        if finding is None:
            continue
        call = key.calls[at]
        comparison = Comparison(key.tolerances[at], key.exercise.ignore, key.exercise.multiple_outputs)
        failing.append((call, explain.parameters(key.exercise, call), key.expected[at], got[at], comparison))
    relation = relate(failing)
    return (relation.name, relation.sentence) if relation else None
