"""The questions that are put to a learner's object, and the answers: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autograde.harness.plain import Other

ANY_TEXT = ""  # in `Call.mentions`: the message may be any that is not empty
MAIN = "result"  # the part without which there is no partial credit


@dataclass(frozen=True)
class Fixture:
    """An argument that is not plain data: built by name beside the learner's code (`harness.fixtures`).

    Example: `Fixture("linear", (weight, bias))` is a `torch.nn.Linear` with these weights. `Fixture("argument", (0,))`
    is the call's own first argument: an optimizer needs the model that it is called with.
    """

    factory: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Call:
    """One question to the learner's object. Everything in it is plain data, arrays, tensors or `Fixture`.

    A function is called with `args` and `kwargs`. A class is first constructed with `new` (a tuple of positional
    arguments) and `new_kwargs`; `weights` replaces the values of its parameters by name; then `method` (default: the
    object itself) is called. Each call starts from a fresh object, a fixed random state and fresh copies of its inputs.

    args, kwargs   the inputs of the call
    part           which part of the exercise's points this call decides, a key of `Exercise.parts`
    note           what is special about this call, shown beside it ("a padded sentence")
    new            arguments of the constructor; None for a function
    another        arguments of a second object of the class, made after the first and left alone; None: there is none
    method         a method of the constructed object; None calls the object; "" does not call it at all
    then           more (method, args) on the same object afterwards; the result is the list of all outputs
    weights        {name: array}, loaded into the module's parameters of that name
    training       training mode of a module
    report         what comes back: any of "output", "parameters" ({name: shape}), "buffers" ({name: shape}), "initial"
                   ({name: value} as constructed), "gradients" ({name: value} of a fixed loss), "input_gradients"
                   (list); of a function also "args" (what became of the modules, optimizers and generators among its
                   arguments); of anything "weights" alone (the file or the module with trained weights that the
                   object gives, `autograde.harness.weights`)
    mentions       words that the message of an expected exception has to contain; ANY_TEXT: there has to be one
    tolerance      largest accepted difference; None: taken from the reference's own float error
    """

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    part: str = MAIN
    note: str = ""
    new: tuple[Any, ...] | None = None
    new_kwargs: dict[str, Any] = field(default_factory=dict)
    another: tuple[Any, ...] | None = None
    method: str | None = None
    then: tuple[Any, ...] = ()
    weights: dict[str, Any] | None = None
    training: bool = False
    report: tuple[Any, ...] = ("output",)
    mentions: tuple[Any, ...] = ()
    tolerance: float | None = None


@dataclass(frozen=True)
class Problem:
    """An exception, as plain data: its class, all its base classes too, its text, and the learner's lines."""

    kind: str
    text: str
    kinds: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What came back from one call: a value or a problem; which arguments changed; what was printed."""

    value: Any = None
    problem: Problem | None = None
    changed: tuple[str, ...] = ()
    printed: str = ""


@dataclass(frozen=True)
class Skipped:
    """Placeholder for a call that was skipped because an earlier one timed out."""

    problem: Problem | None = None
    value: Other = field(default_factory=lambda: Other("nothing", "not asked"))
    changed: tuple[Any, ...] = ()
    printed: str = ""


class Unsuitable(Exception):
    """What a learner gave does not have the form that the exercise asks for."""
