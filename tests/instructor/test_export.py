"""Grades for other gradebooks, and names against a roster."""

from __future__ import annotations

import csv
import datetime
import errno
import re
import sqlite3
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbgrader.api import Gradebook
from test_report import ALL, record

from autograde.cli import main
from autograde.course.errors import CourseError
from autograde.course.lessons import find_lesson
from autograde.grading.records import course as courses
from autograde.grading.records import results
from autograde.grading.records.gradebook import Writer
from autograde.instructor import classroom, roster
from autograde.instructor.report import grades
from autograde.instructor.report.tables import neutral, write_csv
from conftest import submit

LESSON = find_lesson("3").name
FULL = float(sum(exercise.points for exercise in ALL))
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
            graded = record(student, **options)
            graded = results.replace(graded, submitted=datetime.datetime(2026, 3, 2 if late else 1, 10))
            writer.save_notebook(graded, (course.submitted(student, LESSON) / f"{LESSON}.ipynb").read_text())
            writer.write(graded)


def rows_of(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


@pytest.mark.parametrize(("out", "file"), [("new/", "new/grades.csv"), ("new", "new/grades.csv"), ("a.csv", "a.csv")])
def test_a_path_without_an_ending_is_a_folder(classroom_3, tmp_path, out, file):
    write(classroom_3, {"ada": {}})
    assert main(["export", "--out", f"{tmp_path}/{out}"]) == 0
    assert "ada" in rows_of(tmp_path / file)[1]


@pytest.mark.parametrize(
    "file", ["class.csv", "canvas.csv", "latin.csv", "empty.csv", "classroom/gradebook.db", "nbgrader_config.py"]
)
def test_what_is_no_file_of_grades_is_never_replaced(classroom_3, capsys, file):
    write(classroom_3, {"ada": {}})
    (classroom_3 / "class.csv").write_text("login\nada\n")
    (classroom_3 / "canvas.csv").write_text(CLASS)
    (classroom_3 / "latin.csv").write_bytes("Anmeldename;Größe\n".encode("latin-1"))
    (classroom_3 / "empty.csv").touch()
    before = (classroom_3 / file).read_bytes()
    assert main(["export", "--roster", "class.csv", "--out", file]) == 2
    assert "Say another place" in capsys.readouterr().err and (classroom_3 / file).read_bytes() == before


def test_a_class_list_with_the_columns_of_an_export_is_not_replaced(classroom_3, capsys):
    write(classroom_3, {"ada": {}})
    own = f"Student,ID,SIS User ID,SIS Login ID,Section,{LESSON} (4711)\n"
    (classroom_3 / "canvas.csv").write_text(f"{own}Ada,1,S1,ada,A,\n")
    before = (classroom_3 / "canvas.csv").read_bytes()
    assert main(["export", "--format", "canvas", "--roster", "canvas.csv", "--out", "canvas.csv"]) == 2
    assert "Say another place" in capsys.readouterr().err and (classroom_3 / "canvas.csv").read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--format", "moodle"], ["--format", "canvas", "--roster", "canvas.csv"]])
def test_an_earlier_export_is_replaced(classroom_3, capsys, options):
    write(classroom_3, {"ada": {}})
    (classroom_3 / "canvas.csv").write_text(CLASS)
    for _ in range(2):
        assert main(["export", "--out", "mine.csv", *options]) == 0
    assert main(["export", "--out", "mine.csv"]) == 0
    assert "ada" in rows_of(classroom_3 / "mine.csv")[1]


def test_late_penalties_of_nbgrader_are_in_every_export(graded, monkeypatch):
    monkeypatch.syspath_prepend(str(graded))
    write(graded, {"ada": {}, "bob": {"late": True}})
    for kind, column in (("csv", "score"), ("canvas", LESSON), ("moodle", LESSON)):
        assert main(["export", "--format", kind]) == 0
        name = "grades.csv" if kind == "csv" else f"grades-{kind}.csv"
        header, *rows = rows_of(graded / "classroom" / "export" / name)
        scores = [row[header.index(column)] for row in rows if {"ada", "bob"} & set(row)]
        assert sorted(map(float, scores)) == [FULL - 2, FULL]


def test_a_penalty_from_before_a_change_is_said_with_the_remedy(graded, monkeypatch, capsys):
    """Of a due date, an extension, the rule or points by hand: `course grade` is what brings penalties up to date."""
    monkeypatch.syspath_prepend(str(graded))
    write(graded, {"ada": {}, "bob": {"late": True}})

    def said(kind: str = "csv") -> str:
        assert main(["export", "--format", kind]) == 0
        return capsys.readouterr().out

    assert "Late penalties" not in said()
    with Gradebook(f"sqlite:///{graded / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        gradebook.update_or_create_assignment(LESSON, duedate="2026-02-28 12:00:00 UTC")
        for kind in ("csv", "canvas", "moodle"):
            assert "the rule or points by hand: 1 (ada). Run `course grade 03_single_head`" in said(kind)
        gradebook.grant_extension(LESSON, "bob", days=5)
        assert "by hand: 2 (ada, bob). " in said()
        results.append(courses.load().results, record("ada"))
        assert main(["report", "3"]) == 0 and "by hand: 2 (ada, bob). " in capsys.readouterr().out
        for student in ("ada", "bob"):
            with Writer(courses.load(), LESSON) as writer:
                writer.penalise(student)
        assert "Late penalties" not in said()
        gradebook.update_or_create_assignment(LESSON, duedate=None)
        assert "1 (ada)" in said(), "an extension of no date is no fault"
    (graded / "lateness.py").write_text((graded / "lateness.py").read_text().replace("2.0", "score / 0"))
    monkeypatch.delitem(sys.modules, "lateness")
    with Gradebook(f"sqlite:///{graded / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        gradebook.update_or_create_assignment(LESSON, duedate="2026-02-28 12:00:00 UTC")
    assert "The rule for late penalties failed for ada: ZeroDivisionError" in said()


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


def test_nobody_is_entered_from_a_list_that_fits_twice(classroom_3, capsys):
    (classroom_3 / "class.csv").write_text("login,email\nada,office@x\nbob,office@x\n")
    assert main(["roster", "class.csv"]) == 2
    assert "Nothing was entered:\nfits twice: office@x is of" in capsys.readouterr().err
    assert not grades.read(courses.load()).people


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
    file.write_text("login,email,name\nada,a@x,Ada\nADA,b@x,Adele\nada2,,Bea\n")
    assert "ADA is of Ada and of Adele" in roster.check(roster.read(file), ["ada2"]).ambiguous[0]


def test_an_identifier_wins_over_the_beginning_of_somebody_elses_address(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("login,email,name\nada,x@uni.example,Ada\nadele,ada@uni.example,Adele\n")
    checked = roster.check(roster.read(file), ["ada", "adele"])
    assert {student: entry.name for student, entry in checked.found.items()} == {"ada": "Ada", "adele": "Adele"}
    assert not checked.ambiguous and not checked.without


def test_a_text_that_is_a_formula_is_no_formula(classroom_3):
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "=  1", "＝1"]
    assert [neutral(text) for text in formulas] == [f"'{text}" for text in formulas]
    assert neutral(-1.5) == "-1.5" and neutral("a=1") == "a=1" and neutral("y = x - z") == "y = x - z"
    write(classroom_3, {"ada": {}})
    (classroom_3 / "class.csv").write_text("login,name\nada,=1+1\n")
    assert main(["export", "--format", "canvas", "--roster", "class.csv", "--out", "c.csv"]) == 0
    assert rows_of(classroom_3 / "c.csv")[2][0] == "'=1+1"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("=+-@＝,;|:\t\r\n\"' a1", max_size=12), min_size=2, max_size=3), st.sampled_from(",;|:\t "))
def test_no_cell_is_a_formula_under_any_separator(tmp_path, texts, separator):
    write_csv(tmp_path / "x.csv", texts, [texts[::-1], [*texts[1:], "x"]])
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file, delimiter=separator):
            for cell in row:
                # a sign before a space or the next cell's comma is not the beginning of a formula
                sign = r"[=+\-@＝]" if separator != " " else r"[=+\-@＝][^\s,\"]"
                assert not re.match(sign, cell.lstrip()), (texts, row)


