"""What an exercise is: data, and nothing about notebooks or graders."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAIN = "result"  # the part without which there is no partial credit


@dataclass(frozen=True)
class Made:
    """An argument that is no plain data: the answering side makes it, by name (`autograde.makers`).

    Example: `Made("linear", (weight, bias))` is a `torch.nn.Linear` with these weights. `Made("argument", (0,))` is the
    call's own first argument: an optimizer needs the model that it is called with.
    """

    maker: str
    args: tuple = ()


@dataclass(frozen=True)
class Call:
    """One question to the learner's object. Everything in it is plain data, arrays, tensors or `Made`.

    A function is called with `args` and `kwargs`. A class is first constructed with `new` (a tuple of positional
    arguments) and `new_kwargs`; `weights` replaces the values of its parameters by name; then `method` (default: the
    object itself) is called. Each call starts from a fresh object, a fixed random state and fresh copies of its inputs.

    args, kwargs   the inputs of the call
    part           which part of the exercise's points this call decides, a key of `Exercise.parts`
    note           what is special about this call, shown beside it ("a padded sentence")
    new            arguments of the constructor; None for a function
    method         a method of the constructed object; None calls the object; "" does not call it at all
    then           more (method, args) on the same object afterwards; the result is the list of all outputs
    weights        {name: array}, loaded into the module's parameters of that name
    training       training mode of a module
    report         what comes back: any of "output", "parameters" ({name: shape}), "buffers" ({name: shape}), "initial"
                   ({name: value} as constructed), "gradients" ({name: value} of a fixed loss), "input_gradients"
                   (list); of a function also "args" (what became of the modules, optimizers and generators among its
                   arguments); of anything "weights" alone (the file or the module with trained weights that the
                   object gives, `autograde.weights`)
    mentions       words that the message of an expected exception has to contain
    tolerance      largest accepted difference; None: taken from the reference's own float error
    """

    args: tuple = ()
    kwargs: dict = field(default_factory=dict)
    part: str = MAIN
    note: str = ""
    new: tuple | None = None
    new_kwargs: dict = field(default_factory=dict)
    method: str | None = None
    then: tuple = ()
    weights: dict | None = None
    training: bool = False
    report: tuple = ("output",)
    mentions: tuple = ()
    tolerance: float | None = None


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
    lenient          kinds that do not matter: "dtype" (of an array), "sequence" (list or tuple)
    mutates          True where the inputs may be changed
    forbidden        dotted names of what a library has of it; an answer that uses one is for a person to look at
    doubt            `doubt(value) -> str`: why a person should look at a right answer, or ""; decides no points
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
    view: Callable[[Call, Any], Any] | None = None
    expected: Callable[[Call], Any] | None = None
    several: bool = False
    lenient: tuple[str, ...] = ()
    mutates: bool = False
    forbidden: tuple[str, ...] = ()
    doubt: Callable[[Any], str] | None = None

    def calls(self, seed: int = 0) -> list[Call]:
        """The calls of one seed; equal seeds give equal calls on every machine."""
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), seed])
        return self.make_calls(rng)

    @property
    def is_class(self) -> bool:
        return inspect.isclass(self.reference)
