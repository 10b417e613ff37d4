"""A fault costs what it concerns: what a submission causes is its own verdict, what the machine causes costs nobody a
point, and neither stops the class."""

from __future__ import annotations

import errno
import itertools
import json
import multiprocessing
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import small_grader
from nbgrader.api import Gradebook
from sqlalchemy.exc import DataError, OperationalError

from autograde import cli
from autograde.course import errors, notebooks
from autograde.course.lessons import find_lesson
from autograde.exercises import exercise as find_exercise
from autograde.exercises import of_lesson
from autograde.grading import grade as grading
from autograde.grading.classes import schedule
from autograde.grading.classes.schedule import GRADED, NOT_GRADED, UNCHANGED, Grading
from autograde.grading.classes.workers import attempt
from autograde.grading.job import Job, Limits, Options
from autograde.grading.notebook.slow import SlowFunctions
from autograde.grading.records import course as courses
from autograde.grading.records import intake, results
from autograde.grading.records.gradebook import Writer
from autograde.grading.sandbox.driver import Driver
from autograde.harness.call import Answer, Problem
from autograde.harness.invoke import answer
from autograde.harness.wire import pack_answers, unpack_answers
from conftest import filled, released, submit

LESSON = find_lesson("3")
POINTS = {exercise.name: float(exercise.points) for exercise in of_lesson(LESSON.name)}
FULL = sum(POINTS.values())
WRONG = {"convolution_cost": "def convolution_cost(*args):\n    return None"}
REST = FULL - POINTS["convolution_cost"]
ODD = [
    StopIteration(),
    RecursionError(),
    MemoryError(),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
]
NAMES = [type(value).__name__ for value in ODD]


# --- in the grading of one submission -------------------------------------------------------------------------------


