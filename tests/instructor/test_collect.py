"""Taking submissions in: nobody vanishes, nothing becomes somebody else's, and times are known or not used."""

from __future__ import annotations

import contextlib
import datetime
import io
import os
import re
import shutil
import time
import tracemalloc
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbgrader import utils
from nbgrader.api import Gradebook

from autograde import cli
from autograde.course import times
from autograde.course.errors import CourseError
from autograde.course.kernels import environment
from autograde.course.lessons import find_lesson
from autograde.course.text import decode
from autograde.instructor import classroom
from autograde.instructor.collect import Collected, collect
from autograde.instructor.collecting import store
from autograde.instructor.collecting.sources import Choice
from conftest import ROOT, made_once

LESSON = find_lesson("3")
NAME = f"{LESSON.name}.ipynb"
RELEASE = ROOT / "notebooks" / LESSON.name / NAME
DATE = (2026, 11, 1, 10, 0, 0)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A course with the released notebooks and nothing else; commands work in it."""
    root = tmp_path / "course"
    root.mkdir()
    (root / "notebooks").symlink_to(ROOT / "notebooks")
    shutil.copy(ROOT / "nbgrader_config.py", root)
    monkeypatch.setenv("COURSE_ROOT", str(root))
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture(scope="session")
def due_gradebook(tmp_path_factory) -> Path:
    """A gradebook that knows the lesson, due on 10 November 2026."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", environment()["PATH"])  # nbgrader starts `alembic` by name
            with Gradebook(f"sqlite:///{folder / 'gradebook.db'}", "transformer") as opened:
                opened.add_assignment(LESSON.name, duedate="2026-11-10 12:00:00 UTC")

    return made_once(tmp_path_factory, "gradebook-due", make) / "gradebook.db"


@pytest.fixture
def gradebook(place, due_gradebook):
    """The course with this gradebook, open."""
    (place / "classroom").mkdir()
    file = shutil.copy(due_gradebook, place / "classroom" / "gradebook.db")
    with Gradebook(f"sqlite:///{file}", "transformer") as opened:
        yield opened


def packed(files: dict[str, str | bytes], date: tuple = DATE) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, date), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def source(name: str, files: dict[str, str | bytes]) -> Path:
    """A folder or a zip file with these files; in a folder a name with "/" at its end is an empty folder."""
    path = Path.cwd() / name
    if path.suffix.casefold() == ".zip":
        path.write_bytes(packed(files))
        return path
    for inner, content in files.items():
        file = path / inner
        (file if inner.endswith("/") else file.parent).mkdir(parents=True, exist_ok=True)
        if not inner.endswith("/"):
            file.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def taken(*sources: Path, **options) -> dict[str, Collected]:
    results = collect(LESSON, list(sources), **options)
    assert len({result.student for result in results}) == len(results)
    return {result.student: result for result in results}


def stored(root: Path) -> dict[str, str]:
    """{student: text of the notebook}"""
    files = (root / "classroom" / "submitted").glob(f"*/{LESSON.name}/{NAME}")
    return {file.parent.parent.name: file.read_text() for file in files}


def time_of(root: Path, student: str) -> str:
    file = root / "classroom" / "submitted" / student / LESSON.name / "timestamp.txt"
    return file.read_text() if file.exists() else ""


# --- by place -------------------------------------------------------------------------------------------------------


def test_submissions_are_found_by_their_place(place, tmp_path):
    class_zip = source(
        "class.zip",
        {
            f"ada/{NAME}": "ada",
            f"bob/{LESSON.name}/{NAME}": "bob",
            "eve.zip": packed({f"{LESSON.name}/{NAME}": "eve"}),
            f"../../mallory/{NAME}": "mallory",
            f"__MACOSX/ada/._{NAME}": "x",
            "fay.zip": b"not a zip",
            "gil/notes.txt": "x",
        },
    )
    results = taken(class_zip, source("flat", {f"dan_{NAME}": "dan"}))
    assert stored(place) == {student: student for student in ("ada", "bob", "dan", "eve")}
    assert results["fay"].problem and "leads out of the archive" in results[""].problem
    assert "notes.txt" in results["gil"].problem
    assert set(results) == {"", "ada", "bob", "dan", "eve", "fay", "gil"}
    assert not [*tmp_path.rglob("mallory"), *tmp_path.parent.glob("mallory")]


@pytest.mark.parametrize("kind", ["", ".zip"])
def test_nobody_vanishes(place, kind, capsys):
    notebook = RELEASE.read_bytes()
    files = {
        f"ada/{NAME}": "x",
        f"bob/{NAME}.txt": notebook,
        f"cyd/{NAME}.json": notebook,
        f"dan/{LESSON.name}.html": "<html>",
        f"eve/{LESSON.name}.IPYNB": "eve",
        "fay.ZIP": packed({NAME: "fay"}),
        f"gus/{LESSON.name}.pdf": "%PDF",
        "hal/": "",
        f"ivy/{LESSON.name}": notebook,
        "jon.tar.gz": "x",
        f"kim/{NAME}.txt": "my notes",
        "lea/Untitled.ipynb": notebook,
        "mia/04_multi_head.ipynb": "x",
        f"ned_{LESSON.name}.docx": "x",
        "ona/homework": notebook,
        f".pat/{NAME}": "x",
        f"quy/{NAME.replace('_', ' ')}": "quy",
        "grades.csv": "a,b",
        f"rex/.ipynb_checkpoints/{LESSON.name}-checkpoint.ipynb": notebook,
        ".git/config": "x",
        "Thumbs.db": "x",
    }
    left = {"dan", "gus", "hal", "jon.tar", "kim", "mia", "ned", ".pat", "grades", "rex"}
    path = source(f"class{kind}", files)
    results = taken(path)
    assert {student for student, result in results.items() if result.problem} == left
    assert set(stored(place)) == set(results) - left
    assert set(stored(place)) == {"ada", "bob", "cyd", "eve", "fay", "ivy", "lea", "ona", "quy"}
    assert "was called `03_single_head.ipynb.txt`" in results["bob"].notes[0]
    assert "only hidden files" in results["rex"].problem
    assert "04_multi_head" in results["mia"].problem and "there is no file" in results["hal"].problem
    assert cli.main(["collect", "3", str(path)]) == 1
    out = capsys.readouterr().out
    assert all(f"({student})" in out for student in left) and "9 of 19 submissions" in out


_PARTS = st.sampled_from(
    [
        *(
            "ada",
            "ADA",
            "김민수",
            "..",
            "a*",
            " ",
            "\x1b",
            ".git",
            "__MACOSX",
            "04_multi_head.ipynb",
            "b.zip",
            "timestamp.txt",
        ),
        *(LESSON.name, NAME, f"{NAME}.txt", "1-2 - N - Nov 1, 2026 1000 AM", "s-submissions", "s-ada"),
        *(f"x_1_assignsubmission_file_{NAME}", f"a_LATE_1_2_{NAME}", f"L_a_attempt_9999-99-99-99-99-99_{NAME}"),
    ]
)
_CONTENTS = st.sampled_from([b"", b"x", RELEASE.read_bytes(), b"\0" * 70_000, packed({NAME: "z"})])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.lists(_PARTS, min_size=1, max_size=4).map("/".join), _CONTENTS, min_size=1, max_size=6),
    st.sampled_from(["", "moodle", "canvas", "blackboard", "brightspace", "google"]),
    st.binary(max_size=3),
)
def test_whatever_is_packed_stops_nothing_and_leaves_nobody_out(place, files, platform, damage):
    path = source("class.zip", files)
    if damage:
        path.write_bytes(path.read_bytes()[: -len(damage)] + damage)
    results = collect(LESSON, [path], Choice(platform=platform))
    nobodys = ("__MACOSX", ".git", LESSON.name)
    visible = {name for name in files if name.removeprefix(f"{NAME}/").split("/")[0] not in nobodys}
    assert results or not visible
    folders = {path.name for path in (place / "classroom" / "submitted").glob("*")}
    assert {result.student for result in results if not result.problem} <= folders
    shutil.rmtree(place / "classroom", ignore_errors=True)


def test_a_copy_is_called_after_its_student(place):
    names = (
        "ada_03_single_head (1)",
        "Copy of 03_single_head - bob",
        "cyd-03-single-head",
        "dan 03 single head - Copy",
    )
    taken(source("class.zip", {f"{name}.ipynb": name[:3] for name in names}))
    assert set(stored(place)) == {"ada", "bob", "cyd", "dan"}


