"""The folder of a class's data, `classroom/`: submissions, gradebook, secret, results."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from autograde.course import paths
from autograde.course.errors import CourseError

CLASSROOM = "classroom"
FORMER = "autograde"  # until version 0.1 the data of a class was inside the package
_DATA = (
    *("submitted", "autograded", "feedback", "collected", "downloaded", "handout", "exchange", "export", "report"),
    *("results", "solution", "gradebook.db", "gradebook.db-wal", "gradebook.db-shm", ".secret"),
)


def folder(name: str) -> Path:
    """A folder of the class, in nbgrader's layout: "submitted", "autograded", "feedback", "collected", ..."""
    prepare(paths.root())
    return paths.root() / CLASSROOM / name


def prepare(root: Path) -> None:
    """Make the folder; move what an earlier version has left in `autograde/` there, once, and say so.

    CourseError, and nothing is moved, where both folders have the same entry.
    """
    new, old = root / CLASSROOM, root / FORMER
    new.mkdir(exist_ok=True)
    left = [name for name in _DATA if (old / name).exists()]
    if not left:
        return
    both = [name for name in left if (new / name).exists()]
    if both:
        raise CourseError(
            f"{', '.join(both)} is both in {old} and in {new}. Keep the one that holds your class in {new}, move the "
            "other elsewhere, and run the command again."
        )
    for name in left:
        with contextlib.suppress(FileNotFoundError):  # another process has moved it
            (old / name).rename(new / name)
    print(f"The class's data has moved from {old} to {new}: {', '.join(left)}.", file=sys.stderr)
