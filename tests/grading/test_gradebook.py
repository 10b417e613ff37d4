"""The gradebook gets all marks of a submission or none, keeps what a person has decided, in SQLite and PostgreSQL."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from nbgrader.api import Comment, Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from sqlalchemy.exc import OperationalError

from autograde import cli
from autograde.course import notebooks
from autograde.course.errors import CourseError
from autograde.course.lessons import find_lesson
from autograde.course.release import release
from autograde.exercises import of_lesson
from autograde.grading.job import Options, Result, Review, Score
from autograde.grading.records import course as courses
from autograde.grading.records import gradebook
from autograde.grading.records.course import check_address
from autograde.grading.records.gradebook import Writer, clamp
from autograde.grading.records.results import Fingerprints, Record
from autograde.judge.verdict import Verdict
from conftest import filled, released

LESSON = find_lesson("3")
POINTS = {exercise.name: float(exercise.points) for exercise in of_lesson(LESSON.name)}
FULL = sum(POINTS.values())
EARLY, LATE = datetime.datetime(2026, 3, 1, 10), datetime.datetime(2026, 3, 3, 10)


def record(shares: dict[str, float | None], student: str = "ada", submitted=EARLY, reviews=()) -> Record:
    scores = {}
    for name, share in shares.items():
        verdict = Verdict(
            name=name,
            passed=share == 1,
            state="passed" if share == 1 else "failed",
            score=share or 0.0,
            diagnosis=None,
            advice="Look\0 at it.",
        )
        points = None if share is None else share * POINTS[name]
        scores[f"check_{name}"] = Score(
            grade_id=f"check_{name}", points=points, max_score=POINTS[name], verdict=verdict
        )
    result = Result(
        lesson=LESSON.name, student=student, scores=scores, notebook="", reviews=tuple(reviews), assurance="full"
    )
    return Record(
        result=result, prints=Fingerprints("s", "r", "e"), options=Options(), submitted=submitted, graded=submitted
    )


ALL_RIGHT = dict.fromkeys(POINTS, 1.0)
HALF_SOFTMAX = {**ALL_RIGHT, "softmax": 0.5}


@pytest.fixture(name="loaded")
def _loaded(classroom_3):
    return courses.load()


def write(course, given: Record, notebook=None, changed: bool = True):
    with Writer(course, LESSON.name) as writer:
        text = notebooks.to_text(notebook or filled(LESSON))
        writer.save_notebook(given, text)
        return writer.write(given, text, changed)


def grades(course, student: str = "ada") -> dict[str, tuple]:
    with Gradebook(course.db_url, course.course_id) as opened:
        rows = opened.find_submission(LESSON.name, student).notebooks[0].grades
        return {row.name: (row.auto_score, row.manual_score, row.needs_manual_grade) for row in rows}


def comments(course, student: str = "ada") -> dict[str, str]:
    with Gradebook(course.db_url, course.course_id) as opened:
        rows = opened.find_submission(LESSON.name, student).notebooks[0].comments
        return {row.name: row.comment for row in rows}


def set_grade(course, name: str, **fields) -> None:
    with Gradebook(course.db_url, course.course_id) as opened:
        grade = opened.find_grade(name, LESSON.name, LESSON.name, "ada")
        for field, value in fields.items():
            setattr(grade, field, value)
        opened.db.commit()


def test_marks_comments_time_and_notebook(loaded):
    written = write(loaded, record(HALF_SOFTMAX))
    assert (written.score, written.max_score, written.review) == (FULL - POINTS["softmax"] / 2, FULL, False)
    assert grades(loaded)["check_softmax"] == (POINTS["softmax"] / 2, None, False)
    said = comments(loaded)
    assert said["softmax"].endswith("Look at it.") and said["project"] is None
    with Gradebook(loaded.db_url, loaded.course_id) as opened:
        submission = opened.find_submission(LESSON.name, "ada")
        assert submission.timestamp == EARLY and submission.student.id == "ada"
        assert len(submission.notebooks) == 1
    folder = loaded.autograded("ada", LESSON.name)
    assert notebooks.read(folder / f"{LESSON.name}.ipynb") == filled(LESSON)
    assert (folder / "timestamp.txt").read_text() == "2026-03-01 10:00:00.000000 UTC\n"
    assert (folder / "figures").is_dir(), "the pictures of the text, for formgrader"
    assert (folder / f"{LESSON.name}.ipynb").stat().st_mode & 0o777 == 0o444


def test_an_untouched_answer_is_no_response(loaded):
    write(loaded, record(dict.fromkeys(POINTS, 0.0)), released(LESSON))
    assert set(comments(loaded).values()) == {gradebook.NO_RESPONSE}


def test_a_missing_verdict_earns_nothing_and_is_looked_at(loaded):
    write(loaded, record(ALL_RIGHT))
    without = {name: share for name, share in ALL_RIGHT.items() if name != "softmax"}
    assert write(loaded, record(without)).score == FULL - POINTS["softmax"]
    assert grades(loaded)["check_softmax"] == (0.0, None, True)


@pytest.mark.parametrize(
    "points, expected",
    [(2.0, 2.0), (-1.0, 0.0), (99.0, 3.0), (None, None), *((float(text), None) for text in ("nan", "inf", "-inf"))],
)
def test_points_are_clamped(points, expected):
    assert clamp(points, 3.0) == expected


def test_what_a_person_has_decided_stays(loaded):
    write(loaded, record(HALF_SOFTMAX))
    set_grade(loaded, "check_softmax", manual_score=2.0, extra_credit=0.5, needs_manual_grade=False)
    with Gradebook(loaded.db_url, loaded.course_id) as opened:
        comment = opened.find_comment("softmax", LESSON.name, LESSON.name, "ada")
        comment.manual_comment = "Well explained."
        opened.db.commit()
    write(loaded, record(ALL_RIGHT), changed=False)
    assert grades(loaded)["check_softmax"] == (POINTS["softmax"], 2.0, False), "the same answer: nothing to look at"
    written = write(loaded, record(ALL_RIGHT), changed=True)
    assert grades(loaded)["check_softmax"] == (POINTS["softmax"], 2.0, True), "another answer: look again"
    assert written.score == FULL - POINTS["softmax"] + 2.5 and written.review
    assert comments(loaded)["softmax"] == "Well explained."


def test_reviews_ask_for_a_person_once(loaded):
    reviewed = record(ALL_RIGHT, reviews=[Review("check_softmax", "uses torch.softmax", "  torch.softmax(x)")])
    assert write(loaded, reviewed).review and grades(loaded)["check_softmax"] == (POINTS["softmax"], None, True)
    assert comments(loaded)["softmax"] == "Marked for manual review: uses torch.softmax (`torch.softmax(x)`)."
    set_grade(loaded, "check_softmax", needs_manual_grade=False)
    assert not write(loaded, reviewed, changed=False).review
    assert write(loaded, reviewed, changed=True).review


def test_all_or_nothing(loaded, monkeypatch):
    write(loaded, record(HALF_SOFTMAX))
    before = grades(loaded), comments(loaded)
    monkeypatch.setattr(Writer, "_penalise", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(loaded, record(ALL_RIGHT, submitted=LATE))
    assert (grades(loaded), comments(loaded)) == before
    with Gradebook(loaded.db_url, loaded.course_id) as opened:
        assert opened.find_submission(LESSON.name, "ada").timestamp == EARLY


def test_a_busy_database_is_waited_for(loaded, monkeypatch):
    monkeypatch.setattr(gradebook.time, "sleep", lambda seconds: None)
    real, calls = Writer._penalise, []

    def busy(self, *args):
        calls.append(1)
        if len(calls) < 3:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        return real(self, *args)

    monkeypatch.setattr(Writer, "_penalise", busy)
    assert write(loaded, record(ALL_RIGHT)).score == FULL and len(calls) == 3
    with Gradebook(loaded.db_url, loaded.course_id) as opened:
        assert opened.db.query(Comment).count() == len(POINTS)


class PointPerDay(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 1.5 * total_seconds_late / 86400


def test_late_penalties_are_those_of_nbgraders_plugin(loaded):
    loaded.penalties.plugin_class = PointPerDay
    with Gradebook(loaded.db_url, loaded.course_id) as opened:
        opened.update_or_create_assignment(LESSON.name, duedate=EARLY)
    assert write(loaded, record(ALL_RIGHT)).late == 0
    assert write(loaded, record(ALL_RIGHT, submitted=LATE)).late == 3.0
    assert write(loaded, record({}, submitted=LATE)).late == 0, "no more than there is"
    with Gradebook(loaded.db_url, loaded.course_id) as opened:
        opened.grant_extension(LESSON.name, "ada", days=1)
    assert write(loaded, record(ALL_RIGHT, submitted=LATE)).late == 1.5


def test_the_gradebook_agrees_with_the_record(loaded):
    half = record(HALF_SOFTMAX)
    write(loaded, half)
    with Writer(loaded, LESSON.name) as writer:
        assert writer.agrees(half) and not writer.agrees(record(ALL_RIGHT))
        assert not writer.agrees(replace(half, submitted=LATE)) and not writer.agrees(record(HALF_SOFTMAX, "bob"))
    set_grade(loaded, "check_softmax", auto_score=3.0)
    with Writer(loaded, LESSON.name) as writer:
        assert not writer.agrees(half)


def test_no_older_score_with_a_new_time(loaded):
    write(loaded, record(ALL_RIGHT))
    with Writer(loaded, LESSON.name) as writer:
        writer.withdraw("ada")
        assert (writer.current("ada").score, writer.current("ada").review) == (0.0, True)


def test_feedback_is_made_of_what_is_written(loaded):
    write(loaded, record(HALF_SOFTMAX))
    assert cli.main(["feedback", "3"]) == 0
    text = (loaded.root / "classroom" / "feedback" / "ada" / LESSON.name / f"{LESSON.name}.html").read_text()
    assert "Look at it." in text and f"{FULL - POINTS['softmax'] / 2:g}" in text


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """The address of a PostgreSQL server of our own."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    ordinary = []
    if os.geteuid() == 0:  # the server refuses to run as root
        ordinary = ["runuser", "-u", "nobody", "--"]
        shutil.chown(folder, "nobody")

    def run(program: str, *args: str) -> None:
        command = [*ordinary, str(folders[-1] / program), "-D", str(folder / "data"), *args]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "-A", "trust", "-U", "course", "--no-sync")
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"-F -c listen_addresses= -k {folder}", "start")
    yield f"postgresql+psycopg2://course@/postgres?host={folder}"
    run("pg_ctl", "-m", "immediate", "stop")
    shutil.rmtree(folder)


