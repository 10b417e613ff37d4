"""Rebuild a submission from the release: only the sources of editable cells are the learner's."""

from __future__ import annotations

import copy
import re

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from autograde.course.notebooks import grade_id, nbgrader_data
from autograde.grading.notebook.read import Submitted, SubmittedCell


def normalise(
    release: NotebookNode, submitted: Submitted, locked_sources: dict[str, str] | None = None
) -> tuple[NotebookNode, list[str]]:
    """The notebook to grade, and notes about what was repaired.

    release         the notebook as it was handed out
    submitted       what came back
    locked_sources  {grade id: source} for locked cells, where it differs from the release (hidden tests)

    Cells of the release keep their order, tags and metadata. A cell that a learner may edit takes the learner's source;
    a locked cell keeps its own. Cells that the learner added stay where they were put; a deleted cell comes back; the
    second copy of an editable cell stays behind the first, where it ran, and the second copy of a locked cell goes. An
    answer whose cell has lost its metadata is known by what it defines.
    """
    notes = list(submitted.notes)
    notebook = copy.deepcopy(release)
    taken, extras = _match(notebook, submitted.cells, notes)
    for index, cell in enumerate(notebook.cells):
        data = nbgrader_data(cell)
        name = grade_id(cell)
        if is_locked(cell):
            cell.source = (locked_sources or {}).get(name, cell.source)
            if index not in taken and data:
                notes.append(f"The cell `{name}` was missing; it was put back.")
        elif index in taken:
            cell.source = taken[index].source
        elif data:
            notes.append(f"The cell `{name}` was missing; it was put back without an answer.")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    cells = _added(extras, -1)
    for index, cell in enumerate(notebook.cells):
        cells += [cell, *_added(extras, index)]
    notebook.cells = cells
    return notebook, notes


def _added(extras: dict[int, list[SubmittedCell]], index: int) -> list[NotebookNode]:
    """The learner's own cells after one of the release; the same ids whenever the same file is graded."""
    cells = [extra.to_cell() for extra in extras.get(index, [])]
    for number, cell in enumerate(cells):
        cell.id = f"added-{index + 1}-{number}"
    return cells


def is_locked(cell: NotebookNode) -> bool:
    data = nbgrader_data(cell)
    return bool(data.get("locked") or (data.get("grade") and not data.get("solution")))


def _match(
    notebook: NotebookNode, cells: list[SubmittedCell], notes: list[str]
) -> tuple[dict[int, SubmittedCell], dict[int, list[SubmittedCell]]]:
    """Which submitted cell belongs to which cell of the release; extra cells by the release's cell before them."""
    places = _places(notebook, cells, notes)
    taken: dict[int, SubmittedCell] = {}
    extras: dict[int, list[SubmittedCell]] = {}
    last = -1
    for cell, index in zip(cells, places, strict=True):
        if index is None:
            if cell.source.strip():
                extras.setdefault(last, []).append(cell)
        elif index not in taken:
            taken[index] = cell
            last = index
        else:
            name = grade_id(notebook.cells[index])
            if is_locked(notebook.cells[index]):
                notes.append(f"The cell `{name}` was there twice; the copy was left out.")
            elif cell.source.strip() and cell.source not in (taken[index].source, notebook.cells[index].source):
                extras.setdefault(last, []).append(cell)
                if name:
                    notes.append(f"The cell `{name}` was there twice; both were run, in their order.")
    return taken, extras


def _places(notebook: NotebookNode, cells: list[SubmittedCell], notes: list[str]) -> list[int | None]:
    """For each submitted cell the index of the release's cell that it is: by grade id, else by cell id, else (files
    without ids) by an unchanged source, else as the answer whose cell is missing; None for a cell of the learner's."""
    by_name = {grade_id(cell): index for index, cell in enumerate(notebook.cells) if grade_id(cell)}
    by_id = {cell.get("id"): index for index, cell in enumerate(notebook.cells) if cell.get("id")}
    by_source: dict[tuple[str, str], list[int]] = {}
    for index, cell in enumerate(notebook.cells):
        by_source.setdefault((cell.cell_type, cell.source), []).append(index)
    places: list[int | None] = []
    known: set[int | None] = set()
    for cell in cells:
        place = by_name.get(cell.grade_id)
        place = by_id.get(cell.id) if place is None and cell.id else place
        if place is None:
            alike = by_source.get((cell.kind, cell.source), ())
            place = next((i for i in alike if i not in known), None)
        places.append(place)
        known.add(place)
    for name, index in by_name.items():
        if index in known or is_locked(notebook.cells[index]):
            continue
        defines = re.compile(rf"^(async def|def|class)[ \t]+{re.escape(name)}\b", re.MULTILINE)
        # the last definition wins, as it does when the cells are run
        found = [i for i, cell in enumerate(cells) if places[i] is None and defines.search(cell.source)]
        if found:
            places[found[-1]] = index
            notes.append(f"The cell `{name}` had lost its name; the cell that defines `{name}` was taken for it.")
    return places


def note_cell(notes: list[str]) -> NotebookNode:
    lines = "\n".join(f"- {note}" for note in dict.fromkeys(notes))
    return new_markdown_cell(f"**Notes of the grader**\n\n{lines}", id="notes-of-the-grader")
