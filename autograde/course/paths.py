"""Where everything lies. The course is a folder: the clone that this package was installed from."""

from __future__ import annotations

import os
from pathlib import Path

from autograde.course.lessons import Lesson


def root() -> Path:
    """The course's folder: $COURSE_ROOT, else the clone that holds this package."""
    return Path(os.environ.get("COURSE_ROOT") or Path(__file__).resolve().parents[2])


def text_of(lesson: Lesson) -> Path:
    return root() / "solutions" / lesson.name / f"{lesson.name}.py"


def solution_of(lesson: Lesson) -> Path:
    return root() / "solutions" / lesson.name / f"{lesson.name}.ipynb"


def release_of(lesson: Lesson) -> Path:
    return root() / "notebooks" / lesson.name / f"{lesson.name}.ipynb"


def workspace() -> Path:
    """The learner's copy: $COURSE_WORK, else my_work in the course's folder."""
    return Path(os.environ.get("COURSE_WORK") or root() / "my_work")
