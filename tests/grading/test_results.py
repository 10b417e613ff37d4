"""What is recorded of a grading, what goes into it, and when it has to be done again."""

from __future__ import annotations

import datetime
import os
import shutil
import sys
from dataclasses import replace

import pytest

from autograde.course.lessons import find_lesson
from autograde.exercises import of_lesson
from autograde.grading.job import ALL, Limits, Options, Result, Review, Score
from autograde.grading.records import course as courses
from autograde.grading.records import fingerprints, intake, results
from autograde.grading.records.results import Fingerprints, Record
from autograde.instructor.collect import collect
from autograde.judge.verdict import Verdict
from conftest import submit

LESSON = find_lesson("3")
NAME = f"{LESSON.name}.ipynb"


def record(student: str = "ada", points: float | None = 1.5, **prints) -> Record:
    verdict = Verdict(
        name="softmax",
        passed=False,
        state="failed",
        score=0.5,
        diagnosis="no scaling",
        advice="Look at \ud800 it.",
        facts=(("call", "f(1)\x00"),),
        evidence=3,
    )
    scores = {
        "check_softmax": Score(
            grade_id="check_softmax", points=points, max_score=3.0, verdict=verdict, comment="a comment"
        )
    }
    scores["essay"] = Score(grade_id="essay", points=None, max_score=2.0, assurance="low")
    result = Result(
        lesson=LESSON.name,
        student=student,
        scores=scores,
        notebook="{}",
        notes=("a note",),
        reviews=(Review("essay", "graded by hand", "x"),),
        seconds={"total": 0.5},
        assurance="full",
        unreadable="a reason",
    )
    prints = {"submission": "s", "release": "r", "environment": "e", "exercises": {"softmax": "1"}} | prints
    time = datetime.datetime(2026, 3, 1, 10, 0, 0, 5)
    return Record(result=result, prints=Fingerprints(**prints), options=Options(), submitted=time, graded=time)


def test_a_record_comes_back_as_it_was(tmp_path):
    first, second = record(), replace(record(points=3.0), submitted=None, kept=("project",))
    results.append(tmp_path, first)
    results.append(tmp_path, second)
    expected = [replace(graded, result=replace(graded.result, notebook="")) for graded in (first, second)]
    assert results.read(tmp_path, LESSON.name, "ada") == expected
    assert results.last(tmp_path, LESSON.name, "ada") == expected[1]
    assert results.last(tmp_path, LESSON.name, "bob") is None
    assert results.file_of(tmp_path, LESSON.name, "ada").stat().st_mode & 0o077 == 0, "marks are nobody else's business"


def test_no_number_is_no_points(tmp_path):
    results.append(tmp_path, record(points=float("nan")))
    assert results.last(tmp_path, LESSON.name, "ada").result.scores["check_softmax"].points is None


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_torn_line_is_ignored_and_spoils_no_other(tmp_path, cut):
    results.append(tmp_path, record(points=1.0))
    file = results.file_of(tmp_path, LESSON.name, "ada")
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:-cut])
    assert len(results.read(tmp_path, LESSON.name, "ada")) == 1
    results.append(tmp_path, record(points=2.0))
    points = [graded.result.scores["check_softmax"].points for graded in results.read(tmp_path, LESSON.name, "ada")]
    assert points in ([1.0, 2.0], [1.0, 1.0, 2.0]), "a line that lacks its line break alone is whole"
    assert points[-1] == 2.0


def test_what_has_to_be_graded_again():
    old, options = record(), Options()
    same = old.prints
    assert results.stale(None, same, options) is results.EVERYTHING
    assert results.stale(old, same, options) == results.Stale()
    for name in ("submission", "release", "environment"):
        assert results.stale(old, replace(same, **{name: "other"}), options) is results.EVERYTHING
    assert results.stale(old, replace(same, exercises={"softmax": "2"}), options).exercises == {"softmax"}
    assert results.stale(old, replace(same, exercises={"softmax": "1", "new": "1"}), options).exercises == {"new"}
    assert results.stale(old, same, Options(cells=ALL)) is results.EVERYTHING
    assert results.stale(replace(old, options=Options(cells=ALL)), same, options) == results.Stale()
    assert results.stale(old, same, Options(limits=Limits(cell=1.0))) is results.EVERYTHING


# --- fingerprints ---------------------------------------------------------------------------------------------------


def prints(lesson: str) -> dict[str, str]:
    return {exercise.name: fingerprints.of_exercise(exercise.name) for exercise in of_lesson(lesson)}