class References(Driver):
    """In the place of the sandbox: cells show nothing, and the references answer, but for what is wrong."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def run(self, source, seconds=None):
        return [], None

    def ask(self, name, calls):
        return answer(print if name in WRONG else find_exercise(name).reference, calls)

    def ask_mended(self, name, calls, mended):
        return None


class NobodyRuns:
    assurance = "none"

    def start(self):
        pass


@pytest.fixture
def references(monkeypatch):
    monkeypatch.setattr(grading, "Driver", References)


def job(notebook=None, **limits) -> Job:
    data = nbformat.writes(notebook or filled(LESSON, WRONG)).encode()
    release = nbformat.writes(released(LESSON))
    return Job(
        lesson=LESSON.name,
        student="kim",
        notebook=data,
        release=release,
        key=b"k" * 32,
        options=Options(limits=Limits(**limits)),
    )


def points(result) -> float:
    return sum(mark.points for mark in result.scores.values())


def raising(error, real=None, where=lambda *args, **kwargs: True):
    """A function that raises; with `real` only where `where` says so."""

    def function(*args, **kwargs):
        if where(*args, **kwargs):
            raise error
        return real(*args, **kwargs)

    return function


STAGES = {  # {stage: (where it is, its name, what is left of the points)}
    "the file is read": (grading, "parse_submission", 0.0),
    "the cells are chosen": (grading, "needed", REST),
    "slow functions are looked for": (SlowFunctions, "called_by", REST),
    "a cell is noted": (SlowFunctions, "ran", REST),
    "an answer is judged": (grading, "judge", 0.0),
    "what an answer uses is looked for": (grading.carry, "to_mend", REST),
    "rules are applied": (grading.rules, "reviews", REST),
    "outputs are cleaned": (grading, "clean_notebook", REST),
    "outputs are shortened": (grading, "shorten", REST),
}


@pytest.mark.parametrize("error", ODD, ids=NAMES)
@pytest.mark.parametrize("stage", STAGES)
def test_an_exception_costs_what_it_concerns(references, monkeypatch, stage, error):
    place, name, left = STAGES[stage]
    with monkeypatch.context() as patch:
        patch.setattr(place, name, raising(error))
        result = grading.grade(job(), NobodyRuns())
    assert points(result) == left and len(result.scores) == len(POINTS)
    nbformat.validate(nbformat.reads(result.notebook, as_version=4))
    lost = left == 0.0
    assert bool(result.reviews) == (lost or name == "reviews"), "a person is asked where something was not decided"
    if lost:
        said = {mark.comment for mark in result.scores.values()}
        assert all("could not be" in sentence and "odd" not in sentence for sentence in said), said


@pytest.mark.parametrize("stage", STAGES)
def test_a_fault_of_the_machine_is_no_verdict(references, monkeypatch, stage):
    place, name, _ = STAGES[stage]
    monkeypatch.setattr(place, name, raising(OSError(errno.EMFILE, "Too many open files")))
    result, problem, fatal = attempt(lambda one: grading.grade(one, NobodyRuns()), job())
    assert result is None and "Too many open files" in problem and not fatal


def test_only_the_answer_that_cannot_be_judged_has_no_points(references, monkeypatch):
    strange = raising(KeyError("odd"), grading.judge, lambda exercise, *args: exercise.name == "softmax")
    monkeypatch.setattr(grading, "judge", strange)
    result = grading.grade(job(), NobodyRuns())
    assert points(result) == REST - POINTS["softmax"]
    assert {(review.grade_id, review.reason) for review in result.reviews} == {
        ("check_softmax", "The answer could not be compared: KeyError.")
    }


@pytest.mark.parametrize("letter", ["x", "한", "\\"])
def test_a_record_stays_small_whatever_an_answer_says(references, monkeypatch, letter):
    """A traceback of 4,000 lines of 1,999 characters once made a record of 8 MB."""
    lines = (letter * 1999,) * 4000
    problem = Problem(kind="ValueError", text="odd", lines=lines, values=lines)
    frame = pack_answers([Answer(problem=problem, changed=lines)])
    monkeypatch.setattr(References, "ask", lambda self, name, calls: unpack_answers(frame, 1) * len(calls))
    job_of_many = replace(job(), notes=tuple(f"note {number}" * 20 for number in range(5000)))
    result = grading.grade(job_of_many, NobodyRuns())
    made = results.Record(result=result, prints=results.Fingerprints("", "", ""), options=Options())
    assert len(json.dumps(results.to_dict(replace(made, result=replace(result, notebook=""))))) < 100_000
    assert points(result) == 0.0


def test_a_notebook_that_cannot_be_written_keeps_its_points(references, monkeypatch):
    """First without outputs, then as it was released: there is always something to show."""
    for times, kept in ((1, True), (2, False)):
        fails = iter([True] * times + [False])
        broken = raising(ValueError("odd"), notebooks.to_plain_text, lambda one, fails=fails: next(fails))
        with monkeypatch.context() as patch:
            patch.setattr(grading.notebooks, "to_plain_text", broken)
            result = grading.grade(job(), NobodyRuns())
        assert points(result) == REST and ("return None" in result.notebook) == kept
        assert "could not be kept: ValueError" in result.notebook


@pytest.mark.parametrize("stage", [stage for stage in STAGES if "cell is noted" not in stage])
def test_code_that_never_returns_ends_with_the_time_of_the_submission(references, monkeypatch, stage):
    """Reading, judging, rules and cleaning have the same deadline as the cells."""
    place, name, left = STAGES[stage]
    monkeypatch.setattr(grading, "GRACE", 0.2)

    def hangs(*args, **kwargs):
        while True:
            pass

    with monkeypatch.context() as patch:
        patch.setattr(place, name, hangs)
        result = grading.grade(job(total=1.0), NobodyRuns())
    assert len(result.scores) == len(POINTS) and points(result) <= left
    if left == 0.0:
        assert all("seconds of this submission" in mark.comment for mark in result.scores.values())


# --- in a class -----------------------------------------------------------------------------------------------------


def grade_all(**options) -> dict[str, schedule.Outcome]:
    """Grade the class in this process, with a grader that runs nothing."""
    course = courses.load()
    outcomes = {}
    with schedule.lock(course, LESSON.name), Writer(course, LESSON.name) as writer:
        grader = Grading(course, intake.material(course, LESSON.name), writer, course.options, **options)
        for name in course.students(LESSON.name):
            item = grader.begin(name)
            if isinstance(item, Job):
                result, problem, _ = attempt(small_grader.grade, item)
                item = grader.finish(name, result, problem)
            outcomes[name] = item
    return outcomes


def scores(root) -> dict[str, float]:
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        return {
            submission.student.id: submission.score for submission in gradebook.find_assignment(LESSON.name).submissions
        }


def of_bob(*args, **kwargs) -> bool:
    """Whether a call is about bob's submission."""
    texts = (
        given.result.student if isinstance(given, results.Record) else given for given in (*args, *kwargs.values())
    )
    return "bob" in [text for text in texts if isinstance(text, str)]


