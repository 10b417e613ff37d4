"""The instructor's report: what a class did in a lesson, from the records of its gradings."""

from __future__ import annotations

import base64
import csv
import datetime
import hashlib
import json
import re
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from nbgrader.api import Gradebook

from autograde.cli import main
from autograde.course import times
from autograde.course.lessons import find_lesson
from autograde.exercises import of_lesson
from autograde.grading.job import Options, Result, Review, Score
from autograde.grading.records import course as courses
from autograde.grading.records import results
from autograde.grading.records.results import Fingerprints, Record
from autograde.instructor.report import answers, page, predictions, regrade
from autograde.instructor.report.grades import Grade, Grades
from autograde.instructor.report.summary import summarize
from autograde.judge import carry
from autograde.judge.verdict import ERROR, FAILED, NOT_STARTED, PASSED, Verdict

LESSON = find_lesson("3").name
ALL = of_lesson(LESSON)
NOBODY = Grades({}, {}, {})
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def record(student: str, wrong: dict[str, str | None] | None = None, **options) -> Record:
    """A submission whose exercises are right, or wrong in the way that `wrong` names (None: not started)."""
    scores = {}
    for exercise in ALL:
        verdict = Verdict(name=exercise.name, passed=True, state=PASSED, score=1.0, points=exercise.points)
        if exercise.name in (wrong or {}):
            diagnosis = wrong[exercise.name]
            state = FAILED if diagnosis else NOT_STARTED
            facts = (("Expected", "1.234 " * options.get("length", 1)),)
            verdict = Verdict(
                name=exercise.name,
                passed=False,
                state=state,
                score=0.0,
                diagnosis=diagnosis,
                advice="Look at it again.",
                facts=facts,
                evidence=exercise.points,
            )
        name = f"check_{exercise.name}"
        scores[name] = Score(
            grade_id=name, points=verdict.score * exercise.points, max_score=exercise.points, verdict=verdict
        )
    given = {"notes": (), "reviews": (), "assurance": "full", "seconds": {"total": 0.2}, **options}
    extra, _ = given.pop("scores", {}), given.pop("length", None)
    result = Result(lesson=LESSON, student=student, scores={**scores, **extra}, notebook="", **given)
    return Record(
        result=result,
        prints=Fingerprints("s", "r", "e"),
        options=Options(),
        submitted=datetime.datetime(2026, 3, 1, 10),
        graded=times.now(),
    )


def write(folder, records) -> None:
    """The records' files, as `results.append` writes them, without waiting for the disk each time."""
    (folder / LESSON).mkdir(parents=True, exist_ok=True)
    for made in records:
        file = results.file_of(folder, LESSON, made.result.student)
        file.write_text(json.dumps(results.to_dict(made)) + "\n")


def synthetic_class(count: int, seed: int = 0, length: int = 1):
    rng = np.random.default_rng(seed)
    for index in range(count):
        wrong = {}
        skill = rng.beta(4, 1.5)
        for exercise in ALL:
            if rng.random() > skill:
                known = [misconception.name for misconception in exercise.misconceptions]
                wrong[exercise.name] = (
                    known[min(len(known) - 1, int(rng.exponential(1.2)))] if rng.random() < 0.8 else None
                )
        seconds = {"total": float(rng.gamma(6, 0.05))}
        yield record(f"student{index:04d}", wrong, seconds=seconds, length=length)


def test_the_misconceptions_of_a_class_are_counted_with_sentence_and_names(tmp_path):
    names = [misconception.name for misconception in ALL[2].misconceptions]
    write(tmp_path, [record("ada", {ALL[2].name: names[0]}), record("bob", {ALL[2].name: names[0]})])
    write(tmp_path, [record("eve", {ALL[2].name: names[1], ALL[0].name: None}), record("zoe")])
    summary = summarize(tmp_path, LESSON, NOBODY)
    first, second = summary.mistakes
    assert (first.exercise, first.name, first.students) == (ALL[2].name, names[0], ["ada", "bob"])
    assert first.sentence == ALL[2].misconceptions[0].sentence
    assert second.students == ["eve"]
    part = summary.parts[f"check_{ALL[2].name}"]
    assert (part.pass_rate, part.outcomes[FAILED]) == (0.25, 3)
    assert summary.parts[f"check_{ALL[0].name}"].outcomes[NOT_STARTED] == 1
    html = page.render(summary)
    assert first.sentence.split("`")[0].strip()[:30] in html.replace("&#39;", "'").replace("&#34;", '"')
    assert "ada, bob" in html and "25 %" in html