@pytest.fixture
def later_process(monkeypatch, tmp_path):
    """A function after which fingerprints know what an earlier process has kept, and nothing else."""
    monkeypatch.setattr(fingerprints, "KEPT", tmp_path / "kept" / "fingerprints.json")

    def begin() -> None:
        fingerprints._new.clear()
        for function in (fingerprints._kept, fingerprints._module, fingerprints.environment):
            function.cache_clear()

    begin()
    yield begin
    monkeypatch.undo()
    begin()


@pytest.fixture
def edited(monkeypatch, later_process):
    """A function that edits a file of the course, as far as fingerprints can see."""

    def edit(name: str, text: str = "edited = 1") -> None:
        real = fingerprints._content
        added = f"\n{text}\n".encode()
        monkeypatch.setattr(fingerprints, "_content", lambda file: real(file) + added * file.match(name))
        later_process()

    return edit


def test_a_fingerprint_follows_the_code_and_no_comment():
    def code(text: str) -> str:
        return fingerprints._parsed(text.encode())[0]

    before = code("def f(x):\n    return x + 1\n")
    assert code('def f(x):\n    """Adds."""\n    # once\n    return x + 1\n') == before
    assert code("def f(x):\n    return x + 2\n") != before


def test_what_was_found_in_a_file_is_kept_by_its_content(edited, later_process, monkeypatch):
    before = prints("03_single_head"), fingerprints.environment()
    later_process()
    with monkeypatch.context() as patch:
        patch.setattr(fingerprints.ast, "parse", lambda source: pytest.fail("it was parsed again"))
        assert (prints("03_single_head"), fingerprints.environment()) == before
    edited("single_head/softmax.py", "# a comment")
    edited("harness/plain.py")
    after = prints("03_single_head"), fingerprints.environment()
    assert after[0] == before[0] and after[1] != before[1]


@pytest.mark.parametrize("kept", [b"", b"[]", b'{"maker": "x"}', b'{"found": 1', b'{"maker": 1, "found": {"a": "b"}}'])
def test_what_cannot_be_read_of_it_is_found_anew(later_process, kept):
    before = prints("03_single_head")
    fingerprints.KEPT.write_bytes(kept.replace(b'"maker": 1', b'"maker": "' + fingerprints._maker().encode() + b'"'))
    later_process()
    assert prints("03_single_head") == before


def test_another_version_of_python_takes_nothing_from_this_one(later_process, monkeypatch):
    prints("03_single_head")
    later_process()
    assert fingerprints._kept()
    monkeypatch.setattr(sys, "version", "4.0")
    later_process()
    assert not fingerprints._kept()


def test_a_folder_that_cannot_be_written_costs_no_fingerprint(later_process):
    before = prints("03_single_head")
    fingerprints.KEPT.unlink()
    fingerprints.KEPT.mkdir()
    later_process()
    assert prints("03_single_head") == before


@pytest.mark.parametrize(
    "file, lesson, changed, same",
    [
        ("helpers/single_head.py", "03_single_head", {"softmax", "attention_weights"}, set()),
        ("helpers/single_head.py", "01_vocabulary", set(), {"tokenize"}),
        ("exercises/fixtures.py", "03_single_head", set(), {"softmax"}),
        ("exercises/fixtures.py", "10_clinic", {"sees_future", "repair_fit"}, set()),
        ("exercises/feed_forward/common.py", "06_feed_forward", {"feed_forward"}, set()),
    ],
)
def test_a_fingerprint_follows_what_an_exercise_imports(edited, file, lesson, changed, same):
    before = prints(lesson)
    edited(file)
    after = prints(lesson)
    assert {name for name in changed | same if after[name] != before[name]} == changed


@pytest.mark.parametrize("file", ["harness/plain.py", "judge/tolerance.py", "harness/sandboxed/shell.py"])
def test_the_environment_follows_the_harness_and_the_judge(edited, file):
    before = fingerprints.environment()
    edited(file)
    assert fingerprints.environment() != before


# --- gathering ------------------------------------------------------------------------------------------------------


@pytest.fixture
def common(classroom_3):
    course = courses.load()
    return course, intake.material(course, LESSON.name)


def gathered(common, student: str):
    return intake.gather(*common, student)


def test_a_bundle_of_an_ordinary_submission(classroom_3, common):
    folder = submit(classroom_3, LESSON, "ada", came="2026-03-01 12:00:00 +0200")
    (folder / "weights.safetensors").write_bytes(b"123")
    submission = gathered(common, "ada")
    assert submission.job.notebook == (folder / NAME).read_bytes() and submission.job.files == {
        "weights.safetensors": b"123"
    }
    assert submission.job.notes == () and submission.submitted == datetime.datetime(2026, 3, 1, 10)
    assert gathered(common, "ada") == submission
    submit(classroom_3, LESSON, "bob")
    other = gathered(common, "bob").job.key
    assert len(submission.job.key) == 32 and common[1].secret not in (submission.job.key, other)
    (folder / "weights.safetensors").write_bytes(b"124")
    assert gathered(common, "ada").fingerprint != submission.fingerprint