def test_a_folder_called_as_a_class_is_nobody(place):
    files = {f"ada_{NAME}": "ada", "bob.zip": packed({NAME: "bob"})}
    for name in ("class.zip", "class"):
        taken(source(name, {f"Lesson 3/{file}": content for file, content in files.items()}))
        assert stored(place) == {"ada": "ada", "bob": "bob"}
    taken(source("cyd.zip", {f"homework/{NAME}": "cyd"}), source("2026.zip", {f"work/{NAME}": "number"}))
    taken(source("one.zip", {f"2027/{NAME}": "another"}))
    assert stored(place) == {"ada": "ada", "bob": "bob", "cyd": "cyd", "2026": "number", "2027": "another"}


def test_a_source_with_nothing_in_it_is_named_beside_others(place):
    results = taken(source("class", {f"ada/{NAME}": "ada"}), source("empty/", {"__MACOSX/": ""}))
    assert "nothing in it" in results["empty"].problem and stored(place) == {"ada": "ada"}


def test_another_version_of_the_lesson_is_named_when_it_is_left_out(place):
    edited = RELEASE.read_bytes().replace(b"NotImplementedError", b"Exception")
    files = {f"ada/{NAME}": "", "ada/final.ipynb": edited, "ada/mine/try.ipynb": edited, "ada/mine/notes.ipynb": "x"}
    notes = taken(source("class.zip", files))["ada"].notes
    assert f"`final.ipynb`, `try.ipynb` were left out: `{NAME}` is there." in notes and "notes" not in str(notes)


def test_an_untouched_copy_of_the_lesson_is_no_second_answer(place):
    folder = f"ada/transformer/notebooks/{LESSON.name}/{NAME}"
    files = {folder: RELEASE.read_bytes(), f"ada/work/{NAME}": "ada", f"bob/{NAME}": RELEASE.read_bytes()}
    results = taken(source("class.zip", files))
    assert stored(place) == {"ada": "ada", "bob": RELEASE.read_text()}
    assert any("as it was handed out" in note for note in results["ada"].notes) and not results["bob"].notes


def executed(notebook: bytes) -> bytes:
    """As a learner leaves it who has opened and run it, on Windows, without an answer."""
    return notebook.replace(b'"execution_count": null', b'"execution_count": 7').replace(b"\n", b"\r\n")


OWN = {
    f"solutions/{LESSON.name}/{NAME}": (ROOT / "solutions" / LESSON.name / NAME).read_bytes(),
    f"solutions/{LESSON.name}/{LESSON.name}.py": "x = 1",
    f"notebooks/{LESSON.name}/{NAME}": RELEASE.read_bytes(),
    "notebooks/02_embeddings/02_embeddings.ipynb": "2",
    "README.md": "# The course",
    "LICENSE": "MIT",
}


@pytest.mark.parametrize("around", ["lesson-3-submissions/lesson-3-{}", "forks/{}", "class.zip/{}", "one/{}"])
def test_the_courses_own_files_in_a_fork_are_nobodys_answer(place, around):
    edited = RELEASE.read_bytes().replace(b"NotImplementedError", b"Exception")
    folder, _, inside = around.partition("/")
    forks = {
        "ada": {**OWN, f"my_work/{LESSON.name}/{NAME}": edited},
        "bob": {**OWN, f"notebooks/{LESSON.name}/{NAME}": edited},
        "cyd": {**OWN, f"notebooks/{LESSON.name}/{NAME}": executed(RELEASE.read_bytes())},
        "dan": {**OWN, f"{LESSON.name}_dan.ipynb": edited},
        "eve": {**OWN, NAME: OWN[f"solutions/{LESSON.name}/{NAME}"]},
        "fay": {**OWN, "LICENSE": "mine"},
        "gus": {name: content for name, content in OWN.items() if not name.startswith("notebooks/03")},
        "hal": {**OWN, f"my_work/{LESSON.name}/{NAME}": edited, f"notebooks/{LESSON.name}/{NAME}": edited + b" "},
    }
    if folder == "one":  # each given by itself
        results = {}
        for name, files in forks.items():
            results |= taken(source(name, files))
    else:
        files = {f"{inside.format(name)}/{file}": text for name, files in forks.items() for file, text in files.items()}
        results = taken(source(folder, files))
    mine, blank = edited.decode(), RELEASE.read_text()
    full = OWN[f"solutions/{LESSON.name}/{NAME}"].decode()
    assert set(results) == set(forks) and "several different files" in results["hal"].problem
    assert stored(place) == {
        **dict.fromkeys(("ada", "bob", "dan"), mine),
        **dict.fromkeys(("eve", "gus"), full),
        "cyd": executed(RELEASE.read_bytes()).decode().replace("\r\n", "\n"),
        "fay": blank,
    }
    assert any("solutions/" in note and "the course's own solution" in note for note in results["ada"].notes)
    assert [name for name in results if "there is only" in str(results[name].notes)] == ["gus"]


def test_the_lessons_notebook_at_the_top_of_a_class_is_nobodys_and_hides_nobody(place):
    files = {NAME: "1", f"{LESSON.name} (1).ipynb": "2", f"ada/{NAME}": "ada", f"bob.{NAME}": "bob"}
    for path in (source("class", files), source("submissions.zip", files)):
        results = collect(LESSON, [path])
        refused = [result for result in results if "does not say whose it is" in result.problem]
        assert {result.place for result in refused} == {NAME, f"{LESSON.name} (1).ipynb"}
        assert stored(place) == {"ada": "ada", "bob": "bob"}
    assert not taken(source("cyd", {NAME: "cyd"}))["cyd"].problem


def test_beside_files_of_students_who_are_known_it_is_nobodys_in_any_folder(place, gradebook):
    gradebook.add_student("ada")
    results = taken(source("autumn", {NAME: "mine", f"ada_{NAME}": "ada", f"bob_{NAME}": "bob"}))
    assert stored(place) == {"ada": "ada", "bob": "bob"} and "does not say whose it is" in results[""].problem


@pytest.mark.parametrize("copy", [" ({})", "({})", "-{}", " - Copy ({})", "-Copy{}"])
def test_downloads_that_a_browser_renamed_are_nobodys(place, copy, capsys):
    names = [NAME, *(f"{LESSON.name}{copy.format(number)}.ipynb" for number in (1, 2))]
    files = {name: f"{number}" for number, name in enumerate(names)}
    folder = source("kim", files)
    for paths in ([folder], [source("kim.zip", files)], [folder / name for name in names]):
        assert cli.main(["collect", "3", *map(str, paths)]) == 1
        out = capsys.readouterr().out
        assert all(f"not collected: {name} (nobody): its name does not say whose it is" in out for name in names)
        assert all(remedy in out for remedy in ("in folders", "`--names`", "`--student NAME`")) and not stored(place)
    one = source("Downloads", {names[1]: "1"}) / names[1]
    assert collect(LESSON, [one])[0].problem and not stored(place)
    taken(folder / names[2], choice=Choice(student="lee"))
    assert stored(place) == {"lee": "2"}
    (place / "classroom/submitted/kim").mkdir()
    taken(*(folder / name for name in names))
    assert stored(place)["kim"] == "0", "the folder of a student who is known"


def test_an_archive_that_is_not_opened_has_a_remedy_for_who_reads_it(place):
    folder = source("all", {"class.7z": "7z", "in/ada.rar": "Rar!"})
    for path in (folder / "class.7z", folder / "in"):
        (problem,) = (result.problem for result in taken(path).values())
        assert "is an archive of a kind that is not opened; unpack it" in problem


def test_a_damaged_archive_takes_no_notebook_away(place):
    files = {f"ada/{NAME}": "ada", "ada/data.zip": "PK", "bob/work.zip": "PK", "cyd/work.ipynb.zip": "PK"}
    results = taken(source("class.zip", files))
    assert stored(place) == {"ada": "ada"} and "`data.zip` was left out" in results["ada"].notes[-1]
    assert all("is damaged" in results[name].problem and "work." in results[name].problem for name in ("bob", "cyd"))


@pytest.mark.parametrize("around", [LESSON.name, "class"])
def test_folders_with_backslashes_are_folders(place, around):
    names = [f"{around}\\", f"{around}\\ada\\", f"{around}\\ada\\{NAME}", f"{around}\\bob\\{NAME}"]
    assert set(taken(source("submissions.zip", dict.fromkeys(names, "")))) == {"ada", "bob"}