def test_a_carried_exercise_counts_as_passed_and_the_mistake_once(tmp_path):
    """A right answer that uses a wrong `attention_scores`: the class has passed it, and has one mistake."""
    records = []
    for student in ("ada", "ben"):
        made = record(student, {"attention_scores": "no scaling"})
        mark = made.result.scores["check_scaled_dot_product_attention"]
        given = carry.carried(mark.verdict, mark.verdict, ["attention_scores"])
        made.result.scores[mark.grade_id] = replace(mark, verdict=given, comment=given.summary)
        records.append(made)
    write(tmp_path, records)
    summary = summarize(tmp_path, LESSON, NOBODY)
    outcomes = {part.name: dict(part.outcomes) for part in summary.parts.values()}
    assert outcomes["scaled_dot_product_attention"] == {PASSED: 2}
    assert outcomes["attention_scores"] == {FAILED: 2}
    assert [(mistake.exercise, mistake.name, mistake.students) for mistake in summary.mistakes] == [
        ("attention_scores", "no scaling", ["ada", "ben"])
    ]


def unnamed(student: str, got: str, error: str = "") -> Record:
    """A submission whose first exercise is wrong in a way that has no name."""
    made = record(student, {ALL[0].name: "x"})
    name = f"check_{ALL[0].name}"
    mark = made.result.scores[name]
    state = ERROR if error else FAILED
    facts = (("Call", "softmax([1])"), ("Here", "by hand"), ("Expected", "1.0"), ("Got", got))
    verdict = replace(
        mark.verdict,
        diagnosis=None,
        facts=facts,
        advice=error or "One value differs.",
        state=state,
    )
    made.result.scores[name] = replace(mark, verdict=verdict)
    return made


def test_wrong_results_without_a_name_are_grouped_where_they_are_equal(tmp_path):
    write(tmp_path, [unnamed("ada", "2.0"), unnamed("ben", "2.0"), unnamed("cyd", "3.0")])
    write(tmp_path, [unnamed("dan", "", "ValueError: no"), unnamed("eve", "other", "ValueError: no")])
    summary = summarize(tmp_path, LESSON, NOBODY)
    assert [mistake.students for mistake in summary.unnamed] == [["ada", "ben"], ["dan", "eve"], ["cyd"]]
    assert not summary.mistakes and len(summary.shared) == 2
    html = page.render(summary)
    assert "1 wrong answer that nobody else gave" in html and "<dd>2.0</dd>" in html and "by hand" not in html
    page.write_tables(summary, tmp_path)
    assert "ValueError: no,2,dan eve" in (tmp_path / f"{LESSON}-misconceptions.csv").read_text(encoding="utf-8-sig")


