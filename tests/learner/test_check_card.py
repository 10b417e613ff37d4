"""What a learner sees of a check: what is done and what comes next, one result, and at last a solution."""

from __future__ import annotations

import contextlib
import io
import json
import re
from types import SimpleNamespace

import pytest

import autograde
from autograde import CheckFailed, solution
from autograde.course import paths
from autograde.course.lessons import LESSONS, find_lesson
from autograde.exercises import exercise
from autograde.grading.notebook.cells import outputs
from autograde.grading.records import course as courses
from autograde.instructor import classroom
from autograde.judge.verdict import FAILED, SHOWN_ABOVE, Verdict
from autograde.learner import check as checking
from autograde.learner import display, progress, runs
from helpers.single_head import attention_scores, project, softmax

THIRD = find_lesson("3")


@pytest.fixture
def copy_of_the_course(tmp_path, monkeypatch):
    """A learner's copy; the working folder is that of lesson 3."""
    progress.write(tmp_path / progress.FILE, {})
    folder = tmp_path / THIRD.name
    folder.mkdir()
    monkeypatch.chdir(folder)
    checking._failures.clear()
    return folder


def checked(name: str, obj, capsys) -> str:
    namespace = {"__name__": "notebook", name: obj, "check": autograde.check}
    with contextlib.suppress(CheckFailed):
        exec(f"check({name!r})", namespace)
    return capsys.readouterr().out


def recorded(folder) -> dict:
    return json.loads((folder.parent / progress.FILE).read_text())


def test_a_passed_check_says_points_progress_and_what_comes_next(copy_of_the_course, capsys):
    shown = checked("softmax", softmax, capsys)
    assert shown.startswith(
        "✓ softmax: passed\n3 points. You have passed 1 of 9 exercises in this lesson. Next: `project` ("
    )
    assert f"about {exercise('project').minutes} minutes." in shown
    shown = checked("attention_scores", attention_scores, capsys)
    assert "2 of 9 exercises" in shown and "Next: `attention_weights` (" in shown
    for other in autograde.all_exercises():
        if other.lesson == THIRD.name and other.name not in ("project", "recurrent_cost"):
            progress.note(other.name, {"state": "passed"})
    assert "Next: `recurrent_cost` (table 1, second row), about" in checked("project", project, capsys)
    progress.note("recurrent_cost", {"state": "passed"})
    progress.note("convolution_cost", {"state": "failed"})
    assert "Next: `convolution_cost` (table 1, third row, extra), about" in checked("project", project, capsys)
    progress.note("convolution_cost", {"state": "passed"})
    shown = checked("project", project, capsys)
    assert shown == (
        "✓ project: passed\n2 points. You have passed 9 of 9 exercises in this lesson. "
        "Read this page to its end. Next: lesson 4, Multi-head attention.\n"
    )


def test_after_the_last_exercise_of_all_comes_no_other_lesson(copy_of_the_course, capsys):
    for other in autograde.all_exercises():
        if other.lesson == LESSONS[-1].name:
            progress.note(other.name, {"state": "passed"})
    shown = checked("RMSNorm", exercise("RMSNorm").reference, capsys)
    assert shown.endswith("exercises in this lesson. Read this page to its end. It is the last lesson.\n")


def test_elsewhere_nothing_is_counted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert checked("softmax", softmax, capsys) == "✓ softmax: passed\n"


def test_the_result_is_shown_once(monkeypatch):
    verdict = Verdict(name="softmax", passed=False, state=FAILED, score=0.0, advice="The shares do not add up to 1.")
    monkeypatch.setattr(runs, "runs", [])
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert CheckFailed(verdict)._render_traceback_() == [verdict.summary], "nbgrader's Validate shows nothing else"
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/lesson.ipynb")
    assert CheckFailed(verdict)._render_traceback_() == [SHOWN_ABOVE]
    shown, error = outputs(verdict)
    assert "add up to 1" in shown["data"]["text/plain"]
    assert error.traceback == [SHOWN_ABOVE] and "add up to 1" in error.evalue


