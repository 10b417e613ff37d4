"""A guess before an experiment, kept and shown beside its result."""

from __future__ import annotations

from typing import Any

from autograde.judge.verdict import NOT_STARTED, PASSED, card, marked_up
from autograde.learner.display import show

_kept: list[str] = []


def predict(text: Any = None, about: str = "") -> None:
    """Keep a guess; without a text, show the one that was kept last.

    `about` names the question, for an instructor who looks at the guesses of a class. It decides no points, and
    nothing is said about a guess.
    """
    if text is None:
        if _kept:
            show(card(PASSED, "You predicted", [marked_up(_kept[-1])], sign="☞"), f"☞ You predicted: {_kept[-1]}")
        return
    guess = "" if text is ... else str(text).strip()
    if not guess:
        _kept.clear()
        advice = "Write your guess between the quotes and run this cell; then go on."
        show(card(NOT_STARTED, "no prediction yet", [advice]), f"○ no prediction yet\n{advice}")
        return
    _kept[:] = [guess]
    show(card(PASSED, "Kept", [marked_up(guess)]), f"✓ Kept: {guess}")
