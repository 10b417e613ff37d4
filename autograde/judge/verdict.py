"""The result of a check, for people (text, HTML) and for programs (fields)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

PASSED, FAILED, ERROR, NOT_STARTED = "passed", "failed", "error", "not started"
# kinds of evidence for a diagnosis: a wrong answer of the catalogue, the data, the learner's source
MISCONCEPTION, RELATION, SOURCE = "misconception", "relation", "source"

# one sign and one word for each state: no meaning only by colour
SIGNS = {PASSED: "✓", FAILED: "✗", ERROR: "⚠", NOT_STARTED: "○"}
HEADS = {
    PASSED: "passed",
    FAILED: "not right yet",
    ERROR: "stopped by an error",
    NOT_STARTED: "not started",
}
STATE_COLOURS = {PASSED: "#0072B2", FAILED: "#D55E00", ERROR: "#CC79A7", NOT_STARTED: "#999999"}
SHOWN_ABOVE = "The result of this check is above."  # in place of a traceback, which would say it again
# styles of the table of facts; without them JupyterLab stripes its rows
_ROW = "background:transparent"
_LABEL = "text-align:left;vertical-align:top;padding:0 1em 0 0;font-weight:600;white-space:nowrap"
_FACT = "text-align:left;vertical-align:top;padding:0"
# JupyterLab breaks a long line anywhere, also within a word
_TEXT = "margin:0;padding:0;background:transparent;white-space:pre-wrap;word-break:normal"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a check found.

    name       the exercise
    passed     True if everything is right
    state      "passed", "failed", "error" (the code raised) or "not started"
    score      share of the points, 0 to 1
    diagnosis  what is wrong, in a few words: the name of a misconception, or a fact about result or source; or None
    evidence   MISCONCEPTION, RELATION or SOURCE where there is a diagnosis
    message    the whole result as plain text
    advice     what to look at, the first sentence of the message
    facts      (label, text) rows: call, expected, got, ...
    carried    earlier exercises that the answer uses and that are not right yet; it passes with these mended
    """

    name: str
    passed: bool
    state: str
    score: float
    diagnosis: str | None = None
    advice: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    evidence: str = ""
    points: float | None = field(default=None, compare=False)
    carried: tuple[str, ...] = ()

    @property
    def misconception(self) -> str | None:
        """The diagnosis where it is the catalogue's, which is probable; facts speak for themselves in `advice`."""
        return self.diagnosis if self.evidence == MISCONCEPTION else None

    @property
    def headline(self) -> str:
        text = f"{SIGNS[self.state]} {self.name}: {HEADS[self.state]}"
        if not self.passed and self.score > 0:
            text += f" ({self.score:.0%} of the points)"
        return text

    @property
    def message(self) -> str:
        lines = [self.headline]
        if self.misconception:
            lines.append(f"Probably: {self.misconception}.")
        if self.advice:
            lines.append(self.advice)
        width = max((len(label) for label, _ in self.facts), default=0)
        for label, text in self.facts:
            first, *rest = text.split("\n")
            lines.append(f"  {label:<{width}}  {first}".rstrip())
            lines += [f"  {'':<{width}}  {line}".rstrip() for line in rest]
        return "\n".join(lines)

    @property
    def summary(self) -> str:
        """One line, for lists and for a short traceback."""
        words = [f"{self.headline}."]
        if self.misconception:
            words.append(f"Probably: {self.misconception}.")
        if self.advice:
            words.append(self.advice)
        return " ".join(words)

    @property
    def html(self) -> str:
        """A box that reads the same in a light and a dark theme, with every text escaped."""
        parts = [f"<strong>{escape(self.headline)}</strong>"]
        if self.misconception:
            parts.append(f"<div>Probably: <strong>{escape(self.misconception)}</strong>.</div>")
        if self.advice:
            parts.append(f"<div>{marked_up(self.advice)}</div>")
        if self.facts:
            rows = "".join(
                f'<tr style="{_ROW}"><th scope="row" style="{_LABEL}">{escape(label)}</th>'
                f'<td style="{_FACT}"><pre style="{_TEXT}">{escape(text)}</pre></td></tr>'
                for label, text in self.facts
            )
            parts.append(f'<table style="margin:.4em 0 0 0;color:inherit">{rows}</table>')
        return _framed(self.state, "".join(parts))


def tally(verdicts: Sequence[Verdict]) -> str:
    """ "2 of 5 exercises passed, 3.5 of 9 points."."""
    passed = sum(verdict.passed for verdict in verdicts)
    points = sum(round(verdict.score * (verdict.points or 0), 2) for verdict in verdicts)
    total = sum(verdict.points or 0 for verdict in verdicts)
    return f"{passed} of {len(verdicts)} exercises passed, {points:g} of {total:g} points."


def card(state: str, headline: str, sentences: Sequence[str], sign: str = "") -> str:
    """A box like that of a verdict: a state by its sign and its colour, a headline, and sentences that are HTML."""
    head = f"<strong>{sign or SIGNS[state]} {escape(headline)}</strong>"
    return _framed(state, head + "".join(f"<div>{sentence}</div>" for sentence in sentences))


def _framed(state: str, content: str) -> str:
    style = f"border-left:6px solid {STATE_COLOURS[state]};padding:.4em .8em;margin:.2em 0"
    return f'<div class="course-check" role="status" style="{style}">{content}</div>'


def marked_up(text: str) -> str:
    """Text as HTML, with `code` and *emphasis*, the two marks that a catalogue's sentences use; a backtick without its
    partner leaves all as it is."""
    text = escape(text)
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return text
    return "".join(f"<code>{piece}</code>" if i % 2 else _emphasis(piece) for i, piece in enumerate(pieces))


def _emphasis(text: str) -> str:
    return re.sub(r"(?<!\*)\*([A-Za-z](?:[^*]*[A-Za-z])?)\*(?!\*)", r"<em>\1</em>", text)
