"""Take submissions in from folders and archives. A bad submission never stops the others and is never stored under
another student's name; everybody in a source is either collected or named with the reason."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.api import Assignment, Gradebook, SubmittedAssignment
from sqlalchemy.engine import make_url

from autograde.course import class_data, times
from autograde.course.attachments import SECRET, TIMESTAMP
from autograde.course.errors import CourseError
from autograde.course.files import Refused
from autograde.course.lessons import LESSONS, Lesson
from autograde.course.people import folded
from autograde.course.text import first_few
from autograde.grading.records import course as courses
from autograde.instructor import roster
from autograde.instructor.collecting import sources, submission
from autograde.instructor.collecting.sources import Choice, Identity, Person
from autograde.instructor.collecting.store import participant, remember, store
from autograde.instructor.collecting.students import Found, Students
from autograde.instructor.report import grades

ANYTHING = Choice()
FILE_DATES = "dates"  # for `received`: each file's own date
_SHOWN = 10  # names in one line
_TELLS_APART = (
    "Give a class list (`--roster`) that tells them apart, such as Moodle's grading worksheet, or collect each by "
    "itself with `--student NAME`"
)
_ANOTHER = (
    "{student} has handed in already, as number {other} of the platform, and this is number {number}, so they may be "
    f"two people of one name. {_TELLS_APART}"
)


@dataclass(frozen=True, kw_only=True)
class Collected:
    """One submission that was taken in, or the reason why it was not.

    place    where it was found
    problem  why it was not taken, or ""
    notes    on what was left out or repaired
    time     when it was handed in (UTC), or None; `clock`: what says so
    late     the platform marks it as late
    kept     where the submission that it replaces is kept, or ""
    older    that one was handed in later
    """

    student: str
    place: str
    problem: str = ""
    notes: tuple[str, ...] = ()
    time: datetime.datetime | None = None
    clock: str = ""
    late: bool = False
    kept: str = ""
    older: bool = False

    def __post_init__(self):
        for name in ("student", "place", "problem"):
            object.__setattr__(self, name, _printable(getattr(self, name)))
        object.__setattr__(self, "notes", tuple(map(_printable, self.notes)))


def _printable(text: str) -> str:
    """A file's name may hold what a terminal obeys."""
    return "".join(char if char.isprintable() else "?" for char in text)


@dataclass(frozen=True)
class Due:
    """The due date of a lesson (UTC) and extensions {student: more time} as nbgrader's gradebook has them."""

    date: datetime.datetime | None = None
    extensions: dict[str, datetime.timedelta] | None = None

    def is_late(self, student: str, time: datetime.datetime | None) -> bool:
        more = (self.extensions or {}).get(student, datetime.timedelta(0))
        return time is not None and self.date is not None and time > self.date + more


def collect(
    lesson: Lesson,
    paths: list[Path],
    choice: Choice = ANYTHING,
    class_list: Path | None = None,
    echo: Callable[[str], None] = lambda line: None,
) -> list[Collected]:
    """Take in submissions from folders, archives and single files, as platforms name them or as the instructor does.

    choice      what the instructor says about the sources
    class_list  a roster: its names, logins and numbers say who somebody is, and who is not in it is not collected
    echo        is given lines about all of them together

    When something was handed in is what `choice.received` says, else what the platform's names say, else nbgrader's
    timestamp.txt; otherwise it is not known, and then nobody is late. An older submission of the same student is kept
    in `classroom/collected`. Two different files for one student in one call are both refused.

    Raises CourseError for a source that does not exist, an unreadable roster or time.
    """
    paths = [path.expanduser() for path in paths]
    for path in paths:
        if not path.exists():
            raise CourseError(f"{path} does not exist. Give a folder or a zip file with the submissions.")
    _received(choice.received)
    known, due = _gradebook(lesson)
    students = Students(roster.read(class_list) if class_list else None, known)
    results: list[Collected] = []
    found: list[tuple[Person, Found]] = []
    alone = sum(path.is_file() for path in paths) <= 1
    given = list(sources.together(paths))
    with ExitStack() as stack:
        for path, some in given:
            try:
                source = sources.read(path, stack, some)
            except Refused as error:
                results.append(Collected(student=path.stem, place=str(path), problem=str(error)))
                continue
            people = list(sources.people(lesson, source, choice, alone, students.known, students.listed))
            if not people and len(paths) > 1:
                results.append(Collected(student=path.stem, place=str(path), problem="there is nothing in it"))
            if len(given) > 1:
                for person in people:
                    person.files = [sources.placed(path, file) for file in person.files]
            found += [(person, students.find(person.identity)) for person in people]
        for person, who in _told_apart(found):
            results.append(_take(lesson, person, who, choice))
    for line in _remarks(results, due):
        echo(line)
    return results


def _received(text: str) -> datetime.datetime | None:
    if text in ("", FILE_DATES):
        return None
    try:
        return times.read(text)
    except ValueError as error:
        raise CourseError(f"`--received`: {error}. Write it like 2026-11-10 23:59, or `{FILE_DATES}`.") from None


