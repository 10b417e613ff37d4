"""`course report`: a page and tables about what a class did in a lesson, under classroom/report/."""

from __future__ import annotations

import base64
import datetime
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import mean, median
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograde.course import class_data, notebooks
from autograde.course.errors import CourseError
from autograde.course.lessons import GRADED
from autograde.grading.records import waiting
from autograde.grading.records.course import Course
from autograde.instructor.pages import TEMPLATES
from autograde.instructor.report import answers, grades, plots, predictions, regrade
from autograde.instructor.report.summary import Row, Summary, summarize
from autograde.instructor.report.tables import write_csv
from autograde.judge.verdict import marked_up

MOST_NAMES = 40  # names after a misconception on the page; the table has all
MOST_ROWS = 500  # submissions in a table of the page
MOST_ANSWERS = 3  # of one mistake, each written differently


@dataclass(frozen=True)
class Links:
    """Where a page of the report finds a student's feedback and notebook; "" where they are not there."""

    feedback: str = ""
    notebook: str = ""


def report(course: Course, lessons: Sequence[str] | None = None) -> list[Path]:
    """Write the page and the tables of these lessons (default: all, with an overview); returns the pages."""
    chosen = list(lessons) if lessons else _graded(course)
    folder = class_data.folder("report")
    if not chosen:
        raise CourseError("No submission has been graded yet. Run `course grade` first.")
    requests = regrade.read(class_data.folder("regrade"))
    written, summaries, links = [], [], {}
    for lesson in chosen:
        summary = summarize(course.results, lesson, grades.read(course, lesson))
        if not summary.rows and not summary.not_graded:
            raise CourseError(f"No submission of {lesson} has been graded yet. Run `course grade {lesson}` first.")
        summary.not_graded = waiting.not_graded(course, lesson, {row.student for row in summary.rows})
        submitted = {row.student: course.submitted(row.student, lesson) / f"{lesson}.ipynb" for row in summary.rows}
        graded = {row.student: course.autograded(row.student, lesson) / f"{lesson}.ipynb" for row in summary.rows}
        summary.predictions = predictions.of_class(submitted.items())
        summary.requests = [request for request in requests if request.lesson in (lesson, "")]
        answers.add_code(summary, graded)
        links[lesson] = {student: _links(student, lesson, file, folder) for student, file in submitted.items()}
        file = folder / f"{lesson}.html"
        notebooks.write(file, render(summary, links[lesson]))
        write_tables(summary, folder)
        written.append(file)
        summaries.append(summary)
    if not lessons:
        written.insert(0, folder / "all.html")
        notebooks.write(written[0], render_overview(summaries, links))
        write_overview(summaries, folder)
    return written


def _links(student: str, lesson: str, notebook: Path, folder: Path) -> Links:
    feedback = class_data.folder("feedback") / student / lesson / f"{lesson}.html"
    places = (Path(os.path.relpath(file, folder)).as_posix() if file.is_file() else "" for file in (feedback, notebook))
    return Links(*map(quote, places))


def _graded(course: Course) -> list[str]:
    """The lessons that have records: the course's in their order, then an instructor's own."""
    known = [lesson.name for lesson in GRADED]
    found = {file.name for file in course.results.glob("*") if file.is_dir() and any(file.rglob("*.jsonl"))}
    return [name for name in known if name in found] + sorted(found - set(known))


def render(summary: Summary, links: Mapping[str, Links] | None = None) -> str:
    """The page of one lesson: one file, with no script but its own for sorting, and nothing from elsewhere.

    links  for each student
    """
    figures = {}
    if summary.rows:
        figures = {"points": plots.points(summary), "seconds": plots.seconds(summary)}
        if summary.parts:
            figures["outcomes"] = plots.outcomes(summary)
        if summary.mistakes:
            figures["mistakes"] = plots.mistakes(summary)
    return _template("lesson").render(
        summary=summary,
        line=_line(summary),
        figures=figures,
        times=_times([row.seconds for row in summary.rows]),
        rows=summary.rows[:MOST_ROWS],
        reviews=summary.reviews[:MOST_ROWS],
        noted=[row for row in summary.rows if row.notes][:MOST_ROWS],
        predictions=_by_question(summary),
        people=_people(summary, links or {}),
        most_names=MOST_NAMES,
        most_answers=MOST_ANSWERS,
        most_rows=MOST_ROWS,
        now=_now(),
    )


def _people(summary: Summary, links: Mapping[str, Links]) -> dict[str, dict]:
    """{student: {"name", "links"}}"""
    return {row.student: {"name": row.name, "links": links.get(row.student, Links())} for row in summary.rows}


