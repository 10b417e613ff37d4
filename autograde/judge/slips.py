"""Slips that the source shows, whatever the exercise: facts about the text, found without running it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from autograde.exercise import Exercise
from autograde.exercises import all_exercises
from autograde.judge.source import (
    CHANGES,
    Definition,
    Function,
    Observation,
    attributes_of_self,
    defaults,
    defined,
    functions_of,
    methods,
    reference_source,
)

Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True)
class Code:
    """What a learner wrote for an exercise, beside its reference."""

    exercise: Exercise
    definition: Definition
    reference: Definition

    def nodes(self, kind: type[Node]) -> Iterator[Node]:
        return (node for node in ast.walk(self.definition) if isinstance(node, kind))

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call, with the text of what is called."""
        return ((ast.unparse(call.func), call) for call in self.nodes(ast.Call))

    def line(self, node: ast.stmt | ast.expr) -> str:
        return f"line {node.lineno - self.definition.lineno + 1}"

    def beside_reference(self) -> Iterator[tuple[str, Function, Function]]:
        """The name of each function or method that the reference has too, with both."""
        references = functions_of(self.reference, self.exercise.name)
        for name, function in functions_of(self.definition, self.exercise.name).items():
            if name in references:
                yield name, function, references[name]


Rule = Callable[[Code], Iterator[Observation]]


def surely_not_meant(exercise: Exercise, source: str) -> Observation | None:
    """A slip that is reason enough for a wrong answer, or None."""
    return _first(SURELY_NOT_MEANT, exercise, source)


def seldom_meant(exercise: Exercise, source: str) -> Observation | None:
    """A slip that is a fact also where it is not what is wrong, or None; the reference does none of it."""
    return _first(SELDOM_MEANT, exercise, source)


def other_defaults(exercise: Exercise, source: str) -> dict[str, Observation]:
    """The arguments whose default is not the exercise's."""
    code = _code(exercise, source)
    return dict(_other_defaults(code)) if code else {}


def _first(rules: Sequence[Rule], exercise: Exercise, source: str) -> Observation | None:
    code = _code(exercise, source)
    return next((slip for rule in rules for slip in rule(code)), None) if code else None


def _code(exercise: Exercise, source: str) -> Code | None:
    definition, reference = defined(exercise.name, source), reference_source(exercise)
    return Code(exercise, definition, reference) if definition and reference else None


# --- arguments ------------------------------------------------------------------------------------------------------

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def argument_in_anothers_place(code: Code) -> Iterator[Observation]:
    """A call of an exercise in which an argument without its name is in the place of another of its parameters."""
    made = {
        target.attr: node.value.func.id
        for node in code.nodes(ast.Assign)
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }
    for name, call in code.calls():
        own = name.removeprefix("self.")
        parameters = _signatures().get(f"{made.get(own)}.forward" if own != name else name, ())
        for place, (argument, parameter) in enumerate(zip(call.args[: len(_ORDINALS)], parameters, strict=False)):
            match argument:
                case ast.Starred():
                    break
                case ast.Name(given) | ast.Attribute(ast.Name("self"), given) if given in parameters:
                    if given != parameter:
                        text = ast.unparse(argument)
                        taken = parameters.index(given) < len(call.args)  # by another argument without a name
                        order = " and ".join(f"`{each}`" for each in sorted((given, parameter), key=parameters.index))
                        advice = f"Its order is {order}." if taken else f"Pass it by its name: `{given}={text}`."
                        sentence = (
                            f"`{name}` takes `{parameter}` as its {_ORDINALS[place]} argument, and gets `{text}` "
                            f"there. {advice}"
                        )
                        yield Observation("an argument in another's place", sentence)


@cache
def _signatures() -> dict[str, tuple[str, ...]]:
    """The parameters of the exercises' functions and classes, and of the classes' `forward`."""
    found = {}
    for exercise in all_exercises():
        found[exercise.name] = tuple(inspect.signature(exercise.reference).parameters)
        if exercise.is_class and hasattr(exercise.reference, "forward"):
            forward = inspect.signature(exercise.reference.forward)
            found[f"{exercise.name}.forward"] = tuple(forward.parameters)[1:]
    return found


