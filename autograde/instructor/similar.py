"""`course similar`: uncommon answers that are the same for two students. A reason to look, and no more.

Two answers are the same if their syntax trees are, apart from docstrings, annotations and the names of arguments and
variables. What the catalogue has (references, variants, known mistakes), what a large part of the class wrote, and what
is too short to differ are left out. Nothing of a submission is run.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from autograde.course.errors import CourseError
from autograde.exercise import Exercise
from autograde.exercises import of_lesson
from autograde.grading.notebook.read import Unreadable, read_submission
from autograde.grading.records.course import Course

SHORTEST = 40  # nodes of a syntax tree; shorter answers are the same by chance
COMMON = 0.1  # of the class: what more students wrote is a usual way to write it,
FEW = 3  # but so many may always share an answer
LEAST = 2  # shared answers that make a pair worth showing


@dataclass(frozen=True)
class Pair:
    """Two students, and the exercises in which they wrote the same uncommon answer."""

    students: tuple[str, str]
    exercises: tuple[str, ...]


def of_course(course: Course, lesson: str) -> list[Pair]:
    """The pairs of a class, those that share most first. CourseError where nobody has handed in."""
    files = {student: course.submitted(student, lesson) / f"{lesson}.ipynb" for student in course.students(lesson)}
    if not files:
        raise CourseError(f"There are no submissions of {lesson}. Run `course collect` first.")
    return pairs({student: definitions(file) for student, file in files.items()}, of_lesson(lesson))


def pairs(answers: Mapping[str, Mapping[str, ast.AST]], exercises: Iterable[Exercise]) -> list[Pair]:
    """The pairs among these answers, {student: {name: definition}}."""
    shared: dict[tuple[str, str], list[str]] = defaultdict(list)
    most = max(FEW, int(COMMON * len(answers)))
    for exercise in exercises:
        known = _known(exercise)
        students: dict[str, list[str]] = defaultdict(list)
        for student, given in sorted(answers.items()):
            if exercise.name in given:
                form = _form(given[exercise.name])
                if form and form not in known:
                    students[form].append(student)
        for group in students.values():
            for pair in combinations(group, 2) if len(group) <= most else ():
                shared[pair].append(exercise.name)
    found = [Pair(students, tuple(names)) for students, names in shared.items() if len(names) >= LEAST]
    return sorted(found, key=lambda pair: (-len(pair.exercises), pair.students))


def definitions(file: Path) -> dict[str, ast.AST]:
    """The functions and classes that a submitted notebook defines, the last of each name."""
    try:
        cells = read_submission(file).cells
    except (Unreadable, OSError):
        return {}
    found: dict[str, ast.AST] = {}
    for cell in cells:
        try:
            body = ast.parse(cell.source).body if cell.kind == "code" else []
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        found |= {node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return found


def _known(exercise: Exercise) -> set[str]:
    codes = [exercise.reference, *exercise.variants, *(mistake.wrong for mistake in exercise.misconceptions)]
    return {form for form in map(_form_of_code, codes) if form}


def _form_of_code(code: Any) -> str:
    try:
        definition = ast.parse(textwrap.dedent(inspect.getsource(code))).body[0]
    except (OSError, TypeError, SyntaxError):  # made by a function, or built in: its text is not its own
        return ""
    # a lambda is too short to count
    return _form(definition) if isinstance(definition, ast.FunctionDef | ast.ClassDef) else ""


def _form(definition: ast.AST) -> str:
    """A definition without what may differ in copies; empty if it is too short."""
    tree = ast.parse(ast.unparse(definition)).body[0]
    assert isinstance(tree, ast.FunctionDef | ast.ClassDef)
    tree.name, tree.decorator_list = "answer", []
    counts = Counter(type(node).__name__ for node in ast.walk(tree))
    if counts.total() < SHORTEST:
        return ""
    names = {name: f"v{number}" for number, name in enumerate(dict.fromkeys(_bound(tree)))}
    return ast.dump(_Plain(names).visit(tree))


def _bound(tree: ast.AST) -> Iterator[str]:
    """The names of arguments and variables, in the order of the tree."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(name) | ast.Name(name, ast.Store()):
                yield name


class _Plain(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self.names[node.arg])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.visit(ast.Assign([node.target], node.value))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)
