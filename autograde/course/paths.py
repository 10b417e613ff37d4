"""Where everything is: in a clone of the repository, or in the package that `pip install` has put among others."""

from __future__ import annotations

import os
from pathlib import Path

from autograde.course.errors import CourseError
from autograde.course.lessons import Lesson

# The one place with the repository's address. Whoever publishes the course writes theirs here, and runs `course build`:
# the name in it is reserved, so until then nobody can offer something else under it.
REPOSITORY = "https://transformer-by-hand.example/course.git"

_PACKED = Path(__file__).resolve().parents[1] / "notebooks"  # only in a wheel: setup.py puts the releases there


def clone() -> Path | None:
    """The course's folder: $COURSE_ROOT, else the clone that holds this package; None where it is installed without."""
    if given := os.environ.get("COURSE_ROOT"):
        return Path(given)
    return None if _PACKED.is_dir() else Path(__file__).resolve().parents[2]


def root() -> Path:
    """The same; CourseError where there is none."""
    folder = clone()
    if folder is None:
        raise CourseError(
            "This needs a clone of the course, and here it is installed as a package. "
            f"`git clone {REPOSITORY}`, then `python3 install.py` in its folder."
        )
    return folder


def text_of(lesson: Lesson) -> Path:
    return root() / "solutions" / lesson.name / f"{lesson.name}.py"


def solution_of(lesson: Lesson) -> Path:
    return root() / "solutions" / lesson.name / f"{lesson.name}.ipynb"


def releases() -> Path:
    """The folder of the released lessons, which a wheel brings too."""
    folder = clone()
    return _PACKED if folder is None else folder / "notebooks"


def release_of(lesson: Lesson) -> Path:
    return releases() / lesson.name / f"{lesson.name}.ipynb"


def workspace() -> Path:
    """The learner's copy: $COURSE_WORK, else my_work in the clone, or else in the working folder or above it."""
    if given := os.environ.get("COURSE_WORK"):
        return Path(given)
    folder, here = clone(), Path.cwd()
    above = (folder for folder in (here, *here.parents) if (folder / "my_work").is_dir())
    return (folder or next(above, here)) / "my_work"
