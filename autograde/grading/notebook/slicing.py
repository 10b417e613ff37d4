"""Which cells can decide a grade.

A released cell that came back unchanged, is graded by nobody, and gives nothing to what is graded, need not be run:
figures, experiments, comparisons. What a cell gives is found from its source, without running it, and rather too much
than too little: the names that it binds or may change, also through the functions that it calls.
"""

from __future__ import annotations

import ast
import hashlib
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

_WORD = re.compile(r"[^\W\d]\w*")
_MAGIC = re.compile(r"^\s*%%(time|capture)[ \t]*\n")  # what is below them is run as it is
# these reach names in ways that no source shows: beside a learner's cell that uses them, every cell is run
_HIDDEN_USE = {"exec", "eval", "globals", "locals", "vars", "get_ipython", "__import__", "__main__", "_getframe"}
# these leave something behind that is no name (a file, a setting): a cell with one of them is always run
_TRACES = {"setattr", "delattr", "open", "save", "savez", "savez_compressed", "savetxt", "save_file", "save_model"}
_TRACES |= {"dump", "write_text", "write_bytes", "mkdir", "makedirs", "to_csv", "reload", "environ", "chdir", "tofile"}
_KEPT = 5_000  # characters of a cell that is read once for a class
_NAMELESS = {"listcomp", "setcomp", "dictcomp", "genexpr", "lambda"}  # as `symtable` calls them
LONGEST_READ = 100_000  # characters of a cell that is read; nothing is known of a longer one
_MOST = 1_000_000  # characters of a notebook's cells together
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(kw_only=True)
class Facts:
    """What the source of one cell, or of one function in it, says.

    uses       names of the notebook that it may read, also by a string
    runs       of these, those that it reads when it is run, and not only when a function in it is called
    binds      names of the notebook that it sets
    changes    names whose value it may change: given to a call, or with a method that is called
    data       names that it binds to something that is neither function, class nor module
    functions  {name: Facts} of the functions and classes that it defines
    opaque     it is always run: nothing is known of it, or it leaves something behind that is no name
    hidden_use it may read any name
    """

    uses: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    data: set[str] = field(default_factory=set)
    functions: dict[str, Facts] = field(default_factory=dict)
    opaque: bool = False
    hidden_use: bool = False


def needed(sources: list[str], candidates: list[bool]) -> tuple[list[bool], set[str]]:
    """Which cells to run, and the names that the others would have bound.

    sources     the code cells, in order
    candidates  True where a cell may be left out
    """
    if sum(map(len, sources)) > _MOST:
        return [True] * len(sources), set()
    facts = [facts_of(source) for source in sources]
    if any(cell.hidden_use for cell, candidate in zip(facts, candidates, strict=True) if not candidate):
        return [True] * len(sources), set()
    data = set().union(*(cell.data for cell in facts))
    functions: dict[str, list[Facts]] = {}
    for cell in facts:
        for name, inner in cell.functions.items():
            functions.setdefault(name, []).append(inner)
    gives = [_effects(cell, data, functions) for cell in facts]
    run = [not candidate or cell.opaque for candidate, cell in zip(candidates, facts, strict=True)]
    used = set().union(*(cell.uses for cell, runs in zip(facts, run, strict=True) if runs))
    grown = True
    while grown:
        grown = False
        for index, cell in enumerate(facts):
            if not run[index] and gives[index] & used:
                run[index] = grown = True
                used |= cell.uses
    return run, set().union(*(given for given, runs in zip(gives, run, strict=True) if not runs))


@lru_cache(maxsize=512)
def code_in(source: str) -> str:
    """A digest of what a cell runs, without comments and spaces; its text where it is not plain Python, or too long."""
    if len(source) > _KEPT:
        return source
    try:
        code = ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    return hashlib.blake2b(code.encode("utf-8", "replace")).hexdigest()


def _effects(cell: Facts, data: set[str], functions: dict[str, list[Facts]]) -> set[str]:
    """The names that a cell sets or changes, itself or by the functions of the notebook that it uses."""
    effects = cell.binds | (cell.changes & data)
    seen: set[str] = set()
    queue = list(cell.uses & functions.keys())
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        for inner in functions[name]:
            effects |= inner.binds | (inner.changes & data)
            queue += inner.uses & functions.keys()
    return effects


def facts_of(source: str) -> Facts:
    """Read the source of one cell; those that a class has in common are read once, and nobody changes them."""
    return _known_facts(source) if len(source) <= _KEPT else _facts_of(source)