def order_of_arguments(code: Code) -> Iterator[Observation]:
    for name, function, reference in code.beside_reference():
        wanted, given = ([argument.arg for argument in each.args.args] for each in (reference, function))
        if given != wanted and sorted(given) == sorted(wanted):
            listed = ", ".join(f"`{argument}`" for argument in wanted if argument != "self")
            sentence = f"Keep the order of the arguments of `{name}`: the exercise has {listed}."
            yield Observation("arguments in another order", sentence)


def other_default(code: Code) -> Iterator[Observation]:
    return (observation for _, observation in _other_defaults(code))


def _other_defaults(code: Code) -> Iterator[tuple[str, Observation]]:
    for name, function, reference in code.beside_reference():
        wanted = dict(defaults(reference))
        for argument, value in defaults(function):
            if argument in wanted and _constant(value) and _constant(wanted[argument]):
                own, right = ast.literal_eval(value), ast.literal_eval(wanted[argument])
                if own != right:
                    sentence = f"The default of `{argument}` is {own} in `{name}`; the exercise has {right}."
                    yield argument, Observation("another default", sentence)


def _constant(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


# --- results --------------------------------------------------------------------------------------------------------

# of functions with two results: how the second one is called, and what comes in which order
_TWO_RESULTS = {
    "teacher_forcing_pair": ("label", "what the decoder reads, then the labels"),
    "row_statistics": ("mean", "the mean, then the variance"),
    "pad_batch": ("mask", "the ids, then the mask"),
    "scaled_dot_product_attention": ("weight", "the output, then the weights"),
    "torch.var_mean": ("mean", "the variance, then the mean"),
    "torch.std_mean": ("mean", "the standard deviation, then the mean"),
}
_FIRST_IS_CALLED = {"row_statistics"}  # the word is that of the first result


def results_in_exchanged_places(code: Code) -> Iterator[Observation]:
    """`labels, reads = teacher_forcing_pair(ids)`: by their names, the two results are taken for each other."""
    for node in code.nodes(ast.Assign):
        match node:
            case ast.Assign([ast.Tuple([ast.Name(first), ast.Name(second)])], ast.Call(function)):
                name = ast.unparse(function)
                word, order = _TWO_RESULTS.get(name, ("", ""))
                misplaced, other = (second, first) if name in _FIRST_IS_CALLED else (first, second)
                if word and word in misplaced.lower() and word not in other.lower():
                    sentence = (
                        f"`{name}` returns {order}: in {code.line(node)} `{misplaced}` is in the place of the other."
                    )
                    yield Observation("results in exchanged places", sentence)


# --- statements -----------------------------------------------------------------------------------------------------


def loop_that_ends_at_once(code: Code) -> Iterator[Observation]:
    for loop in code.nodes(ast.stmt):
        match loop:
            case ast.For(body=body) | ast.While(body=body) if _returns_always(body) and not _goes_on(loop):
                where = f"{code.line(loop)} of `{code.exercise.name}`"
                sentence = f"The loop in {where} ends in its first pass: move the `return` after the loop."
                yield Observation("return inside the loop", sentence)


def _goes_on(loop: ast.stmt) -> bool:
    return any(isinstance(node, ast.Continue) for node in ast.walk(loop))


def _returns_always(body: list[ast.stmt]) -> bool:
    """Whether every way through these statements ends at a `return`."""
    match body[-1] if body else None:
        case ast.Return():
            return True
        case ast.If(body=first, orelse=second):
            return _returns_always(first) and _returns_always(second)
    return False


_PURE = {
    *("lower", "upper", "strip", "replace", "split", "join", "masked_fill", "transpose", "reshape", "view", "permute"),
    *("swapaxes", "unsqueeze", "squeeze", "softmax", "log_softmax", "astype", "float", "long", "bool", "detach"),
    *("clone", "copy", "flatten", "cumsum", "contiguous", "clamp", "item", "tolist", "most_common", "items", "union"),
}


def result_not_kept(code: Code) -> Iterator[Observation]:
    """A call whose only effect is its result, and the result goes nowhere."""
    for statement in code.nodes(ast.Expr):
        match statement.value:
            case ast.Call(function, args):
                name = ast.unparse(function)
                method = function.attr if isinstance(function, ast.Attribute) else ""
                pure = method in _PURE and (method != "join" or len(args) == 1)  # a thread's `join` returns nothing
                if pure or name in _functions_of_exercises() or name in _PURE_FUNCTIONS:
                    where = code.line(statement)
                    sentence = f"Keep the result of `{name}(...)` in {where}: it is returned, and goes nowhere."
                    yield Observation("a result is not kept", sentence)


_PURE_FUNCTIONS = {"sorted", "np.where", "torch.where", "np.concatenate"}


@cache
def _functions_of_exercises() -> frozenset[str]:
    """Exercises that are functions with a result, and change nothing."""
    pure = (exercise.name for exercise in all_exercises() if not exercise.is_class and not exercise.mutates)
    return frozenset(pure) - {"copy_torch_attention", "load_minilm", "train_step", "repair_fit"}


def loop_variable_assigned(code: Code) -> Iterator[Observation]:
    """`for word in words: word = f(word)` changes nothing."""
    for loop in code.nodes(ast.For):
        match loop.target, loop.body[-1]:
            case ast.Name(name), ast.Assign([ast.Name(assigned)]) as last if assigned == name:
                sentence = (
                    f"`{name} = ...` in {code.line(last)} gives the loop's own `{name}` another value, which is "
                    f"gone in the next round; `{ast.unparse(loop.iter)}` stays as it is."
                )
                yield Observation("the loop's variable is assigned", sentence)


# --- classes --------------------------------------------------------------------------------------------------------


def unused_attribute(code: Code) -> Iterator[Observation]:
    """A part that `__init__` makes and that no method uses, where the reference uses one of that name."""
    if not isinstance(code.definition, ast.ClassDef):
        return
    own, right = attributes_of_self(code.definition), attributes_of_self(code.reference)
    used = {node.attr for node in own if isinstance(node.ctx, ast.Load)}
    used |= {node.value for node in code.nodes(ast.Constant) if isinstance(node.value, str)}
    needed = {node.attr for node in right if isinstance(node.ctx, ast.Load)}
    for node in own:
        if isinstance(node.ctx, ast.Store) and node.attr in needed - used:
            yield Observation("a part is never used", f"`self.{node.attr}` is made and never used.")


def made_in_forward(code: Code) -> Iterator[Observation]:
    forward = methods(code.definition).get("forward") if isinstance(code.definition, ast.ClassDef) else None
    for node in ast.walk(forward) if forward else ():
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in _modules():
            sentence = f"Make `{name}(...)` in `__init__`: in `forward` it is made anew in each call."
            yield Observation("a module made in forward", sentence)


@cache
def _modules() -> frozenset[str]:
    from torch import nn

    of_torch = ("Linear", "Dropout", "LayerNorm", "Embedding", "ModuleList", "Parameter", "RMSNorm", "Sequential")
    classes = (exercise for exercise in all_exercises() if exercise.is_class)
    own = (exercise.name for exercise in classes if issubclass(exercise.reference, nn.Module))
    return frozenset([*(f"nn.{name}" for name in of_torch), *own])


def shared_by_all_objects(code: Code) -> Iterator[Observation]:
    """A list or dictionary of the class that its methods change, or an attribute that is set on the class itself."""
    if not isinstance(code.definition, ast.ClassDef):
        return
    of_class = {
        target.id
        for node in code.definition.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Dict | ast.Set | ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    shared = of_class - _assigned(code)
    for node in code.nodes(ast.AST):
        if (name := _changed_attribute(node)) in shared:
            text = f"the class has a single `{name}`, which all objects share, and the code changes it."
            yield Observation("shared by all objects", f"Make `self.{name}` in `__init__`: {text}")
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            owner = ast.unparse(node.value)
            if owner in (code.definition.name, "type(self)", "self.__class__"):
                text = f"`{owner}.{node.attr}` belongs to the class, and all objects share it."
                yield Observation("shared by all objects", f"Write `self.{node.attr}`: {text}")


def _changed_attribute(node: ast.AST) -> str:
    """The name of an attribute whose value a statement changes in place; "" for everything else."""
    match node:
        case ast.AugAssign(target=ast.Attribute(attr=name)):
            return name
        case ast.Call(ast.Attribute(ast.Attribute(attr=name), change)) if change in CHANGES:
            return name
    return ""


def _assigned(code: Code) -> set[str]:
    """Attributes that get a value of their own."""
    targets = (target for node in code.nodes(ast.Assign) for target in node.targets)
    return {node.attr for target in targets for node in ast.walk(target) if isinstance(node, ast.Attribute)}


# --- expressions ----------------------------------------------------------------------------------------------------


def power_by_caret(code: Code) -> Iterator[Observation]:
    for node in code.nodes(ast.BinOp):
        if isinstance(node.op, ast.BitXor) and _begins_with_a_number(node.right):
            sentence = "Write `**` for a power: in Python `^` is the exclusive or of the bits of two whole numbers."
            yield Observation("^ in place of **", sentence)


def _begins_with_a_number(node: ast.expr) -> bool:
    """A number other than 1, or a product, sum, ... that begins with it: `^` binds less than they do."""
    while isinstance(node, ast.BinOp):
        node = node.left
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value != 1


def exponent_without_brackets(code: Code) -> Iterator[Observation]:
    """`x ** -1 / 2` for a root, `10000 ** 2 * i / d_model`: a power binds more than a product."""
    power: ast.expr
    for node in code.nodes(ast.BinOp):
        match node:
            case ast.BinOp(ast.BinOp(_, ast.Pow(), exponent) as power, ast.Div(), ast.Constant(2)) if _is_odd(exponent):
                pass
            case ast.BinOp(ast.BinOp(ast.BinOp() as first, ast.Mult()), ast.Div()):
                power = first  # or its right side, in `position / 10000 ** 2 * i / d_model`
                if isinstance(first.op, ast.Div) and isinstance(first.right, ast.BinOp):
                    power = first.right
                if not _is_power_of_numbers(power):
                    continue
            case _:
                continue
        text = ast.unparse(node)
        sentence = f"Put the whole exponent in brackets: Python computes `{ast.unparse(power)}` first in `{text}`."
        yield Observation("an exponent without brackets", sentence)


def _is_odd(node: ast.expr) -> bool:
    """A whole number that is odd, with or without a minus."""
    match node:
        case ast.UnaryOp(ast.USub(), ast.Constant(int(number))) | ast.Constant(int(number)):
            return number % 2 == 1
    return False


def _is_power_of_numbers(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(ast.Constant(), ast.Pow(), ast.Constant()):
            return True
    return False


def identity(code: Code) -> Iterator[Observation]:
    for node in code.nodes(ast.Compare):
        by_identity = any(isinstance(operator, ast.Is | ast.IsNot) for operator in node.ops)
        if by_identity and not any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators)):
            operator = "!=" if isinstance(node.ops[0], ast.IsNot) else "=="
            sentence = (
                f"Compare with `{operator}`: `{ast.unparse(node)}` is about one and the same object, not a value."
            )
            yield Observation("`is` for equality", sentence)


def capturing_group(code: Code) -> Iterator[Observation]:
    for name, call in code.calls():
        match call.args:
            case [ast.Constant(str(pattern)), *_] if name in ("re.findall", "findall") and _groups(pattern):
                sentence = (
                    "Write `(?:...)` in the pattern: with `(...)`, `findall` returns the group in place of the match."
                )
                yield Observation("a capturing group", sentence)


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error:
        return 0


# --- PyTorch --------------------------------------------------------------------------------------------------------


def names_passed_over(code: Code) -> Iterator[Observation]:
    for name, call in code.calls():
        strict = next((ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg == "strict"), "")
        if name.endswith(".load_state_dict") and strict == "False":
            sentence = (
                "Leave out `strict=False`: with it, names that do not fit are passed over; without it, an error tells "
                "them."
            )
            yield Observation("names passed over", sentence)


def reshaped_for_the_loss(code: Code) -> Iterator[Observation]:
    """`F.cross_entropy(logits.reshape(batch, words, length), ...)`, where no axes are exchanged before."""
    text = ast.unparse(code.definition)
    if re.search(r"transpose|permute|swapaxes|movedim|rearrange|einsum|\.m?T\b", text):
        return
    for name, call in code.calls():
        match call.args:
            case [ast.Call(ast.Attribute(_, "reshape" | "view" as method), sizes), *_] if len(sizes) == 3:
                if name.endswith(("cross_entropy", "nll_loss")):
                    sentence = (
                        f"Write `.transpose(1, 2)` in place of `.{method}(...)` in `{name}`: `{method}` keeps the "
                        "order of the numbers, so those of different words and places get mixed up."
                    )
                    yield Observation("reshape in place of transpose", sentence)


def logarithm_of_a_softmax(code: Code) -> Iterator[Observation]:
    reference = ast.unparse(code.reference)
    if "labels" not in reference or not re.search(r"\blog\b|log_softmax|cross_entropy", reference):
        return  # no loss
    known: set[str] = set()
    for node in code.nodes(ast.Assign):  # in the order of the source
        if _has_softmax(node.value, known) and not _takes_logarithm(node.value):
            known |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for name, call in code.calls():
        of = call.func.value if name.endswith(".log") and isinstance(call.func, ast.Attribute) else None
        inner = call.args[0] if name in ("torch.log", "np.log", "math.log") and call.args else of
        if inner is not None and _has_softmax(inner, known):
            sentence = (
                "Take `log_softmax` of the logits: far from the best word a probability is rounded to 0, and what is "
                "done about that before its logarithm changes the loss."
            )
            yield Observation("logarithm of a softmax", sentence)


def _has_softmax(node: ast.AST, known: set[str]) -> bool:
    """Whether a softmax is in an expression, or a name in `known`."""
    names = (getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(node))
    return any(name == "softmax" or name in known for name in names)


def _takes_logarithm(node: ast.AST) -> bool:
    return any(getattr(part, "attr", "") == "log" for part in ast.walk(node))


_DRAWS = ("multinomial", "choice", "choices", "Categorical", "bernoulli")


def drawn_at_random(code: Code) -> Iterator[Observation]:
    names = {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(code.reference)}
    if names & {*_DRAWS, "sample", "generator"}:
        return
    for name, _ in code.calls():
        if name.split(".")[-1] in _DRAWS:
            sentence = f"Leave out `{name}`, which draws at random: nothing in `{code.exercise.name}` is random."
            yield Observation("drawn at random", sentence)


def dropout_that_does_not_belong_here(code: Code) -> Iterator[Observation]:
    if _drops(code.definition) and not _drops(code.reference):
        sentence = f"Leave the dropout out of `{code.exercise.name}`: nothing in it is random, in training mode either."
        yield Observation("dropout that does not belong here", sentence)


def _drops(definition: Definition) -> bool:
    names = (getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(definition))
    return any("dropout" in str(name).lower() for name in names)


def dropout_always(code: Code) -> Iterator[Observation]:
    for name, call in code.calls():
        by_mode = len(call.args) > 2 or any(keyword.arg in ("training", None) for keyword in call.keywords)
        if name in ("F.dropout", "nn.functional.dropout") and not by_mode:
            sentence = "Pass `training=self.training` to `F.dropout`: it also drops in evaluation mode otherwise."
            yield Observation("dropout in every mode", sentence)


def seed_set(code: Code) -> Iterator[Observation]:
    for name, _ in code.calls():
        if name in ("torch.manual_seed", "torch.random.manual_seed", "np.random.seed", "random.seed"):
            sentence = f"Leave out `{name}(...)`: after it, everything that is random begins with the same numbers."
            yield Observation("a seed is set", sentence)


# the likeliest cause first
SURELY_NOT_MEANT: tuple[Rule, ...] = (
    argument_in_anothers_place,
    loop_that_ends_at_once,
    power_by_caret,
    exponent_without_brackets,
    names_passed_over,
    reshaped_for_the_loss,
    results_in_exchanged_places,
    dropout_that_does_not_belong_here,
)
SELDOM_MEANT: tuple[Rule, ...] = (
    order_of_arguments,
    result_not_kept,
    loop_variable_assigned,
    capturing_group,
    identity,
    drawn_at_random,
    logarithm_of_a_softmax,
    dropout_always,
    seed_set,
    made_in_forward,
    shared_by_all_objects,
    unused_attribute,
    other_default,
)
