"""nbgrader's own command beside `course grade`: stopped in the middle, and folders without a notebook."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os

import pytest
import small_grader
from nbconvert.writers import FilesWriter
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException

from autograde.course.lessons import find_lesson
from autograde.exercises import of_lesson
from autograde.grading import hooks
from autograde.grading.classes import workers
from autograde.grading.classes.schedule import UNCHANGED, grade_class
from autograde.grading.job import GradeRequest
from autograde.grading.records import course as courses
from autograde.grading.records import results
from autograde.grading.records.gradebook import Writer
from conftest import submit

LESSON = find_lesson("3")
NAME = f"{LESSON.name}.ipynb"
POINTS = {exercise.name: exercise.points for exercise in of_lesson(LESSON.name)}
FULL = float(sum(POINTS.values()))
FIRST, SECOND = "2026-03-01 10:00:00 UTC", "2026-03-02 10:00:00 UTC"


@pytest.fixture(autouse=True)
def runs_nothing(monkeypatch):
    monkeypatch.setattr(hooks, "grade", small_grader.grade)


def autograde(force: bool = False, student: str = "*") -> None:
    """`nbgrader autograde`, in this process."""
    course = courses.load()
    course.coursedir.assignment_id, course.coursedir.student_id = LESSON.name, student
    course.converter.force = force
    course.converter.start()


def course_grade() -> dict:
    return {
        outcome.student: outcome
        for outcome in grade_class(GradeRequest(lesson=LESSON.name, jobs=1), grade="small_grader:grade")
    }


def scores(root) -> dict[str, float]:
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        return {
            submission.student.id: submission.score for submission in gradebook.find_assignment(LESSON.name).submissions
        }


def waiting(root, student: str) -> bool:
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        return gradebook.find_submission(LESSON.name, student).needs_manual_grade


def notebook(root, student: str) -> str:
    return (root / "classroom" / "autograded" / student / LESSON.name / NAME).read_text(encoding="utf-8")


def cells(root, student: str) -> list[dict]:
    return json.loads(notebook(root, student))["cells"]


def end_here(*args, **kwargs):
    os._exit(9)


def write_half(self, output, resources, notebook_name=None, **kwargs):
    """The graded notebook is written for the second time, and only its beginning reaches the disk."""
    with open(os.path.join(self.build_directory, f"{notebook_name}.ipynb"), "w") as file:
        file.write(output[: len(output) // 2])
    if len(output) > 10_000:
        os._exit(9)


MOMENTS = {
    "while it is graded": (hooks, "grade", end_here),
    "before its marks are written": (Writer, "write", end_here),
    "while its notebook is written": (FilesWriter, "write", write_half),
    "before it is done": (hooks.results, "end", end_here),
}


@pytest.mark.parametrize(
    "moment, again",
    [*((moment, "nbgrader") for moment in MOMENTS), *((moment, "course") for moment in list(MOMENTS)[::2])],
)
def test_nbgraders_command_that_was_killed_is_taken_up_again(classroom_3, monkeypatch, moment, again):
    submit(classroom_3, LESSON, "ada", came=FIRST)
    autograde()
    assert scores(classroom_3) == {"ada": FULL} and not waiting(classroom_3, "ada")
    submit(classroom_3, LESSON, "ada", {"softmax": "HALF"}, came=SECOND)

    with monkeypatch.context() as patch:
        patch.setattr(*MOMENTS[moment])
        process = multiprocessing.get_context("fork").Process(target=autograde)
        process.start()
        process.join()
    assert process.exitcode == 9
    if moment == "while it is graded":
        assert scores(classroom_3) == {"ada": 0} and waiting(classroom_3, "ada"), "no older marks, and a person sees it"

    autograde() if again == "nbgrader" else course_grade()
    assert scores(classroom_3) == {"ada": FULL - POINTS["softmax"] / 2} and not waiting(classroom_3, "ada")
    assert notebook(classroom_3, "ada").rstrip().endswith("}") and "HALF" in notebook(classroom_3, "ada")
    course = courses.load()
    assert not results.begun(course.results, LESSON.name, "ada")
    before = len(results.read(course.results, LESSON.name, "ada"))
    autograde()
    assert course_grade()["ada"].state == UNCHANGED
    assert len(results.read(course.results, LESSON.name, "ada")) == before, "and then it is done"


STOPS = {
    "while its files are saved": (os, "replace"),
    "before its record": (results, "append"),
    "before its marks are written": (Writer, "write"),
}


@pytest.mark.parametrize("earlier", [False, True], ids=["first", "second submission"])
@pytest.mark.parametrize("stop", STOPS)
def test_a_course_grade_that_was_killed_is_taken_up_by_nbgraders_command(classroom_3, monkeypatch, stop, earlier):
    """Without --force: the graded notebook may be there already, and nbgrader alone would skip it."""
    if earlier:
        submit(classroom_3, LESSON, "ada", came=FIRST)
        course_grade()
        marked_by_hand(classroom_3, "ada")
    submit(classroom_3, LESSON, "ada", {"softmax": "HALF"}, came=SECOND)
    with monkeypatch.context() as patch:
        patch.setattr(*STOPS[stop], end_here)
        patch.setattr(workers, "processes", small_grader.in_this_process)
        process = multiprocessing.get_context("fork").Process(target=course_grade)
        process.start()
        process.join()
    assert process.exitcode == 9
    assert (classroom_3 / "classroom" / "autograded" / "ada" / LESSON.name).is_dir()
    assert scores(classroom_3) == ({"ada": FULL} if earlier else {}), "not written yet"

    autograde()
    assert scores(classroom_3) == {"ada": FULL - (0 if earlier else POINTS["softmax"] / 2)}
    assert waiting(classroom_3, "ada") == earlier, "a person has marked another answer"
    assert "HALF" in notebook(classroom_3, "ada")
    course = courses.load()
    before = len(results.read(course.results, LESSON.name, "ada"))
    assert before == 1 + earlier, "graded once"
    autograde()
    assert course_grade()["ada"].state == UNCHANGED
    assert len(results.read(course.results, LESSON.name, "ada")) == before


def marked_by_hand(root, student: str) -> None:
    """A person gives the points of softmax."""
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        grade = gradebook.find_grade("check_softmax", LESSON.name, LESSON.name, student)
        grade.manual_score, grade.needs_manual_grade = POINTS["softmax"], False
        gradebook.db.commit()


def test_a_grading_that_is_not_killed_leaves_nothing_open(classroom_3):
    submit(classroom_3, LESSON, "ada", came=FIRST)
    autograde()
    autograde(force=True)
    assert not results.begun(courses.load().results, LESSON.name, "ada") and scores(classroom_3) == {"ada": FULL}


def test_folders_without_a_notebook_are_graded_by_both_commands(classroom_3):
    submit(classroom_3, LESSON, "ada", came=FIRST)
    folder = submit(classroom_3, LESSON, "bob", came=FIRST)
    (folder / NAME).unlink()
    other = submit(classroom_3, LESSON, "eve", came=FIRST)
    (other / NAME).rename(other / "notes.ipynb")
    (other / "more.ipynb").write_text("{}")
    submit(classroom_3, LESSON, "kim", came=FIRST).joinpath(NAME).unlink()

    def seen():
        course = courses.load()
        reasons = {name: results.last(course.results, LESSON.name, name).result.notes for name in ("bob", "eve")}
        return scores(classroom_3), reasons, [cells(classroom_3, name) for name in ("bob", "eve")]

    autograde(student="[abe]*")
    first = seen()
    assert first[0] == {"ada": FULL, "bob": 0, "eve": 0} and f"no {NAME}" in first[1]["bob"][0]
    course = courses.load()
    autograde()
    assert len(results.read(course.results, LESSON.name, "bob")) == 1, "it has not changed"
    assert scores(classroom_3) == first[0] | {"kim": 0}
    assert {outcome.state for outcome in course_grade().values()} == {UNCHANGED}
    for student in ("bob", "eve"):
        results.file_of(course.results, LESSON.name, student).unlink()
    course_grade()
    assert seen() == (first[0] | {"kim": 0}, *first[1:])


def test_what_nbgraders_command_cannot_grade_has_its_older_marks_and_says_so(classroom_3, monkeypatch, tmp_path):
    """As in `course grade`, where the machine is at fault; nothing of it stays when it is graded in the end."""
    monkeypatch.setenv(small_grader.COUNT, str(tmp_path / "count"))
    monkeypatch.setattr(workers, "PAUSE", 0.0)
    submit(classroom_3, LESSON, "ada", came=FIRST)
    submit(classroom_3, LESSON, "eve", came=FIRST)
    autograde()
    submit(classroom_3, LESSON, "ada", {"softmax": "BUSY ALWAYS"}, came=SECOND)
    with pytest.raises(NbGraderException):
        autograde(student="ada")
    course = courses.load()
    assert scores(classroom_3) == {"ada": FULL, "eve": FULL} and waiting(classroom_3, "ada")
    assert "a process was not ready" in results.not_graded(course.results, LESSON.name)["ada"]
    with Writer(course, LESSON.name) as writer:
        assert f"{writer.submitted_at('ada'):%d}" == "01", "the time is that of the version that has these marks"

    submit(classroom_3, LESSON, "ada", {"softmax": "HALF"}, came=SECOND)
    autograde()
    assert scores(classroom_3) == {"ada": FULL - POINTS["softmax"] / 2, "eve": FULL}
    assert not waiting(classroom_3, "ada") and results.not_graded(course.results, LESSON.name) == {}


def test_a_folder_that_no_student_can_have_stops_nobody(classroom_3):
    submit(classroom_3, LESSON, "ada", came=FIRST)
    (classroom_3 / "classroom" / "submitted" / "ada").rename(classroom_3 / "classroom" / "submitted" / "bad\udcff")
    submit(classroom_3, LESSON, "zoe", came=FIRST)
    with contextlib.suppress(NbGraderException):
        autograde()
    assert scores(classroom_3) == {"zoe": FULL}
