"""A class is graded: each submission once, by processes of this machine or by Dask, whatever stops in between."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import dask
import psutil
import pytest
from distributed import LocalCluster
from nbgrader.api import Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from small_grader import COUNT

from autograde import cli
from autograde.course import notebooks
from autograde.course.errors import CourseError
from autograde.course.lessons import find_lesson
from autograde.exercises import of_lesson
from autograde.grading.classes import dask as dask_of_the_grader
from autograde.grading.classes import schedule, workers
from autograde.grading.classes.progress import Progress
from autograde.grading.classes.schedule import GRADED, NOT_GRADED, UNCHANGED, WRITTEN, Outcome, grade_class, lock
from autograde.grading.job import GradeRequest, Limits, Options
from autograde.grading.records import course as courses
from autograde.grading.records import results, waiting
from autograde.instructor import classroom
from conftest import submit

LESSON = find_lesson("3")
MOMENTS = int(os.environ.get("COURSE_TEST_MOMENTS", "3"))  # 20 in the long form, with `--full`
moments = [pytest.param(number, marks=[pytest.mark.full] if number % 3 else []) for number in range(MOMENTS)]
HANGS = 300  # seconds after which something hangs, also on a machine that is very busy
GRADER = "small_grader:grade"
POINTS = {exercise.name: exercise.points for exercise in of_lesson(LESSON.name)}
FULL = float(sum(POINTS.values()))


def test_the_process_that_writes_imports_no_pytorch_and_the_workers_no_nbgrader():
    """Each costs more seconds than all that is done with it there."""
    for module, left_out in (("autograde.grading.classes.schedule", "torch"), ("autograde.grading.grade", "nbgrader")):
        code = f"import sys, {module}; sys.exit({left_out!r} in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.fixture
def counted(classroom_3, monkeypatch, tmp_path):
    """Counts how often each student was graded."""
    file = tmp_path / "count"
    monkeypatch.setenv(COUNT, str(file))

    def count() -> dict[str, int]:
        names = file.read_text().split() if file.exists() else []
        file.unlink(missing_ok=True)
        return {name: names.count(name) for name in set(names)}

    return count


def run(**options) -> dict[str, schedule.Outcome]:
    return {
        outcome.student: outcome
        for outcome in grade_class(GradeRequest(lesson=LESSON.name, **{"jobs": 1, **options}), grade=GRADER)
    }


def gradebook_scores(root) -> dict[str, float]:
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        return {
            submission.student.id: submission.score for submission in gradebook.find_assignment(LESSON.name).submissions
        }


def test_a_class_is_graded_once_and_again_where_something_changed(classroom_3, counted):
    submit(classroom_3, LESSON, "ada")
    submit(classroom_3, LESSON, "bob", {"softmax": "raise NotImplementedError"})
    submit(classroom_3, LESSON, "eve", {"softmax": "HALF"})
    outcomes = run(jobs=2)
    assert {name: outcome.state for name, outcome in outcomes.items()} == dict.fromkeys(["ada", "bob", "eve"], GRADED)
    want = {"ada": FULL, "bob": FULL - POINTS["softmax"], "eve": FULL - POINTS["softmax"] / 2}
    assert {name: outcome.score for name, outcome in outcomes.items()} == want == gradebook_scores(classroom_3)
    assert counted() == {"ada": 1, "bob": 1, "eve": 1}

    again = run()
    assert {outcome.state for outcome in again.values()} == {UNCHANGED} and counted() == {}
    assert {name: outcome.score for name, outcome in again.items()} == want

    submit(classroom_3, LESSON, "bob")
    assert run()["bob"].score == FULL and counted() == {"bob": 1}
    assert run(force=True, students=["ada"])["ada"].state == GRADED and counted() == {"ada": 1}


GRADE_WHAT_HAS_NOT_CHANGED = (
    "import sys\n"
    "from autograde import cli\n"
    "from autograde.grading.classes import workers\n"
    "from autograde.grading.sandbox import warm\n"
    "def fail(*given): sys.exit('it was called')\n"
    "warm.Runner._launch = workers._context = fail\n"
    "status = cli.main(['grade', '3'])\n"
    "sys.exit(status or 'torch' in sys.modules)\n"
)


def test_an_unchanged_class_starts_no_process_and_imports_no_pytorch(classroom_3):
    for name in ("ada", "bob"):
        submit(classroom_3, LESSON, name)
    run()
    command = [sys.executable, "-c", GRADE_WHAT_HAS_NOT_CHANGED]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "2 unchanged" in done.stdout and done.returncode == 0, done.stderr


def test_a_class_seems_complete_until_something_is_newer_than_its_record(classroom_3):
    places = courses.load().results, LESSON.name, classroom_3 / "classroom" / "submitted"
    assert not results.seem_complete(*places)
    for name in ("ada", "bob"):
        submit(classroom_3, LESSON, name)
    run(students=["ada"])
    assert results.seem_complete(*places, ["ada"]) and not results.seem_complete(*places)
    run()
    assert results.seem_complete(*places)
    results.begin(*places[:2], "ada")
    assert not results.seem_complete(*places) and results.seem_complete(*places, ["bob"])
    notebook = submit(classroom_3, LESSON, "bob", {"softmax": "other"}) / f"{LESSON.name}.ipynb"
    os.utime(notebook, (0, 0))  # a copy that keeps an old time
    assert not results.seem_complete(*places, ["bob"])
    assert not results.seem_complete(*places, ["eve"])


def test_what_was_handed_in_after_the_grading_is_said(classroom_3, counted, capsys):
    for name in ("ada", "bob", "cyd"):
        submit(classroom_3, LESSON, name)
    run()
    submit(classroom_3, LESSON, "ada", {"softmax": "HALF"})
    submit(classroom_3, LESSON, "cyd")  # the same once more
    submit(classroom_3, LESSON, "bob", came="2026-03-01 10:00 UTC")
    submit(classroom_3, LESSON, "zoe")
    (classroom_3 / "class.csv").write_text("login,name\nada,Ada\nbob,Bob\ncyd,Cyd\nzoe,Zoe\nned,Ned\n")
    assert cli.main(["export", "--roster", "class.csv"]) == 0
    said = capsys.readouterr().out
    assert f"Not graded in their newest version ({LESSON.name}): ada, bob, zoe." in said
    assert "no submission: Ned" in said and "Zoe" not in said
    assert "zoe" in (classroom_3 / "classroom" / "export" / "grades.csv").read_text()
    assert cli.main(["report", "3"]) == 0
    page = (classroom_3 / "classroom" / "report" / f"{LESSON.name}.html").read_text()
    assert f"ada: {waiting.CHANGED}" in page and f"zoe: {waiting.NEW}" in page and "<li>cyd: " not in page
    run()
    assert cli.main(["export", "--roster", "class.csv"]) == 0
    assert "Not graded" not in capsys.readouterr().out


def test_a_mended_exercise_touches_only_its_own_marks(classroom_3, counted, monkeypatch):
    submit(classroom_3, LESSON, "ada")
    submit(classroom_3, LESSON, "bob")
    run()
    folder = courses.load().results
    before = results.last(folder, LESSON.name, "ada")
    counted()

    real = schedule.fingerprints.of_exercise
    monkeypatch.setattr(schedule.fingerprints, "of_exercise", lambda name: real(name) + "mended" * (name == "softmax"))
    monkeypatch.setenv("COURSE_TEST_SHARE", "0.25")  # a grader that would now give each exercise a quarter
    outcomes = run()
    assert counted() == {"ada": 1, "bob": 1}
    assert outcomes["ada"].score == FULL - 0.75 * POINTS["softmax"]
    after = results.last(folder, LESSON.name, "ada")
    assert "softmax" not in after.kept and set(after.kept) == set(POINTS) - {"softmax"}
    assert after.result.scores["check_project"] == before.result.scores["check_project"]
    assert {outcome.state for outcome in run().values()} == {UNCHANGED}


def test_another_environment_grades_all_again(classroom_3, counted, monkeypatch):
    submit(classroom_3, LESSON, "ada")
    run()
    monkeypatch.setattr(schedule.fingerprints, "environment", lambda: "another PyTorch")
    counted()
    assert run()["ada"].state == GRADED and counted() == {"ada": 1}


def test_a_submission_that_ends_its_worker_costs_only_itself(classroom_3, counted):
    submit(classroom_3, LESSON, "bad", {"softmax": "END THE WORKER"})
    submit(classroom_3, LESSON, "faulty", {"softmax": "BREAK THE GRADER"})
    for name in ("ada", "bob", "eve"):
        submit(classroom_3, LESSON, name)
    outcomes = run(jobs=2)
    assert {name: outcomes[name].score for name in ("ada", "bob", "eve")} == dict.fromkeys(["ada", "bob", "eve"], FULL)
    assert outcomes["bad"].state == outcomes["faulty"].state == NOT_GRADED
    assert "3 times" in outcomes["bad"].problem and "a fault of the grader" in outcomes["faulty"].problem
    assert outcomes["bad"].review, "a person has to look at it"
    graded = counted()
    assert graded["bad"] == 1 + workers.RETRIES and graded["faulty"] == 1, "only a lost worker is tried again"
    assert set(gradebook_scores(classroom_3)) == {"ada", "bob", "eve"}, "no silent 0"
    again = run()
    assert again["bad"].state == NOT_GRADED and again["ada"].state == UNCHANGED


def test_a_worker_that_is_over_its_time_is_ended_and_its_submission_not_tried_again(classroom_3, counted, monkeypatch):
    """One that has worked all the while has met a submission's fault; one that has only waited, the machine's."""
    monkeypatch.setattr(workers, "MARGIN", 1.0)
    submit(classroom_3, LESSON, "bad", {"softmax": "WORK FOR EVER"})
    submit(classroom_3, LESSON, "hung", {"softmax": "WAIT FOR EVER"})
    for name in ("ada", "eve"):
        submit(classroom_3, LESSON, name)
    options = Options(limits=Limits(total=1.0))
    outcomes = run(options=options)
    assert counted() == {"ada": 1, "bad": 1, "hung": 1, "eve": 1}
    assert (outcomes["bad"].state, outcomes["bad"].score, outcomes["bad"].review) == (GRADED, 0.0, True)
    assert "The grader ended it" in outcomes["bad"].notes[0]
    assert outcomes["hung"].state == NOT_GRADED and "the grader ended it" in outcomes["hung"].problem
    assert outcomes["ada"].score == outcomes["eve"].score == FULL
    assert run(options=options, students=["bad"])["bad"].state == UNCHANGED, "it has its verdict"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_the_memory_of_a_worker_is_limited(classroom_3, counted):
    """Too much of it is an error in one submission; without the limit the kernel chooses what it ends."""
    submit(classroom_3, LESSON, "big", {"softmax": "TAKE ALL MEMORY"})
    submit(classroom_3, LESSON, "ada")
    outcomes = run(jobs=1)
    assert counted() == {"big": 1, "ada": 1} and outcomes["ada"].score == FULL
    assert outcomes["big"].state == NOT_GRADED and "memory" in outcomes["big"].problem.lower()


def test_dask_does_not_wait_for_ever(classroom_3, counted, monkeypatch):
    monkeypatch.setattr(dask_of_the_grader, "MARGIN", 5.0)
    submit(classroom_3, LESSON, "ada")
    submit(classroom_3, LESSON, "hung", {"softmax": "WAIT FOR EVER"})
    outcomes = run(scheduler="local", options=Options(limits=Limits(total=1.0)))
    assert {name: outcome.state for name, outcome in outcomes.items()} == {"ada": GRADED, "hung": NOT_GRADED}


def test_the_progress_names_who_is_being_graded(classroom_3, counted):
    for name in ("ada", "bob", "eve"):
        submit(classroom_3, LESSON, name, {"softmax": "TAKE SECONDS"})
    stream = io.StringIO()
    progress = Progress(LESSON.name, stream)
    request = GradeRequest(lesson=LESSON.name, jobs=2)
    for outcome in grade_class(request, grade=GRADER, on_start=progress.begin, on_current=progress.current):
        progress.add(outcome)
    first, *_ = stream.getvalue().splitlines()
    done, working = first.split("; being graded: ")
    assert {done.split(": ")[1].split(",")[0], working} < {"ada", "bob", "eve"}

    bar = io.StringIO()
    bar.isatty = lambda: True
    with Progress(LESSON.name, bar) as progress:
        progress.begin(9)
        progress.current([f"student{number}" for number in range(9)])
    assert "student0, student1, student2, student3 and 5 more" in bar.getvalue()


def test_the_summary_counts_points_after_late_penalties():
    progress = Progress(LESSON.name, io.StringIO())
    for student, late in (("ada", 0.0), ("bob", 12.0), ("eve", 12.0)):
        progress.add(Outcome(student=student, state=UNCHANGED, score=24.0, max_score=24.0, late=late, late_before=0.0))
    text = "\n".join(progress.summary())
    assert "Median 12 of 24 points after late penalties, 1 with full points" in text
    assert "Late penalties changed: 2 (" in text and "points by hand" in text


def test_one_submission_has_no_median():
    progress = Progress(LESSON.name, io.StringIO())
    progress.add(Outcome(student="ada", state=GRADED, score=18.5, max_score=24.0, review=True))
    last = progress.summary()[-1]
    assert last == "18.5 of 24 points, to look at. Next: `course report 3`, then `course feedback 3`."


@pytest.mark.parametrize("options", [{"jobs": 2}, {"scheduler": "local", "jobs": 1}], ids=["processes", "dask"])
def test_a_machine_that_is_too_busy_is_asked_again(classroom_3, counted, monkeypatch, options):
    """It costs nobody a point, and not the class either."""
    monkeypatch.setattr(workers, "PAUSE", 0.0)
    submit(classroom_3, LESSON, "ada", {"softmax": "BUSY ONCE"})
    submit(classroom_3, LESSON, "bob", {"softmax": "BUSY ALWAYS"})
    submit(classroom_3, LESSON, "eve")
    outcomes = run(**options)
    assert {name: outcomes[name].state for name in outcomes} == {"ada": GRADED, "bob": NOT_GRADED, "eve": GRADED}
    assert counted() == {"ada": 2, "bob": 1 + workers.RETRIES, "eve": 1}
    assert "3 times: a process was not ready. Grade again" in outcomes["bob"].problem and outcomes["bob"].review
    assert gradebook_scores(classroom_3) == {"ada": FULL, "eve": FULL}, "no silent 0"


def test_a_worker_prefers_inputs_that_it_has_met():
    tasks = [SimpleNamespace(job=SimpleNamespace(key=key)) for key in ("c", "a", "b", "a")]
    first, second, third = (SimpleNamespace(keys=keys) for keys in ({"a"}, {"b", "c"}, set()))
    pool = [first, second, third]
    assert [workers._choice(tasks, worker, pool) for worker in pool] == [1, 0, 0], "0: everything has been met"
    assert workers._choice(tasks, third, [second, third]) == 1, "inputs that nobody has met"


def test_workers_are_copies_of_one_warm_process(classroom_3, monkeypatch, tmp_path):
    for name in ("ada", "bob", "eve"):
        submit(classroom_3, LESSON, name)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    seen = set()
    for outcome in grade_class(GradeRequest(lesson=LESSON.name, jobs=2)):
        assert outcome.state == GRADED and outcome.assurance.startswith("full")
        seen |= {path.name for path in temporary.glob("grader-*")}
    assert len(seen) == 1, "one folder for each warm process that was started"
    assert not list(temporary.glob("grader-*"))


def test_a_temporary_folder_may_have_a_long_name(classroom_3, tmp_path):
    """Longer than the name of a socket may be."""
    submit(classroom_3, LESSON, "ada")
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    script = tmp_path / "grade.py"
    script.write_text(GRADE_THE_CLASS.replace(f", grade={GRADER!r}", ""))
    run = subprocess.run(
        [sys.executable, str(script), str(Path(__file__).parents[1])],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert run.stdout == f"ada {GRADED} {FULL}\n", run.stderr


def test_a_failed_attempt_keeps_the_old_marks_with_the_old_time(classroom_3):
    submit(classroom_3, LESSON, "ada", came="2026-03-01 10:00:00 UTC")
    run()
    submit(classroom_3, LESSON, "ada", {"softmax": "END THE WORKER"}, came="2026-03-02 10:00:00 UTC")
    assert run()["ada"].state == NOT_GRADED
    with Gradebook(f"sqlite:///{classroom_3 / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        submission = gradebook.find_submission(LESSON.name, "ada")
        assert (submission.score, submission.timestamp.day) == (FULL, 1)


def test_what_was_recorded_is_written_without_grading(classroom_3, counted):
    """The grader was stopped between its record and the gradebook; or the gradebook was lost."""
    submit(classroom_3, LESSON, "ada")
    run()
    counted()
    with Gradebook(f"sqlite:///{classroom_3 / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        gradebook.remove_submission(LESSON.name, "ada")
    outcome = run()["ada"]
    assert (outcome.state, outcome.score) == (WRITTEN, FULL) and counted() == {}
    assert gradebook_scores(classroom_3) == {"ada": FULL}
    (classroom_3 / "classroom" / "autograded" / "ada" / LESSON.name / f"{LESSON.name}.ipynb").unlink()
    assert run()["ada"].state == GRADED, "a lost notebook can only come from grading"


@pytest.mark.parametrize(
    ("places", "remedy"),
    [
        (["bob/3/{name}.ipynb", "bob/3/homework.ipynb", "bob/single_head/x.ipynb"], "The place of a notebook is"),
        (["bob/{name}.ipynb", "bob.{name}.ipynb", "{name}.ipynb", "bob/homework.ipynb"], "The place of a notebook is"),
        (["bob/03_Single_Head/homework.ipynb", "4/{name} (1).ipynb"], "The place of a notebook is"),
        (["{name}/bob/{name}.ipynb", "{name}/eve/homework.ipynb"], "The student's folder comes first: STUDENT/"),
        (["class.zip", "bob/{name}.zip", "bob/3/work.zip"], "`course collect 03_single_head FILE` takes archives in."),
    ],
)
def test_what_lies_in_a_wrong_place_is_named_with_the_right_one(classroom_3, monkeypatch, capsys, places, remedy):
    (classroom_3 / "notebooks" / "Own").mkdir()  # an assignment of the instructor's
    elsewhere = ["bob/04_multi_head/04_multi_head.ipynb", "bob/4/x.ipynb", "Own/x.csv", "3/Own/x.ipynb", "3/x/y.py"]
    places = sorted(place.format(name=LESSON.name) for place in places)
    for place in (*places, *elsewhere):
        notebooks.write(classroom_3 / "classroom" / "submitted" / place, "{}")
    monkeypatch.setattr(workers, "begin", lambda *_: None)
    assert cli.main(["grade", "3"]) == 2
    empty = capsys.readouterr().err
    assert cli.main(["grade", "3", "--student", "bob"]) == 2
    missing = capsys.readouterr().err
    submit(classroom_3, LESSON, "ada")
    monkeypatch.setattr(classroom, "grade", lambda *_, **__: iter(()))
    assert cli.main(["grade", "3"]) == 0
    for said in (empty, missing, capsys.readouterr().out):
        (line,) = (line for line in said.splitlines() if line.startswith("Not graded, in "))
        assert remedy in line and all(f"`{place}`" in line for place in places[:3])
        assert (" and 1 more." in line) is (len(places) > 3)


def test_a_link_among_the_submissions_is_named(classroom_3):
    folder = submit(classroom_3, LESSON, "ada").parent
    (folder.parent / "bob").symlink_to(folder)
    (line,) = courses.load().misplaced(LESSON.name)
    assert "`bob`. Links are not followed" in line


def due(root: Path, day: str, rule: str) -> courses.Course:
    """The course with another due date and another rule for who is late."""
    with (root / "nbgrader_config.py").open("a") as config:
        config.write(f'c.LateSubmissionPlugin.penalty_method = "{rule}"\n')
    course = courses.load()
    with Gradebook(course.db_url, course.course_id) as gradebook:
        gradebook.update_or_create_assignment(LESSON.name, duedate=f"2026-11-{day} 12:00:00 UTC")
    return course


def penalties(course: courses.Course) -> dict[str, float]:
    with Gradebook(course.db_url, course.course_id) as gradebook:
        rows = gradebook.find_assignment(LESSON.name).submissions
        return {row.student.id: row.late_submission_penalty for row in rows}


def shown(course: courses.Course) -> str:
    """What `course grade` says in the end."""
    progress = Progress(LESSON.name, io.StringIO())
    for outcome in grade_class(GradeRequest(lesson=LESSON.name, jobs=1), course=course, grade=GRADER):
        progress.add(outcome)
    return "\n".join(progress.summary())


def test_a_late_penalty_follows_due_date_rule_and_time(classroom_3, counted):
    """Also where the submission itself has not changed and is not graded again."""
    for name, day in (("ada", "12"), ("bob", "12"), ("eve", "01")):
        submit(classroom_3, LESSON, name, came=f"2026-11-{day} 12:00:00 UTC")
    none, off = {"ada": 0.0, "bob": 0.0, "eve": 0.0}, {"ada": FULL, "bob": FULL, "eve": 0.0}
    course = due(classroom_3, "10", "zero")
    said = shown(course)
    assert penalties(course) == off and "penalties changed" not in said, "the first grading changes nothing"
    for day, rule, expected in (("20", "zero", none), ("10", "zero", off), ("10", "none", none)):
        course = due(classroom_3, day, rule)
        said = shown(course)
        assert penalties(course) == expected, (day, rule)
        assert "Late penalties changed: 2 (" in said and "3 unchanged" in said
        now = f"late, {FULL:g} points off (0 before)" if expected["ada"] else f"no late penalty ({FULL:g} before)"
        assert said.count(now) == 2
    assert "penalty (" not in shown(course), "and then it has changed"
    submit(classroom_3, LESSON, "eve", came="2026-11-13 12:00:00 UTC")
    course = due(classroom_3, "10", "zero")
    shown(course)
    assert penalties(course) == dict.fromkeys(none, FULL)
    assert counted() == dict.fromkeys(none, 1)

    course = due(classroom_3, "20", "zero")
    with schedule.Writer(course, LESSON.name) as writer:  # as nbgrader's own command looks for what is left to do
        grading = schedule.Grading(course, schedule.intake.material(course, LESSON.name), writer, course.options)
        assert all(map(grading.is_complete, none))
    assert penalties(course) == none


@pytest.mark.parametrize("body", ["1 / 0", "'all'", "float('nan')"])
def test_a_rule_for_late_penalties_that_fails_is_no_submissions_fault(classroom_3, counted, monkeypatch, body):
    submit(classroom_3, LESSON, "ada", came="2026-11-12 12:00:00 UTC")
    course = due(classroom_3, "10", "zero")
    with monkeypatch.context() as patch:
        patch.setattr(LateSubmissionPlugin, "late_submission_penalty", lambda *_: eval(body))
        with pytest.raises(CourseError, match=r"The rule for late penalties failed for ada: .*nbgrader_config\.py"):
            shown(course)
    shown(courses.load())
    assert penalties(course) == {"ada": FULL} and counted() == {"ada": 1}, "what was graded is kept"


def test_two_gradings_at_once_are_refused_and_a_dead_one_is_no_obstacle(classroom_3):
    submit(classroom_3, LESSON, "ada")
    course = courses.load()
    with lock(course, LESSON.name), pytest.raises(CourseError, match="another process"):
        run()
    code = (
        "import os, sys; from autograde.grading.classes import schedule; from autograde.grading.records import course\n"
        f"lock = schedule.lock(course.load(), {LESSON.name!r}); lock.__enter__(); print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(CourseError, match="another process"):
            run()
        holder.kill()
        holder.wait()
    assert run()["ada"].state == GRADED


def test_errors_are_clear(classroom_3):
    with pytest.raises(CourseError, match="course collect"):
        run()
    submit(classroom_3, LESSON, "ada")
    with pytest.raises(CourseError, match="by 'bob'"):
        run(students=["bob"])
    with pytest.raises(CourseError, match="no Dask scheduler"):
        run(scheduler="tcp://127.0.0.1:1")


def test_what_waits_at_a_worker_that_is_lost_has_lost_no_try(classroom_3, counted):
    submit(classroom_3, LESSON, "bad", {"softmax": "END THE WORKER"})
    submit(classroom_3, LESSON, "cid", {"softmax": "END IT ONCE"})
    submit(classroom_3, LESSON, "dan")
    outcomes = run(jobs=1)
    assert outcomes["bad"].state == NOT_GRADED and outcomes["cid"].score == outcomes["dan"].score == FULL
    assert counted() == {"bad": 1 + workers.RETRIES, "cid": 2, "dan": 1}


def test_a_large_submission_that_waits_stops_nothing(classroom_3, tmp_path):
    """It is more than a pipe holds, and the worker that it waits for has a long answer to give."""
    for name in ("ada", "bob", "cid"):
        submit(classroom_3, LESSON, name, {"softmax": "#" * 3_000_000})
    program = GRADE_THE_CLASS.replace("jobs=2", "jobs=1")
    with in_another_process(tmp_path, program) as grading:
        try:
            assert grading.communicate(timeout=120)[0].count(GRADED) == 3
        finally:
            grading.kill()


def test_dask_gives_the_same_and_survives_a_lost_worker(classroom_3, counted):
    submit(classroom_3, LESSON, "bad", {"softmax": "END THE WORKER"})
    submit(classroom_3, LESSON, "bob", {"softmax": "HALF"})
    submit(classroom_3, LESSON, "ada")
    outcomes = run(scheduler="local")
    assert outcomes["bad"].state == NOT_GRADED and "3 times" in outcomes["bad"].problem
    assert outcomes["ada"].score == FULL and outcomes["bob"].score == FULL - POINTS["softmax"] / 2
    assert counted()["bad"] == 1 + workers.RETRIES
    assert {name: outcome.state for name, outcome in run(scheduler="local", students=["ada", "bob"]).items()} == {
        "ada": UNCHANGED,
        "bob": UNCHANGED,
    }


def test_dask_grades_what_stood_beside_the_one_that_ended_the_worker(classroom_3, counted):
    """A worker of two threads, of somebody's own cluster: what runs beside `bad` is lost with it, each time."""
    submit(classroom_3, LESSON, "bad", {"softmax": "END THE WORKER"})
    submit(classroom_3, LESSON, "cid", {"softmax": "TAKE SECONDS"})
    options = {"dashboard_address": dask_of_the_grader.DASHBOARD, "silence_logs": 50}
    with LocalCluster(n_workers=1, threads_per_worker=2, **options) as cluster:
        outcomes = run(scheduler=cluster.scheduler_address)
    assert outcomes["bad"].state == NOT_GRADED and outcomes["cid"].score == FULL
    graded = counted()
    assert f"{graded['bad']} times" in outcomes["bad"].problem


