"""`course report`: a page and tables about what a class did in a lesson, under classroom/report/."""

from __future__ import annotations

import base64
import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from statistics import mean, median

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograde.course import class_data, notebooks
from autograde.course.errors import CourseError
from autograde.course.lessons import GRADED
from autograde.grading.records.course import Course
from autograde.instructor.pages import TEMPLATES
from autograde.instructor.report import grades, plots, predictions
from autograde.instructor.report.summary import Summary, summarize
from autograde.instructor.report.tables import write_csv
from autograde.judge.verdict import marked_up
from helpers.figures import Picture

MOST_NAMES = 40  # names after a misconception on the page; the table has all
MOST_ROWS = 500  # submissions in a table of the page


def report(course: Course, lessons: Sequence[str] | None = None) -> list[Path]:
    """Write the page and the tables of these lessons (default: all, with an overview); returns the pages."""
    chosen = list(lessons) if lessons else _graded(course)
    folder = class_data.folder("report")
    if not chosen:
        raise CourseError("No submission has been graded yet. Run `course grade` first.")
    written, summaries = [], []
    for lesson in chosen:
        summary = summarize(course.results, lesson, grades.read(course, lesson))
        if not summary.rows and not summary.not_graded:
            raise CourseError(f"No submission of {lesson} has been graded yet. Run `course grade {lesson}` first.")
        files = [(row.student, course.submitted(row.student, lesson) / f"{lesson}.ipynb") for row in summary.rows]
        summary.predictions = predictions.of_class(files)
        file = folder / f"{lesson}.html"
        notebooks.write(file, render(summary))
        write_tables(summary, folder)
        written.append(file)
        summaries.append(summary)
    if not lessons:
        written.insert(0, folder / "all.html")
        notebooks.write(written[0], _template("overview").render(lessons=[_line(one) for one in summaries], now=_now()))
    return written


def _graded(course: Course) -> list[str]:
    """The lessons that have records: the course's in their order, then an instructor's own."""
    known = [lesson.name for lesson in GRADED]
    found = {file.name for file in course.results.glob("*") if file.is_dir() and any(file.rglob("*.jsonl"))}
    return [name for name in known if name in found] + sorted(found - set(known))


def render(summary: Summary) -> str:
    """The page of one lesson: one file, no script, nothing from elsewhere."""
    figures = {}
    if summary.rows:
        figures = {"points": plots.points(summary), "seconds": plots.seconds(summary)}
        if summary.parts:
            figures["outcomes"] = plots.outcomes(summary)
        if summary.mistakes:
            figures["mistakes"] = plots.mistakes(summary)
    return _template("lesson").render(
        one=summary,
        line=_line(summary),
        figures={name: _figure(picture) for name, picture in figures.items()},
        times=_times([row.seconds for row in summary.rows]),
        rows=summary.rows[:MOST_ROWS],
        reviews=summary.reviews[:MOST_ROWS],
        noted=[row for row in summary.rows if row.notes][:MOST_ROWS],
        predictions=_by_question(summary),
        most_names=MOST_NAMES,
        now=_now(),
    )


def _by_question(summary: Summary) -> dict[str, dict[str, int]]:
    """{question: {guess: how many}}, the most frequent guess first."""
    counts: dict[str, Counter[str]] = {}
    for one in summary.predictions:
        counts.setdefault(one.question, Counter())[one.guess] += 1
    return {question: dict(count.most_common(MOST_NAMES)) for question, count in counts.items()}


def _line(summary: Summary) -> dict:
    """One lesson in numbers, for the overview."""
    scores = [row.score for row in summary.rows]
    return {
        "lesson": summary.lesson,
        "count": len(scores),
        "max_score": summary.max_score,
        "mean": mean(scores) if scores else 0.0,
        "median": median(scores) if scores else 0.0,
        "full": sum(score >= summary.max_score for score in scores),
        "reviews": len(summary.reviews),
        "late": sum(row.late > 0 for row in summary.rows),
        "first": summary.mistakes[0] if summary.mistakes else None,
    }


def _times(seconds: list[float]) -> dict:
    if not seconds:
        return {}
    return {"total": sum(seconds), "median": median(seconds), "longest": max(seconds)}


def write_tables(summary: Summary, folder: Path) -> None:
    """LESSON.csv has a row for each submission, LESSON-misconceptions.csv one for each misconception, and
    LESSON-predictions.csv, where there are any, one for each guess."""
    names = list(summary.parts)
    header = ["student", "name", "submitted", "score", "max_score", "late_penalty", "seconds", "assurance"]
    header += ["needs_review", "notes"]
    header += [f"{name} (points)" for name in names] + [f"{name} (misconception)" for name in names]
    write_csv(folder / f"{summary.lesson}.csv", header, (_table_row(row, names) for row in summary.rows))
    if summary.predictions:
        write_csv(
            folder / f"{summary.lesson}-predictions.csv",
            ["question", "prediction", "student"],
            ((one.question, one.guess, one.student) for one in summary.predictions),
        )
    write_csv(
        folder / f"{summary.lesson}-misconceptions.csv",
        ["exercise", "misconception", "sentence", "submissions", "students"],
        ((one.exercise, one.name, one.sentence, len(one.students), " ".join(one.students)) for one in summary.mistakes),
    )


def _table_row(row, names: Iterable[str]) -> list:
    names = list(names)
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
    made.filters["number"] = lambda value: f"{value:.2f}".rstrip("0").rstrip(".")
    return made


def _template(name: str):
    return _environment().get_template(f"{name}.html.j2")


def _figure(picture: Picture) -> dict:
    return {"alt": picture.alt, "data": base64.b64encode(picture.png).decode()}


def _now() -> str:
    return f"{datetime.datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
