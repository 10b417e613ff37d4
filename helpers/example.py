"""The running example: a few sentences and small fixed numbers, the same in every lesson, small enough for paper.

Only what is given stands here. What follows from it (ids, vectors, attention) is computed in the lessons, with the
modules of the lessons before.
"""

from __future__ import annotations

import numpy as np

SENTENCES = ("the dog bites the man", "the man bites the dog", "the cat sleeps")
TRANSLATIONS = ("개가 남자를 물어요", "남자가 개를 물어요", "고양이가 자요")

D_MODEL = 6
D_HEAD = 3

# One row per word of `Vocabulary(SENTENCES)`. Trained embeddings have no such plain meaning; here column 0 is large for
# nouns, column 1 for verbs, column 2 for articles, so that the attention of lesson 3 can be understood by looking.
EMBEDDINGS = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],  # <pad>
        [0.2, -0.5, -0.4, 0.1, 0.3, 0.5],  # <bos>
        [-0.2, -0.4, 0.5, 0.3, -0.1, 0.6],  # <eos>
        [0.1, 0.3, -0.1, -0.2, 0.5, -0.4],  # <unk>
        [0.1, -0.2, 0.8, 0.0, 0.1, -0.3],  # the
        [0.9, 0.1, -0.2, 0.4, -0.5, 0.2],  # dog
        [-0.3, 0.9, 0.1, 0.2, 0.4, -0.1],  # bites
        [0.8, -0.1, 0.1, -0.6, 0.3, 0.4],  # man
        [0.7, 0.2, -0.3, 0.6, 0.2, -0.4],  # cat
        [-0.4, 0.7, 0.2, -0.3, -0.6, 0.3],  # sleeps
    ]
)

# One head: verbs look for nouns, nouns look for verbs, articles look for nouns.
W_QUERY = np.array(
    [
        [0.0, 1.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 0.5, 0.0],
        [0.5, 0.0, 0.0],
        [0.0, 0.0, 0.5],
    ]
)
W_KEY = np.array(
    [
        [1.0, 0.0, 1.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.5],
        [0.5, 0.0, 0.0],
        [0.0, 0.5, 0.0],
    ]
)
W_VALUE = np.array(
    [
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.5, 0.0, 0.0],
        [0.0, 0.5, 0.0],
        [0.0, 0.0, 0.5],
    ]
)

# A second head, for lesson 4: nouns look for articles, articles for verbs, verbs for verbs.
W_QUERY_2 = np.array(
    [
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
    ]
)
W_KEY_2 = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.0, 1.0, 1.0],
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
    ]
)
W_VALUE_2 = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 0.0, 0.0],
    ]
)
HEADS = [(W_QUERY, W_KEY, W_VALUE), (W_QUERY_2, W_KEY_2, W_VALUE_2)]

# The output matrix after the two heads: 1 on one diagonal, 0.5 on the other.
W_OUTPUT = np.array(
    [
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.5],
        [0.0, 1.0, 0.0, 0.0, 0.5, 0.0],
        [0.0, 0.0, 1.0, 0.5, 0.0, 0.0],
        [0.0, 0.0, 0.5, 1.0, 0.0, 0.0],
        [0.0, 0.5, 0.0, 0.0, 1.0, 0.0],
        [0.5, 0.0, 0.0, 0.0, 0.0, 1.0],
    ]
)

# The feed-forward network of lesson 6: a column of W_INNER is what a unit looks for, a row of W_OUTER what it adds.
D_FF = 8
W_INNER = np.array(
    [
        [0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, -1.0],
        [0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    ]
)
B_INNER = np.array([0.0, 0.0, -0.5, -1.0, -1.5, -1.0, -1.0, 0.0])
W_OUTER = np.array(
    [
        [-0.5, 0.0, 0.5, 0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.5, 0.0, 0.0],
        [1.0, -0.5, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 1.0, 0.0, 0.5, 0.0],
        [0.0, 0.5, 0.0, 0.0, 0.0, 0.0],
        [0.5, 0.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, -1.0, 0.0, 0.0, 0.0, 0.0],
    ]
)
B_OUTER = np.array([0.0, 0.0, 0.1, 0.0, 0.0, -0.1])