def test_dask_waits_for_a_lost_worker_however_long_it_takes(classroom_3, counted):
    """Of its own, Dask gives up a worker that is not back soon, and waits for it without end."""
    submit(classroom_3, LESSON, "bad", {"softmax": "END THE WORKER"})
    submit(classroom_3, LESSON, "ada")
    outcomes = {}
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1 ms"}):
        grading = threading.Thread(target=lambda: outcomes.update(run(scheduler="local", jobs=1)), daemon=True)
        grading.start()
        grading.join(HANGS)
    assert {name: outcome.state for name, outcome in outcomes.items()} == {"bad": NOT_GRADED, "ada": GRADED}


# --- stopped at any moment ------------------------------------------------------------------------------------------

CLASS = 8
GRADE_THE_CLASS = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from autograde.grading.classes.schedule import grade_class\n"
    "from autograde.grading.job import GradeRequest\n"
    "if __name__ == '__main__':\n"
    f"    for outcome in grade_class(GradeRequest(lesson={LESSON.name!r}, jobs=2), grade={GRADER!r}):\n"
    "        print(outcome.student, outcome.state, outcome.score, flush=True)\n"
)


def in_another_process(folder: Path, program: str = GRADE_THE_CLASS, **options) -> subprocess.Popen:
    script = folder / "grade.py"
    script.write_text(program)
    words = [sys.executable, str(script), str(Path(__file__).parents[1])]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **options)


