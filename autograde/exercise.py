"""What an exercise is: data, and nothing about notebooks or graders."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograde.harness.call import MAIN, Call


@dataclass(frozen=True)
class Misconception:
    """A mistake that people make: a wrong implementation, and what to say to somebody who has written it.

    name       short, in lower case, as an instructor would say it ("no scaling")
    wrong      the wrong implementation: same signature as the reference
    sentence   what was probably done and where to look; about the code, in one or two short sentences
    """

    name: str
    wrong: Any
    sentence: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    name             the learner's function or class, and the id of the solution cell
    lesson           the lesson's folder, e.g. "03_single_head"
    title            a few words for lists and headings
    points, minutes  what it counts, how long it takes
    hints            two levels: a nudge, then nearly the line of code (Markdown)
    reference        the right implementation, from `helpers`
    make_calls       `make_calls(rng) -> list[Call]`: first one that can be redone on paper, then random ones
    misconceptions   the mistakes that are named
    variants         right answers written differently; tests prove that they pass
    parts            {part: share of the points}, shares add up to 1; partial credit needs the part `MAIN`
    extra            True for what goes beyond the core
    view             `view(call, value) -> value`: what of an answer is compared (statistics of random output, ...);
                     applied to the reference's, the learner's and the misconceptions' answers alike
    expected         `expected(call) -> value`: the view of a right answer, where it is known without the reference
    several          the result is several values: a list in place of a tuple is fine
    ignore          kinds that do not matter: "dtype" (of an array), "sequence" (list or tuple)
    mutates          True where the inputs may be changed
    forbidden        dotted names of what a library has of it; an answer that uses one is for a person to look at
    flag            `flag(value) -> str`: why a person should look at a right answer, or ""; decides no points
    """

    name: str
    lesson: str
    title: str
    points: int
    minutes: int
    hints: tuple[str, str]
    reference: Any
    make_calls: Callable[[np.random.Generator], list[Call]]
    misconceptions: Sequence[Misconception]
    variants: Sequence[Any] = ()
    parts: dict[str, float] = field(default_factory=lambda: {MAIN: 1.0})
    extra: bool = False
    projection: Callable[[Call, Any], Any] | None = None
    expected: Callable[[Call], Any] | None = None
    multiple_outputs: bool = False
    ignore: tuple[str, ...] = ()
    mutates: bool = False
    forbidden: tuple[str, ...] = ()
    flag: Callable[[Any], str] | None = None

    def calls(self, seed: int = 0) -> list[Call]:
        """The calls of one seed; equal seeds give equal calls on every machine."""
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), seed])
        return self.make_calls(rng)

    @property
    def is_class(self) -> bool:
        return inspect.isclass(self.reference)
