"""What the reference and the misconceptions answer to the calls of one exercise."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

from autograde.exercise import Exercise
from autograde.exercises import exercise as find_exercise
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
        self.other_questions: dict[int, list[Any]] = {}  # by call: what `judge.other_questions` has asked

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
        return [measured_tolerance(self.exercise, call, expected) for call, expected in pairs]

    def prepare(self) -> None:
        """Ask the reference now, so that what PyTorch does at a first use takes none of a learner's time."""
        _ = self.expected

    def wrong(self, misconception: int, call: int) -> Answer | Skipped:
        """The answer of the misconception number `misconception` to the call number `call`."""
        at = misconception, call
        if at not in self._wrong:
            code = self.exercise.misconceptions[misconception].wrong
            anew = begun_anew(code)
            # a later call sees what an earlier one has left
            numbers = [call] if anew is code else list(range(len(self.calls)))
            asked = [self.calls[number] for number in numbers]
            answers = projected(self.exercise, asked, answer(anew, asked))
            self._wrong.update({(misconception, number): each for number, each in zip(numbers, answers, strict=True)})
        return self._wrong[at]

    def possible_for(self, source: str | None) -> AnswerKey:
        """The same, without the misconceptions that this source shows not to be there."""
        every = self.exercise.misconceptions
        kept = [
            number for number, misconception in enumerate(every) if source is None or misconception.may_be_in(source)
        ]
        return self if len(kept) == len(every) else _Chosen(self, kept)


def begun_anew(code: Any) -> Any:
    """The same code, as before anybody used it: a class with its lists, sets and dictionaries as they are now."""
    if not isinstance(code, type):
        return code
    own = {name: value for name, value in vars(code).items() if not name.startswith("__")}
    state = {name: copy(value) for name, value in own.items() if isinstance(value, dict | list | set)}
    return type(code.__name__, (code,), state) if state else code


class _Chosen(AnswerKey):
    """An answer key with some of its misconceptions."""

    def __init__(self, whole: AnswerKey, numbers: Sequence[int]):
        chosen = [whole.exercise.misconceptions[number] for number in numbers]
        super().__init__(replace(whole.exercise, misconceptions=chosen), whole.calls)
        self._whole, self._numbers = whole, numbers
        self.other_questions = whole.other_questions

    @cached_property
    def expected(self) -> list[Answer]:
        return self._whole.expected

    @cached_property
    def tolerances(self) -> list[Tolerance]:
        return self._whole.tolerances

    def wrong(self, misconception: int, call: int) -> Answer | Skipped:
        return self._whole.wrong(self._numbers[misconception], call)


@lru_cache(maxsize=256)
def answer_key(name: str, seed: int) -> AnswerKey:
    """The answer key of an exercise for the inputs of one seed; shared by all answers that meet these inputs."""
    asked = find_exercise(name)
    return AnswerKey(asked, asked.calls(seed))
