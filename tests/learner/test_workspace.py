"""A learner's copy, and the command line: nothing is lost, and errors are one clear sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import autograde
from autograde import cli
from autograde.course import class_data, notebooks
from autograde.course.errors import CourseError
from autograde.course.lessons import find_lesson
from autograde.exercises import exercise
from autograde.grading import grade as grading
from autograde.grading.notebook.cells import checked_exercise
from autograde.grading.notebook.read import Submitted, Unreadable, read_submission
from autograde.grading.notebook.scores import ordinary_score
from autograde.grading.records import seeds
from autograde.grading.records.seeds import secret
from autograde.grading.sandbox.warm import Runner, Unsafe
from autograde.judge.verdict import Verdict
from autograde.learner import progress, workspace
from conftest import ROOT, filled, released

LESSON = find_lesson("3")
NAME = f"{LESSON.name}.ipynb"


def run(capsys, *args: str) -> tuple[int, str, str]:
    status = cli.main(list(args))
    out, err = capsys.readouterr()
    return status, out, err


# --- start, progress, reset -----------------------------------------------------------------------------------------


def test_start_copies_and_never_overwrites(course, capsys):
    status, out, _ = run(capsys, "start")
    assert status == 0 and "Copied into" in out
    file = course / "my_work" / LESSON.name / NAME
    assert file.read_bytes() == (course / "notebooks" / LESSON.name / NAME).read_bytes()
    file.write_text("my own work")
    extra = course / "my_work" / "01_vocabulary"
    for old in sorted(extra.rglob("*"), reverse=True):
        old.unlink() if old.is_file() else old.rmdir()
    extra.rmdir()
    status, out, _ = run(capsys, "start")
    assert file.read_text() == "my own work", "a learner's file stays"
    assert (extra / "01_vocabulary.ipynb").is_file(), "a new lesson is added"
    assert "01_vocabulary" in out and LESSON.name not in out
    assert "nothing was changed" in run(capsys, "start")[1]


def test_start_does_not_write_through_a_link(course, capsys, tmp_path):
    outside = tmp_path / "outside.ipynb"
    folder = course / "my_work" / LESSON.name
    folder.mkdir(parents=True)
    (folder / NAME).symlink_to(outside)
    run(capsys, "start")
    assert not outside.exists() and (folder / NAME).is_symlink()


def test_progress_lists_lessons_points_and_what_is_next(course, capsys):
    status, _, err = run(capsys, "progress")
    assert status == 2 and "course start" in err
    run(capsys, "start")
    status, out, _ = run(capsys, "progress")
    assert status == 0 and "Next: 1.1 tokenize" in out and "0 of 11 exercises" in out
    marker = course / "my_work" / progress.FILE
    tokenize = exercise("tokenize")
    data = {"tokenize": {"state": "passed", "score": 1.0}, "encode": {"state": "failed", "score": 0.5}}
    progress.write(marker, data)
    out = run(capsys, "progress")[1]
    points = tokenize.points + exercise("encode").points / 2
    assert f"{points:g} of" in out and "begun: encode" in out and "Next: 1.2 build_vocabulary" in out
    assert autograde.progress()._repr_html_().count("█") == 1
    run(capsys, "reset", "1", "tokenize")
    assert "Next: 1.1 tokenize" in run(capsys, "progress")[1], "what is reset is no longer passed"
    run(capsys, "reset", "1")
    assert progress.read(marker) == {}
    marker.write_text("{ not json")
    status, out, _ = run(capsys, "progress")
    assert status == 0 and "is damaged" in out and "course check 1" in out


def test_a_check_in_the_workspace_is_recorded_and_elsewhere_is_not(course, capsys, monkeypatch):
    run(capsys, "start")
    folder = course / "my_work" / LESSON.name
    monkeypatch.chdir(folder)
    progress.record(exercise("softmax"), Verdict(name="softmax", passed=True, state="passed", score=1.0))
    assert progress.read(course / "my_work" / progress.FILE)["softmax"] == {"state": "passed", "score": 1.0}
    monkeypatch.chdir(course)
    assert progress.find() is None


def test_reset_of_one_exercise_keeps_the_others_and_a_backup(course, capsys):
    run(capsys, "start")
    file = course / "my_work" / LESSON.name / NAME
    mine = filled(LESSON)
    mine.cells.insert(2, nbformat.v4.new_markdown_cell("a note of my own"))
    nbformat.write(mine, file)
    before = file.read_bytes()
    status, out, _ = run(capsys, "reset", "3", "softmax")
    assert status == 0 and "backup" in out
    backups = list(file.parent.glob("*.backup-*.ipynb"))
    assert len(backups) == 1 and backups[0].read_bytes() == before
    after = notebooks.read(file)
    sources = {notebooks.grade_id(cell): cell.source for cell in after.cells if notebooks.grade_id(cell)}
    assert "YOUR CODE HERE" in sources["softmax"] and "YOUR CODE HERE" not in sources["project"]
    assert "a note of my own" in [cell.source for cell in after.cells]


def test_reset_of_a_lesson_and_its_errors(course, capsys):
    run(capsys, "start")
    file = course / "my_work" / LESSON.name / NAME
    file.write_text("not a notebook")
    status, _, err = run(capsys, "reset", "3", "softmax")
    assert status == 2 and "not valid JSON" in err and file.read_text() == "not a notebook"
    assert run(capsys, "reset", "3")[0] == 0
    assert notebooks.read(file) == released(LESSON)
    status, _, err = run(capsys, "reset", "3", "sotfmax")
    assert status == 2 and "Did you mean `softmax`?" in err
    status, _, err = run(capsys, "reset", "3", "tokenize")
    assert status == 2 and "no exercise 'tokenize' in 03_single_head" in err
    file.unlink()
    for command in ("reset", "check"):
        status, _, err = run(capsys, command, "3")
        assert status == 2 and err.count("\n") == 1 and "course start" in err


def test_what_stands_in_the_place_of_a_notebook_is_named(course, capsys, tmp_path):
    run(capsys, "start")
    file = course / "my_work" / LESSON.name / NAME
    kept = file.rename(tmp_path / NAME)
    file.mkdir()
    assert "is a folder. Rename it, then run `course start`" in run(capsys, "check", "3")[2]
    file.rmdir()
    file.symlink_to(tmp_path / "nothing.ipynb")
    assert "is a link that leads nowhere. Rename it, then run `course start`" in run(capsys, "reset", "3")[2]
    file.unlink()
    file.symlink_to(kept)
    assert "The file is not read: it is a link, and links are not followed." in run(capsys, "check", "3")[2]


@pytest.mark.parametrize("score", ["1e400", "NaN", "-5", '"1"'])
def test_a_score_that_is_no_share_counts_for_nothing(course, capsys, score):
    run(capsys, "start")
    record = f'{{"tokenize": {{"state": "passed", "score": {score}}}}}'
    (course / "my_work" / progress.FILE).write_text(record)
    assert "1 of 11 exercises   0 of 27 points" in run(capsys, "progress")[1]


@pytest.mark.parametrize(
    "args, words",
    [
        (("check", "99"), "The lessons are: 00_start, 01_vocabulary"),
        (("check",), "Say which lesson"),
        (("grade", "3"), "course collect"),
        (("collect", "3", "nowhere"), "does not exist"),
        (("test", "--stage", "nothing"), "The stages are"),
        (("grad", "3"), "Did you mean `course grade`?"),
        (("zzzz",), "`course` by itself lists all"),
        (("reset", "3", "softmax", "extra"), "`course reset --help`"),
        (("grade", "3", "--jobs", "0"), "a whole number from 1 is expected"),
        (("lab", "--port", "80000"), "from 1 to 65535"),
        (("collect", "3", ""), "a path is expected, and there is none"),
        (("collect", "3", "nowhere", "--roster", ""), "a path is expected, and there is none"),
        (("roster", ""), "a path is expected, and there is none"),
        (("export", "--out", " "), "a path is expected, and there is none"),
        (("export", "--roster", ""), "a path is expected, and there is none"),
        (("grade", "3", "--runtime", ""), "a name is expected, and there is none"),
        (("grade", "3", "--scheduler", ""), "a name is expected, and there is none"),
    ],
)
def test_errors_are_one_sentence_with_the_remedy(course, capsys, args, words):
    status, _, err = run(capsys, *args)
    assert status == 2 and words in err and err.startswith("course: ") and "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_a_path_to_another_notebook_is_refused(course, capsys, monkeypatch):
    run(capsys, "start")
    monkeypatch.setattr(workspace, "check", lambda lesson: [])
    own = course / "my_work" / LESSON.name
    for given in (own, own / NAME, Path("my_work", LESSON.name, NAME), LESSON.name, f"{LESSON.name}/"):
        assert run(capsys, "check", str(given))[0] == 0
    (course / "elsewhere").mkdir()
    other = course / "elsewhere" / NAME
    other.write_bytes((own / NAME).read_bytes())
    for command in ("check", "reset"):
        for given in (other, other.parent / "nothing" / NAME, Path("notebooks", LESSON.name)):
            status, _, err = run(capsys, command, str(given))
            assert (
                status == 2
                and f"is not your notebook of 03_single_head. `course {command} 3` takes {own / NAME}" in err
            )
    monkeypatch.chdir(own)
    assert run(capsys, "check", NAME)[0] == 0
    monkeypatch.chdir(other.parent)
    assert run(capsys, "check", NAME)[0] == 2


def test_a_stream_of_another_encoding_ends_no_command(course):
    command = [sys.executable, "-m", "autograde.cli", "progress"]
    subprocess.run([*command[:-1], "start"], cwd=course, check=True, capture_output=True)
    for encoding in ("cp1252", "ascii"):  # what a pipe has on Windows, and with LANG=C
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        shown = subprocess.run(command, cwd=course, capture_output=True, env=environment)
        assert shown.returncode == 0 and b"0 of  9 exercises" in shown.stdout, shown.stderr


def test_help_has_examples(capsys):
    for words in ([], ["--help"], ["help"]):
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        assert end.value.code == 0 and "course reset 3 softmax" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.startswith("course 0.")
    with pytest.raises(SystemExit):
        cli.main(["help", "grade"])
    assert "example:\n  course grade" in capsys.readouterr().out
    for command in ("lab", "start", "progress", "reset", "check", "build", "release", "collect", "grade", "feedback"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        assert "example:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "03",
        "single_head",
        "03_single_head",
        "03_single_head/",
        "03_single_head.ipynb",
        r".\my_work\03_single_head",
    ],
)
def test_a_lesson_has_several_names(text):
    assert find_lesson(text) is LESSON


# --- reading and normalising submissions ----------------------------------------------------------------------------


def write(tmp_path, data) -> Submitted:
    file = tmp_path / "submission.ipynb"
    file.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return read_submission(file)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   ",
        b"{",
        b"\x80\x81",
        b"[]",
        b"3",
        b'{"cells": 3}',
        b"[" * 100_000,
        b'{"cells": [' + b'{"cell_type": "code"},' * 6000 + b"{}]}",
    ],
)
def test_what_is_no_notebook_is_refused_with_a_reason(tmp_path, data):
    with pytest.raises(Unreadable, match=r"[A-Z].*\."):
        write(tmp_path, data)


def test_accidents_are_repaired(tmp_path):
    text = json.dumps({"cells": [{"cell_type": "code", "source": ["a\n", "b"]}]})
    for data in (text.encode("utf-8-sig"), text.encode("utf-16")):
        assert write(tmp_path, data).cells[0].source == "a\nb"
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": "a"}]}], "nbformat": 3}
    assert write(tmp_path, old).cells[0].source == "a"
    odd = {
        "cells": [3, {"cell_type": [], "metadata": 5}, {"source": {"a": 1}}, {"cell_type": "code", "source": "\ud800"}]
    }
    assert len(write(tmp_path, odd).cells) == 3


def test_only_a_check_cell_is_a_check():
    cells = {notebooks.grade_id(cell): cell for cell in released(LESSON).cells}
    assert checked_exercise(cells["check_softmax"]) is exercise("softmax")
    assert checked_exercise(cells["softmax"]) is None
    cell = nbformat.from_dict(cells["check_softmax"])
    for source in ('check("nothing")', "assert True", 'check("softmax") or 1', "check(", 'x = check("softmax")'):
        cell.source = source
        assert checked_exercise(cell) is None


def test_seeds_are_secret_and_stable(tmp_path):
    key = secret(tmp_path / "classroom")
    assert secret(tmp_path / "classroom") == key and len(key) == 32
    assert (tmp_path / "classroom" / ".secret").stat().st_mode & 0o077 == 0
    ada = seeds.set_key(key, "ada", LESSON.name, "1")
    assert ada == seeds.set_key(key, "ada", LESSON.name, "1")
    others = [seeds.set_key(key, f"student {n}", LESSON.name, "1") for n in range(400)]
    assert len(set(others)) == seeds.SETS
    assert ada != seeds.set_key(b"x" * 32, "ada", LESSON.name, "1")
    assert seeds.seed(ada, "softmax") != seeds.seed(ada, "project")


@pytest.mark.parametrize(
    "text, expected",
    [
        *(("0.5", 0.5), ("np.float64(0.5)", 0.5), ("np.int64(1)", 1.0), ("2", 2.0), ("3", None), ("-1", None)),
        *(("nan", None), ("np.float64(nan)", None), ("'ok'", 2.0), ("True", 2.0), ("[0.5]", 2.0), ("array([1.])", 2.0)),
    ],
)
def test_partial_credit_of_an_ordinary_cell(text, expected):
    cell = nbformat.v4.new_code_cell("x", metadata={"nbgrader": {"grade": True, "solution": False, "points": 2}})
    cell.outputs = [
        nbformat.v4.new_output("stream", name="stderr", text="careful"),
        nbformat.v4.new_output("execute_result", {"text/plain": text}),
    ]
    assert ordinary_score(cell, 2.0) == expected
    cell.outputs.append(nbformat.v4.new_output("error", ename="E", evalue="", traceback=[]))
    assert ordinary_score(cell, 2.0) == 0


# --- a class's data of an earlier version ---------------------------------------------------------------------------


def test_a_class_is_ignored_by_git():
    assert "/classroom/" in (ROOT / ".gitignore").read_text().split()


def test_a_class_of_an_earlier_version_moves_once_and_whole(course, capsys):
    old = course / "autograde"
    (old / "submitted" / "ada").mkdir(parents=True)
    (old / "submitted" / "ada" / "file").write_text("hers")
    (old / ".secret").write_text("00" * 32)
    assert class_data.folder("submitted") == course / "classroom" / "submitted"
    assert (course / "classroom" / "submitted" / "ada" / "file").read_text() == "hers"
    assert secret(course / "classroom") == bytes(32)
    assert "submitted, .secret" in capsys.readouterr().err
    class_data.folder("submitted")
    assert capsys.readouterr().err == "" and list(old.iterdir()) == []


def test_two_classes_are_never_mixed(course):
    for name in ("autograde", "classroom"):
        (course / name).mkdir(exist_ok=True)
        (course / name / "gradebook.db").write_text(name)
    (course / "autograde" / "results").mkdir()
    with pytest.raises(CourseError, match=r"gradebook\.db is both in"):
        class_data.folder("results")
    assert (course / "autograde" / "gradebook.db").read_text() == "autograde"
    assert (course / "autograde" / "results").is_dir()


# --- `course check` is the grader's own path ------------------------------------------------------------------------

IMPORTED = {"softmax": "from helpers.single_head import softmax"}


def own_copy(course, answers) -> Path:
    workspace.start(echo=lambda text: None)
    file = workspace.notebook_of(LESSON)
    notebooks.write(file, notebooks.to_text(filled(LESSON, answers)))
    return file


def test_an_answer_that_imports_the_reference_fails_as_in_grading(course):
    own_copy(course, IMPORTED)
    verdicts = {verdict.name: verdict for verdict in workspace.check(LESSON)}
    assert not verdicts["softmax"].passed and verdicts["project"].passed


def test_where_nothing_isolates_a_check_runs_in_a_kernel_and_says_so(course, monkeypatch, capfd):
    def refuse(self):
        raise Unsafe("no namespaces")

    monkeypatch.setattr(Runner, "start", refuse)
    monkeypatch.setattr(grading, "_runner", None)
    own_copy(course, {})
    said = []
    verdicts = workspace.check(LESSON, echo=said.append)
    assert all(verdict.passed for verdict in verdicts) and "runs in a kernel" in said[0]
    assert "WARNING" not in capfd.readouterr().err, "the kernel's own warnings are no news for a learner"


def test_a_result_is_worth_more_than_its_record(course, monkeypatch, capsys):
    def full(*args):
        raise OSError(28, "No space left on device")

    own_copy(course, {})
    monkeypatch.setattr(progress, "write", full)
    assert all(verdict.passed for verdict in workspace.check(LESSON))
    assert "No space left on device" in capsys.readouterr().err
