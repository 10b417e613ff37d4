"""The picture that the text of lesson 11 shows."""

from __future__ import annotations

from matplotlib.patches import FancyBboxPatch

from helpers.figures import new, show

BLUE, SAND, GREEN = "#DCEBF5", "#F3E3C8", "#DDEFE6"
STEP = 1.15


def _box(axes, x, y, text, colour):
    shape = {"boxstyle": "round,pad=0,rounding_size=0.12", "fc": colour, "ec": "black", "lw": 1.0}
    axes.add_patch(FancyBboxPatch((x - 1.9, y - 0.37), 3.8, 0.74, **shape))
    axes.text(x, y, text, ha="center", va="center", fontsize=9.5)


def _arrow(axes, start, end):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "black"})


def _column(axes, x, title, boxes, skips):
    """Boxes from below; a skip leads from the line before a box to the box or sum that adds it."""
    axes.text(x, STEP * (len(boxes) + 1) + 0.35, title, ha="center", fontsize=11, fontweight="bold")
    for place, (text, colour) in enumerate(boxes, 1):
        _box(axes, x, STEP * place, text, colour)
    for place in range(len(boxes) + 1):
        _arrow(axes, (x, STEP * place + (0.38 if place else 0.3)), (x, STEP * (place + 1) - 0.38))
    for start, end in skips:
        low = STEP * start - STEP / 2 - 0.05
        axes.plot([x, x - 2.4, x - 2.4], [low, low, STEP * end], color="black", linewidth=1.1)
        _arrow(axes, (x - 2.4, STEP * end), (x - 1.92, STEP * end))
    axes.text(x, 0.1, "x", ha="center", va="center", fontsize=10)


def then_and_now():
    figure, axes = new(size=(9.5, 5.2))
    axes.set(xlim=(-3.2, 11.6), ylim=(-0.2, STEP * 8))
    axes.axis("off")
    _column(
        axes,
        0,
        "a layer of 2017",
        [
            ("multi-head attention", BLUE),
            ("add & layer norm", SAND),
            ("linear, ReLU, linear", GREEN),
            ("add & layer norm", SAND),
        ],
        [(1, 2), (3, 4)],
    )
    _column(
        axes,
        6,
        "a layer of today",
        [
            ("RMS norm", SAND),
            ("grouped-query attention", BLUE),
            ("add", "white"),
            ("RMS norm", SAND),
            ("SwiGLU", GREEN),
            ("add", "white"),
        ],
        [(1, 3), (4, 6)],
    )
    axes.text(8.1, STEP * 2, "rotary positions turn\nqueries and keys", va="center", fontsize=9.5)
    axes.text(8.1, STEP * 5, "three matrices, one of\nthem a gate", va="center", fontsize=9.5)
    return show(
        figure,
        alt="A layer of 2017 beside a layer of today, from below. 2017: multi-head attention, add and layer norm, linear ReLU linear, "
        "add and layer norm. Today: RMS norm, grouped-query attention with rotary positions, add, RMS norm, SwiGLU, add.",
    )


PICTURES = {"then_and_now.png": then_and_now}
