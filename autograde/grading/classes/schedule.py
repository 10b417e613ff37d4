"""Grade a class: find out what has to be graded, let workers do it, write each result as it comes.

Only this process writes. It can be stopped at any moment: what is recorded is not graded again, and what is recorded
but not yet in the gradebook is written there by the next run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from filelock import FileLock, Timeout

from autograde.course import times
from autograde.course.attachments import shown
from autograde.course.errors import CourseError, concerns_all, sentence
from autograde.grading.classes import dask, workers
from autograde.grading.job import GradeRequest, Job, Options, Result
from autograde.grading.records import course as courses
from autograde.grading.records import fingerprints, intake, results
from autograde.grading.records.course import Course
from autograde.grading.records.gradebook import Writer, Written
from autograde.grading.records.intake import Submission
from autograde.grading.records.results import Fingerprints, Record

GRADED, UNCHANGED, WRITTEN, NOT_GRADED = "graded", "unchanged", "written again", "not graded"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one submission.

    state        GRADED; UNCHANGED since it was graded; WRITTEN again into the gradebook from its record, without
                 grading; NOT_GRADED, by a fault that is not the learner's: marks stay as they were
    score        the points in the gradebook now
    late         the points that the penalty for late submissions takes
    late_before  what it took before this run, where the submission itself has not changed
    review       a person has to look at it
    reviews      what needs manual review, in words
    problem      why it was not graded
    """

    student: str
    state: str
    score: float
    max_score: float
    late: float = 0.0
    late_before: float | None = None
    review: bool = False
    reviews: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    assurance: str = ""
    seconds: float = 0.0
    problem: str = ""


@contextlib.contextmanager
def lock(course: Course, lesson: str) -> Iterator[None]:
    """Only one process at a time grades a lesson. The lock of a process that has ended is free, however it ended."""
    file = course.results / lesson / ".lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(file, timeout=0):
            yield
    except Timeout:
        raise CourseError(f"{lesson} is being graded by another process. Wait for its end, or stop it first.") from None


class Grading:
    """One grading of one notebook of a course: decides what is to be graded, and records and writes what was.

    force  grade also what has not changed
    ends   what is written is done; False where nbgrader's own command goes on with it
    """

    def __init__(
        self,
        course: Course,
        common: intake.Assignment,
        writer: Writer,
        options: Options,
        force: bool = False,
        ends: bool = True,
    ) -> None:
        self.course, self.common, self.writer = course, common, writer
        self.options, self.force, self.ends = options, force, ends
        self._open: dict[str, tuple[Submission, Fingerprints, Record | None, results.Stale]] = {}
        self._exercises = {name: fingerprints.of_exercise(name) for name in intake.checked(common)}
        self._release = common.fingerprint
        self._environment = fingerprints.environment()

    def begin(self, student: str) -> Job | Outcome:
        """The job, or the outcome where there is nothing to grade or it cannot be read. What concerns all submissions
        (a full disk, a gradebook that cannot be used) is raised."""
        try:
            return self._begin(student)
        except Exception as error:
            return self._failed(student, "it could not be read", error)

    def _begin(self, student: str) -> Job | Outcome:
        submission = intake.gather(self.course, self.common, student, self.options)
        prints = Fingerprints(submission.fingerprint, self._release, self._environment, self._exercises)
        before = results.last(self.course.results, self.common.record, student)
        stale = results.stale(before, prints, self.options)
        if self.force or results.begun(self.course.results, self.common.lesson, student):
            stale = results.EVERYTHING
        if before is not None and not stale:
            kept = self._keep(before, submission)
            if kept is not None:
                return kept
            stale = results.EVERYTHING
        # of the submission only what finish() needs is held while it is graded
        held = replace(submission, job=replace(submission.job, notebook=None, files={}))
        self._open[student] = (held, prints, before, stale)
        return submission.job

    def _keep(self, before: Record, submission: Submission) -> Outcome | None:
        """The outcome of a submission that has not changed; None where its graded notebook is lost."""
        record = before
        if before.submitted != submission.submitted:  # the same files, handed in again
            record = replace(before, submitted=submission.submitted)
            results.append(self.course.results, record)
        if not self.writer.has_notebook(record.result.student):
            return None
        if record is not before:
            self.writer.save_time(record)
        student = record.result.student
        state = UNCHANGED if self.writer.agrees(record) else WRITTEN
        if state == UNCHANGED:
            late_before = self.writer.penalise(student)
            written = self.writer.current(student)
        else:
            late_before = self.writer.current(student).late
            written = self._write_again(record)
        return replace(_outcome(record, written, state), late_before=late_before)

    def is_complete(self, student: str) -> bool:
        """Whether the gradebook has the grade of what lies among the autograded files. It is written there now if only
        that was missing; False where a grading was stopped before its record."""
        record = results.last(self.course.results, self.common.record, student)
        saved = intake.submitted_at(self.course.autograded(student, self.common.lesson), [])
        if record is None or not self.writer.has_notebook(student) or saved != record.submitted:
            return False
        if self.writer.agrees(record):
            self.writer.penalise(student)
        else:
            self._write_again(record)
        return True

    def _write_again(self, record: Record) -> Written:
        """Write the newest record into a gradebook that does not have it. Where that has the marks of an older version
        of the answers, a cell graded by hand needs review again."""
        records = results.read(self.course.results, self.common.record, record.result.student)
        others = (other for other in records if other.prints.submission != record.prints.submission)
        return self.writer.write(record, changed=any(map(self.writer.agrees, others)))

    def finish(self, student: str, result: Result | None, problem: str = "") -> Outcome:
        """Record and write a result; without one the marks stay as they were."""
        try:
            if result is None:
                return self.not_graded(student, problem or "no result")
            return self._finish(student, result)
        except Exception as error:
            return self._failed(student, "its result could not be written", error)

    def _failed(self, student: str, what: str, error: Exception) -> Outcome:
        if isinstance(error, CourseError) or concerns_all(error):
            raise error
        reason = sentence(error) or f"{type(error).__name__}: {error}"
        return self.not_graded(student, f"{what}: {reason.rstrip('.')}")

    def not_graded(self, student: str, problem: str) -> Outcome:
        """The outcome of a submission that could not be graded, by no fault of its own. Its marks are those of the
        version before, if there is one, and whoever sees them sees that."""
        before = self._open.pop(student)[2] if student in self._open else None
        results.fail(self.course.results, self.common.lesson, student, problem)
        if not self.ends and before is not None:  # nbgrader's own command has taken them away
            self.writer.put_back(before)
        self.writer.say_not_graded(student, problem)
        written = self.writer.current(student)
        return Outcome(
            student=student,
            state=NOT_GRADED,
            score=written.score,
            max_score=written.max_score,
            late=written.late,
            review=True,
            problem=problem,
        )

    def _finish(self, student: str, result: Result) -> Outcome:
        submission, prints, before, stale = self._open[student]
        notebook = result.notebook
        kept: tuple[str, ...] = ()
        if before is not None and not stale.everything:
            result, kept = results.merge(before, result, stale.exercises)
        changed = before is None or before.prints.submission != prints.submission
        result = replace(result, lesson=self.common.record, student=student, notebook="")
        record = Record(
            result=result,
            prints=prints,
            options=self.options,
            submitted=submission.submitted,
            graded=times.now(),
            kept=kept,
        )
        self.writer.save_notebook(record, notebook)
        results.append(self.course.results, record)
        written = self.writer.write(record, notebook, changed)
        del self._open[student]
        if self.ends:
            results.end(self.course.results, self.common.lesson, student)
        return _outcome(record, written, GRADED)


