"""The pictures that this lesson's text shows."""

import numpy as np

from helpers.embeddings import embed, positional_encoding
from helpers.example import EMBEDDINGS, SENTENCES
from helpers.figures import heat_map, new, show
from helpers.vocabulary import Vocabulary


def word_plus_position():
    tokens = SENTENCES[0].split()
    ids = Vocabulary(SENTENCES).encode(SENTENCES[0])[1:-1]
    words, positions = np.sqrt(6) * embed(ids, EMBEDDINGS), positional_encoding(len(ids), 6)
    limits = (-3.2, 3.2)
    figure, axes = new(1, 3, size=(12.5, 3.5))
    named = [f"{token} (id {number})" for token, number in zip(tokens, ids, strict=True)]
    heat_map(
        axes[0], words, named, range(6), "what the word means", "column", "token", limits=limits
    )
    counted = [f"position {p}" for p in range(5)]
    heat_map(axes[1], positions, counted, range(6), "+   where it is", "column", limits=limits)
    both = [f"{token}, {p}" for p, token in enumerate(tokens)]
    heat_map(
        axes[2],
        words + positions,
        both,
        range(6),
        "=   what the Transformer reads",
        "column",
        limits=limits,
    )
    return show(
        figure,
        alt="Three tables of 5 rows and 6 columns: the vectors of the words the, dog, bites, the, "
        "man; the encoding of the positions 0 to 4; and their sum. Both rows of 'the' are equal "
        "in the first table and differ in the last.",
    )


PICTURES = {"word_plus_position.png": word_plus_position}
