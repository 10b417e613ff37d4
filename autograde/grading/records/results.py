"""The record of every grading: one append-only file of JSON lines for each submission.

This is the truth; the gradebook can be written again from it. A line is written whole or not at all, as far as a reader
can tell: what is left of a line that was being written when the machine stopped is ignored.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from autograde.grading.job import ALL, Limits, Options, Result, Review, Score
from autograde.judge.verdict import Verdict

SCHEMA = 2
STOPPED = "its grading was stopped before its end"
_BEGUN = ".begun"
_TIME = "%Y-%m-%dT%H:%M:%S.%f"


@dataclass(frozen=True)
class Fingerprints:
    """What a grading depended on. Two gradings with equal fingerprints have the same marks.

    exercises  {exercise: fingerprint of its catalogue entry}
    """

    submission: str
    release: str
    environment: str
    exercises: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One grading of one submission.

    result     what was decided; its notebook is empty, that lies among nbgrader's autograded files
    prints     what it depended on
    options    how it was graded
    submitted  when the submission came (UTC), or None
    graded     when it was graded (UTC)
    kept       exercises whose marks come from an earlier record, since only others had changed
    """

    result: Result
    prints: Fingerprints
    options: Options
    submitted: datetime.datetime | None = None
    graded: datetime.datetime | None = None
    kept: tuple[str, ...] = ()


def file_of(folder: Path, lesson: str, student: str) -> Path:
    return folder / lesson / f"{student}.jsonl"