def graded_notebook(file, sources: dict[str, str]):
    cells = [
        {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": name}}, "source": source}
        for name, source in sources.items()
    ]
    file.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return file


def test_the_code_is_beside_each_mistake_and_equal_code_once(tmp_path):
    name = ALL[2].name
    wrong = {
        student: record(student, {name: ALL[2].misconceptions[0].name}) for student in ("ada", "ben", "cyd", "dan")
    }
    write(tmp_path, wrong.values())
    codes = {"ada": "x = 1  # mine", "ben": f"y = 2  # {HOSTILE}", "cyd": "x  =  1"}
    files = {student: graded_notebook(tmp_path / student, {name: code}) for student, code in codes.items()}
    summary = summarize(tmp_path, LESSON, NOBODY)
    answers.add_code(summary, files)
    assert [(written.source, written.students) for written in summary.mistakes[0].code] == [
        ("x = 1  # mine", ["ada", "cyd"]),
        (codes["ben"], ["ben"]),
    ]
    html = page.render(summary)
    assert "<code>x = 1  # mine</code>" in html and "written in 2 ways" in html and "<script>alert" not in html


def test_an_unreadable_file_counts_in_no_exercise(tmp_path):
    nothing = dict.fromkeys([exercise.name for exercise in ALL], "no notebook")
    write(tmp_path, [record("ada"), record("eve", nothing, unreadable="The file is empty.")])
    summary = summarize(tmp_path, LESSON, NOBODY)
    assert {part.count for part in summary.parts.values()} == {1} and not summary.mistakes
    assert summary.unreadable == ["eve"] and len(summary.rows) == 2
    assert "1 file could not be read (eve) and counts in no exercise." in page.render(summary)


def test_regrade_requests_are_listed_until_somebody_has_marked_them(tmp_path):
    first, second = ALL[0].name, ALL[1].name
    folder = tmp_path / "regrade"
    folder.mkdir()
    (folder / "ada.txt").write_text(f"3 {first} {HOSTILE}\n\n{LESSON} {second} It is  right.\n", encoding="utf-16")
    (folder / "ben.txt").write_text(f"3 none x\nplease\n4 concat_heads other lesson\n3 {first}\n")
    (folder / "cyd.txt").symlink_to(folder / "ada.txt")
    (folder / "dan.md").write_text(f"3 {first} wrong ending")
    (folder / "eve.TXT").write_text(f"3 {first} never handed in")
    (folder / ".hidden").touch()
    requests = regrade.read(folder)
    assert [(request.student, request.lesson, request.exercise, bool(request.problem)) for request in requests] == [
        ("ada", LESSON, first, False),
        ("ada", LESSON, second, False),
        ("ben", LESSON, "", True),
        ("ben", "", "", True),
        ("ben", "04_multi_head", "", True),
        ("ben", LESSON, first, True),
        ("cyd", "", "", True),
        ("dan", "", "", True),
        ("eve", LESSON, first, False),
    ]
    assert (
        requests[1].why == "It is  right." and "link" in requests[-3].problem and "STUDENT.txt" in requests[-2].problem
    )
    write(tmp_path, [record("ada")])
    summary = summarize(tmp_path, LESSON, Grades({}, {}, {}, by_hand={(LESSON, "ada"): {f"check_{first}": 2.5}}))
    summary.requests = [request for request in requests if request.lesson in (LESSON, "")]
    assert [request.exercise or request.why for request in summary.open_requests] == [
        second,
        "3 none x",
        "please",
        first,
        "",
        "",
        first,
    ]
    html = page.render(summary)
    assert "marked by a person: 2.5" in html and "<td>open</td>" in html and "<script>alert" not in html
    assert "please" in html and "cyd.txt cannot be read" in html
    assert html.count("no submission of eve has been graded") == 1 and "no submission of ada" not in html


def test_the_class_over_the_lessons(tmp_path):
    write(tmp_path, [record("ada"), record("ben", {ALL[0].name: None})])
    first, second = (summarize(tmp_path, LESSON, NOBODY) for _ in range(2))
    second.lesson, second.title, second.rows = "04_multi_head", "4 · Multi-head attention", second.rows[:1]
    none = {"ada": page.Links(), "ben": page.Links()}
    links = {LESSON: none | {"ada": page.Links("../a%20b.html")}, "04_multi_head": none}
    html = page.render_overview([first, second], links)
    full = sum(exercise.points for exercise in ALL)
    assert f'<a href="../a%20b.html">{full}</a>' in html and f'data-value="{2 * full}.0">{2 * full}<' in html
    assert "4 · Multi-head attention: median 100%, middle half 100% to 100%, 1." in html
    page.write_overview([first, second], tmp_path)
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["04_multi_head"] for row in rows] == [str(float(full)), ""]


