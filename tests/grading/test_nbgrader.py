"""The whole way: release, submit, collect, autograde, feedback, export. Slow, in a stage of its own."""

from __future__ import annotations

import copy
import csv
import json
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook
from small_grader import in_this_process

from attacks.weights import beside
from autograde import cli
from autograde.course import notebooks, release
from autograde.course.kernels import environment
from autograde.course.lessons import GRADED, find_lesson
from autograde.exercises import of_lesson
from autograde.grading.classes import workers
from autograde.grading.job import GradeRequest
from autograde.instructor import classroom, collect
from conftest import filled, released

pytestmark = pytest.mark.nbgrader

LESSON = find_lesson("01_vocabulary")
NAME = f"{LESSON.name}.ipynb"
POINTS = {exercise.name: exercise.points for exercise in of_lesson(LESSON.name)}
TOTAL = sum(POINTS.values())
WRONG = "bpe_encode"  # no later exercise uses it


def index_of(notebook, grade_id: str) -> int:
    return [notebooks.grade_id(cell) for cell in notebook.cells].index(grade_id)


def submissions() -> dict[str, str]:
    """{student: content of the file}"""
    right = filled(LESSON)
    partly = filled(LESSON, {WRONG: "def bpe_encode(word, merges):\n    return list(word)\n"})
    noisy = copy.deepcopy(right)
    cell = noisy.cells[index_of(noisy, "encode")]
    cell.source = "import sys, warnings\nprint('hm', file=sys.stderr)\nwarnings.warn('careful')\n" + cell.source
    deleted = copy.deepcopy(right)
    del deleted.cells[index_of(deleted, "check_encode")]
    doubled = copy.deepcopy(right)
    doubled.cells.insert(3, copy.deepcopy(doubled.cells[index_of(doubled, "check_encode")]))
    killer = filled(LESSON, {"decode": "import os\nos._exit(1)"})
    texts = {
        "right": right,
        "untouched": released(LESSON),
        "partly": partly,
        "noisy": noisy,
        "deleted": deleted,
        "doubled": doubled,
        "killer": killer,
    }
    made = {student: json.dumps(notebook) for student, notebook in texts.items()}
    made["broken"] = made["right"][: len(made["right"]) // 2]
    made["bom"] = "\ufeff" + made["right"]
    return made


def scores(root) -> dict[str, float]:
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}") as gradebook:
        return {
            submission.student.id: submission.score for submission in gradebook.find_assignment(LESSON.name).submissions
        }


def cell_scores(root) -> dict[str, dict[str, tuple]]:
    """{student: {cell: (points, needs a person)}}"""
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}") as gradebook:
        return {
            submission.student.id: {
                grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in submission.notebooks[0].grades
            }
            for submission in gradebook.find_assignment(LESSON.name).submissions
        }


