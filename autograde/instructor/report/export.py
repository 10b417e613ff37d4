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

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograde.course import class_data
from autograde.course.errors import CourseError
from autograde.course.lessons import LESSONS
from autograde.grading.records.course import Course
from autograde.instructor import roster
from autograde.instructor.report import grades
from autograde.instructor.report.grades import Grade, Grades
from autograde.instructor.report.tables import write_csv
from autograde.instructor.roster import Check, Entry, Roster

CSV, CANVAS, MOODLE = "csv", "canvas", "moodle"
FORMATS = (CSV, CANVAS, MOODLE)
_NUMBER = re.compile(r"^(.*\S)\s+\((\d+)\)$")


@dataclass(frozen=True)
class Exported:
    """The file, and what should be said about it."""

    file: Path
    lines: tuple[str, ...] = ()


def export(
    course: Course, kind: str, file: Path | None = None, names: Path | None = None, allow_missing: bool = False
) -> Exported:
    """Write all grades into one CSV file.

    kind           "csv" (nbgrader's columns), "canvas" or "moodle"
    file           default: classroom/export/grades.csv, grades-canvas.csv, grades-moodle.csv
    names          a roster: who is in the class, and under which numbers
    allow_missing  write also where submissions are of nobody in the roster; they are then left out

    Raises CourseError, and writes nothing, where a grade would be lost or would go to two people.
    """
    have = grades.read(course)
    if not have.grades:
        raise CourseError("There are no grades yet. Run `course grade` first.")
    students = sorted({student for _, student in have.grades})
    class_list = roster.read(names) if names else None
    checked = _check(class_list, students, have)
    if checked.ambiguous or (checked.unknown and not allow_missing):
        raise CourseError("\n".join(["Nothing was written:", *checked.lines, *_remedy(checked)]))
    default = "grades.csv" if kind == CSV else f"grades-{kind}.csv"
    target = (file or class_data.folder("export") / default).resolve()
    people: list[tuple[Entry, str | None]] = [(entry, student) for student, entry in checked.found.items()]
    people += [(entry, None) for entry in checked.without]
    if class_list is not None:  # in the order of the list
        order = {entry: index for index, entry in enumerate(class_list.entries)}
        people.sort(key=lambda one: order[one[0]])
    header, rows = _WRITERS[kind](have, people, class_list)
    write_csv(target, header, rows)
    waiting = sum(grade.review for grade in have.grades.values())
    lines = list(checked.lines)
    if waiting:
        lines.append(f"{waiting} submissions wait for a person's look; their points so far are in the file.")
    return Exported(target, tuple(lines))


def _check(class_list: Roster | None, students: Sequence[str], have: Grades) -> Check:
    if class_list is not None:
        emails = {student: person.email for student, person in have.people.items()}
        return roster.check(class_list, students, emails)
    entries = {
        one.id: Entry(login=one.id, email=one.email, lms=one.lms, name=one.name, first=one.first, last=one.last)
        for one in have.people.values()
    }
    found = {student: entries.pop(student) for student in students}
    return Check(found, list(entries.values()))


def _remedy(checked: Check) -> list[str]:
    if checked.ambiguous:
        return ["Make every student stand once in the roster and once among the submissions, and export again."]
    return ["Mend the roster or the names of the submissions, or leave these out with `--allow-missing`."]


_NBGRADER = """
assignment duedate timestamp student_id last_name first_name email raw_score late_submission_penalty score max_score
"""


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


def _csv(have: Grades, people: People, _: Roster | None) -> Table:
    """The columns and rows of nbgrader's own CSV: one for each lesson of the gradebook and each student."""
    rows = []
    for lesson, max_score in have.max_score.items():
        for entry, student in people:
            grade = have.grades.get((lesson, student or ""), Grade(0.0, 0.0, 0.0, False))
            last, first = _names(entry)
            who = [student or entry.identifiers[0], last, first, entry.email]
            rows.append(
                [lesson, have.due.get(lesson, ""), grade.submitted, *who, grade.raw, grade.late, grade.score, max_score]
            )
    return _NBGRADER.split(), rows


def _canvas(have: Grades, people: People, class_list: Roster | None) -> Table:
    lessons = _lessons(have)
    columns = [_canvas_column(lesson, class_list.others if class_list else ()) for lesson in lessons]
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *columns]
    rows = [["    Points Possible", "", "", "", "", *(have.max_score[lesson] for lesson in lessons)]]
    for entry, student in people:
        login = entry.login or (student or "" if class_list is None else entry.email)
        scores = [_score(have, lesson, student) for lesson in lessons]
        rows.append([entry.full_name, entry.lms, entry.number, login, entry.section, *scores])
    return header, rows


def _canvas_column(lesson: str, others: Sequence[str]) -> str:
    """The column of an assignment that Canvas has already, with its number; else the lesson's name."""
    title = next((one.title for one in LESSONS if one.name == lesson), lesson)
    for column in others:
        known = _NUMBER.match(column)
        if known and known.group(1).casefold() in (lesson.casefold(), title.casefold()):
            return column
    return lesson


def _moodle(have: Grades, people: People, class_list: Roster | None) -> Table:
    lessons = _lessons(have)
    rows = []
    for entry, student in people:
        last, first = _names(entry)
        login = entry.login or (student or "")
        rows.append(
            [first, last, entry.number, entry.email, login, *(_score(have, lesson, student) for lesson in lessons)]
        )
    return ["First name", "Last name", "ID number", "Email address", "Username", *lessons], rows


def _names(entry: Entry) -> tuple[str, str]:
    """Last and first name, where the list has them or writes "Last, First"."""
    if entry.last or entry.first or "," not in entry.name:
        return entry.last, entry.first
    last, first = entry.name.split(",", 1)
    return last.strip(), first.strip()


_WRITERS: dict[str, Callable[[Grades, People, Roster | None], Table]] = {CSV: _csv, CANVAS: _canvas, MOODLE: _moodle}
