"""Grades for other gradebooks, and names against a roster."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from test_report import ALL, record

from autograde.cli import main
from autograde.course.errors import CourseError
from autograde.course.lessons import find_lesson
from autograde.grading.records import course as courses
from autograde.grading.records import results
from autograde.grading.records.gradebook import Writer
from autograde.instructor import classroom, roster
from autograde.instructor.report.tables import neutral
from conftest import submit

LESSON = find_lesson("3").name
FULL = float(sum(one.points for one in ALL))
CLASS = """Student,ID,SIS User ID,SIS Login ID,Section,03_single_head (4711),Homework (12)
    Points Possible,,,,,24,10
"Lovelace, Ada",1,S1,ada,Group A,,
"Bodin, Bob",2,S2,bob@uni.example,Group B,,
"Nobody, Ned",3,S3,ned,Group B,,
"Student, Test",9,,f00,Group A,,
"""


@pytest.fixture
def graded(classroom_3):
    """A gradebook in which ada has all points and bob came late, with nbgrader's penalty of two points."""
    config = classroom_3 / "nbgrader_config.py"
    plugin = "import nbgrader.plugins as p\nclass Late(p.BasePlugin):\n"
    plugin += "    def late_submission_penalty(self, student_id, score, seconds):\n        return 2.0\n"
    (classroom_3 / "lateness.py").write_text(plugin)
    config.write_text(config.read_text() + '\nc.AssignLatePenalties.plugin_class = "lateness.Late"\n')
    with Gradebook(f"sqlite:///{classroom_3 / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        gradebook.update_or_create_assignment(LESSON, duedate="2026-03-01 12:00:00 UTC")
    return classroom_3


def write(root: Path, students: dict[str, dict]) -> None:
    course = courses.load()
    with Writer(course, LESSON) as writer:
        for student, options in students.items():
            submit(root, find_lesson("3"), student)
            late = options.pop("late", False)
            one = record(student, **options)
            one = results.replace(one, submitted=datetime.datetime(2026, 3, 2 if late else 1, 10))
            writer.save_notebook(one, (course.submitted(student, LESSON) / f"{LESSON}.ipynb").read_text())
            writer.write(one)


def rows_of(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def test_late_penalties_of_nbgrader_are_in_every_export(graded, monkeypatch):
    monkeypatch.syspath_prepend(str(graded))
    write(graded, {"ada": {}, "bob": {"late": True}})
    for kind, column in (("csv", "score"), ("canvas", LESSON), ("moodle", LESSON)):
        assert main(["export", "--format", kind]) == 0
        name = "grades.csv" if kind == "csv" else f"grades-{kind}.csv"
        header, *rows = rows_of(graded / "classroom" / "export" / name)
        scores = [row[header.index(column)] for row in rows if {"ada", "bob"} & set(row)]
        assert sorted(map(float, scores)) == [FULL - 2, FULL]


def test_the_csv_is_nbgraders_own(graded, monkeypatch):
    monkeypatch.syspath_prepend(str(graded))
    write(graded, {"ada": {}, "bob": {"late": True, "wrong": {"softmax": None}}})
    with Gradebook(f"sqlite:///{graded / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        gradebook.add_student("zoe", first_name="Zoë", last_name="Zett", email="zoe@uni.example")
    assert main(["export"]) == 0
    classroom.nbgrader("export", f"--to={graded / 'theirs.csv'}")
    mine, theirs = rows_of(graded / "classroom" / "export" / "grades.csv"), rows_of(graded / "theirs.csv")
    assert mine[0] == theirs[0]

    def values(rows):
        return sorted([float(cell) if index > 6 else cell for index, cell in enumerate(row)] for row in rows[1:])

    assert values(mine) == values(theirs)


def test_canvas_gets_its_columns_with_numbers_and_sections(classroom_3):
    write(classroom_3, {"ada": {}, "bob": {"wrong": {"softmax": None}}})
    (classroom_3 / "class.csv").write_text(CLASS)
    assert main(["export", "--format", "canvas", "--roster", "class.csv", "--out", "canvas.csv"]) == 0
    header, points, *rows = rows_of(classroom_3 / "canvas.csv")
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", f"{LESSON} (4711)"]
    assert points[0].strip() == "Points Possible" and float(points[5]) == FULL
    assert rows[0][:5] == ["Lovelace, Ada", "1", "S1", "ada", "Group A"] and float(rows[0][5]) == FULL
    assert rows[1][3] == "bob@uni.example" and float(rows[1][5]) == FULL - ALL[0].points
    assert rows[2] == ["Nobody, Ned", "3", "S3", "ned", "Group B", ""], "no submission: no number is invented"
    assert len(rows) == 3, "the test student is nobody"


def test_moodle_gets_identifiers_and_one_column_for_each_lesson(classroom_3):
    write(classroom_3, {"ada": {}})
    lines = "Vorname;First name;Surname;ID number;Email address;Username\nx;Ada;Lovelace;S1;ada@uni.example;ada\n"
    (classroom_3 / "class.csv").write_bytes(lines.encode("utf-16"))
    assert main(["export", "--format", "moodle", "--roster", "class.csv"]) == 0
    header, row = rows_of(classroom_3 / "classroom" / "export" / "grades-moodle.csv")
    assert header == ["First name", "Last name", "ID number", "Email address", "Username", LESSON]
    assert row[:5] == ["Ada", "Lovelace", "S1", "ada@uni.example", "ada"] and float(row[5]) == FULL


def test_nothing_is_written_where_a_grade_would_be_lost(classroom_3, capsys):
    write(classroom_3, {"ada": {}, "bod": {}})
    (classroom_3 / "class.csv").write_text(CLASS)
    command = ["export", "--format", "canvas", "--roster", "class.csv", "--out", "canvas.csv"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "not in the roster: bod" in said and "Bodin, Bob" in said and "no submission: Nobody, Ned" in said
    assert not (classroom_3 / "canvas.csv").exists()
    assert main([*command, "--allow-missing"]) == 0
    assert [row[0] for row in rows_of(classroom_3 / "canvas.csv")[2:]] == ["Lovelace, Ada", "Bodin, Bob", "Nobody, Ned"]


def test_who_fits_twice_gets_no_grade_of_another(classroom_3, capsys):
    write(classroom_3, {"ada": {}, "S1": {}})
    (classroom_3 / "class.csv").write_text(CLASS)
    assert main(["export", "--roster", "class.csv", "--out", "grades.csv", "--allow-missing"]) == 2
    assert "S1 and ada are both Lovelace, Ada" in capsys.readouterr().err
    assert not (classroom_3 / "grades.csv").exists()


def test_a_roster_says_what_it_lacks(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("Shoe size,Name\n42,Ada\n")
    with pytest.raises(CourseError, match=r"Shoe size, Name.*login"):
        roster.read(file)
    file.write_text("")
    with pytest.raises(CourseError, match="empty"):
        roster.read(file)
    with pytest.raises(CourseError, match="could not be read"):
        roster.read(tmp_path / "none.csv")
    file.write_text("login,name\nada,Ada\nADA,Adele\nada2,Bea\n")
    assert "stands in the rows 2 and 3" in roster.check(roster.read(file), ["ada2"]).ambiguous[0]


def test_an_identifier_wins_over_the_beginning_of_somebody_elses_address(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("login,email,name\nada,x@uni.example,Ada\nadele,ada@uni.example,Adele\n")
    checked = roster.check(roster.read(file), ["ada", "adele"])
    assert {student: entry.name for student, entry in checked.found.items()} == {"ada": "Ada", "adele": "Adele"}
    assert not checked.ambiguous and not checked.without


def test_a_text_that_is_a_formula_is_no_formula(classroom_3):
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "＝1"]
    assert [neutral(text) for text in formulas] == [f"'{text}" for text in formulas]
    assert neutral(-1.5) == "-1.5" and neutral("a=1") == "a=1"
    write(classroom_3, {"ada": {}})
    (classroom_3 / "class.csv").write_text("login,name\nada,=1+1\n")
    assert main(["export", "--format", "canvas", "--roster", "class.csv", "--out", "c.csv"]) == 0
    assert rows_of(classroom_3 / "c.csv")[2][0] == "'=1+1"
