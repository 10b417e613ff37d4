"""A class's list, as an administration or a learning platform gives it, and who in it has handed something in."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from autograde.course.errors import CourseError

LARGEST = 32 * 2**20
# what a column is called, in small letters and without signs; the first names are the best
_COLUMNS = {
    "login": ("sisloginid", "loginid", "login", "username", "netid", "studentid", "student_id", "orgdefinedid"),
    "number": ("sisuserid", "idnumber", "matriculationnumber", "number"),
    "email": ("emailaddress", "email", "mail", "emails"),
    "lms": ("id", "canvasuserid", "lmsuserid"),
    "name": ("student", "name", "fullname", "displayname"),
    "first": ("firstname", "givenname"),
    "last": ("lastname", "surname", "familyname"),
    "section": ("section", "group", "groups"),
}
IDENTIFIERS = ("login", "number", "email", "lms")
_NO_STUDENT = ("points possible", "student, test", "test student")  # rows of a Canvas export that are nobody's


@dataclass(frozen=True)
class Entry:
    """One person of the list; what the list does not say is ""."""

    login: str = ""
    number: str = ""
    email: str = ""
    lms: str = ""
    name: str = ""
    first: str = ""
    last: str = ""
    section: str = ""

    @property
    def full_name(self) -> str:
        return self.name or ", ".join(filter(None, (self.last, self.first))) or self.identifiers[0]

    @property
    def identifiers(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.login, self.number, self.email, self.lms)))


@dataclass(frozen=True)
class Roster:
    """The list, in its order. `others` are columns that are about no person: assignments of a Canvas export."""

    entries: tuple[Entry, ...]
    others: tuple[str, ...] = ()


@dataclass
class Check:
    """Who belongs to whom.

    found      {student: entry}
    without    entries without a submission
    unknown    {student: near matches} of submissions of nobody in the list; their grades would be lost
    ambiguous  what fits twice, in words
    """

    found: dict[str, Entry] = field(default_factory=dict)
    without: list[Entry] = field(default_factory=list)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    ambiguous: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The same for people."""
        lines = [f"fits twice: {text}" for text in self.ambiguous]
        for student, near in self.unknown.items():
            hint = f"; near: {', '.join(near)}" if near else ""
            lines.append(f"not in the roster: {student}{hint}")
        return lines + [f"no submission: {entry.full_name} ({entry.identifiers[0]})" for entry in self.without]


def read(file: Path) -> Roster:
    """Read a roster: CSV with commas, semicolons or tabs, columns known by their names.

    Raises CourseError where the file cannot be read or no column says who a student is.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CourseError(f"The roster {file} could not be read: {error.strerror}.") from None
    if len(data) > LARGEST:
        raise CourseError(f"The roster {file} has more than {LARGEST // 2**20} MiB. Is it the right file?")
    rows = _rows(_text(data, file))
    if not rows:
        raise CourseError(f"The roster {file} is empty. Its first row should name its columns.")
    header, *rest = rows
    places = _places(header)
    if not any(name in places for name in IDENTIFIERS):
        raise CourseError(
            f"The roster {file} has no column that says who a student is. It has: {', '.join(header)[:300]}. "
            "Give it one of these: login (or SIS Login ID, username), ID number (or SIS User ID), email, ID."
        )
    entries = []
    for row in rest:
        cells = {name: _cell(row, place) for name, place in places.items()}
        entry = Entry(**cells)
        if entry.identifiers and entry.name.strip().casefold() not in _NO_STUDENT:
            entries.append(entry)
    if not entries:
        raise CourseError(f"The roster {file} has no rows with a student.")
    used = set(places.values())
    return Roster(tuple(entries), tuple(title for index, title in enumerate(header) if index not in used))


def _text(data: bytes, file: Path) -> str:
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CourseError(f"The roster {file} is not text. Save it as CSV in UTF-8.")


def _rows(text: str) -> list[list[str]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise CourseError(f"The roster is not a CSV file: {error}.") from None


def _places(header: list[str]) -> dict[str, int]:
    """Which column says what."""
    plain = ["".join(letter for letter in title.casefold() if letter.isalnum() or letter == "_") for title in header]
    places: dict[str, int] = {}
    for name, titles in _COLUMNS.items():
        for title in titles:
            if title in plain and plain.index(title) not in places.values():
                places[name] = plain.index(title)
                break
    return places


def _cell(row: list[str], place: int) -> str:
    text = row[place] if place < len(row) else ""
    return text.removeprefix("'") if text[1:2] in tuple("=+-@") else text  # an apostrophe of our own exports


def check(roster: Roster, students: Iterable[str], emails: dict[str, str] | None = None) -> Check:
    """Find the entry of each student who has handed something in.

    emails  {student: address} of the gradebook, a second way to find somebody
    """
    exact, local = _keys(roster)
    result = Check(ambiguous=_twice(roster))
    owners: dict[Entry, str] = {}
    for student in sorted(set(students)):
        keys = [student.casefold(), (emails or {}).get(student, "").casefold()]
        ways = [where[key] for where in (exact, local) for key in keys if key and key in where]
        entries = list(dict.fromkeys(ways[0])) if ways else []
        if not entries:
            near = difflib.get_close_matches(student.casefold(), [*exact, *local], 3, 0.75)
            people = [((exact.get(one) or local[one])[0], one) for one in near]
            result.unknown[student] = list(dict.fromkeys(f"{entry.full_name} ({one})" for entry, one in people))
        elif len(entries) > 1:
            result.ambiguous.append(f"{student} is {' and '.join(one.full_name for one in entries)}")
        elif entries[0] in owners:
            result.ambiguous.append(f"{owners[entries[0]]} and {student} are both {entries[0].full_name}")
        else:
            owners[entries[0]] = student
            result.found[student] = entries[0]
    result.without = [entry for entry in roster.entries if entry not in owners]
    return result


def _keys(roster: Roster) -> tuple[dict[str, list[Entry]], dict[str, list[Entry]]]:
    """What a submission's folder may be called: an identifier, else what stands before the @ of an address."""
    exact: dict[str, list[Entry]] = {}
    local: dict[str, list[Entry]] = {}
    for entry in roster.entries:
        for one in entry.identifiers:
            exact.setdefault(one.casefold(), []).append(entry)
            if "@" in one:
                local.setdefault(one.casefold().split("@")[0], []).append(entry)
    return exact, local


def _twice(roster: Roster) -> list[str]:
    """Identifiers that two rows have."""
    seen: dict[tuple[str, str], int] = {}
    lines = []
    for number, entry in enumerate(roster.entries, 2):
        for name in IDENTIFIERS:
            value = getattr(entry, name).casefold()
            if value and (name, value) in seen:
                lines.append(
                    f"{getattr(entry, name)} stands in the rows {seen[name, value]} and {number} of the roster"
                )
            seen.setdefault((name, value), number)
    return list(dict.fromkeys(lines))
