"""Put a submission into nbgrader's folders. The one that it replaces is kept, and that is said."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

from autograde.course import class_data, notebooks
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

    Raises Refused where it is not stored.
    """
    folder = class_data.folder("submitted") / student / lesson.name
    if folder.is_symlink() or folder.parent.is_symlink():
        raise Refused("its folder in `classroom/submitted` is a link; remove the link")
    contents = {f"{lesson.name}.ipynb": submission.notebook, **submission.files}
    kept = ""
    if folder.exists():
        before = {path.name: read_plain(path, LARGEST) for path in folder.iterdir() if path.is_file()}
        before = {name: content for name, content in before.items() if name not in (TIMESTAMP, SECRET)}
        if before == contents:
            _write_nbgraders(folder, submission, time, keep=True)
            return ""
        if unsure:
            raise Refused(
                f"it would replace what {student} handed in before, and `{unsure}` may be one student's archive. If it "
                "is the whole class's, add `--class`; if it is one student's, add `--student NAME`"
            )
        kept = _keep(lesson, student)
        for file in folder.iterdir():
            if (file.is_file() or file.is_symlink()) and file.name not in contents:
                file.unlink()
    for name, content in contents.items():
        if content is not None:
            notebooks.write(folder / name, content)
    _write_nbgraders(folder, submission, time, keep=False)
    return kept


def _keep(lesson: Lesson, student: str) -> str:
    """Copy the present submission to `classroom/collected`."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d-%H%M%S-%f")
    target = class_data.folder("collected") / student / lesson.name / now
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(class_data.folder("submitted") / student / lesson.name, target, symlinks=True)
    return "/".join(target.parts[-5:])


def _write_nbgraders(folder: Path, submission: Submission, time: datetime.datetime | None, keep: bool) -> None:
    """nbgrader's own files beside the notebook. `keep`: what was known before stays where nothing new is known."""
    known = {TIMESTAMP: f"{time:%Y-%m-%d %H:%M:%S.%f} UTC\n" if time is not None else ""}
    known[SECRET] = submission.nbgraders.get(SECRET, "")
    for name, text in known.items():
        if text:
            notebooks.write(folder / name, text)
        elif not keep:
            (folder / name).unlink(missing_ok=True)
