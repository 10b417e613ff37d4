"""A class list, as an administration or a learning platform gives it, and who in it has handed something in."""

from __future__ import annotations

import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from autograde.course.errors import CourseError
from autograde.course.people import HIDDEN
from autograde.course.text import decode

LARGEST = 32 * 2**20
# what a column is called, in small letters and without signs; the first title that is there is the best
_COLUMNS = {
    "login": (
        *("sisloginid", "loginid", "login", "username", "userid", "netid", "uniid"),
        *("benutzername", "nutzername", "nutzernamen", "anmeldename", "kennung", "identifiant", "nomdutilisateur"),
        *("nombredeusuario", "nomeutente", "studentid", "아이디", "사용자아이디", "ユーザ名", "ユーザー名", "用户名"),
        "githubusername",
    ),
    "number": (
        *("sisuserid", "idnumber", "orgdefinedid", "studentid", "studentnumber", "matriculationnumber"),
        *("studentno", "rollno", "rollnumber", "registrationnumber", "uin", "idnummer", "matrikelnummer", "matrikelnr"),
        *("numéroétudiant", "nétudiant", "noétudiant", "numérodidentification", "númerodeid", "matrícula", "matricola"),
        *("학번", "学籍番号", "学号", "integrationid", "sid", "number"),
    ),
    "email": (
        *("emailaddress", "email", "mail", "emails", "emailadresse", "adressedecourriel", "courriel", "adressemail"),
        *("adresseemail", "direccióndecorreo", "correoelectrónico", "correo", "indirizzoemail", "이메일", "이메일주소"),
        *("전자우편", "メールアドレス", "邮箱", "电子邮件"),
    ),
    "lms": ("lmsuserid", "canvasuserid", "id"),
    "participant": ("identifier", "identificador", "identificativo", "identificatie", "identificateur", "識別碼"),
    "name": (
        *("student", "fullname", "name", "displayname", "studentname"),
        *("namevorname", "lastnamefirstname", "vollständigername", "nomcomplet", "nométudiant", "nombrecompleto"),
        *("이름", "성명", "氏名", "姓名"),
    ),
    "first": ("firstname", "givenname", "first", "vorname", "prénom", "nombre", "nome", "名"),
    "last": ("lastname", "surname", "familyname", "last", "nachname", "nom", "apellidos", "cognome", "姓"),
    "section": ("section", "group", "groups", "sections"),
}
# nbgrader's own lists: there `id` is what a student's folder is called
_NBGRADERS = frozenset({"id", "lmsuserid"})
# GitHub Classroom's: there `identifier` is what the instructor calls somebody
_GITHUBS = frozenset({"identifier", "githubusername"})
# in Korean a first name and a full name have one title
_KOREAN_NAMES = frozenset({"성", "이름"})
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # what a file of Excel begins with
# how spreadsheets are told that something is text: ="0012", and an apostrophe before digits or what begins a formula
_TEXT = re.compile(r"^(?:=\"(.*)\"|'(?=[=+@0-9-])(.*))$", re.DOTALL)
_WHOLE = re.compile(r"(?<=\d)\.0$")  # what programs write behind a number in a column with gaps
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)  # what a spreadsheet makes of a long number
# what one writes where a formula fails, in its language: #REF!, #N/A, #BEZUG!, #NV, #¿NOMBRE?, Err:508
_FAILED = re.compile(r"#[¡¿]?\w+(?:/\w)?[!?]|#N/?[ABDV]|#Н/Д|Err:\d{3}")
# Moodle's grading worksheet has the number under a title of its language, which may be that of a login: Participant 7
_PARTICIPANT = re.compile(rf"({'|'.join(sorted(HIDDEN, key=len, reverse=True))})\s*(\d+)", re.IGNORECASE)
_ABOVE = 10  # rows in which the names of the columns may be: some lists have a title above them
IDENTIFIERS = ("login", "number", "email", "lms")
_KEYS = (*IDENTIFIERS, "participant")
_NOTHING = frozenset({"", "-", "--", "–", "n/a", "na", "none", "null", "#"})
_NO_STUDENT = ("points possible", "student, test", "test student")  # rows of a Canvas export that are nobody's
_POINTS = "points possible"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One person of the list; what the list does not say is "". `more`: what further identifying columns say."""

    login: str = ""
    number: str = ""
    email: str = ""
    lms: str = ""
    participant: str = ""
    name: str = ""
    first: str = ""
    last: str = ""
    section: str = ""
    more: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return self.name or ", ".join(filter(None, (self.last, self.first))) or self.id

    @property
    def last_and_first(self) -> tuple[str, str]:
        """Last and first name, where the list has them or writes "Last, First"; else the full name as the last."""
        if self.last or self.first:
            return self.last, self.first
        last, _, first = self.name.partition(",")
        return last.strip(), first.strip()

    @property
    def id(self) -> str:
        """What this person's folder is called."""
        name = self.name or " ".join(filter(None, (self.first, self.last)))
        return next(iter(self.identifiers), name or self.participant)

    @property
    def identifiers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, (self.login, self.number, self.email, self.lms, *self.more))))

    @property
    def names(self) -> set[str]:
        """The full name in each order, in only small letters and digits, with and without accents."""
        parts = {(self.first, self.last), (self.last, self.first), (self.name,)}
        if "," in self.name:
            last, first = self.name.split(",", 1)
            parts.add((first, last))
        return {form for text in map("".join, parts) for form in name_forms(text)}


