"""The pictures that this lesson's text shows."""

from helpers.figures import COLOURS, arrow, box, new, show

BLUE, ORANGE, GREEN, GREY = COLOURS[0], COLOURS[1], COLOURS[2], "#555555"


def instrument():
    figure, axes = new(size=(10, 3.4))
    for y, words, colour in ((2.6, "1  3  8  6  4", GREY), (0.8, "1  3  8  5  4", ORANGE)):
        box(axes, 1.6, y, f"source, and the target\n{words}", colour, width=2.9)
        box(axes, 5.0, y, "the model", BLUE, width=1.8, bold=True)
        box(axes, 8.0, y, "logits at the places\n0  1  2  3  4", colour, width=2.5)
        arrow(axes, (3.1, y), (4.05, y))
        arrow(axes, (5.95, y), (6.7, y))
    axes.text(1.6, 1.7, "one word is changed", ha="center", va="center", color=ORANGE, fontsize=9.5)
    axes.text(
        5.0,
        1.7,
        "the same one, in evaluation mode",
        ha="center",
        va="center",
        color=BLUE,
        fontsize=9.5,
    )
    box(
        axes,
        11.6,
        1.7,
        "compare, place by place:\n0, 1 and 2 may not move",
        GREEN,
        width=3.1,
        bold=True,
    )
    arrow(axes, (9.3, 2.6), (10.3, 2.15), GREEN)
    arrow(axes, (9.3, 0.8), (10.3, 1.25), GREEN)
    axes.set(xlim=(0, 13.3), ylim=(0.2, 3.2))
    axes.axis("off")
    return show(
        figure,
        alt="A source and a target go into a model, which gives logits. The same source and a target with one word changed "
        "go into the same model, which gives other logits. The two are compared place by place: before the changed word "
        "nothing may move.",
    )


PICTURES = {"instrument.png": instrument}
