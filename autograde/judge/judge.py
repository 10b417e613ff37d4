"""One pure function judges: `judge(exercise, calls, answers) -> Verdict`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from autograde.exercise import Exercise
from autograde.exercises import all_exercises
from autograde.harness.call import MAIN, Answer, Call, Problem, Skipped
from autograde.judge import explain
from autograde.judge.answer_key import AnswerKey
from autograde.judge.case import Case
from autograde.judge.diagnosis import diagnose, unsteady
from autograde.judge.findings import Finding, find, is_unwritten
from autograde.judge.projection import projected
from autograde.judge.source import Observation, is_stub, leftover, overridden_by_stub
from autograde.judge.verdict import ERROR, FAILED, MISCONCEPTION, NOT_STARTED, PASSED, SOURCE, Verdict

CHANGED = 0.5  # share of the points that is left when all results are right and inputs were changed


def judge(
    exercise: Exercise,
    calls: Sequence[Call],
    answers: Sequence[Answer | Skipped],
    key: AnswerKey | None = None,
    source: str | None = None,
    again: Callable[[], Sequence[Answer | Skipped]] | None = None,
) -> Verdict:
    """Decide about the answers to `calls`, as `harness.invoke.answer` brings them back.

    `source` is the text that defines the learner's object, where it is known; `again` asks the same calls once more: in
    a learner's own check, and not in grading, where nobody waits for the sentence and each call has its price. Both
    decide no points, and help to say what is wrong. Runs the reference and, for a wrong
    answer, the misconceptions on the same calls (or takes what `key` has of them); never the learner's code.
    """
    calls, answers = list(calls), list(answers)
    if not calls or len(answers) != len(calls):
        raise ValueError(f"{exercise.name}: {len(calls)} calls and {len(answers)} answers")
    main = [answer.problem for call, answer in zip(calls, answers, strict=True) if call.part == MAIN]
    if all(map(is_unwritten, main)):
        return _unwritten(exercise, source or "", main[0])
    key = AnswerKey(exercise, calls) if key is None else key
    got = projected(exercise, calls, answers)
    findings = [find(exercise, *each) for each in zip(calls, key.expected, got, key.tolerances, strict=True)]
    if not any(findings):
        return Verdict(name=exercise.name, passed=True, state=PASSED, score=1.0, points=exercise.points)
    case = Case(key, got, findings, source)
    first = case.first
    diagnosis = diagnose(case)
    late = any(isinstance(answer, Skipped) for answer in answers)  # asked again, it would take its time again
    if again and not late and (diagnosis is None or diagnosis.evidence != MISCONCEPTION) and first.problem is None:
        diagnosis = unsteady(case, again()) or diagnosis
    plain = explain.advice(exercise, first)
    advice = diagnosis.sentence if diagnosis else plain
    return Verdict(
        name=exercise.name,
        passed=False,
        state=ERROR if first.problem and not _is_no_error(first.problem) else FAILED,
        score=_score(exercise, calls, findings),
        diagnosis=diagnosis.name if diagnosis else None,
        evidence=diagnosis.evidence if diagnosis else "",
        advice=advice,
        facts=tuple(explain.facts(exercise, first, answers[findings.index(first)], advice != plain)),
        points=exercise.points,
    )


def _is_no_error(problem: Problem) -> bool:
    """Whether the code has not raised by mistake."""
    return problem.kind == "Unsuitable" or is_unwritten(problem)


def _unwritten(exercise: Exercise, source: str, problem: Problem | None) -> Verdict:
    """Nothing was answered: not started, unless the source shows that something has been written."""
    seen = overridden_by_stub(exercise, source)
    if seen is None and is_stub(exercise, source) is False:
        seen = leftover(exercise, source) or _unwritten_part(exercise, problem)
    if seen is not None:
        return Verdict(
            name=exercise.name,
            passed=False,
            state=FAILED,
            score=0.0,
            diagnosis=seen.name,
            evidence=SOURCE,
            advice=seen.sentence,
            points=exercise.points,
        )
    advice = "Write the code in the cell above, run that cell, then run this check again."
    return Verdict(
        name=exercise.name, passed=False, state=NOT_STARTED, score=0.0, advice=advice, points=exercise.points
    )


def _unwritten_part(exercise: Exercise, problem: Problem | None) -> Observation:
    """The answer is written, and what it calls is not."""
    found = re.match(r"line \d+, in (\w+)", problem.lines[-1]) if problem and problem.lines else None
    names = {other.name for other in all_exercises()} - {exercise.name}
    what = f"`{found[1]}`" if found and found[1] in names else "Something"
    return Observation("a part is not written yet", f"{what} that this code uses is not written yet.")


def _score(exercise: Exercise, calls: list[Call], findings: list[Finding | None]) -> float:
    wrong = {call.part for call, finding in zip(calls, findings, strict=True) if finding and not finding.changed}
    if MAIN in wrong:
        return 0.0
    score = sum(share for part, share in exercise.parts.items() if part not in wrong)
    if any(finding and finding.changed for finding in findings):
        score *= CHANGED
    return round(min(1.0, max(0.0, score)), 4)