def test_what_the_class_predicted_is_counted_and_nothing_of_it_is_markup(tmp_path):
    cells = ['predict("")', 'predict("it  grows", "the loss?")\npredict()', f'predict("{HOSTILE}", about="why?")']
    assert list(predictions.guesses([*cells, "predict(", 'x = predict("no")'])) == [
        ("the loss?", "it grows"),
        ("why?", HOSTILE),
    ]
    assert list(predictions.guesses(['predict("a")', 'predict("b")'])) == [("prediction 1", "a"), ("prediction 2", "b")]
    file = tmp_path / "a.ipynb"
    notebook = {"cells": [{"cell_type": "code", "metadata": {}, "source": source} for source in cells]}
    file.write_text(json.dumps({**notebook, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    write(tmp_path, [record("ada"), record("ben")])
    summary = summarize(tmp_path, LESSON, NOBODY)
    summary.predictions = predictions.of_class([("ada", file), ("ben", file), ("cyd", tmp_path / "none.ipynb")])
    shown = page.render(summary)
    assert '<td>it grows</td><td class="number">2</td>' in shown and "<script>alert" not in shown
    page.write_tables(summary, tmp_path)
    assert "the loss?,it grows,ben" in (tmp_path / f"{LESSON}-predictions.csv").read_text(encoding="utf-8-sig")


def test_only_the_newest_record_counts(tmp_path):
    old, new = record("ada", {ALL[0].name: None}), record("ada")
    results.append(tmp_path, old)
    results.append(tmp_path, new)
    summary = summarize(tmp_path, LESSON, NOBODY)
    assert len(summary.rows) == 1 and summary.rows[0].score == sum(exercise.points for exercise in ALL)


def test_what_a_person_should_look_at_stands_there_with_its_reason(tmp_path):
    low = {"own": Score(grade_id="own", points=2.0, max_score=2.0, assurance="low")}
    reviews = (Review("softmax", "uses torch.softmax, which it should build", "return torch.softmax(x, -1)"),)
    write(tmp_path, [record("ada", reviews=reviews), record("bob", scores=low), record("zoe")])
    nothing = dict.fromkeys([exercise.name for exercise in ALL])
    write(tmp_path, [record("eve", nothing, notes=("Another note.",), unreadable="The file is empty.")])
    summary = summarize(tmp_path, LESSON, NOBODY)
    reasons = {row.student: row.reasons for row in summary.reviews}
    assert set(reasons) == {"ada", "bob", "eve"}
    assert "return torch.softmax(x, -1)" in reasons["ada"][0] and "low assurance" in reasons["bob"][0]
    assert reasons["eve"] == ("The file is empty. Nothing in it could be graded.",)
    html = page.render(summary)
    assert "return torch.softmax(x, -1)" in html and "Another note." in html and "The file is empty." in html


def test_what_a_person_has_marked_is_no_longer_to_look_at(tmp_path):
    cell = f"check_{ALL[0].name}"
    write(tmp_path, [record(name, reviews=(Review(cell, "rule", "line"),)) for name in ("ada", "bob", "cem")])
    grades = {
        (LESSON, "ada"): Grade(score=20, raw=20, late=0, review=False),
        (LESSON, "bob"): Grade(score=20, raw=20, late=0, review=True),
    }
    summary = summarize(tmp_path, LESSON, Grades({}, {LESSON: 24.0}, grades))
    assert [row.student for row in summary.reviews] == ["bob", "cem"]
    write(tmp_path, [record("ada", unreadable="It is no notebook.")])
    rows = summarize(tmp_path, LESSON, Grades({}, {LESSON: 24.0}, grades)).reviews
    assert [row.student for row in rows] == ["ada", "bob", "cem"], "an unreadable file is not marked"


def test_nothing_of_a_submission_is_markup_in_the_page(tmp_path):
    reviews = (Review(HOSTILE, HOSTILE, HOSTILE),)
    hostile = record(f"x{HOSTILE}".replace("/", "_"), {ALL[0].name: HOSTILE}, notes=(HOSTILE,), reviews=reviews)
    write(tmp_path, [hostile])
    html = page.render(summarize(tmp_path, LESSON, NOBODY))
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)  # the page's own, which the policy names
    assert html.count("<script") == 1 and "<img src=x" not in html and "&lt;script&gt;" in html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not re.search(r'(?:src|href)="?(?:https?:)?//', html)


def test_every_figure_has_words_and_axes(tmp_path):
    write(tmp_path, synthetic_class(30))
    html = page.render(summarize(tmp_path, LESSON, NOBODY))
    pictures = re.findall(r'<img alt="([^"]+)" src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert len(pictures) == html.count("<img") == 4
    assert all(len(alt) > 60 for alt, _ in pictures)
    for _, data in pictures:
        svg = base64.b64decode(data).decode()
        assert "prefers-color-scheme: dark" in svg and "fill: var(--paper)" in svg
        assert not re.search(r"#(000000|ffffff)", svg), "ink and paper have the page's colours"


@pytest.mark.parametrize("count", [0, 1])
def test_a_class_of_none_and_of_one(tmp_path, count):
    write(tmp_path, list(synthetic_class(count)))
    html = page.render(summarize(tmp_path, LESSON, NOBODY))
    assert ("No submission of this lesson has been graded yet" in html) == (count == 0)
    assert ("<strong>1</strong> submission<" in html) == (count == 1)


def test_a_class_of_two_thousand_needs_little_memory(tmp_path):
    write(tmp_path, synthetic_class(2000, length=2000))
    size = sum(file.stat().st_size for file in (tmp_path / LESSON).iterdir())
    tracemalloc.start()
    summary = summarize(tmp_path, LESSON, NOBODY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(summary.rows) == 2000 and peak < size / 6, "records are read one at a time, and not kept"
    html = page.render(summary)
    assert "The first 500 of 2000" in html and len(html) < 2 * 2**20


def test_tables_run_nothing_in_a_spreadsheet(tmp_path):
    bad = record("ada", {ALL[0].name: '=cmd|"/c calc"!A1'}, notes=("@SUM(1)", "=2+3"))
    write(tmp_path, [bad, record("bob")])
    page.write_tables(summarize(tmp_path, LESSON, NOBODY), tmp_path)
    for name in (f"{LESSON}.csv", f"{LESSON}-misconceptions.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as lines:
            rows = list(csv.reader(lines))
        assert len(rows) >= 2 and len({len(row) for row in rows}) == 1
        assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+-@")]
    with (tmp_path / f"{LESSON}.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert float(rows[1]["score"]) == sum(exercise.points for exercise in ALL)


def test_course_report_writes_pages_and_tables(classroom_3, capsys):
    folder = courses.load().results
    write(folder, list(synthetic_class(5)))
    feedback = classroom_3 / "classroom" / "feedback" / "student0000" / LESSON / f"{LESSON}.html"
    feedback.parent.mkdir(parents=True)
    feedback.touch()
    assert main(["report", "3"]) == 0
    assert f"{LESSON}.html" in capsys.readouterr().out
    written = classroom_3 / "classroom" / "report" / f"{LESSON}.html"
    link = re.search(r'<td><a href="([^"]*)">student0000</a>', written.read_text(encoding="utf-8"))[1]
    assert (written.parent / link.split("#")[0]).resolve() == feedback.resolve()
    url, course_id = courses.load().db_url, courses.load().course_id
    with Gradebook(url, course_id) as gradebook:
        gradebook.add_student("student0000")
        gradebook.add_submission(LESSON, "student0000")
        gradebook.find_grade(f"check_{ALL[0].name}", LESSON, LESSON, "student0000").manual_score = 1.0
        gradebook.db.commit()
    regrades = classroom_3 / "classroom" / "regrade"
    regrades.mkdir()
    (regrades / "student0000.txt").write_text(f"3 {ALL[0].name} Why?\n3 {ALL[1].name} Why?\n")
    assert main(["report"]) == 0
    shown = written.read_text(encoding="utf-8")
    assert "marked by a person: 1<" in shown and "<td>open</td>" in shown
    overview = (classroom_3 / "classroom" / "report" / "all.html").read_text(encoding="utf-8")
    assert f'href="{LESSON}.html"' in overview
    assert main(["report", "4"]) == 2
    assert "No submission of 04_multi_head has been graded yet." in capsys.readouterr().err
    assert not (classroom_3 / "classroom" / "report" / "04_multi_head.html").exists()
