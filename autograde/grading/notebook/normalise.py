"""Rebuild a submission from the release: only the sources of editable cells are the learner's."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, replace

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from autograde.course.notebooks import grade_id, nbgrader_data
from autograde.grading.notebook.cells import checked_exercise
from autograde.grading.notebook.pieces import Answer, Piece, bound, code_of, cut, may_define, statements
from autograde.grading.notebook.read import Submitted, SubmittedCell

_FENCED = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)  # code in a cell that became Markdown


def normalise(
    release: NotebookNode,
    submitted: Submitted,
    locked_sources: dict[str, str] | None = None,
    *,
    keep_order: bool = False,
) -> tuple[NotebookNode, list[str]]:
    """The notebook to grade, and notes about what was repaired.

    release         the notebook as it was handed out
    submitted       what came back
    locked_sources  {grade id: source} for locked cells, where it differs from the release (hidden tests)
    keep_order      True: cells of the release that were moved stay where the learner has put them

    Cells of the release keep their tags and metadata. A cell that a learner may edit takes the learner's source; a
    locked cell keeps its own. A cell that was merged with others is cut into what it was merged from. Cells that the
    learner added stay where they were put; a deleted cell comes back; the second copy of an editable cell stays behind
    the first, where it ran. Nothing that a learner wrote is dropped, apart from copies of the release's own text.
    """
    notes = list(submitted.notes)
    notebook = copy.deepcopy(release)
    taken, extras, order = _arrange(notebook, _Matching(notebook, submitted.cells, notes).items(), notes)
    for index, cell in enumerate(notebook.cells):
        data = nbgrader_data(cell)
        name = grade_id(cell)
        if is_locked(cell):
            cell.source = (locked_sources or {}).get(name, cell.source)
            if index not in taken and data:
                notes.append(f"The cell `{name}` was missing; it was put back.")
        elif index in taken:
            fenced = _FENCED.fullmatch(taken[index].source) if taken[index].kind != cell.cell_type == "code" else None
            cell.source = fenced[1] if fenced else taken[index].source
        elif data:
            cell.source = _put_back(cell.source, [piece.source for piece in submitted.cells if piece.kind == "code"])
            notes.append(f"The cell `{name}` was missing; it was put back without an answer.")
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if not keep_order:
        order = [-1, *range(len(notebook.cells))]
    cells = []
    for index in order:
        cells += [notebook.cells[index]] if index >= 0 else []
        cells += _added(extras, index)
    notebook.cells = cells
    return notebook, notes


def _put_back(stub: str, sources: list[str]) -> str:
    """The source of an answer's cell that comes back: without what it defines, where another cell defines that in a
    statement of several names, or perhaps by code that only shows when it runs."""
    names = bound(stub)
    if any(name in bound(source) or may_define(source, name) for name in names for source in sources):
        return f"# {', '.join(f'`{name}`' for name in sorted(names))}: perhaps defined in another cell."
    return stub


def _added(extras: dict[int, list[SubmittedCell]], index: int) -> list[NotebookNode]:
    """The learner's own cells after one of the release; the same ids whenever the same file is graded."""
    cells = [extra.to_cell() for extra in extras.get(index, [])]
    for number, cell in enumerate(cells):
        cell.id = f"added-{index + 1}-{number}"
    return cells


def is_locked(cell: NotebookNode) -> bool:
    return bool(nbgrader_data(cell).get("locked")) or is_graded(cell)


def is_graded(cell: NotebookNode) -> bool:
    """It checks answers that are elsewhere."""
    data = nbgrader_data(cell)
    return bool(data.get("grade") and not data.get("solution"))


@dataclass(frozen=True)
class _Item:
    """A submitted cell, or a piece of one, and the index of the release's cell that it is; None for the learner's."""

    cell: SubmittedCell
    index: int | None


def _arrange(
    notebook: NotebookNode, items: list[_Item], notes: list[str]
) -> tuple[dict[int, SubmittedCell], dict[int, list[SubmittedCell]], list[int]]:
    """What each cell of the release takes, the extra cells by the release's cell before them, and the learner's order
    of the release's cells (-1: before the first)."""
    taken: dict[int, SubmittedCell] = {}
    extras: dict[int, list[SubmittedCell]] = {}
    order = [-1]
    for item in items:
        cell, index = item.cell, item.index
        if index is None:
            if cell.source.strip():
                extras.setdefault(order[-1], []).append(cell)
        elif index not in taken:
            taken[index] = cell
            order.append(index)
        else:
            name = grade_id(notebook.cells[index])
            if is_locked(notebook.cells[index]):
                if is_graded(notebook.cells[index]):  # what the last of several says is what the learner has seen
                    at = order.index(index)
                    extras.setdefault(order[at - 1], []).extend(extras.pop(index, []))
                    order.append(order.pop(at))
                notes.append(f"The cell `{name}` was there twice; the copy was left out.")
            elif cell.source.strip() and cell.source not in (taken[index].source, notebook.cells[index].source):
                extras.setdefault(order[-1], []).append(cell)
                if name:
                    notes.append(f"The cell `{name}` was there twice; both were run, in their order.")
    for index, released in enumerate(notebook.cells):
        if index not in taken:
            before = [order.index(index - 1)]
            if exercise := checked_exercise(released):
                before += [at for at, i in enumerate(order) if i >= 0 and grade_id(notebook.cells[i]) == exercise.name]
            order.insert(max(before) + 1, index)
    return taken, extras, order