# --- rosters --------------------------------------------------------------------------------------------------------

ROSTERS = {
    "a comma in a title": ('"Name, Vorname";login\n"Lovelace, Ada";ada\n"Bodin, Bob";bob\n', ["ada", "bob"]),
    "sep=": ('sep=;\r\nlogin;name\r\nada;"Lovelace, Ada"\r\n', ["ada"]),
    "quoted titles": ('"login";"name, first"\n"ada";"Lovelace, Ada"\n', ["ada"]),
    "bars": ("login|name\nada|Lovelace; Ada, L.\n", ["ada"]),
    "spaces after the commas": ('login, name\nada, "Lovelace, Ada"\n"bob" , "Bodin, Bob"\n', ["bob", "Ada Lovelace"]),
    "a line in a cell": ('login,name\nada,"Lovelace,\nAda"\n', ["ada"]),
    "nbgrader's students": ("id,last_name,first_name,email,lms_user_id\nada,Lovelace,Ada,a@x,4711\n", ["ada", "4711"]),
    "nbgrader's grades": (
        "assignment,student_id,last_name,first_name,email,score\n1,ada,L,A,a@x,1\n2,ada,L,A,a@x,2\n",
        ["ada"],
    ),
    "Brightspace": ("OrgDefinedId,Username,Last Name\n#1001,#ada,Lovelace\n", ["1001", "ada"]),
    "Blackboard": ('"Last Name"\t"First Name"\t"Username"\t"Student ID"\nLovelace\tAda\tada\t1001\n', ["1001", "ada"]),
    "Canvas": ('Student,ID,SIS User ID,SIS Login ID\n    Points Possible,,,\n"L, Ada",7,S1,ada\n', ["7", "S1", "ada"]),
    "Moodle": ("Identifier,Full name,ID number,Email address\nParticipant 5,Ada L,S1,a@x\n", ["S1", "a", "Ada L"]),
    "German": (
        "Matrikelnummer;Nachname;Vorname;E-Mail-Adresse\n1001;Lovelace;Ada;a@x\n",
        ["1001", "a@x", "Ada Lovelace"],
    ),
    "Moodle in German": ("Vorname;Nachname;Anmeldename;ID-Nummer\nAda;L;ada;S1\n", ["ada", "S1", "Ada L"]),
    "Moodle in Korean": ("이름,성,학번,사용자 아이디\n민수,김,1001,minsu\n", ["1001", "minsu", "김민수"]),
    "French": ("N° étudiant;Nom;Prénom;Courriel\n1001;Lovelace;Ada;a@x\n", ["1001", "a@x", "Ada Lovelace"]),
    "Spanish": ("Nombre,Apellido(s),Nombre de usuario\nAda,Lovelace,ada\n", ["ada", "Ada Lovelace"]),
    "Japanese": ("学籍番号,氏名,メールアドレス\n1001,田中太郎,t@x\n", ["1001", "t@x", "田中太郎"]),
    "Chinese": ("学号,姓名\n1001,王小明\n", ["1001", "王小明"]),
    "a column with gaps": ("student number,login,name\n1001.0,ada,Ada\n,bob,Bob\n", ["1001", "ada"]),
    "GitHub Classroom": ("identifier,github_username,github_id,name\nada@x,adagit,1,\n", ["ada@x", "adagit"]),
    "lines above the titles": ("Transformers; 2026\nExported on 1.1.2026\nLogin;Name\nada;Ada\n", ["ada"]),
    "text for a spreadsheet": ("ID number,login,email\n=\"0012\",'0013,'=1@x\n", ["0012", "0013", "=1@x"]),
    "signs that are not seen": ("login,name\nada\u200b,\u200eAda\n", ["ada"]),
    "titles of a Mac": (unicodedata.normalize("NFD", "학번,성명\n1001,김민수\n"), ["1001", "김민수"]),
    "wide titles": ("Ｌｏｇｉｎ,Ｎａｍｅ\nada,Ada\n", ["ada"]),
    "two numbers": ("login,SIS User ID,Student ID,email,mail\nada,S1,1001,a@x,b@x\n", ["S1", "1001", "b@x"]),
}


