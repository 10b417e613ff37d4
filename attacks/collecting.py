"""Attacks that come as folders and zip files: they are made, collected into a course of their own, and compared."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attacks.collection import Attack, replaced
from attacks.trying import Outcome
from autograde.course.lessons import find_lesson
from autograde.instructor.collect import collect

_BOMB = 50 * 2**20  # less than one file may have: its ratio gives it away


def attempt_collecting(attack: Attack) -> Outcome:
    """Collect the sources of an attack in an empty course; compare who has what, and that nothing else was written."""
    lesson = find_lesson(attack.lesson)
    outcome = Outcome(attack=attack, lesson=lesson.name)
    words = {"LESSON": lesson.name}
    stored = {student: replaced(text, words) for student, text in (attack.stored or {}).items()}
    with tempfile.TemporaryDirectory() as folder, _course(Path(folder, "course")) as course:
        outside = Path(folder, "outside")
        outside.mkdir()
        (outside / "victim").write_text("somebody's")
        words["OUTSIDE"] = str(outside)
        sources = [_make(Path(folder), source, words) for source in attack.source]
        try:
            results = collect(lesson, sources)
        except Exception as error:
            outcome.problems.append(f"stopped the class: {type(error).__name__}: {error}")
            return outcome
        submitted = course / "classroom" / "submitted"
        got = {
            file.parent.parent.name: file.read_text(encoding="utf-8", errors="replace")
            for file in submitted.glob(f"*/{lesson.name}/{lesson.name}.ipynb")
        }
        if got != stored:
            outcome.problems.append(f"stored {got}, deserved {stored}")
        refused = {result.student for result in results if result.problem}
        if not set(attack.refused) <= refused:
            outcome.problems.append(f"refused {sorted(refused)}, deserved {sorted(attack.refused)}")
        known = {f"{lesson.name}.ipynb", "timestamp.txt", "model.safetensors"}
        written = [file for file in Path(folder).rglob("*") if file.is_file() and file.name not in known]
        sources_of = [source for source in sources if source.is_dir()]
        strange = [f for f in written if f not in sources and not any(f.is_relative_to(s) for s in sources_of)]
        outcome.problems += [f"wrote {file}" for file in strange if file != outside / "victim"]
        outcome.problems += [f"a link {file}" for file in submitted.rglob("*") if file.is_symlink()]
        if (outside / "victim").read_text() != "somebody's" or len(list(outside.iterdir())) != 1:
            outcome.problems.append("changed a file outside")
    return outcome


@contextmanager
def _course(root: Path) -> Iterator[Path]:
    """A course's folder that `collect` works in."""
    root.mkdir()
    before = os.environ.get("COURSE_ROOT")
    os.environ["COURSE_ROOT"] = str(root)
    try:
        yield root
    finally:
        os.environ.pop("COURSE_ROOT")
        if before is not None:
            os.environ["COURSE_ROOT"] = before


def _make(folder: Path, source: dict, words: dict[str, str]) -> Path:
    place = folder / replaced(source["name"], words)
    if place.suffix == ".zip":
        place.write_bytes(_archive(source["members"], words))
    else:
        place.mkdir()
        for member in source["members"]:
            _write(place, member, words)
    return place


def _write(folder: Path, member: list, words: dict[str, str]) -> None:
    file = folder / replaced(member[0], words)
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = member[2] if len(member) > 2 else "text"
    if kind == "link":
        file.symlink_to(replaced(member[1], words))
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.write_bytes(_content(member, words))


def _content(member: list, words: dict[str, str]) -> bytes:
    kind = member[2] if len(member) > 2 else "text"
    if kind == "zip":
        return _archive(member[1], words)
    return b" " * _BOMB if kind == "bomb" else replaced(member[1], words).encode("utf-8", "surrogatepass")


def _archive(members: list, words: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    damaged: list[bytes] = []
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            info = zipfile.ZipInfo(replaced(member[0], words))
            info.compress_type = zipfile.ZIP_DEFLATED
            kind = member[2] if len(member) > 2 else "text"
            if kind == "link":
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            if kind == "damaged":
                damaged.append(info.filename.encode())
            archive.writestr(info, _content(member, words))
    data = bytearray(buffer.getvalue())
    for name in damaged:
        start = data.index(name) + len(name)
        data[start : start + 8] = b"\xff" * 8
    return bytes(data)
