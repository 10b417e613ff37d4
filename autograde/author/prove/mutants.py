"""Mutants of a reference: copies of its code with one change each, made by rules on the syntax tree.

Mutation tools (mutmut, cosmic-ray) change files and run a test command for every mutant. Here a mutant is an object in
this process, judged by the exercise's own check, and half of the rules are about array code, which those tools do not
know: another axis, results exchanged, `keepdims`, a mask that is not passed on, -inf as a number.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from types import ModuleType
from typing import Any

COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_SWAPS = (
    ("sum", "mean"),
    ("max", "min"),
    ("argmax", "argmin"),
    ("sin", "cos"),
    ("zeros", "ones"),
    ("tril", "triu"),
    ("float32", "float64"),
    ("int64", "int32"),
    ("append", "extend"),
)
RELATED = {
    **{this: other for pair in _SWAPS for this, other in (pair, pair[::-1])},
    "arange": "ones",
    "bool": "int64",
    "bfloat16": "float16",
    "exp": "square",
    "sqrt": "square",
    "log": "sqrt",
    "maximum": "minimum",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
    "extend": "append",
}
AXES = (None, 0, 1, -1, -2)
FINITE = 50.0  # in place of infinity, and of numbers that stand for it
HUGE = 1e6


@dataclass(frozen=True)
class Mutant:
    """One change: the statement before and after it (first line; "" where it is left out), and all the code."""

    rule: str
    line: str
    changed: str
    source: str


def mutants_of(reference: Any) -> list[Mutant]:
    """All mutants of a function or a class, in the order of its code; equal ones once."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(reference)))
    _without_docstrings(tree)
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for place in list(_places(tree)):
        for rule, new in list(_changes(place)):
            line = _first_line(place.statement)
            before = place.put(new)
            source = ast.unparse(tree)
            changed = _first_line(new if place.node is place.statement else place.statement)
            setattr(place.parent, place.field, before)
            if source != original and source not in found:
                if changed == line:  # the change is in another line of the statement
                    line, changed = _changed_line(line, original, source)
                found[source] = Mutant(rule, line, changed, source)
    return list(found.values())


def build(mutant: Mutant, reference: Any) -> Any:
    """The mutant as an object: its code, run among the names of the reference's module."""
    home = sys.modules[reference.__module__]
    module = ModuleType(f"mutant_of_{reference.__name__}")
    module.__dict__.update({name: value for name, value in vars(home).items() if not name.startswith("__")})
    module.__file__ = f"<mutant of {reference.__name__}>"
    linecache.cache[module.__file__] = (
        len(mutant.source),
        None,
        mutant.source.splitlines(keepends=True),
        module.__file__,
    )
    sys.modules[module.__name__] = module
    exec(compile(mutant.source, module.__file__, "exec"), module.__dict__)
    return vars(module)[reference.__name__]


