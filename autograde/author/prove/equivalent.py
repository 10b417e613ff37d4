"""Why some mutants survive: entries of `equivalent.toml`, each for a change after which the code does the same."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Survivor:
    """A mutant that the check accepts, and the seeds on which it does."""

    line: str
    changed: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Equivalent:
    """The reason for one survivor."""

    exercise: str
    line: str
    changed: str
    why: str

    def fits(self, exercise: str, survivor: Survivor) -> bool:
        return (self.exercise, self.line, self.changed) == (exercise, survivor.line, survivor.changed)


def read(file: Path = FILE) -> list[Equivalent]:
    """One entry for each change; in the file, a line's changes with the same reason are in one table."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))["equivalent"]
    return [
        Equivalent(table["exercise"], table["line"], changed, table["why"])
        for table in tables
        for changed in table["changed"]
    ]


def without_reason(exercise: str, survivors: Sequence[Survivor], equivalent: Sequence[Equivalent]) -> list[Survivor]:
    """The survivors of an exercise that none of its reasons explains."""
    return [survivor for survivor in survivors if not any(entry.fits(exercise, survivor) for entry in equivalent)]


def unexplained(exercise: str, survivors: Sequence[Survivor], equivalent: Sequence[Equivalent]) -> list[str]:
    """A line for each survivor of an exercise without a reason, and for each reason without a survivor."""
    reasons = [entry for entry in equivalent if entry.exercise == exercise]
    idle = [entry for entry in reasons if not any(entry.fits(exercise, survivor) for survivor in survivors)]
    holes = without_reason(exercise, survivors, equivalent)
    return [
        *(f"survives: {hole.line}  ->  {hole.changed or '(left out)'}" for hole in holes),
        *(f"no such survivor, delete the reason: {e.line}  ->  {e.changed or '(left out)'}" for e in idle),
    ]
