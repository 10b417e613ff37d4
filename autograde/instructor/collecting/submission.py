"""Which of somebody's files is the submission: the lesson's notebook, and the weights beside it."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePosixPath

from autograde.course import attachments, paths
from autograde.course.attachments import SECRET, TIMESTAMP, shown
from autograde.course.files import LARGEST, Refused, archive_files, open_archive
from autograde.course.lessons import LESSONS, Lesson
from autograde.course.text import decode, first_few
from autograde.grading.notebook.read import Unreadable, parse_submission
from autograde.instructor.collecting import sources
from autograde.instructor.collecting.sources import Handed, Person

_PACKED = (".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_SHOWN = 3  # names in one line
_SOLUTION = "it is the course's own solution"
_SMALL = 2 * 2**20  # bytes of a lesson as it was handed out, with all that its cells show
_GRADE_ID = re.compile(r'"grade_id"\s*:\s*"([^"\\]{1,200})"')


@dataclass(kw_only=True)
class Submission:
    """What a student handed in.

    notebook   its content; None where there is none, and `reason` says why
    files      data files by name
    source     the file that was taken as the notebook
    nbgraders  the texts of nbgrader's own files beside it, by name
    """

    notebook: bytes | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    source: Handed | None = None
    nbgraders: dict[str, str] = field(default_factory=dict)
    reason: str = ""


class _Reader:
    """Reads one student's files, at most 64 MiB of them together: what is packed costs no memory before it is taken."""

    def __init__(self) -> None:
        self._left = LARGEST

    def read(self, file: Handed, limit: int = LARGEST) -> bytes:
        if self._left <= 0:
            raise Refused(f"the files before it have {LARGEST // 2**20} MiB together")
        data = file.read(min(limit, LARGEST))
        self._left -= len(data)
        return data


def choose(lesson: Lesson, person: Person) -> Submission:
    """The submission among one student's files.

    Raises Refused where two different files have an equal claim.
    """
    reader = _Reader()
    with ExitStack() as stack:
        unpacked = list(_unpacked(person.files, stack))
        files = [file for file in unpacked if not sources.hidden(file.inside)]
        notes: list[str] = []
        files = _newest(lesson, files, reader, notes)
        try:
            taken = _notebook(lesson, [file for file in files if not file.is_folder], reader, notes)
        except Refused as error:
            raise Refused(f"{error}. {person.hint}" if person.hint else str(error)) from None
        if taken is None:
            return Submission(reason="; ".join(notes) or _nothing(lesson, files, unpacked))
        file, content = taken
        if what := _doubt(lesson, content):
            notes.append(f"{shown(file.inside.name)} {what}; it is graded as it is.")
        submission = Submission(notebook=content, notes=notes, source=file)
        _attach(lesson, files, file, submission)
        return submission


def _doubt(lesson: Lesson, content: bytes) -> str:
    """What speaks against a notebook, "" for nothing."""
    try:
        text = decode(content).strip()
    except ValueError:
        return "is no text in a known encoding"
    if not (text.startswith("{") and text.endswith("}")):  # one JSON object
        return "is cut off, or no notebook at all"
    return "has no cell marked as this lesson's" if _release(lesson) and not _has_cells_of(lesson, content) else ""


def _unpacked(files: list[Handed], stack: ExitStack) -> Iterator[Handed]:
    """The files with those of an archive in its place, or with its problem; one inside that one is not opened."""
    for file in files:
        if file.is_folder or not sources.is_archive(file.inside.name):
            yield file
            continue
        try:
            archive = stack.enter_context(open_archive(io.BytesIO(file.read()), limited=True))
            inner = list(archive_files(archive, file.place))
        except Refused as error:  # the notebook may be beside it
            yield replace(file, problem=str(error))
            continue
        for member in inner:
            yield replace(file, **{item.name: getattr(member, item.name) for item in fields(member)})


def _newest(lesson: Lesson, files: list[Handed], reader: _Reader, notes: list[str]) -> list[Handed]:
    """The files of the last attempt that has a notebook, where the platform gives several."""
    attempts = sorted({file.time for file in files if file.time is not None}, reverse=True)
    for time in attempts if len(attempts) > 1 else ():
        last = [file for file in files if file.time in (time, None)]
        if any(_is_notebook(lesson, file, reader) for file in last):
            notes.append(f"{len(attempts)} attempts were handed in; the last one with a notebook was taken.")
            files = last
            break
    newest: dict[str, Handed] = {}
    for file in files:
        name = file.inside.as_posix().casefold()
        if name not in newest or file.order >= newest[name].order:
            newest[name] = file
    kept = {id(file) for file in newest.values()}
    older = [file for file in files if file.order and id(file) not in kept]
    if older:
        notes.append(f"{shown(older[0].inside.name)} was uploaded again; the last upload was taken.")
    return [file for file in files if not file.order or id(file) in kept]


