"""For instructors: release, collect, grade, feedback. Thin over nbgrader, in nbgrader's own folders."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from autograde.course import class_data, paths
from autograde.course.errors import CourseError, logged
from autograde.course.imports import NBGRADER
from autograde.course.kernels import environment
from autograde.course.lessons import Lesson, find_lesson
from autograde.course.release import release as release_notebooks

if TYPE_CHECKING:
    from autograde.grading.classes.schedule import Outcome
    from autograde.grading.job import GradeRequest
    from autograde.grading.records.course import Course


_LOGGED = re.compile(r"^\[\w+ \| \w+\] ")


def nbgrader(*args: str, check: bool = True) -> subprocess.CompletedProcess:
    """Run an nbgrader command in the course's folder; CourseError with its own reason if it fails."""
    command = [sys.executable, *NBGRADER, *args]
    run = subprocess.run(command, cwd=paths.root(), env=environment(), capture_output=True, text=True)
    if check and run.returncode:
        lines = [line for line in (run.stderr + run.stdout).splitlines() if line.strip()]
        # its last line says only that it has failed
        reasons = [_LOGGED.sub("", line) for line in lines if not line.endswith(" failed")]
        reason = logged(run.stderr) or (reasons[-1] if reasons else "it gave no reason")
        raise CourseError(f"`nbgrader {' '.join(args[:2])}` failed: {reason}")
    return run


def _needs_release(lesson: Lesson) -> None:
    if not paths.release_of(lesson).is_file():
        raise CourseError(f"{lesson.name} is not built. Run `course build {lesson.name}` first.")


# --- release --------------------------------------------------------------------------------------------------------


def release(lesson: Lesson, exchange: bool = False) -> Path:
    """Enter a graded lesson into the gradebook, and pack what learners get into a zip file; returns that file."""
    if not paths.solution_of(lesson).is_file():
        raise CourseError(f"{paths.solution_of(lesson)} is missing. Run `course build {lesson.name}` first.")
    release_notebooks(lesson, record=lesson.graded)
    _hide_solutions(lesson)
    target = class_data.folder("handout") / f"{lesson.name}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    source = paths.release_of(lesson).parent
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(source.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                archive.write(file, f"{lesson.name}/{file.relative_to(source).as_posix()}")
    if exchange:
        nbgrader("release_assignment", lesson.name, "--force")
    return target


def _hide_solutions(lesson: Lesson) -> None:
    """Where the instructor says so, the released notebook says that `solution(name)` shows nothing."""
    from autograde.course import notebooks
    from autograde.grading.records import course as courses

    if courses.load().show_solutions:
        return
    file = paths.release_of(lesson)
    notebook = notebooks.read(file)
    notebook.metadata["course"] = {"solutions_hidden": True}
    notebooks.write(file, notebooks.to_text(notebook))


# --- grade ----------------------------------------------------------------------------------------------------------


def grade(
    request: GradeRequest,
    *,
    on_start: Callable[[int], None] = lambda number: None,
    on_current: Callable[[list[str]], None] = lambda students: None,
) -> Iterator[Outcome]:
    """Grade what has been collected of a lesson, and what has changed since; the outcomes come as they are ready."""
    from autograde.grading.classes.schedule import grade_class
    from autograde.grading.records import course as courses

    lesson = find_lesson(request.lesson)
    _needs_release(lesson)
    course = courses.load()
    if course.students(lesson.name) and not _known(lesson, course):
        release_notebooks(lesson, record=True)
    yield from grade_class(request, course=course, on_start=on_start, on_current=on_current)


def _known(lesson: Lesson, course: Course) -> bool:
    """The gradebook knows the lesson's cells."""
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(course.db_url, course.course_id) as gradebook:
        try:
            return bool(gradebook.find_notebook(lesson.name, lesson.name).source_cells)
        except MissingEntry:
            return False


# --- feedback -------------------------------------------------------------------------------------------------------


def feedback(
    lesson: Lesson,
    student: str | None = None,
    jobs: int | None = None,
    on_pages: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Make the HTML feedback of all graded submissions, `jobs` processes side by side; returns the files.

    `on_pages` hears now and then how many pages are written, and how many there will be.
    """
    folder, graded = class_data.folder("feedback"), class_data.folder("autograded")
    students = sorted(path.parts[-3] for path in graded.glob(f"*/{lesson.name}/{lesson.name}.ipynb"))
    students = [name for name in students if student in (None, name)]
    files = [folder / name / lesson.name / f"{lesson.name}.html" for name in students]
    before = {file: file.stat().st_mtime_ns for file in files if file.is_file()}
    with ThreadPoolExecutor() as pool:
        commands = ["generate_feedback", lesson.name, "--force"]
        runs = [pool.submit(nbgrader, *commands, *share) for share in _shares(students, jobs or os.cpu_count() or 1)]
        while wait(runs, timeout=0.5).not_done:
            if on_pages:
                written = sum(file.is_file() and file.stat().st_mtime_ns != before.get(file) for file in files)
                on_pages(written, len(files))
    for run in runs:
        run.result()  # the others have written their pages by then
    return [file for file in files if file.is_file()]


@contextlib.contextmanager
def pages_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar for pages that are written: a function that takes how many there are, and how many there will be."""
    with tqdm(unit="page", disable=not sys.stderr.isatty(), leave=False) as bar:

        def on_pages(written: int, total: int) -> None:
            bar.total = total
            bar.update(written - bar.n)

        yield on_pages


def _shares(students: list[str], jobs: int) -> list[list[str]]:
    """The arguments with which nbgrader takes a share of these students, for each of its processes."""
    if len(students) == 1 or any("," in name for name in students):  # nbgrader separates names by commas
        return [["--student", students[0]] if len(students) == 1 else []]
    others = [set(students) - set(students[start::jobs]) for start in range(min(jobs, len(students)))]
    return [[f"--CourseDirectory.student_id_exclude={','.join(sorted(names))}"] for names in others]
