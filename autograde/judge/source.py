"""What the learner's own source shows about a wrong answer: facts about the text, found without running it."""

from __future__ import annotations

import ast
import builtins
import difflib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from autograde.exercise import Exercise

Function = ast.FunctionDef | ast.AsyncFunctionDef
STUB = "NotImplementedError"


@dataclass(frozen=True)
class Observation:
    """`name` for lists, `sentence` for the learner."""

    name: str
    sentence: str


def observe(exercise: Exercise, source: str, raised: bool = False) -> Observation | None:
    """The first thing that the source shows, or None: also where it is not Python, or does not define the exercise.

    `raised`: the code ended in an error, which says more than an argument that is not used.
    """
    definition = _definition(exercise.name, source)
    if definition is None:
        return None
    if isinstance(definition, ast.ClassDef):
        return next(_in_class(exercise, definition, raised), None)
    return next(_in_function(definition, exercise.name, raised, _reference(exercise)), None)


def is_stub(exercise: Exercise, source: str) -> bool | None:
    """Whether nothing has been written yet; None where the source does not show it."""
    definition = _definition(exercise.name, source)
    if definition is None:
        return None
    functions = _methods(definition).values() if isinstance(definition, ast.ClassDef) else [definition]
    return all(_is_untouched(function) for function in functions)


def leftover(exercise: Exercise, source: str) -> Observation | None:
    """A `raise NotImplementedError()` that was left below written code, or a method that is not written yet."""
    definition = _definition(exercise.name, source)
    if definition is None:
        return None
    functions = _methods(definition) if isinstance(definition, ast.ClassDef) else {exercise.name: definition}
    for name, function in functions.items():
        where = f"`{name}`" if name == exercise.name else f"`{exercise.name}.{name}`"
        if _is_untouched(function):
            if len(functions) > 1:
                return Observation("a method is not written yet", f"{where} is not written yet.")
            continue
        for node in function.body:
            if isinstance(node, ast.Raise) and _raises_stub(node):
                line = f"line {node.lineno - function.lineno + 1} of {where}"
                sentence = f"`raise {STUB}()` is still in {line}. Remove it: the code above it is written."
                return Observation("the stub's raise is left", sentence)
    return None


def _reference(exercise: Exercise) -> Function | ast.ClassDef | None:
    try:
        return _definition(exercise.reference.__name__, inspect.getsource(exercise.reference))
    except (OSError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=128)
def _definition(name: str, source: str) -> Function | ast.ClassDef | None:
    """The last definition of that name at the top of the source: the one that counts."""
    try:
        body = ast.parse(inspect.cleandoc("\n" + source) if source[:1].isspace() else source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in body if isinstance(node, kinds) and node.name == name]
    if not found and len(body) == 1 and isinstance(body[0], kinds):
        return body[0]  # a function that was bound to the exercise's name
    return found[-1] if found else None


def _methods(definition: ast.ClassDef) -> dict[str, Function]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name: node for node in definition.body if isinstance(node, kinds)}


def _is_untouched(function: Function) -> bool:
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return len(body) == 1 and isinstance(body[0], ast.Raise) and _raises_stub(body[0])


def _raises_stub(node: ast.Raise) -> bool:
    return node.exc is not None and any(isinstance(part, ast.Name) and part.id == STUB for part in ast.walk(node.exc))


# --- a class --------------------------------------------------------------------------------------------------------


def _in_class(exercise: Exercise, definition: ast.ClassDef, raised: bool) -> Iterator[Observation]:
    own = _methods(definition)
    right = _reference(exercise)
    references = _methods(right) if isinstance(right, ast.ClassDef) else {}
    if not definition.bases or all(_last_name(base) in ("object", "Module", "ABC") for base in definition.bases):
        bound = _bound_in_body(definition)
        for name in _expected_methods(exercise):
            written_by_decorator = bool(definition.decorator_list) and name.startswith("__")  # a dataclass
            if name not in own and name not in bound and not written_by_decorator:
                yield from _missing(definition, own, name, _expected_methods(exercise))
    for name, method in own.items():
        reference = references.get(name)
        yield from _in_function(method, f"{exercise.name}.{name}", raised, reference, skip_self=True)


