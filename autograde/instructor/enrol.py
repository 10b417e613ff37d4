"""`course roster`: enter the people of a class list into nbgrader's gradebook. Nobody is ever removed."""

from __future__ import annotations

from pathlib import Path

from nbgrader.api import Gradebook, Student

from autograde.course import class_data
from autograde.course.errors import CourseError
from autograde.course.people import refusal
from autograde.course.text import first_few
from autograde.grading.records.course import Course
from autograde.instructor import roster
from autograde.instructor.report import grades
from autograde.instructor.roster import Entry

_SHOWN = 20  # names in one line


def enrol(course: Course, file: Path) -> list[str]:
    """Add the people of a class list to the gradebook, and update names, addresses and the platform's ids.

    A person who has handed in already, or is in the gradebook, is found by any identifier or the full name, and keeps
    the id; what the list does not say stays. Returns lines about what was done.
    Raises CourseError, and changes nothing, where the list leaves open who somebody is.
    """
    class_list = roster.read(file)
    people = grades.read(course).people
    known = sorted({*people, *_folders()})
    checked = roster.check(class_list, known, {person.id: (person.email, person.lms) for person in people.values()})
    ids = {entry: student for student, entry in checked.found.items()} | {entry: entry.id for entry in checked.without}
    problems = [f"fits twice: {text}" for text in checked.ambiguous]
    problems += [f"{entry.full_name}: {refusal(student)}" for entry, student in ids.items() if refusal(student)]
    if problems:
        raise CourseError("\n".join(["Nothing was entered:", *problems, "Correct the class list and enter it again."]))
    added, updated = [], []
    with Gradebook(course.db_url, course.course_id) as gradebook:
        for entry in class_list.entries:
            student = gradebook.db.get(Student, ids[entry])
            if student is None:
                gradebook.db.add(Student(id=ids[entry], **_values(entry)))
                added.append(ids[entry])
            elif _update(student, _values(entry)):
                updated.append(ids[entry])
        gradebook.db.commit()
    total = len(class_list.entries)
    lines = [f"{len(added)} added, {len(updated)} updated, {total - len(added) - len(updated)} as before."]
    if updated:
        lines.append(f"Updated: {first_few(updated, _SHOWN)}.")
    if checked.unidentified:
        lines.append(f"Left out, without an identifier: {first_few(checked.unidentified, _SHOWN)}.")
    if checked.unknown:
        lines.append(f"Not in this list, and kept: {first_few(list(checked.unknown), _SHOWN)}.")
    return lines


def _folders() -> list[str]:
    folder = class_data.folder("submitted")
    return [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _values(entry: Entry) -> dict[str, str]:
    last, first = entry.last_and_first
    values = {"first_name": first, "last_name": last, "email": entry.email, "lms_user_id": entry.lms}
    return {name: value for name, value in values.items() if value}


def _update(student: Student, values: dict[str, str]) -> bool:
    changed = {name: value for name, value in values.items() if getattr(student, name) != value}
    for name, value in changed.items():
        setattr(student, name, value)
    return bool(changed)
