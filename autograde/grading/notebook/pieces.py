"""Cut a cell's text between its statements: which cells of the release were merged into it, and what the learner
wrote. Runs nothing."""

from __future__ import annotations

import ast
import hashlib
import re
import symtable
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from autograde.grading.notebook.rules import exceeds, without_magics
from autograde.grading.notebook.slicing import facts_of

_TIMED = re.compile(r"%%(time|capture)\b.*")  # the statements below such a line are run as ever
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Statement:
    """One statement at the top of a cell, or several that share a line.

    code   a digest, the same for two statements that differ only in comments and spaces
    binds  the names of the notebook that it sets
    end    the line, counted from 1, in which it ends
    idle   it does nothing that lasts: a constant, `pass`, a call of `check`
    """

    code: bytes
    binds: frozenset[str]
    end: int
    idle: bool


@dataclass(frozen=True)
class Answer:
    """The answer that a cell of the release is for: the names that it defines, and the cell that checks them."""

    names: frozenset[str]
    check: int | None


@dataclass(frozen=True)
class Piece:
    """A part of a cell's text; `owner` is the cell of the release that it belongs to, None where it is the learner's
    own."""

    source: str
    owner: int | None
    statements: Sequence[Statement]

    @property
    def is_idle(self) -> bool:
        return bool(self.statements) and all(statement.idle for statement in self.statements)


@lru_cache(maxsize=512)
def statements(source: str) -> tuple[Statement, ...] | None:
    """The statements of a cell; None where it is not Python."""
    if exceeds(source):
        return None
    lines = _lines(source)
    for number, line in enumerate(lines):
        if not line.strip() or (number == 0 and _TIMED.match(line.strip())):
            lines[number] = ""  # IPython's transformer would remove the lines before the first statement
        else:
            break
    lead = next((number for number, line in enumerate(lines) if line), len(lines))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines, tree = _parsed(lines[lead:])
            return tuple(_grouped(lines, tree, lead))
    except (SyntaxError, ValueError, RecursionError, MemoryError, RuntimeError):
        return None


def _lines(source: str) -> list[str]:
    """As Python counts them: `str.splitlines` knows more ends."""
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _parsed(lines: list[str]) -> tuple[list[str], ast.Module]:
    text = "\n".join(lines)
    try:
        return lines, ast.parse(text)
    except SyntaxError:
        python = without_magics(text).rstrip("\n").split("\n")
        python += [""] * (len(lines) - len(python))  # empty lines at the end
        if len(python) != len(lines):
            raise
        return python, ast.parse("\n".join(python))


def _grouped(lines: list[str], tree: ast.Module, lead: int) -> list[Statement]:
    groups: list[list[ast.stmt]] = []
    for node in tree.body:
        if groups and node.lineno <= (groups[-1][-1].end_lineno or 0):
            groups[-1].append(node)
        else:
            groups.append([node])
    made = []
    for group in groups:
        first = min([group[0].lineno, *(decorator.lineno for decorator in getattr(group[0], "decorator_list", []))])
        last = group[-1].end_lineno or first
        code = hashlib.blake2b("\n".join(ast.dump(node) for node in group).encode("utf-8", "replace"), digest_size=16)
        binds = _bound("\n".join(lines[first - 1 : last]))
        made.append(Statement(code.digest(), binds, lead + last, all(map(_is_idle, group))))
    return made


def _is_idle(node: ast.stmt) -> bool:
    match node:
        case ast.Pass() | ast.Expr(ast.Constant() | ast.Call(ast.Name("check"))):
            return True
    return False


def _bound(code: str) -> frozenset[str]:
    try:
        table = symtable.symtable(code, "cell", "exec")
    except SyntaxError:  # `await` at the top
        return frozenset()
    names = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    scopes = [*table.get_children()]
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        names |= {
            symbol.get_name() for symbol in scope.get_symbols() if symbol.is_declared_global() and symbol.is_assigned()
        }
    return frozenset(names)


def bound(source: str) -> frozenset[str]:
    """The names of the notebook that a cell sets."""
    return frozenset().union(*(statement.binds for statement in statements(source) or ()))


def may_define(source: str, name: str) -> bool:
    """Whether a cell may define a name in a way that its statements do not show: it is not Python as it is, or runs
    text as code."""
    unseen = statements(source) is None or facts_of(source).hidden_use
    return unseen and name in _WORD.findall(source)


def code_of(source: str) -> tuple[bytes, ...]:
    """What a cell runs, without comments and spaces; empty for a cell that is not Python."""
    return tuple(statement.code for statement in statements(source) or ())


def cut(
    source: str,
    blocks: Mapping[int, Sequence[bytes]],
    answers: Mapping[int, Answer],
    locked: int | None = None,
    code: Sequence[bytes] = (),
) -> list[Piece]:
    """The pieces of a cell, in their order.

    blocks   {index of a cell of the release: its `code_of`}; what is the same belongs to that cell
    answers  {index of the cell of an answer: Answer}; the definition, and what the learner wrote before it, belong to
             that cell
    locked   the index of a locked cell, and `code` its `code_of`: each statement of it belongs to that cell

    A cell that is not Python, or is all one owner's, is one piece, as it is.
    """
    parts = statements(source)
    if not parts:
        return [Piece(source, None, ())]
    owners = _owners([part.code for part in parts], blocks, locked, code)
    defining: dict[int, int] = {}
    for index, answer in answers.items():
        check = owners.index(answer.check) if answer.check in owners else len(parts)
        found = [i for i, part in enumerate(parts) if owners[i] is None and part.binds & answer.names]
        if found:
            last = max([i for i in found if i < check] or found)
            defining[last] = min(index, defining.get(last, index))  # of two that share a statement the first
    free = [owner is None for owner in owners]
    owner = None
    for i in reversed(range(len(parts))):  # the statements before a definition belong to it
        owner = defining.get(i, owner) if free[i] else None
        owners[i] = owner if free[i] else owners[i]
    for i in range(1, len(parts)):  # so do those after the last one
        if free[i] and owners[i] is None and free[i - 1]:
            owners[i] = owners[i - 1]
    if len(set(owners)) == 1:
        return [Piece(source, owners[0], parts)]
    lines = _lines(source)
    pieces, line, first = [], 0, 0
    for i in range(len(parts)):
        if i + 1 == len(parts) or owners[i + 1] != owners[i]:
            stop = len(lines) if i + 1 == len(parts) else parts[i].end
            while stop < len(lines) and lines[stop][:1].isspace() and lines[stop].strip():  # a comment in a function
                stop += 1
            pieces.append(Piece("\n".join(lines[line:stop]).strip("\n"), owners[i], parts[first : i + 1]))
            line, first = stop, i + 1
    return pieces


def _owners(
    parts: list[bytes], blocks: Mapping[int, Sequence[bytes]], locked: int | None, code: Sequence[bytes]
) -> list[int | None]:
    """The cell of the release that each statement was copied from; None for those that are the learner's."""
    owners = [locked if part in code else None for part in parts]
    for index, block in sorted(blocks.items(), key=lambda item: -len(item[1])):
        for start in range(len(parts) - len(block) + 1) if block else ():
            stop = start + len(block)
            if parts[start:stop] == list(block) and all(owner is None for owner in owners[start:stop]):
                owners[start:stop] = [index] * len(block)
                break
    return owners
