"""The questions that are put to a learner's object, and the answers: plain data."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from autograde.harness.plain import Other

ANY_TEXT = ""  # in a call's `mentions`: the message may be any that is not empty
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
class _Call:
    """What every kind of call has. Everything in it is plain data, arrays, tensors or `Fixture`.

    Each call starts from a fresh object, a fixed random state and fresh copies of its inputs.

    args, kwargs   the inputs of the call
    part           which part of the exercise's points this call decides, a key of `Exercise.parts`
    note           what is special about this call, shown beside it ("a padded sentence")
    mentions       words that the message of an expected exception has to contain; ANY_TEXT: there has to be one
    tolerance      largest accepted difference; None: taken from the reference's own float error
    """

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    _: KW_ONLY
    part: str = MAIN
    note: str = ""
    mentions: tuple[str, ...] = ()
    tolerance: float | None = None


@dataclass(frozen=True, kw_only=True)
class FunctionCall(_Call):
    """A function is called with `args` and `kwargs`.

    report         what comes back with the output: "args" (what became of the modules, optimizers and generators among
                   the arguments), "random" (the state of PyTorch's global generator), "input_gradients" (list, of a
                   fixed loss); ("output",) is the output itself
    """

    report: tuple[str, ...] = ("output",)


@dataclass(frozen=True, kw_only=True)
class ConstructorCall(_Call):
    """A torch module is constructed with `args` and `kwargs`, and not called.

    weights        as of a `ModuleCall`; a parameter with several names is reported by the name that is here
    report         what comes back: any of "parameters", "buffers", "initial", "modules", as of a `ModuleCall`; ():
                   nothing
    """

    weights: dict[str, Any] = field(default_factory=dict)
    report: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MethodCall(_Call):
    """An object is constructed with `new` and `new_kwargs`; then its `method` is called with `args` and `kwargs`.

    new            positional arguments of the constructor
    another        those of a second object of the class, made after the first and not used; None: there is none
    method         a name; "__call__" calls the object itself, "__len__" takes its length
    then           more (method, args) on the same object afterwards; the result is the list of all outputs
    """

    new: tuple[Any, ...]
    new_kwargs: dict[str, Any] = field(default_factory=dict)
    another: tuple[Any, ...] | None = None
    method: str
    then: tuple[tuple[str, tuple[Any, ...]], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModuleCall(_Call):
    """A torch module is constructed, gets its weights and its mode, and is called with `args` and `kwargs`.

    new, new_kwargs, method, then   as of a `MethodCall`
    weights        {name: array}, loaded into the module's parameters of that name
    training       training mode, in place of evaluation mode
    report         what comes back: any of "output", "parameters" ({name: shape}), "buffers" ({name: shape}), "initial"
                   ({name: value} as constructed), "modules" (list of the parts' names), "gradients" ({name: value} of
                   a fixed loss), "input_gradients" (list); ("output",) is the output itself
    """

    new: tuple[Any, ...]
    new_kwargs: dict[str, Any] = field(default_factory=dict)
    method: str = "__call__"
    then: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    weights: dict[str, Any] = field(default_factory=dict)
    training: bool = False
    report: tuple[str, ...] = ("output",)


@dataclass(frozen=True, kw_only=True)
class WeightsCall(_Call):
    """The trained weights that a function without arguments gives are read (`harness.weights`).

    `args` are not passed on: the exercise's projection examines the weights with them.
    """


Call = FunctionCall | ConstructorCall | MethodCall | ModuleCall | WeightsCall


@dataclass(frozen=True)
class Problem:
    """An exception, as plain data: its class, all its base classes too, its text, the learner's lines, and the values
    that the last of these lines reads ("x: float64 (2, 3)")."""

    kind: str
    text: str
    kinds: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


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
