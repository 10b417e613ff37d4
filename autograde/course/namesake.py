"""A file helpers.py beside a notebook, or where a command runs, takes the place of the course's own `helpers`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from autograde.course.errors import CourseError


class Namesake(CourseError, ImportError):
    """`helpers` is not the course's."""


def refuse() -> None:
    """Namesake, with the file and what to do, where an import of `helpers` does not give the course's."""
    ours = Path(__file__).resolve().parents[2] / "helpers" / "__init__.py"
    spec = importlib.util.find_spec("helpers")
    if spec and spec.origin and Path(spec.origin).resolve() != ours:
        raise Namesake(
            f"{spec.origin} takes the place of the course's own `helpers`, which the lessons import. "
            "Rename it, for example to my_helpers.py; in a notebook restart the kernel after that."
        )
