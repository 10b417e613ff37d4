"""The pictures that this lesson's text shows."""

from matplotlib.patches import Rectangle

from helpers.figures import COLOURS, box, new, show

BLUE, ORANGE, GREY = COLOURS[0], COLOURS[1], "#555555"


def beam():
    figure, axes = new(size=(9.5, 4))
    words = {
        "<bos>": (0, 2.2, GREY, "-"),
        "the": (2.6, 3.5, BLUE, "-"),
        "a": (2.6, 1.1, ORANGE, "-"),
        "this": (2.6, 0.1, GREY, "--"),
        "man": (5.4, 4.2, BLUE, "-"),
        "dog": (5.4, 3.5, GREY, "--"),
        "cat": (5.4, 2.8, GREY, "--"),
        "dog ": (5.4, 1.5, ORANGE, "-"),
        "cat ": (5.4, 0.7, GREY, "--"),
    }
    edges = (
        ("<bos>", "the", "0.5"),
        ("<bos>", "a", "0.4"),
        ("<bos>", "this", "0.1"),
        ("the", "man", "0.4"),
        ("the", "dog", "0.35"),
        ("the", "cat", "0.25"),
        ("a", "dog ", "0.9"),
        ("a", "cat ", "0.1"),
    )
    for start, end, probability in edges:
        (x, y, _, _), (u, v, colour, dashes) = words[start], words[end]
        axes.plot(
            [x + 0.5, u - 0.5],
            [y, v],
            color=colour,
            linestyle=dashes,
            linewidth=2.4 if dashes == "-" else 1.2,
        )
        axes.text(0.3 * x + 0.7 * u - 0.2, 0.3 * y + 0.7 * v, probability, ha="center", va="center", fontsize=9,
                  backgroundcolor="white")  # fmt: skip
    for word, (x, y, colour, dashes) in words.items():
        box(
            axes,
            x,
            y,
            word.strip(),
            colour,
            width=0.9,
            height=0.46,
            bold=dashes == "-" and word != "<bos>",
        )
    axes.text(6.2, 4.2, "greedy:  0.5 · 0.4 = 0.20", va="center", fontsize=10.5, color=BLUE)
    axes.text(6.2, 1.5, "beam 2:  0.4 · 0.9 = 0.36", va="center", fontsize=10.5, color=ORANGE)
    axes.set(xlim=(-0.7, 9.4), ylim=(-0.4, 4.7))
    axes.axis("off")
    return show(
        figure,
        alt="A tree of words with probabilities. After bos come the with 0.5, a with 0.4 and this with 0.1. After the come "
        "man 0.4, dog 0.35 and cat 0.25. After a comes dog with 0.9 and cat 0.1. Greedy takes the, then man, with 0.20 "
        "in all. The beam of 2 keeps the and a, and finds a dog with 0.36.",
    )


def cache():
    """Four steps, one below the other: which rows go through the layers, which keys and values are there already."""
    figure, axes = new(1, 2, size=(10, 3.6))
    words = ["<bos>", "four", "thousand", "seventy"]
    for panel, title, cached in (
        (axes[0], "without a cache", False),
        (axes[1], "with a cache", True),
    ):
        for step in range(4):
            for place in range(step + 1):
                made = place == step or not cached
                panel.add_patch(
                    Rectangle((place + 0.06, 3 - step + 0.1), 0.88, 0.8, facecolor=BLUE if made else "white",
                              edgecolor=BLUE if made else GREY, linestyle="-" if made else "--", linewidth=1.4)
                )  # fmt: skip
                panel.text(place + 0.5, 3.5 - step, "made" if made else "kept", ha="center", va="center", fontsize=9,
                           color="white" if made else GREY)  # fmt: skip
        total = 4 if cached else 10
        panel.text(4.15, 3.5, f"{total} rows made", fontsize=10, va="center")
        panel.set(title=title, xlim=(0, 5.6), ylim=(0, 4))
        panel.set_xticks([place + 0.5 for place in range(4)], words, rotation=20)
        panel.set_yticks(
            [3.5 - step for step in range(4)], [f"step {step + 1}" for step in range(4)]
        )
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
    return show(
        figure,
        alt="Keys and values in four steps of decoding. Without a cache, step 1 makes one row, step 2 two, step 3 three "
        "and step 4 four, ten in all. With a cache, each step makes only the row of the newest word; the rows of earlier "
        "words are kept, so four are made in all.",
    )


PICTURES = {"beam.png": beam, "cache.png": cache}