def _bound_in_body(definition: ast.ClassDef) -> set[str]:
    """Names that the class body binds in any way, as in `__call__ = forward`."""
    statements = [node for node in definition.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    names = (node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def _expected_methods(exercise: Exercise) -> list[str]:
    return [name for name, value in vars(exercise.reference).items() if inspect.isfunction(value)]


def _missing(
    definition: ast.ClassDef, own: dict[str, Function], name: str, expected: list[str]
) -> Iterator[Observation]:
    for other, method in own.items():
        if any(isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(method)):
            sentence = f"`{name}` is indented into `{other}`, so it is not a method of `{definition.name}`."
            yield Observation("a method inside another", sentence)
            return
    others = [other for other in own if other not in expected]
    near = difflib.get_close_matches(name, others, 1, 0.6)
    near = near or [other for other in others if other.strip("_") == name.strip("_")]
    if near:
        sentence = f"`{definition.name}` has no method `{name}`; it has `{near[0]}`."
        yield Observation("a misspelt method", sentence)
    elif name in ("forward", "__call__", "__init__", "__len__") or not name.startswith("_"):
        yield Observation("a missing method", f"`{definition.name}` has no method `{name}`.")


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


# --- a function -----------------------------------------------------------------------------------------------------


def _in_function(
    function: Function, name: str, raised: bool, reference: ast.AST | None, skip_self: bool = False
) -> Iterator[Observation]:
    nodes = list(ast.walk(function))
    parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs][skip_self:]
    mentioned = {node.id for node in nodes if isinstance(node, ast.Name)}
    needed = {node.id for node in ast.walk(reference) if isinstance(node, ast.Name)} if reference else mentioned
    unused = [each.arg for each in parameters if each.arg in needed - mentioned]
    called = {_last_name(node.func) for node in nodes if isinstance(node, ast.Call)}
    if unused and not raised and not called & {"locals", "vars", "eval"}:
        taken = _notebook_names(nodes) if len(unused) == 1 else []
        if taken:
            sentence = (
                f"`{name}` never uses its argument `{unused[0]}`; it reads `{taken[0]}` from the notebook instead."
            )
            yield Observation("a name of the notebook in place of an argument", sentence)
        else:
            yield Observation("an argument is never used", f"`{unused[0]}` is never used in `{name}`.")
    if not raised and not _gives(nodes) and reference is not None and _gives(list(ast.walk(reference))):
        yield Observation("a return is missing", f"`{name}` has no `return` with a value.")
    for node in nodes:
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
            error = _last_name(node.value.func)
            if error.endswith("Error") and hasattr(builtins, error):
                sentence = f"`return {error}(...)` hands the error back as a value. Write `raise`."
                yield Observation("return in place of raise", sentence)


def _notebook_names(nodes: list[ast.AST]) -> list[str]:
    """Lower-case names that a function reads and does not define itself, apart from functions that it calls."""
    names = [node for node in nodes if isinstance(node, ast.Name)]
    known = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    known |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    known |= {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    known |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    known |= {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
    known |= {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
    known |= {name for node in nodes if isinstance(node, ast.Call) for name in _functions_handed_on(node)}
    known |= {node.value.id for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    known |= set(dir(builtins))
    return sorted({node.id for node in names if node.id.islower() and node.id not in known})


def _functions_handed_on(call: ast.Call) -> set[str]:
    """Names of functions that a call takes: `map(clean, words)`, `sorted(words, key=length)`."""
    first = call.args[:1] if _last_name(call.func) in ("map", "filter", "reduce", "partial", "apply_along_axis") else []
    values = [*first, *(keyword.value for keyword in call.keywords if keyword.arg == "key")]
    return {value.id for value in values if isinstance(value, ast.Name)}


def _gives(nodes: list[ast.AST]) -> bool:
    """Whether a function has a result."""
    gives = any(isinstance(node, ast.Return | ast.Yield) and node.value is not None for node in nodes)
    return gives or any(isinstance(node, ast.YieldFrom) for node in nodes)