def append(folder: Path, record: Record) -> None:
    """Add a record to the file of its submission and wait until it is on the disk."""
    file = file_of(folder, record.result.lesson, record.result.student)
    file.parent.mkdir(parents=True, exist_ok=True)
    line = (json.dumps(to_dict(record), ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with open(descriptor, "r+b", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        if size:
            stream.seek(size - 1)
            if stream.read(1) != b"\n":  # a torn line: end it, so that it spoils no other
                line = b"\n" + line
        stream.write(line)
        os.fsync(stream.fileno())


def read(folder: Path, lesson: str, student: str) -> list[Record]:
    """All records of a submission, oldest first."""
    try:
        data = file_of(folder, lesson, student).read_bytes()
    except FileNotFoundError:
        return []
    records = []
    for line in data.split(b"\n")[:-1]:  # what follows the last line break is torn, or empty
        record = _parse(line)
        if record is not None:
            records.append(record)
    return records


def last(folder: Path, lesson: str, student: str) -> Record | None:
    """The newest record of a submission, or None."""
    records = read(folder, lesson, student)
    return records[-1] if records else None


# --- begun and not ended, or failed ---------------------------------------------------------------------------------


def begin(folder: Path, lesson: str, student: str) -> None:
    """Note that nbgrader's own command has begun to grade a submission. It takes older marks away first, so until
    `end` the submission counts as not graded, whatever lies among the autograded files."""
    file = _begun(folder, lesson, student)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def fail(folder: Path, lesson: str, student: str, reason: str) -> None:
    """Note that a submission could not be graded as it is now, by no fault of its own."""
    begin(folder, lesson, student)
    _begun(folder, lesson, student).write_text(reason, encoding="utf-8", errors="replace")


def end(folder: Path, lesson: str, student: str) -> None:
    _begun(folder, lesson, student).unlink(missing_ok=True)


def begun(folder: Path, lesson: str, student: str) -> bool:
    """Whether the last grading was stopped before its end, or has failed."""
    return _begun(folder, lesson, student).exists()


def not_graded(folder: Path, lesson: str) -> dict[str, str]:
    """{student: why the submission is not graded as it is now}."""
    found = {}
    for file in sorted((folder / lesson).rglob(f"*{_BEGUN}")):
        with contextlib.suppress(OSError):
            found[file.name.removesuffix(_BEGUN)] = file.read_text(encoding="utf-8", errors="replace") or STOPPED
    return found


def _begun(folder: Path, lesson: str, student: str) -> Path:
    return folder / lesson / f"{student}{_BEGUN}"


def _parse(line: bytes) -> Record | None:
    try:
        return from_dict(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return None  # torn, or of a format that this version does not know


# --- what has probably changed --------------------------------------------------------------------------------------


def seem_complete(folder: Path, lesson: str, submitted: Path, students: Iterable[str] = ()) -> bool:
    """Whether the records of a lesson look newer than all that has been submitted, by the times of files. A guess that
    costs milliseconds, and no more: whether a record is true, `stale` says from contents.

    submitted  the folder with a folder for each student
    students   all that count; none: everybody who has submitted
    """
    try:
        places = [submitted / student / lesson for student in students] or list(submitted.glob(f"*/{lesson}"))
        return bool(places) and all(seems_recorded(folder, lesson, place) for place in places)
    except OSError:
        return False


def seems_recorded(folder: Path, lesson: str, place: Path) -> bool:
    """The same for one submission, which lies in `place`; OSError where it has no record."""
    student = place.parent.name
    recorded = file_of(folder, lesson, student).stat().st_mtime_ns
    files = (file.lstat().st_ctime_ns for file in (place, *place.rglob("*")))
    return not begun(folder, lesson, student) and all(time < recorded for time in files)


# --- what has changed -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stale:
    """What of an older grading has to be decided again; false where nothing has."""

    everything: bool = False
    exercises: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or bool(self.exercises)


EVERYTHING = Stale(everything=True)


def stale(record: Record | None, prints: Fingerprints, options: Options) -> Stale:
    """What has changed since a record was made."""
    if record is None or not _covers(record.options, options):
        return EVERYTHING
    old = record.prints
    if (old.submission, old.release, old.environment) != (prints.submission, prints.release, prints.environment):
        return EVERYTHING
    names = set(old.exercises) | set(prints.exercises)
    return Stale(exercises=frozenset(name for name in names if old.exercises.get(name) != prints.exercises.get(name)))


def _covers(old: Options, new: Options) -> bool:
    """True where a grading with `old` serves for `new`: the same limits, and at least as many cells. The same code is
    isolated and judged by any runtime."""
    old = replace(old, runtime=new.runtime)
    return old == new or (old.cells == ALL and replace(old, cells=new.cells) == new)


def merge(old: Record, new: Result, exercises: Iterable[str]) -> tuple[Result, tuple[str, ...]]:
    """The new result with the old marks of all but these exercises, and the names of what was kept."""
    touched = set(exercises)
    scores, kept = {}, []
    for name, mark in new.scores.items():
        before = old.result.scores.get(name)
        exercise = mark.verdict.name if mark.verdict is not None else ""
        if before is None or exercise in touched or (before.verdict is not None and before.verdict.name in touched):
            scores[name] = mark
        else:
            scores[name] = before
            kept.append(exercise or name)
    return replace(new, scores=scores), tuple(kept)


# --- plain data -----------------------------------------------------------------------------------------------------


def to_dict(record: Record) -> dict[str, Any]:
    """A record as JSON data; not-a-number points become None, to be graded by hand."""
    result = replace(record.result, notebook="")
    data = {
        "schema": SCHEMA,
        "graded": _write_time(record.graded),
        "submitted": _write_time(record.submitted),
        "fingerprints": asdict(record.prints),
        "options": asdict(record.options),
        "kept": list(record.kept),
        **asdict(result),
    }
    data["seconds"] = {name: round(float(value), 4) for name, value in result.seconds.items()}
    for mark in data["scores"].values():
        mark["points"] = _finite(mark["points"])
    return data


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def from_dict(data: dict[str, Any]) -> Record:
    """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError for anything else."""
    if data["schema"] != SCHEMA:
        raise ValueError(f"unknown schema {data['schema']!r}")
    scores = {name: _mark(mark) for name, mark in data["scores"].items()}
    result = Result(
        lesson=data["lesson"],
        student=data["student"],
        scores=scores,
        notebook="",
        notes=tuple(data["notes"]),
        reviews=tuple(Review(**review) for review in data["reviews"]),
        seconds=dict(data["seconds"]),
        assurance=data["assurance"],
        unreadable=data["unreadable"],
    )
    options = dict(data["options"])
    options["limits"] = Limits(**options["limits"])
    return Record(
        result=result,
        prints=Fingerprints(**data["fingerprints"]),
        options=Options(**options),
        submitted=_read_time(data["submitted"]),
        graded=_read_time(data["graded"]),
        kept=tuple(data["kept"]),
    )


def _mark(data: dict[str, Any]) -> Score:
    verdict = data["verdict"]
    if verdict is not None:
        facts, carried = tuple(tuple(fact) for fact in verdict["facts"]), tuple(verdict.get("carried", ()))
        verdict = Verdict(**{**verdict, "facts": facts, "carried": carried})
    return Score(**{**data, "verdict": verdict})


def _write_time(time: datetime.datetime | None) -> str | None:
    return None if time is None else time.strftime(_TIME)


def _read_time(text: str | None) -> datetime.datetime | None:
    return None if text is None else datetime.datetime.strptime(text, _TIME)