def _facts_of(source: str) -> Facts:
    if len(source) > LONGEST_READ:
        return Facts(opaque=True, hidden_use=True)
    source = _MAGIC.sub("", source)
    try:
        tree = ast.parse(source)
        table = symtable.symtable(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a magic, `await`, or broken
        words = set(_WORD.findall(source))
        return Facts(
            uses=words,
            runs=words,
            binds=words,
            changes=words,
            data=words,
            opaque=True,
            hidden_use=bool(words & _HIDDEN_USE),
        )
    facts = Facts(changes=_changed(tree), uses=_global_names(table) | _words_in_strings(tree), runs=_run_names(table))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    facts.hidden_use = bool((names | attributes - {"eval"}) & _HIDDEN_USE)  # `model.eval()` reads no name
    facts.opaque = facts.hidden_use or bool((names | attributes) & _TRACES)
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported():
            facts.binds.add(symbol.get_name())
    facts.binds |= {name for inner in _scopes(table) for name in _declared_global(inner)}
    facts.binds |= _set_in(tree)
    plain = {node.name for node in tree.body if isinstance(node, Definition)}
    plain |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_imported()}
    facts.data = facts.binds - plain
    for node in tree.body:
        if isinstance(node, Definition):
            facts.functions[node.name] = _facts_of_definition(node, table)
    return facts


_known_facts = lru_cache(maxsize=512)(_facts_of)


def _facts_of_definition(node: Definition, table: symtable.SymbolTable) -> Facts:
    """What a call of a function, or of anything in a class, may do to the notebook's names."""
    inner = [scope for scope in table.get_children() if scope.get_name() == node.name]
    used = set().union(*(_global_names(scope) for scope in inner)) if inner else set()
    facts = Facts(uses=used | _words_in_strings(node), changes=_changed(node) & used)
    facts.binds = {name for scope in inner for scope in (scope, *_scopes(scope)) for name in _declared_global(scope)}
    facts.binds |= _set_in(node) & used
    return facts


def _set_in(tree: ast.AST) -> set[str]:
    """Names of which an attribute or an item is set: `a` of `a.b = 1` and `a[0] = 1`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            names |= _root(node)
    return names


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _scopes(child)


def _global_names(table: symtable.SymbolTable) -> set[str]:
    """The names in a scope and inside it that are looked up in the notebook."""
    top = table.get_type() == "module"
    names = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return names | {name for scope in table.get_children() for name in _global_names(scope)}


def _run_names(table: symtable.SymbolTable) -> set[str]:
    """The names that are looked up when the code runs: in functions only where they have no name of their own."""
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    for inner in table.get_children():
        if inner.get_type() == "class" or inner.get_name() in _NAMELESS:
            names |= _run_names(inner)
    return names


def _declared_global(scope: symtable.SymbolTable) -> Iterator[str]:
    for symbol in scope.get_symbols():
        if symbol.is_declared_global() and (symbol.is_assigned() or symbol.is_imported()):
            yield symbol.get_name()


def _changed(tree: ast.AST) -> set[str]:
    """Names that are given to a call, or whose method is called: their value may be another afterwards."""
    changed: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                changed |= _root(node.func)
            if not (isinstance(node.func, ast.Name) and node.func.id in _HARMLESS):
                for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                    changed |= _root(argument)
        elif isinstance(node, ast.AugAssign | ast.For | ast.AsyncFor):
            changed |= _root(node.target) | (_root(node.iter) if not isinstance(node, ast.AugAssign) else set())
    return changed


_HARMLESS = {"print", "len", "range", "str", "int", "float", "repr", "type", "isinstance", "sum", "min", "max", "abs"}
_HARMLESS |= {"round", "list", "tuple", "set", "dict", "sorted", "enumerate", "zip", "bool", "any", "all", "display"}


def _root(node: ast.AST) -> set[str]:
    """The names at the beginning of `a.b[c].d`, or in a list or starred expression of such."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return set().union(*(_root(item) for item in node.elts))
    if isinstance(node, ast.Dict):
        return set().union(*(_root(item) for item in node.values))
    return set()


def _words_in_strings(tree: ast.AST) -> set[str]:
    """Identifiers in strings that could be code, docstrings aside."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, Definition | ast.Module) and node.body and isinstance(node.body[0], ast.Expr)
    }
    words: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            words |= _words_of_code(node.value)
    return words


def _words_of_code(text: str) -> set[str]:
    if text.isidentifier():  # the name of a buffer or a column; what would look it up is in _HIDDEN_USE
        return set()
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return set(_WORD.findall(text))