def test_what_has_nothing_of_the_lesson_is_said(place):
    other = (ROOT / "notebooks" / "04_multi_head" / "04_multi_head.ipynb").read_bytes()
    files = {f"ada/{NAME}": other, "bob/homework.ipynb": other, f"cyd/{NAME}": "", f"dan/{NAME} ": RELEASE.read_bytes()}
    files[f"fay/{NAME}"] = RELEASE.read_bytes()[:50_000]
    results = taken(source("class.zip", files | {"eve.zip": packed({"x.zip": packed({NAME: "eve"})})}))
    assert set(stored(place)) == {"ada", "cyd", "dan", "fay"}
    assert "no cell marked as this lesson's" in results["ada"].notes[0]
    assert all("is cut off, or no notebook at all" in results[name].notes[0] for name in ("cyd", "fay"))
    assert "none of this lesson's cells" in results["bob"].problem and "inside a zip file" in results["eve"].problem
    assert len(results["dan"].notes) == 1  # it was taken, and is not also left out


def test_several_archives_of_a_class_are_never_a_students(place):
    moodle = [
        source(f"{name}.zip", {f"{name} L_{n}_assignsubmission_file_/{NAME}": name})
        for n, name in enumerate(("a", "b"))
    ]
    results = taken(*moodle)
    assert all("add `--class`" in result.problem for result in results.values()) and not stored(place)
    taken(*moodle, choice=Choice(whole_class=True))
    assert stored(place) == {"a L": "a", "b L": "b"}
    own = [source(f"{name}.zip", {f"{name}1/{NAME}": "x", f"{name}2/{NAME}": "y"}) for name in ("monday", "friday")]
    assert all("add `--class`" in result.problem for result in taken(*own).values())
    taken(*(source(f"{name}.zip", {f"x_{len(name)}_1_{NAME}": name}) for name in ("submissions", "submissions (1)")))
    assert stored(place)["11"] == "submissions" and stored(place)["15"] == "submissions (1)"


def test_a_class_in_an_archive_of_an_archive_is_never_one_student(place, gradebook):
    moodle = {f"{name} L_{n}_assignsubmission_file_/{NAME}": "the same" for n, name in enumerate(("a", "b"))}
    own = {f"ada/{NAME}": "the same", f"bob/{NAME}": "the same"}
    for inner, files in (("monday.zip", moodle), ("submissions.zip", own)):
        for outer in ("in", "in.zip"):
            results = taken(source(outer, {inner: packed(files), f"cyd/{NAME}": "cyd"}))
            assert "the whole class's" in results[inner.removesuffix(".zip")].problem
            assert stored(place) == {"cyd": "cyd"}
    homework = packed({"02_embeddings/02_embeddings.ipynb": "2", f"{LESSON.name}/{NAME}": "dan"})
    taken(source("in", {"dan/homework.zip": homework}))  # in somebody's folder it is theirs, whatever it is called
    assert stored(place) == {"cyd": "cyd", "dan": "dan"}
    gradebook.add_student("monday")  # it is somebody's after all
    assert not taken(source("in", {"monday.zip": packed(moodle)}))["monday"].problem


@pytest.mark.parametrize("other", ["", RELEASE.read_text(), "another"])
@pytest.mark.parametrize("inner", ["{}/03_single_head.ipynb", "all/{}/03_single_head/03_single_head.ipynb", "{}_{}"])
def test_an_archive_of_each_group_is_no_student(place, gradebook, inner, other):
    """Also where the notebooks in it are equal, or only one is not as it was handed out."""
    groups = {"groupA": ("ada", "bob"), "groupB": ("cyd", "dan")}
    inner = inner.replace("{}_{}", f"{{}}_{NAME}")
    packs = {
        f"{group}.zip": packed({inner.format(first): "first", inner.format(second): other or "first"})
        for group, (first, second) in groups.items()
    }
    folder = source("in", packs)
    for sources in ([folder], [source("in.zip", packs)], [folder / name for name in packs]):
        results = taken(*sources)
        assert set(results) == set(groups) and not stored(place)
        assert all("`--student NAME`" in result.problem for result in results.values())
        remedy = "add `--class`" if len(sources) == 2 else "collect it by itself"
        assert all(remedy in result.problem for result in results.values())
    taken(*(folder / name for name in packs), choice=Choice(whole_class=True))
    assert set(stored(place)) == {"ada", "bob", "cyd", "dan"}
    shutil.rmtree(place / "classroom" / "submitted")
    for name in packs:
        taken(folder / name)
    assert set(stored(place)) == {"ada", "bob", "cyd", "dan"}


def test_options_that_exclude_each_other_are_told(place, capsys):
    both = ["--from", "moodle", "--names", "(?P<student_id>.*)_"]
    assert cli.main(["collect", "3", "in.zip", *both]) == 2
    assert "not allowed with" in capsys.readouterr().err
    assert cli.main(["collect", "3", "--roster", "class.csv"]) == 2
    assert "are for folders and zip files" in capsys.readouterr().err


def test_options_may_be_between_the_lesson_and_the_files(place, capsys):
    first, second = (
        str(source(folder, {f"{student}/{NAME}": student})) for folder, student in (("one", "ada"), ("two", "bob"))
    )
    assert cli.main(["collect", "3", first, "--received", "2026-11-10 23:59", second]) == 0
    assert set(stored(place)) == {"ada", "bob"}
    assert cli.main(["collect", "--class", "3", "--rooster", first]) == 2
    assert "Unknown: --rooster" in capsys.readouterr().err


def test_a_students_name_that_is_empty_is_no_choice(place, capsys):
    path = source("in", {f"ada/{NAME}": "ada"})
    for command in (["collect", "3", str(path)], ["grade", "3"], ["feedback", "3"]):
        assert cli.main([*command, "--student", ""]) == 2 and not stored(place)
        assert "--student: a name is expected" in capsys.readouterr().err


def test_files_for_one_student_that_differ_are_all_refused(place):
    folder = source("in", {f"one/ada/{NAME}": "a", f"two/ada/{NAME}": "b", f"one/..bob/{NAME}": "c"})
    results = taken(folder)
    assert all(result.problem for result in results.values()) and not stored(place)
    attempts = source("attempts", {f"ada/attempt1/{NAME}": "a", f"ada/attempt2/{NAME}": "b", f"bob/{NAME}": "bob"})
    assert "several different files" in taken(attempts)["ada"].problem and stored(place) == {"bob": "bob"}


def test_of_several_sources_each_file_has_the_place_of_its_own(place):
    monday = source("monday.zip", {f"ada/{NAME}": "one", f"bob/{NAME}": "bob"}).relative_to(Path.cwd())
    friday = source("friday", {f"ada/{NAME}": "two"}).relative_to(Path.cwd())
    single = source("flat", {f"cyd_{NAME}": "cyd"}).relative_to(Path.cwd()) / f"cyd_{NAME}"
    problem = taken(monday, friday, choice=Choice(whole_class=True))["ada"].problem
    assert f"(monday.zip/ada/{NAME}, friday/ada/{NAME})" in problem
    assert {result.place for result in taken(single, friday).values()} == {str(single), f"friday/ada/{NAME}"}


def test_the_older_submission_is_kept_and_that_is_said(place, capsys):
    for text in ("first", "second", "second"):
        assert cli.main(["collect", "3", str(source("ada", {NAME: text}))]) == 0
    assert stored(place) == {"ada": "second"}
    kept = list((place / "classroom" / "collected").rglob(NAME))
    assert [file.read_text() for file in kept] == ["first"]
    assert capsys.readouterr().out.count("replaces an earlier submission") == 1


def test_a_later_submission_is_not_called_an_earlier_one(place, capsys):
    for day, said in (("02", ""), ("01", "a submission that was handed in later"), ("03", "an earlier submission")):
        file = source(f"blackboard-{day}.zip", {f"L_ada_attempt_2026-11-{day}-10-00-00_{NAME}": day})
        assert cli.main(["collect", "3", str(file), "--from", "blackboard"]) == 0
        out = capsys.readouterr().out
        assert (
            f"ada: replaces {said}, which is kept in classroom/collected/ada" in out if said else "replaces" not in out
        )


def test_a_damaged_member_of_an_archive_stops_nobody(place):
    file = source("class.zip", {f"ada/{NAME}": "ada's work, long enough to be packed " * 200, f"bob/{NAME}": "bob"})
    data = bytearray(file.read_bytes())
    start = data.index(NAME.encode()) + len(NAME)
    data[start : start + 20] = b"\xff" * 20  # no longer what a packer writes
    file.write_bytes(data)
    assert taken(file)["ada"].problem and stored(place) == {"bob": "bob"}


