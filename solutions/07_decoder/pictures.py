"""The pictures that this lesson's text shows."""

from itertools import pairwise

from matplotlib.patches import FancyBboxPatch

from helpers.figures import COLOURS, FAMILY, arrow, box, new, show

BLUE, ORANGE, GREEN, GREY = COLOURS[0], COLOURS[1], COLOURS[2], "#555555"


def whole_model():
    figure, axes = new(size=(10, 5.6))
    left, right = 2.2, 7.2
    rows = [0.5, 1.4, 2.5, 3.4, 4.3, 5.4, 6.3]
    axes.text(left, -0.35, "the dog bites the man", ha="center", fontsize=10)
    axes.text(right, -0.35, "<bos> 개가 남자를 물어요", ha="center", fontsize=10, family=FAMILY)
    axes.text(right, -0.7, "dog-SUBJ man-OBJ bites", ha="center", fontsize=8.5, color=GREY)
    size = {"height": 0.62}
    box(axes, left, rows[0], "source embedding", GREY, **size)
    box(axes, left, rows[1], "+ position", GREY, **size)
    box(axes, left, rows[2], "self-attention", BLUE, **size)
    box(axes, left, rows[3], "feed-forward", BLUE, **size)
    box(axes, left, rows[4], "memory", BLUE, bold=True, **size)
    box(axes, right, rows[0], "target embedding", GREY, **size)
    box(axes, right, rows[1], "+ position", GREY, **size)
    box(axes, right, rows[2], "1  masked self-attention", ORANGE, **size)
    box(axes, right, rows[3], "2  cross-attention", ORANGE, bold=True, **size)
    box(axes, right, rows[4], "3  feed-forward", ORANGE, **size)
    box(axes, right, rows[5], "× target embedding", GREY, **size)
    box(axes, right, rows[6], "logits of the next words", GREEN, bold=True, **size)
    for x, count in ((left, 5), (right, 7)):
        for low, high in pairwise(rows[:count]):
            arrow(axes, (x, low + 0.33), (x, high - 0.33))
    axes.plot([left + 1.33, 4.6, 4.6], [rows[4], rows[4], rows[3]], color=BLUE, linewidth=1.6)
    arrow(axes, (4.6, rows[3]), (right - 1.33, rows[3]), BLUE)
    axes.text(5.1, rows[3] + 0.06, "key, value", ha="center", va="bottom", fontsize=9, color=BLUE)
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
        axes.text(
            side,
            (low + high) / 2,
            name,
            ha="right" if x == left else "left",
            va="center",
            color=colour,
        )
    axes.set(xlim=(-0.6, 10), ylim=(-0.95, 6.8))
    axes.axis("off")
    return show(
        figure,
        alt="The whole model. On the left the source goes through embedding, position and the encoder layers and becomes "
        "the memory. On the right the target so far goes through embedding, position and the decoder layers, each with "
        "masked self-attention, cross-attention and feed-forward. Cross-attention takes key and value from the memory "
        "and the query from the decoder. At the top, the target embedding turns rows into logits of the next words.",
    )


WORDS = ("<bos>", "개가", "남자를", "물어요", "<eos>")
MEANINGS = ("", "dog-SUBJ", "man-OBJ", "bites", "")


def _word(axes, x, y, place, colour, **style):
    box(axes, x, y, "", colour, width=1.3, height=0.78, **style)
    lift = 0.14 if MEANINGS[place] else 0
    axes.text(x, y + lift, WORDS[place], ha="center", va="center", fontsize=9.5, family=FAMILY)
    axes.text(x, y - 0.2, MEANINGS[place], ha="center", va="center", fontsize=7.5, color=GREY)


def _training(axes):
    axes.set_title("training: one pass, the right words are read", loc="left")
    box(axes, 4.3, 1.35, "decoder, with the causal mask", BLUE, width=8.2, height=0.6, bold=True)
    for at in range(4):
        x = 1 + 2.2 * at
        _word(axes, x, 0.3, at, GREY)
        arrow(axes, (x, 0.72), (x, 1.02))
        arrow(axes, (x, 1.68), (x, 1.98))
        _word(axes, x, 2.4, at + 1, GREEN, bold=True)
    for y, text in (
        (0.3, "reads: ids[:, :-1]"),
        (2.4, "has to predict: ids[:, 1:]\n(the loss compares)"),
    ):
        axes.text(8.7, y, text, va="center", fontsize=9)
    axes.set(xlim=(-0.5, 12), ylim=(-0.25, 2.95))


def _translating(axes):
    axes.set_title("translating: a pass for each word, its own words are read", loc="left")
    left = 0.4
    for at in range(4):
        y = 4.2 - 1.25 * at
        axes.text(left - 0.85, y, f"pass {at + 1}", ha="left", va="center", fontsize=9)
        for place in range(at + 1):
            own = ORANGE if place else GREY
            _word(axes, left + 1 + 1.45 * place, y, place, own, bold=place == at and at > 0)
        x = left + 1 + 1.45 * at
        arrow(axes, (x + 0.68, y), (x + 1.12, y))
        box(axes, x + 1.8, y, "decoder", BLUE, width=1.3, height=0.6)
        arrow(axes, (x + 2.48, y), (x + 2.92, y))
        _word(axes, x + 3.6, y, at + 1, ORANGE, bold=True)
        if at < 3:
            fed_back = {"arrowstyle": "-|>", "color": ORANGE, "linestyle": "--", "linewidth": 1.4}
            fed_back |= {"connectionstyle": "arc3,rad=0", "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (x + 1.45, y - 1.25 + 0.42), (x + 3.5, y - 0.42), arrowprops=fed_back)
    arrow(axes, (-0.75, 4.6), (-0.75, 0.0), GREY)
    axes.text(-0.95, 2.3, "time", rotation=90, ha="right", va="center", fontsize=9, color=GREY)
    axes.set(xlim=(-1.3, 11.2), ylim=(-0.2, 4.75))


def teacher_forcing():
    figure, panels = new(2, 1, size=(10, 6.6), height_ratios=[1, 1.6])
    _training(panels[0])
    _translating(panels[1])
    for axes in panels:
        axes.axis("off")
    return show(
        figure,
        alt="Two time lines for the Korean translation of the dog bites the man. Above, training: the decoder reads begin, "
        "dog, man, bites all at once, and in the same pass predicts dog, man, bites, end; every prediction is compared "
        "with the right word. Below, translating: four passes, one after the other; in each the decoder reads all words "
        "so far, and the word that it writes, dog, man, bites, end, is read in the next pass.",
    )


PICTURES = {"whole_model.png": whole_model, "teacher_forcing.png": teacher_forcing}
