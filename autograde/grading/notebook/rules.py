"""Static rules: does an answer use what the exercise asks to build? Reads code, runs none, decides no points.

`Exercise.forbidden` names what a library already has of it ("torch.softmax"), and the references of the same and later
lessons are forbidden everywhere. What is found comes with its line and needs manual review.
"""

from __future__ import annotations

import ast
import re
import time
import warnings
from dataclasses import dataclass, field
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from autograde.course.lessons import GRADED
from autograde.course.notebooks import grade_id
from autograde.exercise import Exercise
from autograde.exercises import of_lesson
from autograde.grading.job import Review
from autograde.grading.notebook.cells import checked_exercise

LARGEST = 100_000  # characters of one cell; a longer one needs manual review
TOTAL = 500_000  # characters of all cells
KEPT = 4_000  # characters of a cell that is parsed once for a class
SECONDS = 3.0  # of processor time for one notebook
_LOOK = 50  # steps between two looks at the clock, which costs more than most steps
LONGEST, WIDEST = 200, 50  # of a dotted name, and of the names that one expression may stand for
MOST = 5  # reviews of one exercise
_MAGIC = re.compile(r"^([ \t]*)(?:[!%?,;/].*|.*=[ \t]*[!%].*|.*\?[ \t]*)$", re.MULTILINE)
_ESCAPES = re.compile(r"^[ \t]*([!%?,;/]{2,})", re.MULTILINE)  # IPython may read each of these signs as a magic
_MAGICS = 200_000  # characters of a cell, times its magics
_CODE = {"eval", "exec", "compile"}
_NAMED = {"operator.attrgetter", "operator.methodcaller"}
_RUNNING_MAGICS = {"time", "timeit", "capture", "prun", "memray", "python"}


def reviews(notebook: NotebookNode, graded: set[str] | None = None) -> list[Review]:
    """What needs manual review in a normalised notebook; `graded` are the grade ids that got points (None: all)."""
    checks = {grade_id(cell): exercise for cell in notebook.cells if (exercise := checked_exercise(cell))}
    checks = {name: one for name, one in checks.items() if graded is None or name in graded}
    if not checks:
        return []
    code = Code([cell.source for cell in notebook.cells if cell.cell_type == "code"])
    return [Review(name, reason, line) for name, check in checks.items() for reason, line in code.uses(check)]


def forbidden(exercise: Exercise) -> tuple[str, ...]:
    """All that an answer to `exercise` may not use: its own list, and the references of its and later lessons."""
    names = [lesson.name for lesson in GRADED]
    later = GRADED[names.index(exercise.lesson) :] if exercise.lesson in names else ()
    references = (f"helpers.{lesson.topic}" for lesson in later)
    return (*exercise.forbidden, *references, "autograde.exercises", "autograde.judge", "autograde.learner")


class _TooMuch(Exception):
    """The time for the rules is used up."""


@dataclass
class _Name:
    """What a name of the notebook may stand for: paths of imported things, and the code that defines it."""

    paths: set[str] = field(default_factory=set)
    nodes: list[ast.AST] = field(default_factory=list)


@dataclass
class _Block:
    """A piece of code: its statements, and what is in them anywhere."""

    body: list[ast.stmt]
    places: dict[int, list[str]]  # {id of a node: its lines in the text}
    imports: list[ast.Import | ast.ImportFrom]
    named: list[ast.NamedExpr]


