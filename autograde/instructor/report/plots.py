"""The report's figures: every one says with marks, patterns or numbers what it says with colour."""

from __future__ import annotations

from statistics import median

import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from autograde.instructor.report.summary import OUTCOMES, PARTLY, Summary
from autograde.judge.verdict import STATE_COLOURS
from helpers.figures import COLOURS, Picture, new, show

_HATCHES = ("", "//", "xx", "..", "--")
_OUTCOME_COLOURS = {**STATE_COLOURS, PARTLY: COLOURS[4]}  # as at the check itself
MOST_BARS = 12


def _plain(text: str) -> str:
    """A label in which no dollar begins a formula."""
    return (text if len(text) <= 60 else text[:59] + "…").replace("$", r"\$")


def points(summary: Summary) -> Picture:
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
    return show(
        figure,
        f"Histogram of the points of {len(scores)} submissions: from {min(scores):g} to {max(scores):g} of "
        f"{summary.max_score:g}, median {middle:g}; {full} have full points.",
    )


def outcomes(summary: Summary) -> Picture:
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
                axes.text(*place, f"{share:.0%}", ha="center", va="center", fontsize=8, bbox=style)
        left += shares
    axes.set_yticks(places, [_plain(part.name) for part in parts])
    axes.invert_yaxis()
    axes.set(xlabel="share of the submissions", ylabel="exercise", xlim=(0, 1))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(ncols=5, frameon=False, loc="lower center", bbox_to_anchor=(0.4, 1.0), fontsize=9)
    words = "; ".join(f"{part.name} {part.pass_rate:.0%}" for part in parts)
    return show(figure, f"Bars for each exercise: the share of submissions that passed it. {words}.")


def mistakes(summary: Summary) -> Picture:
    """The most frequent misconceptions of the class."""
    top = summary.mistakes[:MOST_BARS]
    counts = [len(one.students) for one in top]
    figure, axes = new(size=(8, 0.8 + 0.32 * len(top)))
    bars = axes.barh(range(len(top)), counts, color=COLOURS[1])
    axes.bar_label(bars, padding=3)
    axes.set_yticks(range(len(top)), [_plain(f"{one.exercise}: {one.name}") for one in top])
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="submissions", ylabel="misconception")
    words = "; ".join(f"{one.exercise}, {one.name}: {count}" for one, count in zip(top, counts, strict=True))
    return show(figure, f"Bars for the most frequent misconceptions, by number of submissions. {words}.")


def seconds(summary: Summary) -> Picture:
    """How long the grading of a submission took."""
    times = [row.seconds for row in summary.rows]
    figure, axes = new(size=(8, 2.4))
    axes.hist(times, bins=20, color=COLOURS[2], edgecolor="white")
    axes.set(xlabel="seconds of grading", ylabel="submissions", xlim=(0, None))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return show(
        figure,
        f"Histogram of the grading time of {len(times)} submissions: median {median(times):.2g} seconds, "
        f"longest {max(times):.2g} seconds.",
    )
