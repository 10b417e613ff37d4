"""A submission is rebuilt from the release. However its cells were cut, merged and moved: what passes from top to
bottom in the learner's notebook passes in grading, and nothing that they wrote is lost."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import replace

import nbformat
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograde.author import install_cell
from autograde.course import notebooks
from autograde.course.lessons import GRADED, find_lesson
from autograde.grading.grade import grade
from autograde.grading.job import Job
from autograde.grading.notebook.normalise import normalise
from autograde.grading.notebook.pieces import bound, code_of, cut, statements
from autograde.grading.notebook.read import Submitted, SubmittedCell, parse_submission
from conftest import filled, released

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


def test_an_answer_in_a_cell_that_became_markdown_is_taken_with_or_without_its_fence():
    mine = filled(LESSON)
    answer = by_grade_id(mine)["softmax"].source
    for text in (answer, f"```python\n{answer}\n```", f"```\n{answer}```\n"):
        cells = submitted(mine).cells
        at = next(i for i, cell in enumerate(cells) if cell.grade_id == "softmax")
        cells[at] = replace(cells[at], kind="markdown", source=text)
        notebook, _ = normalise(released(LESSON), Submitted(cells))
        assert by_grade_id(notebook)["softmax"].source == answer


@pytest.mark.parametrize(
    "own", ["if False:\n" + "    !pip list\n" * 501, ";" * 447, ";" * 20_000, "/" * 20_000, "," * 300]
)
def test_a_cell_that_ipython_cannot_read_takes_nothing_else_away(own):
    mine = filled(LESSON)
    mine.cells = [cell for cell in mine.cells if notebooks.grade_id(cell) != "softmax"] + [new_code_cell(own)]
    notebook, _ = normalise(released(LESSON), submitted(mine))
    assert notebook.cells[-1].source == own
    assert by_grade_id(notebook)["project"].source == by_grade_id(mine)["project"].source


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
    first = next(cell for cell in notebook.cells if cell.source.startswith("import "))
    first.source += "\n\n" + cells["softmax"].source
    notebook.cells.remove(cells["softmax"])


def above_the_untouched_stub(notebook, cells):
    place = notebook.cells.index(cells["softmax"])
    notebook.cells.insert(place, new_code_cell(cells["softmax"].source))
    cells["softmax"].source = by_grade_id(released(LESSON))["softmax"].source


def into_one_statement(notebook, cells):
    both = text_of(cells, "softmax", "project").replace("def softmax", "def one").replace("def project", "def other")
    cells["softmax"].source = f"{both}\n\nsoftmax, project = one, other"
    notebook.cells.remove(cells["project"])


def below_the_check_and_checked_again(notebook, cells):
    place = notebook.cells.index(cells["check_softmax"]) + 1
    notebook.cells[place:place] = [new_code_cell(cells["softmax"].source), new_code_cell('check("softmax")')]
    cells["softmax"].source = by_grade_id(released(LESSON))["softmax"].source


def in_copies_below_a_wrong_one(notebook, cells):
    place = notebook.cells.index(cells["check_softmax"]) + 1
    notebook.cells[place:place] = [nbformat.from_dict(cells[name]) for name in ("softmax", "check_softmax")]
    cells["softmax"].source = "def softmax(x):\n    return x"


def below_a_copy_of_the_release(notebook, cells):
    notebook.cells[:0] = released(LESSON).cells


CUTS = (
    into_the_cell_before,
    into_a_cell_of_ones_own,
    into_the_checks_cell,
    into_the_check_before_it,
    behind_the_next_answer_with_its_check,
    behind_a_helper_that_it_needs_when_it_is_defined,
    with_the_imports,
    above_the_untouched_stub,
    into_one_statement,
    below_the_check_and_checked_again,
    in_copies_below_a_wrong_one,
    below_a_copy_of_the_release,
)


@pytest.mark.parametrize("change", CUTS, ids=lambda change: change.__name__)
def test_a_release_without_the_install_cell_is_rebuilt_in_the_same_way(change):
    rebuilt = []
    for removed in ("", install_cell.ID):
        mine = filled(LESSON)
        mine.cells = [cell for cell in mine.cells if cell.id != removed]
        change(mine, by_grade_id(mine))
        rebuilt.append(normalise(released(LESSON), submitted(mine)))
    assert rebuilt[0] == rebuilt[1]


@pytest.mark.parametrize("change", CUTS, ids=lambda change: change.__name__)
def test_a_right_notebook_gets_full_marks_however_its_cells_are_cut(change, runner):
    right = filled(LESSON)
    change(right, by_grade_id(right))
    job = Job(
        lesson=LESSON.name,
        student="ada",
        notebook=json.dumps(right).encode(),
        release=notebooks.to_text(released(LESSON)),
        key=b"k" * 32,
    )
    result = grade(job)
    assert {name: score.points for name, score in result.scores.items()} == {
        name: score.max_score for name, score in result.scores.items()
    }


# --- any way of cutting ---------------------------------------------------------------------------------------------

ANSWERS = {
    "softmax": """
