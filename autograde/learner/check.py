"""Checks in this process: `assess` for programs, `check` for notebooks."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from functools import lru_cache
from typing import Any

from autograde.exercise import LOCAL_SEED, Exercise
from autograde.exercises import exercise, of_lesson
from autograde.harness.invoke import answer
from autograde.judge import carry
from autograde.judge.answer_key import AnswerKey
from autograde.judge.judge import judge
from autograde.judge.verdict import NOT_STARTED, Verdict
from autograde.learner import progress

_failures: Counter[str] = Counter()


def assess(name: str, obj: Any, seed: int | None = None) -> Verdict:
    """Put the calls of the exercise `name` to `obj`, in this process, and judge the answers.

    `seed` chooses the random inputs; None takes those of a learner's check. Raises KeyError for an unknown name, and
    nothing on behalf of `obj`.
    """
    key = _key(name, LOCAL_SEED if seed is None else seed)
    return judge(key.exercise, key.calls, answer(obj, key.calls), key, _source_of(obj))


def _source_of(obj: Any) -> str | None:
    """The text that defines a function or a class, where it can be had."""
    try:
        return inspect.getsource(obj)
    except Exception:  # no text, or an object that answers oddly
        return None


@lru_cache(maxsize=64)
def _key(name: str, seed: int) -> AnswerKey:
    asked = exercise(name)
    return AnswerKey(asked, asked.calls(seed))


class CheckFailed(AssertionError):
    """A check did not pass. In a notebook it prints as one line; the result is shown above it."""

    def __init__(self, verdict: Verdict):
        super().__init__(verdict.message)
        self.verdict = verdict

    def _render_traceback_(self) -> list[str]:
        return [self.verdict.summary]


def check(name: str) -> None:
    """Check the object called `name` in the calling notebook or script: show the result, raise if it is not passed."""
    asked = exercise(name)
    namespace = sys._getframe(1).f_globals
    if name in namespace:
        verdict = assess(name, namespace[name])
    else:
        advice = f"There is no `{name}` yet. Run the cell above that defines it, then run this check again."
        verdict = Verdict(name, False, NOT_STARTED, 0.0, advice=advice, points=asked.points)
    if not verdict.passed and name in namespace:
        verdict = _carried(asked, verdict, namespace)
    verdict = _with_hint(verdict)
    progress.record(asked, verdict)
    _show(verdict)
    if not verdict.passed:
        raise CheckFailed(verdict)


def _carried(asked: Exercise, verdict: Verdict, namespace: dict[str, Any]) -> Verdict:
    """The verdict after the answer has been asked again with what it uses of earlier exercises mended."""
    used = carry.to_mend(asked, carry.code_in(namespace), {one.name: False for one in of_lesson(asked.lesson)})
    own, wrong = {name: namespace[name] for name in used if name in namespace}, []
    try:
        for name in used:
            if name not in namespace or not assess(name, namespace[name]).passed:
                namespace[name] = exercise(name).reference
                wrong.append(name)
        again = assess(asked.name, namespace[asked.name]) if wrong else verdict
    finally:
        for name in wrong:
            del namespace[name]
        namespace.update(own)
    return carry.carried(again, wrong) if again.passed else verdict


def _with_hint(verdict: Verdict) -> Verdict:
    """After the second failure in a row, point to the hints."""
    from dataclasses import replace

    if verdict.passed or verdict.state == NOT_STARTED:
        _failures.pop(verdict.name, None)
        return verdict
    _failures[verdict.name] += 1
    count = _failures[verdict.name]
    if count < 2:
        return verdict
    level = "Hint 1" if count < 4 else "Hint 2"
    row = ("Stuck?", f"Open {level} below the exercise's text.")
    return replace(verdict, facts=(*verdict.facts, row))


def _show(verdict: Verdict) -> None:
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(verdict.message)
        return
    from IPython.display import display

    bundle = {"text/html": verdict.html, "text/plain": verdict.message}
    display(bundle, raw=True, metadata={"course": {"exercise": verdict.name, "state": verdict.state}})
