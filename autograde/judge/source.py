"""What the learner's own source shows about a wrong answer: facts about the text, found without running it."""

from __future__ import annotations

import ast
import builtins
import difflib
import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from autograde.exercise import Exercise

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
STUB = "NotImplementedError"
UNUSED = "an argument is never used"


@dataclass(frozen=True)
class Observation:
    """`name` for lists, `sentence` for the learner."""

    name: str
    sentence: str


def observe(
    exercise: Exercise, source: str, raised: str | None = None, from_second_call: bool = False
) -> Observation | None:
    """The first thing that the source shows, or None: also where it is not Python, or does not define the exercise.

    raised            the line that ended in an error, "" where it is not known; None: there was no error. An error
                      says more than an argument that is not used
    from_second_call  the first call was answered rightly
    """
    definition = defined(exercise.name, source)
    if definition is None:
        return None
    how = _How(raised, from_second_call)
    if isinstance(definition, ast.ClassDef):
        found = next(_in_class(exercise, definition, how), None)
    else:
        found = next(_in_function(definition, exercise.name, how, reference_source(exercise)), None)
    return found or _twice(_definitions(exercise.name, source), exercise.name)


@dataclass(frozen=True)
class _How:
    """How an answer is wrong, see `observe`."""

    line: str | None
    from_second_call: bool

    @property
    def raised(self) -> bool:
        return self.line is not None

    def concerns(self, name: str) -> bool:
        """Whether a name is in the line that raised; True without an error."""
        return self.line is None or re.search(rf"\b{re.escape(name)}\b", self.line) is not None


def _twice(definitions: Sequence[Definition], name: str) -> Observation | None:
    if len(definitions) < 2 or any(definition.decorator_list for definition in definitions):
        return None
    sentence = f"Keep one `{name}`: it is defined twice, and the last one counts, in line {definitions[-1].lineno}."
    return Observation("defined twice", sentence)


def is_stub(exercise: Exercise, source: str) -> bool | None:
    """Whether nothing has been written yet; None where the source does not show it."""
    definition = defined(exercise.name, source)
    if definition is None:
        return None
    return _all_untouched(definition)


def leftover(exercise: Exercise, source: str) -> Observation | None:
    """A `raise NotImplementedError()` that was left in or below written code, or a method that is not written yet."""
    definition = defined(exercise.name, source)
    if definition is None:
        return None
    functions = functions_of(definition, exercise.name)
    for name, function in functions.items():
        if _is_untouched(function):
            if len(functions) > 1:
                return Observation("a method is not written yet", f"`{name}` is not written yet.")
            continue
        left = [node for node in _own_statements(function) if isinstance(node, ast.Raise) and _raises_stub(node)]
        where = f"`raise {STUB}()` in line {left[0].lineno - function.lineno + 1} of `{name}`" if left else ""
        if left and left[0] in function.body:
            return Observation("the stub's raise is left", f"Remove {where}: the code above it is written.")
        if len(left) == 1:
            return Observation("the stub's raise is left", f"Write what belongs in place of {where}, or remove it.")
    return None


def overridden_by_stub(exercise: Exercise, source: str) -> Observation | None:
    """A written definition, and the untouched stub below it, which counts."""
    found = _definitions(exercise.name, source)
    if len(found) < 2 or not _all_untouched(found[-1]) or all(map(_all_untouched, found)):
        return None
    last = found[-1]
    sentence = (
        f"Remove the second `{exercise.name}`, in line {last.lineno}: it is the empty one, and the last one counts."
    )
    return Observation("defined twice", sentence)


def _own_statements(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a function, also in its loops and conditions, and not of functions inside it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _own_statements(child)


def reference_source(exercise: Exercise) -> Definition | None:
    try:
        return defined(exercise.reference.__name__, inspect.getsource(exercise.reference))
    except (OSError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=128)
def defined(name: str, source: str) -> Definition | None:
    """The last definition of that name at the top of the source: the one that counts."""
    found = _definitions(name, source)
    return found[-1] if found else None


def _definitions(name: str, source: str) -> list[Definition]:
    try:
        body = ast.parse(inspect.cleandoc("\n" + source) if source[:1].isspace() else source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    every = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    named = [node for node in every if node.name == name]
    return named or (every if len(body) == 1 else [])  # a function that was bound to the exercise's name


def methods(definition: ast.ClassDef) -> dict[str, Function]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name: node for node in definition.body if isinstance(node, kinds)}


def functions_of(definition: Definition, name: str) -> dict[str, Function]:
    """A function under its name, or the methods of a class as `Class.method`."""
    if isinstance(definition, ast.ClassDef):
        return {f"{name}.{method}": function for method, function in methods(definition).items()}
    return {name: definition}


def attributes_of_self(definition: ast.AST) -> list[ast.Attribute]:
    nodes = (node for node in ast.walk(definition) if isinstance(node, ast.Attribute))
    return [node for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "self"]


def _all_untouched(definition: Definition) -> bool:
    return all(map(_is_untouched, functions_of(definition, "").values()))


def _is_untouched(function: Function) -> bool:
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and _is_given(node.value))]
    return len(body) == 1 and isinstance(body[0], ast.Raise) and _raises_stub(body[0])


def _is_given(value: ast.expr) -> bool:
    """A docstring, or the first line that the stub of a module has."""
    return isinstance(value, ast.Constant) or ast.unparse(value) == "super().__init__()"


def _raises_stub(node: ast.Raise) -> bool:
    return node.exc is not None and any(isinstance(part, ast.Name) and part.id == STUB for part in ast.walk(node.exc))