def test_a_gradebook_in_postgresql(classroom_3, postgresql, capsys):
    file = classroom_3 / "nbgrader_config.py"
    text, count = re.subn(r"^(c\.CourseDirectory\.db_url = ).*$", rf"\g<1>{postgresql!r}", file.read_text(), flags=re.M)
    assert count == 1
    file.write_text(text)
    assert cli.main(["release", "3"]) == 0
    course = courses.load()
    assert course.db_url == postgresql
    course.penalties.plugin_class = PointPerDay
    with Gradebook(course.db_url, course.course_id) as opened:
        opened.update_or_create_assignment(LESSON.name, duedate=EARLY)
    late = record(HALF_SOFTMAX, submitted=LATE)  # its comment has a null character, which PostgreSQL refuses
    assert write(course, late).late == 3.0
    assert write(course, late, changed=False).score == FULL - POINTS["softmax"] / 2
    set_grade(course, "check_softmax", manual_score=2.0, needs_manual_grade=False)
    assert write(course, late).review and comments(course)["softmax"].endswith("Look at it.")
    with Writer(course, LESSON.name) as writer:
        assert writer.agrees(late)
    capsys.readouterr()
    assert cli.main(["export", "--to", str(classroom_3 / "grades.csv")]) == 0
    assert f",{FULL - 3.0 - POINTS['softmax'] + 2.0}," in (classroom_3 / "grades.csv").read_text()


