"""Take submissions in from folders and zip files. Nothing that somebody hands in stops the others or becomes theirs.

The folder, or the zip file, that a file came in says whose it is; a file's own name decides only where there is
neither. Of a submission the notebook and saved weights (`beside`) are stored, nothing else.
"""

from __future__ import annotations

import datetime
import io
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from autograde.course import attachments, class_data, notebooks, paths
from autograde.course.errors import CourseError
from autograde.course.files import LARGEST, File, Refused, archive_files, folder_files, open_archive, read_plain
from autograde.course.lessons import LESSONS, Lesson
from autograde.grading.notebook.read import Unreadable, parse_submission

_STUDENT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}$")
TIMESTAMP = "timestamp.txt"  # nbgrader's, where a file of somebody's folder came from there
_PACKED = (".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True)
class Collected:
    """One submission that was taken in, or the reason why it was not; notes on what was left out or repaired."""

    student: str
    place: str
    problem: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("student", "place", "problem"):
            object.__setattr__(self, name, _printable(getattr(self, name)))
        object.__setattr__(self, "notes", tuple(map(_printable, self.notes)))


def _printable(text: str) -> str:
    """A file's name may hold what a terminal obeys."""
    return "".join(char if char.isprintable() else "?" for char in text)


@dataclass
class Submission:
    """What a student handed in: the notebook (None if there is none), data files by name, notes."""

    notebook: bytes | None
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    place: str = ""


def collect(lesson: Lesson, sources: list[Path]) -> list[Collected]:
    """Take in submissions from folders and zip files.

    A submission is found by its place: `STUDENT/LESSON.ipynb`, `STUDENT/LESSON/LESSON.ipynb`, `STUDENT.zip` with the
    notebook inside, `STUDENT_LESSON.ipynb` or `STUDENT.ipynb`. One zip file may hold the whole class; of several zip
    files each is one student's. An older submission of the same student is kept in `classroom/collected`. Two different
    files for one student in one call are both refused. Raises CourseError for a source that does not exist.
    """
    for source in sources:
        if not source.exists():
            raise CourseError(f"{source} does not exist. Give a folder or a zip file with the submissions.")
    single = sum(source.is_file() for source in sources) > 1
    results: list[Collected] = []
    found: dict[str, list[File]] = {}
    with ExitStack() as stack:
        for source in sources:
            try:
                files, owner = _source(lesson, source, single, stack)
            except Refused as error:
                results.append(Collected(_without_lesson(source.stem, lesson), str(source), str(error)))
                continue
            for student, file in _owned(lesson, files, owner):
                found.setdefault(student, []).append(file)
        for student, files in sorted(found.items()):
            results += _take(lesson, student, files)
    return results


# --- whose is it? ---------------------------------------------------------------------------------------------------


def _source(lesson: Lesson, source: Path, single: bool, stack: ExitStack) -> tuple[list[File], str]:
    """The files of a source, and the one student to whom all of them belong, or "" for a class."""
    if source.is_dir():
        files = list(folder_files(source))
        alone = any(len(file.place.parts) == 1 and file.place.stem == lesson.name for file in files)
        return files, source.name if alone else ""
    name = _without_lesson(source.stem, lesson)
    files = list(archive_files(stack.enter_context(open_archive(source))))
    known = (class_data.folder("submitted") / name).is_dir()
    alone = any(len(_folders(lesson, file.place)) == 0 and file.place.stem == lesson.name for file in files)
    return files, name if single or known or alone else ""


def _owned(lesson: Lesson, files: list[File], owner: str) -> Iterator[tuple[str, File]]:
    """Each file with its student; "" for a file of nobody that is worth a note."""
    files = [file for file in files if not _hidden(file.place)]
    if owner:
        yield from ((owner, file) for file in files)
        return
    depths = [len(_folders(lesson, file.place)) for file in files if file.place.suffix in (".ipynb", ".zip")]
    level = min((depth for depth in depths if depth), default=1) - 1
    submitted = class_data.folder("submitted")
    for file in files:
        folders = _folders(lesson, file.place)
        known = folders and (submitted / folders[0]).is_dir() and _STUDENT.match(folders[0])
        if file.problem and ".." in file.place.parts:
            yield "", file
        elif folders:
            yield folders[0 if known else min(level, len(folders) - 1)], file
        elif file.place.suffix in (".ipynb", ".zip") and file.place.stem != lesson.name:
            yield _without_lesson(file.place.stem, lesson), file


def _folders(lesson: Lesson, place: PurePosixPath) -> list[str]:
    return [part for part in place.parent.parts if part not in (lesson.name, ".", "/")]


def _hidden(place: PurePosixPath) -> bool:
    """What a file manager or JupyterLab puts beside somebody's work."""
    if "__MACOSX" in place.parts:
        return True
    return any(part.startswith(".") and part != ".." and not part.startswith("..") for part in place.parts)


def _without_lesson(stem: str, lesson: Lesson) -> str:
    stem = re.sub(r"(\s*\(\d+\)|-Copy\d+)$", "", stem)
    return stem.replace(lesson.name, "").strip("_- ") or stem


# --- one student ----------------------------------------------------------------------------------------------------


def _take(lesson: Lesson, student: str, files: list[File]) -> list[Collected]:
    place = ", ".join(str(file.place) for file in files[:3])
    if not student:
        return [Collected("", str(file.place), file.problem) for file in files]
    notebook_like = [file for file in files if file.place.suffix in (".ipynb", ".zip", *_PACKED)]
    if not _STUDENT.match(student):
        return [Collected(student, place, "this is not a name that a folder can have")] if notebook_like else []
    try:
        with ExitStack() as stack:
            submission = _submission(lesson, _unpacked(files, stack))
            if submission.notebook is None:
                return [Collected(student, place, problem) for problem in submission.notes[:1] if notebook_like]
            _store(lesson, student, submission)
    except Refused as error:
        return [Collected(student, place, str(error))]
    except OSError as error:
        return [Collected(student, place, f"it could not be stored: {error.strerror}")]
    return [Collected(student, submission.place, notes=tuple(submission.notes))]


def _unpacked(files: list[File], stack: ExitStack) -> list[File]:
    """The files with those of a zip file in its place; a zip file inside that one is not opened."""
    result = []
    for file in files:
        if file.place.suffix == ".zip":
            archive = stack.enter_context(open_archive(io.BytesIO(file.read()), limited=True))
            result += [inner for inner in archive_files(archive, file.place) if not _hidden(inner.inside)]
        else:
            result.append(file)
    return result


def _submission(lesson: Lesson, files: list[File]) -> Submission:
    """The notebook of the lesson among one student's files, the data files beside it, and notes about the rest."""
    notes: list[str] = []
    files = [file for file in files if not _hidden(file.inside)]
    place, notebook = _notebook(lesson, [file for file in files if file.inside.suffix == ".ipynb"], notes)
    if place is None:
        return Submission(None, notes=notes or [_nothing(lesson, files)])
    data: dict[str, bytes] = {}
    left_out = attachments.Rejected()
    for file, name in _others(lesson, files, place.inside.parent):
        reason = file.problem or attachments.refusal(name, len(data))
        if not reason:
            try:
                data[name] = file.read(attachments.LARGEST)
            except Refused:
                reason = attachments.TOO_LARGE
        if reason:
            left_out.add(name, reason)
    return Submission(notebook, data, list(dict.fromkeys([*notes, *left_out.notes()])), str(place.place))


def _others(lesson: Lesson, files: list[File], folder: PurePosixPath) -> Iterator[tuple[File, str]]:
    """The files that are no notebook, with their names seen from the notebook's folder; without what the lesson itself
    brings, and without what belongs to other lessons."""
    release = paths.release_of(lesson).parent
    brought = {path.relative_to(release).as_posix() for path in release.rglob("*")} | {TIMESTAMP}
    elsewhere = {one.name for one in LESSONS} - {lesson.name}
    for file in files:
        inside = file.inside.is_relative_to(folder)
        name = str(file.inside.relative_to(folder)) if inside else f"../{file.inside.name}"
        if file.inside.suffix != ".ipynb" and name not in brought and not elsewhere & set(file.inside.parts):
            yield file, name


def _notebook(lesson: Lesson, files: list[File], notes: list[str]) -> tuple[File | None, bytes | None]:
    """The file of the lesson: by its exact name, else by a name with the lesson in it ("03_x (1).ipynb"), else by the
    lesson's cells in it. Refused if two different files have an equal claim."""
    others = {one.name for one in LESSONS} - {lesson.name}
    exact = [file for file in files if file.inside.stem == lesson.name]
    similar = [file for file in files if lesson.name in file.inside.stem and file not in exact]
    rest = [file for file in files if not any(name in file.inside.stem for name in (lesson.name, *others))]
    reasons: list[str] = []
    for candidates, sure in ((exact, True), (similar, True), (rest, False)):
        contents: dict[bytes, File] = {}
        for file in candidates:
            try:
                content = file.read()
            except Refused as error:
                reasons.append(f"`{file.inside.name}`: {error}")
                continue
            if sure or _has_cells_of(lesson, content):
                contents.setdefault(content, file)
        if len(contents) > 1:
            where = ", ".join(str(file.place) for file in contents.values())
            raise Refused(f"several different files for one student ({where}); keep one and collect again")
        for content, file in contents.items():
            if file.inside.stem != lesson.name:
                notes.append(f"The notebook was called `{file.inside.name}`; it was taken as `{lesson.name}.ipynb`.")
            if similar and candidates is exact:
                notes.append(f"`{similar[0].inside.name}` was left out: `{lesson.name}.ipynb` is there.")
            notes += [f"{reason}." for reason in reasons]
            return file, content
    notes += reasons
    return None, None


def _has_cells_of(lesson: Lesson, content: bytes) -> bool:
    try:
        release = notebooks.read(paths.release_of(lesson))
        cells = parse_submission(content).cells
    except (Unreadable, OSError):
        return False
    known = {notebooks.grade_id(cell) for cell in release.cells} - {""}
    return any(cell.grade_id in known for cell in cells)


def _nothing(lesson: Lesson, files: list[File]) -> str:
    packed = [file.inside.name for file in files if file.inside.suffix in _PACKED]
    if packed:
        return f"`{packed[0]}` is not a zip file; pack {lesson.name}.ipynb into a zip file"
    return f"there is no {lesson.name}.ipynb"


# --- storing --------------------------------------------------------------------------------------------------------


def _store(lesson: Lesson, student: str, submission: Submission) -> None:
    """Put a submission into nbgrader's folder; the one that it replaces is kept."""
    folder = class_data.folder("submitted") / student / lesson.name
    now = datetime.datetime.now(datetime.UTC)
    contents = {f"{lesson.name}.ipynb": submission.notebook, **submission.files}
    if folder.is_symlink() or folder.parent.is_symlink():
        raise Refused("its folder in `classroom/submitted` is a link; remove the link")
    if folder.exists():
        before = {p.name: read_plain(p, LARGEST) for p in folder.iterdir() if p.is_file() and p.name != TIMESTAMP}
        if before == contents:
            return
        keep = class_data.folder("collected") / student / lesson.name / now.strftime("%Y-%m-%d-%H%M%S-%f")
        keep.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, keep, symlinks=True)
        for file in folder.iterdir():
            if (file.is_file() or file.is_symlink()) and file.name not in contents:
                file.unlink()
    for name, content in contents.items():
        notebooks.write(folder / name, content)
    notebooks.write(folder / TIMESTAMP, now.strftime("%Y-%m-%d %H:%M:%S.%f UTC\n"))
