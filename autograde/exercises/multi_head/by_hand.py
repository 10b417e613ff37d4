"""The numbers of lesson 4 that learners compute on paper."""

import math

from autograde.exercise import ByHand
from autograde.exercises.running_example import ATTENDED, BITES, DOG, MAN, X
from helpers.example import D_HEAD, HEADS, W_KEY_2, W_QUERY_2
from helpers.single_head import project, scaled_dot_product_attention

_QUERY = X[BITES] @ W_QUERY_2
_PRODUCT = float(_QUERY @ (X[DOG] @ W_KEY_2))
_HEAD_1 = float(scaled_dot_product_attention(*project(X, *HEADS[0]))[0][MAN, 0])
_HEAD_2 = float(scaled_dot_product_attention(*project(X, *HEADS[1]))[0][MAN, D_HEAD - 1])

BY_HAND = [
    ByHand(
        name="query of 'bites' in head 2",
        value=_QUERY.tolist(),
        hint="One step back from position 2 is position 1: 4 times its sine and its cosine, and 0.",
        slips={
            (4 * math.sin(2), 4 * math.cos(2), 0): "That is 4 times its own position. Turn it back by one step first.",
            (4 * math.sin(3), 4 * math.cos(3), 0): "That is turned on by one step, to position 3. Turn it back.",
            (math.sin(1), math.cos(1), 0): "That is position 1. The query is 4 times as long.",
            (4 * math.cos(1), 4 * math.sin(1), 0): "Sine and cosine are exchanged: column 0 holds the sine.",
        },
    ),
    ByHand(
        name="score of 'dog' for 'bites' in head 2",
        value=_PRODUCT / math.sqrt(3),
        hint='The query is 4 times the key of "dog", whose length is 1. Divide the dot product by the root of 3.',
        slips={
            _PRODUCT: "That is the dot product. Divide it by the root of 3.",
            _PRODUCT / math.sqrt(2): "The head is 3 wide, although its third column is 0. Divide by the root of 3.",
        },
    ),
    ByHand(
        name="output of 'man', entry 0",
        value=float(ATTENDED[MAN, 0]),
        hint="Column 0 of the matrix has a 1 in its first row and a 0.5 in its last one.",
        slips={
            _HEAD_1: "That is entry 0 of the row itself. Multiply by the matrix: its column 0 has a second entry.",
            _HEAD_1 + _HEAD_2: "The last entry of column 0 is 0.5, not 1.",
        },
    ),
]