def _is_notebook(lesson: Lesson, file: Handed, reader: _Reader) -> bool:
    """By its name; what has another ending has to have the lesson's cells."""
    name = file.inside.name
    if sources.is_notebook(name) or file.is_folder or not sources.may_be_notebook(name):
        return sources.is_notebook(name)
    try:
        return _has_cells_of(lesson, reader.read(file))
    except Refused:
        return False


def _notebook(lesson: Lesson, files: list[Handed], reader: _Reader, notes: list[str]) -> tuple[Handed, bytes] | None:
    """The student's notebook of the lesson; one of the course's own, which came with its folder, where that is all."""
    own = _courses(lesson, files, reader) if len(files) > 1 else {}
    others = [file for file in files if id(file) not in own]
    if own:
        said: list[str] = []
        taken = _among(lesson, others, reader, said)
        if taken is not None:
            notes += [*said, *(f"{shown(str(file.inside))} was left out: {what}." for file, what in own.values())]
            return taken
        first, what = next(iter(own.values()))
        others.append(first)
        if what == _SOLUTION:
            notes.append(f"Of {lesson.name} there is only {shown(str(first.inside))}: {what}.")
    return _among(lesson, others, reader, notes)


def _courses(lesson: Lesson, files: list[Handed], reader: _Reader) -> dict[int, tuple[Handed, str]]:
    """What is nobody's answer, by its identity, with what it is: the lesson as it was handed out, then its solution."""
    found: dict[int, tuple[Handed, str]] = {}
    solutions: dict[int, tuple[Handed, str]] = {}
    for file in files:
        name = file.inside.name
        if not sources.is_notebook(name) or _of_another(lesson, name):
            continue
        if file.inside.parts[-3:] == paths.solution_of(lesson).parts[-3:]:
            solutions[id(file)] = file, _SOLUTION
        elif _is_untouched(lesson, file, reader):
            found[id(file)] = file, "it is as it was handed out"
    return found | solutions


def _is_untouched(lesson: Lesson, file: Handed, reader: _Reader) -> bool:
    """Its answers are those of the release, whatever else has changed since: it was opened, or the text is older."""
    try:
        texts = reader.read(file, _SMALL), _release(lesson)
        answers, released = (
            {cell.grade_id: cell.source for cell in parse_submission(text).cells if cell.grade_id} for text in texts
        )
    except (Refused, Unreadable):
        return False
    return answers == released


def _among(lesson: Lesson, files: list[Handed], reader: _Reader, notes: list[str]) -> tuple[Handed, bytes] | None:
    """The notebook of the lesson: by its exact name, else by a name with the lesson in it ("03_x (1).ipynb"), else by
    the lesson's cells in it. What has another ending has to have the lesson's cells, too."""
    groups: list[list[Handed]] = [[] for _ in range(5)]
    for file in files:
        name = file.inside.name
        rank = 0 if sources.stem(name).casefold() == lesson.name else 2 if sources.is_of(lesson, name) else 4
        if sources.is_notebook(name) and (rank < 4 or not _of_another(lesson, name)):
            groups[rank].append(file)
        elif rank < 4 and sources.may_be_notebook(name):
            groups[rank + 1].append(file)
        elif sources.may_be_notebook(name) and not _of_another(lesson, name) and name not in (TIMESTAMP, SECRET):
            groups[4].append(file)
    groups[4].sort(key=lambda file: not sources.is_notebook(file.inside.name))
    for rank, group in enumerate(groups):
        taken = _only(lesson, group, rank in (0, 2), reader, notes)
        if taken is None:
            continue
        name = taken[0].inside.name
        if name != f"{lesson.name}.ipynb":
            notes.append(f"The notebook was called {shown(name)}; it was taken as `{lesson.name}.ipynb`.")
        beside = [
            shown(file.inside.name)
            for other in groups[rank + 1 :]
            for file in other
            if (other is not groups[4] and file.inside.parent == taken[0].inside.parent)
            or _is_another_version(lesson, file, taken[1], reader)
        ]
        if beside:
            were = "was" if len(beside) == 1 else "were"
            notes.append(f"{first_few(beside, _SHOWN)} {were} left out: {shown(name)} is there.")
        return taken
    return None


def _is_another_version(lesson: Lesson, file: Handed, taken: bytes, reader: _Reader) -> bool:
    """It may be the one that was meant: it has the lesson's cells, and is not as it was handed out."""
    try:
        content = reader.read(file)
    except Refused:
        return False
    return content not in (taken, _release(lesson)) and _has_cells_of(lesson, content)