PLACES = {
    "reading the folder": (intake, "gather"),
    "reading the records": (results, "last"),
    "saving the notebook": (Writer, "save_notebook"),
    "writing the record": (results, "append"),
    "writing the marks": (Writer, "write"),
}


@pytest.mark.parametrize(
    "error",
    [
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        PermissionError(errno.EACCES, "Permission denied", "/a/file"),
        DataError("INSERT", {}, Exception("odd")),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("place", PLACES)
def test_what_fails_for_one_submission_stops_no_other(classroom_3, monkeypatch, place, error):
    for name in ("ada", "bob", "eve"):
        submit(classroom_3, LESSON, name)
    where, name = PLACES[place]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, raising(error, getattr(where, name), of_bob))
        outcomes = grade_all()
    assert {name: outcomes[name].state for name in outcomes} == {"ada": GRADED, "bob": NOT_GRADED, "eve": GRADED}
    assert outcomes["bob"].review and outcomes["bob"].problem
    assert scores(classroom_3) == {"ada": FULL, "eve": FULL}
    again = grade_all()
    assert again["bob"].score == FULL and again["ada"].state == again["eve"].state == UNCHANGED
    assert grade_all()["bob"].state == UNCHANGED
    folder = courses.load().results
    assert len(results.read(folder, LESSON.name, "ada")) == 1, "graded and recorded once"


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (OperationalError("BEGIN", {}, sqlite3.OperationalError("database is locked")), "another program is writing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("place", PLACES)
def test_what_fails_for_all_ends_the_run_and_loses_nothing(classroom_3, monkeypatch, place, error, words):
    for name in ("ada", "bob", "eve"):
        submit(classroom_3, LESSON, name)
    where, name = PLACES[place]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, raising(error, getattr(where, name), of_bob))
        with pytest.raises(type(error)) as raised:
            grade_all()
    assert words.casefold() in errors.sentence(raised.value).casefold()
    assert scores(classroom_3)["ada"] == FULL
    again = grade_all()
    assert again["ada"].state == UNCHANGED and again["bob"].score == again["eve"].score == FULL
    folder = courses.load().results
    assert all(len(results.read(folder, LESSON.name, name)) == 1 for name in again), "graded and recorded once"


WRITES = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "sqlite3.connect"}
STEPS = {"save_time", "save_notebook", "append", "_submission", "_penalise", "_write", "_transaction", "end"}
MOMENTS = 20
quick_and_full = [pytest.param(n, marks=[] if n % 7 == 3 else pytest.mark.full) for n in range(MOMENTS)]


def in_a_process(root: Path, at_step: Callable[[int], None]) -> int:
    """Grade the class in a process of its own, which calls `at_step` with 1, 2, … whenever it changes a file of the
    classroom, and after each step of recording a result; 0 where it ends, 2 where it ends with a sentence about the
    disk, else its exit code."""

    def run():
        steps = itertools.count(1)

        def hook(event, args):
            inside = event in WRITES and str(args[0]).startswith(str(root / "classroom"))
            if inside and (event != "open" or args[2] & (os.O_WRONLY | os.O_RDWR)):
                at_step(next(steps))

        def profile(frame, event, arg):
            if event == "return" and frame.f_code.co_name in STEPS and "/records/" in frame.f_code.co_filename:
                at_step(next(steps))

        sys.addaudithook(hook)
        sys.setprofile(profile)
        try:
            grade_all()
        except OSError as error:
            os._exit(2 if "disk is full" in (errors.sentence(error) or "") else 3)
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    return process.exitcode


def kill(count, moment):
    if count == moment:
        os.kill(os.getpid(), signal.SIGKILL)


def fill_the_disk(count, moment):
    if count >= moment:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("moment", quick_and_full)
