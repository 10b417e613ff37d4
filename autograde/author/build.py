"""Text → executed solutions → release. A rebuild of unchanged text changes no byte."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from autograde.course import notebooks, paths
from autograde.course.errors import CourseError
from autograde.course.kernels import environment
from autograde.course.lessons import LESSONS, Lesson, find_lesson
from autograde.course.notebooks import merge_streams
from autograde.course.release import release
from autograde.course.text import counted
from autograde.exercise import Exercise
from autograde.exercises import exercise, of_lesson
from helpers import model_map
from helpers.figures import Picture

MEASURED = "measured"  # tag of a cell whose output depends on the machine: the saved output is kept
INTERACTIVE = "interactive"  # tag of a cell that shows a widget: its output is not saved
DRAWING = "drawing"  # tag of a cell that only draws: JupyterLab shows its first line, a comment, and unfolds the rest
SKIP_COMPARE = "nbval-ignore-output"  # nbval's own tag, set on both
SECONDS = 600  # for one cell
MAP = "map.png"


class BuildError(CourseError):
    """A lesson cannot be built; the message says which cell and why."""


def build(lessons: Iterable[Lesson] = LESSONS, echo: Callable[[str], None] = print) -> list[Path]:
    """Build the solutions and the release of these lessons; returns the files that changed."""
    lessons = list(lessons)
    changed: list[Path] = []
    for lesson in lessons:
        changed += refresh(lesson)
        changed += draw_pictures(lesson)  # here, not side by side: matplotlib's settings belong to the whole process
    with ThreadPoolExecutor(max_workers=min(len(lessons), os.cpu_count() or 1)) as pool:
        for lesson, files in zip(lessons, pool.map(build_solution, lessons), strict=True):
            echo(f"{lesson.name}: executed, {_count(files)} in solutions/")
            changed += files
    for lesson, files in zip(lessons, release(*lessons), strict=True):
        echo(f"{lesson.name}: released, {_count(files)} in notebooks/")
        changed += files
    return changed


def _count(files: list[Path]) -> str:
    return "nothing changed" if not files else f"{counted(len(files), 'file')} changed"


# --- text -----------------------------------------------------------------------------------------------------------

_BLOCK = re.compile(r"^# <!-- (facts|hints|table|map): (\w+) -->\n(?:.*\n)*?# <!-- end -->$", re.MULTILINE)


def refresh(lesson: Lesson) -> list[Path]:
    """Write the facts, hints and tables of the catalogue and the lesson's map into the text, between their marks."""
    file = paths.text_of(lesson)
    text = file.read_text(encoding="utf-8")
    new = refreshed(text)
    return [file] if notebooks.write(file, new) else []


def refreshed(text: str) -> str:
    def block(match: re.Match) -> str:
        kind, name = match.groups()
        lines = _OF_LESSON[kind](name) if kind in _OF_LESSON else _BODIES[kind](exercise(name))
        body = "\n".join(f"# {line}".rstrip() for line in lines)
        return f"# <!-- {kind}: {name} -->\n{body}\n# <!-- end -->"

    return _BLOCK.sub(block, text)


def _table(lesson: str) -> list[str]:
    """The exercises of a lesson, with their points and minutes."""
    lines = ["| exercise | what you build | points | minutes |", "| --- | --- | ---: | ---: |"]
    for number, row in enumerate(of_lesson(lesson), 1):
        name = f"{int(lesson[:2])}.{number} `{row.name}`{' (extra)' * row.extra}"
        lines.append(f"| {name} | {row.title} | {row.points} | {row.minutes} |")
    return lines


def _map(lesson: str) -> list[str]:
    return [f"![{model_map.alt_text(find_lesson(lesson).number)}](figures/{MAP})"]


def _facts(shown: Exercise) -> list[str]:
    kind = "extra" if shown.extra else "core"
    return [f"*{shown.title}* · {kind} · {counted(shown.points, 'point')} · about {shown.minutes} minutes"]


def _hints(shown: Exercise) -> list[str]:
    lines = []
    for level, hint in enumerate(shown.hints, 1):
        lines += ["<details>", f"<summary>Hint {level}</summary>", "", *hint.splitlines(), "", "</details>"]
    return lines


