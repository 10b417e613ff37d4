"""What `course grade` shows while it grades, and at the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from statistics import median
from typing import TextIO

from tqdm import tqdm

from autograde.course.text import counted, first_few
from autograde.grading.classes.schedule import GRADED, NOT_GRADED, UNCHANGED, WRITTEN, Outcome

NAMES_SHOWN = 4  # of those being graded
MOST_REVIEWS = 3  # reasons for a review that are shown of one submission


class Progress:
    """A bar with the time left on a terminal, else a line for each submission; then a table. Keeps two lines of text
    for each submission and nothing else."""

    def __init__(self, lesson: str, stream: TextIO | None = None) -> None:
        self.lesson = lesson
        self.stream = stream or sys.stderr
        self.total = 0
        self._bar: tqdm | None = None
        self._current: list[str] = []
        self._rows: list[tuple[str, str]] = []
        self._reviews: list[tuple[str, str]] = []
        self._states: Counter[str] = Counter()
        self._scores: list[float] = []
        self._max_score = 0.0
        self._assurance: Counter[str] = Counter()
        self._late = 0  # with a penalty
        self._penalties = 0  # that changed though the submission did not
        self._begun = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, total: int) -> None:
        self.total = total
        if self.stream.isatty():
            self._bar = tqdm(total=total, desc=self.lesson, unit="submission", file=self.stream, dynamic_ncols=True)

    def current(self, students: list[str]) -> None:
        """These are being graded now."""
        self._current = students
        if self._bar is not None:
            self._bar.set_postfix_str(first_few(students, NAMES_SHOWN))

    def add(self, outcome: Outcome) -> None:
        self._states[outcome.state] += 1
        self._penalties += _penalty_changed(outcome)
        if outcome.assurance:
            self._assurance[outcome.assurance] += 1
        if outcome.state != NOT_GRADED:
            self._scores.append(max(0.0, outcome.score - outcome.late))
            self._late += bool(outcome.late)
            self._max_score = max(self._max_score, outcome.max_score)
        line = f"{outcome.score:6.2f} of {outcome.max_score:g}  {_remarks(outcome)}".rstrip()
        self._rows.append((outcome.student, line))
        if outcome.review:
            self._reviews.append((outcome.student, _reason(outcome)))
        if self._bar is not None:
            self._bar.update()
        else:
            done = len(self._rows)
            left = (time.monotonic() - self._begun) / done * (self.total - done)
            waiting = f", about {_time(left)} left" if done < self.total else ""
            others = first_few([name for name in self._current if name != outcome.student], NAMES_SHOWN)
            current = f"; being graded: {others}" if others else ""
            line = f"{done} of {self.total}{waiting}: {outcome.student}, {outcome.state}{current}"
            print(line, file=self.stream, flush=True)

    @property
    def status(self) -> int:
        """0, or 1 where a submission could not be graded."""
        return 1 if self._states[NOT_GRADED] else 0

    def summary(self) -> list[str]:
        width = max((len(student) for student, _ in self._rows), default=0)
        lines = [f"{student:<{width}}  {line}" for student, line in sorted(self._rows)]
        if self._reviews:
            lines += ["", f"Needs manual review ({len(self._reviews)}):"]
            lines += [f"  {student}: {reason}" for student, reason in sorted(self._reviews)]
        counts = [
            f"{self._states[state]} {state}"
            for state in (GRADED, UNCHANGED, WRITTEN, NOT_GRADED)
            if self._states[state]
        ]
        lines += ["", f"{self.lesson}: {', '.join(counts)}."]
        if self._penalties:
            why = "a due date, an extension, the rule, a time of submission or points by hand"
            lines.append(f"Late penalties changed: {self._penalties} (by {why}).")
        lines += [
            f"Isolation: {level} ({counted(count, 'submission')})." for level, count in sorted(self._assurance.items())
        ]
        if self._scores:
            lines.append(self._class())
        return lines

    def _class(self) -> str:
        """The class, or the one submission, in one line, and what is next."""
        full = sum(score >= self._max_score for score in self._scores)
        number = self.lesson[:2].lstrip("0")
        known = number if number.isdecimal() else self.lesson
        late = " after late penalties" if self._late else ""
        line = f"Median {median(self._scores):g} of {self._max_score:g} points{late}, {full} with full points, "
        line += f"{len(self._reviews)} to look at"
        if len(self._scores) == 1:
            line = f"{self._scores[0]:g} of {self._max_score:g} points{late}{', to look at' if self._reviews else ''}"
        return f"{line}. Next: `course report {known}`, then `course feedback {known}`."


def _remarks(outcome: Outcome) -> str:
    remarks = [outcome.problem] if outcome.problem else []
    remarks += ["needs review"] if outcome.review and not outcome.problem else []
    if outcome.late or _penalty_changed(outcome):
        before = f" ({outcome.late_before:g} before)" if _penalty_changed(outcome) else ""
        remarks.append(f"late, {outcome.late:g} points off{before}" if outcome.late else f"no late penalty{before}")
    return "; ".join(remark.removesuffix(".") for remark in [*remarks, *outcome.notes])


def _penalty_changed(outcome: Outcome) -> bool:
    return outcome.late_before is not None and abs(outcome.late_before - outcome.late) > 1e-9


def _reason(outcome: Outcome) -> str:
    if outcome.problem:
        return f"not graded: {outcome.problem}"
    more = len(outcome.reviews) - MOST_REVIEWS
    reasons = [*outcome.reviews[:MOST_REVIEWS], *([f"and {more} more"] if more > 0 else [])]
    return "; ".join(reasons) or "an answer changed after it was graded by hand"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"