def render_overview(summaries: Sequence[Summary], links: Mapping[str, Mapping[str, Links]]) -> str:
    """The class over the lessons. links: {lesson: {student: Links}}"""
    begun = [summary for summary in summaries if summary.rows]
    students = _over_lessons(summaries)
    return _template("overview").render(
        lessons=[_line(summary) for summary in summaries],
        figure=plots.lessons(begun) if len(begun) > 1 else None,
        students=dict(list(students.items())[:MOST_ROWS]),
        count=len(students),
        links=links,
        now=_now(),
    )


def _over_lessons(summaries: Iterable[Summary]) -> dict[str, dict]:
    """{student: name, total, and the row of each lesson}, by name."""
    students: dict[str, dict] = {}
    for summary in summaries:
        for row in summary.rows:
            student = students.setdefault(row.student, {"name": row.name, "total": 0.0, "rows": {}})
            student["rows"][summary.lesson] = row
            student["total"] += row.score
    return dict(sorted(students.items(), key=lambda item: (item[1]["name"].casefold(), item[0])))


def write_overview(summaries: Sequence[Summary], folder: Path) -> None:
    """all.csv: a row for each student, with the points of each lesson."""
    lessons = [summary.lesson for summary in summaries]
    rows = []
    for student, work in _over_lessons(summaries).items():
        points = [work["rows"][lesson].score if lesson in work["rows"] else None for lesson in lessons]
        rows.append([student, work["name"], *points, work["total"]])
    write_csv(folder / "all.csv", ["student", "name", *lessons, "total"], rows)


def _by_question(summary: Summary) -> dict[str, dict[str, int]]:
    """{question: {guess: how many}}, the most frequent guess first."""
    counts: dict[str, Counter[str]] = {}
    for prediction in summary.predictions:
        counts.setdefault(prediction.question, Counter())[prediction.guess] += 1
    return {question: dict(count.most_common(MOST_NAMES)) for question, count in counts.items()}


def _line(summary: Summary) -> dict:
    """One lesson in numbers, for the overview."""
    scores = [row.score for row in summary.rows]
    return {
        "lesson": summary.lesson,
        "title": summary.title,
        "count": len(scores),
        "max_score": summary.max_score,
        "mean": mean(scores) if scores else 0.0,
        "median": median(scores) if scores else 0.0,
        "full": sum(score >= summary.max_score for score in scores),
        "reviews": len(summary.reviews),
        "requests": len(summary.open_requests),
        "late": sum(row.late > 0 for row in summary.rows),
        "first": summary.mistakes[0] if summary.mistakes else None,
        "first_at": summary.number(summary.mistakes[0].exercise) if summary.mistakes else "",
    }


def _times(seconds: list[float]) -> dict:
    if not seconds:
        return {}
    return {"total": sum(seconds), "median": median(seconds), "longest": max(seconds)}


def write_tables(summary: Summary, folder: Path) -> None:
    """LESSON.csv has a row for each submission, LESSON-misconceptions.csv one for each misconception and each wrong
    result without a name, and LESSON-predictions.csv, where there are any, one for each guess."""
    names = list(summary.parts)
    header = ["student", "name", "submitted", "score", "max_score", "late_penalty", "seconds", "assurance"]
    header += ["needs_review", "notes"]
    header += [f"{name} (points)" for name in names] + [f"{name} (misconception)" for name in names]
    write_csv(folder / f"{summary.lesson}.csv", header, (_table_row(row, names) for row in summary.rows))
    if summary.predictions:
        write_csv(
            folder / f"{summary.lesson}-predictions.csv",
            ["question", "prediction", "student"],
            ((prediction.question, prediction.guess, prediction.student) for prediction in summary.predictions),
        )
    write_csv(
        folder / f"{summary.lesson}-misconceptions.csv",
        ["exercise", "misconception", "sentence", "submissions", "students"],
        (
            (mistake.exercise, mistake.name, mistake.sentence, len(mistake.students), " ".join(mistake.students))
            for mistake in (*summary.mistakes, *summary.unnamed)
        ),
    )


def _table_row(row: Row, names: Sequence[str]) -> list:
    cells = [
        row.student,
        row.name,
        row.submitted,
        row.score,
        row.max_score,
        row.late,
        round(row.seconds, 3),
        row.assurance,
    ]
    cells += [" | ".join(row.reasons), " | ".join(row.notes)]
    return [*cells, *(row.points.get(name) for name in names), *(row.diagnoses.get(name, "") for name in names)]


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(TEMPLATES / "report")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["coded"] = lambda text: Markup(marked_up(text))
    script = (TEMPLATES / "report" / "sort.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made.globals["sort"] = {"text": Markup(script), "digest": Markup(f"sha256-{digest}")}
    made.filters["number"] = lambda value: f"{value:.2f}".rstrip("0").rstrip(".")
    return made


def _template(name: str):
    return _environment().get_template(f"{name}.html.j2")


def _now() -> str:
    return f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
