"""Shared by all tests: a course of one's own in a temporary folder, and submissions filled in by script."""

from __future__ import annotations

import copy
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from autograde import notebooks
from autograde.lessons import LESSONS, Lesson

ROOT = Path(__file__).resolve().parent.parent


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
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"))
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


def solution_cells(notebook):
    return [cell for cell in notebook.cells if notebooks.nbgrader_data(cell).get("solution")]


@pytest.fixture(params=LESSONS, ids=lambda lesson: lesson.name)
def lesson(request) -> Lesson:
    return request.param
