"""A submission is rebuilt from the release. However its cells were cut, merged and moved: what passes from top to
bottom in the learner's notebook passes in grading, and nothing that they wrote is lost."""

from __future__ import annotations

import json
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from autograde.course import notebooks
from autograde.course.lessons import GRADED, find_lesson
from autograde.grading.grade import grade, warm_runner
from autograde.grading.job import Job
from autograde.grading.notebook.normalise import normalise
from autograde.grading.notebook.pieces import statements
from autograde.grading.notebook.read import Submitted, SubmittedCell, parse_submission
from autograde.grading.sandbox.warm import Unsafe
from conftest import filled, no_isolation, released

LESSON = find_lesson("3")


def submitted(notebook) -> Submitted:
    return parse_submission(json.dumps(notebook).encode())


def by_grade_id(notebook) -> dict:
    return {notebooks.grade_id(cell): cell for cell in notebook.cells}


def test_only_sources_are_taken():
    release, mine = released(LESSON), filled(LESSON)
    for cell in mine.cells:
        cell.metadata["tags"] = ["skip-execution", "raises-exception"]
    cells = by_grade_id(mine)
    cells["check_softmax"].source = "100"
    cells["check_softmax"].metadata.nbgrader.points = 1000
    mine.cells.insert(4, new_code_cell("helper = 1"))
    notebook, notes = normalise(release, submitted(mine))
    again = by_grade_id(notebook)
    assert again["check_softmax"].source == 'check("softmax")'
    assert again["check_softmax"].metadata == {c.id: c for c in release.cells}["check_softmax"].metadata
    assert "np.exp" in again["softmax"].source
    assert [c.source for c in notebook.cells].index("helper = 1") == 4
    assert not any("skip-execution" in c.metadata.get("tags", []) for c in notebook.cells)
    assert notes == []


def test_deleted_and_doubled_cells_are_mended():
    release, mine = released(LESSON), filled(LESSON)
    names = [notebooks.grade_id(cell) for cell in mine.cells]
    second = nbformat.from_dict(mine.cells[names.index("softmax")])
    second = nbformat.from_dict({**second, "source": "softmax = None", "id": "other"})
    mine.cells.insert(names.index("softmax") + 1, second)
    mine.cells = [cell for cell in mine.cells if notebooks.grade_id(cell) not in ("check_project", "attention_scores")]
    notebook, notes = normalise(release, submitted(mine))
    names = [notebooks.grade_id(cell) for cell in notebook.cells]
    assert [name for name in names if name] == [notebooks.grade_id(c) for c in release.cells if notebooks.grade_id(c)]
    assert notebook.cells[names.index("softmax") + 1].source == "softmax = None", "both are run, in their order"
    assert "NotImplementedError" in notebook.cells[names.index("attention_scores")].source
    assert len(notes) == 3


def test_a_notebook_of_another_lesson_earns_nothing():
    notebook, _ = normalise(released(LESSON), submitted(filled(GRADED[0])))
    assert all("NotImplementedError" in c.source for c in notebook.cells if notebooks.grade_id(c) == "softmax")


def test_a_stub_that_comes_back_never_overrides_what_only_shows_when_it_runs():
    mine = filled(LESSON)
    answer = by_grade_id(mine)["softmax"]
    place = mine.cells.index(answer)
    mine.cells[place] = new_code_cell(f"exec({answer.source!r})")
    notebook, _ = normalise(released(LESSON), submitted(mine))
    stub = by_grade_id(notebook)["softmax"].source
    assert stub.startswith("# `softmax`") and "\n" not in stub


# --- whole lessons --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [True, False], ids=["with its metadata", "without metadata"])
def test_a_lesson_merged_into_a_single_cell_is_cut_into_its_cells(lesson, named):
    right = filled(lesson)
    code = [cell for cell in right.cells if cell.cell_type == "code"]
    merged = SubmittedCell("code", "\n\n".join(cell.source for cell in code))
    if named:
        merged = replace(merged, grade_id=notebooks.grade_id(code[0]), id=code[0].id)
    for keep_order in (False, True):
        notebook, _ = normalise(released(lesson), Submitted([merged]), keep_order=keep_order)
        again = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert [cell.id for cell in again] == [cell.id for cell in code]
        assert [statements(cell.source) for cell in again] == [statements(cell.source) for cell in code]


def text_of(cells: dict, *names: str) -> str:
    return "\n\n".join(cells[name].source for name in names)


def into_the_cell_before(notebook, cells):
    cells["softmax"].source = text_of(cells, "softmax", "project")
    notebook.cells.remove(cells["project"])


def into_a_cell_of_ones_own(notebook, cells):
    names = ("softmax", "project", "attention_scores")
    notebook.cells.insert(notebook.cells.index(cells["softmax"]), new_code_cell(text_of(cells, *names)))
    for name in names:
        notebook.cells.remove(cells[name])


def into_the_checks_cell(notebook, cells):
    cells["check_softmax"].source = text_of(cells, "softmax", "check_softmax")
    notebook.cells.remove(cells["softmax"])


def into_the_check_before_it(notebook, cells):
    cells["check_softmax"].source = text_of(cells, "check_softmax", "project")
    notebook.cells.remove(cells["project"])


def behind_the_next_answer_with_its_check(notebook, cells):
    for name in ("check_softmax", "softmax"):
        notebook.cells.remove(cells[name])
        notebook.cells.insert(notebook.cells.index(cells["project"]) + 1, cells[name])


def behind_a_helper_that_it_needs_when_it_is_defined(notebook, cells):
    cells["softmax"].source = "@traced\n" + cells["softmax"].source
    for name in ("check_softmax", "softmax"):
        notebook.cells.remove(cells[name])
    own = [new_code_cell("def traced(function):\n    return function"), cells["softmax"], cells["check_softmax"]]
    place = notebook.cells.index(cells["check_project"]) + 1
    notebook.cells[place:place] = own


def with_the_imports(notebook, cells):
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source += "\n\n" + cells["softmax"].source
    notebook.cells.remove(cells["softmax"])


def above_the_untouched_stub(notebook, cells):
    place = notebook.cells.index(cells["softmax"])
    notebook.cells.insert(place, new_code_cell(cells["softmax"].source))
    cells["softmax"].source = by_grade_id(released(LESSON))["softmax"].source


CUTS = (
    into_the_cell_before,
    into_a_cell_of_ones_own,
    into_the_checks_cell,
    into_the_check_before_it,
    behind_the_next_answer_with_its_check,
    behind_a_helper_that_it_needs_when_it_is_defined,
    with_the_imports,
    above_the_untouched_stub,
)


@pytest.fixture(scope="module")
def isolated():
    try:
        warm_runner()
    except Unsafe as error:
        no_isolation(error)


@pytest.mark.parametrize("change", CUTS, ids=lambda change: change.__name__)
def test_a_right_notebook_gets_full_marks_however_its_cells_are_cut(change, isolated):
    right = filled(LESSON)
    change(right, by_grade_id(right))
    job = Job(LESSON.name, "ada", json.dumps(right).encode(), notebooks.to_text(released(LESSON)), b"k" * 32)
    result = grade(job)
    assert {name: score.points for name, score in result.scores.items()} == {
        name: score.max_score for name, score in result.scores.items()
    }
