"""The pictures that the text of lesson 5 shows."""

from __future__ import annotations

from matplotlib.patches import FancyBboxPatch, Rectangle

from helpers.figures import new, show

BLUE, SAND, WHITE, GREY = "#DCEBF5", "#F3E3C8", "white", "#EEEEEE"
PLUS = 0.2  # half of a plus sign's width


def _box(axes, x, text, colour=WHITE, width=2.2):
    shape = {"boxstyle": "round,pad=0,rounding_size=0.12", "fc": colour, "ec": "black", "lw": 1.0}
    axes.add_patch(FancyBboxPatch((x - width / 2, 0.55), width, 0.9, **shape))
    axes.text(x, 1, text, ha="center", va="center", fontsize=9.5, linespacing=1.25)


def _arrow(axes, start, end, **more):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "black", **more})


def _plus(axes, x):
    axes.plot(x, 1, "o", markersize=17, markerfacecolor=WHITE, markeredgecolor="black")
    axes.text(x, 0.985, "+", ha="center", va="center", fontsize=14)


def _around(axes, start, end, height=2.25):
    axes.plot([start, start, end], [1, height, height], color="black", linewidth=2)
    _arrow(axes, (end, height), (end, 1.14), linewidth=2)
    axes.plot(start, 1, "o", color="black", markersize=5)
    axes.text((start + end) / 2, height + 0.1, "residual connection", ha="center", fontsize=9.5)


def _chain(axes, left, places):
    """Arrows from `left` to the first place and on; a place is (centre, half of its width)."""
    for centre, half in places:
        _arrow(axes, (left, 1), (centre - half, 1))
        left = centre + half


def _canvas(axes, title=""):
    axes.set(xlim=(-0.2, 15.4), ylim=(0.3, 2.75))
    axes.axis("off")
    axes.set_title(title, loc="left", fontsize=11)


def _post_norm(axes, sublayer):
    _chain(axes, 1.9, [(4.6, 1.1), (7.5, 1.1), (9.7, PLUS), (12.0, 1.2), (14.4, 0.8)])
    _box(axes, 1.0, "x\n5 × 6", SAND, 1.8)
    _box(axes, 4.6, sublayer, BLUE)
    _box(axes, 7.5, "dropout")
    _box(axes, 12.0, "layer norm", BLUE, 2.4)
    _box(axes, 14.4, "output\n5 × 6", SAND, 1.6)
    _around(axes, 2.7, 9.7)
    _plus(axes, 9.7)


def block():
    figure, axes = new(size=(10, 2.3))
    _canvas(axes)
    _post_norm(axes, "multi-head\nattention")
    return show(
        figure,
        alt="An attention block. x, 5 by 6, goes into multi-head attention and then through dropout. A residual connection leads x "
        "around both to a plus sign, where the two are added. Layer norm follows, and gives the output, 5 by 6.",
    )


def pre_norm():
    figure, axes = new(2, 1, size=(10, 4.7))
    _canvas(axes[0], "post-norm, the paper: layer norm on the residual stream")
    _post_norm(axes[0], "sublayer")
    _canvas(axes[1], "pre-norm, the variant: layer norm on the side road")
    _chain(axes[1], 1.9, [(4.4, 1.1), (7.2, 1.1), (10.0, 1.1), (12.2, PLUS), (14.4, 0.8)])
    _box(axes[1], 1.0, "x\n5 × 6", SAND, 1.8)
    _box(axes[1], 4.4, "layer norm", BLUE)
    _box(axes[1], 7.2, "sublayer", BLUE)
    _box(axes[1], 10.0, "dropout")
    _box(axes[1], 14.4, "output\n5 × 6", SAND, 1.6)
    _around(axes[1], 2.6, 12.2)
    _plus(axes[1], 12.2)
    return show(
        figure,
        alt="Two blocks, one above the other. Post-norm: sublayer, dropout, plus, layer norm. Pre-norm: layer norm, sublayer, dropout, "
        "plus. In the second one the residual connection leads from x to the output without passing a layer norm.",
    )


