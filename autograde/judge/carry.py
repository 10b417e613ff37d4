"""An error is carried forward: an answer that is right, apart from an earlier exercise that it uses, has its points;
one that is wrong itself is told its own mistake.

Pure functions about names and verdicts. Who asks the answer once more, with the earlier exercise mended by its
reference, is the learner's check (`learner.check`) or the grader (`grading.grade`).
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from autograde.course.text import enumerated
from autograde.exercise import Exercise
from autograde.exercises import all_exercises, exercise
from autograde.judge.verdict import ERROR, NOT_STARTED, Verdict

CodeOf = Callable[[str], Iterable[CodeType]]  # the code of the definition of a name; nothing where it has none


def to_mend(asked: Exercise, code_of: CodeOf, passed: Mapping[str, bool]) -> tuple[str, ...]:
    """The earlier exercises that an answer uses, itself or through other definitions, and that do not pass.

    passed: {name: whether its own check passes}, of the exercises that may be mended.
    """
    if all(passed.values()):
        return ()
    order = [one.name for one in all_exercises()]
    used = names_used([asked.name], code_of)
    earlier = order[: order.index(asked.name)]
    return tuple(name for name in earlier if passed.get(name) is False and name in used)


def settled(verdicts: Iterable[Verdict], later: Iterable[str]) -> dict[str, bool]:
    """{name: whether it passes}, of the exercises of a notebook whose verdict is final: none is in a check to come."""
    passed: dict[str, bool] = {}
    for verdict in verdicts:
        passed[verdict.name] = passed.get(verdict.name, True) and verdict.passed
    return {name: passed[name] for name in passed.keys() - set(later)}


def carried(verdict: Verdict, again: Verdict, mended: Sequence[str], *, private: bool = False) -> Verdict:
    """Of the verdict on an answer, and of that with these exercises mended, the one that is about the answer itself.

    private: what was answered beside the references is shown to nobody; only the catalogue's words for it are
    """
    names = enumerated([f"`{name}`" for name in mended])
    yours = f"{'is' if len(mended) == 1 else 'are'} not right yet"
    if again.passed:
        return replace(again, advice=f"Right; it uses your {names}, which {yours}.", carried=tuple(mended))
    if NOT_STARTED in (verdict.state, again.state):
        return verdict
    score = max(verdict.score, again.score)
    raises = again.state == ERROR != verdict.state  # only beside the references
    if again.score < verdict.score or raises or (private and not again.misconception):
        advice = f"{verdict.advice} (It uses your {names}, which {yours}: mend that first.)"
        return replace(verdict, score=score, advice=advice.lstrip())
    if private:
        (known,) = (one for one in exercise(again.name).misconceptions if one.name == again.misconception)
        again = replace(again, advice=known.sentence, facts=())
    return replace(again, advice=f"{again.advice} (Asked with a right {names}; yours {yours}.)".lstrip())


def names_used(names: Iterable[str], code_of: CodeOf) -> set[str]:
    """The names that the definitions of `names` read, themselves or through other definitions."""
    used: set[str] = set()
    queue = [*names]
    while queue:
        for code in code_of(queue.pop()):
            new = set(_names(code)) - used
            used |= new
            queue += new
    return used


def _names(code: CodeType) -> Iterator[str]:
    """The names that code reads and that are none of its own."""
    yield from (
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    )
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def code_in(namespace: Mapping[str, Any]) -> CodeOf:
    """The code of what a notebook has defined, from its namespace."""

    def code_of(name: str) -> Iterator[CodeType]:
        value = namespace.get(name)
        own = isinstance(value, type) and value.__module__ == namespace["__name__"]
        for part in vars(value).values() if own else [value]:
            part = getattr(part, "__func__", None) or getattr(part, "fget", None) or part
            part = getattr(part, "__wrapped__", part)  # a decorator's
            if isinstance(part, FunctionType) and part.__globals__ is namespace:
                yield part.__code__

    return code_of


def code_from(sources: Sequence[str]) -> CodeOf:
    """The code of what a notebook defines, from its cells; it is compiled and never run."""

    def code_of(name: str) -> Iterator[CodeType]:
        for source in sources:
            if name in source:
                yield from (code for code in _definitions(source) if code.co_name == name)

    return code_of


@lru_cache(maxsize=256)
def _definitions(source: str) -> tuple[CodeType, ...]:
    try:
        constants = compile(source, "<cell>", "exec", dont_inherit=True).co_consts
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(constant for constant in constants if isinstance(constant, CodeType))