def shifted(x):
    return x + 1

def softmax(x):
    # a note
    return shifted(x)
    # the end""",
    "project": """
FACTOR = math.floor(2.5)  # needed when the function is defined

def project(x, factor=FACTOR):
    return factor * x""",
    "attention_scores": """
def twice(function):
    return lambda x: function(x) * 2

@twice
def attention_scores(x):
    return softmax(x)""",
    "attention_weights": "attention_weights = lambda x: softmax(x) + project(x)",
}
EXPECTED = {"softmax": 6, "project": 10, "attention_scores": 12, "attention_weights": 16}  # for 5
STUB = 'def {name}(x):\n    """What it returns."""\n    raise NotImplementedError()'


def toy():
    """A released notebook whose answers take no time."""
    cells = [new_markdown_cell("# Title"), new_code_cell("import math\nfrom autograde import check")]
    for name in ANSWERS:
        answer = {"schema_version": 3, "grade_id": name, "solution": True, "grade": False, "locked": False}
        check = answer | {"grade_id": f"check_{name}", "solution": False, "grade": True, "locked": True, "points": 1}
        cells += [
            new_markdown_cell(f"Write `{name}`."),
            new_code_cell(STUB.format(name=name), metadata={"nbgrader": answer}),
            new_code_cell(f'check("{name}")', metadata={"nbgrader": check}),
            new_code_cell(f"value = {name}(2)\nvalue"),
        ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return new_notebook(cells=cells)


TOY = toy()


def run(cells: list[tuple[str, str]], check) -> None:
    """Run (grade id, source) from top to bottom, also after an error. `check` is told the name and the namespace."""
    namespace: dict = {}
    namespace["check"] = lambda name: check(name, namespace)
    for grade_id, source in cells:
        with contextlib.suppress(Exception):
            if grade_id.startswith("check_"):
                check(grade_id.removeprefix("check_"), namespace)
            else:
                exec(source.replace("from autograde import check", "pass"), namespace)


def is_right(name: str, namespace: dict) -> bool:
    try:
        return namespace[name](5) == EXPECTED[name]
    except Exception:
        return False


def passed_by_hand(cells: list[SubmittedCell]) -> set[str]:
    """What passes where a learner runs the notebook: a check that fails ends its cell."""
    passed = set()

    def check(name, namespace):
        if not is_right(name, namespace):
            raise AssertionError(name)
        passed.add(name)

    run([("", cell.source) for cell in cells if cell.kind == "code"], check)
    return passed


def passed_in_grading(cells: list[SubmittedCell]) -> set[str]:
    """The better of both orders, as `grade` takes it."""
    best: set[str] = set()
    for keep_order in (False, True):
        notebook, _ = normalise(TOY, Submitted(cells), keep_order=keep_order)
        passed: set[str] = set()

        def check(name, namespace, passed=passed):
            if is_right(name, namespace):
                passed.add(name)

        run([(notebooks.grade_id(cell), cell.source) for cell in notebook.cells if cell.cell_type == "code"], check)
        best = max(best, passed, key=len)
    return best


def merge(cells, at, kept):
    """Merge a cell with the next one; it keeps the metadata of the first, of the second, or of neither."""
    first, second = cells[at], cells[min(at + 1, len(cells) - 1)]
    if first is not second and first.kind == second.kind == "code":
        owner = (first, second, SubmittedCell("code", ""))[kept]
        cells[at : at + 2] = [replace(owner, source=f"{first.source}\n\n{second.source}")]


def split(cells, at, kept):
    """Cut a cell between two statements; both parts keep its metadata, or only the first or the second."""
    parts = statements(cells[at].source) if cells[at].kind == "code" else None
    if parts and len(parts) > 1:
        lines = cells[at].source.split("\n")
        end = parts[(at + kept) % (len(parts) - 1)].end
        bare = SubmittedCell("code", "")
        cells[at : at + 1] = [
            replace(cells[at] if kept != 2 else bare, source="\n".join(lines[:end])),
            replace(cells[at] if kept != 1 else bare, source="\n".join(lines[end:]), id=""),
        ]


def forget(cells, at, kept):
    """The name of a cell is lost, or its id, or both."""
    cell = cells[at]
    cells[at] = replace(cell, grade_id=cell.grade_id if kept == 1 else "", id=cell.id if kept == 2 else "")


def move(cells, at, kept):
    """A cell goes down by some places."""
    cells.insert(min(at + 1 + 2 * kept, len(cells)), cells.pop(at))


def delete(cells, at, kept):
    del cells[at]


def add(cells, at, kept):
    """A cell of the learner's own."""
    source = ("note = 1  # mine", "def shifted(x):\n    return x + 1", 'check("project")')[kept]
    cells.insert(at, SubmittedCell("code", source, id="own"))


def double(cells, at, kept):
    cells.insert(at + kept, cells[at])


def retry(cells, at, kept):
    """An answer and its check again, as copies with their names, or as cells of the learner's own."""
    name = sorted(ANSWERS)[at % len(ANSWERS)]
    copies = [SubmittedCell("code", ANSWERS[name], name), SubmittedCell("code", f'check("{name}")', f"check_{name}")]
    cells[at + 1 : at + 1] = [replace(copy, grade_id=copy.grade_id if kept == 1 else "") for copy in copies]


CHANGES = (merge, merge, split, forget, move, delete, add, double)
steps = st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 30), st.integers(0, 2)), max_size=8)
retries = st.lists(
    st.tuples(st.sampled_from((*CHANGES, retry, retry)), st.integers(0, 30), st.integers(0, 2)), max_size=8
)
written = st.sets(st.sampled_from(sorted(ANSWERS))).map(lambda names: {name: ANSWERS[name] for name in sorted(names)})