def test_a_source_may_be_a_file_a_folder_in_an_archive_or_in_the_home_folder(place, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    taken(source("flat", {f"ada_{NAME}": "ada"}) / f"ada_{NAME}")
    taken(source("bob", {NAME: "bob"}))
    taken(source("late.zip", {f"monday/cyd/{NAME}": "cyd", f"monday/dan/{NAME}": "dan"}))
    source("in", {f"eve/{NAME}": "eve"})
    taken(Path("~/in"))
    assert stored(place) == {student: student for student in ("ada", "bob", "cyd", "dan", "eve")}
    with pytest.raises(CourseError, match="does not exist"):
        collect(LESSON, [Path("none.zip")])


def test_nobody_is_called_after_the_folder_that_the_instructor_works_in(place, gradebook, monkeypatch, capsys):
    here = source("marking", {NAME: "x", "weights.safetensors": "w"})
    monkeypatch.chdir(here)
    source("my_work", {f"{LESSON.name}/{NAME}": "x"})
    ours = [[NAME], [NAME, "weights.safetensors"], [str(here / NAME)], ["../marking/" + NAME], ["."], [str(here)]]
    for words in (*ours, ["my_work"]):
        assert cli.main(["collect", "3", *words]) == 1
        out = capsys.readouterr().out
        assert "(nobody): its name does not say whose it is" in out and "`--student NAME`" in out and not stored(place)
    assert cli.main(["collect", "3", NAME, "--student", "ada"]) == 0 and stored(place) == {"ada": "x"}
    gradebook.add_student("marking")  # somebody is called so after all
    assert cli.main(["collect", "3", NAME]) == 0 and stored(place) == {"ada": "x", "marking": "x"}


def test_files_of_another_lesson_are_named_with_the_command_for_them(place, capsys):
    path = source("in", {"ada/04_multi_head.ipynb": "x", "bob/04_multi_head.ipynb": "x"})
    assert cli.main(["collect", "3", str(path)]) == 1
    assert "`course collect 4 …`" in capsys.readouterr().out


# --- names ----------------------------------------------------------------------------------------------------------


def test_people_have_names_of_all_kinds(place):
    names = ["Ada Lovelace", "김민수", "O'Brien", "müller", "_ada", "-x", "Kim, Minsu", "a+b@uni.example", "Ñandú (2)"]
    results = taken(source("in", {f"{name}/{NAME}": name for name in names}))
    assert stored(place) == {name: name for name in names}
    assert not any(result.problem for result in results.values())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("..bob", "begins with a dot"),
        ("a*", r"has a \*"),
        ("a[1]", r"has a \["),
        ("x" * 129, "128 characters"),
        ("김" * 100, "255 bytes"),
        ("\x1b[31m", "cannot be printed"),
        ("nul", "device"),
        ("bob.", "ends with"),
    ],
)
def test_a_refused_name_has_a_true_reason(place, name, reason):
    results = collect(LESSON, [source("class.zip", {f"{name}/{NAME}": "x", f"ok/{NAME}": "ok"})])
    (problem,) = (result.problem for result in results if result.problem)
    assert re.search(reason, problem) and stored(place) == {"ok": "ok"}


def test_a_name_that_is_not_utf_8_stops_nobody(place):
    folder = os.fsencode(source("in", {f"ok/{NAME}": "ok"})) + b"/bad\xff"
    os.mkdir(folder)
    Path(os.fsdecode(folder), NAME).write_text("x")
    assert [result.problem != "" for result in collect(LESSON, [Path("in")])] == [True, False]
    assert stored(place) == {"ok": "ok"}


@pytest.mark.parametrize(
    ("name", "other"),
    [("Ada", "ada"), ("müller", unicodedata.normalize("NFD", "müller")), ("Straße", "STRASSE"), ("ﬁn", "fin")],
)
def test_names_that_a_file_system_takes_for_one_are_never_merged(place, name, other):
    results = collect(
        LESSON, [source("class.zip", {f"{name}/{NAME}": "1", f"{other}/{NAME}": "2", f"ok/{NAME}": "ok"})]
    )
    assert len(results) == 3 and stored(place) == {"ok": "ok"}
    assert sum("cannot be told apart" in result.problem for result in results) == 2


def test_a_name_in_other_capitals_does_not_replace_a_submission(place):
    taken(source("first", {f"Ada/{NAME}": "1", f"müller/{NAME}": "1"}))
    results = taken(source("second", {f"ada/{NAME}": "2", unicodedata.normalize("NFD", f"müller/{NAME}"): "2"}))
    assert "Ada has handed in already" in results["ada"].problem
    assert stored(place) == {"Ada": "1", "müller": "2"}  # a Mac's spelling is the same name


def test_korean_names_in_an_archive_of_windows(place):
    data = packed({f"김민수/{NAME}": "x", f"이영희/{NAME}": "y"})
    for name in ("김민수", "이영희"):
        longer, shorter = name.encode(), name.encode("cp949") + b"___"
        data = data.replace(longer, shorter[:6] + b"___")
    data = data.replace(b"\x00\x08\x08\x00", b"\x00\x00\x08\x00")  # the flag for UTF-8
    Path("class.zip").write_bytes(data)
    assert set(taken(Path("class.zip"))) == {"김민수___", "이영희___"}


def packed_by_an_old_program(names: list[str], encoding: str) -> bytes:
    """A zip file with names in this encoding, and nothing that says so."""
    raw = [name.encode(encoding) for name in names]
    data = packed({f"{index}".ljust(len(name), "_"): NAME for index, name in enumerate(raw)})
    for index, name in enumerate(raw):
        data = data.replace(f"{index}".ljust(len(name), "_").encode(), name)
    return data


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        (["Núñez", "Grüße"], "cp437"),
        (["Müller", "Jürgen Weiß"], "cp850"),
        (["김민수", "이영희"], "cp949"),
        (["José", "김민수"], "utf-8"),
    ],
)
def test_names_of_an_old_archive_are_read_rightly(place, names, encoding):
    Path("class.zip").write_bytes(packed_by_an_old_program([f"{name}/{NAME}" for name in names], encoding))
    assert set(taken(Path("class.zip"))) == set(names) == set(stored(place))


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        (["山田花子", "田中太郎"], "cp932"),
        (["李四", "王小明"], "gbk"),
        (["Müller", "Weiß"], "cp1252"),
        (["Иван", "Мария"], "cp866"),
        (["김민수", "뷁민"], "cp949"),
    ],
)
def test_an_archive_in_an_encoding_that_cannot_be_told_gives_nobody_another_name(place, names, encoding):
    files = [f"ada/{NAME}", *(f"{name}/{NAME}" for name in names)]
    Path("class.zip").write_bytes(packed_by_an_old_program(files, encoding))
    results = taken(Path("class.zip"))
    assert set(stored(place)) == {"ada"} and len(results) == 3
    assert all(student == "ada" or "is not UTF-8" in result.problem for student, result in results.items())
    Path("bob.zip").write_bytes(packed_by_an_old_program([f"{names[1]}/{NAME}"], encoding))  # there it decides nothing
    assert set(taken(Path("bob.zip"), choice=Choice(student="bob"))) == {"bob"} and "bob" in stored(place)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp949"])
def test_text_is_decoded_rightly_or_not_at_all(encoding):
    assert decode("이름,login\n김민수,min\n".encode(encoding)) == "이름,login\n김민수,min\n"


def test_text_of_western_windows_is_decoded_and_doubt_is_an_error():
    assert decode("Müller;Ñandú".encode("cp1252")) == "Müller;Ñandú"
    with pytest.raises(ValueError, match="UTF-8"):
        decode("login;name\ni;IBÁÑEZ".encode("cp1252"), names=True)  # looks like Hangul, too
    for data in ("äöü".encode("cp1252"), "김똠".encode("cp949")):
        with pytest.raises(ValueError, match="UTF-8"):
            decode(data)


# --- whose is it? ---------------------------------------------------------------------------------------------------


