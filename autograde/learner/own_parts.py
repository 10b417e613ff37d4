"""What of the model a learner has written: the definitions in the notebooks of lessons 2 to 7, put to their checks."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from types import CodeType
from typing import Any

from autograde.course import paths
from autograde.course.lessons import GRADED, Lesson
from autograde.exercises import of_lesson
from autograde.judge import carry
from autograde.judge.verdict import NOT_STARTED
from autograde.learner.check import assess

BUILT = [lesson for lesson in GRADED if 2 <= lesson.number <= 7]  # the lessons that the model is made of
WHOLE = ("Transformer", "greedy_decode")  # these use all the other parts


@dataclass(frozen=True)
class Part:
    """An exercise that the model is made of; `why` it is the reference's, empty where it is the learner's own."""

    name: str
    lesson: Lesson
    why: str = ""

    @property
    def mine(self) -> bool:
        return not self.why


def find_parts() -> tuple[list[Part], Callable[[str], Any]]:
    """What the model is made of, and a function that gives the object of a name."""
    homes = {exercise.name: lesson for lesson in BUILT for exercise in of_lesson(lesson.name)}
    definitions: dict[str, _Definitions] = {}
    for lesson in BUILT:
        definitions[lesson.name] = _Definitions(lesson, list(definitions.values()))

    def of(name: str) -> _Definitions:
        return definitions[homes[name].name]

    def code_of(name: str) -> Iterable[CodeType]:
        return carry.code_in(of(name).namespace)(name) if name in homes else ()

    reasons: dict[str, str] = {}
    while True:  # a reference that is put in may use parts that were not used before
        used = carry.names_used(WHOLE, code_of) | set(WHOLE)
        name = next((known for known in homes if known in used and known not in reasons), None)
        if name is None:
            break
        reasons[name] = of(name).judge(name)
        for later in definitions.values():
            if later.lesson.number > homes[name].number:
                later.namespace[name] = of(name).namespace[name]
    parts = [Part(name, lesson, reasons[name]) for name, lesson in homes.items() if name in reasons]
    return parts, lambda name: of(name).namespace[name]


class _Definitions:
    """A namespace with what a lesson's notebook defines; names that it does not define are the reference's."""

    def __init__(self, lesson: Lesson, earlier: Iterable[_Definitions]):
        self.lesson = lesson
        module = importlib.import_module(f"helpers.{lesson.topic}")
        self.namespace: dict[str, Any] = {"__name__": f"own.{lesson.topic}"}
        exec(compile(inspect.getsource(module), str(module.__file__), "exec"), self.namespace)
        names = [exercise.name for exercise in of_lesson(lesson.name)]
        self._reference = {name: self.namespace[name] for name in names}
        self._file = _notebook(lesson)
        body = list(_defining(self._file)) if self._file else []
        imports = [isinstance(node, ast.Import | ast.ImportFrom) for node in body]
        self._run(compress(body, imports))
        for definitions in earlier:  # in place of what the notebook imports of the references
            self.namespace |= {name: definitions.namespace[name] for name in definitions._reference}
        self._run(node for node, imported in zip(body, imports, strict=True) if not imported)

    def judge(self, name: str) -> str:
        """Why the part is the reference's; empty where the learner's own passes its check. Puts the reference in."""
        own, reference = self.namespace[name], self._reference[name]
        if self._file is None:
            why = "its notebook is not beside this one"
        elif own is reference or getattr(own, "__module__", "") != self.namespace["__name__"]:
            why = "the notebook does not define it"
        else:
            verdict = assess(name, own)
            if verdict.passed:
                return ""
            why = "not started" if verdict.state == NOT_STARTED else "yours does not pass its check yet"
        self.namespace[name] = reference
        return why

    def _run(self, statements: Iterable[ast.stmt]) -> None:
        for node in statements:
            # a statement may need what is not run here; a part that needs it in turn does not pass its check
            with suppress(Exception):
                exec(compile(ast.Module([node], []), str(self._file), "exec"), self.namespace)


def _notebook(lesson: Lesson) -> Path | None:
    """The lesson's notebook in the folder of this one's course, else in the learner's copy."""
    name = f"{lesson.name}.ipynb"
    places = [Path.cwd().parent / lesson.name, Path.cwd(), paths.workspace() / lesson.name]
    return next((folder / name for folder in places if (folder / name).is_file()), None)


def _defining(file: Path) -> Iterator[ast.stmt]:
    """The statements that only define: imports, functions, classes, and values that no call has to compute."""
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    for source in sources:
        try:
            body = ast.parse(source).body
        except (SyntaxError, ValueError, RecursionError):  # such a cell does not run in its notebook either
            continue
        for node in body:
            match node:
                case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.ClassDef():
                    yield node
                case ast.Assign() | ast.AnnAssign() if not _calls(node):
                    yield node


def _calls(node: ast.AST) -> bool:
    """Whether something is called when the statement is run; a lambda's body is not."""
    inner = (child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.Lambda))
    return isinstance(node, ast.Call) or any(map(_calls, inner))
