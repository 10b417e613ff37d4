"""Put a submission into nbgrader's folders, whole or not at all. The one that it replaces is kept, and that is said."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
from pathlib import Path

from autograde.course import class_data, notebooks, times
from autograde.course.attachments import SECRET, TIMESTAMP
from autograde.course.files import LARGEST, Refused, read_plain
from autograde.course.lessons import Lesson
from autograde.instructor.collecting.submission import Submission


def store(
    lesson: Lesson, student: str, submission: Submission, time: datetime.datetime | None, unsure: str = ""
) -> str:
    """Store a submission; returns where the one that it replaces is kept, or "".

    time    when it was handed in (UTC); None: not known, and then no time is written
    unsure  the archive that may be another student's: it replaces nothing

    Raises Refused, and leaves everything as it is, where it is not stored.
    """
    folder = class_data.folder("submitted") / student / lesson.name
    if folder.is_symlink() or folder.parent.is_symlink():
        raise Refused("its folder in `classroom/submitted` is a link; remove the link")
    contents = {f"{lesson.name}.ipynb": submission.notebook or b"", **submission.files}
    nbgraders = {name: text.encode() for name, text in _nbgraders(submission, time).items()}
    if folder.exists():
        before = {path.name: read_plain(path, LARGEST) for path in folder.iterdir() if path.is_file()}
        if {name: content for name, content in before.items() if name not in (TIMESTAMP, SECRET)} == contents:
            for name, content in nbgraders.items():  # what was known before stays where nothing new is known
                notebooks.write(folder / name, content)
            return ""
        if unsure:
            raise Refused(
                f"it would replace what {student} handed in before, and `{unsure}` may be one student's archive. If it "
                "is the whole class's, add `--class`; if it is one student's, add `--student NAME`"
            )
    return _replace(lesson, student, folder, contents | nbgraders)


def participant(lesson: Lesson, student: str) -> str:
    """The platform's number for whoever this submission was collected from, "" where it gave none."""
    file = _participant(lesson, student)
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


def remember(lesson: Lesson, student: str, number: str) -> None:
    notebooks.write(_participant(lesson, student), f"{number}\n")


def _participant(lesson: Lesson, student: str) -> Path:
    return class_data.folder("collected") / student / lesson.name / "participant.txt"


def _nbgraders(submission: Submission, time: datetime.datetime | None) -> dict[str, str]:
    """nbgrader's own files beside the notebook."""
    stamp = {TIMESTAMP: times.stamp(time)} if time is not None else {}
    return stamp | {name: text for name, text in submission.nbgraders.items() if name == SECRET}


def _replace(lesson: Lesson, student: str, folder: Path, contents: dict[str, bytes]) -> str:
    """Write the files beside the folder, move what is there to `classroom/collected`, and put them in its place."""
    for left in folder.parent.glob(f".{lesson.name}.*"):  # of a collecting that was ended
        shutil.rmtree(left)
    new = folder.with_name(f".{lesson.name}.{os.getpid()}")
    kept = None
    try:
        for name, content in contents.items():
            notebooks.write(new / name, content)
        if folder.exists():
            now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d-%H%M%S-%f")
            kept = class_data.folder("collected") / student / lesson.name / now
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder, kept)
        try:
            os.rename(new, folder)
        except OSError:
            if kept is not None:
                shutil.move(kept, folder)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        with contextlib.suppress(OSError):  # where nothing is stored, nor is an empty folder left
            folder.parent.rmdir()
    return "/".join(kept.parts[-5:]) if kept is not None else ""
