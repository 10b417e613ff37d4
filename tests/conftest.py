"""Shared by all tests: a course of one's own in a temporary folder, and submissions filled in by script."""

from __future__ import annotations

import copy
import os
import shutil
import signal
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from attacks.weights import beside
from autograde.author.prove import equivalent, record
from autograde.course import notebooks
from autograde.course.lessons import GRADED, LESSONS, Lesson, find_lesson
from autograde.course.release import release
from autograde.exercise import Exercise

ROOT = Path(__file__).resolve().parent.parent
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell that starts the tests in the background ignores Ctrl+C
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what they start can be interrupted all the same
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


@pytest.fixture
def unless_proven(pytestconfig) -> Callable[[Exercise], None]:
    """Skips the proof of an exercise that `course prove --full` has proven as it is now; never with `--full`."""
    reasons = equivalent.read()

    def skip(exercise: Exercise) -> None:
        if not pytestconfig.option.full and record.is_proven(exercise, reasons):
            pytest.skip("proven as it is by `course prove --full`")

    return skip


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
def runner():
    """The warm process of this process, which grades submissions in isolation."""
    from autograde.grading.grade import warm_runner
    from autograde.grading.sandbox.warm import Unsafe

    try:
        return warm_runner()
    except Unsafe as error:
        no_isolation(error)


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills, in the first of pytest's workers that needs it; the others take it from there."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / f"{name}.lock"):
        if not (shared / name).is_dir():
            making = tmp_path_factory.mktemp(name)
            make(making)
            making.rename(shared / name)
    return shared / name


def gradebook_of(tmp_path_factory: pytest.TempPathFactory, name: str, *lessons: Lesson) -> Path:
    """A gradebook that knows these lessons, made once."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COURSE_ROOT", str(copy_course(folder / "course")))
            release(*lessons, record=True)

    return made_once(tmp_path_factory, name, make) / "course" / "classroom" / "gradebook.db"


@pytest.fixture(scope="session")
def gradebook_of_lesson_3(tmp_path_factory) -> Path:
    return gradebook_of(tmp_path_factory, "gradebook-3", find_lesson("3"))


@pytest.fixture(scope="session")
def gradebook_of_all_lessons(tmp_path_factory) -> Path:
    return gradebook_of(tmp_path_factory, "gradebook-all", *GRADED)


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
