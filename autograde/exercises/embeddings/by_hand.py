"""The numbers of lesson 2 that learners compute on paper."""

import math

from autograde.exercise import ByHand
from autograde.exercises.running_example import MAN, X
from helpers.example import EMBEDDINGS

_ROOT, _SLOW = math.sqrt(6), 10000 ** (2 / 6)  # sqrt(d_model), and what pair 1 divides the position by
_WORD = float(EMBEDDINGS[7, 3])  # man

BY_HAND = [
    ByHand(
        name="position 2, columns 0 and 1",
        value=[math.sin(2), math.cos(2)],
        hint="Pair 0 divides the position by 1, so the angle is 2, in radians.",
        slips={
            (math.cos(2), math.sin(2)): "Sine and cosine are exchanged: the even column is the sine.",
            (math.sin(math.radians(2)), math.cos(math.radians(2))): "That is the angle in degrees. It is 2 radians.",
            (math.sin(1), math.cos(1)): "That is position 1, the second token. The third token has position 2.",
        },
    ),
    ByHand(
        name="position 2, column 2",
        value=math.sin(2 / _SLOW),
        hint="Column 2 is the first column of pair 1, which divides the position by 21.54; it is the sine.",
        slips={
            math.sin(2 / 10000 ** (4 / 6)): "That divides by 464.16, as pair 2 does. Column 2 belongs to pair 1.",
            math.cos(2 / _SLOW): "That is the cosine, the number of column 3.",
            math.sin(2): "That is pair 0. Pair 1 divides the position by 21.54 first.",
        },
    ),
    ByHand(
        name="column 3 of 'man', with its position",
        value=float(X[MAN, 3]),
        hint="It is the root of 6 times -0.6, plus the cosine of 4 / 21.54.",
        slips={
            _ROOT * _WORD + math.sin(4 / _SLOW): "Column 3 is the second column of its pair: it takes the cosine.",
            _ROOT * _WORD: "That is the word. Add the position: the cosine of 4 / 21.54.",
            _WORD + math.cos(4 / _SLOW): "The embedding is multiplied by the root of 6 before the position is added.",
        },
    ),
    ByHand(
        name="dot product of positions 3 and 5, columns 0 and 1",
        value=math.cos(2),
        hint="It is sin 3 · sin 5 + cos 3 · cos 5, which is the cosine of the difference of the two angles.",
        slips={
            math.cos(8): "That is the cosine of the sum. The product of two encodings gives that of the difference.",
            math.cos(math.radians(2)): "That is the angle in degrees. It is 2 radians.",
        },
    ),
]