def test_a_name_inside_somebodys_folder_makes_nothing_anothers(place):
    taken(source("in", {f"bob/{NAME}": "bob", f"ada/{NAME}": "ada"}))
    taken(source("late", {f"mallory/bob/{NAME}": "mallory"}))
    assert stored(place) == {"ada": "ada", "bob": "bob", "mallory": "mallory"}
    taken(source("one", {"mallory/bob.zip": packed({f"bob/{NAME}": "again"})}))
    taken(source("two", {f"mallory/bob/{NAME}": "third", f"zoe/ada/{NAME}": "zoe"}))
    assert stored(place) == {"ada": "ada", "bob": "bob", "mallory": "third", "zoe": "zoe"}


@pytest.mark.parametrize(
    "inside",
    [
        {f"bob/{NAME}": "m", f"ada/{NAME}": "m"},
        {f"bob_{NAME}": "m"},
        {f"x/bob/{NAME}": "m", f"x/ada/{NAME}": "m"},
        {f"bob_1_assignsubmission_file_/{NAME}": "m"},
        {f"L_bob_attempt_2026-11-01-10-00-00_{NAME}": "m"},
        {"bob.zip": packed({NAME: "m"})},
    ],
)
def test_an_archive_that_may_be_one_students_replaces_nothing(place, inside, capsys):
    taken(source("in", {f"bob/{NAME}": "bob", f"ada/{NAME}": "ada"}))
    assert cli.main(["collect", "3", str(source("mallory.zip", inside))]) == 1
    assert "`--student NAME`" in capsys.readouterr().out
    assert stored(place) == {"ada": "ada", "bob": "bob"}
    if len(inside) == 1:
        taken(Path("mallory.zip"), choice=Choice(student="mallory"))
        assert stored(place) == {"ada": "ada", "bob": "bob", "mallory": "m"}
    taken(Path("mallory.zip"), choice=Choice(whole_class=True))
    assert stored(place)["bob"] == "m"


def test_an_archive_of_a_student_who_is_known_is_that_students(place, gradebook):
    gradebook.add_student("mallory", first_name="Mal", last_name="Lory")
    for name in ("mallory.zip", "Mal Lory.zip"):
        results = taken(source(name, {f"bob/{NAME}": "m"}))
        assert list(results) == ["mallory"] and stored(place) == {"mallory": "m"}
    # whoever is not in a class list that is there is a class
    taken(source("xyz.zip", {f"bob/{NAME}": "1", f"ada/{NAME}": "1"}))
    taken(source("xyz.zip", {f"bob/{NAME}": "2", f"ada/{NAME}": "2"}))
    assert stored(place) == {"mallory": "m", "ada": "2", "bob": "2"}


