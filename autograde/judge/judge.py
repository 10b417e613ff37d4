"""One pure function judges: `judge(exercise, calls, answers) -> Verdict`."""

from __future__ import annotations

from collections.abc import Sequence

from autograde.exercise import Exercise
from autograde.harness.call import MAIN, Answer, Call, Skipped
from autograde.judge import explain
from autograde.judge.answer_key import AnswerKey
from autograde.judge.diagnosis import diagnose
from autograde.judge.findings import Finding, find, is_unwritten
from autograde.judge.projection import projected
from autograde.judge.source import is_stub, leftover
from autograde.judge.verdict import ERROR, FAILED, NOT_STARTED, PASSED, SOURCE, Verdict

CHANGED = 0.5  # share of the points that is left when all results are right and inputs were changed
_NO_ERRORS = ("Unsuitable", "NotImplementedError")  # the code has not raised by mistake


def judge(
    exercise: Exercise,
    calls: Sequence[Call],
    answers: Sequence[Answer | Skipped],
    key: AnswerKey | None = None,
    source: str | None = None,
) -> Verdict:
    """Decide about the answers to `calls`, as `harness.invoke.answer` brings them back.

    `source` is the text that defines the learner's object, where it is known: it decides no points, and helps to say
    what is wrong. Runs the reference and, for a wrong answer, the misconceptions on the same calls (or takes what `key`
    has of them); never the learner's code.
    """
    calls, answers = list(calls), list(answers)
    if not calls or len(answers) != len(calls):
        raise ValueError(f"{exercise.name}: {len(calls)} calls and {len(answers)} answers")
    if all(is_unwritten(one.problem) for call, one in zip(calls, answers, strict=True) if call.part == MAIN):
        return _unwritten(exercise, source or "")
    key = AnswerKey(exercise, calls) if key is None else key
    got = projected(exercise, calls, answers)
    findings = [find(exercise, *each) for each in zip(calls, key.expected, got, key.tolerances, strict=True)]
    if not any(findings):
        return Verdict(exercise.name, True, PASSED, 1.0, points=exercise.points)
    first = next(filter(None, findings))
    diagnosis = diagnose(key, got, findings, source)
    return Verdict(
        exercise.name,
        passed=False,
        state=ERROR if first.problem and first.problem.kind not in _NO_ERRORS else FAILED,
        score=_score(exercise, calls, findings),
        diagnosis=diagnosis.name if diagnosis else None,
        evidence=diagnosis.evidence if diagnosis else "",
        advice=diagnosis.sentence if diagnosis else explain.advice(exercise, first),
        facts=tuple(explain.facts(exercise, first, answers[findings.index(first)], diagnosis is not None)),
        points=exercise.points,
    )


def _unwritten(exercise: Exercise, source: str) -> Verdict:
    """Nothing was answered: not started, unless the source shows that something has been written."""
    left = leftover(exercise, source)
    if left is not None and not is_stub(exercise, source):
        return Verdict(
            exercise.name,
            passed=False,
            state=FAILED,
            score=0.0,
            diagnosis=left.name,
            evidence=SOURCE,
            advice=left.sentence,
            points=exercise.points,
        )
    advice = "Write the code in the cell above, run that cell, then run this check again."
    return Verdict(exercise.name, False, NOT_STARTED, 0.0, advice=advice, points=exercise.points)


def _score(exercise: Exercise, calls: list[Call], findings: list[Finding | None]) -> float:
    wrong = {call.part for call, finding in zip(calls, findings, strict=True) if finding and not finding.changed}
    if MAIN in wrong:
        return 0.0
    score = sum(share for part, share in exercise.parts.items() if part not in wrong)
    if any(finding and finding.changed for finding in findings):
        score *= CHANGED
    return round(min(1.0, max(0.0, score)), 4)