class _Matching:
    """Which submitted cell, or which piece of one, is which cell of the release.

    places   for each submitted cell the index of the release's cell that it is, by its names or an unchanged text;
             None for a cell of the learner's
    answers  {index of an answer's cell: Answer}
    found    {index of an answer's cell: the other submitted cell that has the answer}
    missing  {index: `code_of`} of the other code cells that nothing was found for
    """

    def __init__(self, notebook: NotebookNode, cells: list[SubmittedCell], notes: list[str]):
        self.released, self.cells, self.notes = notebook.cells, cells, notes
        self.texts = {cell.source for cell in self.released}
        self.places = _places(self.released, cells)
        self.answers = _answers(self.released)
        self.found = {i: at for i, answer in self.answers.items() if (at := self._find(i, answer)) is not None}
        there = set(self.places)
        self.missing = {
            i: code_of(cell.source)
            for i, cell in enumerate(self.released)
            if cell.cell_type == "code" and i not in self.answers and i not in there
        }

    def items(self) -> list[_Item]:
        """The pieces of what was merged, and whole cells, in the submitted order."""
        return [item for at in range(len(self.cells)) for item in self._items_of(at)]

    def _find(self, index: int, answer: Answer) -> int | None:
        """The submitted cell with an answer that is not in its own cell."""
        own = [at for at, place in enumerate(self.places) if place == index]
        if self._is_answered(index):
            return None
        others = [
            at
            for at, cell in enumerate(self.cells)
            if at not in own and cell.source not in self.texts and _defines(cell.source, answer.names)
        ]
        stub = self.released[index].source
        others = [at for at in others if not _only_there(self.cells[at].source, answer.names, stub)] or others
        others = [at for at in others if self.cells[at].kind == "code"] or others
        end = None if answer.check is None else self._last_run(answer.check)
        before = [at for at in others if end is None or at <= end]
        # where the cell for the answer is there, what comes after the check is not the answer that was checked
        return max(before or ([] if own else others), default=None)

    def _last_run(self, index: int) -> int | None:
        """The last submitted cell that a locked cell is, or that has its code."""
        code = set(code_of(self.released[index].source))
        return max(
            (at for at, cell in enumerate(self.cells) if self.places[at] == index or code & set(code_of(cell.source))),
            default=None,
        )

    def _is_answered(self, index: int) -> bool:
        """Whether the cell for an answer, or a copy of it, has one."""
        stub, names = self.released[index].source, self.answers[index].names
        own = [cell.source for cell, place in zip(self.cells, self.places, strict=True) if place == index]
        return any(_defines(source, names) and not _only_there(source, names, stub) for source in own)

    def _items_of(self, at: int) -> list[_Item]:
        cell, place = self.cells[at], self.places[at]
        here = {i: self.answers[i] for i, where in self.found.items() if where == at}
        if place in self.answers and (place in self.found or self._is_answered(place)):
            if cell.source == self.released[place].source:
                return []
            place = None if place in self.found else place
        locked = place is not None and is_locked(self.released[place])
        stubs = self._stubs_in(at, place)
        if cell.source in self.texts or not (here or locked or self.missing or stubs):
            return [_Item(cell, place)]
        if cell.kind != "code":
            self._note_found(here, place is None)
            return [_Item(cell, None)] * locked + [_Item(cell, next(iter(here), None) if place is None else place)]
        pieces = [piece for piece in self._pieces(cell, place, here, stubs) if piece.owner not in stubs]
        self._note_found(here, place is None and len(pieces) == 1)
        for piece in pieces:
            self.missing.pop(-1 if piece.owner is None else piece.owner, None)
        if len(pieces) == 1:
            return [_Item(cell, pieces[0].owner)]
        return [_Item(SubmittedCell("code", piece.source), piece.owner) for piece in pieces]

    def _stubs_in(self, at: int, place: int | None) -> dict[int, tuple[bytes, ...]]:
        """{index of an answer's cell: `code_of` its stub}, where this cell has the stub and another one the answer."""
        code = set(code_of(self.cells[at].source))
        return {
            i: self._code(i)
            for i in self.answers
            if i != place
            and self.found.get(i) != at
            and code.issuperset(self._code(i))
            and (i in self.found or self._is_answered(i))
        }

    def _pieces(
        self, cell: SubmittedCell, place: int | None, here: dict[int, Answer], stubs: dict[int, tuple[bytes, ...]]
    ) -> list[Piece]:
        """The pieces of a cell, each with the cell of the release that takes it, or whose stub it is."""
        blocks, answers = self.missing | stubs, dict(here)
        if place is not None:
            if is_locked(self.released[place]):
                return self._beside(place, cut(cell.source, blocks, answers, place, self._code(place)))
            if place in self.answers:
                answers[place] = self.answers[place]
            else:
                blocks[place] = self._code(place)
        pieces = cut(cell.source, blocks, answers)
        # what is not Python is one piece, and a text that belongs to no other cell stays where it is
        for index in [*([] if place is None else [place]), *here]:
            free = [i for i, piece in enumerate(pieces) if piece.owner is None]
            if free and all(piece.owner != index for piece in pieces):
                pieces[free[0]] = replace(pieces[free[0]], owner=index)
        return pieces

    def _beside(self, place: int, pieces: list[Piece]) -> list[Piece]:
        """The pieces of a locked cell: its own, and those of the learner's that do something."""
        pieces = [piece for piece in pieces if piece.owner is not None or not piece.is_idle]
        own = [i for i, piece in enumerate(pieces) if piece.owner == place]
        pieces = [piece for i, piece in enumerate(pieces) if i not in own[1:]]
        if any(piece.owner is None for piece in pieces):
            name = grade_id(self.released[place])
            self.notes.append(f"The cell `{name}` was changed: its own text was put back, and the rest runs beside it.")
        return pieces if own else [*pieces, Piece("", place, ())]

    def _code(self, index: int) -> tuple[bytes, ...]:
        return code_of(self.released[index].source)

    def _note_found(self, here: dict[int, Answer], whole: bool) -> None:
        for name in (grade_id(self.released[index]) for index in here):
            if whole:
                self.notes.append(f"The cell `{name}` had lost its name; what defines `{name}` was taken for it.")
            else:
                self.notes.append(f"`{name}` was defined in another cell; that part was taken for the cell `{name}`.")


