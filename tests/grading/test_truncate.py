"""What a graded notebook keeps of what its cells have shown."""

from __future__ import annotations

import copy

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output
from test_fuzz import NobodyRuns, Silent, judged

from autograde.course import notebooks
from autograde.course.lessons import find_lesson
from autograde.grading import grade as grading
from autograde.grading.notebook.truncate import CHARACTERS, CUT, LINES, NO_MORE, NO_PICTURE, PICTURE, TOGETHER, shorten
from conftest import filled, released

FIGURE = "iVBORw0KGgo="


def stream(text: str, name: str = "stdout"):
    return new_output("stream", name=name, text=text)


def shown(data: dict):
    return new_output("display_data", data=data)


def shortened(*outputs, graded: bool = False):
    cell = new_code_cell("x", outputs=list(outputs), metadata={"nbgrader": {"grade": graded}})
    notebook = new_notebook(cells=[cell])
    shorten(notebook)
    nbformat.validate(notebook)
    return notebook.cells[0].outputs


def test_what_is_not_too_much_stays_as_it_is():
    outputs = [
        stream("a\n" * LINES),
        shown({"image/png": "x" * PICTURE, "text/plain": "<Figure>"}),
        new_output("error", ename="ValueError", evalue="no", traceback=["a", "b"]),
    ]
    assert shortened(*copy.deepcopy(outputs)) == outputs


def test_lines_and_characters_of_a_cell_are_cut_with_one_sentence():
    (many,) = shortened(stream("a\n" * 10**6))
    assert many.text.count("\n") == LINES and many.text.endswith(CUT)
    (long,) = shortened(stream("x" * 10**7))
    assert long.text == "x" * CHARACTERS + "\n" + CUT
    mixed = shortened(*(stream("a\n" * 300, "stdout" if n % 2 else "stderr") for n in range(20)))
    text = "".join(output.text for output in mixed)
    assert text.count("a\n") == LINES and text.count(CUT) == 1 and len(mixed) == 4
    values = shortened(*(shown({"text/plain": "a\nb"}) for _ in range(2 * LINES)))
    assert sum(len(output.data["text/plain"]) for output in values) < 3 * LINES + len(CUT)


def test_figures_survive_whatever_was_printed():
    outputs = shortened(stream("a\n" * 10**6), shown({"image/png": FIGURE, "text/plain": "<Figure>"}))
    assert outputs[-1].data["image/png"] == FIGURE
    (large,) = shortened(shown({"image/png": "x" * (PICTURE + 1), "text/plain": "<Figure>"}))
    assert large.data == {"text/plain": NO_PICTURE}


def test_an_error_keeps_its_beginning_and_its_end():
    (error,) = shortened(
        new_output("error", ename="E" * 999, evalue="v" * 10**6, traceback=["first", *"x" * 999, "last"])
    )
    assert error.traceback[0] == "first" and error.traceback[-1] == "last" and len(error.traceback) == 101
    assert "901 lines" in error.traceback[50] and len(error.evalue) < 21_000 and len(error.ename) == 200
    (wide,) = shortened(new_output("error", ename="E", evalue="", traceback=["a" * 10**6 + "end"]))
    assert wide.traceback[-1].endswith("end") and sum(map(len, wide.traceback)) < 21_000


def test_the_whole_notebook_has_a_limit_and_graded_cells_come_first():
    def cell(graded: bool):
        outputs = [shown({"image/png": "x" * PICTURE}) for _ in range(4)]
        return new_code_cell("x", outputs=outputs, metadata={"nbgrader": {"grade": graded}})

    notebook = new_notebook(cells=[cell(False), cell(False), cell(True)])
    shorten(notebook)
    first, second, graded = (cell.outputs for cell in notebook.cells)
    assert len(graded) == 4 and all("image/png" in output.data for output in graded)
    assert [output.get("text") for output in second] == [NO_MORE] and first[-1].text == NO_MORE
    assert len(notebooks.to_text(notebook)) < TOGETHER + 10_000


def test_a_graded_notebook_is_cut(monkeypatch):
    class Prints(Silent):
        def run(self, source, *limits):
            return [stream("a\n" * 10**6)], 1

    monkeypatch.setattr(grading, "Driver", Prints)
    lesson = find_lesson("1")
    release, data = notebooks.to_text(released(lesson)), notebooks.to_text(filled(lesson)).encode()
    result = judged(lesson.name, release, data, NobodyRuns())
    assert result.notebook.count(CUT) > 3 and len(result.notebook) < 2**20
