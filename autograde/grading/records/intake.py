"""Make a `Job` of each submission in nbgrader's folders. Runs nothing and follows no link."""

from __future__ import annotations

import datetime
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry

from autograde.course import attachments, class_data, notebooks, times
from autograde.course.attachments import SECRET, TIMESTAMP, shown
from autograde.course.errors import CourseError
from autograde.grading.job import DEFAULT, Job, Options
from autograde.grading.notebook.cells import checked_name
from autograde.grading.notebook.read import LARGEST
from autograde.grading.records import fingerprints, seeds
from autograde.grading.records.course import Course
from autograde.grading.records.seeds import secret

TOTAL = 128 * 2**20  # bytes of all files that a lesson brings
DEEPEST = 4  # folders inside folders
PICTURES = "figures"  # pictures that a lesson's text shows; no code reads them


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What all submissions of a notebook have in common, read once.

    lesson, notebook  names of nbgrader's assignment and of its notebook (in this course the same)
    release           the released notebook, as JSON text
    locked            {grade id: source} of locked cells that differ from the release (hidden tests)
    files             {name: content} of data files that the lesson brings
    secret            the course's secret
    alone             the assignment has no other notebook
    """

    lesson: str
    notebook: str
    release: str
    locked: dict[str, str]
    files: dict[str, bytes]
    secret: bytes
    alone: bool = True

    @property
    def record(self) -> str:
        """The folder of the records of its gradings."""
        return self.lesson if self.alone else f"{self.lesson}/{self.notebook}"

    @property
    def fingerprint(self) -> str:
        locked = [text for pair in sorted(self.locked.items()) for text in pair]
        return fingerprints.of_text(self.release, *locked, fingerprints.of_files(self.files))


@dataclass(frozen=True)
class Submission:
    """One gathered submission.

    submitted    when it came (UTC, without zone, as in nbgrader's gradebook), or None
    fingerprint  of everything in it that can decide a grade
    """

    job: Job
    submitted: datetime.datetime | None
    fingerprint: str


@dataclass
class _Found:
    """What lies in a submission's folder."""

    notebooks: dict[str, bytes | None] = field(default_factory=dict)
    deeper: list[str] = field(default_factory=list)  # notebooks in folders, which are not graded
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    left_out: attachments.Rejected = field(default_factory=attachments.Rejected)


def material(course: Course, lesson: str, notebook: str | None = None) -> Assignment:
    """Read the release and the gradebook; CourseError where the lesson is not released."""
    notebook = notebook or lesson
    folder = course.release(lesson)
    file = folder / f"{notebook}.ipynb"
    if not file.is_file():
        raise CourseError(f"{lesson} is not built. Run `course build {lesson}` first.")
    release = file.read_text(encoding="utf-8")
    with Gradebook(course.db_url, course.course_id) as gradebook:
        try:
            alone = len(gradebook.find_assignment(lesson).notebooks) == 1
            cells = gradebook.find_notebook(notebook, lesson).source_cells
            sources = {cell.name: cell.source for cell in cells if cell.locked and cell.source is not None}
        except MissingEntry:
            raise CourseError(f"The gradebook does not know {lesson}. Run `course release {lesson}` first.") from None
    released = {notebooks.grade_id(cell): cell.source for cell in notebooks.read(file).cells}
    locked = {name: source for name, source in sources.items() if released.get(name) != source}
    return Assignment(
        lesson=lesson,
        notebook=notebook,
        release=release,
        locked=locked,
        files=_brought(folder),
        secret=secret(course.root / class_data.CLASSROOM),
        alone=alone,
    )


def _brought(folder: Path) -> dict[str, bytes]:
    """The data files of a release."""
    files: dict[str, bytes] = {}
    for name, path in _walk(folder, _Found()):
        if Path(name).suffix != ".ipynb" and not name.startswith(f"{PICTURES}/"):
            data = _read(path, TOTAL - sum(map(len, files.values())))
            if data is None:
                raise CourseError(f"{path} cannot be read, or the lesson's files have more than {TOTAL // 2**20} MiB.")
            files[name] = data
    return files


def gather(course: Course, common: Assignment, student: str, options: Options = DEFAULT) -> Submission:
    """The submission of one student. Raises OSError where the folder or a file in it cannot be read, which is a fault
    of the machine, and nothing because of what is in them."""
    folder = course.submitted(student, common.lesson)
    found = _Found()
    submitted = None
    if folder.is_symlink() or not folder.is_dir():
        found.notes.append("The folder of the submission is missing, or is a symbolic link.")
    else:
        _look(folder, common, found)
        found.notes += found.left_out.notes()
        submitted = submitted_at(folder, found.notes)
    notebook = _choose(common, found)
    files = {**found.files, **common.files}
    fingerprint = fingerprints.of_bytes(
        b"none" if notebook is None else b"notebook",
        notebook or b"",
        fingerprints.of_files(found.files).encode(),
        "\n".join(found.notes).encode("utf-8", "replace"),
    )
    key = seeds.set_key(common.secret, student, common.lesson, fingerprint)
    job = Job(
        lesson=common.lesson,
        student=student,
        notebook=notebook,
        release=common.release,
        key=key,
        files=files,
        locked=common.locked,
        options=options,
        notes=tuple(found.notes),
    )
    return Submission(job, submitted, fingerprint)


def local_job(lesson: str, file: Path, release: str, options: Options) -> Job:
    """The job of a learner's own notebook, with what may come along as attachments."""
    found = _Found()
    for name, path in _walk(file.parent, found):
        if path.suffix.lower() != ".ipynb" and not name.startswith(f"{PICTURES}/"):
            _take(found, name, path)
    return Job(
        lesson=lesson,
        student="local",
        notebook=_read(file, LARGEST),
        release=release,
        key=seeds.LOCAL_KEY,
        files=found.files,
        options=options,
    )


def checked(common: Assignment) -> list[str]:
    """The names of the exercises that the notebook's cells check."""
    release = nbformat.reads(common.release, as_version=4)
    found = [checked_name(cell) for cell in release.cells]
    return [taken for taken in found if taken is not None]


def _look(folder: Path, common: Assignment, found: _Found) -> None:
    for name, path in _walk(folder, found):
        if path.suffix.lower() == ".ipynb":
            if "/" in name:
                found.deeper.append(name)
            else:
                found.notebooks[name] = _read(path, LARGEST)
        elif name not in (TIMESTAMP, SECRET) and name not in common.files and not name.startswith(f"{PICTURES}/"):
            _take(found, name, path)


def _walk(folder: Path, found: _Found, above: str = "", depth: int = 0) -> Iterator[tuple[str, Path]]:
    """(name relative to the folder, path) of ordinary files, in order of name."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = above + entry.name
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        if entry.is_symlink():
            found.left_out.add(name, "it is a link, and links are not followed")
        elif not entry.name.isprintable():  # a line break, or bytes that are no text
            found.left_out.add(name, attachments.ODD_NAME)
        elif entry.is_dir(follow_symlinks=False):
            if depth + 1 < DEEPEST:
                try:
                    yield from _walk(Path(entry.path), found, f"{name}/", depth + 1)
                except OSError as error:
                    found.left_out.add(name, f"it could not be read ({error.strerror})")
            else:
                found.left_out.add(name, "the folder lies too deep")
        elif entry.is_file(follow_symlinks=False):
            yield name, Path(entry.path)
        else:
            found.left_out.add(name, "it is not an ordinary file")


def _take(found: _Found, name: str, path: Path) -> None:
    reason = attachments.refusal(name, len(found.files))
    data = None if reason else _read(path, attachments.LARGEST)
    if data is not None:
        found.files[name] = data
    else:
        found.left_out.add(name, reason or attachments.TOO_LARGE)


def _read(path: Path, largest: int) -> bytes | None:
    """The content of an ordinary file of at most `largest` bytes, else None. Waits for no pipe and follows no link.
    OSError where the machine cannot read it."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
        with open(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            data = stream.read(largest + 1)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            return None
        raise
    return data if len(data) <= largest else None


def _choose(common: Assignment, found: _Found) -> bytes | None:
    """The notebook to grade: the one of the right name, else the only one, with a note."""
    wanted = f"{common.notebook}.ipynb"
    name = wanted
    if wanted not in found.notebooks:
        names = list(found.notebooks)
        if len(names) != 1 or not common.alone:
            there = [*names, *found.deeper]
            others = f" There are: {', '.join(map(shown, there[:5]))}." if there else ""
            found.notes.append(f"There is no {wanted} in the submission.{others}")
            return None
        name = names[0]
        found.notes.append(f"The notebook was called {shown(name)}; it was taken as {wanted}.")
    if found.notebooks[name] is None:
        found.notes.append(f"{shown(name)} could not be read, or has more than {LARGEST // 2**20} MiB.")
    return found.notebooks[name]


def submitted_at(folder: Path, notes: list[str]) -> datetime.datetime | None:
    """When it was submitted, from nbgrader's file; with a note where that cannot be read."""
    file = folder / TIMESTAMP
    if not os.path.lexists(file):
        return None
    try:
        return times.read((_read(file, 1000) or b"").decode("utf-8-sig"), local=False)
    except ValueError:
        notes.append(f"{TIMESTAMP} could not be read; when this was submitted is not known.")
        return None