def padded(size: int, mark: str = "") -> bytes:
    """Bytes that pack to a little less than a bomb's ratio."""
    return os.urandom(size // 150).hex().encode() + mark.encode() + b" " * size


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (lambda: {f"{'old/' * n}{NAME}": padded(8 * 2**20, str(n)) for n in range(12)}, "several different files"),
        (lambda: {f"{n}.ipynb": padded(8 * 2**20, str(n)) for n in range(10)}, "64 MiB together"),
        (lambda: {NAME: padded(70 * 2**20)}, "larger than 64 MiB"),
    ],
    ids=["different", "many", "large"],
)
def test_what_is_packed_costs_no_memory_before_it_is_taken(place, files, reason):
    path = source("class.zip", {"mallory.zip": packed(files()), f"bob/{NAME}": "bob"})
    tracemalloc.start()
    results = taken(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reason in results["mallory"].problem and stored(place) == {"bob": "bob"}
    assert peak < 50 * 2**20


@pytest.mark.parametrize("size", [100_000, 50 * 2**20])
def test_a_bomb_is_known_by_its_ratio(place, size):
    results = taken(source("class.zip", {f"mallory/{NAME}": b" " * size, f"bob/{NAME}": "bob"}))
    assert "zip bomb" in results["mallory"].problem and stored(place) == {"bob": "bob"}


# --- platforms ------------------------------------------------------------------------------------------------------

PLATFORMS = {
    "moodle": (
        {
            f"Ada Lovelace_20411_assignsubmission_file_/{NAME}": "ada",
            f"José Ñandú_20412_assignsubmission_file/work/{NAME}": "jose",
            f"Zoe O'Keefe_20413_assignsubmission_file_/{NAME}": "zoe",
            "Bob Bodin_20414_assignsubmission_onlinetext_/onlinetext.html": "<p>",
        },
        {"Ada Lovelace": "ada", "José Ñandú": "jose", "Zoe O'Keefe": "zoe"},
        {"Bob Bodin"},
    ),
    "moodle-flat": (
        {f"Ada Lovelace_20411_assignsubmission_file_{NAME}": "ada", f"Bob_2_assignsubmission_file_{NAME}": "bob"},
        {"Ada Lovelace": "ada", "Bob": "bob"},
        set(),
    ),
    "moodle-blind": (
        {f"Participant_20411_assignsubmission_file_/{NAME}": "a", f"Participant_2_assignsubmission_file_/{NAME}": "b"},
        {"Participant 20411": "a", "Participant 2": "b"},
        set(),
    ),
    "canvas": (
        {
            f"lovelaceada_4711_99001_{NAME}": "ada",
            f"lovelaceada_4711_99777_{LESSON.name}-1.ipynb": "newer",
            f"bodinbob_LATE_4712_99002_{NAME}": "bob",
            f"김민수_4713_99003_{LESSON.name}-2.ipynb": "kim",
            f"anon_Ab3dE_99004_{NAME}": "anon",
            f"LATE_anon_Xy3dE_99005_{NAME}": "late",
            "okeefezoe_4714_text.html": "<p>",
        },
        {"4711": "newer", "4712": "bob", "4713": "kim", "anon_Ab3dE": "anon", "anon_Xy3dE": "late"},
        {"4714"},
    ),
    "blackboard": (
        {
            f"Lesson_3_alovelace_attempt_2026-03-01-10-20-30_{NAME}": "old",
            f"Lesson_3_alovelace_attempt_2026-03-02-10-20-30_{NAME}": "ada",
            "Lesson_3_alovelace_attempt_2026-03-02-10-20-30.txt": "Name: Ada",
            "Lesson_3_b_bodin_attempt_2026-03-01-11-20-30_work.zip": packed({NAME: "bob"}),
            "Lesson_3_cyd_attempt_2026-03-01-11-20-30.txt": "Name: Cyd",
        },
        {"alovelace": "ada", "b_bodin": "bob"},
        {"cyd"},
    ),
    "brightspace": (
        {
            f"10012-4711 - Ada Lovelace - Nov 1, 2026 1000 AM/{NAME}": "old",
            f"10012-4711 - Ada Lovelace - Nov 11, 2026 926 PM/{NAME}": "ada",
            f"10013-4711 - Mary-Ann Smith - 1 novembre 2026 10 h 01/{NAME}": "mary",
            f"10015-4711 - Zoe - 2026-11-01 10.01/{NAME}": "zoe",
            "10014-4711 - Cyd - Nov 1, 2026 1001 AM/essay.pdf": "x",
            "index.html": "<html>",
        },
        {"Ada Lovelace": "ada", "Mary-Ann Smith": "mary", "Zoe": "zoe"},
        {"Cyd"},
    ),
    "google": (
        {f"Ada Lovelace - {NAME}": "ada", f"Bob Bodin - Copy of {NAME}": "bob"},
        {"Ada Lovelace": "ada", "Bob Bodin": "bob"},
        set(),
    ),
    "github": (
        {
            f"lesson-3-submissions/lesson-3-ada/{NAME}": "ada",
            f"lesson-3-submissions/lesson-3-ada-l/notebooks/{NAME}": "ada-l",
            "lesson-3-submissions/lesson-3-ada/.git/config": "x",
        },
        {"ada": "ada", "ada-l": "ada-l"},
        set(),
    ),
}


@pytest.mark.parametrize("kind", ["folder", "zip", "wrapped"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_platforms_download_is_recognised(place, platform, kind):
    files, expected, left = PLATFORMS[platform]
    if kind == "wrapped" and platform != "github":
        files = {f"course 1/{name}": content for name, content in files.items()}
    results = taken(source("download" if kind == "folder" else "download.zip", files))
    assert stored(place) == expected
    assert {student for student, result in results.items() if result.problem} == left
    said = taken(
        Path("download" if kind == "folder" else "download.zip"), choice=Choice(platform=platform.split("-")[0])
    )
    assert set(said) == set(results)


@pytest.mark.parametrize("wrong", ["moodle", "canvas", "google", "github"])
def test_the_wrong_platform_has_the_right_one_named(place, wrong):
    files, _, _ = PLATFORMS["brightspace"]
    with contextlib.ExitStack() as stack:
        if wrong == "github":
            hint = stack.enter_context(pytest.raises(CourseError))
        results = collect(LESSON, [source("download", files)], Choice(platform=wrong))
    problems = [str(hint.value)] if wrong == "github" else [result.problem for result in results]
    assert all("Brightspace does: `--from brightspace`" in problem for problem in problems) and not stored(place)


def test_a_download_with_other_files_in_it_keeps_its_names(place):
    files = dict(PLATFORMS["moodle"][0]) | {"notes.txt": "mine"}
    results = taken(source("moodle.zip", files))
    assert "Moodle does not name" in results["notes.txt"].problem and stored(place) == PLATFORMS["moodle"][1]


def test_the_later_upload_counts_in_two_downloads_too(place):
    taken(source("canvas.zip", {f"lovelaceada_4711_99001_{NAME}": "old", f"bodinbob_4712_99002_{NAME}": "bob"}))
    taken(source("canvas-resubmitted.zip", {f"lovelaceada_4711_99777_{LESSON.name}-1.ipynb": "new"}))
    assert stored(place) == {"4711": "new", "4712": "bob"}


def test_the_last_attempt_counts_whatever_its_ending(place):
    start = "L_ada_attempt_2026-11-0"
    files = {f"{start}1-10-00-00_{NAME}": "old", f"{start}2-10-00-00_{NAME}.txt": RELEASE.read_bytes()}
    taken(source("blackboard.zip", files | {f"{start}3-10-00-00_{LESSON.name}.txt": "I could not finish."}))
    assert stored(place) == {"ada": RELEASE.read_text()}


def test_a_number_before_the_lesson_is_the_instructors_and_not_canvas(place):
    names = ("20261234", "kim_2026", "lee_2026")
    taken(source("class.zip", {f"{name}_{NAME}": name for name in names}))
    assert stored(place) == {name: name for name in names}


def test_two_people_of_one_name_are_not_one(place):
    files = {f"Kim Minsu_{n}_assignsubmission_file_/{NAME}": str(n) for n in (1, 2)}
    results = collect(LESSON, [source("moodle.zip", files | {f"Ada_3_assignsubmission_file_/{NAME}": "ada"})])
    assert sum("cannot be told apart" in result.problem for result in results) == 2 and stored(place) == {"Ada": "ada"}
    Path("class.csv").write_text(
        "Identifier,Full name,Email address\nParticipant 1,Kim Minsu,k1@x\nParticipant 2,Kim Minsu,k2@x\n"
    )
    results = collect(LESSON, [Path("moodle.zip")], class_list=Path("class.csv"))
    assert stored(place) == {"Ada": "ada", "k1@x": "1", "k2@x": "2"}


@pytest.mark.parametrize("name", ["Kim Minsu_{}_assignsubmission_file_", "{}-4711 - Kim Minsu - Nov 1, 2026 1000 AM"])
def test_two_people_of_one_name_are_not_one_in_two_calls_either(place, gradebook, name):
    first, second = (source(f"{n}/in", {f"{name.format(n)}/{NAME}": f"{n}"}) for n in (1, 2))
    for _ in range(2):  # also where the gradebook has graded the first
        assert not taken(first)["Kim Minsu"].problem
        problem = taken(second)["Kim Minsu"].problem
        assert "as number 1 of the platform, and this is number 2" in problem and "`--student NAME`" in problem
        assert stored(place) == {"Kim Minsu": "1"}
        gradebook.update_or_create_student("Kim Minsu")
    taken(source("1/in", {f"{name.format(1)}/{NAME}": "again"}))
    taken(second, choice=Choice(student="Minsu Kim"))
    assert stored(place) == {"Kim Minsu": "again", "Minsu Kim": "2"}
    gradebook.update_or_create_student("Kim Minsu", first_name="Minsu", last_name="Kim")  # there is one in the class
    taken(second)
    assert stored(place)["Kim Minsu"] == "2"


def test_what_a_class_list_does_not_tell_apart_has_a_remedy_that_does(place):
    files = {f"Kim Minsu_{n}_assignsubmission_file_/{NAME}": str(n) for n in (1, 2)}
    Path("class.csv").write_text("login,name\nk1,Kim Minsu\nk2,Kim Minsu\nada,Ada\n")
    moodle = source(
        "moodle.zip", files | {f"Ada_3_assignsubmission_file_/{NAME}": "ada", "Eve_4_assignsubmission_file_/": ""}
    )
    results = collect(LESSON, [moodle], class_list=Path("class.csv"))
    problem = "the class list does not say whether this is Kim Minsu (k1) or Kim Minsu (k2); `--student NAME` does"
    assert sorted(result.problem for result in results) == ["", "not in the roster", problem, problem]
    assert "Eve" in {result.place for result in results}
    results = collect(LESSON, [moodle])
    assert sum("Moodle's grading worksheet" in result.problem for result in results) == 2


def test_two_people_of_one_name_in_google_classroom_are_both_refused(place):
    files = {f"Kim Minsu - {NAME}": "one", f"Kim Minsu - {LESSON.name} (1).ipynb": "two", f"Ada - {NAME}": "ada"}
    results = taken(source("google.zip", files))
    assert stored(place) == {"Ada": "ada"} and "two people's" in results["Kim Minsu"].problem
    files[f"Kim Minsu - {LESSON.name} (1).ipynb"] = "one"
    taken(source("same.zip", files))
    assert stored(place) == {"Ada": "ada", "Kim Minsu": "one"}


def test_moodles_worksheet_knows_who_is_in_a_group(place):
    files = {f"Group A-Kim-Lee Minsu_{n}_assignsubmission_file_/{NAME}": str(n) for n in (1, 2)}
    Path("class.csv").write_text(
        "Identifier,Full name,Email address\nParticipant 1,Minsu,k1@x\nParticipant 2,Ada,k2@x\n"
    )
    taken(source("moodle.zip", files), class_list=Path("class.csv"))
    assert stored(place) == {"k1@x": "1", "k2@x": "2"}


@pytest.mark.parametrize(
    ("titles", "hidden"),
    [
        ("Identifier,Full name,Email address", "Participant "),
        ("ID,Vollständiger Name,E-Mail-Adresse", "Teilnehmer/in"),
        ("Identifiant,Nom complet,Adresse de courriel", "Participant"),
        ("Identificador,Nombre completo,Dirección de correo", "Participante"),
    ],
)
def test_moodles_worksheet_may_be_in_another_language(place, titles, hidden):
    files = {f"A-{name}_{n}_assignsubmission_file_/{NAME}": name for n, name in enumerate(("Ada", "Kim", "Kim"), 1)}
    moodle = source("moodle.zip", files)
    Path("class.csv").write_text(f"{titles}\n{hidden}1,Ada,a@x\n{hidden}2,Kim,k2@x\n{hidden}3,Kim,k3@x\n")
    taken(moodle, class_list=Path("class.csv"))
    assert stored(place) == {"a@x": "Ada", "k2@x": "Kim", "k3@x": "Kim"}
    Path("class.csv").write_text(f"{','.join(titles.split(',')[:2])}\n{hidden}1,Ada\n{hidden}2,Kim\n{hidden}3,Kim\n")
    results = collect(LESSON, [moodle], class_list=Path("class.csv"))  # of a teacher who may not see addresses
    assert stored(place)["Ada"] == "Ada" and sum("`--student NAME` does" in each.problem for each in results) == 2


@pytest.mark.parametrize(("word", "hidden"), [("Participant", "Participant "), ("Teilnehmerin", "Teilnehmer/in")])
def test_a_hidden_name_is_nobodys_without_its_number(place, word, hidden):
    for number in (1, 2):
        files = {f"{word}_{number}_assignsubmission_file_/{NAME}": str(number)}
        collect(LESSON, [source("moodle.zip", files)], Choice(platform="moodle"))
    assert stored(place) == {f"{word} {number}": str(number) for number in (1, 2)}
    Path("class.csv").write_text(f"ID,Status\n{hidden}2,-\n")
    assert list(taken(Path("moodle.zip"), class_list=Path("class.csv"))) == [f"{word} 2"]


def test_own_names_as_for_nbgraders_zip_collect(place):
    pattern = r".*_(?P<student_id>\w+)_on_(?P<timestamp>[0-9\-]+)_(?P<file_id>\w+)"
    files = {
        f"sheet_ada_on_2026-11-09-10-00-00_{NAME}": "ada",
        f"in/sheet_bob_on_2026-11-09-10-00-00_{NAME}": "bob",
        "sheet_cyd.ipynb": "x",
    }
    results = taken(source("in", files), choice=Choice(names=pattern))
    assert stored(place) == {"ada": "ada", "bob": "bob"} and results["sheet_cyd.ipynb"].problem
    assert results["ada"].time == datetime.datetime(2026, 11, 9, 10)
    colon = source("colon.zip", {f"dan 2026-11-09 10:00/{NAME}": "dan"})
    assert not taken(colon, choice=Choice(names=r"(?P<student_id>\w+) (?P<timestamp>[^/]+)/"))["dan"].problem
    taken(source("x", {f"g1/cyd/a/{NAME}": "cyd"}), choice=Choice(names=r"g1/(?P<student_id>[^/]+)/"))
    assert stored(place)["cyd"] == "cyd"
    for wrong in ("(", r"(?P<file_id>.*)"):
        with pytest.raises(CourseError, match="--names"):
            collect(LESSON, [Path("in")], Choice(names=wrong))


def test_github_needs_the_assignments_name(place):
    with pytest.raises(CourseError, match="ASSIGNMENT-submissions"):
        collect(LESSON, [source("repos", {f"lesson-3-ada/{NAME}": "ada"})], Choice(platform="github"))


# --- with a class list ----------------------------------------------------------------------------------------------

ROSTER = """Student,ID,SIS User ID,SIS Login ID,Email
"Lovelace, Ada",4711,S1,ada,a.lovelace@uni.example
"Ñandú, José",4712,S2,jose,jose@uni.example
"O'Keefe, Zoe",4713,S3,zoe,zoe@uni.example
"김, 민수",4714,S4,minsu,minsu@uni.example
"""


@pytest.mark.parametrize(
    "name",
    [
        "Ada Lovelace_20411_assignsubmission_file_/@",
        "lovelaceada_4711_99001_@",
        "lovelaceada_999_99001_@",
        "L_ada_attempt_2026-03-01-10-20-30_@",
        "10012-1 - ADA LOVELACE - Nov 1, 2026 1000 AM/@",
        "Lovelace, Ada/@",
        "S1/@",
        "a.lovelace/@",
        "ada/@",
        "Ada Lovelace - @",
    ],
)
def test_names_logins_and_numbers_meet_in_the_class_list(place, name):
    Path("class.csv").write_text(ROSTER)
    results = taken(source("download", {name.replace("@", NAME): "ada"}), class_list=Path("class.csv"))
    assert list(results) == ["ada"] and stored(place) == {"ada": "ada"}


def test_a_number_of_the_platforms_is_nobodys_student_number(place):
    Path("class.csv").write_text('Student number,Name\n4711,"Bodin, Bob"\n1001,"Lovelace, Ada"\n')
    files = {f"lovelaceada_4711_99001_{NAME}": "ada", f"bodinbob_4712_99002_{NAME}": "bob"}
    taken(source("canvas.zip", files), class_list=Path("class.csv"))
    assert stored(place) == {"1001": "ada", "4711": "bob"}


def test_who_has_handed_in_keeps_the_name_when_the_class_list_changes(place):
    taken(source("in", {f"ada/{NAME}": "old", f"Bob Bodin/{NAME}": "old"}))
    Path("class.csv").write_text("login,student number,name\nalovelace,ada,Ada\nbob,2,Bob Bodin\ncyd,3,Cyd\n")
    again = source("again", {f"alovelace/{NAME}": "ada", f"bob/{NAME}": "bob", f"3/{NAME}": "cyd"})
    taken(again, class_list=Path("class.csv"))
    assert stored(place) == {"ada": "ada", "Bob Bodin": "bob", "cyd": "cyd"}


def test_two_people_with_one_identifier_in_the_class_list_are_not_one_student(place):
    Path("class.csv").write_text('name,email\n"Lovelace, Ada",office@x\n"Bodin, Bob",office@x\n"Noe, Cyd",cyd@x\n')
    names = ("lovelaceada_1_1", "bodinbob_2_2", "noecyd_3_3")
    results = collect(
        LESSON, [source("canvas.zip", {f"{name}_{NAME}": name for name in names})], class_list=Path("class.csv")
    )
    assert sum("does not say whether this is" in result.problem for result in results) == 2
    assert stored(place) == {"cyd@x": "noecyd_3_3"}


def test_who_is_not_in_the_class_list_is_named_with_near_names(place):
    Path("class.csv").write_text(ROSTER)
    files = {
        f"Zoe OKeefe/{NAME}": "zoe",
        f"Jose Nandu/{NAME}": "jose",
        f"민수 김/{NAME}": "kim",
        f"Zoë Okefe/{NAME}": "x",
    }
    results = taken(source("in", files), class_list=Path("class.csv"))
    assert stored(place) == {"zoe": "zoe", "jose": "jose", "minsu": "kim"}
    assert "not in the roster" in results["Zoë Okefe"].problem and "(zoe)" in results["Zoë Okefe"].problem


def test_a_folder_called_as_half_an_address_of_the_gradebook_is_nobodys(place, gradebook):
    gradebook.add_student("s1", first_name="Ada", last_name="Lovelace", email="late@uni.example")
    taken(source("late", {f"s1/{NAME}": "same", f"s2/{NAME}": "same"}))
    assert set(stored(place)) == {"s1", "s2"}


def test_the_gradebooks_people_are_a_class_list_too(place, gradebook):
    gradebook.add_student("ada", first_name="Ada", last_name="Lovelace", lms_user_id="4711")
    taken(source("canvas.zip", {f"lovelaceada_4711_1_{NAME}": "ada", f"x_9_2_{NAME}": "x"}))
    taken(source("moodle.zip", {f"Ada Lovelace_1_assignsubmission_file_/{NAME}": "ada"}))
    assert stored(place) == {"ada": "ada", "9": "x"}
    # who is only like somebody in it is not taken for that person
    gradebook.add_student("adele", email="bob@uni.example")
    taken(source("in", {f"bob/{NAME}": "bob"}))
    assert stored(place)["bob"] == "bob"
    # who is in both is called as in the gradebook, where the marks are
    gradebook.add_student("2007", email="cyd@uni.example")
    Path("class.csv").write_text("login,email\ncyd,cyd@uni.example\n")
    taken(source("new", {f"cyd/{NAME}": "cyd"}), class_list=Path("class.csv"))
    assert stored(place)["2007"] == "cyd" and "cyd" not in stored(place)


# --- when was it handed in? -----------------------------------------------------------------------------------------


def test_the_hour_of_collecting_is_never_the_hour_of_handing_in(place):
    taken(source("in", {f"ada/{NAME}": "ada"}))
    assert time_of(place, "ada") == ""
    taken(source("exchange", {f"ada/{NAME}": "ada", "ada/timestamp.txt": "2026-11-01 11:00:00 +0100"}))
    assert time_of(place, "ada") == "2026-11-01 10:00:00.000000 UTC\n"
    taken(source("again", {f"ada/{NAME}": "ada"}))  # the same file, and no word about its time
    assert time_of(place, "ada") == "2026-11-01 10:00:00.000000 UTC\n"
    taken(source("newer", {f"ada/{NAME}": "newer", "ada/timestamp.txt": "yesterday"}))
    assert time_of(place, "ada") == ""


def test_no_student_says_when_something_was_handed_in(place):
    early = "2020-01-01 00:00 UTC"
    moodle = {f"Ada_1_assignsubmission_file_/{NAME}": "ada", "Ada_1_assignsubmission_file_/timestamp.txt": early}
    results = taken(source("moodle.zip", moodle))
    assert any("`timestamp.txt` was left out" in note for note in results["Ada"].notes)
    packed_too = packed({NAME: "bob", "timestamp.txt": early})
    taken(source("canvas.zip", {"bob_LATE_1_2_work.zip": packed_too, f"cyd_3_4_{NAME}": "cyd"}))
    taken(source("lesson-3-submissions", {f"lesson-3-dan/{NAME}": "dan", "lesson-3-dan/timestamp.txt": early}))
    assert set(stored(place)) == {"Ada", "1", "3", "dan"}
    assert not [student for student in stored(place) if time_of(place, student)]


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_platforms_and_instructors_know_the_time(berlin, place):
    files = {f"L_ada_attempt_2026-11-01-10-00-00_{NAME}": "ada", f"L_bob_attempt_2026-07-01-10-00-00_{NAME}": "bob"}
    taken(source("blackboard.zip", files))
    assert time_of(place, "ada").startswith("2026-11-01 09:00") and time_of(place, "bob").startswith("2026-07-01 08:00")
    taken(Path("blackboard.zip"), choice=Choice(received="2026-11-02 12:00 UTC"))
    assert time_of(place, "ada").startswith("2026-11-02 12:00")
    taken(source("google.zip", {f"Zoe - {NAME}": "zoe"}))
    assert time_of(place, "Zoe") == ""
    taken(Path("google.zip"), choice=Choice(received="dates"))
    assert time_of(place, "Zoe").startswith("2026-11-01 09:00")
    note = "`1 novembre 2026 10 h 01` is not read as a time; when it was handed in is not known."
    assert note in taken(source("brightspace", PLATFORMS["brightspace"][0]))["Mary-Ann Smith"].notes
    with pytest.raises(CourseError, match="has no year"):
        collect(LESSON, [Path("google.zip")], choice=Choice(received="last week"))


def test_one_line_says_who_is_late_and_why(place, gradebook, capsys, monkeypatch):
    gradebook.add_student("ext")
    submission = gradebook.add_submission(LESSON.name, "ext")
    submission.extension = datetime.timedelta(days=3)
    gradebook.db.commit()
    files = {
        f"L_ada_attempt_2026-11-09-10-00-00_{NAME}": "x",
        f"L_bob_attempt_2026-11-11-10-00-00_{NAME}": "x",
        f"L_ext_attempt_2026-11-11-10-00-00_{NAME}": "x",
    }
    assert cli.main(["collect", "3", str(source("blackboard.zip", files)), "--class"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "due date" in line]
    assert "Late: 1 of 3, by the platform's name for it: bob." in line
    assert cli.main(["collect", "3", str(source("again", {f"bob/{NAME}": "x"}))]) == 0  # the same, without a time
    assert "Late: 1 of 1, by what was known before: bob." in capsys.readouterr().out
    canvas = source("canvas.zip", {f"zoe_LATE_1_2_{NAME}": "zoe"})
    assert cli.main(["collect", "3", str(canvas)]) == 0
    line = capsys.readouterr().out
    assert (
        "Late: 0 of 1. 1 without a known time counts as on time" in line and "marks as late, without a time: 1." in line
    )
    gradebook.update_or_create_assignment(LESSON.name, duedate="2999-01-01 12:00:00 UTC")
    assert cli.main(["collect", "3", str(canvas)]) == 0 and "due date" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01-10-20-30", "2026-03-01 10:20:30"),
        ("Sep 24, 2024 926 PM", "2024-09-24 21:26:00"),
        ("1 November 2026 1426", "2026-11-01 14:26:00"),
        ("2026-11-01 10:00:00.5 UTC", "2026-11-01 10:00:00.500000"),
        ("2026-11-01T10:00:00+02:00", "2026-11-01 08:00:00"),
        ("2026-11-01T10:00-05:00", "2026-11-01 15:00:00"),
        ("2026-11-01 10:00-05", "2026-11-01 15:00:00"),
        ("2026-11-01 12:00 CET", "2026-11-01 11:00:00"),
        ("2026-07-01 12:00 CEST", "2026-07-01 10:00:00"),
        ("2026-07-01 12:00 Europe/Berlin", "2026-07-01 10:00:00"),
        ("2026-11-01 12:00 GMT+2", "2026-11-01 10:00:00"),
        ("10.11.2026 12:00 UTC", "2026-11-10 12:00:00"),
        ("11/25/2026 12:00 UTC", "2026-11-25 12:00:00"),
        ("25/11/2026 12:00 UTC", "2026-11-25 12:00:00"),
        ("Nov 1, 2026 11.59 PM", "2026-11-01 23:59:00"),
    ],
)
def test_times_are_read_as_platforms_write_them(text, expected, berlin):
    assert str(times.read(text, local=False)) == expected


@pytest.mark.parametrize("text", ["2026-10-25 02:30", "2026-03-29 02:30"])
def test_an_hour_that_is_twice_or_never_on_a_clock_is_a_time(text, berlin):
    assert times.read(text).hour in (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "10:00", "\0", "9" * 20, "2026-13-45 99:99", "2026-11-01 12:00 XYZ", "10/11/2026 12:00"),
        *("2026", "2026-11", "November 2026 10:00", "10.11.26 2359", "10/11/26 2359"),
    ],
)
def test_a_text_that_is_not_a_time_is_an_error(text):
    with pytest.raises(ValueError):
        times.read(text)


