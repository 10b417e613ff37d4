"""For instructors: release, collect, grade, feedback, export. Thin over nbgrader, in nbgrader's own folders."""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograde import build, notebooks, paths
from autograde.errors import CourseError
from autograde.lessons import Lesson

LARGEST = 64 * 2**20  # bytes of one member of an archive


def nbgrader(*args: str, check: bool = True) -> subprocess.CompletedProcess:
    """Run an nbgrader command in the course's folder; CourseError with its last words if it fails."""
    command = [sys.executable, "-m", "nbgrader", *args]
    run = subprocess.run(command, cwd=paths.root(), env=build.environment(), capture_output=True, text=True)
    if check and run.returncode:
        words = [line for line in (run.stderr + run.stdout).splitlines() if line.strip()]
        raise CourseError(f"`nbgrader {' '.join(args)}` failed: {words[-1] if words else 'it gave no reason'}")
    return run


def _class_folder(name: str) -> Path:
    return paths.root() / "autograde" / name


def _needs_release(lesson: Lesson) -> None:
    if not paths.release_of(lesson).is_file():
        raise CourseError(f"{lesson.name} is not built. Run `course build {lesson.name}` first.")


# --- release --------------------------------------------------------------------------------------------------------


def release(lesson: Lesson, exchange: bool = False) -> Path:
    """Enter the lesson into the gradebook, and pack what learners get into a zip file; returns that file."""
    if not paths.solution_of(lesson).is_file():
        raise CourseError(f"{paths.solution_of(lesson)} is missing. Run `course build {lesson.name}` first.")
    build.release(lesson, record=True)
    target = _class_folder("handout") / f"{lesson.name}.zip"
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


@dataclass(frozen=True)
class Collected:
    """One submission that was taken in, or the reason why it was not."""

    student: str
    place: str
    problem: str = ""


_STUDENT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}$")


def collect(lesson: Lesson, sources: list[Path]) -> list[Collected]:
    """Take in submissions from folders and zip files.

    A submission is found by its place: `STUDENT/LESSON.ipynb`, `STUDENT/LESSON/LESSON.ipynb`, `STUDENT.ipynb`,
    `STUDENT_LESSON.ipynb`, or `STUDENT.zip` with the notebook inside. An older submission of the same student is kept
    beside the new one, in `autograde/collected`. Two different files for one student in one call are both refused.
    """
    found: dict[str, list[tuple[str, bytes]]] = {}
    results = []
    for source in sources:
        if not source.exists():
            raise CourseError(f"{source} does not exist. Give a folder or a zip file with the submissions.")
        for place, student, data in _submissions(lesson, source):
            if data is None:
                results.append(Collected(student, place, "it could not be read, or is larger than 64 MiB"))
            elif not _STUDENT.match(student):
                results.append(Collected(student, place, "this is not a name that a folder can have"))
            else:
                found.setdefault(student, []).append((place, data))
    for student, files in sorted(found.items()):
        if len({data for _, data in files}) > 1:
            where = ", ".join(place for place, _ in files)
            results.append(
                Collected(student, where, "several different files for one student; keep one and collect again")
            )
        else:
            _store(lesson, student, files[0][1])
            results.append(Collected(student, files[0][0]))
    return results


def _submissions(lesson: Lesson, source: Path) -> Iterator[tuple[str, str, bytes | None]]:
    """(place, student, content) of each notebook of the lesson; content None if it could not be read."""
    if source.is_dir():
        for file in sorted(source.rglob("*")):
            if file.is_symlink() or not file.is_file():
                continue
            place = file.relative_to(source)
            yield from _member(lesson, PurePosixPath(place.as_posix()), lambda f=file: _read(f), source.name)
    else:
        yield from _archive(lesson, source, source.stem)


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes() if file.stat().st_size <= LARGEST else None
    except OSError:
        return None


def _archive(lesson: Lesson, file, owner: str) -> Iterator[tuple[str, str, bytes | None]]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError):
        yield str(getattr(file, "name", file)), owner, None
        return
    with archive:
        for member in archive.infolist():
            place = PurePosixPath(member.filename)
            if member.is_dir() or place.is_absolute() or ".." in place.parts:
                continue
            yield from _member(lesson, place, lambda m=member: _unzip(archive, m), owner)


def _unzip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    try:
        with archive.open(member) as stream:
            data = stream.read(LARGEST + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError):
        return None  # damaged, cut off, encrypted, or packed in a way that Python cannot unpack
    return data if len(data) <= LARGEST else None


def _member(lesson: Lesson, place: PurePosixPath, read: Callable[[], bytes | None], owner: str):
    import io

    if "__MACOSX" in place.parts or place.name.startswith("."):
        return
    if place.suffix == ".zip":
        data = read()
        student = place.stem if place.stem != lesson.name else (place.parent.name or owner)
        student = _without_lesson(student, lesson)
        if data is None:
            yield str(place), student, None
        else:
            for inner, _, content in _archive(lesson, io.BytesIO(data), student):
                yield f"{place}: {inner}", student, content
    elif place.suffix == ".ipynb":
        student = _owner(lesson, place, owner)
        if student:
            yield str(place), student, read()


def _owner(lesson: Lesson, place: PurePosixPath, archive: str) -> str:
    """The folder that a notebook came in says whose it is; where there is none, its name does."""
    folders = [part for part in place.parent.parts if part not in (lesson.name, ".")]
    if place.stem == lesson.name:
        return folders[-1] if folders else _without_lesson(archive, lesson)
    if lesson.name in place.stem:
        return folders[-1] if folders else _without_lesson(place.stem, lesson)
    return "" if folders else place.stem


def _without_lesson(stem: str, lesson: Lesson) -> str:
    return stem.replace(lesson.name, "").strip("_- ") or stem


def _store(lesson: Lesson, student: str, data: bytes) -> None:
    folder = _class_folder("submitted") / student / lesson.name
    file = folder / f"{lesson.name}.ipynb"
    now = datetime.datetime.now(datetime.UTC)
    if file.exists():
        if file.read_bytes() == data:
            return
        keep = _class_folder("collected") / student / lesson.name / now.strftime("%Y-%m-%d-%H%M%S-%f")
        keep.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, keep)
    notebooks.write(file, data)
    notebooks.write(folder / "timestamp.txt", now.strftime("%Y-%m-%d %H:%M:%S.%f UTC\n"))


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
    submitted = _class_folder("submitted")
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
    folder = _class_folder("feedback")
    return sorted(folder.glob(f"{student or '*'}/{lesson.name}/{lesson.name}.html"))


def export(target: Path | None = None) -> Path:
    """Write all grades into a CSV file, one row for each student and lesson."""
    target = (target or _class_folder("export") / "grades.csv").resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    nbgrader("export", f"--to={target}")
    return target
