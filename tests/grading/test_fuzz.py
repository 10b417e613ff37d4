"""Whatever is handed in ends with a verdict for every graded cell, and raises nothing.

The quick form tries a few hundred notebooks, the same each time. The long form tries 2,000 new ones:

    COURSE_FUZZ=2000 python -m pytest tests/grading/test_fuzz.py
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
from functools import cache

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograde.course import notebooks
from autograde.course.lessons import GRADED
from autograde.grading import grade as grading
from autograde.grading.job import Job, Limits, Options
from autograde.grading.notebook.normalise import is_locked, normalise
from autograde.grading.notebook.read import Unreadable, parse_submission
from autograde.grading.sandbox.driver import Driver, Stopped
from conftest import filled, released

CASES = int(os.environ.get("COURSE_FUZZ", "0"))
QUICK = 150
LIMITS = Limits(cell=3.0, call=1.0, total=20.0, memory=2**30, output=2**16)
fuzzed = settings(
    max_examples=CASES or QUICK,
    derandomize=not CASES,  # what passes once passes always; the long form looks for new cases
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(["code", "raw", "check_softmax", "softmax", "skip-execution", 10**400, -1, "\ud800", "\x00"]),
)
JSON = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
_NOTEBOOK = ("cells", "metadata", "nbformat", "worksheets", "kernelspec", "course", "source", "input", "outputs", "id")
_CELL = ("nbgrader", "grade_id", "points", "locked", "solution", "grade", "cell_type", "tags", "execution_count")
KEYS = st.sampled_from([*_NOTEBOOK, *_CELL])
SOURCES = st.one_of(
    st.text(max_size=200),
    st.sampled_from(
        [
            "%%time\nx = 1",
            "def softmax(x, axis=-1):\n    return x",
            "(" * 2000,
            "raise SystemExit",
            "import os; os._exit(0)",
            "check = print",
            "await x",
            "!ls",
            "\\\n" * 500,
            "x = 1\r\ny = 2\r",
            "lambda: " * 300 + "0",
        ]
    ),
    st.builds(lambda text, n: text * n, st.text(min_size=1, max_size=3), st.integers(1, 20_000)),
)


@cache
def trees() -> list[tuple[str, str, str]]:
    """(lesson, release, solution) as JSON text."""
    return [(lesson.name, notebooks.to_text(released(lesson)), notebooks.to_text(filled(lesson))) for lesson in GRADED]


def containers(value, depth: int = 0) -> list:
    """All lists and objects of a tree, the outer ones first."""
    if depth > 4 or not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(container for item in inner for container in containers(item, depth + 1))]


@st.composite
def submissions(draw) -> tuple[str, str, bytes]:
    """(lesson, release, file): a notebook of the course to which things have happened, or something else."""
    lesson, release, solution = draw(st.sampled_from(trees()))
    if draw(st.integers(0, 9)) == 0:
        return lesson, release, draw(st.binary(max_size=500) | JSON.map(lambda tree: text_of(tree).encode()))
    tree = json.loads(draw(st.sampled_from([release, solution])))
    for _ in range(draw(st.integers(0, 6))):
        change(draw, tree)
    text = text_of(tree)
    encoding = draw(st.sampled_from(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "utf-32", "cp1252", "utf-16-le"]))
    data = bytearray(text.encode(encoding, "replace"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 3]))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 50))] = draw(st.binary(max_size=20))
    return lesson, release, bytes(data)


def text_of(tree) -> str:
    # escaped where it must be: a lone surrogate is a sequence of letters in the file
    return json.dumps(tree, ensure_ascii=True)


def change(draw, tree: dict) -> None:
    """One thing that may happen to a notebook."""
    cells = tree.get("cells")
    kind = draw(st.integers(0, 7))
    if kind <= 4 and isinstance(cells, list) and cells:
        index = draw(st.integers(0, len(cells) - 1))
        other = draw(st.integers(0, len(cells) - 1))
        match kind:
            case 0:
                del cells[index : index + draw(st.integers(1, 5))]
            case 1:
                cells.insert(other, copy.deepcopy(cells[index]))
            case 2:
                cells[index], cells[other] = cells[other], cells[index]
            case 3 if isinstance(cells[index], dict):
                cells[index]["source"] = draw(SOURCES | JSON)
            case 4:
                cells.insert(index, {"cell_type": "code", "source": draw(SOURCES), "metadata": draw(JSON)})
    else:
        places = containers(tree)
        place = places[draw(st.integers(0, len(places) - 1))]
        if isinstance(place, dict):
            place[draw(KEYS | st.text(max_size=5))] = draw(JSON)
        elif place:
            place[draw(st.integers(0, len(place) - 1))] = draw(JSON)


class NobodyRuns:
    """In the place of the sandbox: cells show nothing, and no check gets an answer."""

    assurance = "none"

    def start(self) -> None:
        pass


class Silent(Driver):
    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def run(self, source, seconds=None):
        assert isinstance(source, str)
        return [], None

    def ask(self, name, calls):
        raise Stopped("Nothing is run here.")


def judged(lesson: str, release: str, data: bytes, runner=None) -> grading.Result:
    """Grade, and see that every graded cell of the release has its mark."""
    job = Job(
        lesson=lesson, student="ada", notebook=data, release=release, key=b"k" * 32, options=Options(limits=LIMITS)
    )
    result = grading.grade(job, runner)
    graded = {
        notebooks.grade_id(cell): float(notebooks.nbgrader_data(cell)["points"])
        for cell in nbformat.reads(release, as_version=4).cells
        if notebooks.nbgrader_data(cell).get("grade")
    }
    assert {name: mark.max_score for name, mark in result.scores.items()} == graded
    for name, mark in result.scores.items():
        assert mark.verdict is not None and 0 <= mark.points <= graded[name]
    nbformat.validate(nbformat.reads(result.notebook, as_version=4))
    return result


@fuzzed
@given(submissions())
def test_every_submission_is_read_rebuilt_and_gets_its_marks(submission):
    lesson, release, data = submission
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grading, "Driver", Silent)
        result = judged(lesson, release, data, NobodyRuns())
    assert all(mark.points == 0 for mark in result.scores.values())
    with contextlib.suppress(Unreadable):
        cells = nbformat.reads(release, as_version=4).cells
        rebuilt, _ = normalise(nbformat.reads(release, as_version=4), parse_submission(data))
        kept = {cell.id: cell for cell in rebuilt.cells}
        for cell in cells:
            assert kept[cell.id].metadata == cell.metadata and kept[cell.id].cell_type == cell.cell_type
            assert not is_locked(cell) or kept[cell.id].source == cell.source
        known = {cell.id for cell in cells}
        assert [cell.id for cell in rebuilt.cells if cell.id in known] == [cell.id for cell in cells]


@settings(fuzzed, max_examples=max(6, (CASES or QUICK) // 25))
@given(submissions())
def test_a_part_of_them_is_run(submission):
    judged(*submission)
