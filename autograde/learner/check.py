"""Checks in this process: `assess` for programs, `check` for notebooks."""

from __future__ import annotations

import inspect
import linecache
import sys
from collections import Counter
from dataclasses import replace
from types import FunctionType
from typing import Any

from autograde.course.lessons import LESSONS, find_lesson
from autograde.course.text import counted, whole
from autograde.exercise import LOCAL_SEED, Exercise
from autograde.exercises import exercise, of_lesson
from autograde.harness.invoke import answer
from autograde.judge import carry
from autograde.judge.answer_key import answer_key
from autograde.judge.judge import judge
from autograde.judge.verdict import NOT_STARTED, PASSED, SHOWN_ABOVE, Verdict
from autograde.learner import progress, runs, solution
from autograde.learner.display import show

BUSY = 1.0  # times the limit of a call that it may have waited for a processor: here somebody waits too

runs.watch()
_failures: Counter[str] = Counter()


def assess(name: str, obj: Any, seed: int | None = None) -> Verdict:
    """Put the calls of the exercise `name` to `obj`, in this process, and judge the answers.

    `seed` chooses the random inputs; None takes those of a learner's check. Raises KeyError for an unknown name, and
    nothing on behalf of `obj`.
    """
    key = answer_key(name, LOCAL_SEED if seed is None else seed)
    key.prepare()
    answers = answer(obj, key.calls, busy=BUSY)
    return judge(key.exercise, key.calls, answers, key, _source_of(obj), lambda: answer(obj, key.calls, busy=BUSY))


def _source_of(obj: Any) -> str | None:
    """The text that defines a function or a class, where it can be had."""
    try:
        return inspect.getsource(obj)
    except Exception:  # no text, a class of a notebook, or an object that answers oddly
        return _cell_of(obj)


def _cell_of(obj: Any) -> str | None:
    """The text of the cell that defines a function or a class: Python finds no file of a notebook's class, but its
    functions know theirs."""
    try:
        parts = vars(obj).values() if inspect.isclass(obj) else [obj]
        own = (part for part in parts if isinstance(part, FunctionType) and part.__module__ == obj.__module__)
        return "".join(linecache.getlines(next(own).__code__.co_filename)) or None
    except Exception:
        return None


class CheckFailed(AssertionError):
    """A check did not pass. Where somebody looks at the notebook, the result is shown once and not repeated below."""

    def __init__(self, verdict: Verdict):
        super().__init__(whole(verdict.message))
        self.verdict = verdict

    def _render_traceback_(self) -> list[str]:
        return [SHOWN_ABOVE if runs.in_a_frontend() else whole(self.verdict.summary)]


def check(name: str) -> None:
    """Check the object called `name` in the calling notebook or script: show the result, raise if it is not passed."""
    if not isinstance(name, str):
        raise TypeError(f'Write the name in quotes: check("{getattr(name, "__name__", "softmax")}").')
    asked = exercise(name)
    namespace = sys._getframe(1).f_globals
    verdict = _verdict(asked, namespace)
    progress.record(asked, verdict)
    verdict = _with_next(asked, verdict) if verdict.passed else verdict
    show(verdict.html, verdict.message, {"course": {"exercise": verdict.name, "state": verdict.state}})
    if not verdict.passed:
        raise CheckFailed(verdict)


def _verdict(asked: Exercise, namespace: dict[str, Any]) -> Verdict:
    name = asked.name
    text = _cell_of(namespace[name]) if name in namespace else None
    found = runs.doubt(name, text, runs.so_far(), runs.notebook_file())
    if isinstance(found, runs.Refused):
        return found.verdict(name, asked.points, name in namespace)
    if name not in namespace:
        advice = f"There is no `{name}` yet. Run the cell above that defines it, then run this check again."
        return Verdict(name=name, passed=False, state=NOT_STARTED, score=0.0, advice=advice, points=asked.points)
    verdict = assess(name, namespace[name])
    if not verdict.passed:
        verdict = _carried(asked, verdict, namespace)
    return found.of(verdict) if found else _with_hint(verdict)


def _carried(asked: Exercise, verdict: Verdict, namespace: dict[str, Any]) -> Verdict:
    """The verdict after the answer has been asked again with what it uses of earlier exercises mended."""
    used = carry.to_mend(
        asked, carry.code_in(namespace), {exercise.name: False for exercise in of_lesson(asked.lesson)}
    )
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
    return carry.carried(verdict, again, wrong) if wrong else verdict


def _with_next(asked: Exercise, verdict: Verdict) -> Verdict:
    """In a learner's copy: the points, how many exercises of the lesson are passed, and what comes next."""
    file = progress.find()
    if file is None:
        return verdict
    data, lesson = progress.read(file), of_lesson(asked.lesson)
    left = [exercise for exercise in lesson if data.get(exercise.name, {}).get("state") != PASSED]
    points = f"{counted(asked.points, 'point')}."
    done = f"You have passed {len(lesson) - len(left)} of {len(lesson)} exercises in this lesson."
    at = lesson.index(asked)
    later = [exercise for exercise in left if lesson.index(exercise) > at] or left
    if later:
        title = f"{later[0].title}, extra" if later[0].extra else later[0].title
        after = f"Next: `{later[0].name}` ({title}), about {later[0].minutes} minutes."
    else:
        after = _after_the_last(asked.lesson)
    return replace(verdict, advice=f"{verdict.advice} {points} {done} {after}".strip())


def _after_the_last(name: str) -> str:
    """What comes when all exercises of a lesson are passed: the rest of its page, and the lesson after it."""
    after = next((lesson for lesson in LESSONS if lesson.number > find_lesson(name).number), None)
    lesson = f"Next: lesson {after.number}, {after.title}." if after else "It is the last lesson."
    return f"Read this page to its end. {lesson}"


def _with_hint(verdict: Verdict) -> Verdict:
    """After the second failure in a row, point to the hints, and at last to a solution."""
    if verdict.passed or verdict.state == NOT_STARTED:
        _failures.pop(verdict.name, None)
        return verdict
    _failures[verdict.name] += 1
    count = _failures[verdict.name]
    if count < 2:
        return verdict
    advice = f"Open Hint {1 if count < 4 else 2} below the exercise's text."
    if count >= 6 and not solution.is_hidden(verdict.name):
        advice += f'\nOr look at a solution: from autograde import solution; solution("{verdict.name}")'
    row = ("Stuck?", advice)
    return replace(verdict, facts=(*verdict.facts, row))
