"""Rebuild a submission from the release: only the sources of editable cells are the learner's."""

from __future__ import annotations

import copy

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from autograde.grading.reading import Submitted, SubmittedCell
from autograde.notebooks import grade_id, nbgrader_data


def normalise(
    release: NotebookNode, submitted: Submitted, locked_sources: dict[str, str] | None = None
) -> tuple[NotebookNode, list[str]]:
    """The notebook to grade, and notes about what was repaired.

    release         the notebook as it was handed out
    submitted       what came back
    locked_sources  {grade id: source} for locked cells, where it differs from the release (hidden tests)

    Cells of the release keep their order, tags and metadata. A cell that a learner may edit takes the learner's source;
    a locked cell keeps its own. Cells that the learner added stay where they were put; a deleted cell comes back; the
    second copy of an editable cell stays behind the first, where it ran, and the second copy of a locked cell goes.
    """
    notes = list(submitted.notes)
    notebook = copy.deepcopy(release)
    keys = {_key(cell): index for index, cell in enumerate(notebook.cells)}
    taken, extras = _match(notebook, keys, submitted.cells, notes)
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
    cells = [extra.to_cell() for extra in extras.get(-1, [])]
    for index, cell in enumerate(notebook.cells):
        cells.append(cell)
        cells += [extra.to_cell() for extra in extras.get(index, [])]
    notebook.cells = cells
    return notebook, notes


def is_locked(cell: NotebookNode) -> bool:
    data = nbgrader_data(cell)
    return bool(data.get("locked") or (data.get("grade") and not data.get("solution")))


def _key(cell: NotebookNode) -> str:
    return f"grade:{grade_id(cell)}" if grade_id(cell) else f"id:{cell.get('id', '')}"


def _match(
    notebook: NotebookNode, keys: dict[str, int], cells: list[SubmittedCell], notes: list[str]
) -> tuple[dict[int, SubmittedCell], dict[int, list[SubmittedCell]]]:
    """Which submitted cell belongs to which cell of the release; extra cells by the release's cell before them."""
    unnamed: dict[tuple[str, str], list[int]] = {}
    for index, cell in enumerate(notebook.cells):
        if not grade_id(cell):
            unnamed.setdefault((cell.cell_type, cell.source), []).append(index)
    taken: dict[int, SubmittedCell] = {}
    extras: dict[int, list[SubmittedCell]] = {}
    last = -1
    for cell in cells:
        index = keys.get(f"grade:{cell.grade_id}") if cell.grade_id else keys.get(f"id:{cell.id}")
        if index is None and not cell.grade_id:  # files without cell ids: an unchanged cell is known by its source
            index = next((i for i in unnamed.get((cell.kind, cell.source), ()) if i not in taken), None)
        if index is None:
            if cell.source.strip():
                extras.setdefault(last, []).append(cell)
        elif index not in taken:
            taken[index] = cell
            last = index
        elif is_locked(notebook.cells[index]):
            notes.append(f"The cell `{cell.grade_id}` was there twice; the copy was left out.")
        else:
            if cell.grade_id:
                notes.append(f"The cell `{cell.grade_id}` was there twice; both were run, in their order.")
            if cell.source.strip() and cell.source != taken[index].source:
                extras.setdefault(last, []).append(cell)
    return taken, extras


def note_cell(notes: list[str]) -> NotebookNode:
    lines = "\n".join(f"- {note}" for note in dict.fromkeys(notes))
    return new_markdown_cell(f"**Notes of the grader**\n\n{lines}")
