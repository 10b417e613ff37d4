"""For instructors: release, collect, grade, feedback, export. Thin over nbgrader, in nbgrader's own folders."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from autograde import build, paths
from autograde.errors import CourseError
from autograde.lessons import Lesson


def nbgrader(*args: str, check: bool = True) -> subprocess.CompletedProcess:
    """Run an nbgrader command in the course's folder; CourseError with its last words if it fails."""
    command = [sys.executable, "-m", "nbgrader", *args]
    run = subprocess.run(command, cwd=paths.root(), env=build.environment(), capture_output=True, text=True)
    if check and run.returncode:
        words = [line for line in (run.stderr + run.stdout).splitlines() if line.strip()]
        raise CourseError(f"`nbgrader {' '.join(args)}` failed: {words[-1] if words else 'it gave no reason'}")
    return run


def _needs_release(lesson: Lesson) -> None:
    if not paths.release_of(lesson).is_file():
        raise CourseError(f"{lesson.name} is not built. Run `course build {lesson.name}` first.")


# --- release --------------------------------------------------------------------------------------------------------


def release(lesson: Lesson, exchange: bool = False) -> Path:
    """Enter the lesson into the gradebook, and pack what learners get into a zip file; returns that file."""
    if not paths.solution_of(lesson).is_file():
        raise CourseError(f"{paths.solution_of(lesson)} is missing. Run `course build {lesson.name}` first.")
    build.release(lesson, record=True)
    target = paths.class_folder("handout") / f"{lesson.name}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    source = paths.release_of(lesson).parent
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(source.rglob("*")):
            if file.is_file() and not file.name.startswith("."):
                archive.write(file, f"{lesson.name}/{file.relative_to(source).as_posix()}")
    if exchange:
        nbgrader("release_assignment", lesson.name, "--force")
    return target


# --- collect --------------------------------------------------------------------------------------------------------


def collect_from_exchange(lesson: Lesson) -> None:
    nbgrader("collect", lesson.name)


# --- grade ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Graded:
    student: str
    score: float
    most: float
    review: bool
    problem: str = ""


def grade(lesson: Lesson, student: str | None = None, force: bool = False) -> list[Graded]:
    """Run `nbgrader autograde`, then read the scores from the gradebook."""
    _needs_release(lesson)
    submitted = paths.class_folder("submitted")
    students = [student] if student else sorted(p.name for p in submitted.glob("*") if (p / lesson.name).is_dir())
    if not students:
        raise CourseError(f"There are no submissions of {lesson.name} in {submitted}. Run `course collect` first.")
    ready, problems = [], {}
    for name in students:
        file = submitted / name / lesson.name / f"{lesson.name}.ipynb"
        if file.is_file():
            ready.append(name)
        else:
            problems[name] = f"there is no {file.name} in the submission"
    _know(lesson, students)
    if ready:
        args = ["autograde", lesson.name, *(["--force"] if force else []), *(["--student", student] if student else [])]
        run = nbgrader(*args, check=False)
        if run.returncode and not re.search("error processing assignment", run.stderr):
            words = [line for line in run.stderr.splitlines() if line.strip()]
            raise CourseError(f"`nbgrader autograde` failed: {words[-1] if words else 'it gave no reason'}")
        for line in run.stderr.splitlines():
            match = re.search(r"error processing assignment '.*?' for student '(.*?)'", line)
            if match:
                problems[match.group(1)] = "nbgrader could not grade it; `nbgrader autograde` shows why"
    return [_graded(lesson, name, problems.get(name, "")) for name in students]


def _know(lesson: Lesson, students: list[str]) -> None:
    """The gradebook knows the lesson and all students, also those whose submission lacks the notebook."""
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(db_url()) as gradebook:
        try:
            known = bool(gradebook.find_assignment(lesson.name).notebooks)
        except MissingEntry:
            known = False
    if not known:
        build.release(lesson, record=True)
    with Gradebook(db_url()) as gradebook:
        for student in students:
            gradebook.update_or_create_student(student)


def _graded(lesson: Lesson, student: str, problem: str) -> Graded:
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(db_url()) as gradebook:
        most = gradebook.find_assignment(lesson.name).max_score
        try:
            submission = gradebook.find_submission(lesson.name, student)
        except MissingEntry:
            return Graded(student, 0.0, most, False, problem or "nothing was submitted")
        return Graded(student, submission.score, most, bool(submission.needs_manual_grade), problem)


def db_url() -> str:
    """The gradebook's address as nbgrader's configuration gives it."""
    import os

    from nbgrader.apps import NbGrader
    from nbgrader.coursedir import CourseDirectory

    before = os.getcwd()
    os.environ.update(PATH=build.environment()["PATH"])
    os.chdir(paths.root())
    try:
        app = NbGrader()
        app.load_config_file()
        return CourseDirectory(parent=app).db_url
    finally:
        os.chdir(before)


# --- feedback, export -----------------------------------------------------------------------------------------------


def feedback(lesson: Lesson, student: str | None = None) -> list[Path]:
    """Make the HTML feedback of all graded submissions; returns the files."""
    args = ["generate_feedback", lesson.name, "--force", *(["--student", student] if student else [])]
    nbgrader(*args)
    folder = paths.class_folder("feedback")
    return sorted(folder.glob(f"{student or '*'}/{lesson.name}/{lesson.name}.html"))


def export(target: Path | None = None) -> Path:
    """Write all grades into a CSV file, one row for each student and lesson."""
    target = (target or paths.class_folder("export") / "grades.csv").resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    nbgrader("export", f"--to={target}")
    return target