class Code:
    """The code of a notebook, parsed once."""

    def __init__(self, sources: list[str]):
        self.names: dict[str, _Name] = {}
        self.starred: set[str] = set()
        self.unread: list[tuple[str, str]] = []
        self.lines: dict[int, list[str]] = {}
        self.local: dict[str, set[str]] = {}  # of the code that is being looked at: its own names, and their paths
        self._known: dict[str, set[str]] = {}
        self.end = time.thread_time() + SECONDS
        self._steps = 0
        room = TOTAL
        for source in sources:
            self._read(source, len(source) > room)
            room -= min(room, len(source))

    def uses(self, exercise: Exercise) -> list[tuple[str, str]]:
        """(reason, line) of everything forbidden that the object of the exercise uses, directly or through the
        notebook's other functions; those that are exercises of their own have rules of their own."""
        stop = {other.name for other in of_lesson(exercise.lesson)} - {exercise.name}
        found: dict[tuple[str, str], None] = {}
        seen, waiting = {exercise.name}, [exercise.name]
        finder = _Finder(self, forbidden(exercise))
        while waiting:
            name = self.names.get(waiting.pop())
            if name is None:
                continue
            for path in name.paths:
                if entry := finder.match(path):
                    found[f"the exercise asks to build this; it uses `{entry}`", path] = None
            for node in name.nodes:
                try:
                    finder.look(node)
                    used = free_names(node)
                except (RecursionError, _TooMuch):
                    used = set()
                    found["this code is too large or too deep to be read by a rule", ""] = None
                waiting += used - seen - stop
                seen |= used
        found.update(finder.found)
        if exercise.name not in self.names and self.unread:
            found.update(dict.fromkeys(self.unread))
        return list(found)[:MOST]

    def _read(self, source: str, too_much: bool) -> None:
        kept = len(source) <= KEPT
        if too_much or (_known_excess if kept else exceeds)(source):
            self.unread.append(("this cell is too long or too deep to be read by a rule", source[:80]))
            return
        block = (_known_block if kept else _block_of)(source)
        if block is None:
            return
        try:
            self._block(block)
        except (RecursionError, _TooMuch):
            self.unread.append(("this cell is too large or too deep to be read by a rule", source[:80]))

    def _block(self, block: _Block) -> None:
        self._known.clear()
        self.lines.update(block.places)
        for node in block.imports:
            self._import(node)
        for walrus in block.named:
            self._assign(walrus.target, walrus.value)
        for statement in block.body:
            self.go_on()
            self._define(statement)

    def go_on(self) -> None:
        self._steps += 1
        if self._steps % _LOOK == 0 and time.thread_time() > self.end:
            raise _TooMuch

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                first = alias.name.split(".")[0]
                self._name(alias.asname or first).paths.add(alias.name if alias.asname else first)
            elif alias.name == "*":
                self.starred.add(node.module or "")
            else:
                self._name(alias.asname or alias.name).paths.add(f"{node.module or ''}.{alias.name}")

    def _define(self, node: ast.stmt) -> None:
        """Enter what a statement of a cell, or of a block in it, defines."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._name(node.name).nodes.append(node)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() if node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    self._assign(target, node.value)
            case ast.Expr(ast.Call(ast.Attribute(attr="run_cell_magic"), [ast.Constant(str(magic)), _, text])):
                inner = (
                    _block_of(text.value) if isinstance(text, ast.Constant) and isinstance(text.value, str) else None
                )
                if magic in _RUNNING_MAGICS and inner is not None:
                    self._block(inner)
            case _:
                for statement in _statements(node):
                    self._define(statement)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            pairs = zip(target.elts, values) if len(values) == len(target.elts) else ((t, value) for t in target.elts)
            for target, other in pairs:
                self._assign(target, other)
            return
        # `Head.forward = f` and `table["a"] = f` change what `Head` and `table` do
        while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
            target = target.value
        if isinstance(target, ast.Name):
            self._name(target.id).nodes.append(value)

    def _name(self, name: str) -> _Name:
        return self.names.setdefault(name, _Name())

    def paths(self, node: ast.AST, depth: int = 0) -> set[str]:
        """The dotted names that an expression may stand for: `F.softmax` is "torch.nn.functional.softmax"."""
        if depth > 20:
            return set()
        match node:
            case ast.Name(id=name):
                if name in self.local:
                    paths = self.names.get(name, _Name()).paths | self.local[name]
                else:
                    paths = self._of_name(name)
                return paths | {f"{module}.{name}" for module in self.starred}
            case ast.Attribute(value=base, attr=attr):
                return {f"{path}.{attr}" for path in self.paths(base, depth + 1) if len(path) < LONGEST}
            case ast.Call(func=ast.Name(id="getattr"), args=[base, name, *_]):
                return {f"{path}.{text(name)}" for path in self.paths(base, depth + 1) if text(name)}
            case ast.Call(func=ast.Name(id="__import__"), args=[name, *_]) if text(name):
                return {text(name).split(".")[0]}
            case ast.Call(func=function, args=[name, *_]) if text(name):
                return {text(name)} if "importlib.import_module" in self.paths(function, depth + 1) else set()
            case ast.Subscript(value=base, slice=key) if text(key):
                if isinstance(base, ast.Call) and isinstance(base.func, ast.Name) and base.func.id == "vars":
                    return {f"{path}.{text(key)}" for argument in base.args for path in self.paths(argument, depth + 1)}
                if isinstance(base, ast.Attribute) and base.attr == "__dict__":
                    return {f"{path}.{text(key)}" for path in self.paths(base.value, depth + 1)}
                return {text(key)} if "sys.modules" in self.paths(base, depth + 1) else set()
        return set()

    def _of_name(self, name: str) -> set[str]:
        """The dotted names that a name of the notebook may stand for, worked out once."""
        if name not in self._known:
            known = self.names.get(name, _Name())
            paths = self._known[name] = set(known.paths)  # a name that is made from itself ends here
            local, self.local = self.local, {}
            for value in known.nodes:
                if isinstance(value, ast.Name | ast.Attribute | ast.Call | ast.Subscript) and len(paths) < WIDEST:
                    paths |= self.paths(value)
            self.local = local
        return self._known[name]


class _Finder:
    """Looks for forbidden names in a piece of code."""

    def __init__(self, code: Code, names: tuple[str, ...]):
        self.code, self.names = code, names
        self.methods = {name.rpartition(".")[2] for name in names if name.startswith("torch.Tensor.")}
        self.roots = {name.split(".")[0] for name in names}
        self.found: dict[tuple[str, str], None] = {}

    def match(self, path: str) -> str:
        return next((name for name in self.names if path == name or path.startswith(f"{name}.")), "")

    def look(self, tree: ast.AST) -> None:
        self._enter(tree)
        self._look(tree)
        self.code.local = {}

    def _enter(self, tree: ast.AST) -> None:
        """The names that belong to a function, and the paths of those that stand for something imported."""
        local = self.code.local = {name: set() for node in ast.walk(tree) for name in own_names(node)}
        for _ in range(3):  # `a = torch; b = a; c = b`
            self.code.go_on()
            for node in ast.walk(tree):
                for name, value in _given(node):
                    if name in local:
                        local[name] |= self.code.paths(value)

    def _look(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            self.code.go_on()
            if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
                for path in self.code.paths(node):
                    if entry := self.match(path):
                        self._note(f"the exercise asks to build this; it uses `{entry}`", node)
            if isinstance(node, ast.Attribute) and self._is_method(node.value, node.attr):
                self._note(f"the exercise asks to build this; it uses the method `.{node.attr}`", node)
            elif isinstance(node, ast.ImportFrom | ast.Import):
                for alias in node.names:
                    path = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
                    if entry := self.match(path):
                        self._note(f"the exercise asks to build this; it uses `{entry}`", node)
            elif isinstance(node, ast.Call):
                self._call(node)

    def _is_method(self, base: ast.expr, name: str) -> bool:
        """`x.softmax` of something that is no module and no object of the learner's class."""
        mine = isinstance(base, ast.Name) and base.id in ("self", "cls")
        return name in self.methods and not mine and not self.code.paths(base)

    def _call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in _CODE and node.args:
            inner = text(node.args[0])
            block = _block_of(inner) if inner else None
            if block is None:
                self._note("it executes code from a string, which the rules cannot inspect", node)
            else:
                self.code._block(block)
                for statement in block.body:
                    self._look(statement)
        elif isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) > 1:
            name = text(node.args[1])
            if name and self._is_method(node.args[0], name):
                self._note(f"the exercise asks to build this; it uses the method `.{name}`", node)
            elif not name and any(path.split(".")[0] in self.roots for path in self.code.paths(node.args[0])):
                self._note("it looks up a library function by a name computed at run time", node)
        elif node.args and text(node.args[0]) in self.methods and self.code.paths(node.func) & _NAMED:
            self._note(f"the exercise asks to build this; it uses the method `.{text(node.args[0])}`", node)

    def _note(self, reason: str, node: ast.AST) -> None:
        lines = self.code.lines.get(id(node), [])
        number = getattr(node, "lineno", 0)
        self.found[reason, lines[number - 1].strip()[:200] if 0 < number <= len(lines) else ""] = None


