"""nbgrader's exchange: submissions from it are collected like any others, and feedback goes back into it."""

from __future__ import annotations

import glob
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from nbgrader.exchange.default import ExchangeReleaseFeedback

from autograde.course import class_data
from autograde.course.attachments import SECRET, TIMESTAMP
from autograde.course.errors import CourseError
from autograde.course.lessons import Lesson
from autograde.instructor.classroom import nbgrader
from autograde.instructor.collect import Collected, collect
from autograde.instructor.collecting.sources import Choice

_OWNER = re.compile(r"claims to be submitted by (.+?) but is owned by (.+?);")


def collect_from_exchange(lesson: Lesson, echo: Callable[[str], None] = lambda line: None) -> list[Collected]:
    """Take the newest submission of everybody out of the exchange; an older one is kept, as from any other source.

    Raises CourseError where nbgrader cannot read the exchange.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = nbgrader("collect", lesson.name, f"--CourseDirectory.submitted_directory={folder}")
        except CourseError as error:
            reason = str(error).replace(", please contact your instructor", "")
            unusable = re.search(r"(?:Unwritable directory|Course not found): (.+)$", reason)
            if unusable and not Path(unusable[1]).exists():
                reason = f"There is no exchange: {unusable[1]} is not there"
            raise CourseError(
                f"{reason}. For what came in another way, name a folder or a zip file: `course collect {lesson.name} "
                "FILE.zip`."
            ) from None
        owners: dict[str, list[str]] = {}
        for student, owner in _OWNER.findall(run.stderr + run.stdout):
            owners.setdefault(owner, []).append(student)
        for owner, students in owners.items():
            echo(f"Handed in from the account {owner}, under the name of {', '.join(dict.fromkeys(students))}.")
        return collect(lesson, [Path(folder)], Choice(exchange=True), echo=echo)


class ReleaseFeedback(ExchangeReleaseFeedback):
    """nbgrader's step, which needs the secret that came with a submission through the exchange. It is not among the
    graded files, and what came as a file has none: nobody could fetch feedback for it."""

    src_path: str

    def copy_files(self) -> None:
        elsewhere = []
        folders = [Path(found) for found in sorted(glob.glob(self.src_path))]
        for folder in folders:
            submitted = class_data.folder("submitted") / folder.parent.name / folder.name
            if not (submitted / SECRET).is_file():
                elsewhere.append(folder.parent.name)
                continue
            for name in (SECRET, TIMESTAMP):
                if (submitted / name).is_file():
                    shutil.copyfile(submitted / name, folder / name)
            self.src_path = glob.escape(str(folder))
            super().copy_files()
        if elsewhere:
            self.log.warning(
                "Not handed in through the exchange, so nothing can be fetched there: %s. Send them their pages in %s.",
                ", ".join(elsewhere),
                class_data.folder("feedback"),
            )
