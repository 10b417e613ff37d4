"""The picture that the text of lesson 6 shows."""

from __future__ import annotations

from matplotlib.patches import FancyBboxPatch

from helpers.figures import new, show

BLUE, SAND, WHITE = "#DCEBF5", "#F3E3C8", "white"


def _box(axes, x, text, colour=WHITE, width=2.1):
    shape = {"boxstyle": "round,pad=0,rounding_size=0.12", "fc": colour, "ec": "black", "lw": 1.0}
    axes.add_patch(FancyBboxPatch((x - width / 2, 1.5), width, 1.2, **shape))
    axes.text(x, 2.1, text, ha="center", va="center", fontsize=9.5, linespacing=1.3)


def _arrow(axes, start, end):
    axes.annotate("", (end, 2.1), (start, 2.1), arrowprops={"arrowstyle": "->", "color": "black"})


def _around(axes, start, end):
    """The residual connection: from the line before a sublayer into the add & norm after it."""
    axes.plot([start, start, end], [2.1, 3.35, 3.35], color="black", linewidth=1.2)
    axes.annotate("", (end, 2.72), (end, 3.37), arrowprops={"arrowstyle": "->", "color": "black"})


def layer():
    figure, axes = new(size=(10.5, 3.4))
    axes.set(xlim=(0, 18.4), ylim=(0, 4.6))
    axes.axis("off")
    frame = {
        "boxstyle": "round,pad=0,rounding_size=0.2",
        "fc": "none",
        "ec": "black",
        "lw": 1.2,
        "ls": "--",
    }
    axes.add_patch(FancyBboxPatch((2.0, 0.85), 14.2, 3.2, **frame))
    axes.text(
        9.1,
        4.25,
        "one layer; six of them follow one another, each with its own weights",
        ha="center",
        fontsize=10,
    )
    _box(axes, 0.75, "x\n5 × 6", SAND, 1.3)
    _box(axes, 4.6, "multi-head\nattention", BLUE)
    _box(axes, 7.6, "add & norm")
    _box(axes, 11.4, "feed-forward\nnetwork", BLUE)
    _box(axes, 14.4, "add & norm")
    _box(axes, 17.6, "output\n5 × 6", SAND, 1.4)
    for start, end in ((1.4, 3.5), (5.65, 6.5), (8.65, 10.3), (12.45, 13.3), (15.45, 16.85)):
        _arrow(axes, start, end)
    _around(axes, 2.6, 7.6)
    _around(axes, 9.4, 14.4)
    axes.text(4.6, 1.1, "tokens exchange what they know", ha="center", va="center", fontsize=9.5)
    axes.text(11.4, 1.1, "each token by itself", ha="center", va="center", fontsize=9.5)
    axes.text(0.75, 0.4, "lesson 2", ha="center", va="center", fontsize=9)
    axes.text(4.6, 0.4, "lesson 4", ha="center", va="center", fontsize=9)
    axes.text(7.6, 0.4, "lesson 5", ha="center", va="center", fontsize=9)
    axes.text(11.4, 0.4, "this lesson", ha="center", va="center", fontsize=9)
    axes.text(14.4, 0.4, "lesson 5", ha="center", va="center", fontsize=9)
    return show(
        figure,
        alt="One encoder layer: x goes through multi-head attention, add & norm, the feed-forward network and add & norm; "
        "residual connections lead around both sublayers; six such layers follow one another.",
    )


PICTURES = {"layer.png": layer}
