"""What an exercise is: data, and nothing about notebooks or graders."""

from __future__ import annotations

import inspect
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from autograde.course.lessons import find_lesson
from autograde.harness.call import MAIN, Call

Implementation = TypeVar("Implementation")


LOCAL_SEED = 0  # a learner's check asks the same questions each time


@dataclass(frozen=True)
class Misconception:
    """A mistake that people make: a wrong implementation, and what to say to somebody who has written it.

    name       short, in lower case, as an instructor would say it ("no scaling")
    wrong      the wrong implementation: same signature as the reference
    sentence   what was probably done and where to look; about the code, in one or two short sentences
    unless     a regular expression: of code that matches, and gives the same results, the sentence is not true
    only       a regular expression: of code that does not match, and gives the same results, the sentence is not true
    """

    name: str
    wrong: Any
    sentence: str
    unless: str = ""
    only: str = ""

    def may_be_in(self, source: str) -> bool:
        """Whether the source leaves it open that the sentence is true of it."""
        refuted = self.unless and re.search(self.unless, source)
        return not refuted and (not self.only or re.search(self.only, source) is not None)


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """A number that learners compute on paper and type, `by_hand(name, number)`: an answer at once, no points.

    A lesson's numbers are the list `BY_HAND` in `autograde/exercises/TOPIC/by_hand.py`; nothing of it is released.

    name    what is computed, as the lesson's text calls it; unique in the course
    value   the number, or a nested list of numbers
    hint    where to look after a wrong number, one sentence
    places  decimals that count: a number may differ by one in the last of them
    slips   {wrong number, or tuple of numbers: what was probably done, one sentence}
    """

    name: str
    value: Any
    hint: str
    places: int = 2
    slips: Mapping[Any, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise. Its file is `autograde/exercises/TOPIC/NAME.py`; `wrong` and `variant` fill its two lists there.

    name             the learner's function or class, and the id of the solution cell
    title            a few words for lists and headings
    points, minutes  what it counts, how long it takes
    hints            two levels: a nudge, then nearly the line of code (Markdown)
    reference        the right implementation, from `helpers`
    make_calls       `make_calls(rng) -> list[Call]`, a function of the exercise's own file: first a call that can be
                     redone on paper, then random ones
    misconceptions   the mistakes that are named; of several that fit an answer, the first is named
    variants         right answers written differently; tests prove that they pass
    parts            {part: share of the points}, shares add up to 1; partial credit needs the part `MAIN`
    extra            True for what goes beyond the core
    projection       `projection(call, value) -> value`: what is compared of an answer (statistics of random output);
                     applied to the reference's, the learner's and the misconceptions' answers alike
    expected         `expected(call) -> value`: the projection of a right answer, where no reference is needed
    multiple_outputs the result is several values: a list in place of a tuple is fine
    ignore           kinds that do not matter: "dtype" (of an array), "sequence" (list or tuple)
    mutates          True where the inputs may be changed
    forbidden        library functions that already solve it; an answer that calls one is flagged for manual review
    flag             `flag(value) -> str`: why a right answer needs manual review, or ""; decides no points
    """

    name: str
    title: str
    points: int
    minutes: int
    hints: tuple[str, str]
    reference: Any
    make_calls: Callable[[np.random.Generator], list[Call]]
    misconceptions: list[Misconception] = field(default_factory=list)
    variants: list[Any] = field(default_factory=list)
    parts: dict[str, float] = field(default_factory=lambda: {MAIN: 1.0})
    extra: bool = False
    projection: Callable[[Call, Any], Any] | None = None
    expected: Callable[[Call], Any] | None = None
    multiple_outputs: bool = False
    ignore: tuple[str, ...] = ()
    mutates: bool = False
    forbidden: tuple[str, ...] = ()
    flag: Callable[[Any], str] | None = None

    def wrong(
        self, name: str, sentence: str, *, unless: str = "", only: str = ""
    ) -> Callable[[Implementation], Implementation]:
        """Decorator of a wrong implementation: a misconception, in the order of the file."""

        def enter(implementation: Implementation) -> Implementation:
            self.misconceptions.append(Misconception(name, implementation, sentence, unless, only))
            return implementation

        return enter

    def variant(self, implementation: Implementation) -> Implementation:
        """Decorator of a right answer that is written differently from the reference."""
        self.variants.append(implementation)
        return implementation

    @property
    def lesson(self) -> str:
        """The lesson's name, e.g. "03_single_head", from the folder of the exercise's file."""
        return find_lesson(self.make_calls.__module__.split(".")[-2]).name

    def calls(self, seed: int = 0) -> list[Call]:
        """The calls of one seed; equal seeds give equal calls on every machine."""
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), seed])
        return self.make_calls(rng)

    @property
    def is_class(self) -> bool:
        return inspect.isclass(self.reference)
