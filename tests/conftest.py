"""Shared by all tests: a course of one's own in a temporary folder, and submissions filled in by script."""

from __future__ import annotations

import copy
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from attacks.weights import beside
from autograde.course import notebooks
from autograde.course.lessons import GRADED, LESSONS, Lesson, find_lesson
from autograde.course.release import release

ROOT = Path(__file__).resolve().parent.parent
# the last two are what lesson 8 leaves while nbval runs it
NOT_COPIED = (".ipynb_checkpoints", "__pycache__", "runs", "*.safetensors")


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """A copy of the course's folder; `course` and nbgrader work in it."""
    root = copy_course(tmp_path / "course")
    monkeypatch.setenv("COURSE_ROOT", str(root))
    monkeypatch.delenv("COURSE_WORK", raising=False)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def no_warnings():
    """A warning of the code under test is an error; the garbage that other tests left in this process is not."""
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)
        warnings.simplefilter("ignore", pytest.PytestUnraisableExceptionWarning)
        yield


def copy_course(root: Path) -> Path:
    root.mkdir()
    for name in ("solutions", "notebooks"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(*NOT_COPIED))
    shutil.copy(ROOT / "nbgrader_config.py", root)
    return root


def released(lesson: Lesson):
    return notebooks.read(ROOT / "notebooks" / lesson.name / f"{lesson.name}.ipynb")


def solution(lesson: Lesson):
    return notebooks.read(ROOT / "solutions" / lesson.name / f"{lesson.name}.ipynb")


def filled(lesson: Lesson, answers: dict[str, str] | None = None):
    """The released notebook with the solutions filled in, or with `answers` ({grade id: source}) instead of them."""
    sources = {notebooks.grade_id(cell): cell.source for cell in solution(lesson).cells}
    notebook = copy.deepcopy(released(lesson))
    for cell in notebook.cells:
        if notebooks.nbgrader_data(cell).get("solution"):
            name = notebooks.grade_id(cell)
            cell.source = (answers or {}).get(name, sources[name])
    return notebook


def no_isolation(error: Exception) -> None:
    """A machine that cannot isolate submissions skips what needs it; CI has to be one that can."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no isolation here: {error}")


def solution_cells(notebook):
    return [cell for cell in notebook.cells if notebooks.nbgrader_data(cell).get("solution")]


@pytest.fixture(params=LESSONS, ids=lambda lesson: lesson.name)
def lesson(request) -> Lesson:
    return request.param


@pytest.fixture(params=GRADED, ids=lambda lesson: lesson.name)
def graded_lesson(request) -> Lesson:
    return request.param


@pytest.fixture(scope="session")
def gradebook_of_lesson_3(tmp_path_factory) -> Path:
    """A gradebook that knows lesson 3, made once."""
    root = copy_course(tmp_path_factory.mktemp("made") / "course")
    before = os.environ.get("COURSE_ROOT")
    os.environ["COURSE_ROOT"] = str(root)
    try:
        release(find_lesson("3"), record=True)
    finally:
        del os.environ["COURSE_ROOT"]
        if before is not None:
            os.environ["COURSE_ROOT"] = before
    return root / "classroom" / "gradebook.db"


@pytest.fixture
def classroom_3(course, gradebook_of_lesson_3) -> Path:
    """A course whose gradebook knows lesson 3."""
    (course / "classroom").mkdir(exist_ok=True)
    shutil.copy(gradebook_of_lesson_3, course / "classroom" / "gradebook.db")
    return course


def submit(root: Path, lesson: Lesson, student: str, answers: dict[str, str] | None = None, came: str = "") -> Path:
    """Put a submission with these answers among the collected ones; returns its folder."""
    folder = root / "classroom" / "submitted" / student / lesson.name
    text = notebooks.to_text(filled(lesson, answers))
    for name, content in {f"{lesson.name}.ipynb": text, **beside(lesson.name)}.items():
        notebooks.write(folder / name, content)
    if came:
        (folder / "timestamp.txt").write_text(came)
    return folder
