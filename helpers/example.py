"""The running example: a few sentences and small fixed numbers, the same in every lesson, small enough for paper.

Only what is given stands here. What follows from it (ids, vectors, attention) is computed in the lessons, with the
modules of the lessons before.
"""

from __future__ import annotations

import numpy as np

SENTENCES = ("the dog bites the man", "the man bites the dog", "the cat sleeps")
TRANSLATIONS = ("개가 남자를 물어요", "남자가 개를 물어요", "고양이가 자요")
GLOSSES = ("dog-SUBJ man-OBJ bites", "man-SUBJ dog-OBJ bites", "cat-SUBJ sleeps")  # of the translations, in their order

D_MODEL = 6
D_HEAD = 3

# One row per word of `Vocabulary(SENTENCES)`. Trained embeddings have no such plain meaning; here column 2 is large for
# nouns, column 4 for verbs, column 5 for articles, column 3 tells the nouns apart, and columns 0 and 1 are left to the
# position: their pair of sine and cosine changes fastest.
EMBEDDINGS = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],  # <pad>
        [0.0, 0.0, 0.1, 0.4, -0.2, -0.5],  # <bos>
        [0.0, 0.0, -0.4, -0.1, 0.2, -0.6],  # <eos>
        [0.0, 0.0, 0.2, -0.5, 0.3, -0.4],  # <unk>
        [0.0, 0.0, 0.0, -0.3, -0.1, 0.8],  # the
        [0.0, 0.0, 0.9, 0.4, -0.1, -0.3],  # dog
        [0.0, 0.0, -0.1, 0.1, 0.9, -0.4],  # bites
        [0.0, 0.0, 0.8, -0.6, 0.0, -0.2],  # man
        [0.0, 0.0, 0.7, 0.6, 0.1, -0.4],  # cat
        [0.0, 0.0, 0.1, -0.4, 0.8, -0.3],  # sleeps
    ]
)

# Head 1 asks *what*: verbs look for nouns, nouns for verbs, articles for nouns.
W_QUERY = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0],
    ]
)
W_KEY = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [1.0, 0.0, 1.0],
        [0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0],
    ]
)
W_VALUE = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [1.0, 0.0, 0.5],
        [0.0, 0.0, 1.0],
        [0.0, 0.5, 0.0],
    ]
)

# Head 2, for lesson 4, asks *where*: each token looks for the one before it. Its key is the position itself, columns 0
# and 1; its query is 4 times the position turned back by one step, `4 * shift_matrix(-1, 2)` of lesson 2. Its third
# column is not used.
W_QUERY_2 = np.zeros((D_MODEL, D_HEAD))
W_QUERY_2[:2, :2] = 4 * np.array([[np.cos(1), np.sin(1)], [-np.sin(1), np.cos(1)]])
W_KEY_2 = np.eye(D_MODEL, D_HEAD)
W_KEY_2[2, 2] = 0.0
W_VALUE_2 = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 1.0],
        [1.0, 0.0, 0.0],
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

# The feed-forward network of lesson 6: a column of W_INNER is what a unit looks for, a row of W_OUTER what it adds. Of
# the units 0 to 5 each waits for one kind of row: nouns, verbs, dog or cat, a later article, the first word, man.
D_FF = 8
W_INNER = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0],
        [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
    ]
)
B_INNER = np.array([-0.5, -0.5, -0.5, -1.5, -0.5, -1.0, -1.0, -0.5])
W_OUTER = np.array(
    [
        [-0.5, 0.0, 0.5, 0.0, 0.0, 0.0],
        [0.0, 0.5, 0.0, 0.0, 1.0, 0.0],
        [1.0, 0.0, 0.0, 0.5, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, -0.5, 1.0],
        [-1.0, 0.0, 0.0, -0.5, 0.0, 0.0],
        [0.0, 0.5, 0.0, 0.0, 1.0, 0.0],
        [0.0, -1.0, 0.0, 0.0, 0.0, 0.0],
    ]
)
B_OUTER = np.array([0.0, 0.0, 0.1, 0.0, 0.0, -0.1])