def _outcome(record: Record, written: Written, state: str) -> Outcome:
    result = record.result
    return Outcome(
        student=result.student,
        state=state,
        score=written.score,
        max_score=written.max_score,
        late=written.late,
        review=written.review,
        reviews=tuple(f"{review.grade_id}: {review.reason}" for review in result.reviews),
        notes=(*filter(None, (result.unreadable,)), *result.notes),
        assurance=result.assurance,
        seconds=float(result.seconds.get("total", 0.0)),
    )


def grade_class(
    request: GradeRequest,
    *,
    course: Course | None = None,
    grade: str = workers.GRADE,
    on_start: Callable[[int], None] = lambda number: None,
    on_current: Callable[[list[str]], None] = lambda students: None,
) -> Iterator[Outcome]:
    """Grade the submissions of a lesson; gives each outcome as it comes, in no fixed order.

    grade       "module:function" of the pure function Job -> Result
    on_start    is told how many submissions there are
    on_current  is told who is being graded, each time that this changes

    Raises CourseError where the lesson is not released, nobody has submitted, somebody else is grading it, or this
    machine cannot isolate submissions.
    """
    course = course or courses.load()
    lesson, known = request.lesson, course.students(request.lesson)
    names = known if request.students is None else list(dict.fromkeys(request.students))
    odd = course.odd_names(lesson) if request.students is None else {}
    where = course.root / course.coursedir.submitted_directory
    problem = f"There are no submissions of {lesson} in {where}" if not names and not odd else ""
    for name in names:
        if name not in known:
            problem = problem or f"There is no submission of {lesson} by {name!r} in {where}"
    if problem:
        raise CourseError("\n".join([f"{problem}. Run `course collect` first.", *course.misplaced(lesson)]))
    with lock(course, lesson):
        common = intake.material(course, lesson)
        on_start(len(names) + len(odd))
        with Writer(course, lesson) as writer:
            grading = Grading(course, common, writer, request.options or course.options, request.force)
            for name, reason in odd.items():
                problem = f"the folder needs another name: {reason}"
                yield Outcome(
                    student=shown(name),
                    state=NOT_GRADED,
                    score=0.0,
                    max_score=writer.max_score,
                    review=True,
                    problem=problem,
                )
            items = (grading.begin(name) for name in names)
            jobs = min(request.jobs or workers.cores(), len(names))
            for item in _pool(items, request.scheduler, jobs, grade, on_current):
                if isinstance(item, workers.Finished):
                    if item.fatal:
                        raise CourseError(item.problem)
                    yield grading.finish(item.job.student, item.result, item.problem)
                else:
                    yield item


def _pool(
    items: Iterator[Job | Outcome],
    scheduler: str | None,
    jobs: int,
    grade: str,
    on_current: Callable[[list[str]], None],
) -> Iterator[workers.Finished | Outcome]:
    if scheduler is None:
        return workers.processes(items, jobs, grade, on_current)
    return dask.dask(items, scheduler, jobs, grade, on_current)
