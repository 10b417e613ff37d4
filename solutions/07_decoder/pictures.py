"""The pictures that this lesson's text shows."""

from itertools import pairwise

from matplotlib.patches import FancyBboxPatch

from helpers.figures import COLOURS, new, show

BLUE, ORANGE, GREEN, GREY = COLOURS[0], COLOURS[1], COLOURS[2], "#555555"


def _box(axes, x, y, text, colour, width=2.6, height=0.62, bold=False):
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0.02,rounding_size=0.1",
            facecolor="white",
            edgecolor=colour,
            linewidth=2.4 if bold else 1.4,
        )
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=9)


def _arrow(axes, start, end, colour="black", text="", at=None, dashes="-"):
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "linestyle": dashes, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)
    if text:
        axes.text(*at, text, ha="center", va="bottom", fontsize=9, color=colour)


def whole_model():
    figure, axes = new(size=(10, 5.6))
    left, right = 2.2, 7.2
    rows = [0.5, 1.4, 2.5, 3.4, 4.3, 5.4, 6.3]
    axes.text(left, -0.35, "the dog bites the man", ha="center", fontsize=10)
    family = ["DejaVu Sans", "Course Hangul"]
    axes.text(right, -0.35, "<bos> 개가 남자를 물어요", ha="center", fontsize=10, family=family)
    _box(axes, left, rows[0], "source embedding", GREY)
    _box(axes, left, rows[1], "+ position", GREY)
    _box(axes, left, rows[2], "self-attention", BLUE)
    _box(axes, left, rows[3], "feed-forward", BLUE)
    _box(axes, left, rows[4], "memory", BLUE, bold=True)
    _box(axes, right, rows[0], "target embedding", GREY)
    _box(axes, right, rows[1], "+ position", GREY)
    _box(axes, right, rows[2], "1  masked self-attention", ORANGE)
    _box(axes, right, rows[3], "2  cross-attention", ORANGE, bold=True)
    _box(axes, right, rows[4], "3  feed-forward", ORANGE)
    _box(axes, right, rows[5], "× target embedding", GREY)
    _box(axes, right, rows[6], "logits of the next words", GREEN, bold=True)
    for x, count in ((left, 5), (right, 7)):
        for low, high in pairwise(rows[:count]):
            _arrow(axes, (x, low + 0.33), (x, high - 0.33))
    axes.plot([left + 1.33, 4.6, 4.6], [rows[4], rows[4], rows[3]], color=BLUE, linewidth=1.6)
    _arrow(axes, (4.6, rows[3]), (right - 1.33, rows[3]), BLUE, "key, value", (5.1, rows[3] + 0.06))
    axes.text(right + 0.12, (rows[2] + rows[3]) / 2, "query", color=ORANGE, fontsize=9, va="center")
    for x, low, high, colour, name in (
        (left, rows[2], rows[3], BLUE, "encoder\nlayer × N"),
        (right, rows[2], rows[4], ORANGE, "decoder\nlayer × N"),
    ):
        axes.add_patch(
            FancyBboxPatch(
                (x - 1.55, low - 0.45),
                3.1,
                high - low + 0.9,
                boxstyle="round,pad=0.02,rounding_size=0.1",
                facecolor="none",
                edgecolor=colour,
                linestyle="--",
            )
        )
        side = x - 1.7 if x == left else x + 1.7
        axes.text(side, (low + high) / 2, name, ha="right" if x == left else "left", va="center", color=colour)
    axes.set(xlim=(-0.6, 10), ylim=(-0.7, 6.8))
    axes.axis("off")
    return show(
        figure,
        alt="The whole model. On the left the source goes through embedding, position and the encoder layers and becomes "
        "the memory. On the right the target so far goes through embedding, position and the decoder layers, each with "
        "masked self-attention, cross-attention and feed-forward. Cross-attention takes key and value from the memory "
        "and the query from the decoder. At the top, the target embedding turns rows into logits of the next words.",
    )


PICTURES = {"whole_model.png": whole_model}