def _only(
    lesson: Lesson, files: list[Handed], sure: bool, reader: _Reader, notes: list[str]
) -> tuple[Handed, bytes] | None:
    """The one content of these files; Refused at the second that differs. `sure`: whatever is in them."""
    taken: tuple[Handed, bytes, bytes] | None = None
    for file in files:
        try:
            content = reader.read(file)
        except Refused as error:
            notes.append(f"{shown(file.inside.name)}: {error}")
            continue
        if not sure and not _has_cells_of(lesson, content):
            if sources.is_of(lesson, file.inside.name):
                notes.append(f"{shown(file.inside.name)} is not the notebook of {lesson.name}")
            continue
        mark = hashlib.sha256(content).digest()
        if taken is not None and taken[2] != mark:
            raise Refused(
                f"several different files for one student ({taken[0].place}, {file.place}); keep one and collect "
                "again, or collect each with `--student NAME` if they are two people's"
            )
        taken = taken or (file, content, mark)
    return taken[:2] if taken is not None else None


def _of_another(lesson: Lesson, name: str) -> bool:
    return any(sources.is_of(other, name) for other in LESSONS if other != lesson)


def _release(lesson: Lesson) -> bytes:
    """The lesson as it is handed out; nothing where this folder does not have it."""
    file = paths.release_of(lesson)
    return file.read_bytes() if file.is_file() else b""


def _has_cells_of(lesson: Lesson, content: bytes) -> bool:
    """A look for the lesson's cells that takes no more memory than the text."""
    try:
        text, release = decode(content), _release(lesson).decode()
    except ValueError:
        return False
    known = {match[1] for match in _GRADE_ID.finditer(release)}
    return text.lstrip()[:1] == "{" and any(match[1] in known for match in _GRADE_ID.finditer(text))


def _nothing(lesson: Lesson, files: list[Handed], unpacked: list[Handed]) -> str:
    """Why there is no notebook among somebody's files; `unpacked` has the hidden ones, too."""
    names, everything = ([file.inside.name for file in some if not file.is_folder] for some in (files, unpacked))
    damaged = next((file for file in files if file.problem and sources.is_archive(file.inside.name)), None)
    if not everything:
        return "there is no file in it"
    if not names:
        return f"there are only hidden files in it, such as {shown(everything[0])}"
    others = [other.name for other in LESSONS if other != lesson and any(sources.is_of(other, name) for name in names)]
    packed = [name for name in names if PurePosixPath(name).suffix.casefold() in (*_PACKED, ".zip")]
    other = next((name for name in names if sources.is_notebook(name)), "")
    if damaged is not None:
        return f"{shown(damaged.inside.name)}: {damaged.problem}"
    if packed and sources.is_archive(packed[0]):
        return f"{shown(packed[0])} is a zip file inside a zip file; pack {lesson.name}.ipynb itself into a zip file"
    if packed:
        return f"{shown(packed[0])} is an archive of a kind that is not opened; unpack it, and collect what is in it"
    if others:
        return f"it has {others[0]}, and nothing of {lesson.name}"
    if other:
        return f"{shown(other)} has none of this lesson's cells; {lesson.name}.ipynb is expected"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{shown(names[0])}{more} is not a notebook; {lesson.name}.ipynb is expected"


def _attach(lesson: Lesson, files: list[Handed], notebook: Handed, submission: Submission) -> None:
    """Take the weights beside the notebook; a note for what is left out."""
    left_out = attachments.Rejected()
    others = [file for file in files if file is not notebook]
    for file, name in _others(lesson, others, notebook.inside.parent):
        if name in (TIMESTAMP, SECRET) and not file.uploaded:
            submission.nbgraders[name] = _text(file)
            continue
        reason = file.problem or attachments.refusal(name, len(submission.files))
        if not reason:
            try:
                submission.files[name] = file.read(attachments.LARGEST)
            except Refused:
                reason = attachments.TOO_LARGE
        if reason:
            left_out.add(name, reason)
    submission.notes = list(dict.fromkeys([*submission.notes, *left_out.notes()]))


def _text(file: Handed) -> str:
    try:
        return decode(file.read(1000))
    except (Refused, ValueError):
        return ""


def _others(lesson: Lesson, files: list[Handed], folder: PurePosixPath) -> Iterator[tuple[Handed, str]]:
    """The files that are not a notebook, with their names seen from the notebook's folder; without what the lesson
    itself brings, and without what belongs to other lessons."""
    release = paths.release_of(lesson).parent
    brought = {path.relative_to(release).as_posix() for path in release.rglob("*")}
    elsewhere = {other.name for other in LESSONS} - {lesson.name}
    for file in files:
        inside = file.inside.is_relative_to(folder)
        name = str(file.inside.relative_to(folder)) if inside else f"../{file.inside.name}"
        notebook = sources.is_notebook(file.inside.name)
        if not file.is_folder and not notebook and name not in brought and not elsewhere & set(file.inside.parts):
            yield file, name