def text(node: ast.AST) -> str:
    """The text that an expression of constants is, or ""."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text(left) + text(right) if text(left) and text(right) else ""
        case ast.JoinedStr(values=values):
            parts = [text(part.value if isinstance(part, ast.FormattedValue) else part) for part in values]
            return "".join(parts) if all(parts) else ""
    return ""


def own_names(node: ast.AST) -> set[str]:
    """The names of a function's own: its arguments and what its body assigns."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return set()
    stored = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)}
    shared = {name for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names}
    return ({inner.arg for inner in ast.walk(node.args) if isinstance(inner, ast.arg)} | stored) - shared


def free_names(node: ast.AST) -> set[str]:
    """The names that a piece of code takes from the notebook."""
    names = {node.id} if isinstance(node, ast.Name) else set()
    for child in ast.iter_child_nodes(node):
        names |= free_names(child)
    return names - own_names(node)


def _given(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """(name, value) of what an assignment or an argument's default gives to a name."""
    match node:
        case ast.Assign(targets=targets, value=value):
            return [(target.id, value) for target in targets if isinstance(target, ast.Name)]
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            return [(name, value)]
        case ast.arguments(posonlyargs=first, args=second, defaults=values):
            positional = [*first, *second]
            pairs = zip(positional[len(positional) - len(values) :], values)
            named = (
                (argument, value) for argument, value in zip(node.kwonlyargs, node.kw_defaults) if value is not None
            )
            return [(argument.arg, value) for argument, value in (*pairs, *named)]
    return []


def exceeds(source: str) -> bool:
    """Too long, or with brackets too deep, for the parser to read in a moment."""
    depth = deepest = 0
    for char in source if len(source) <= LARGEST else "":
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    return len(source) > LARGEST or deepest > 80


def _parse(source: str) -> ast.Module | None:
    """The tree of a cell, with IPython's magics as calls; None if it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return ast.parse(source)
            except SyntaxError:
                return ast.parse(without_magics(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError, RuntimeError):
        return None


def without_magics(source: str) -> str:
    """The source with IPython's magics as calls. IPython reads the whole cell once for each of them; where that would
    take long, `pass` is put in their place. Raises SyntaxError or RuntimeError where IPython cannot read it."""
    magics = len(_MAGIC.findall(source)) + sum(map(len, _ESCAPES.findall(source)))
    if len(source) * magics <= _MAGICS:
        return TransformerManager().transform_cell(source)
    return _MAGIC.sub(lambda line: f"{line[1]}pass", source)


def _block_of(source: str) -> _Block | None:
    tree = _parse(source)
    if tree is None:
        return None
    lines, nodes = source.splitlines(), list(ast.walk(tree))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    named = [node for node in nodes if isinstance(node, ast.NamedExpr)]
    return _Block(tree.body, {id(node): lines for node in nodes}, imports, named)


_known_block = lru_cache(maxsize=256)(_block_of)  # most cells of a class are alike, and nobody changes their trees
_known_excess = lru_cache(maxsize=256)(exceeds)


def _statements(node: ast.stmt) -> list[ast.stmt]:
    """The statements inside of one: of `if`, `for`, `with`, `try`, `match`."""
    inner: list[ast.stmt] = []
    for name in ("body", "orelse", "finalbody"):
        inner += getattr(node, name, [])
    for part in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
        inner += part.body
    return inner
