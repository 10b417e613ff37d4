"""Check cells: which exercise they check, and what they show."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograde.course.notebooks import grade_id, nbgrader_data
from autograde.exercise import Exercise
from autograde.exercises import exercise as find_exercise
from autograde.exercises import modules
from autograde.judge.verdict import ERROR, NOT_STARTED, SHOWN_ABOVE, Verdict


def checked_exercise(cell: NotebookNode) -> Exercise | None:
    """The exercise that a cell checks."""
    name = checked_name(cell)
    return None if name is None else find_exercise(name)


def checked_name(cell: NotebookNode) -> str | None:
    """The name of the exercise that a cell checks: a grade cell whose only statement is `check("name")`."""
    data = nbgrader_data(cell)
    if cell.cell_type != "code" or not data.get("grade") or data.get("solution"):
        return None
    try:
        body = ast.parse(cell.source).body
    except (SyntaxError, ValueError):
        return None
    match body:
        case [ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(str(name))], []))]:
            return name if name in modules() else None
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
    return Verdict(name=exercise.name, passed=False, state=ERROR, score=0.0, advice=reason, points=exercise.points)


_SYNTAX = re.compile(r"(\w+Error): (.*) \(.*, line (\d+)\)")  # how IPython shows that a cell is not Python


def undefined(notebook: NotebookNode, exercise: Exercise, failed: str) -> Verdict:
    """There is no object of that name when its check runs; `failed` is the error of the cell that should define it."""
    advice = f"`{exercise.name}` is not defined when this check runs."
    if not failed:
        return Verdict(
            name=exercise.name, passed=False, state=NOT_STARTED, score=0.0, advice=advice, points=exercise.points
        )
    syntax = _SYNTAX.fullmatch(failed)
    if syntax is None:
        return refused(exercise, f"{advice} The cell that should define it failed: {failed}")
    kind, text, number = syntax[1], syntax[2], int(syntax[3])
    lines = (answer_source(notebook, exercise) or "").splitlines()
    shown = f": {lines[number - 1].strip()}" if 0 < number <= len(lines) else ""
    advice = f"The cell cannot run: {kind} in line {number}, {text}."
    return replace(refused(exercise, advice), facts=(("In your code", f"line {number}{shown}"),))


def outputs(verdict: Verdict) -> list[NotebookNode]:
    """What the check shows; an error output with it unless everything passed, as in a learner's notebook."""
    shown = [new_output("display_data", {"text/html": verdict.html, "text/plain": verdict.message})]
    return shown if verdict.passed else [*shown, error_output("CheckFailed", verdict.summary, SHOWN_ABOVE)]


def text_output(text: str) -> NotebookNode:
    """A sentence of the grader, under each cell that is not run. To validate it would take a tenth of a worker's
    time."""
    return NotebookNode(output_type="stream", name="stdout", text=text)


def error_output(name: str, text: str, shown: str = "") -> NotebookNode:
    """An error; `shown` is what a page shows in place of its text."""
    return new_output("error", ename=name, evalue=text, traceback=[shown or text])