def _places(released: list[NotebookNode], cells: list[SubmittedCell]) -> list[int | None]:
    """For each submitted cell the index of the release's cell that it is: by grade id, else by cell id, else (files
    without ids, copies of a check, a locked cell with the text of another) by an unchanged source; None for a cell of
    the learner's. A copy of a check, or of an answer's stub, has the place of the first."""
    by_name = {grade_id(cell): index for index, cell in enumerate(released) if grade_id(cell)}
    by_id = {cell.get("id"): index for index, cell in enumerate(released) if cell.get("id")}
    by_source: dict[tuple[str, str], list[int]] = {}
    for index, cell in enumerate(released):
        by_source.setdefault((cell.cell_type, cell.source), []).append(index)
    places: list[int | None] = []
    known: set[int | None] = set()
    for submitted in cells:
        place = by_name.get(submitted.grade_id)
        place = by_id.get(submitted.id) if place is None and submitted.id else place
        if place is None or (is_locked(released[place]) and submitted.source != released[place].source):
            alike = by_source.get((submitted.kind, submitted.source), ())
            place = next((i for i in alike if i not in known or nbgrader_data(released[i])), place)
        places.append(place)
        known.add(place)
    return places


def _answers(released: list[NotebookNode]) -> dict[int, Answer]:
    """The cells for answers that define something, by index."""
    checks = {exercise.name: i for i, cell in enumerate(released) if (exercise := checked_exercise(cell))}
    answers = {}
    for index, cell in enumerate(released):
        name = grade_id(cell)
        if cell.cell_type == "code" and name and not is_locked(cell):
            names = bound(cell.source)
            if names or name.isidentifier():
                names = frozenset([name]) if name in names or not names else names
                answers[index] = Answer(names, checks.get(name))
    return answers


def _defines(source: str, names: frozenset[str]) -> bool:
    """Whether a cell defines one of these names."""
    defines = rf"^(?:async def|def|class)[ \t]+(?:{'|'.join(map(re.escape, sorted(names)))})\b"
    return bool(re.search(defines, source, re.MULTILINE) or bound(source) & names)


def _only_there(source: str, names: frozenset[str], stub: str) -> bool:
    """Whether a cell defines these names only as the stub does, perhaps beside other things."""
    defining = {part.code for part in statements(source) or () if part.binds & names}
    return source == stub or (bool(defining) and defining <= set(code_of(stub)))


def note_cell(notes: list[str]) -> NotebookNode:
    lines = "\n".join(f"- {note}" for note in dict.fromkeys(notes))
    return new_markdown_cell(f"**Notes of the grader**\n\n{lines}", id="notes-of-the-grader")
