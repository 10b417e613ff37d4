"""A learner's progress: one small file in their copy of the course, written by `check`, read by `course progress`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograde.course import atomic

if TYPE_CHECKING:
    from autograde.exercise import Exercise
    from autograde.judge.verdict import Verdict

FILE = ".progress.json"  # made by `course start`; where there is none, nothing is recorded


def find(start: Path | None = None) -> Path | None:
    """The progress file of the learner's copy that `start` (default: the working folder) lies in."""
    start = Path.cwd() if start is None else start
    for folder in (start, *start.parents[:2]):
        if (folder / FILE).is_file():
            return folder / FILE
    return None


def read(file: Path) -> dict[str, dict[str, Any]]:
    """{exercise: {"state", "score", "solution"}}; an unreadable file counts as empty."""
    return _read(file) or {}


def is_damaged(file: Path) -> bool:
    """Whether the file is there and holds no record of progress."""
    return file.is_file() and _read(file) is None


def _read(file: Path) -> dict[str, dict[str, Any]] | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return {k: v for k, v in data.items() if isinstance(v, dict)} if isinstance(data, dict) else None


def write(file: Path, data: dict[str, dict[str, Any]]) -> None:
    """Replace the file in one step, so that a crash leaves the old or the new one."""
    atomic.replace(file, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())


def record(exercise: Exercise, verdict: Verdict) -> None:
    """Note the verdict, if this is a learner's copy. A disk that refuses never stops a check."""
    note(exercise.name, {"state": verdict.state, "score": verdict.score})


def note(name: str, facts: dict[str, Any]) -> None:
    """Add facts about an exercise to what is recorded of it."""
    try:
        file = find()
        if file is None:
            return
        data = read(file)
        data[name] = {**data.get(name, {}), **facts}
        write(file, data)
    except OSError:
        return


def forget(file: Path, names: Iterable[str]) -> None:
    """Take these exercises out of the record: they are as they were at the start."""
    data = read(file)
    left = {name: entry for name, entry in data.items() if name not in set(names)}
    if left != data:
        write(file, left)
