"""The last hint: a solution, for people who learn by themselves."""

from __future__ import annotations

import inspect
import json
from html import escape
from pathlib import Path

from autograde.exercises import exercise
from autograde.judge.verdict import NOT_STARTED, PASSED, card
from autograde.learner import progress, runs
from autograde.learner.display import show

HIDDEN = "solutions_hidden"  # in a notebook's metadata, under "course": the instructor hands it out without solutions


def solution(name: str) -> None:
    """Show a solution of the exercise `name`. It costs nothing, and is noted in the learner's progress.

    Where an instructor has released the lesson without solutions, it says so. Raises KeyError for an unknown name.
    """
    if not isinstance(name, str):
        raise TypeError(f'Write the name in quotes: solution("{getattr(name, "__name__", "softmax")}").')
    asked = exercise(name)
    if is_hidden(name):
        advice = "In this release the solutions are not shown. Ask your instructor."
        show(card(NOT_STARTED, f"{name}: no solution here", [advice]), f"○ {name}: no solution here\n{advice}")
        return
    progress.note(name, {"solution": True})
    source = inspect.getsource(asked.reference).strip()
    advice = "Close it, write yours, and run the check again."
    code = f'<pre style="margin:.4em 0;background:transparent;word-break:normal">{escape(source)}</pre>'
    show(card(PASSED, f"{name}: a solution", [code, advice], sign="☞"), f"☞ {name}: a solution\n{source}\n{advice}")


def is_hidden(name: str) -> bool:
    """Whether the notebook of the exercise's lesson was released without solutions."""
    lesson = exercise(name).lesson
    files = [runs.notebook_file(), Path.cwd() / f"{lesson}.ipynb"]
    return any(_hides(file) for file in files if file is not None)


def _hides(file: Path) -> bool:
    try:
        return bool(json.loads(file.read_text(encoding="utf-8"))["metadata"]["course"][HIDDEN])
    except (OSError, ValueError, KeyError, TypeError):
        return False