# --- nbgrader's exchange --------------------------------------------------------------------------------------------


def hand_in(place: Path, student: str, when: str, text: str) -> None:
    """What `nbgrader submit` puts into the exchange."""
    folder = place / "classroom" / "exchange" / "transformer" / "inbound" / f"{student}+{LESSON.name}+{when}+x"
    folder.mkdir(parents=True)
    (folder / NAME).write_text(text)
    (folder / "timestamp.txt").write_text(when)
    (folder / "submission_secret.txt").write_text(f"secret of {student}")


def test_the_newest_in_the_exchange_is_collected_and_feedback_goes_back(place, gradebook, capsys):
    (place / "classroom" / "exchange" / "transformer" / "inbound").mkdir(parents=True)
    assert cli.main(["collect", "3"]) == 0 and "0 of 0 submissions" in capsys.readouterr().out
    hand_in(place, "ada", "2026-11-01 10:00:00 UTC", "first")
    hand_in(place, "bob", "2026-11-11 10:00:00 UTC", "bob")
    assert cli.main(["collect", "3"]) == 0
    out = capsys.readouterr().out
    assert "2 of 2 submissions" in out and "Late: 1 of 2, by timestamp.txt: bob." in out
    hand_in(place, "ada", "2026-11-09 10:00:00 UTC", "second")
    assert cli.main(["collect", "3"]) == 0 and "ada: replaces an earlier submission" in capsys.readouterr().out
    assert stored(place) == {"ada": "second", "bob": "bob"} and time_of(place, "ada").startswith("2026-11-09 10:00")
    assert [file.read_text() for file in (place / "classroom" / "collected").rglob(NAME)] == ["first"]

    taken(source("class.zip", {f"zoe/{NAME}": "zoe", "zoe/submission_secret.txt": "bob's?"}))
    for student in stored(place):
        page = place / "classroom" / "feedback" / student / LESSON.name / f"{LESSON.name}.html"
        page.parent.mkdir(parents=True)
        page.write_text(f"feedback for {student}")
    run = classroom.nbgrader("release_feedback", LESSON.name)
    assert "nothing can be fetched there: zoe" in run.stderr
    for student in ("ada", "bob"):
        page = utils.notebook_hash(secret=f"secret of {student}", notebook_id=LESSON.name)
        released = place / "classroom" / "exchange" / "transformer" / "feedback" / f"{page}.html"
        assert released.read_text() == f"feedback for {student}"
    assert len(list(released.parent.iterdir())) == 2


