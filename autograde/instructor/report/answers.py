"""What the class wrote where it is not right: the code beside each mistake, from the graded notebooks.

The code is text; nothing of it is run.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from autograde.grading.notebook.read import Unreadable, read_submission
from autograde.instructor.report.summary import Mistake, Summary, Written

LONGEST = 4_000  # characters of an answer


def add_code(summary: Summary, files: Mapping[str, Path]) -> None:
    """Fill `code` of each mistake, the most frequent first. `files` has the graded notebook of each student; one that
    cannot be read has no code."""
    by_student: dict[str, list[Mistake]] = defaultdict(list)
    for mistake in (*summary.mistakes, *summary.unnamed):
        for student in mistake.students:
            by_student[student].append(mistake)
    found: dict[int, dict[str, Written]] = defaultdict(dict)
    for student, mistakes in by_student.items():
        try:
            cells = read_submission(files[student]).cells
        except (Unreadable, OSError, KeyError):
            continue
        sources = {cell.grade_id: cell.source.strip("\n") for cell in cells if cell.kind == "code"}
        for mistake in mistakes:
            if source := sources.get(mistake.exercise, ""):
                same = found[id(mistake)].setdefault(_form(source), Written(source[:LONGEST]))
                same.students.append(student)
    for mistake in (*summary.mistakes, *summary.unnamed):
        mistake.code = sorted(found[id(mistake)].values(), key=lambda written: -len(written.students))


def _form(source: str) -> str:
    """Equal for two answers that differ in comments and spaces only."""
    try:
        return ast.unparse(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