def test_the_whole_way(course, tmp_path, capsys):
    assert cli.main(["release", "1"]) == 0
    handout = course / "classroom" / "handout" / f"{LESSON.name}.zip"
    assert f"{LESSON.name}/{NAME}" in zipfile.ZipFile(handout).namelist()

    texts = submissions()
    folder, archive = tmp_path / "in", tmp_path / "class.zip"
    students = sorted(texts)
    with zipfile.ZipFile(archive, "w") as file:
        for student in students[:4]:
            file.writestr(f"{student}/{NAME}", texts[student])
    for student in students[4:]:
        (folder / student).mkdir(parents=True)
        (folder / student / NAME).write_text(texts[student], encoding="utf-8")
    assert cli.main(["collect", "1", str(folder), str(archive)]) == 0
    # somebody handed in a folder without the notebook
    (course / "classroom" / "submitted" / "missing" / LESSON.name).mkdir(parents=True)

    capsys.readouterr()
    assert cli.main(["grade", "1"]) == 0
    table = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    full, graded = float(TOTAL), scores(course)
    for student in ("right", "noisy", "deleted", "doubled", "bom"):
        assert graded[student] == full, (student, graded)
    for student in ("untouched", "broken"):
        assert graded[student] == 0, (student, graded)
    assert full - POINTS[WRONG] <= graded["partly"] < full
    # the process of `killer` ends at decode: that costs decode, and part of what uses it, nothing else
    assert POINTS["decode"] <= full - graded["killer"] <= POINTS["decode"] + POINTS["Vocabulary"]
    assert "There is no 01_vocabulary.ipynb in the submission" in table["missing"]

    # the reasons are in the feedback
    assert cli.main(["feedback", "2"]) == 2 and cli.main(["feedback", "1", "--student", "nobody"]) == 2
    assert "No submission of nobody in 01_vocabulary has been graded yet." in capsys.readouterr().err
    assert cli.main(["feedback", "1"]) == 0
    feedback = {
        file.parent.parent.name: file.read_text(encoding="utf-8")
        for file in (course / "classroom" / "feedback").glob("*/*/*.html")
    }
    assert f"{WRONG}: not right yet" in feedback["partly"] and "Expected" in feedback["partly"]
    assert "not valid JSON" in feedback["broken"]
    assert "was missing; it was put back" in feedback["deleted"]
    assert "was there twice; the copy was left out" in feedback["doubled"]
    assert "process ended while this cell ran" in feedback["killer"]

    # the export has everybody
    assert cli.main(["export"]) == 0
    with (course / "classroom" / "export" / "grades.csv").open(newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert set(rows) == {*texts, "missing"}
    assert {student: float(row["score"]) for student, row in rows.items()} == {**graded, "missing": 0.0}

    # nbgrader's own command gives the same marks, also to a file of another name and to one with a bad time
    submitted = course / "classroom" / "submitted"
    (submitted / "partly" / LESSON.name / NAME).rename(submitted / "partly" / LESSON.name / "my work (1).ipynb")
    (submitted / "deleted" / LESSON.name / "timestamp.txt").write_text("yesterday")
    assert cli.main(["grade", "1"]) == 0
    before = cell_scores(course)
    with Gradebook(f"sqlite:///{course / 'classroom' / 'gradebook.db'}") as gradebook:
        for submission in gradebook.find_assignment(LESSON.name).submissions:
            for grade in submission.notebooks[0].grades:
                grade.auto_score = None
        gradebook.db.commit()
    command = [sys.executable, "-m", "nbgrader", "autograde", LESSON.name, "--force"]
    run = subprocess.run(command, cwd=course, capture_output=True, text=True, env=environment())
    assert run.returncode == 0, run.stderr
    assert f"right, {LESSON.name}: {TOTAL} of {TOTAL} points" in run.stderr, "the formgrader's window shows this"
    assert cell_scores(course) == before
    assert scores(course) == graded

    # a second submission that ends its process does not keep the marks of the first
    (folder / "right").mkdir(exist_ok=True)
    (folder / "right" / NAME).write_text(json.dumps(filled(LESSON, dict.fromkeys(POINTS, "import os\nos._exit(1)"))))
    assert cli.main(["collect", "1", str(folder / "right")]) == 0
    assert cli.main(["grade", "1", "--student", "right"]) == 0
    assert scores(course)["right"] == 0
    assert list((course / "classroom" / "collected" / "right").rglob(NAME)), "the first submission is kept"


@pytest.mark.parametrize("lesson", GRADED, ids=lambda lesson: lesson.name)
def test_solutions_score_full_and_an_untouched_release_nothing(lesson, course, tmp_path, monkeypatch, request):
    """The first one is new to the gradebook, and workers grade it. The others take less: a gradebook that knows them,
    and the grader in this process."""
    if lesson is not LESSON:
        request.getfixturevalue("runner")
        (course / "classroom").mkdir()
        shutil.copy(request.getfixturevalue("gradebook_of_all_lessons"), course / "classroom")
        monkeypatch.setattr(workers, "processes", in_this_process)
    for student, notebook in (("right", filled(lesson)), ("untouched", released(lesson))):
        (tmp_path / "in" / student).mkdir(parents=True)
        nbformat.write(notebook, tmp_path / "in" / student / f"{lesson.name}.ipynb")
        for name, content in beside(lesson.name).items():
            (tmp_path / "in" / student / name).write_bytes(content)
    collect.collect(lesson, [tmp_path / "in"])
    graded = {outcome.student: outcome for outcome in classroom.grade(GradeRequest(lesson=lesson.name))}
    total = sum(exercise.points for exercise in of_lesson(lesson.name))
    assert graded["right"].score == graded["right"].max_score == total
    assert graded["untouched"].score == 0
    with Gradebook(f"sqlite:///{course / 'classroom' / 'gradebook.db'}") as gradebook:
        for student, expected in (("right", 1.0), ("untouched", 0.0)):
            for grade in gradebook.find_submission(lesson.name, student).notebooks[0].grades:
                assert grade.score == expected * grade.max_score and not grade.needs_manual_grade, grade.name


def cell(name: str, source: str, points: float | None = None, solution: bool = False):
    data = {"grade": points is not None, "grade_id": name, "locked": not solution, "schema_version": 3}
    data |= {"solution": solution, "task": False} | ({"points": points} if points is not None else {})
    return new_code_cell(source, metadata={"nbgrader": data})


def test_an_instructors_own_cells(course, tmp_path):
    """Asserts, partial credit, hidden tests, an answer that a person grades: all as nbgrader has them, and the traps of
    stock nbgrader (NumPy scalars, stderr) are none."""
    source = new_notebook(
        cells=[
            new_code_cell("import numpy as np"),
            cell(
                "double",
                "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
                solution=True,
            ),
            cell("check_double", "assert double(2) == 4", 2),
            cell("stderr", "import sys\nprint('careful', file=sys.stderr)\nassert double(3) == 6", 3),
            cell("partial", "np.float64(0.5)", 4),
            cell("too_much", "1000", 4),
            cell(
                "hidden",
                "assert double(1) == 2\n### BEGIN HIDDEN TESTS\nassert double(0.5) == 1\n### END HIDDEN TESTS",
                5,
            ),
            cell("essay", "answer = ''", 6, solution=True),
        ],
        metadata=copy.deepcopy(notebooks.METADATA),
    )
    (course / "solutions" / "own").mkdir()
    nbformat.write(source, course / "solutions" / "own" / "own.ipynb")
    classroom.nbgrader("generate_assignment", "own")
    handed_out = notebooks.read(course / "notebooks" / "own" / "own.ipynb")
    assert "HIDDEN" not in "".join(cell.source for cell in handed_out.cells)
    for student, code in (
        ("right", "def double(x):\n    return 2 * x"),
        ("odd", "def double(x):\n    return 2 * int(x)"),
    ):
        answer = copy.deepcopy(handed_out)
        answer.cells[1].source = code
        answer.cells[index_of(answer, "essay")].source = "answer = 'because'"
        target = course / "classroom" / "submitted" / student / "own"
        target.mkdir(parents=True)
        nbformat.write(answer, target / "own.ipynb")
    run = classroom.nbgrader("autograde", "own", check=False)
    assert run.returncode == 0, run.stderr
    with Gradebook(f"sqlite:///{course / 'classroom' / 'gradebook.db'}") as gradebook:
        scores = {
            student: {
                g.name: (g.auto_score, g.needs_manual_grade)
                for g in gradebook.find_submission("own", student).notebooks[0].grades
            }
            for student in ("right", "odd")
        }
    assert scores["right"] == {
        "check_double": (2, False),
        "stderr": (3, False),
        "partial": (0.5, False),
        "too_much": (None, True),
        "hidden": (5, False),
        "essay": (None, True),
    }
    assert scores["odd"]["hidden"] == (0, False) and scores["odd"]["check_double"] == (2, False)


def test_nbgraders_own_release_is_the_tracked_one(course):
    """`nbgrader generate_assignment` by hand in this folder changes no cell of what is tracked."""
    file = course / "notebooks" / LESSON.name / NAME
    before = notebooks.read(file)
    classroom.nbgrader("generate_assignment", LESSON.name, "--force")
    after = notebooks.read(file)
    assert [(c.id, c.source, c.metadata) for c in after.cells] == [(c.id, c.source, c.metadata) for c in before.cells]
    release.release(LESSON)
    assert notebooks.read(file) == before


def test_validate_sees_what_a_check_says(course):
    """nbgrader's Validate reports the sentence of the check; `course check` exits with 1 if anything did not pass."""
    work = course / "my_work"
    assert cli.main(["start"]) == 0
    wrong = filled(LESSON, {WRONG: "def bpe_encode(word, merges):\n    return list(word)\n"})
    nbformat.write(wrong, work / LESSON.name / NAME)
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", "validate", NAME],
        cwd=work / LESSON.name,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert "FAILED ON 1 CELL" in run.stdout and f"{WRONG}: not right yet" in run.stdout, run.stdout + run.stderr
    assert cli.main(["check", "1"]) == 1
    nbformat.write(filled(LESSON), work / LESSON.name / NAME)
    assert cli.main(["check", "1"]) == 0