def test_an_address_without_a_driver_is_one_clear_sentence():
    """SQLAlchemy 2.1 takes another driver than 2.0 for `postgresql://`; pg8000 is installed nowhere here."""
    check_address("sqlite:///x.db")
    with pytest.raises(CourseError, match=r"postgresql\+psycopg2://"):
        check_address("postgresql+pg8000://x")
    with pytest.raises(CourseError, match="not a valid database URL"):
        check_address("not an address")


def test_a_lesson_with_other_exercises_leaves_the_gradebook_of_a_running_class_alone(classroom_3):
    """As after an update of the course that moved exercises into another lesson."""
    address = f"sqlite:///{classroom_3 / 'classroom' / 'gradebook.db'}"
    with Gradebook(address) as opened:
        opened.add_student("alice")
        submission = opened.add_submission(LESSON.name, "alice")
        for grade in submission.notebooks[0].grades:
            grade.manual_score = grade.max_score
        opened.db.commit()
        assert submission.score == FULL
    file = classroom_3 / "solutions" / LESSON.name / f"{LESSON.name}.ipynb"
    notebook = notebooks.read(file)
    notebook.cells = [cell for cell in notebook.cells if "softmax" not in notebooks.grade_id(cell)]
    notebooks.write(file, notebooks.to_text(notebook))
    with pytest.raises(CourseError, match="Finish the lesson with the version of the course"):
        release(LESSON, record=True)
    with Gradebook(address) as opened:
        assert opened.find_submission(LESSON.name, "alice").score == FULL
