"""The pictures that the text of lesson 1 shows."""

from __future__ import annotations

from matplotlib.patches import FancyBboxPatch, Rectangle

from helpers.example import SENTENCES
from helpers.figures import new, show
from helpers.vocabulary import Vocabulary, bpe_encode, pad_batch, train_bpe


def _empty(width, height, columns, rows):
    """An axes without frame, measured in cells, row 0 at the top."""
    figure, axes = new(size=(width, height))
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    axes.axis("off")
    return figure, axes


def _box(axes, left, top, width, text, colour=None, edge=1.0):
    shape = {
        "boxstyle": "round,pad=0,rounding_size=0.12",
        "fc": colour or "white",
        "ec": "black",
        "lw": edge,
    }
    axes.add_patch(FancyBboxPatch((left + 0.08, top + 0.12), width - 0.16, 0.76, **shape))
    axes.text(left + width / 2, top + 0.5, text, ha="center", va="center", fontsize=10.5)


def _arrow(axes, x, top, bottom):
    axes.annotate("", (x, bottom), (x, top), arrowprops={"arrowstyle": "->", "color": "black"})


def idea():
    vocabulary = Vocabulary(SENTENCES)
    words = SENTENCES[0].split()
    ids = vocabulary.encode(SENTENCES[0])
    figure, axes = _empty(8.4, 3.6, 9.4, 5.4)
    labels = ("text", "tokens", "with special tokens", "ids")
    for row, label in zip((0, 1.5, 3, 4.5), labels, strict=True):
        axes.text(0, row + 0.5, label, va="center", fontsize=10.5)
    _box(axes, 3.4, 0, 5, f'"{SENTENCES[0]}"')
    for place, word in enumerate(words):
        _arrow(axes, 3.9 + place, 0.95, 1.55)
        _box(axes, 3.4 + place, 1.5, 1, word, "#DCEBF5" if word == "the" else None)
        _arrow(axes, 3.9 + place, 2.45, 3.05)
    for place, token in enumerate(["<bos>", *words, "<eos>"]):
        special = token.startswith("<")
        colour = "#F3E3C8" if special else "#DCEBF5" if token == "the" else None
        _box(axes, 2.4 + place, 3, 1, token, colour)
        _arrow(axes, 2.9 + place, 3.95, 4.55)
        _box(axes, 2.4 + place, 4.5, 1, str(ids[place]), colour)
    return show(
        figure,
        alt="The sentence 'the dog bites the man' in four rows: the text; five tokens; the tokens "
        "between <bos> and <eos>; the ids 1, 4, 5, 6, 4, 7, 2. The word 'the' occurs twice and "
        "has the id 4 both times.",
    )


def batch():
    vocabulary = Vocabulary(SENTENCES)
    sequences = [vocabulary.encode(sentence) for sentence in SENTENCES]
    ids, keep = (part.tolist() for part in pad_batch(sequences))
    figure, axes = _empty(8.4, 2.7, 16.2, 4.6)
    for left, title, table in ((0, "ids, int64 (3, 7)", ids), (8.6, "keep, bool (3, 7)", keep)):
        axes.text(left + 3.5, 0.4, title, ha="center", va="center", fontsize=11)
        for row, values in enumerate(table):
            for column, value in enumerate(values):
                padded = not keep[row][column]
                axes.add_patch(
                    Rectangle(
                        (left + column, row + 1),
                        1,
                        1,
                        fc="#F3E3C8" if padded else "white",
                        ec="black",
                        hatch="///" if padded else None,
                        lw=0.8,
                    )
                )
                text = str(value) if left == 0 else ("True" if value else "False")
                box = (
                    {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"} if padded else None
                )
                size = 11 if left == 0 else 8.5
                axes.text(
                    left + column + 0.5,
                    row + 1.5,
                    text,
                    ha="center",
                    va="center",
                    fontsize=size,
                    bbox=box,
                )
    axes.text(0, 4.35, "hatched: padding", va="center", fontsize=9.5)
    return show(
        figure,
        alt="Two tables of 3 rows and 7 columns. Left the ids of three sentences, the third "
        "padded with two zeros at the end. Right the mask: True at every token, False at the two "
        "zeros.",
    )


def merges():
    words = {"dog": 5, "dogs": 2, "log": 3}
    learned = train_bpe(words, 3)
    figure, axes = _empty(8.4, 3.0, 18.4, 5.2)
    heads = [
        "start",
        *(f"{number}. {left} + {right}" for number, (left, right) in enumerate(learned, 1)),
    ]
    for step, head in enumerate(heads):
        top = 1.1 + step
        axes.text(0, top + 0.5, head, va="center", fontsize=10.5)
        for column, word in enumerate(words):
            left = 3.8 + 5.1 * column
            for piece in bpe_encode(word, learned[:step]):
                width = 0.8 if len(piece) == 1 else 0.55 + 0.3 * len(piece.replace("</w>", "..."))
                fresh = step and piece == "".join(learned[step - 1])
                _box(
                    axes,
                    left,
                    top,
                    width,
                    piece,
                    "#DCEBF5" if fresh else None,
                    2.4 if fresh else 1.0,
                )
                left += width
    for column, (word, count) in enumerate(words.items()):
        axes.text(
            3.8 + 5.1 * column + 1.8,
            0.5,
            f"{word} ({count} times)",
            ha="center",
            va="center",
            fontsize=10.5,
        )
    return show(
        figure,
        alt="Byte-pair encoding on dog (5 times), dogs (2) and log (3). From single letters, the "
        "first merge makes og in all three words, the second og</w> in dog and log, the third "
        "dog</w>. dogs is then d, og, s, </w>.",
    )


PICTURES = {"idea.png": idea, "batch.png": batch, "merges.png": merges}
