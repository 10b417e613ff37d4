"""What a class predicted: the guesses in the submitted notebooks, `predict("it grows", "the question")`.

They are read from the text, and nothing of a submission is run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograde.grading.notebook.read import Unreadable, read_submission

_LONGEST = 300  # characters of a guess


@dataclass(frozen=True)
class Prediction:
    """One guess: `question` is what the lesson calls it, or its number in the notebook."""

    student: str
    question: str
    guess: str


def of_class(files: Iterable[tuple[str, Path]]) -> list[Prediction]:
    """The guesses in these notebooks, (student, file); a file that cannot be read has none."""
    found = []
    for student, file in files:
        try:
            sources = [cell.source for cell in read_submission(file).cells if cell.kind == "code"]
        except (Unreadable, OSError):
            continue
        found += [Prediction(student, question, guess) for question, guess in guesses(sources)]
    return sorted(found, key=lambda prediction: (prediction.question, prediction.guess.casefold(), prediction.student))


def guesses(sources: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(question, guess) of the cells of one notebook, in their order; an empty guess is none."""
    number = 0
    for source in sources:
        for text, about in _calls(source) if "predict(" in source else ():
            number += 1
            if text.strip():
                yield about or f"prediction {number}", " ".join(text.split())[:_LONGEST]


def _calls(source: str) -> Iterator[tuple[str, str]]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in body:
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _predicts(node.value)):
            continue
        parts = [*node.value.args, *(keyword.value for keyword in node.value.keywords if keyword.arg == "about")]
        texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if texts and len(texts) == len(parts):
            yield texts[0], texts[1] if len(texts) > 1 else ""


def _predicts(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "predict"