GRADE_AS_A_COMMAND = (
    "import functools, sys; sys.path.insert(0, sys.argv[1])\n"
    "from autograde import cli\n"
    "from autograde.grading.classes import schedule, workers\n"
    "if __name__ == '__main__':\n"
    f"    schedule.grade_class = functools.partial(schedule.grade_class, grade={GRADER!r})\n"
    "    workers.begin = lambda *given: None\n"
    f"    sys.exit(cli.main(['grade', '3', '--jobs', '2']))\n"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_all_that_was_started_without_a_traceback(classroom_3, counted, number, tmp_path):
    """Ctrl+C in a terminal reaches the whole group of processes, SIGTERM only the command."""
    for index in range(CLASS):
        submit(classroom_3, LESSON, f"student{index}", {"softmax": "TAKE SECONDS"})
    with in_another_process(tmp_path, GRADE_AS_A_COMMAND, stderr=subprocess.PIPE, start_new_session=True) as begun:
        first = begun.stderr.readline()
        assert "1 of 8" in first, first + begun.stderr.read()
        children = psutil.Process(begun.pid).children(recursive=True)
        (os.killpg if number == signal.SIGINT else os.kill)(begun.pid, number)
        said = begun.stderr.read()
    assert "Traceback" not in said and said.endswith("course: stopped.\n")
    assert begun.returncode == 128 + number
    assert children and not that_outlive(children)
    assert {name: outcome.score for name, outcome in run().items()} == {
        f"student{index}": FULL for index in range(CLASS)
    }


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_at_any_moment_no_grade_is_lost_or_doubled(classroom_3, counted, moment, tmp_path):
    """kill -9 of the grader or of one of its workers, after a while that the seed chooses; then grade again."""
    rng = random.Random(moment)
    students = [f"student{number}" for number in range(CLASS)]
    for name in students:
        submit(classroom_3, LESSON, name, {"softmax": "TAKE SECONDS" if rng.random() < 0.5 else "HALF"})
    with in_another_process(tmp_path) as begun:
        lines = rng.randrange(CLASS)
        for _ in range(lines):
            begun.stdout.readline()
        time.sleep(rng.random() * (4 if lines == 0 else 0.2))
        children = psutil.Process(begun.pid).children(recursive=True) if begun.poll() is None else []
        victims = [begun.pid] if rng.random() < 0.5 or not children else [rng.choice(children).pid]
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        begun.stdout.read()
    assert not that_outlive(children), "a worker outlives its grader"

    outcomes = run()
    want = {name: FULL - (POINTS["softmax"] / 2 if "HALF" in _source(classroom_3, name) else 0) for name in students}
    assert {name: outcome.score for name, outcome in outcomes.items()} == want == gradebook_scores(classroom_3)
    folder = courses.load().results
    for name in students:
        assert len(results.read(folder, LESSON.name, name)) == 1, "graded and recorded once"


def that_outlive(children: list[psutil.Process], seconds: float = HANGS) -> list[psutil.Process]:
    """Those that do not end. One that has ended may stay a zombie: in a container process 1 often waits for none."""
    end, left = time.monotonic() + seconds, children
    while (left := [process for process in left if _runs(process)]) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _source(root, student: str) -> str:
    return (root / "classroom" / "submitted" / student / LESSON.name / f"{LESSON.name}.ipynb").read_text()


# --- a large class --------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_class(classroom_3):
    """The grader holds a bundle for each worker and nothing of those that are done."""
    for number in range(40):
        submit(classroom_3, LESSON, f"student{number:02}")
    tracemalloc.start()
    try:
        sizes = []
        gc.collect()
        for _ in grade_class(GradeRequest(lesson=LESSON.name, jobs=1), grade=GRADER):
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    one = len(_source(classroom_3, "student00"))
    growth = (sizes[-1] - sizes[9]) / 30
    assert growth < one / 10, f"{growth:.0f} bytes are kept of a submission of {one} bytes"


# --- the real grader ------------------------------------------------------------------------------------------------


@pytest.mark.nbgrader
@pytest.mark.parametrize("moment", moments)
def test_any_process_of_the_real_grader_may_be_killed(classroom_3, moment, tmp_path):
    """The grader, a worker, its warm process or a child that runs a submission: every mark is right in the end."""
    rng = random.Random(moment)
    students = [f"student{number}" for number in range(4)]
    for number, name in enumerate(students):
        submit(classroom_3, LESSON, name, {"softmax": "def softmax(x, axis=-1):\n    return x"} if number % 2 else None)
    with in_another_process(tmp_path, GRADE_THE_CLASS.replace(f", grade={GRADER!r}", "")) as begun:
        begun.stdout.readline()
        time.sleep(rng.random())
        children = psutil.Process(begun.pid).children(recursive=True) if begun.poll() is None else []
        victim = rng.choice([begun.pid, *(child.pid for child in children)])
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        begun.stdout.read()
    assert not that_outlive(children), "a process outlives its grader"

    outcomes = {outcome.student: outcome for outcome in grade_class(GradeRequest(lesson=LESSON.name, jobs=1))}
    assert not any(outcome.state == NOT_GRADED for outcome in outcomes.values())
    scores = gradebook_scores(classroom_3)
    assert scores == {name: outcome.score for name, outcome in outcomes.items()}
    assert {scores[name] for name in students[::2]} == {FULL}
    assert len({scores[name] for name in students[1::2]}) == 1 and scores["student1"] < FULL
