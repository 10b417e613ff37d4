"""What the reference and the misconceptions answer to the calls of one exercise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from autograde.exercise import Exercise
from autograde.harness.call import Answer, Call, Skipped
from autograde.harness.invoke import answer
from autograde.judge.compare import Tolerance
from autograde.judge.projection import projected
from autograde.judge.tolerance import PATIENCE, measured_tolerance


class AnswerKey:
    """What the reference and the misconceptions answer to the calls of one exercise; computed when it is needed."""

    def __init__(self, exercise: Exercise, calls: Sequence[Call]):
        self.exercise, self.calls = exercise, list(calls)
        self._wrong: dict[tuple[int, int], Answer | Skipped] = {}

    @cached_property
    def expected(self) -> list[Answer]:
        if self.exercise.expected is not None:
            return [Answer(self.exercise.expected(call)) for call in self.calls]
        given = projected(self.exercise, self.calls, answer(self.exercise.reference, self.calls, PATIENCE))
        answers = [each for each in given if isinstance(each, Answer)]
        if len(answers) < len(given):
            raise RuntimeError(f"The reference of {self.exercise.name} did not answer within {PATIENCE:g} seconds.")
        return answers

    @cached_property
    def tolerances(self) -> list[Tolerance]:
        pairs = zip(self.calls, self.expected, strict=True)
        return [measured_tolerance(self.exercise, call, one) for call, one in pairs]

    def wrong(self, misconception: int, call: int) -> Answer | Skipped:
        """The answer of the misconception number `misconception` to the call number `call`."""
        at = misconception, call
        if at not in self._wrong:
            asked = [self.calls[call]]
            given = answer(self.exercise.misconceptions[misconception].wrong, asked)
            self._wrong[at] = projected(self.exercise, asked, given)[0]
        return self._wrong[at]