def stream():
    figure, axes = new(size=(10, 2.5))
    axes.set(xlim=(-0.2, 15.5), ylim=(-0.75, 2.5))
    axes.axis("off")
    axes.plot([1.9, 13.2], [1.6, 1.6], color="black", linewidth=4, solid_capstyle="butt", zorder=0)
    _arrow(axes, (13.0, 1.6), (13.7, 1.6), linewidth=4)
    axes.text(7.6, 1.98, "residual stream: 5 rows of d_model numbers", ha="center", fontsize=9.5)
    for x, text in ((1.0, "embeddings\n+ positions"), (14.5, "output")):
        shape = {"boxstyle": "round,pad=0,rounding_size=0.12", "fc": SAND, "ec": "black", "lw": 1.0}
        axes.add_patch(FancyBboxPatch((x - 0.9, 1.15), 1.8, 0.9, **shape))
        axes.text(x, 1.6, text, ha="center", va="center", fontsize=9.5, linespacing=1.25)
    for place, name in enumerate(("attention", "feed-forward", "attention", "feed-forward")):
        left = 2.5 + 2.7 * place
        axes.plot([left, left, left + 0.15], [1.6, 0.3, 0.3], color="black", linewidth=1.2)
        axes.plot(left, 1.6, "o", color="black", markersize=5)
        axes.add_patch(Rectangle((left + 0.15, -0.05), 1.6, 0.7, fc=BLUE, ec="black"))
        axes.text(left + 0.95, 0.3, name, ha="center", va="center", fontsize=9.5)
        axes.plot([left + 1.75, left + 2.1], [0.3, 0.3], color="black", linewidth=1.2)
        _arrow(axes, (left + 2.1, 0.3), (left + 2.1, 1.46))
        axes.plot(
            left + 2.1, 1.6, "o", markersize=15, markerfacecolor=WHITE, markeredgecolor="black"
        )
        axes.text(left + 2.1, 1.59, "+", ha="center", va="center", fontsize=13)
    for place in range(2):
        axes.text(4.9 + 5.4 * place, -0.5, f"layer {place + 1}", ha="center", fontsize=9.5)
    return show(
        figure,
        alt="The residual stream as a thick line from the embeddings with positions to the output. Attention and feed-forward "
        "network of two layers branch off below it: each reads from the stream and adds its result to it at a plus sign.",
    )


def axes_of_both():
    words = ("the", "dog", "bites", "the", "man"), ("the", "cat", "sleeps", "pad", "pad")
    figure, places = new(1, 2, size=(9, 4.3))
    for place, name, together in (
        (places[0], "layer norm: one token", lambda row, column: row == 1),
        (places[1], "batch norm: one column of the whole batch", lambda row, column: column == 2),
    ):
        place.set(xlim=(-1.6, 6.4), ylim=(11.3, -0.9))
        place.axis("off")
        place.set_title(name, fontsize=11)
        for sentence in range(2):
            for token, word in enumerate(words[sentence]):
                row = 5 * sentence + token
                y = row + 0.8 * sentence
                place.text(-0.15, y + 0.5, word, ha="right", va="center", fontsize=9.5)
                for column in range(6):
                    own = together(row, column)
                    colour = "#0072B2" if own else GREY if word == "pad" else WHITE
                    place.add_patch(
                        Rectangle(
                            (column, y),
                            1,
                            1,
                            fc=colour,
                            ec="black",
                            lw=0.8,
                            hatch="//" if own else "",
                        )
                    )
        place.text(3, -0.35, "6 columns", ha="center", fontsize=9.5)
    return show(
        figure,
        alt="Two sentences of a batch as grids, one row per token and six columns; the second sentence ends with two rows of padding. "
        "For layer norm one row, that of dog, is marked. For batch norm one column is marked, through both sentences and the padding.",
    )


PICTURES = {
    "block.png": block,
    "axes.png": axes_of_both,
    "pre_norm.png": pre_norm,
    "stream.png": stream,
}