def _gradebook(lesson: Lesson) -> tuple[dict[str, grades.Person], Due]:
    """The people and the due date in nbgrader's gradebook; nothing where there is none yet."""
    course = courses.load()
    url = make_url(course.db_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return {}, Due()
    people = grades.read(course, lesson.name).people
    with Gradebook(course.db_url, course.course_id) as gradebook:
        row = gradebook.db.query(Assignment.id, Assignment.duedate).filter(Assignment.name == lesson.name).one_or_none()
        if row is None:
            return people, Due()
        extensions = gradebook.db.query(SubmittedAssignment.student_id, SubmittedAssignment.extension).filter(
            SubmittedAssignment.assignment_id == row[0], SubmittedAssignment.extension.is_not(None)
        )
        return people, Due(row[1], dict(map(tuple, extensions)))


# --- one student ----------------------------------------------------------------------------------------------------


def _told_apart(found: list[tuple[Person, Found]]) -> list[tuple[Person, Found]]:
    """One entry for each student. Names that a file system takes for one are a problem of each, never one student's."""
    groups: dict[str, list[tuple[Person, Found]]] = {}
    for person, who in found:
        groups.setdefault(folded(who.student) or _places(person), []).append((person, who))
    result = []
    for group in groups.values():
        names = {_raw(person.identity, who) for person, who in group}
        if len(names) == 1:
            (person, who), *rest = group
            for other, _ in rest:
                person.files += other.files
                person.problem = person.problem or other.problem
                person.notes += other.notes
                person.late, person.unsure = person.late or other.late, person.unsure or other.unsure
            result.append((person, who))
            continue
        labels = ", ".join(sorted({f"{person.identity.label} ({_places(person)})" for person, _ in group}))
        problem = f"these names cannot be told apart: {labels}. {_TELLS_APART}"
        result += [(person, replace(who, problem=who.problem or problem)) for person, who in group]
    return sorted(result, key=lambda entry: entry[1].student)


def _raw(identity: Identity, who: Found) -> object:
    """What makes two people of a source one student: the class list, or that the source calls them exactly the same."""
    return who.student if who.listed else identity


def _places(person: Person) -> str:
    places = [str(file.place) for file in sorted(person.files, key=lambda file: file.is_folder)]
    return ", ".join(list(dict.fromkeys(places))[:3]) or person.identity.label


def _take(lesson: Lesson, person: Person, who: Found, choice: Choice) -> Collected:
    """Store one student's submission, or say why not."""
    result = Collected(
        student=who.student, place=_places(person), problem=person.problem or who.problem, late=person.late
    )
    if result.problem:
        return result
    try:
        chosen = submission.choose(lesson, person)
        if chosen.notebook is None or chosen.source is None:
            return replace(result, problem=chosen.reason)
        time, clock = _time(chosen, choice)
        if not choice.exchange:
            chosen.nbgraders.pop(SECRET, None)
        number = person.identity.participant
        other = "" if who.listed else participant(lesson, who.student)
        if number and other not in ("", number):
            return replace(result, problem=_ANOTHER.format(student=who.student, other=other, number=number))
        before, _ = _known_before(lesson, who.student)
        kept = store(lesson, who.student, chosen, time, person.unsure)
        older = bool(kept) and time is not None and before is not None and time < before
        if number:
            remember(lesson, who.student, number)
        if time is None:  # of the same files, what an earlier collecting knew stays
            time, clock = _known_before(lesson, who.student)
    except Refused as error:
        return replace(result, problem=str(error))
    except OSError as error:
        return replace(result, problem=f"it could not be stored: {error.strerror}")
    notes = tuple(dict.fromkeys((*person.notes, *chosen.notes)))
    place = str(chosen.source.place)
    return replace(result, place=place, notes=notes, time=time, clock=clock, kept=kept, older=older)


def _time(chosen: submission.Submission, choice: Choice) -> tuple[datetime.datetime | None, str]:
    """When it was handed in, and what says so."""
    file = chosen.source
    at = _received(choice.received)
    if at is not None:
        return at, "`--received`"
    if choice.received == FILE_DATES and file is not None and file.modified is not None:
        return times.in_utc(file.modified), "the file's date"
    if file is not None and file.time is not None:
        return file.time, "the platform's name for it"
    if TIMESTAMP in chosen.nbgraders:
        try:
            return times.read(chosen.nbgraders[TIMESTAMP], local=False), TIMESTAMP
        except ValueError:
            chosen.notes.append(f"{TIMESTAMP} could not be read; when this was handed in is not known.")
    return None, ""


def _known_before(lesson: Lesson, student: str) -> tuple[datetime.datetime | None, str]:
    file = class_data.folder("submitted") / student / lesson.name / TIMESTAMP
    try:
        return times.read(file.read_text(), local=False), "what was known before"
    except (OSError, ValueError):
        return None, ""


# --- all of them ----------------------------------------------------------------------------------------------------


def _remarks(results: list[Collected], due: Due) -> list[str]:
    taken = [result for result in results if not result.problem]
    lines = []
    other = next(
        (other for other in LESSONS if any(f"it has {other.name}," in result.problem for result in results)), None
    )
    if other is not None and not taken:
        lines.append(f"These are submissions of {other.name}: `course collect {other.name[:2].lstrip('0')} …`.")
    if taken and due.date is not None and due.date < times.now():
        lines.append(_lateness(taken, due, times.shown(due.date)))
    return lines


def _lateness(taken: list[Collected], due: Due, date: str) -> str:
    """One line: how many of these count as late, and why."""
    late = [result for result in taken if due.is_late(result.student, result.time)]
    clocks = " and ".join(sorted({result.clock for result in late}))
    by = f", by {clocks}: {_names(late)}" if late else ""
    parts = [f"The due date ({date}) is over. Late: {len(late)} of {len(taken)}{by}."]
    marked = [result for result in taken if result.late and result not in late]
    unknown = [result for result in taken if result.time is None]
    if unknown:
        counts = "counts" if len(unknown) == 1 else "count"
        parts.append(
            f"{len(unknown)} without a known time {counts} as on time; `--received TIME` says when they were handed in."
        )
    if marked:
        parts.append(f"The platform marks as late, without a time: {_names(marked)}.")
    return " ".join(parts)


def _names(results: list[Collected]) -> str:
    return first_few([result.student for result in results], _SHOWN)
