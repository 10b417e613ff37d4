"""Check cells: which exercise they check, and what they show."""

from __future__ import annotations

import ast
import re

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograde.course.notebooks import grade_id, nbgrader_data
from autograde.exercise import Exercise
from autograde.exercises import exercise as find_exercise
from autograde.judge.verdict import ERROR, Verdict


def checked_exercise(cell: NotebookNode) -> Exercise | None:
    """The exercise that a cell checks: a grade cell whose only statement is `check("name")`."""
    data = nbgrader_data(cell)
    if cell.cell_type != "code" or not data.get("grade") or data.get("solution"):
        return None
    try:
        body = ast.parse(cell.source).body
    except (SyntaxError, ValueError):
        return None
    match body:
        case [ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(str(name))], []))]:
            try:
                return find_exercise(name)
            except KeyError:
                return None
    return None


def answer_source(notebook: NotebookNode, exercise: Exercise) -> str | None:
    """The text of the cell with the answer to an exercise: the last one before the check that defines it, else the one
    for it."""
    defines = re.compile(rf"^(?:async def|def|class)[ \t]+{re.escape(exercise.name)}\b", re.MULTILINE)
    source = None
    for cell in notebook.cells:
        if checked_exercise(cell) is exercise:
            break
        if cell.cell_type == "code" and (grade_id(cell) == exercise.name or defines.search(cell.source)):
            source = cell.source
    return source


def refused(exercise: Exercise, reason: str) -> Verdict:
    """No complete answer: no points, with the reason."""
    return Verdict(exercise.name, False, ERROR, 0.0, advice=reason, points=exercise.points)


def outputs(verdict: Verdict) -> list[NotebookNode]:
    """What the check shows; an error output with it unless everything passed, as in a learner's notebook."""
    shown = [new_output("display_data", {"text/html": verdict.html, "text/plain": verdict.message})]
    return shown if verdict.passed else [*shown, error_output("CheckFailed", verdict.summary)]


def error_output(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[text])
