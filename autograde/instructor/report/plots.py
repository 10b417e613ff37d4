"""The report's figures: every one says with marks, patterns or numbers what it says with colour.

A figure is an SVG whose ink and paper follow the reader's light or dark colours. As a picture of the page it can run
nothing, whatever an exercise is called.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from autograde.course.text import counted
from autograde.instructor.report.summary import OUTCOMES, PARTLY, Summary
from autograde.judge.verdict import STATE_COLOURS
from helpers.figures import COLOURS, new

_HATCHES = ("", "//", "xx", "..", "--")
_OUTCOME_COLOURS = {**STATE_COLOURS, PARTLY: COLOURS[4]}  # as at the check itself
MOST_BARS = 12
# as the page's own; without a fill of its own, text is black
_INK_AND_PAPER = """<style>:root { --ink: #1a1a1a; --paper: #fff; fill: var(--ink) }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #121212 } }</style>
"""


@dataclass(frozen=True)
class Drawing:
    """`data` is the SVG, in base64; `alt` says the same in words."""

    alt: str
    data: str


def drawn(figure: Figure, alt: str) -> Drawing:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    svg = out.getvalue().replace("#000000", "var(--ink)").replace("#ffffff", "var(--paper)")
    svg = svg.replace("<defs>", f"{_INK_AND_PAPER}<defs>", 1)
    return Drawing(alt, base64.b64encode(svg.encode()).decode())


def _plain(text: str) -> str:
    """A label in which no dollar begins a formula."""
    return (text if len(text) <= 60 else text[:59] + "…").replace("$", r"\$")


def points(summary: Summary) -> Drawing:
    """How many submissions have how many points."""
    scores = [row.score for row in summary.rows]
    max_score = max(summary.max_score, *scores, 1.0)
    bins = np.linspace(0, max_score, min(20, max(5, round(max_score))) + 1)
    figure, axes = new(size=(8, 3))
    axes.hist(scores, bins=bins, color=COLOURS[0], edgecolor="white")
    middle = median(scores)
    axes.axvline(middle, color="black", linestyle="--", label=f"median {middle:g}")
    axes.set(xlabel=f"points (of {summary.max_score:g})", ylabel="submissions", xlim=(0, max_score))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    full = sum(score >= summary.max_score for score in scores)
    return drawn(
        figure,
        f"Histogram of the points of {counted(len(scores), 'submission')}: from {min(scores):g} to {max(scores):g} of "
        f"{summary.max_score:g}, median {middle:g}; {full} have full points.",
    )


def outcomes(summary: Summary) -> Drawing:
    """What became of each exercise, as shares of the class."""
    parts = list(summary.parts.values())
    figure, axes = new(size=(8, 0.9 + 0.36 * len(parts)))
    places, left = np.arange(len(parts)), np.zeros(len(parts))
    for outcome, hatch in zip(OUTCOMES, _HATCHES, strict=True):
        shares = np.array([part.outcomes[outcome] / max(1, part.count) for part in parts])
        bars = axes.barh(
            places, shares, left=left, label=outcome, color=_OUTCOME_COLOURS[outcome], hatch=hatch, edgecolor="white"
        )
        for bar, share in zip(bars, shares, strict=True):
            if share >= 0.08:
                place = bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height() / 2
                style = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}
                axes.text(*place, f"{share:.0%}", ha="center", va="center", fontsize=9, bbox=style)
        left += shares
    axes.set_yticks(places, [_plain(summary.label(part.name)) for part in parts])
    axes.invert_yaxis()
    axes.set(xlabel="share of the submissions", ylabel="exercise", xlim=(0, 1))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(ncols=5, frameon=False, loc="lower center", bbox_to_anchor=(0.4, 1.0), fontsize=9)
    words = "; ".join(f"{summary.label(part.name)} {part.pass_rate:.0%}" for part in parts)
    return drawn(figure, f"Bars for each exercise: the share of submissions that passed it. {words}.")


def mistakes(summary: Summary) -> Drawing:
    """The most frequent misconceptions of the class."""
    top = summary.mistakes[:MOST_BARS]
    counts = [len(mistake.students) for mistake in top]
    figure, axes = new(size=(8, max(1.7, 0.8 + 0.32 * len(top))))
    bars = axes.barh(range(len(top)), counts, color=COLOURS[1])
    axes.bar_label(bars, padding=3)
    names = [f"{summary.number(mistake.exercise)} {mistake.name}" for mistake in top]
    axes.set_yticks(range(len(top)), [_plain(name) for name in names])
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="submissions", ylabel="misconception")
    words = "; ".join(f"{name}: {count}" for name, count in zip(names, counts, strict=True))
    return drawn(figure, f"Bars for the most frequent misconceptions, by number of submissions. {words}.")


def lessons(summaries: Sequence[Summary]) -> Drawing:
    """The class over the lessons: the middle half of the points and their median, and how many have handed in."""
    figure, (above, below) = new(2, 1, size=(8, 4.6), height_ratios=(2, 1), sharex=True)
    places, words = range(len(summaries)), []
    for place, summary in zip(places, summaries, strict=True):
        shares = [row.score / (row.max_score or 1.0) for row in summary.rows]
        low, middle, high = np.quantile(shares, [0.25, 0.5, 0.75])
        above.vlines(place, low, high, color=COLOURS[0], linewidth=10)
        above.plot(place, middle, "k_", markersize=18, markeredgewidth=2)
        bars = below.bar(place, len(shares), color=COLOURS[2], width=0.6)
        below.bar_label(bars, padding=2, fontsize=9)
        words.append(f"{summary.title}: median {middle:.0%}, middle half {low:.0%} to {high:.0%}, {len(shares)}")
    above.set(ylim=(0, 1.05), ylabel="share of the points")
    above.yaxis.set_major_formatter(PercentFormatter(1))
    below.set(ylabel="submissions", xlabel="lesson")
    below.set_xticks(places, [summary.title.split(" ")[0] for summary in summaries])
    below.margins(y=0.25)
    below.yaxis.set_major_locator(MaxNLocator(integer=True))
    return drawn(figure, f"For each lesson the points (a line at the median) and the submissions. {'; '.join(words)}.")


def seconds(summary: Summary) -> Drawing:
    """How long the grading of a submission took."""
    times = [row.seconds for row in summary.rows]
    figure, axes = new(size=(8, 2.4))
    axes.hist(times, bins=20, color=COLOURS[2], edgecolor="white")
    axes.set(xlabel="seconds of grading", ylabel="submissions", xlim=(0, None))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return drawn(
        figure,
        f"Histogram of the grading time of {counted(len(times), 'submission')}: median {median(times):.2g} seconds, "
        f"longest {max(times):.2g} seconds.",
    )
