"""One wrong answer to an exercise: what is known of it when somebody asks why it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from autograde.exercise import Exercise
from autograde.harness.brief import Projected
from autograde.harness.call import Answer, Skipped
from autograde.harness.plain import TensorData
from autograde.judge.answer_key import AnswerKey
from autograde.judge.compare import Array, Comparison
from autograde.judge.findings import Finding, find


@dataclass(frozen=True)
class Diagnosis:
    """A name, a sentence, and the kind of evidence (`verdict.MISCONCEPTION`, `RELATION` or `SOURCE`)."""

    name: str
    sentence: str
    evidence: str


@dataclass(frozen=True)
class Case:
    """The answers to all calls of an exercise, at least one of them wrong; everything is in the order of the calls.

    key       the right answers, and those of the misconceptions
    got       the learner's, projected as the exercise compares them
    findings  what is wrong with each, None for a right one
    source    the text that defines the learner's object, where it is known
    """

    key: AnswerKey
    got: Sequence[Answer | Skipped]
    findings: Sequence[Finding | None]
    source: str | None = None

    @property
    def exercise(self) -> Exercise:
        return self.key.exercise

    @cached_property
    def failing(self) -> list[int]:
        """The numbers of the calls that fail."""
        return [at for at, finding in enumerate(self.findings) if finding is not None]

    @property
    def first(self) -> Finding:
        """What is wrong with the first call that fails."""
        return next(finding for finding in self.findings if finding is not None)

    @cached_property
    def says_little(self) -> bool:
        """Whether the right answers are a few yes and no, which other mistakes than the known ones give as well."""
        values = (answer.value for answer in self.key.expected)
        different = {repr(value.value if isinstance(value, Projected) else value) for value in values}
        return len(self.key.expected) >= 4 and len(different) <= 2

    def only(self, part: str) -> Case:
        """The same, as if all calls of other parts were right."""
        pairs = zip(self.key.calls, self.findings, strict=True)
        return replace(self, findings=[finding if call.part == part else None for call, finding in pairs])

    def raised(self, at: int) -> bool:
        """Whether a call ended in an error."""
        return self.got[at].problem is not None

    def comparison(self, at: int) -> Comparison:
        """How a call's answer is compared with the right one."""
        return Comparison(self.key.tolerances[at], self.exercise.ignore, self.exercise.multiple_outputs)

    def alike(self, *ignore: str) -> Comparison:
        """How a call's answer is compared with one that shows where it comes from: nearly to the digit."""
        return Comparison(naming_tolerance, (*ignore, *self.exercise.ignore), self.exercise.multiple_outputs)

    def wrong_parts(self, at: int) -> list[Any]:
        """Which parts of a call's answer differ from the right ones; [None] where it has other parts."""
        expected, given = parts(self.key.expected[at].value), parts(self.got[at].value)
        if expected.keys() != given.keys():
            return [None]
        comparison = self.comparison(at)
        paths = {part: f"[{part}]" if isinstance(part, int) else str(part or "") for part in expected}
        return [part for part in expected if not comparison.equal(expected[part], given[part], paths[part])]

    # --- misconceptions, by their numbers ---

    def agrees(self, number: int, at: int) -> bool:
        """Whether a misconception answers a call as the learner's code does; an error has to be of the same kind."""
        wrong, got = self.key.wrong(number, at), self.got[at]
        if isinstance(wrong, Skipped) or isinstance(got, Skipped):
            return False
        if wrong.problem is not None or got.problem is not None:
            return wrong.problem is not None and got.problem is not None and wrong.problem.kind == got.problem.kind
        return wrong.changed == got.changed and self.alike().equal(wrong.value, got.value)

    def errs(self, number: int, at: int) -> bool:
        """Whether what a misconception answers to a call is another result than the right one, beyond its dtype and
        later digits; an answer that agrees with it there is no evidence otherwise."""
        wrong, right = self.key.wrong(number, at), self.key.expected[at]
        if isinstance(wrong, Skipped) or wrong.problem is not None or right.problem is not None:
            return True
        comparison = self.alike("dtype", "sequence")
        return bool(wrong.changed) or not comparison.equal(right.value, wrong.value)

    def fails(self, number: int, at: int) -> bool:
        """Whether a misconception is wrong at a call."""
        call, expected, tolerance = self.key.calls[at], self.key.expected[at], self.key.tolerances[at]
        return find(self.exercise, call, expected, self.key.wrong(number, at), tolerance) is not None


def parts(value: Any) -> dict[Any, Any]:
    """The results that a call reports side by side, by key; a single one has the key None. Several numbers in a tuple
    are several results."""
    if isinstance(value, dict):
        return value
    if isinstance(value, tuple) and len(value) > 1 and all(isinstance(item, int | float) for item in value):
        return dict(enumerate(value))
    if isinstance(value, list | tuple) and any(isinstance(item, np.ndarray | TensorData) for item in value):
        return dict(enumerate(value))
    return {None: value}


def naming_tolerance(path: str, values: Array) -> float:
    """The largest difference between two results of the same computation."""
    finite = np.abs(values[np.isfinite(values)]) if values.size else values
    size = float(finite.max()) if finite.size else 0.0
    return (1e-4 if values.dtype == np.float32 else 1e-8) * max(size, 1e-3)