def changed(answers: dict[str, str], taken) -> list[SubmittedCell]:
    cells = []
    for cell in TOY.cells:
        name = notebooks.grade_id(cell)
        cells.append(SubmittedCell(cell.cell_type, answers.get(name, cell.source), name, cell.id))
    for change, at, kept in taken:
        if cells:
            change(cells, at % len(cells), kept)
    return cells


CASES = int(os.environ.get("COURSE_FUZZ", "0"))
cutting = settings(max_examples=CASES or 100, deadline=None, derandomize=not CASES, database=None)


@cutting
@given(written, steps | retries)
@example({}, [(retry, 7, 0), (merge, 7, 0), (retry, 2, 0)])  # the answer elsewhere, its stub beside another
@example({}, [(merge, 7, 0), (retry, 2, 0)])  # the same, its stub in a cell with the check
@example({}, [(forget, 7, 0), (retry, 6, 1)])  # the same, its stub in a cell without a name behind it
@example(  # the same, in a cell of nobody
    {name: ANSWERS[name] for name in ("attention_weights", "project", "softmax")},
    [(add, 12, 0), (add, 12, 0), (retry, 28, 0), (retry, 0, 0), (merge, 15, 1)],
)
def test_what_passes_by_hand_passes_in_grading(answers, taken):
    cells = changed(answers, taken)
    assert passed_by_hand(cells) - passed_in_grading(cells) == set()


@cutting
@given(steps)
def test_a_release_that_nobody_has_written_in_scores_nothing(taken):
    assert passed_in_grading(changed({}, taken)) == set()


@cutting
@given(written, steps, st.booleans())
@example({}, [(merge, 3, 1), (split, 3, 0)], False)  # the stub in a cell with the name of the check
def test_nothing_that_defines_something_is_lost(answers, taken, keep_order):
    cells = changed(answers, taken)
    notebook, _ = normalise(TOY, Submitted(cells), keep_order=keep_order)
    kept = set().union(*(bound(cell.source) for cell in notebook.cells if cell.cell_type == "code"))
    assert set().union(*(bound(cell.source) for cell in cells if cell.kind == "code")) <= kept
    assert {cell.id for cell in TOY.cells} <= {cell.id for cell in notebook.cells}
    for cell in notebook.cells:
        if notebooks.grade_id(cell).startswith("check_"):
            assert cell.source == by_grade_id(TOY)[notebooks.grade_id(cell)].source


# --- cutting a cell -------------------------------------------------------------------------------------------------

LINES = [
    "x = 1; y = 2",
    "%time x = 3",
    "!ls",
    "@one\n@two\ndef f():\n    '''\n%magic in a string\n'''\n    return 1\n    # inside",
    "# a comment",
    "",
    "    ",
    "for i in range(3):\n    pass",
    "s = '''\x0c\u2028\n\n'''",
    "await thing()",
    "check('f')",
    "(",
]


@cutting
@example(["!ls", "", ""], "%%bash\n")
@given(st.lists(st.sampled_from(LINES), max_size=6), st.sampled_from(["", "%%time\n", "\n\n", "%%bash\n"]))
def test_the_pieces_of_a_cell_are_the_cell(lines, above):
    source = above + "\n".join(lines)
    pieces = cut(source, {1: code_of("x = 1; y = 2")}, {})
    joined = "\n".join(piece.source for piece in pieces)
    assert [line for line in joined.split("\n") if line] == [line for line in source.split("\n") if line]
    if statements(source):
        again = [statement.code for piece in pieces for statement in statements(piece.source) or ()]
        assert again == [statement.code for statement in statements(source)]