# --- places ---------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class _Place:
    """A node of the tree, where it hangs, and what encloses it."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    statement: ast.stmt
    function: ast.FunctionDef | None
    attributes: tuple[str, ...]
    keyword: str = ""  # the keyword whose value this is
    in_raise: bool = False

    def put(self, new: Any) -> Any:
        """Replace the node, a statement by a list of statements; returns what was there, to put it back."""
        before = getattr(self.parent, self.field)
        after = new
        if self.index is not None:
            new = new if isinstance(new, list) else [new]
            after = [*before[: self.index], *new, *before[self.index + 1 :]]
        setattr(self.parent, self.field, after)
        return before


def _places(tree: ast.Module) -> Iterator[_Place]:
    attributes = tuple(
        dict.fromkeys(
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value)
        )
    )
    yield from _below(tree.body[0], attributes, tree.body[0], None, "", False)


def _below(node, attributes, statement, function, keyword, in_raise) -> Iterator[_Place]:
    if isinstance(node, ast.FunctionDef):
        function = node
    if isinstance(node, ast.Raise):
        in_raise = True
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "ctx", "type_comment"):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST):
                continue
            inner = child if isinstance(child, ast.stmt) else statement
            word = (node.arg or "") if isinstance(node, ast.keyword) else "" if isinstance(child, ast.stmt) else keyword
            yield _Place(
                node=child,
                parent=node,
                field=field,
                index=index,
                statement=inner,
                function=function,
                attributes=attributes,
                keyword=word,
                in_raise=in_raise,
            )
            yield from _below(child, attributes, inner, function, word, in_raise)


# --- changes --------------------------------------------------------------------------------------------------------


def _changes(place: _Place) -> Iterator[tuple[str, Any]]:
    node = place.node
    if isinstance(node, ast.stmt):
        yield from _of_statement(place, node)
    rule = globals().get(f"_of_{type(node).__name__.lower()}")
    if rule is not None:
        yield from rule(place, node)


def _of_statement(place: _Place, node: ast.stmt) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, ast.FunctionDef | ast.Return | ast.Pass | ast.Raise):
        alone = place.index is None or len(getattr(place.parent, place.field)) == 1
        yield "statement left out", [ast.Pass()] if alone else []
    if isinstance(node, ast.For | ast.While):
        yield "loop ended early", [_copy(node, body=[*node.body, ast.Break()])]


def _of_functiondef(place: _Place, node: ast.FunctionDef) -> Iterator[tuple[str, Any]]:
    for index in range(len(node.decorator_list)):
        yield "decorator left out", [_copy(node, decorator_list=_without(node.decorator_list, index))]


def _of_return(place: _Place, node: ast.Return) -> Iterator[tuple[str, Any]]:
    if isinstance(node.value, ast.Tuple):
        for item in node.value.elts:
            yield "a result left out", [ast.Return(item)]


def _of_raise(place: _Place, node: ast.Raise) -> Iterator[tuple[str, Any]]:
    yield "statement left out", [ast.Pass()]
    if isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
        yield "message left out", [ast.Raise(ast.Call(node.exc.func, [], []))]
        yield "another exception", [ast.Raise(ast.Call(ast.Name("RuntimeError"), node.exc.args, []))]


def _of_if(place: _Place, node: ast.If) -> Iterator[tuple[str, Any]]:
    for test in _other_tests(node.test):
        yield "condition", [_copy(node, test=test)]


def _of_ifexp(place: _Place, node: ast.IfExp) -> Iterator[tuple[str, Any]]:
    yield "condition", node.body
    yield "condition", node.orelse
    if not isinstance(node.test, ast.Compare):
        yield "negation", _copy(node, test=_negated(node.test))


def _other_tests(test: ast.expr) -> Iterator[ast.expr]:
    yield ast.Constant(True)
    yield ast.Constant(False)
    if not isinstance(test, ast.Compare):
        yield _negated(test)


def _negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def _of_comprehension(place: _Place, node: ast.comprehension) -> Iterator[tuple[str, Any]]:
    for index in range(len(node.ifs)):
        yield "condition", _copy(node, ifs=_without(node.ifs, index))


def _of_compare(place: _Place, node: ast.Compare) -> Iterator[tuple[str, Any]]:
    for index, op in enumerate(node.ops):
        for other in COMPARISONS.get(type(op), ()):
            yield "comparison", _copy(node, ops=[*node.ops[:index], other(), *node.ops[index + 1 :]])


def _of_binop(place: _Place, node: ast.BinOp) -> Iterator[tuple[str, Any]]:
    if type(node.op) in ARITHMETIC:
        yield "arithmetic", _copy(node, op=ARITHMETIC[type(node.op)]())
        yield "operand left out", node.left
        if not isinstance(node.op, ast.Pow):
            yield "operand left out", node.right
    if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult):
        yield "arguments exchanged", _copy(node, left=node.right, right=node.left)


def _of_augassign(place: _Place, node: ast.AugAssign) -> Iterator[tuple[str, Any]]:
    if type(node.op) in ARITHMETIC:
        yield "arithmetic", [_copy(node, op=ARITHMETIC[type(node.op)]())]
    yield "arithmetic", [ast.Assign([node.target], node.value, lineno=0)]


def _of_boolop(place: _Place, node: ast.BoolOp) -> Iterator[tuple[str, Any]]:
    yield "condition", _copy(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for index in range(len(node.values)):
        rest = _without(node.values, index)
        yield "condition", rest[0] if len(rest) == 1 else _copy(node, values=rest)


def _of_unaryop(place: _Place, node: ast.UnaryOp) -> Iterator[tuple[str, Any]]:
    operand = node.operand.value if isinstance(node.operand, ast.Constant) else None
    if isinstance(node.op, ast.USub) and isinstance(operand, int | float):
        yield from _numbers(place, -operand)
    else:
        yield "negation", node.operand


def _of_constant(place: _Place, node: ast.Constant) -> Iterator[tuple[str, Any]]:
    if isinstance(place.parent, ast.UnaryOp) or place.in_raise or isinstance(place.parent, ast.JoinedStr):
        return
    if isinstance(node.value, bool):
        yield "truth value", ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield from _numbers(place, node.value)
    elif isinstance(node.value, str):
        yield "constant", ast.Constant(node.value + "x")


def _numbers(place: _Place, value: float) -> Iterator[tuple[str, Any]]:
    if place.keyword in ("axis", "dim"):
        for axis in AXES:
            if axis != value:
                yield "axis", _number(axis)
    elif abs(value) >= HUGE:
        yield "constant", _number(FINITE if value > 0 else -FINITE)
    elif isinstance(value, int):
        yield "constant", _number(value + 1)
        yield "constant", _number(value - 1)
    else:
        yield "constant", _number(2 * value if value else 1.0)


def _number(value: float | None) -> ast.expr:
    if value is not None and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def _of_call(place: _Place, node: ast.Call) -> Iterator[tuple[str, Any]]:
    if place.in_raise:
        return
    plain = not any(isinstance(argument, ast.Starred) for argument in node.args)
    for index in range(len(node.keywords)):
        yield "keyword left out", _copy(node, keywords=_without(node.keywords, index))
    if plain and len(node.args) > 1:
        yield "argument left out", _copy(node, args=node.args[:-1])
        for index in range(len(node.args) - 1):
            yield "arguments exchanged", _copy(node, args=_exchanged(node.args, index))
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield "call left out", node.func.value
    if plain and node.args and not isinstance(node.args[0], ast.GeneratorExp):
        yield "call left out", node.args[0]


def _of_tuple(place: _Place, node: ast.Tuple) -> Iterator[tuple[str, Any]]:
    if not isinstance(place.parent, ast.Subscript):
        for index in range(len(node.elts) - 1):
            yield "exchanged", _copy(node, elts=_exchanged(node.elts, index))


def _of_list(place: _Place, node: ast.List) -> Iterator[tuple[str, Any]]:
    for index in range(len(node.elts)):
        yield "item left out", _copy(node, elts=_without(node.elts, index))


def _of_slice(place: _Place, node: ast.Slice) -> Iterator[tuple[str, Any]]:
    for end in ("lower", "upper", "step"):
        if getattr(node, end) is not None:
            yield "slice", _copy(node, **{end: None})


def _of_attribute(place: _Place, node: ast.Attribute) -> Iterator[tuple[str, Any]]:
    if node.attr == "inf":
        yield "constant", ast.Constant(FINITE)
    elif _is_self(node.value):
        if isinstance(node.ctx, ast.Load) and node.attr in place.attributes:
            yield "another name", _copy(node, attr=_next(place.attributes, node.attr))
    elif node.attr in RELATED:
        yield "another function", _copy(node, attr=RELATED[node.attr])


def _of_name(place: _Place, node: ast.Name) -> Iterator[tuple[str, Any]]:
    if place.function is None or not isinstance(node.ctx, ast.Load):
        return
    names = [argument.arg for argument in place.function.args.args if argument.arg != "self"]
    if node.id in names and len(names) > 1:
        yield "another name", _copy(node, id=_next(names, node.id))
    elif node.id in RELATED:
        yield "another function", _copy(node, id=RELATED[node.id])


# --- small helpers --------------------------------------------------------------------------------------------------


def _copy(node: ast.AST, **changed: Any) -> Any:
    return ast.fix_missing_locations(type(node)(**{**dict(ast.iter_fields(node)), **changed}))


def _without(items: list, index: int) -> list:
    return [*items[:index], *items[index + 1 :]]


def _exchanged(items: list, index: int) -> list:
    return [*items[:index], items[index + 1], items[index], *items[index + 2 :]]


def _next(names: Any, name: str) -> str:
    return names[(list(names).index(name) + 1) % len(names)]


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _is_module(node: ast.AST) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in ("np", "torch", "nn", "F", "math", "re", "dict")


def _without_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]


def _first_line(node: Any) -> str:
    """The first line of a statement, without its decorators; "" where it is left out."""
    if isinstance(node, list):
        return _first_line(node[0]) if node and not isinstance(node[0], ast.Pass) else ""
    lines = ast.unparse(node).splitlines()
    return next((line for line in lines if not line.startswith("@")), "")


def _changed_line(line: str, before: str, after: str) -> tuple[str, str]:
    """The first line that differs, before and after: `line` where one was added, "" where one was left out."""
    old, new = before.splitlines(), after.splitlines()
    at = next(number for number, pair in enumerate(zip_longest(old, new)) if pair[0] != pair[1])
    if len(new) < len(old):
        return old[at].strip(), ""
    return (old[at].strip() if len(new) == len(old) else line), new[at].strip()
