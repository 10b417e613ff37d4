"""The course as nbgrader's configuration describes it: folders, gradebook, late penalties."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from nbgrader.apps import NbGrader
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from traitlets import Bool, Float, Unicode
from traitlets.config import Configurable

from autograde.course import class_data, paths, people
from autograde.course.attachments import shown
from autograde.course.errors import CourseError
from autograde.course.lessons import LESSONS, UnknownLesson, find_lesson
from autograde.course.text import first_few
from autograde.grading.job import ALL, NEEDED, Limits, Options

LIMITS = Limits()
_SHOWN = 3  # places in one line
_DEEPEST = 4  # folders inside folders


class CourseGrader(Configurable):
    """How submissions are graded, for nbgrader_config.py: `c.CourseGrader.cell_seconds = 120`."""

    cell_seconds = Float(LIMITS.cell, help="seconds for one cell").tag(config=True)
    call_seconds = Float(LIMITS.call, help="seconds for one call of a check").tag(config=True)
    total_seconds = Float(LIMITS.total, help="seconds for one submission").tag(config=True)
    memory = Float(LIMITS.memory / 2**30, help="GiB for one submission").tag(config=True)
    all_cells = Bool(False, help="run also the cells that decide no grade").tag(config=True)
    carry_forward = Bool(True, help="a right answer that uses an earlier, wrong one has its points").tag(config=True)
    show_solutions = Bool(True, help="learners may look at a solution, `solution(name)`").tag(config=True)
    unsafe = Bool(False, help="grade where this machine cannot isolate submissions").tag(config=True)
    runtime = Unicode("", help="the OCI runtime of Podman or Docker for submissions, like runsc").tag(config=True)

    @property
    def options(self) -> Options:
        limits = replace(
            LIMITS,
            cell=self.cell_seconds,
            call=self.call_seconds,
            total=self.total_seconds,
            memory=int(self.memory * 2**30),
        )
        return Options(ALL if self.all_cells else NEEDED, self.unsafe, limits, self.carry_forward, self.runtime)


class Course:
    """Folders and settings of a course, read once."""

    def __init__(self, app, coursedir: CourseDirectory | None = None) -> None:
        """`app` is an nbgrader application whose configuration has been read."""
        self.coursedir = coursedir or CourseDirectory(parent=app)
        settings = CourseGrader(parent=app)
        self.options, self.show_solutions = settings.options, settings.show_solutions
        self.converter = Autograde(coursedir=self.coursedir, parent=app)
        self.penalties = AssignLatePenalties(parent=app)

    @property
    def root(self) -> Path:
        return Path(self.coursedir.root)

    @property
    def results(self) -> Path:
        return self.root / class_data.CLASSROOM / "results"

    @property
    def db_url(self) -> str:
        return self.coursedir.db_url

    @property
    def course_id(self) -> str:
        return self.coursedir.course_id

    def submitted(self, student: str, lesson: str) -> Path:
        return self._folder(self.coursedir.submitted_directory, student, lesson)

    def autograded(self, student: str, lesson: str) -> Path:
        return self._folder(self.coursedir.autograded_directory, student, lesson)

    def source(self, lesson: str) -> Path:
        return self._folder(self.coursedir.source_directory, ".", lesson)

    def release(self, lesson: str) -> Path:
        return self._folder(self.coursedir.release_directory, ".", lesson)

    def _folder(self, step: str, student: str, lesson: str) -> Path:
        return Path(self.coursedir.format_path(step, student, lesson))

    def students(self, lesson: str) -> list[str]:
        """Everybody who has a folder for this lesson among the submissions, by name."""
        return [name for name in self._folders(lesson) if not people.refusal(name)]

    def odd_names(self, lesson: str) -> dict[str, str]:
        """{name of a folder among the submissions that no student can have: why}."""
        odd = {name: people.refusal(name) for name in self._folders(lesson) if not name.startswith(".")}
        return {name: reason for name, reason in odd.items() if reason}

    def _folders(self, lesson: str) -> list[str]:
        start = self._students(lesson)
        if not start.is_dir():
            return []
        names = (entry.name for entry in os.scandir(start) if entry.is_dir(follow_symlinks=False))
        return sorted(name for name in names if self.submitted(name, lesson).is_dir())

    def _students(self, lesson: str) -> Path:
        """The folder with a folder for each student."""
        pattern = Path(self.coursedir.format_path(self.coursedir.submitted_directory, "*", lesson))
        above = pattern.parts.index("*") if "*" in pattern.parts else len(pattern.parts) - 2
        return Path(*pattern.parts[:above])

    def misplaced(self, lesson: str) -> list[str]:
        """What of a lesson lies in a wrong place among the submissions: a line for each kind, with the right place."""
        start = self._students(lesson)
        if self.submitted("*", lesson) != start / "*" / lesson:  # an order of the instructor's own
            return []
        assignments = {path.name for path in (*_inside(self.source("x").parent), *_inside(self.release("x").parent))}
        found: dict[str, list[str]] = {}
        for place in _strays(start, assignments):
            lessons = _lessons_of(place)
            if lesson in lessons or not lessons:
                found.setdefault(_remedy(place, lesson), []).append(shown("/".join(place)))
        links = [shown(entry.name) for entry in _inside(start) if entry.is_symlink() and (entry / lesson).is_dir()]
        if links:
            found["Links are not followed: put the folders themselves there"] = links
        return [f"Not graded, in {start}: {first_few(places, _SHOWN)}. {remedy}." for remedy, places in found.items()]


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _strays(start: Path, assignments: set[str]) -> Iterator[tuple[str, ...]]:
    """The places of notebooks and archives that are in no STUDENT/ASSIGNMENT/."""
    for here, folders, names in os.walk(start):
        inside = Path(here).relative_to(start).parts
        graded = set()
        if len(inside) == 1:  # on some systems capitals do not count
            small = (name for name in folders if name.casefold() in assignments)
            graded = {*assignments, *(name for name in small if Path(here, name.casefold()).is_dir())}
        entered = [name for name in folders if not name.startswith(".") and name not in graded]
        folders[:] = sorted(entered) if len(inside) < _DEEPEST else []
        for name in sorted(names):
            if name.casefold().endswith((".ipynb", ".zip")) and not name.startswith("."):
                yield (*inside, name)


def _lessons_of(place: tuple[str, ...]) -> set[str]:
    """The lessons that a place names. The first folder may be that of a student called 3."""
    found = {lesson.name for lesson in LESSONS for part in place if lesson.name in part.casefold()}
    for part in place[1:]:
        with contextlib.suppress(UnknownLesson):
            found.add(find_lesson(part).name)
    return found


def _remedy(place: tuple[str, ...], lesson: str) -> str:
    if place[-1].casefold().endswith(".zip"):
        return f"`course collect {lesson} FILE` takes archives in"
    if place[0] == lesson:
        return f"The student's folder comes first: STUDENT/{lesson}/{lesson}.ipynb"
    return f"The place of a notebook is STUDENT/{lesson}/{lesson}.ipynb"


def load(root: Path | None = None, quiet: bool = True) -> Course:
    """The course in a folder (`paths.root()`); CourseError where its gradebook's address cannot be used."""
    before = os.getcwd()
    os.chdir(root or paths.root())
    try:
        app = NbGrader()
        app.load_config_file()
        if quiet:
            app.log.setLevel("WARNING")  # it tells of every file and every permission
        course = Course(app)
    finally:
        os.chdir(before)
    check_address(course.db_url)
    return course


def check_address(db_url: str) -> None:
    """CourseError where SQLAlchemy has no driver for this address.

    `postgresql://` names no driver; which one SQLAlchemy then takes depends on its version (psycopg2 until 2.0,
    psycopg from 2.1 on).
    """
    try:
        url = make_url(db_url)
        url.get_dialect().import_dbapi()
    except ArgumentError:
        raise CourseError(f"{db_url!r} is not a valid database URL. Correct `db_url` in nbgrader_config.py.") from None
    except ImportError as error:
        remedy = f"Install {error.name}"
        if url.get_backend_name() == "postgresql":
            remedy = "Write `postgresql+psycopg2://…` in `db_url`, and install psycopg2-binary"
        raise CourseError(f"The gradebook's address needs the Python package {error.name!r}. {remedy}.") from None