# --- a class --------------------------------------------------------------------------------------------------------


def _in_class(exercise: Exercise, definition: ast.ClassDef, how: _How) -> Iterator[Observation]:
    own = methods(definition)
    right = reference_source(exercise)
    references = methods(right) if isinstance(right, ast.ClassDef) else {}
    if not definition.bases or all(_last_name(base) in ("object", "Module", "ABC") for base in definition.bases):
        bound = _bound_in_body(definition)
        for name in _expected_methods(exercise):
            written_by_decorator = bool(definition.decorator_list) and name.startswith("__")  # a dataclass
            if name not in own and name not in bound and not written_by_decorator:
                yield from _missing(definition, own, name, _expected_methods(exercise))
    for name, method in own.items():
        reference = references.get(name)
        yield from _in_function(method, f"{exercise.name}.{name}", how, reference, skip_self=True)
    for name in own:
        same = [node for node in definition.body if isinstance(node, Function) and node.name == name]
        if twice := _twice(same, name):
            yield twice


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
    function: Function, name: str, how: _How, reference: ast.AST | None, skip_self: bool = False
) -> Iterator[Observation]:
    nodes = list(ast.walk(function))
    parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs][skip_self:]
    mentioned = {node.id for node in nodes if isinstance(node, ast.Name)}
    needed = {node.id for node in ast.walk(reference) if isinstance(node, ast.Name)} if reference else mentioned
    unused = [each.arg for each in parameters if each.arg in needed - mentioned]
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    if unused and not called & {"locals", "vars", "eval"}:
        constants = sorted(mentioned & _example_constants() - needed)
        read = list(filter(how.concerns, [*_notebook_names(nodes), *constants]))
        alike = [each for each in read if each[0].lower() == unused[0][0]]  # `q` for `query`
        taken = next(iter(alike + read), None)
        listed = " and ".join(f"`{each}`" for each in unused[:2])
        if taken and len(unused) <= 2:
            unread = "this argument is never used" if len(unused) == 1 else "these arguments are never used"
            sentence = f"Use {listed} in `{name}`: {unread}, and `{taken}` is read from the notebook."
            yield Observation("an unused argument, and a name of the notebook", sentence)
        elif not how.raised:
            yield Observation(UNUSED, f"`{unused[0]}` is never used in `{name}`.")
    for constant in sorted(mentioned & _example_constants() - needed - {each.arg for each in parameters}):
        if how.concerns(constant) and not any(_binds(node, constant) for node in nodes):
            sentence = f"Replace `{constant}` by what the arguments give: `{name}` reads it from the notebook."
            yield Observation("a constant of the notebook", sentence)
    if how.from_second_call:
        for argument in _kept_defaults(function, nodes):
            sentence = (
                f"Use `None` as the default of `{argument}` and make it inside `{name}`: a default such as `[]` is "
            )
            yield Observation("a mutable default", sentence + "made once, and keeps its content from call to call.")
    if not how.raised and not _gives(function) and reference is not None and _gives(reference):
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


@cache
def _example_constants() -> frozenset[str]:
    """The sizes and tables of the running example, which lessons import."""
    from helpers import example

    return frozenset(name for name in vars(example) if name.isupper() and not name.startswith("_"))


def _binds(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)


CHANGES = {"append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "remove", "discard", "clear"}


def _kept_defaults(function: Function, nodes: list[ast.AST]) -> Iterator[str]:
    """Arguments whose default is a list, dictionary or set that the function itself changes."""
    for name, default in defaults(function):
        made = isinstance(default, ast.Call) and _last_name(default.func) in ("list", "dict", "set", "Counter")
        kept = made or isinstance(default, ast.List | ast.Dict | ast.Set)
        if kept and not any(_binds(node, name) for node in nodes) and any(_changes(node, name) for node in nodes):
            yield name


def defaults(function: Function) -> Iterator[tuple[str, ast.expr]]:
    """The arguments of a function that may be left out, with their defaults."""
    positional = [*function.args.posonlyargs, *function.args.args]
    for argument, default in zip(reversed(positional), reversed(function.args.defaults), strict=False):
        yield argument.arg, default
    for argument, keyword_default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if keyword_default is not None:
            yield argument.arg, keyword_default


def _changes(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
        return isinstance(node.func.value, ast.Name) and node.func.value.id == name
    if not isinstance(node, ast.Subscript) or isinstance(node.ctx, ast.Load):
        return False
    return isinstance(node.value, ast.Name) and node.value.id == name


def _functions_handed_on(call: ast.Call) -> set[str]:
    """Names of functions that a call takes: `map(clean, words)`, `sorted(words, key=length)`."""
    first = call.args[:1] if _last_name(call.func) in ("map", "filter", "reduce", "partial", "apply_along_axis") else []
    values = [*first, *(keyword.value for keyword in call.keywords if keyword.arg == "key")]
    return {value.id for value in values if isinstance(value, ast.Name)}


def functions_without_result(exercise: Exercise, definition: Definition) -> Iterator[str]:
    """The names of functions that return nothing, where those of the reference return something."""
    reference = reference_source(exercise)
    references = functions_of(reference, exercise.name) if reference else {}
    for name, function in functions_of(definition, exercise.name).items():
        if name in references and _gives(references[name]) and not _gives(function):
            yield name


def _gives(function: ast.AST) -> bool:
    """Whether a function has a result."""
    kinds = ast.Return | ast.Yield | ast.YieldFrom
    return any(isinstance(node, kinds) and node.value is not None for node in ast.walk(function))
