"""The pictures that the text of lesson 4 shows."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import FancyBboxPatch, Rectangle

from helpers.figures import new, show

BLUE, SAND, GREEN, WHITE = "#DCEBF5", "#F3E3C8", "#D9EFE6", "white"
# one colour per token; the number in the cell says the same
TOKENS = (
    "#DCEBF5",
    "#F3E3C8",
    "#D9EFE6",
    "#F2DCE8",
)


def _box(axes, x, y, text, colour=WHITE, width=2.4, height=1.0):
    shape = {"boxstyle": "round,pad=0,rounding_size=0.12", "fc": colour, "ec": "black", "lw": 1.0}
    axes.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, **shape))
    axes.text(x, y, text, ha="center", va="center", fontsize=9.5, linespacing=1.3)


def _arrow(axes, start, end):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "black"})


def heads():
    figure, axes = new(size=(10.4, 3.6))
    axes.set(xlim=(-0.1, 18.4), ylim=(0, 5.4))
    axes.axis("off")
    _box(axes, 1.2, 2.6, "x\n5 × 6", SAND)
    for y, number, colour in ((4.1, 1, BLUE), (1.1, 2, GREEN)):
        _arrow(axes, (2.5, 2.6 + (y - 2.6) * 0.15), (3.9, y))
        _box(axes, 6.1, y, f"head {number}: query, key,\nvalue, 5 × 3 each", colour, width=4.2)
        _arrow(axes, (8.3, y), (9.2, y))
        _box(axes, 10.5, y, f"output of\nhead {number}, 5 × 3", colour)
        _arrow(axes, (11.8, y), (12.9, 2.6 + (y - 2.6) * 0.15))
        axes.text(
            6.1,
            y + (0.72 if number == 1 else -0.98),
            "its own attention weights",
            fontsize=9.5,
            ha="center",
        )
    axes.add_patch(Rectangle((13.05, 2.1), 0.9, 1.0, fc=BLUE, ec="black"))
    axes.add_patch(Rectangle((13.95, 2.1), 0.9, 1.0, fc=GREEN, ec="black"))
    axes.text(13.5, 2.6, "5 × 3", ha="center", va="center", fontsize=9.5)
    axes.text(14.4, 2.6, "5 × 3", ha="center", va="center", fontsize=9.5)
    axes.text(13.95, 3.3, "side by side: 5 × 6", ha="center", fontsize=9.5)
    _arrow(axes, (14.9, 2.6), (15.9, 2.6))
    axes.text(15.4, 2.0, "× $W^O$", ha="center", fontsize=10.5)
    _box(axes, 17.15, 2.6, "output\n5 × 6", SAND)
    return show(
        figure,
        alt="x, 5 tokens of width 6, goes into two heads. Each makes query, key and value, 5 by "
        "3, has its own attention weights, and gives an output, 5 by 3. The two outputs side by "
        "side are 5 by 6. Times the matrix W^O they become the output, 5 by 6, the size of x.",
    )


def _cells(axes, left, top, numbers, label=""):
    """A matrix of cells; a number is 10 * token + column, its colour is the token's."""
    for (row, column), number in np.ndenumerate(numbers):
        place = (left + column, top - row - 1)
        axes.add_patch(Rectangle(place, 1, 1, fc=TOKENS[number // 10], ec="black", lw=0.8))
        axes.text(
            place[0] + 0.5, place[1] + 0.5, f"{number:02d}", ha="center", va="center", fontsize=9.5
        )
    axes.text(left + numbers.shape[1] / 2, top + 0.25, label, ha="center", fontsize=9.5)


def slices():
    x = 10 * np.arange(4)[:, None] + np.arange(6)
    figure, axes = new(size=(10.4, 4.6))
    axes.set(xlim=(-0.6, 23.4), ylim=(-0.4, 12))
    axes.axis("off")
    _cells(axes, 0, 8, x, "one sentence: 4 tokens, width 6")
    for row in range(4):
        axes.text(-0.2, 7.5 - row, f"token {row}", ha="right", va="center", fontsize=9.5)
    axes.set_xlim(-3.6, 22.4)
    _arrow(axes, (6.4, 7), (8.8, 8.7))
    _arrow(axes, (6.4, 5), (8.8, 3.2))
    axes.text(
        9.2,
        11.55,
        "cut the columns: every head sees all tokens",
        fontsize=10.5,
        weight="bold",
        va="center",
    )
    axes.text(
        9.2,
        5.55,
        "only reshape: every head sees pieces of a few tokens",
        fontsize=10.5,
        weight="bold",
        va="center",
    )
    for head in range(3):
        _cells(axes, 9.2 + 4.4 * head, 10.4, x[:, 2 * head : 2 * head + 2], f"head {head + 1}")
        _cells(axes, 9.2 + 4.4 * head, 4.4, x.reshape(3, 4, 2)[head], f"head {head + 1}")
    return show(
        figure,
        alt="A sentence of four tokens with six columns; the cell 23 is token 2, column 3. Above, "
        "cut right into three heads: head 1 has the columns 0 and 1 of all four tokens, head 2 "
        "the columns 2 and 3, head 3 the columns 4 and 5. Below, only reshape: head 1 has all of "
        "token 0 and the first two columns of token 1, in four rows; token 3 is nowhere in it.",
    )


PICTURES = {"heads.png": heads, "slices.png": slices}
