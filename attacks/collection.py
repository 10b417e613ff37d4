"""Read the attack collection, and make a submission of each of its files."""

from __future__ import annotations

import copy
import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from attacks.accidents import CELLS, FILES
from attacks.weights import beside
from autograde.course import notebooks, paths
from autograde.course.lessons import Lesson, find_lesson
from autograde.course.notebooks import grade_id, nbgrader_data
from autograde.grading.notebook.cells import checked_exercise
from autograde.grading.notebook.normalise import is_locked
from autograde.grading.notebook.slicing import needed

ALL, NOTHING, REST = "all", "nothing", "all but this"
ORDINARY = "ordinary"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One file of the collection. `attacks/README.md` says what the fields mean."""

    name: str
    honest: bool
    tries: str
    lesson: str = "03_single_head"
    exercise: str = ""
    release: str = ""
    base: str = "release"
    deserved: str = NOTHING
    change: str = ""
    first: str = ""
    last: str = ""
    answer: str = ""
    after_answer: str = ""
    review: bool = False
    survivor: bool = False
    runs: int = 1
    source: tuple = ()
    stored: dict | None = None
    refused: tuple = ()


def folder() -> Path:
    return Path(__file__).resolve().parent


def load() -> list[Attack]:
    """All attacks and odd submissions, by name; ValueError for a file with a field that is not known."""
    known = {field.name for field in fields(Attack)}
    found = []
    for file in sorted(folder().glob("*/*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        if odd := set(data) - known:
            raise ValueError(f"{file}: unknown fields {sorted(odd)}")
        found.append(Attack(name=file.stem, honest=file.parent.name == "honest", **data))
    return found


@dataclass(frozen=True, kw_only=True)
class Case:
    """A submission made from an attack: the file, the release that it answers, and the points of each graded cell."""

    attack: Attack
    lesson: str
    notebook: bytes
    release: str
    deserved: dict[str, float]
    files: dict[str, bytes]


def make(attack: Attack, words: dict[str, str], lesson: str = "", short: bool = False) -> Case:
    """The submission of an attack, for the lesson that it names or another one.

    words  replace @WORDS@ in its code
    short  leaves out of the release what decides no grade: texts, figures, experiments
    """
    everywhere = bool(lesson)
    place = find_lesson(lesson or attack.lesson)
    release = _ordinary() if attack.release == ORDINARY else notebooks.read(paths.release_of(place))
    if short:
        _shorten(release, {} if attack.release else _right(place))
    checks = {grade_id(cell): one for cell in release.cells if (one := checked_exercise(cell))}
    names = [exercise.name for exercise in checks.values()] or ["double"]
    # what the attack costs must cost nothing else: the last exercise is one that no other uses
    target = attack.exercise if attack.exercise in names else names[-1 if attack.deserved == REST else 0]
    targets = names if everywhere and attack.base == "release" and attack.answer else [target]
    notebook = copy.deepcopy(release)
    if attack.base == "solution":
        _fill(notebook, place)
    words = {**words, "LESSON": place.name, "TOPIC": place.topic, "BRACKETS": "(" * 10_000}
    for name in targets:
        cell = next(one for one in notebook.cells if grade_id(one) == name)
        text = {**words, "NAME": name}
        if attack.answer:
            cell.source = replaced(attack.answer, text)
        if attack.after_answer:
            cell.source += "\n\n\n" + replaced(attack.after_answer, text)
    words["NAME"] = target
    if attack.first:
        notebook.cells.insert(0, new_code_cell(replaced(attack.first, words)))
    if attack.last:
        notebook.cells.append(new_code_cell(replaced(attack.last, words)))
    content, files = _content(attack, notebook, target, beside(place.name) if attack.base == "solution" else {})
    points = {grade_id(c): _deserved(attack, c, checks, target) for c in release.cells if _graded(c)}
    return Case(
        attack=attack,
        lesson=place.name,
        notebook=content,
        release=notebooks.to_text(release),
        deserved=points,
        files=files,
    )


def replaced(text: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(f"@{name}@", word)
    return text


def _content(attack: Attack, notebook: NotebookNode, target: str, files: dict) -> tuple[bytes, dict[str, bytes]]:
    tree = json.loads(notebooks.to_text(notebook))
    if attack.change in CELLS:
        CELLS[attack.change](tree, target)
    text = json.dumps(tree, ensure_ascii=False, indent=1)
    if attack.change in FILES:
        return FILES[attack.change](text, files), files
    if attack.change and attack.change not in CELLS:
        raise ValueError(f"{attack.name}: there is no change {attack.change!r}")
    return text.encode("utf-8", "surrogatepass"), files


def _shorten(release: NotebookNode, right: dict[str, str]) -> None:
    code = [cell for cell in release.cells if cell.cell_type == "code"]
    checks = [checked_exercise(cell) for cell in code]
    # what only a right answer uses, an import of the lesson, is needed too
    answers = [cell.source if is_locked(cell) else right.get(grade_id(cell), cell.source) for cell in code]
    sources = [check.name if check else answer for answer, check in zip(answers, checks, strict=True)]
    run, _ = needed(sources, [not nbgrader_data(cell) for cell in code])
    release.cells = [cell for cell, runs in zip(code, run, strict=True) if runs]


def _fill(notebook: NotebookNode, lesson: Lesson) -> None:
    sources = _right(lesson)
    for cell in notebook.cells:
        if grade_id(cell) and not is_locked(cell):
            cell.source = sources[grade_id(cell)]


def _right(lesson: Lesson) -> dict[str, str]:
    cells = notebooks.read(paths.solution_of(lesson)).cells
    return {name: cell.source for cell in cells if (name := grade_id(cell))}


def _graded(cell: NotebookNode) -> bool:
    return bool(nbgrader_data(cell).get("grade"))


def _deserved(attack: Attack, cell: NotebookNode, checks: dict, target: str) -> float:
    max_score = float(nbgrader_data(cell)["points"])
    exercise = checks.get(grade_id(cell))
    if attack.deserved == NOTHING or (attack.deserved == REST and exercise is not None and exercise.name == target):
        return 0.0
    return max_score


def _ordinary() -> NotebookNode:
    """A released notebook with test cells that an instructor wrote, without a check."""

    def cell(name: str, source: str, points: float | None = None) -> NotebookNode:
        data = {"grade_id": name, "grade": points is not None, "locked": points is not None, "schema_version": 3}
        data |= {"solution": points is None, "task": False} | ({} if points is None else {"points": points})
        return new_code_cell(source, metadata={"nbgrader": data}, id=name.replace("_", "-"))

    cells = [
        cell("double", "def double(x):\n    raise NotImplementedError()"),
        cell("check_double", "assert double(2) == 4\nassert double(0.5) == 1.0", 2),
        cell("check_partial", "assert isinstance(double(3), int)\nfloat(double(3) == 6) + (double(4) == 8)", 2),
        cell("check_hidden", "assert double(1) == 2\nassert [double(n) for n in range(5)] == [0, 2, 4, 6, 8]", 3),
    ]
    return new_notebook(cells=cells, metadata=copy.deepcopy(notebooks.METADATA))
