"""The pictures that this lesson's text shows."""

from helpers.figures import COLOURS, arrow, box, new, show

BLUE, ORANGE, GREEN, GREY = COLOURS[0], COLOURS[1], COLOURS[2], "#555555"


def training_loop():
    figure, axes = new(size=(10, 4.4))
    top, bottom = 3.3, 1.0
    boxes = {
        "batch": (1.6, top, "batch of similar lengths\n8.1", GREY),
        "forward": (5.2, top, "forward pass\nlesson 7", BLUE),
        "loss": (8.8, top, "smoothed loss\n8.2", BLUE),
        "backward": (8.8, bottom, "backward pass\n8.4", ORANGE),
        "clip": (5.2, bottom, "gradient, clipped\n8.4", ORANGE),
        "optimizer": (1.6, bottom, "step of the optimizer\nlearning rate: 8.3", ORANGE),
    }
    for x, y, text, colour in boxes.values():
        box(axes, x, y, text, colour, width=2.9)
    arrow(axes, (3.1, top), (3.7, top))
    arrow(axes, (6.7, top), (7.3, top))
    arrow(axes, (8.8, top - 0.45), (8.8, bottom + 0.45))
    arrow(axes, (7.3, bottom), (6.7, bottom))
    arrow(axes, (3.7, bottom), (3.1, bottom))
    arrow(axes, (1.6, bottom + 0.45), (1.6, top - 0.45))
    axes.text(5.2, 2.15, "one step", ha="center", va="center", fontsize=11, color=GREY)
    box(axes, 12.6, top, "validation loss: 8.5\ncheckpoint", GREEN, width=2.9, bold=True)
    box(
        axes,
        12.6,
        bottom,
        "at the end: translate,\nexact match 8.6, result card",
        GREEN,
        width=3.3,
        bold=True,
    )
    arrow(axes, (12.6, top - 0.45), (12.6, bottom + 0.45), GREEN, "--")
    axes.text(12.6, 4.0, "every few hundred steps", ha="center", color=GREEN, fontsize=9.5)
    axes.set(xlim=(-0.1, 14.4), ylim=(0.3, 4.3))
    axes.axis("off")
    return show(
        figure,
        alt="The training loop as a circle of six boxes: batch of similar lengths, forward pass, "
        "label-smoothed loss, backward pass, clipped gradient, optimizer with its learning rate, "
        "and back to the next batch. Beside it: every few hundred steps the validation loss is "
        "measured and a checkpoint is saved; at the end come translations, exact match and the "
        "result card. The boxes name their exercises.",
    )


def data_parallel():
    figure, axes = new(size=(10, 4.4))
    for x, name, tokens in ((2.6, "process 0", "1,500"), (9.4, "process 1", "900")):
        axes.text(x, 4.55, name, ha="center", fontsize=11, color=GREY)
        box(axes, x, 3.9, f"its batch: {tokens} real tokens", GREY, width=4.4, height=0.6)
        box(axes, x, 2.9, "forward pass with its copy of the weights", BLUE, width=4.9, height=0.6)
        box(axes, x, 1.9, "gradient of the SUM of its losses", BLUE, width=4.4, height=0.6)
        box(axes, x, 0.5, "optimizer: the same update", GREEN, width=4.4, height=0.6, bold=True)
        for high, low in ((3.58, 3.22), (2.58, 2.22)):
            arrow(axes, (x, high), (x, low))
    box(axes, 6, 1.2, "add up,\ndivide by 2,400", ORANGE, width=2.0, height=0.9, bold=True)
    arrow(axes, (3.6, 1.58), (4.95, 1.35), ORANGE)
    arrow(axes, (8.4, 1.58), (7.05, 1.35), ORANGE)
    arrow(axes, (4.95, 1.05), (3.6, 0.82), ORANGE)
    arrow(axes, (7.05, 1.05), (8.4, 0.82), ORANGE)
    axes.set(xlim=(0, 12), ylim=(0.1, 4.8))
    axes.axis("off")
    return show(
        figure,
        alt="Two processes side by side. Each has a copy of the weights and its own batch, with "
        "1,500 and 900 real tokens. Both compute the sum of their losses and its gradient. The "
        "gradients are added, divided by all 2,400 tokens, and both processes make the same "
        "update.",
    )


PICTURES = {"training_loop.png": training_loop, "data_parallel.png": data_parallel}