def test_a_renamed_notebook_is_taken_if_it_is_the_only_one(classroom_3, common):
    folder = submit(classroom_3, LESSON, "ada")
    (folder / NAME).rename(folder / "lesson (1).ipynb")
    submission = gathered(common, "ada")
    assert submission.job.notebook and "`lesson (1).ipynb`" in submission.job.notes[0]
    (folder / "other.ipynb").write_text("{}")
    two = gathered(common, "ada")
    assert two.job.notebook is None and "`lesson (1).ipynb`, `other.ipynb`" in two.job.notes[0]
    (folder / "work").mkdir()
    (folder / "lesson (1).ipynb").rename(folder / "work" / NAME)
    (folder / "other.ipynb").unlink()
    deeper = gathered(common, "ada")
    assert deeper.job.notebook is None and f"There are: `work/{NAME}`." in deeper.job.notes[0]


def test_links_pipes_programs_and_large_files_are_left_out(classroom_3, common, tmp_path, monkeypatch):
    folder = submit(classroom_3, LESSON, "ada")
    secret = tmp_path / "secret"
    secret.write_text("another student's work")
    (folder / "link.txt").symlink_to(secret)
    (folder / "all").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "pipe.txt")
    (folder / "numpy.py").write_text("raise SystemExit")
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text("raise SystemExit")
    (folder / "bad\nname.txt").write_text("x")
    monkeypatch.setattr(intake.attachments, "LARGEST", 100)
    (folder / "large.safetensors").write_bytes(b"0" * 101)
    (folder / "mine.safetensors").write_bytes(b"1")
    submission = gathered(common, "ada")
    assert submission.job.files == {"mine.safetensors": b"1"}
    text = " ".join(submission.job.notes)
    for name in ("link.txt", "all", "pipe.txt", "numpy.py", "torch/__init__.py", "bad?name.txt", "large.safetensors"):
        assert f"`{name}`" in text
    assert "another student's work" not in repr(submission)
    (folder / NAME).unlink()
    (folder / NAME).symlink_to(secret)
    assert gathered(common, "ada").job.notebook is None
    other = folder.parent.parent / "bob"
    other.mkdir()
    (other / LESSON.name).symlink_to(folder, target_is_directory=True)
    bob = gathered(common, "bob")
    assert bob.job.notebook is None and "symbolic link" in bob.job.notes[0]


def test_collecting_and_grading_take_the_same_files(classroom_3, common, tmp_path):
    """Weights beside the notebook; of the rest one note for each reason, and none for what the lesson brings."""
    folder = tmp_path / "in" / "ada"
    (folder / "runs" / "lesson").mkdir(parents=True)
    (folder / "figures").mkdir()
    (folder / NAME).write_bytes((submit(classroom_3, LESSON, "ada") / NAME).read_bytes())
    for name in "abcdef":
        (folder / f"{name}.safetensors").write_bytes(name.encode())
        (folder / f"{name}.csv").write_text("1,2")
    (folder / "runs" / "lesson" / "model.safetensors").write_bytes(b"deeper")
    (folder / "timestamp.txt").write_text("2026-03-01 10:00:00 UTC")
    (folder / "solve.PY").write_text("")
    for picture in (classroom_3 / "notebooks" / LESSON.name / "figures").iterdir():
        (folder / "figures" / picture.name).write_bytes(b"")
    shutil.copytree(folder, courses.load().submitted("bob", LESSON.name))
    bob = gathered(common, "bob").job
    assert sorted(bob.files) == [f"{name}.safetensors" for name in "abcd"]
    assert len(bob.notes) == 3 and "`a.csv`, `b.csv`, `c.csv` and 4 more were left out" in bob.notes[0]

    (ada,) = collect(LESSON, [tmp_path / "in"])
    assert ada.notes == bob.notes
    assert gathered(common, "ada").job.files == bob.files and gathered(common, "ada").job.notes == ()


@pytest.mark.parametrize("text", ["", "yesterday", "\x00", "99999999999999999999", "2026-13-45 99:99:99 UTC"])
def test_a_bad_timestamp_is_a_note(classroom_3, common, text):
    submit(classroom_3, LESSON, "ada", came=text or " ")
    submission = gathered(common, "ada")
    assert submission.submitted is None and "timestamp.txt" in submission.job.notes[0] and submission.job.notebook
