"""The picture that the text of the start shows."""

from __future__ import annotations

from matplotlib.patches import FancyBboxPatch

from helpers.figures import FAMILY, new, show

BLUE, SAND, ORANGE = "#DCEBF5", "#F3E3C8", "#B34700"
SOURCE, TARGET = ("the", "dog", "bites", "the", "man"), ("개가", "남자를", "물어요")


def _state(axes, x, y, colour):
    shape = {
        "boxstyle": "round,pad=0,rounding_size=0.1",
        "fc": colour,
        "ec": "black",
        "lw": 1.0,
        "zorder": 2,
    }
    axes.add_patch(FancyBboxPatch((x - 0.3, y - 0.25), 0.6, 0.5, **shape))


def _arrow(axes, start, end, colour="black", **style):
    arrow = {
        "arrowstyle": "-|>",
        "color": colour,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 10,
        **style,
    }
    axes.annotate("", end, start, arrowprops=arrow, zorder=1)


def recurrent():
    figure, panels = new(2, 1, size=(9, 4.0), height_ratios=[1, 1.8])
    titles = (
        "a recurrent model: everything has to pass through one vector",
        "with attention: a word looks at all states",
    )
    for axes, title, attention in zip(panels, titles, (False, True), strict=True):
        axes.set(xlim=(0, 11.4), ylim=(-0.75, 2.2 if attention else 0.9))
        axes.set_title(title, loc="left")
        axes.axis("off")
        for i, word in enumerate(SOURCE):
            _state(axes, 1 + i, 0.2, BLUE)
            axes.text(1 + i, -0.5, word, ha="center", va="center", fontsize=9.5)
            if i:
                _arrow(axes, (i + 0.3, 0.2), (i + 0.7, 0.2))
        for j, word in enumerate(TARGET):
            x = 7.6 + 1.3 * j
            _state(axes, x, 0.2, SAND)
            axes.text(x, -0.5, word, ha="center", va="center", fontsize=9.5, family=FAMILY)
            start = 5.3 if j == 0 else x - 1.0
            bottleneck = {"color": ORANGE, "linewidth": 3.0} if j == 0 and not attention else {}
            _arrow(axes, (start, 0.2), (x - 0.3, 0.2), **bottleneck)
        if not attention:
            axes.text(6.3, 0.45, "one vector", ha="center", va="bottom", fontsize=9.5, color=ORANGE)
        else:
            for i, width in enumerate((0.6, 1.0, 2.8, 0.6, 1.0)):  # "물어요" looks at "bites" most
                bow = {"connectionstyle": f"arc3,rad={-0.32 + 0.03 * i}", "linewidth": width}
                _arrow(axes, (1 + i, 0.45), (10.2, 0.45), ORANGE, **bow)
    return show(
        figure,
        alt="Two rows of boxes. Above: five states of a reader, one per English word, each made "
        "from the one before; the last is the one vector that three states of a writer start "
        "from. Below: the same, and from all five states of the reader an arrow goes to the last "
        "state of the writer, the thickest from 'bites' to its Korean word.",
    )


PICTURES = {"recurrent.png": recurrent}
