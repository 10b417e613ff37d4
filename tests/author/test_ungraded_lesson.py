"""A lesson without exercises is built and handed out, and every command says so or leaves it out."""

from __future__ import annotations

import zipfile

import pytest

from autograde import cli
from autograde.course.lessons import GRADED, LESSONS, find_lesson
from autograde.exercises import of_lesson

START = find_lesson("0")


@pytest.mark.parametrize("text", ["0", "00", "start", "00_start"])
def test_it_has_the_names_of_every_lesson(text):
    assert find_lesson(text) is START


def test_nothing_is_no_lesson():
    with pytest.raises(ValueError, match="There is no lesson"):
        find_lesson("")


def test_it_has_no_exercises_and_every_other_lesson_has():
    assert START in LESSONS and START not in GRADED
    assert [lesson for lesson in LESSONS if not of_lesson(lesson.name)] == [START]


@pytest.mark.parametrize("command", ["check", "collect", "grade", "report", "feedback"])
def test_what_needs_exercises_says_that_there_are_none(course, capsys, command):
    assert cli.main([command, "0"]) == 2
    assert "course: 00_start has no exercises" in capsys.readouterr().err


def test_a_learner_gets_it_and_progress_counts_exercises_only(course, capsys):
    assert cli.main(["start"]) == 0
    assert (course / "my_work" / START.name / f"{START.name}.ipynb").is_file()
    assert cli.main(["progress"]) == 0
    out = capsys.readouterr().out
    assert "tokenize" in out and " of  0 exercises" not in out
    assert cli.main(["reset", "0"]) == 0
    assert cli.main(["reset", "0", "softmax"]) == 2
    assert "00_start has no exercises" in capsys.readouterr().err


@pytest.mark.nbgrader
def test_it_is_packed_and_not_entered_into_the_gradebook(course, capsys):
    assert cli.main(["release", "0"]) == 0
    assert "00_start is not graded. Hand out" in capsys.readouterr().out
    with zipfile.ZipFile(course / "classroom" / "handout" / "00_start.zip") as packed:
        assert f"{START.name}/{START.name}.ipynb" in packed.namelist()
    assert not (course / "classroom" / "gradebook.db").exists()
