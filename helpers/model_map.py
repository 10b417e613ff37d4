"""The whole model on one picture, each part with the number of the lesson that builds it: the map at the head of every
lesson, with the parts of that lesson in colour."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from helpers.example import SENTENCES, TRANSLATIONS
from helpers.figures import FAMILY, Picture, new, show

LIT, LIT_EDGE, PLAIN_EDGE, PLAIN_TEXT = "#FBE3C8", "#B34700", "#8A8A8A", "#4D4D4D"
ENCODER, DECODER = 2.6, 7.6
WIDTH, HEIGHT = 3.1, 0.5
STEP = 0.72  # from box to box in a layer


@dataclass(frozen=True)
class Part:
    """A box of the map. `lessons`: the numbers of those that are about it; `frame`: it holds other boxes."""

    name: str
    lessons: tuple[int, ...]
    x: float
    y: float
    text: str = ""
    width: float = WIDTH
    height: float = HEIGHT
    frame: bool = False


def _layer(x: float, low: float, names: list[tuple[str, tuple[int, ...]]], side: str) -> list[Part]:
    return [Part(f"{name} {side}", lessons, x, low + STEP * i, name) for i, (name, lessons) in enumerate(names)]


_ATTENTION = ("multi-head attention", (3, 4, 11))
_ADD_NORM = ("add & norm", (5, 11))
_FEED_FORWARD = ("feed-forward", (6, 11))
PARTS = (
    Part("the whole model under test", (10,), 5.1, 3.85, "", 10.5, 8.8, frame=True),
    Part("encoder", (6,), ENCODER, 2.98, "encoder\nlayer × N", 3.9, 2.9, frame=True),
    Part("decoder", (7,), DECODER, 3.7, "decoder\nlayer × N", 3.9, 4.34, frame=True),
    Part("words to ids of the source", (1,), ENCODER, 0.35, "words → ids"),
    Part("embedding and position of the source", (2, 11), ENCODER, 1.07, "embedding + position"),
    *_layer(
        ENCODER, 1.9, [("multi-head attention", (3, 4, 11)), _ADD_NORM, _FEED_FORWARD, _ADD_NORM], "of the encoder"
    ),
    Part("words to ids of the target", (1,), DECODER, 0.35, "words so far → ids"),
    Part("embedding and position of the target", (2, 11), DECODER, 1.07, "embedding + position"),
    *_layer(
        DECODER,
        1.9,
        [("masked attention", (7, 11)), _ADD_NORM, ("cross-attention", (7,)), _ADD_NORM, _FEED_FORWARD, _ADD_NORM],
        "of the decoder",
    ),
    Part("probabilities of the next word", (7,), DECODER, 6.5, "probability of each word"),
    Part("the choice of the next word", (7, 9), DECODER, 7.4, "the next word"),
    Part("training", (8,), ENCODER, 6.5, "loss against the right word"),
)


def parts_of(lesson: int) -> tuple[Part, ...]:
    """The parts that a lesson is about; the start shows the whole."""
    return PARTS if lesson == 0 else tuple(part for part in PARTS if lesson in part.lessons)


def alt_text(lesson: int) -> str:
    if lesson:
        names = dict.fromkeys(part.text.replace("\n", " ") or part.name for part in parts_of(lesson))
        return f"The map of the Transformer, with this lesson's parts in colour: {', '.join(names)}."
    return (
        "Map of the Transformer, each part with the number of its lesson. On the left the encoder: words become ids, "
        "then embeddings with positions, then N layers of multi-head attention, add & norm, feed-forward, add & norm. "
        "On the right the decoder: the same for the words so far, with masked attention and with cross-attention to "
        "the encoder's result; at the top the probability of each next word, which training compares with the right "
        "one."
    )


def draw(lesson: int, lessons: Collection[int]) -> Picture:
    """The map with the parts of `lesson` in colour.

    Args:
        lesson: its number; 0 shows the whole
        lessons: the numbers of all lessons that there are; others are left out
    """
    figure, axes = new(size=(7.4, 6.0))
    axes.set(xlim=(-0.35, 10.6), ylim=(-0.65, 8.55), aspect="equal")
    axes.axis("off")
    lit = parts_of(lesson) if lesson else ()
    so_far, next_word = TRANSLATIONS[0].rsplit(" ", 1)
    _links(axes)
    for part in PARTS:
        if part.frame and set(part.lessons).isdisjoint(lessons):
            continue
        _part(axes, part, lesson, part in lit, [number for number in part.lessons if number in lessons])
    for x, y, words in (
        (ENCODER, -0.22, SENTENCES[0]),
        (DECODER, -0.22, f"<bos> {so_far}"),
        (DECODER, 7.95, next_word),
    ):
        axes.text(x, y, words, ha="center", va="center", fontsize=9, family=FAMILY)
    return show(figure, alt=alt_text(lesson))


def _part(axes: Axes, part: Part, lesson: int, lit: bool, numbers: list[int]) -> None:
    edge = LIT_EDGE if lit else PLAIN_EDGE
    axes.add_patch(
        FancyBboxPatch(
            (part.x - part.width / 2, part.y - part.height / 2),
            part.width,
            part.height,
            boxstyle="round,pad=0,rounding_size=0.1",
            facecolor="none" if part.frame else LIT if lit else "white",
            edgecolor=edge,
            linewidth=2.2 if lit else 1.0,
            linestyle="--" if part.frame else "-",
            zorder=2,
        )
    )
    text = {"fontsize": 8.5, "color": "black" if lit or lesson == 0 else PLAIN_TEXT, "zorder": 3}
    if part.frame:
        x = part.x - part.width / 2 - 0.1 if part.x == ENCODER else part.x + part.width / 2 + 0.1
        axes.text(x, part.y, part.text, ha="right" if part.x == ENCODER else "left", va="center", rotation=90, **text)
    else:
        axes.text(part.x, part.y, part.text, ha="center", va="center", **text)
    for place, number in enumerate(reversed(numbers)):
        now = number == lesson
        x = part.x + part.width / 2 - 0.1 - 0.33 * place
        y = part.y + part.height / 2 + 0.03
        axes.add_patch(Circle((x, y), 0.16, facecolor=LIT_EDGE if now else "white", edgecolor=edge, zorder=4))
        colour = "white" if now else text["color"]
        axes.text(x, y - 0.01, str(number), ha="center", va="center", fontsize=6.5, color=colour, zorder=5)


def _links(axes: Axes) -> None:
    arrow = {"arrowstyle": "-|>", "color": PLAIN_EDGE, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    for x in (ENCODER, DECODER):
        ys = [part.y for part in PARTS if part.x == x and not part.frame and part.name != "training"]
        for low, high in pairwise(ys):
            axes.annotate("", (x, high - HEIGHT / 2), (x, low + HEIGHT / 2), arrowprops=arrow, zorder=1)
    for part in PARTS:  # residual connections: what a sublayer reads is added to what it gives
        if part.text == _ADD_NORM[0]:
            low, left = part.y - 1.5 * STEP + 0.02, part.x - WIDTH / 2
            axes.plot([part.x, left - 0.17, left - 0.17], [low, low, part.y], color=PLAIN_EDGE, linewidth=0.9, zorder=1)
            axes.annotate("", (left, part.y), (left - 0.18, part.y), arrowprops=arrow, zorder=1)
    top, cross = 1.9 + 3 * STEP, 1.9 + 2 * STEP  # the encoder's result goes to the cross-attention
    line = {"color": PLAIN_EDGE, "linewidth": 1.2, "zorder": 1}
    axes.plot([ENCODER, ENCODER, 5.1, 5.1], [top + HEIGHT / 2, 4.85, 4.85, cross], **line)
    axes.annotate("", (DECODER - WIDTH / 2, cross), (5.1, cross), arrowprops=arrow, zorder=1)
    axes.annotate("", (ENCODER + WIDTH / 2, 6.5), (DECODER - WIDTH / 2, 6.5), arrowprops=arrow, zorder=1)
    right = DECODER + WIDTH / 2
    axes.plot([right, 10.2, 10.2], [7.4, 7.4, 0.35], **line, linestyle=":")
    axes.annotate("", (right, 0.35), (10.2, 0.35), arrowprops=arrow, zorder=1)