@pytest.mark.parametrize("made", [False, True], ids=["no folder", "an empty one"])
def test_an_exchange_that_cannot_be_used_is_one_reason_with_the_remedy(place, gradebook, capsys, monkeypatch, made):
    if made:
        (place / "nowhere" / "exchange").mkdir(parents=True)
    monkeypatch.setenv("COURSE_EXCHANGE", str(place / "nowhere" / "exchange"))
    assert cli.main(["collect", "3"]) == 2
    said = capsys.readouterr().err
    assert "There is no exchange: " in said and "nowhere" in said and "course collect" in said and "failed" not in said


# --- a disk that is full --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["write", "rename"])
def test_a_submission_that_cannot_be_stored_leaves_the_earlier_one(place, monkeypatch, step):
    taken(source("in", {f"ada/{NAME}": "first", f"bob/{NAME}": "first"}))

    def full(first, *others):
        if "ada" in str(first) or "new" in str(first):
            raise OSError(28, "No space left on device")
        return real(first, *others)

    where = store.notebooks if step == "write" else store.os
    real = getattr(where, step)
    monkeypatch.setattr(where, step, full)
    results = taken(source("later", {f"ada/{NAME}": "second", f"bob/{NAME}": "second", f"newcomer/{NAME}": "x"}))
    assert "newcomer" not in {path.name for path in (place / "classroom" / "submitted").iterdir()}
    assert results["ada"].problem == "it could not be stored: No space left on device"
    assert stored(place) == {"ada": "first", "bob": "second"}
    assert not list((place / "classroom" / "submitted").glob("*/.*"))