def test_half_a_character_does_not_take_the_place_of_the_result(capsys):
    def fails(x, axis=-1):
        raise ValueError("\ud800 is no character")

    shown = checked("softmax", fails, capsys)
    assert "ValueError: ? is no character" in shown and shown.encode()
    with pytest.raises(CheckFailed) as failed:
        raise CheckFailed(autograde.assess("softmax", fails))
    assert str(failed.value).encode() and "".join(failed.value._render_traceback_()).encode()
    autograde.predict("\ud800, I think")
    assert "Kept: ?, I think" in capsys.readouterr().out


def test_a_script_shows_its_result_in_any_encoding(monkeypatch):
    for stream in (io.TextIOWrapper(io.BytesIO(), encoding="cp1252"), io.StringIO()):
        monkeypatch.setattr("sys.stdout", stream)
        display.show("", "✓ softmax: passed")
        stream.seek(0)
        assert "softmax: passed" in stream.read()


def test_a_name_without_quotes_is_told():
    with pytest.raises(TypeError, match=r'Write the name in quotes: check\("softmax"\)\.'):
        autograde.check(softmax)
    with pytest.raises(TypeError, match=r'Write the name in quotes: solution\("softmax"\)\.'):
        solution(softmax)


def test_the_text_has_the_colour_of_the_theme():
    html = Verdict(
        name="softmax", passed=False, state=FAILED, score=0.0, advice="Wrong.", facts=(("Call", "softmax(x)"),)
    ).html
    assert re.findall(r'[;"]color:([^;"]+)', html) == ["inherit"]
    assert set(re.findall(r'[;"]background:([^;"]+)', html)) == {"transparent"}
    assert "✗ softmax: not right yet" in html, "the state is told by a sign and in words"


def test_a_solution_is_offered_last_and_noted(copy_of_the_course, capsys):
    shown = [checked("softmax", lambda x, axis=-1: x, capsys) for _ in range(6)]
    assert [("Stuck?" in card, "Hint 2" in card, "solution(" in card) for card in shown] == [
        (False, False, False),
        (True, False, False),
        (True, False, False),
        (True, True, False),
        (True, True, False),
        (True, True, True),
    ]
    assert "solution" not in recorded(copy_of_the_course)["softmax"]
    solution("softmax")
    assert "def softmax(x, axis=-1):" in capsys.readouterr().out
    assert recorded(copy_of_the_course)["softmax"] == {"score": 0.0, "solution": True, "state": "failed"}
    checked("softmax", softmax, capsys)
    assert recorded(copy_of_the_course)["softmax"] == {"score": 1.0, "solution": True, "state": "passed"}
    with pytest.raises(KeyError, match="Did you mean 'softmax'"):
        solution("sotfmax")


def test_long_lines_break_between_words_in_jupyterlab(copy_of_the_course, monkeypatch):
    shown = []
    monkeypatch.setattr("autograde.learner.solution.show", lambda html, text: shown.append(html))
    solution("softmax")
    shown.append(checking.assess("softmax", lambda x, axis=-1: x).html)
    for html in shown:
        styles = re.findall('<pre style="([^"]*)"', html)
        assert styles and all("word-break:normal" in style for style in styles)


def test_an_instructor_may_release_without_solutions(course, monkeypatch, capsys):
    file = paths.release_of(THIRD)
    monkeypatch.setattr(courses, "load", lambda: SimpleNamespace(show_solutions=True))
    before = file.read_bytes()
    classroom._hide_solutions(THIRD)
    assert file.read_bytes() == before
    monkeypatch.setattr(courses, "load", lambda: SimpleNamespace(show_solutions=False))
    classroom._hide_solutions(THIRD)
    monkeypatch.chdir(file.parent)
    checking._failures.clear()
    for _ in range(7):
        shown = checked("softmax", lambda x, axis=-1: x, capsys)
    assert "Hint 2" in shown and "solution(" not in shown
    solution("softmax")
    assert capsys.readouterr().out == (
        "○ softmax: no solution here\nIn this release the solutions are not shown. Ask your instructor.\n"
    )


def test_the_switch_is_read_from_the_configuration(course):
    config = course / "nbgrader_config.py"
    assert courses.load(course).show_solutions
    config.write_text(config.read_text() + "\nc = get_config()\nc.CourseGrader.show_solutions = False\n")
    assert not courses.load(course).show_solutions