@pytest.mark.parametrize("kind", ROSTERS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_rosters_of_all_kinds_are_read_and_each_identifier_is_a_key(tmp_path, kind, encoding):
    text, students = ROSTERS[kind]
    (tmp_path / "class.csv").write_bytes(text.encode(encoding))
    class_list = roster.read(tmp_path / "class.csv")
    for student in students:
        checked = roster.check(class_list, [student])
        assert student in checked.found and not checked.ambiguous, checked.lines
    assert len({checked.found[student]}) == 1 and len(class_list.entries) <= 2


def test_names_in_korean_and_western_encodings_are_right_or_refused(tmp_path):
    file = tmp_path / "class.csv"
    file.write_bytes("login,name\nmin,김민수\nlee,이영희\n".encode("cp949"))
    assert [entry.name for entry in roster.read(file).entries] == ["김민수", "이영희"]
    file.write_bytes("login,name\nmu,Müller\n".encode("cp1252"))
    assert roster.read(file).entries[0].name == "Müller"
    others = [("김똠", "cp949"), ("山田", "shift-jis"), ("José", "mac-roman"), ("Łukasz", "cp1250"), ("Иван", "cp1251")]
    for name, encoding in others:
        file.write_bytes(f"login,name\nmin,{name}\n".encode(encoding))
        with pytest.raises(CourseError, match="encoding of the roster"):
            roster.read(file)
    file.write_bytes(b"PK\x03\x04 a workbook, or an archive")
    with pytest.raises(CourseError, match=r"is a workbook or an archive\. Save it as CSV"):
        roster.read(file)


def test_one_person_in_two_rows_is_one_and_a_dash_is_nothing(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("login,name,email,section\nada,Ada,-,Lecture\nADA,,a@x,Lab\nbob,Bob,-,Lab\ncyd,Cyd,n/a,Lab\n")
    class_list = roster.read(file)
    assert [entry.identifiers for entry in class_list.entries] == [("ada", "a@x"), ("bob",), ("cyd",)]
    assert class_list.entries[0].section == "Lecture, Lab"
    assert not roster.check(class_list, ["ada", "bob"]).ambiguous
    file.write_text("login,username,name\nada\u200b,a1,Ada\nada,a2,Ada\n")  # with a mark that nobody sees
    assert [entry.identifiers for entry in roster.read(file).entries] == [("ada", "a1", "a2")]


@pytest.mark.parametrize(
    "text",
    [
        "name,email\nAda,office@x\nBob,office@x\n",
        "login,name\nADA,Ada\nada,Bob\n",
        "login,student number,name\n12,,Ada\n,12,Bob\n",
    ],
)
def test_two_people_are_never_one(tmp_path, text):
    file = tmp_path / "class.csv"
    file.write_text(text)
    class_list = roster.read(file)
    assert [entry.name for entry in class_list.entries] == ["Ada", "Bob"]
    assert "is of Ada and of Bob" in roster.check(class_list, []).ambiguous[0]


def test_a_name_of_two_people_is_neither_of_them(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("login,name\nk1,Kim Minsu\nk2,Kim Minsu\n")
    checked = roster.check(roster.read(file), ["Kim Minsu"])
    assert checked.ambiguous == ["Kim Minsu is Kim Minsu (k1) and Kim Minsu (k2)"] and not checked.found


def test_the_id_of_nbgraders_own_list_is_what_a_student_is_called(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("id,first_name,last_name,email,lms_user_id\nada,Ada,Lovelace,a@x,4711\n")
    (entry,) = roster.read(file).entries
    assert (entry.id, entry.lms, entry.email) == ("ada", "4711", "a@x")


def test_one_person_may_be_written_in_two_ways(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text('login,name,section\nada,"Lovelace, Ada",Lecture\nada,Ada Lovelace,Lab\n')
    assert [entry.section for entry in roster.read(file).entries] == ["Lecture, Lab"]


def test_the_titles_of_a_second_list_are_no_person(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("login,name,\nada,Ada,\n\nLogin,Name,\nbob,Bob,\n")
    assert [entry.login for entry in roster.read(file).entries] == ["ada", "bob"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ('ada,"Ada\nbob,Bob\n', "opens a cell and does not close it"),
        ('ada,"Ada\nbob,Bob\ncyd,"Cyd"\n', "opens a cell and does not close it"),
        (f'ada,"{"Ada" * 100_000}\nbob,Bob\n', "opens a cell and does not close it"),
        ("ada,Lovelace, Ada\nbob,Bob\n", "more cells than columns: ada, Lovelace, Ada"),
    ],
)
def test_a_row_that_would_swallow_or_move_others_is_refused(tmp_path, rows, words):
    file = tmp_path / "class.csv"
    file.write_text(f"login,name\n{rows}")
    with pytest.raises(CourseError, match=words):
        roster.read(file)


@pytest.mark.parametrize("number", ["2.02612E+09", "2,02612e+09", "2E+09"])
def test_a_number_that_a_spreadsheet_has_rounded_is_nobodys(tmp_path, number):
    file = tmp_path / "class.csv"
    file.write_text(f"student number;name\n{number};Ada\n")
    with pytest.raises(CourseError, match="has rounded a number"):
        roster.read(file)


@pytest.mark.parametrize("row", ["{},Ada,a@x", "ada,{},a@x", "ada,Ada,{}"])
def test_a_cell_whose_formula_fails_says_nothing_of_anybody(tmp_path, row):
    file = tmp_path / "class.csv"
    failed = [
        "#REF!",
        "#N/A",
        "#VALUE!",
        "#NAME?",
        "#DIV/0!",
        "#NULL!",
        "#BEZUG!",
        "#NV",
        "#N/D",
        "#¿NOMBRE?",
        "Err:508",
    ]
    for cell in failed:
        text = f"login,name,email,homework\nbob,Bob,b@x,{cell}\n"
        file.write_text(text, encoding="utf-8")
        assert [entry.id for entry in roster.read(file).entries] == ["bob"], (
            "points of another column are nobody's name"
        )
        file.write_text(f"{text}{row.format(cell)},1\n", encoding="utf-8")
        shown = row.format(cell).replace(",", ", ")
        with pytest.raises(CourseError, match=re.escape(f"has {cell} in the row {shown}, 1")):
            roster.read(file)


def test_what_brightspace_writes_before_an_id_is_no_failed_formula(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text("OrgDefinedId,Username\n#4711,#ada\n#0012,#NVIDIA\n")
    assert [(entry.number, entry.login) for entry in roster.read(file).entries] == [("4711", "ada"), ("0012", "NVIDIA")]


def test_a_quotation_mark_that_does_no_harm_is_read(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text('login,name,\nada,"Ada" Lovelace,\nbob,Bob "B" Bodin,\ncyd,"Cyd\n')
    assert [entry.name for entry in roster.read(file).entries] == ["Ada Lovelace", 'Bob "B" Bodin', "Cyd"]


def test_who_has_no_identifier_in_a_list_is_named(classroom_3, capsys):
    write(classroom_3, {"ada": {}})
    (classroom_3 / "class.csv").write_text("login,name\nada,Ada\n-,Bob Bodin\n")
    assert main(["export", "--roster", "class.csv"]) == 0 and main(["roster", "class.csv"]) == 0
    out = capsys.readouterr().out
    assert "without an identifier: Bob Bodin\n" in out and "Left out, without an identifier: Bob Bodin." in out


# --- what is said about Canvas's columns ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "points", "column", "words"),
    [
        (["Lesson 3: Single-head attention (4711)"], ["24"], LESSON, "Perhaps it is 'Lesson 3"),
        (["Homework (1)"], ["24"], LESSON, "importing would create one"),
        ([f"{LESSON} (1)", "Single-head attention (2)"], ["24", "24"], f"{LESSON} (1)", "Two columns"),
        ([f"{LESSON} (1)"], ["10"], f"{LESSON} (1)", "has 10 points, here it has 24"),
        ([f"{LESSON} (1)"], ["24.0"], f"{LESSON} (1)", ""),
        (["Remarks"], [""], LESSON, ""),  # not Canvas's own list: nothing is known of its columns
    ],
)
def test_what_does_not_fit_in_canvas_is_said(classroom_3, capsys, columns, points, column, words):
    write(classroom_3, {"ada": {}})
    header = ["Student,ID,SIS User ID,SIS Login ID,Section", *columns]
    rows = [
        ",".join(header),
        ",".join(["    Points Possible,,,,", *points]),
        '"Lovelace, Ada",1,S1,ada,A' + "," * len(columns),
    ]
    (classroom_3 / "class.csv").write_text("\n".join(rows))
    assert main(["export", "--format", "canvas", "--roster", "class.csv", "--out", "c.csv"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert rows_of(classroom_3 / "c.csv")[0][5] == column
    assert len(out) == 1 + bool(words) and words in out[0]


def test_one_lesson_into_a_folder(classroom_3, capsys):
    write(classroom_3, {"ada": {}})
    (classroom_3 / "out").mkdir()
    assert main(["export", "3", "--out", "out"]) == 0
    assert {row[0] for row in rows_of(classroom_3 / "out" / f"grades-{LESSON}.csv")[1:]} == {LESSON}
    assert main(["export", "1"]) == 2 and "no grades of 01_vocabulary" in capsys.readouterr().err
    (classroom_3 / "file").write_text("")
    assert main(["export", "--out", "file/x.csv"]) == 2
    assert "could not be written" in capsys.readouterr().err


# --- entering a class list ------------------------------------------------------------------------------------------


def people(root: Path) -> dict[str, tuple]:
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}", "transformer") as gradebook:
        return {
            student.id: (student.first_name, student.last_name, student.email, student.lms_user_id)
            for student in gradebook.students
        }


def test_a_class_list_is_entered_and_nobody_is_removed(classroom_3, capsys):
    write(classroom_3, {"ada": {}, "S2": {}, "mallory": {}})
    (classroom_3 / "class.csv").write_text(CLASS)
    assert main(["roster", "class.csv"]) == 0
    out = capsys.readouterr().out
    assert "1 added, 2 updated, 0 as before." in out and "Not in this list, and kept: mallory." in out
    assert people(classroom_3) == {
        "ada": ("Ada", "Lovelace", None, "1"),
        "S2": ("Bob", "Bodin", None, "2"),
        "ned": ("Ned", "Nobody", None, "3"),
        "mallory": (None, None, None, None),
    }
    # what a list does not say stays
    (classroom_3 / "mails.csv").write_text("login,email\nada,ada@uni.example\n")
    assert main(["roster", "mails.csv"]) == 0
    assert people(classroom_3)["ada"] == ("Ada", "Lovelace", "ada@uni.example", "1")
    assert main(["roster", "mails.csv"]) == 0 and "0 added, 0 updated, 1 as before" in capsys.readouterr().out
    before = people(classroom_3)
    (classroom_3 / "twice.csv").write_text("login,name\nada,Ada\nNED,Ned\nbad*,Bad\n")
    assert main(["roster", "twice.csv"]) == 2 and "Bad: the name has a *" in capsys.readouterr().err
    assert people(classroom_3) == before


# --- surroundings that fail -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["export"], ["roster", "class.csv"], ["collect", "3", "in"]])
def test_a_gradebook_that_another_program_holds_is_one_sentence(classroom_3, capsys, command):
    write(classroom_3, {"ada": {}})
    (classroom_3 / "class.csv").write_text(CLASS)
    (classroom_3 / "in" / "bob").mkdir(parents=True)
    config = classroom_3 / "nbgrader_config.py"
    config.write_text(config.read_text() + '\nc.CourseDirectory.db_url += "?timeout=0.05"\n')
    with sqlite3.connect(classroom_3 / "classroom" / "gradebook.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert main(command) == 2
        other.execute("ROLLBACK")
    said = capsys.readouterr().err
    assert said.startswith("course: The gradebook: another program is writing to it.") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("nbgrader.api.InvalidEntry: (sqlite3.OperationalError) database or disk is full", "the disk is full"),
        ("sqlalchemy.exc.DatabaseError: (sqlite3.DatabaseError) file is not a database", "Put a backup in its place"),
        ("nbgrader.api.MissingEntry: No such comment: a/b/c for ada", "`course grade` writes it again"),
    ],
)
def test_what_nbgrader_logs_about_the_gradebook_is_one_sentence(monkeypatch, error, words):
    log = f"{error}\n[App | ERROR] See above\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", log))
    with pytest.raises(CourseError, match=f"The gradebook: .*{words}"):
        classroom.nbgrader("generate_feedback")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space", "/x/y"), "/x/y: the disk is full"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "out"), "out: it is a folder"),
        (PermissionError(errno.EACCES, "Permission denied", "z"), "z: it may not be read or written"),
        (OSError(errno.EIO, "Input/output error", "z"), "z: Input/output error"),
    ],
)
def test_a_disk_that_fails_is_one_sentence_and_other_errors_are_not_hidden(monkeypatch, capsys, error, words):
    def fail(*_):
        raise error

    monkeypatch.setattr(courses, "load", fail)
    assert main(["export"]) == 2 and words in capsys.readouterr().err
    # nbgrader, in a process of its own, has met the same
    log = (
        f"Traceback (most recent call last):\n{type(error).__name__}: {error}\n[App | ERROR] See the above traceback\n"
    )
    run = subprocess.CompletedProcess([], 1, "", log)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: run)
    assert main(["release", "3"]) == 2 and words in capsys.readouterr().err
    with pytest.raises(CourseError, match=words):
        classroom.nbgrader("generate_feedback")
    error = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        main(["export"])
