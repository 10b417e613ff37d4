"""The pictures that the text of lesson 3 shows."""

from __future__ import annotations

from matplotlib.patches import FancyBboxPatch

from helpers.figures import new, show

BLUE, SAND, WHITE = "#DCEBF5", "#F3E3C8", "white"


def _box(axes, x, y, text, colour=WHITE, width=2.3):
    shape = {"boxstyle": "round,pad=0,rounding_size=0.12", "fc": colour, "ec": "black", "lw": 1.0}
    axes.add_patch(FancyBboxPatch((x - width / 2, y - 0.42), width, 0.84, **shape))
    axes.text(x, y, text, ha="center", va="center", fontsize=9.5, linespacing=1.3)


def _arrow(axes, start, end):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "black"})


def head():
    figure, axes = new(size=(10, 4.2))
    axes.set(xlim=(0, 16.6), ylim=(0.3, 6.3))
    axes.axis("off")
    _box(axes, 1.3, 3, "x\n5 × 6", SAND)
    for y, name, matrix in ((5, "query", "Q"), (3, "key", "K"), (1, "value", "V")):
        _arrow(axes, (2.6, 3 + (y - 3) * 0.12), (4.5, y))
        x, height, side = (3.9, 3.15, "center") if y == 3 else (3.2, 3 + (y - 3) * 0.5, "right")
        axes.text(
            x, height, f"× $W^{matrix}$", ha=side, va="bottom" if y >= 3 else "top", fontsize=10.5
        )
        _box(axes, 5.8, y, f"{name}\n5 × 3", BLUE)
    _box(axes, 10.1, 4, "scores\n5 × 5")
    _box(axes, 15.2, 4, "weights\n5 × 5")
    _box(axes, 15.2, 1, "output\n5 × 3", SAND)
    _arrow(axes, (7.1, 5), (8.8, 4.25))
    _arrow(axes, (7.1, 3), (8.8, 3.75))
    axes.text(8.2, 5.15, "every query with every key,\ndivided by √3", fontsize=9.5, va="bottom")
    _arrow(axes, (11.4, 4), (13.9, 4))
    axes.text(
        12.65,
        4.15,
        "mask (optional),\nsoftmax of\neach row",
        fontsize=9.5,
        va="bottom",
        ha="center",
    )
    _arrow(axes, (15.2, 3.45), (15.2, 1.55))
    _arrow(axes, (7.1, 1), (13.9, 1))
    axes.text(10.5, 1.15, "a mixture, with these weights", fontsize=9.5, ha="center")
    return show(
        figure,
        alt="One attention head. x, 5 tokens of width 6, is multiplied by three matrices and "
        "gives query, key and value, 5 by 3 each. Query and key give scores, 5 by 5, divided by "
        "the root of 3. A mask and a softmax turn them into weights, 5 by 5. The weights mix the "
        "rows of the value into the output, 5 by 3.",
    )


def paths():
    """How a signal gets from the first to the last of nine tokens."""
    figure, axes = new(1, 3, size=(11, 2.9))
    tokens, line = range(9), {"color": "black", "linewidth": 1.6}
    steps = {
        "recurrent: 8 steps": [],
        "convolution, 3 tokens wide: 2 layers": [],
        "self-attention: 1 step": [],
    }
    rows = {}
    for place, (title, path) in zip(axes, steps.items(), strict=True):
        place.set(xlim=(-0.7, 8.7), ylim=(-0.75, 2.5))
        place.axis("off")
        place.set_title(title, fontsize=11)
        rows[title] = (0, 1, 2) if title.startswith("conv") else (0, 1.5)
        if title.startswith("rec"):
            path += [((token, 1.5), (token + 1, 1.5)) for token in range(8)]
            others = [((token, 0), (token, 1.5)) for token in range(9)]
        elif title.startswith("conv"):
            path += [((0, 0), (2, 1)), ((2, 1), (8, 2))]
            first = [
                ((seen, 0), (token, 1))
                for token in (2, 5, 8)
                for seen in (token - 2, token - 1, token)
            ]
            others = [*first, *(((seen, 1), (8, 2)) for seen in (2, 5, 8))]
        else:
            path += [((0, 0), (8, 1.5))]
            others = [((token, 0), (8, 1.5)) for token in range(1, 9)]
        for start, end in others:
            if (start, end) not in path:
                place.plot(*zip(start, end, strict=True), color="#999999", linewidth=0.8, zorder=1)
        for start, end in path:
            place.annotate(
                "", end, start, arrowprops={"arrowstyle": "->", "shrinkA": 5, "shrinkB": 5, **line}
            )
        for row in rows[title]:
            colours = [
                SAND if (token, row) in {point for edge in path for point in edge} else WHITE
                for token in tokens
            ]
            place.scatter(
                tokens, [row] * 9, s=90, c=colours, edgecolors="black", linewidths=1.0, zorder=2
            )
        place.text(0, -0.3, "first", ha="center", va="top", fontsize=9.5)
        place.text(8, -0.3, "last", ha="center", va="top", fontsize=9.5)
    return show(
        figure,
        alt="The path of a signal from the first to the last of nine tokens. Recurrent: from the "
        "state at the first token, eight steps from state to state. Convolution three tokens "
        "wide, with gaps in the second layer: two layers. Self-attention: one step.",
    )


PICTURES = {"head.png": head, "paths.png": paths}
