"""Whose points are not those of the submission as it is now."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from autograde.course.errors import CourseError
from autograde.course.text import first_few
from autograde.grading.records import gradebook, intake, results
from autograde.grading.records.course import Course
from autograde.grading.records.results import Record

NEW = "it has not been graded yet"
CHANGED = "it was handed in again after its grading"
_SHOWN = 10  # names in one line


def not_graded(course: Course, lesson: str, graded: Collection[str]) -> dict[str, str]:
    """{student: why the submission is not graded as it is now}: it failed, nobody has graded it yet, or it is another
    one, or came at another time, than the one that was graded.

    graded  who has points
    """
    found = results.not_graded(course.results, lesson)
    others = [student for student in course.students(lesson) if student not in found]
    found |= {student: NEW for student in others if student not in graded}
    newer = [student for student in others if student in graded and not _seems_recorded(course, lesson, student)]
    if newer:
        with contextlib.suppress(CourseError):  # without a release nothing is graded, and `course grade` says so
            common = intake.material(course, lesson)
            records = (results.last(course.results, common.record, student) for student in newer)
            changed = [record for record in records if record is not None and _has_changed(course, common, record)]
            found |= {record.result.student: CHANGED for record in changed}
    return dict(sorted(found.items()))


def penalties(course: Course, lesson: str) -> list[str]:
    """A line on late penalties that the gradebook has from before a change of what decides them, if there are any."""
    try:
        names = gradebook.outdated(course, lesson)
    except CourseError as error:
        return [str(error)]
    if not names:
        return []
    return [
        f"Late penalties in {lesson} that no longer follow the due date, an extension, the rule or points by hand: "
        f"{len(names)} ({first_few(names, _SHOWN)}). Run `course grade {lesson}`, and then this command again."
    ]


def _seems_recorded(course: Course, lesson: str, student: str) -> bool:
    with contextlib.suppress(OSError):
        return results.seems_recorded(course.results, lesson, course.submitted(student, lesson))
    return False


def _has_changed(course: Course, common: intake.Assignment, record: Record) -> bool:
    with contextlib.suppress(OSError):  # `course grade` says what cannot be read
        submission = intake.gather(course, common, record.result.student)
        return (submission.fingerprint, submission.submitted) != (record.prints.submission, record.submitted)
    return False
