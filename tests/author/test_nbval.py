"""nbval and what it lets pass by itself."""

from __future__ import annotations

import base64
import copy
import os
import re
import subprocess
import sys

import matplotlib
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from autograde.author import build, nbval_guard
from autograde.course import notebooks, paths
from autograde.course.lessons import LESSONS
from helpers.figures import heat_map, new, png_bytes, show

ALT = "A heat map of two by two numbers."


def picture(png: bytes, alt: str = ALT):
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": f"Figure: {alt}"}
    return new_output("display_data", data, metadata={"image/png": {"alt": alt}})


def a_figure(draw: bool = True):
    figure, axes = new()
    if draw:
        heat_map(axes, [[0.0, 1.0], [2.0, 3.0]])
    return figure


def run_nbval(folder, notebook):
    nbformat.write(notebook, folder / "lesson.ipynb")
    return nbval_in(folder)


def nbval_in(folder, *options):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "autograde.author.nbval_guard",
        "--nbval",
        *options,
        ".",
    ]
    # of another course: what nbval begins without in this one, the run of all tests may be about to train
    variables = {"COURSE_ROOT": str(folder), **os.environ}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


@pytest.fixture
def notebook():
    cell = new_code_cell("print(1 + 1)", execution_count=1, outputs=[new_output("stream", name="stdout", text="2\n")])
    return new_notebook(cells=[cell], metadata=copy.deepcopy(notebooks.METADATA))


def test_nbval_passes_and_a_changed_output_fails(tmp_path, notebook):
    run = run_nbval(tmp_path, notebook)
    assert run.returncode == 0 and "2 passed" in run.stdout, run.stdout
    notebook.cells[0].outputs[0].text = "3\n"
    run = run_nbval(tmp_path, notebook)
    assert run.returncode == 1 and "1 failed, 1 passed" in run.stdout, run.stdout


def test_a_notebook_without_saved_outputs_fails(tmp_path, notebook):
    notebook.cells[0].outputs, notebook.cells[0].execution_count = [], None
    run = run_nbval(tmp_path, notebook)
    assert run.returncode == 1 and "has not been executed" in run.stdout, run.stdout


TEXT = """\
# %% [markdown]
# # A short lesson

# %%
from helpers.figures import heat_map, new, show

figure, axes = new()
heat_map(axes, [[0.0, 1.0], [2.0, 3.0]])
show(figure, alt="A heat map of two by two numbers.")
"""


def test_a_rebuild_from_what_nbval_executed_finds_what_nbval_lets_pass(course):
    lesson = LESSONS[2]
    folder, file = paths.solution_of(lesson).parent, paths.solution_of(lesson)
    paths.text_of(lesson).write_text(TEXT)
    build.build_solution(lesson)
    run = nbval_in(folder, "--rebuilt")
    assert run.returncode == 0 and "3 passed" in run.stdout, run.stdout

    built = file.read_text()
    pixels = base64.b64encode(png_bytes(a_figure(draw=False))).decode()
    file.write_text(re.sub(r'"image/png": "[^"]+"', f'"image/png": "{pixels}"', built))
    run = nbval_in(folder, "--rebuilt", "--deselect", f"{file.name}::saved outputs")
    assert run.returncode == 1 and "1 failed, 1 passed" in run.stdout and "A rebuild changes" in run.stdout, run.stdout

    file.write_text(built)
    paths.text_of(lesson).write_text(TEXT.replace("short", "brief"))
    run = nbval_in(folder, "--rebuilt")
    assert run.returncode == 1 and "1 failed, 2 passed" in run.stdout, run.stdout


def test_an_error_output_fails(notebook):
    notebook.cells[0].outputs = [new_output("error", ename="ValueError", evalue="x", traceback=["x"])]
    assert "error output (ValueError)" in nbval_guard.faults(notebook)[0]


def test_an_empty_figure_fails(notebook):
    blank = a_figure(draw=False)
    for axes in blank.axes:
        axes.set_axis_off()
    for figure in (blank, a_figure(draw=False)):
        notebook.cells[0].outputs = [picture(png_bytes(figure))]
        assert "empty figure" in nbval_guard.faults(notebook)[0]
    notebook.cells[0].outputs = [new_output("display_data", {"text/plain": "<Figure size 640x480 with 0 Axes>"})]
    assert "without axes" in nbval_guard.faults(notebook)[0]
    notebook.cells[0].outputs = [picture(png_bytes(a_figure()))]
    assert nbval_guard.faults(notebook) == []


def test_a_figure_without_alt_text_fails(notebook):
    notebook.cells[0].outputs = [picture(png_bytes(a_figure()), alt="")]
    assert "without alt text" in nbval_guard.faults(notebook)[0]


def test_a_figure_with_two_alt_texts_fails(notebook):
    data, metadata = show(a_figure(), alt=f"{ALT} 'a' & \"b\"")._repr_mimebundle_()
    notebook.cells[0].outputs = [new_output("display_data", data, metadata=metadata)]
    assert nbval_guard.faults(notebook) == []
    metadata["image/png"]["alt"] = "A heat map of three by three numbers."
    notebook.cells[0].outputs = [new_output("display_data", data, metadata=metadata)]
    assert "two alt texts" in nbval_guard.faults(notebook)[0]


def test_show_refuses_empty_figures_and_missing_alt_text():
    with pytest.raises(ValueError, match="empty"):
        show(a_figure(draw=False), ALT)
    with pytest.raises(ValueError, match="alt"):
        show(a_figure(), "")
    data, metadata = show(a_figure(), ALT)._repr_mimebundle_()
    assert f'alt="{ALT}"' in data["text/html"] and metadata["image/png"]["alt"] == ALT


def test_figures_are_the_same_bytes_each_time():
    assert png_bytes(a_figure()) == png_bytes(a_figure())


def test_korean_glyphs_render(recwarn):
    def drawn(text):
        figure, axes = new()
        axes.plot([0, 1], [0, 1])
        axes.set_title(text)
        return png_bytes(figure)

    # a missing glyph draws the same box for every syllable, and warns
    assert drawn("개가 남자를") != drawn("남자가 개를")
    assert drawn("가") != drawn("나")
    assert not [w for w in recwarn if "missing" in str(w.message).lower()]
    assert "Course Hangul" in {font.name for font in matplotlib.font_manager.fontManager.ttflist}


def test_nbval_lets_lesson_8_train(course):
    """The guard of the rebuild leaves the training to nbval: a model that an earlier run has left must not save it."""
    folder = course / "solutions" / "08_training"
    left = [folder / "trained_model.safetensors", folder / "runs" / "lesson" / "card.md"]
    (course / "empty").mkdir()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "autograde.author.nbval_guard", "--collect-only", "empty"]
    for options in ([], ["--nbval"]):
        left[1].parent.mkdir(parents=True, exist_ok=True)
        for file in left:
            file.write_text("from an earlier run")
        run = subprocess.run([*command, *options], cwd=course, capture_output=True, text=True)
        assert run.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, run.stdout + run.stderr
        assert [file.exists() for file in left] == [not options] * 2