@pytest.mark.parametrize("fault, ends", [(kill, {0, -signal.SIGKILL}), (fill_the_disk, {0, 2})], ids=["kill", "disk"])
def test_a_grading_that_ends_at_any_moment_goes_on_and_loses_and_doubles_nothing(classroom_3, fault, ends, moment):
    for name in ("ada", "bob", "eve"):
        submit(classroom_3, LESSON, name)
    assert in_a_process(classroom_3, lambda count: fault(count, 1 + 5 * moment)) in ends
    again = grade_all()
    assert {outcome.score for outcome in again.values()} == {FULL} and scores(classroom_3) == dict.fromkeys(again, FULL)
    assert {outcome.state for outcome in grade_all().values()} == {UNCHANGED}
    folder = courses.load().results
    assert all(len(results.read(folder, LESSON.name, name)) == 1 for name in again), "graded and recorded once"
    assert not list((classroom_3 / "classroom").rglob("*.tmp"))


def test_a_submission_that_could_not_be_graded_is_said_everywhere(classroom_3, monkeypatch, capsys):
    """Its marks are those of the version before, and whoever sees them sees that."""
    monkeypatch.setenv(small_grader.COUNT, str(classroom_3 / "count"))
    monkeypatch.setattr("autograde.grading.classes.workers.PAUSE", 0.0)
    for name in ("ada", "bob"):
        submit(classroom_3, LESSON, name)
    grade_all()
    submit(classroom_3, LESSON, "bob", {"softmax": "BUSY ALWAYS"})
    submit(classroom_3, LESSON, "eve", {"softmax": "BUSY ALWAYS"})
    outcomes = grade_all()
    assert outcomes["bob"].state == outcomes["eve"].state == NOT_GRADED
    assert (outcomes["bob"].score, outcomes["eve"].score) == (FULL, 0.0)
    assert scores(classroom_3) == {"ada": FULL, "bob": FULL}

    assert cli.main(["export"]) == 0
    assert f"Not graded in their newest version ({LESSON.name}): bob, eve." in capsys.readouterr().out
    assert cli.main(["report", "3"]) == 0
    page = (classroom_3 / "classroom" / "report" / f"{LESSON.name}.html").read_text()
    assert "Not graded" in page and "bob: this machine could not run it" in page and "eve: this machine" in page
    for _ in range(2):  # a second failure adds no second note
        notebook = classroom_3 / "classroom" / "autograded" / "bob" / LESSON.name / f"{LESSON.name}.ipynb"
        cells = [cell for cell in notebooks.read(notebook).cells if "**Not graded.**" in cell.source]
        assert len(cells) == 1 and "a process was not ready" in cells[0].source
        grade_all()
    with Gradebook(courses.load().db_url, "transformer") as gradebook:
        assert gradebook.find_submission(LESSON.name, "bob").needs_manual_grade, "the formgrader shows it"
        assert not gradebook.find_submission(LESSON.name, "ada").needs_manual_grade
    capsys.readouterr()

    for name in ("bob", "eve"):
        submit(classroom_3, LESSON, name, {"softmax": "HALF"})
    half = FULL - POINTS["softmax"] / 2
    assert {name: outcome.score for name, outcome in grade_all().items()} == {"ada": FULL, "bob": half, "eve": half}
    assert "Not graded" not in notebook.read_text()
    assert cli.main(["export"]) == 0 and "Not graded" not in capsys.readouterr().out
    assert cli.main(["report", "3"]) == 0
    assert "Not graded" not in (classroom_3 / "classroom" / "report" / f"{LESSON.name}.html").read_text()


def test_a_folder_that_no_student_can_have_is_named(classroom_3):
    """A platform's archive that was unpacked by hand does not pass `course collect`."""
    submit(classroom_3, LESSON, "ada")
    (classroom_3 / "classroom" / "submitted").joinpath("ada").rename(
        classroom_3 / "classroom" / "submitted" / "bad\udcff"
    )
    submit(classroom_3, LESSON, "ada")
    (classroom_3 / "classroom" / "submitted" / ".ipynb_checkpoints" / LESSON.name).mkdir(parents=True)
    course = courses.load()
    assert course.students(LESSON.name) == ["ada"]
    assert list(course.odd_names(LESSON.name)) == ["bad\udcff"]
    request = schedule.GradeRequest(lesson=LESSON.name, jobs=1)
    outcomes = {
        outcome.student: outcome for outcome in schedule.grade_class(request, course=course, grade="small_grader:grade")
    }
    assert outcomes["ada"].state == GRADED and outcomes["`bad?`"].state == NOT_GRADED
    assert "another name" in outcomes["`bad?`"].problem and "not UTF-8" in outcomes["`bad?`"].problem