def name_forms(text: str) -> set[str]:
    composed = unicodedata.normalize("NFC", text).casefold()
    plain = "".join(char for char in unicodedata.normalize("NFD", composed) if not unicodedata.combining(char))
    forms = ("".join(filter(str.isalnum, form)) for form in (composed, unicodedata.normalize("NFC", plain)))
    return {form for form in forms if form}


@dataclass(frozen=True)
class Roster:
    """The list, in its order.

    others        columns that are about no person: assignments of a Canvas export
    possible      {such a column: the points that its row "Points Possible" gives}
    unidentified  names in rows without an identifier: of people, or of none ("Total")
    """

    entries: tuple[Entry, ...]
    others: tuple[str, ...] = ()
    possible: dict[str, str] = field(default_factory=dict)
    unidentified: tuple[str, ...] = ()


@dataclass
class Check:
    """Who belongs to whom.

    found         {student: entry}
    without       entries without a submission
    waiting       entries whose submission has no grade yet
    unknown       {student: near matches} of submissions of nobody in the list; their grades would be lost
    ambiguous     what fits twice, in words
    unidentified  names in rows without an identifier
    """

    found: dict[str, Entry] = field(default_factory=dict)
    without: list[Entry] = field(default_factory=list)
    waiting: list[Entry] = field(default_factory=list)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    ambiguous: list[str] = field(default_factory=list)
    unidentified: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The same for people."""
        lines = [f"fits twice: {text}" for text in self.ambiguous]
        lines += [f"left out of the roster, without an identifier: {name}" for name in self.unidentified]
        for student, near in self.unknown.items():
            hint = f"; near: {', '.join(near)}" if near else ""
            lines.append(f"not in the roster: {student}{hint}")
        return lines + [f"no submission: {entry.full_name} ({entry.id})" for entry in self.without]


# --- reading --------------------------------------------------------------------------------------------------------


def read(file: Path) -> Roster:
    """Read a roster: CSV with commas, semicolons, tabs or bars, columns known by their names.

    Rows that agree in an identifier and contradict each other in none, nor in the name, are one person. Raises
    CourseError where the file cannot be read, its encoding cannot be told, or no column says who a student is.
    """
    try:
        data = file.expanduser().read_bytes()
    except OSError as error:
        raise CourseError(f"The roster {file} could not be read: {error.strerror}.") from None
    if len(data) > LARGEST:
        raise CourseError(f"The roster {file} has more than {LARGEST // 2**20} MiB. Is it the right file?")
    if data.startswith(_WORKBOOKS):
        raise CourseError(f"The roster {file} is a workbook or an archive. Save it as CSV in UTF-8.")
    try:
        text = decode(data, names=True)
    except ValueError:
        raise CourseError(f"The encoding of the roster {file} cannot be told. Save it as CSV in UTF-8.") from None
    try:
        rows = _rows(text)
    except csv.Error:
        raise CourseError(
            f'In the roster {file} a quotation mark (") opens a cell and does not close it, so that it swallows the '
            "rows below. Remove it, or write it twice inside of a cell in quotation marks."
        ) from None
    if not rows:
        raise CourseError(f"The roster {file} is empty. Its first row should name its columns.")
    above = next((place for place, row in enumerate(rows[:_ABOVE]) if _identifies(row)), 0)
    header, *rest = rows[above:]
    places, more = _places(header)
    if not _identifies(header):
        raise CourseError(
            f"The roster {file} has no column that says who a student is. It has: {', '.join(header)[:300]}. "
            "Give it one of these: login (or SIS Login ID, username), ID number (or SIS User ID), email, ID."
        )
    entries, possible, unidentified = [], {}, []
    for row in rest:
        if [title.casefold() for title in row] == [title.casefold() for title in header]:  # lists that were joined
            continue
        said = (row[place] for place in (*places.values(), *more) if place < len(row))
        if failed := next(filter(_FAILED.fullmatch, said), ""):
            raise CourseError(
                f"The roster {file} has {failed} in the row {', '.join(row)[:300]}. A spreadsheet writes that where a "
                "formula fails: write what belongs there, or nothing, and save it again."
            )
        cells = _cells(row, places)
        entry = Entry(**cells, more=tuple(filter(None, (_cell(row, place) for place in more))))
        if rounded := next(filter(_ROUNDED.fullmatch, entry.identifiers), ""):
            raise CourseError(
                f"In the roster {file} a spreadsheet has rounded a number to {rounded}. Give that column the format "
                "of a text, enter the numbers anew, and save it again."
            )
        if entry.name.strip().casefold() == _POINTS:
            possible = {title: _cell(row, index) for index, title in enumerate(header)}
        elif entry.name.strip().casefold() in _NO_STUDENT:
            continue
        elif entry.identifiers or entry.participant:
            entries.append(entry)
        elif entry.id:
            unidentified.append(entry.full_name)
        if any(row[len(header) :]):
            raise CourseError(
                f"The roster {file} has a row with more cells than columns: {', '.join(row)[:300]}. Put a cell with a "
                "separator in it into quotation marks."
            )
    if not entries:
        raise CourseError(f"The roster {file} has no rows with a student.")
    used = {*places.values(), *more}
    others = tuple(title for index, title in enumerate(header) if index not in used)
    possible = {title: possible.get(title, "") for title in others}
    return Roster(_merged(entries), others, possible, tuple(unidentified))


def _rows(text: str) -> list[list[str]]:
    """The rows, by the separator that gives an identifier and the most columns which are known; `sep=;` says it.

    Raises csv.Error where a quotation mark that is not closed swallows rows.
    """
    first, _, rest = text.lstrip("\ufeff").partition("\n")
    if first.strip().strip('"').casefold().startswith("sep="):
        return _sound(rest, first.strip().strip('"')[4:5] or "\t")
    tables = {delimiter: _parsed(text, delimiter) for delimiter in ",;\t|"}
    return _sound(text, max(tables, key=lambda mark: max(map(_fit, tables[mark][:_ABOVE]), default=(False, 0, 0))))


def _sound(text: str, delimiter: str) -> list[list[str]]:
    rows = _parsed(text, delimiter)
    if not rows or any("\n" in cell or "\r" in cell for row in rows for cell in row):
        return _parsed(text, delimiter, strict=True)
    return rows


def _fit(header: list[str]) -> tuple[bool, int, int]:
    places, more = _places(header)
    return _identifies(header), len(places) + len(more), len(header)


def _identifies(header: list[str]) -> bool:
    places, _ = _places(header)
    return any(name in places for name in _KEYS)


def _parsed(text: str, delimiter: str, strict: bool = False) -> list[list[str]]:
    lines = io.StringIO(text.replace("\0", ""), newline="")
    rows = csv.reader(lines, delimiter=delimiter, strict=strict, skipinitialspace=True)  # ada, "Lovelace, Ada"
    try:
        return [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    except csv.Error:
        if strict:
            raise
        return []


def _places(header: list[str]) -> tuple[dict[str, int], list[int]]:
    """Which column says what; and further columns with identifiers."""
    plain = ["".join(filter(str.isalnum, unicodedata.normalize("NFKC", title).casefold())) for title in header]
    columns = dict(_COLUMNS)
    if set(plain) >= _NBGRADERS:
        columns["login"] = ("id", *_COLUMNS["login"])
    if set(plain) >= _GITHUBS:
        columns |= {"login": ("identifier", *_COLUMNS["login"]), "participant": ()}
    if set(plain) >= _KOREAN_NAMES:
        columns |= {"first": ("이름",), "last": ("성",), "name": ()}
    places: dict[str, int] = {}
    more = []
    for name, titles in columns.items():
        found = [plain.index(title) for title in titles if title in plain]
        free = [place for place in dict.fromkeys(found) if place not in places.values()]
        if free:
            places[name] = free[0]
    for name in IDENTIFIERS:
        indices = [index for index, title in enumerate(plain) if title in columns[name]]
        more += [index for index in indices if index not in places.values() and index not in more]
    return places, more


def _cells(row: list[str], places: dict[str, int]) -> dict[str, str]:
    cells = {name: _cell(row, place) for name, place in places.items()}
    for name in ("login", "lms", "participant"):
        if hidden := _PARTICIPANT.fullmatch(cells.get(name, "")):
            cells |= {name: "", "participant": f"{hidden[1].replace('/', '')} {hidden[2]}"}
    return cells


def _cell(row: list[str], place: int) -> str:
    text = row[place] if place < len(row) else ""
    text = _TEXT.sub(r"\1\2", text)
    text = "".join(char for char in unicodedata.normalize("NFC", text) if unicodedata.category(char) != "Cf").strip()
    # Brightspace writes # before what a spreadsheet could take for a number
    text = text.removeprefix("#") if text[1:] else text
    text = _WHOLE.sub("", text)
    return "" if text.casefold() in _NOTHING else text


def _merged(entries: list[Entry]) -> tuple[Entry, ...]:
    """One entry for each person: rows that share an identifier are merged where nothing contradicts that."""
    people: list[Entry] = []
    seen: dict[tuple[str, str], int] = {}
    for entry in entries:
        keys = [(name, getattr(entry, name).casefold()) for name in _KEYS if getattr(entry, name)]
        index = next((seen[key] for key in keys if key in seen), len(people))
        if index == len(people) or not _agree(people[index], entry):
            index = len(people)
            people.append(entry)
        else:
            people[index] = _joined(people[index], entry)
        for key in keys:
            seen.setdefault(key, index)
    return tuple(people)


def _agree(entry: Entry, other: Entry) -> bool:
    pairs = [(getattr(entry, name).casefold(), getattr(other, name).casefold()) for name in _KEYS]
    names = (entry.names, other.names)
    return all(a == b for a, b in pairs if a and b) and (not all(names) or bool(names[0] & names[1]))


def _joined(entry: Entry, other: Entry) -> Entry:
    values = {item.name: getattr(entry, item.name) or getattr(other, item.name) for item in fields(Entry)}
    values["section"] = ", ".join(dict.fromkeys(filter(None, (entry.section, other.section))))
    values["more"] = tuple(dict.fromkeys((*entry.more, *other.more)))
    return Entry(**values)


# --- who is who? ----------------------------------------------------------------------------------------------------


class Index:
    """Finds the entries of a roster by whatever is known of a person."""

    def __init__(self, roster: Roster) -> None:
        self._exact: dict[str, list[Entry]] = {}
        self._lms: dict[str, list[Entry]] = {}
        self._local: dict[str, list[Entry]] = {}  # what is before the @ of an address
        self._names: dict[str, list[Entry]] = {}
        self._participants: dict[str, list[Entry]] = {}
        for entry in roster.entries:
            for identifier in entry.identifiers:
                self._exact.setdefault(identifier.casefold(), []).append(entry)
                if "@" in identifier:
                    self._local.setdefault(identifier.casefold().split("@")[0], []).append(entry)
            for number in filter(None, (entry.lms, *entry.more)):
                self._lms.setdefault(number.casefold(), []).append(entry)
            for name in entry.names:
                self._names.setdefault(name, []).append(entry)
            if entry.participant:
                self._participants.setdefault(entry.participant.split()[-1], []).append(entry)

    def find(
        self,
        identifiers: Iterable[str],
        names: Iterable[str] = (),
        participant: str = "",
        lms: str = "",
        local: bool = True,
    ) -> list[Entry]:
        """The entries that fit best: more than one where the list does not tell them apart, none where nobody fits.

        identifiers  logins, numbers, addresses; the first that is known decides
        names        full names, which decide where no identifier is known
        participant  Moodle's number of a person in one assignment, as its grading worksheet has it
        lms          the platform's own number of a person, which may be another person's student number
        local        what is before the @ of an address is an identifier, too
        """
        keys = [identifier.casefold() for identifier in identifiers if identifier]
        forms = [form for name in names for form in name_forms(name)]
        tries = [(self._participants, [participant] if participant else [])]
        tries += [(self._exact, keys), (self._lms, [lms.casefold()] if lms else [])]
        tries += [(self._local, keys if local else []), (self._names, forms)]
        for where, wanted in tries:
            for key in wanted:
                if key in where:
                    return list(dict.fromkeys(where[key]))
        return []

    def near(self, text: str) -> list[str]:
        """Entries with a similar name or identifier, for people."""
        known = self._exact | self._local | self._names
        plain = "".join(filter(str.isalnum, text.casefold()))
        close = [key for form in (text.casefold(), plain) for key in difflib.get_close_matches(form, known, 3, 0.75)]
        people = [known[key][0] for key in close]
        return list(dict.fromkeys(f"{entry.full_name} ({entry.id})" for entry in people))[:3]


def check(roster: Roster, students: Iterable[str], more: Mapping[str, Sequence[str]] | None = None) -> Check:
    """Find the entry of each student who has handed something in.

    more  {student: address and other identifiers} of the gradebook, further ways to find somebody
    """
    index = Index(roster)
    result = Check(ambiguous=_twice(roster), unidentified=roster.unidentified)
    owners: dict[Entry, str] = {}
    for student in sorted(set(students)):
        entries = index.find([student, *(more or {}).get(student, ())], [student])
        if not entries:
            result.unknown[student] = index.near(student)
        elif len(entries) > 1:
            result.ambiguous.append(f"{student} is {' and '.join(f'{e.full_name} ({e.id})' for e in entries)}")
        elif entries[0] in owners:
            result.ambiguous.append(f"{owners[entries[0]]} and {student} are both {entries[0].full_name}")
        else:
            owners[entries[0]] = student
            result.found[student] = entries[0]
    result.without = [entry for entry in roster.entries if entry not in owners]
    return result


def _twice(roster: Roster) -> list[str]:
    """Identifiers of two people."""
    seen: dict[tuple[str, str], Entry] = {}
    lines = []
    for entry in roster.entries:
        for name in (*IDENTIFIERS, "id"):
            value = getattr(entry, name).casefold()
            other = seen.setdefault((name, value), entry)
            if value and other is not entry:
                lines.append(f"{getattr(entry, name)} is of {other.full_name} and of {entry.full_name} in the roster")
    return list(dict.fromkeys(lines))