_OF_LESSON = {"table": _table, "map": _map}
_BODIES = {"facts": _facts, "hints": _hints}


def read_text(lesson: Lesson) -> NotebookNode:
    """The lesson's text as a notebook without outputs, with stable cell ids and full metadata."""
    notebook = jupytext.read(paths.text_of(lesson), fmt="py:percent")
    notebook.metadata = nbformat.from_dict(notebooks.METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: set[str] = set()
    for cell in notebook.cells:
        digest = hashlib.sha1(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        cell.id = unique(notebooks.grade_id(cell) or digest, seen)
        cell.metadata.pop("lines_to_next_cell", None)
        tags = list(cell.metadata.get("tags", []))
        if DRAWING in tags:
            cell.metadata["jupyter"] = nbformat.from_dict({"source_hidden": True})
        if {MEASURED, INTERACTIVE} & set(tags) and SKIP_COMPARE not in tags:
            cell.metadata["tags"] = [*tags, SKIP_COMPARE]
    return notebook


def unique(name: str, seen: set[str]) -> str:
    candidate, number = name, 1
    while candidate in seen:
        number += 1
        candidate = f"{name}-{number}"
    seen.add(candidate)
    return candidate


# --- solutions ------------------------------------------------------------------------------------------------------


def build_solution(lesson: Lesson) -> list[Path]:
    """Execute the lesson's text, save the notebook; returns the files that changed.

    It runs in an empty folder: it finds nothing that an earlier run has written, and leaves nothing behind. Beside that
    folder are the earlier lessons' solutions, as in the course.
    """
    file = paths.solution_of(lesson)
    before = notebooks.read(file) if file.is_file() else None
    notebook = read_text(lesson)
    with tempfile.TemporaryDirectory() as course:
        for one in LESSONS[: LESSONS.index(lesson) + 1]:
            folder, earlier = Path(course) / one.name, paths.solution_of(one)
            folder.mkdir()
            if one != lesson and earlier.is_file():
                shutil.copyfile(earlier, folder / earlier.name)
        execute(notebook, folder, lesson.name)
    tidy(notebook, before)
    return [file] if notebooks.write(file, notebooks.to_text(notebook)) else []


def draw_pictures(lesson: Lesson) -> list[Path]:
    """Write what the text shows into `figures/`: the lesson's map, and the pictures that `pictures.py` beside the text
    draws, whose `PICTURES` maps a file name to a function that returns a `helpers.figures.Picture`."""
    script = paths.text_of(lesson).with_name("pictures.py")
    numbers = [one.number for one in LESSONS]
    pictures: dict[str, Callable[[], Picture]] = {MAP: lambda: model_map.draw(lesson.number, numbers)}
    if script.is_file():
        loader = SourceFileLoader(f"pictures_{lesson.topic}", str(script))
        module = ModuleType(loader.name)
        loader.exec_module(module)
        pictures |= module.PICTURES
    folder = script.parent / "figures"
    for old in folder.glob("*") if folder.is_dir() else ():
        if old.name not in pictures:
            old.unlink()
    return [folder / name for name, draw in pictures.items() if notebooks.write(folder / name, draw().png)]


def execute(notebook: NotebookNode, folder: Path, name: str) -> None:
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    try:
        asyncio.run(client.async_execute(env=environment()))  # closes its event loop, also in a thread
        notebook.metadata = nbformat.from_dict(notebooks.METADATA)  # nbclient adds widgets and this Python's version
    except CellExecutionError as error:
        raise BuildError(f"{name}: a cell raised an error.\n{error}") from None


def tidy(notebook: NotebookNode, before: NotebookNode | None) -> None:
    """Keep of the outputs what is the same in every run; keep the saved outputs of measured cells."""
    saved = {cell.id: cell for cell in before.cells} if before else {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        tags = cell.metadata.get("tags", [])
        old = saved.get(cell.id)
        if INTERACTIVE in tags:
            cell.outputs = []
        elif MEASURED in tags and old is not None and old.source == cell.source and old.outputs:
            cell.outputs = old.outputs
        else:
            cell.outputs = merge_streams(cell.outputs)
