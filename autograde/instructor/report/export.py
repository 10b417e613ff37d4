"""`course export`: the points as a gradebook of another system takes them.

Scores are those of nbgrader's own CSV: with marks given by hand, and after the late penalty. Where there is no
submission nbgrader's CSV has 0; for Canvas and Moodle the cell is empty: their own rule for missing work applies.

Canvas: https://community.canvaslms.com/t5/Instructor-Guide/How-do-I-import-grades-in-the-Gradebook/ta-p/807. First come
the columns Student, ID, SIS User ID, SIS Login ID, Section. An assignment's column is its name, followed by its number
in parentheses where Canvas has it already; the row after the header says "Points Possible". A roster that is Canvas's
own export of its gradebook brings numbers and sections along.

Moodle: https://docs.moodle.org/en/Grade_import. Any columns; the instructor maps one of them to the user (ID number,
email address or username) and each grade column to an item.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograde.course import class_data
from autograde.course.errors import CourseError
from autograde.course.lessons import LESSONS
from autograde.course.text import counted
from autograde.grading.records import waiting
from autograde.grading.records.course import Course
from autograde.instructor import roster
from autograde.instructor.report import grades
from autograde.instructor.report.grades import Grade, Grades
from autograde.instructor.report.tables import write_csv
from autograde.instructor.roster import Check, Entry, Roster

CSV, CANVAS, MOODLE = "csv", "canvas", "moodle"
_NUMBER = re.compile(r"^(.*\S)\s+\((\d+)\)$")


@dataclass(frozen=True)
class Exported:
    """The file, and what should be said about it."""

    file: Path
    lines: tuple[str, ...] = ()


def export(
    course: Course,
    kind: str,
    file: Path | None = None,
    names: Path | None = None,
    allow_missing: bool = False,
    lesson: str | None = None,
) -> Exported:
    """Write the grades of a lesson, or of all, into one CSV file.

    kind           "csv" (nbgrader's columns), "canvas" or "moodle"
    file           the file, or a folder for it; default: in classroom/export/
    names          a roster: who is in the class, and under which numbers
    allow_missing  skip submissions that match nobody in the roster, and write the rest

    Raises CourseError, and writes nothing, where a grade would be lost or would go to two people.
    """
    have = grades.read(course, lesson)
    if not have.grades:
        raise CourseError(f"There are no grades{f' of {lesson}' if lesson else ''} yet. Run `course grade` first.")
    students = sorted({student for _, student in have.grades})
    class_list = roster.read(names) if names else None
    checked = _check(class_list, students, have)
    collected = {student for name in have.max_score for student in course.students(name)}
    _set_waiting_apart(checked, collected.difference(students), have)
    if checked.ambiguous or (checked.unknown and not allow_missing):
        raise CourseError("\n".join(["Nothing was written:", *checked.lines, *_remedy(checked)]))
    target = _target(file, "-".join(filter(None, ("grades", lesson, kind if kind != CSV else ""))) + ".csv")
    is_roster = names is not None and target.is_file() and target.samefile(names.expanduser())
    if target.is_file() and (is_roster or not _is_exported(target, have)):
        raise CourseError(f"{target} is there already, and is not a file of grades. Say another place with `--out`.")
    people: list[tuple[Entry, str | None]] = [(entry, student) for student, entry in checked.found.items()]
    people += [(entry, None) for entry in (*checked.without, *checked.waiting)]
    if class_list is not None:  # in the order of the list
        order = {entry: index for index, entry in enumerate(class_list.entries)}
        people.sort(key=lambda person: order[person[0]])
    lines = list(checked.lines)
    header, rows = _WRITERS[kind](have, people, class_list, lines)
    try:
        write_csv(target, header, rows)
    except OSError as error:
        raise CourseError(f"{target} could not be written: {error.strerror}. Say another place with `--out`.") from None
    for name in have.max_score:
        if late := waiting.not_graded(course, name, {student for graded, student in have.grades if graded == name}):
            lines.append(
                f"Not graded in their newest version ({name}): {', '.join(late)}. The file has the points of the "
                f"version before, if there is one. Run `course grade {name}`, and export again."
            )
        lines += waiting.penalties(course, name)
    reviews = sum(grade.review for grade in have.grades.values())
    if reviews:
        need = "needs" if reviews == 1 else "need"
        lines.append(f"{counted(reviews, 'submission')} still {need} manual review; the file has the current points.")
    return Exported(target, tuple(lines))


def _target(file: Path | None, name: str) -> Path:
    """A path without an ending is a folder, which may be new."""
    if file is None:
        return class_data.folder("export") / name
    target = file.expanduser().resolve()
    return target / name if target.is_dir() or not target.suffix else target


def _is_exported(file: Path, have: Grades) -> bool:
    """Whether a file has the columns of an export: those of its kind, then assignments of this course only."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header = next(csv.reader(lines), [])
    except (OSError, ValueError, csv.Error):
        return False
    titles = [text for lesson in LESSONS for text in (lesson.name, lesson.title)]
    known = {name.casefold() for name in (*titles, *have.max_score)}
    for columns in _COLUMNS.values():
        if header[: len(columns)] == columns:
            others = (_NUMBER.sub(r"\1", column).casefold() for column in header[len(columns) :])
            return known.issuperset(others)
    return False


def _check(class_list: Roster | None, students: Sequence[str], have: Grades) -> Check:
    if class_list is not None:
        return roster.check(class_list, students, _more(have))
    entries = {person.id: person.entry for person in have.people.values()}
    found = {student: entries.pop(student) for student in students}
    return Check(found, list(entries.values()))


def _more(have: Grades) -> dict[str, tuple[str, str]]:
    return {student: (person.email, person.lms) for student, person in have.people.items()}


def _set_waiting_apart(checked: Check, ungraded: Iterable[str], have: Grades) -> None:
    """Who has handed in what is not graded yet is not without a submission."""
    handed = set(roster.check(Roster(tuple(checked.without)), ungraded, _more(have)).found.values())
    checked.waiting = [entry for entry in checked.without if entry in handed]
    checked.without = [entry for entry in checked.without if entry not in handed]


def _remedy(checked: Check) -> list[str]:
    if checked.ambiguous:
        return [
            "Each student must appear exactly once in the roster and once among the submissions. Correct that and "
            "export again."
        ]
    return ["Correct the roster or the names of the submission folders, or skip these students with `--allow-missing`."]


_COLUMNS = {
    CSV: [
        *("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email"),
        *("raw_score", "late_submission_penalty", "score", "max_score"),
    ],
    CANVAS: ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"],  # then a column for each lesson
    MOODLE: ["First name", "Last name", "ID number", "Email address", "Username"],  # then a column for each lesson
}


# --- formats --------------------------------------------------------------------------------------------------------

People = Sequence[tuple[Entry, str | None]]
Table = tuple[list[str], list[list]]


def _score(have: Grades, lesson: str, student: str | None) -> float | str:
    grade = have.grades.get((lesson, student)) if student else None
    return "" if grade is None else round(grade.score, 2)


def _lessons(have: Grades) -> list[str]:
    """The lessons that somebody has handed in."""
    given = {lesson for lesson, _ in have.grades}
    return [lesson for lesson in have.max_score if lesson in given]


def _csv(have: Grades, people: People, class_list: Roster | None, lines: list[str]) -> Table:
    """The columns and rows of nbgrader's own CSV: one for each lesson of the gradebook and each student."""
    rows = []
    for lesson, max_score in have.max_score.items():
        for entry, student in people:
            grade = have.grades.get((lesson, student or ""), Grade(score=0.0, raw=0.0, late=0.0, review=False))
            last, first = entry.last_and_first
            who = [student or entry.id, last, first, entry.email]
            rows.append(
                [lesson, have.due.get(lesson, ""), grade.submitted, *who, grade.raw, grade.late, grade.score, max_score]
            )
    return _COLUMNS[CSV], rows


def _canvas(have: Grades, people: People, class_list: Roster | None, lines: list[str]) -> Table:
    lessons = _lessons(have)
    columns = [_canvas_column(lesson, have.max_score[lesson], class_list, lines) for lesson in lessons]
    header = [*_COLUMNS[CANVAS], *columns]
    rows: list[list] = [["    Points Possible", "", "", "", "", *(have.max_score[lesson] for lesson in lessons)]]
    for entry, student in people:
        login = entry.login or (student or "" if class_list is None else entry.email)
        scores = [_score(have, lesson, student) for lesson in lessons]
        rows.append([entry.full_name, entry.lms, entry.number, login, entry.section, *scores])
    return header, rows


def _canvas_column(lesson: str, max_score: float, class_list: Roster | None, lines: list[str]) -> str:
    """The column of an assignment that Canvas has already, with its number; else the lesson's name.

    Appends to `lines` what the instructor should know before importing: no such column, several, another maximum.
    """
    title = next((known.title for known in LESSONS if known.name == lesson), lesson)
    known = {
        column: match[1] for column in (class_list.others if class_list else ()) if (match := _NUMBER.match(column))
    }
    fitting = [column for column, name in known.items() if name.casefold() in (lesson.casefold(), title.casefold())]
    if known and not fitting:  # it is Canvas's own list
        near = [column for column, name in known.items() if title.casefold() in name.casefold()]
        hint = f" Perhaps it is {near[0]!r}: write that in the first row of the file." if near else ""
        lines.append(f"Canvas has no assignment {lesson!r} or {title!r}; importing would create one.{hint}")
    if not fitting:
        return lesson
    if len(fitting) > 1:
        lines.append(
            f"Two columns of Canvas fit {lesson}: {', '.join(map(repr, fitting))}. The first is in the file; "
            "change its title there if it is another."
        )
    possible = class_list.possible.get(fitting[0], "") if class_list else ""
    if possible and _number(possible) != max_score:
        lines.append(
            f"In Canvas {fitting[0]!r} has {possible} points, here it has {max_score:g}. Change it in Canvas "
            "before you import."
        )
    return fitting[0]


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _moodle(have: Grades, people: People, class_list: Roster | None, lines: list[str]) -> Table:
    lessons = _lessons(have)
    rows = []
    for entry, student in people:
        last, first = entry.last_and_first
        login = entry.login or (student or "")
        rows.append(
            [first, last, entry.number, entry.email, login, *(_score(have, lesson, student) for lesson in lessons)]
        )
    return [*_COLUMNS[MOODLE], *lessons], rows


_WRITERS: dict[str, Callable[[Grades, People, Roster | None, list[str]], Table]] = {
    CSV: _csv,
    CANVAS: _canvas,
    MOODLE: _moodle,
}
