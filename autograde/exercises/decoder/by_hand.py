"""Lesson 7: numbers that learners compute on paper."""

import math

from autograde.exercise import ByHand
from autograde.exercises.running_example import BITES, MEMORY, X
from helpers.example import W_KEY, W_QUERY
from helpers.single_head import attention_scores, softmax

_SEEN = attention_scores(X @ W_QUERY, X @ W_KEY)[BITES, : BITES + 1]
_ENTRY = float(MEMORY[BITES, 4])

BY_HAND = [
    ByHand(
        name="weights of bites, the future hidden",
        value=[*softmax(_SEEN).tolist(), 0, 0],
        hint="Divide by e^0.022 + e^2.918 + e^-0.390. A hidden word gives e^-inf = 0.",
    ),
    ByHand(
        name="score of noun and bites",
        value=_ENTRY / math.sqrt(3),
        hint="Column 4 of the memory's row for bites, divided by the root of 3.",
        slips={
            _ENTRY: "That is the product. Divide it by the root of d_head = 3.",
            _ENTRY / 3: "Divide by the root of 3, not by 3.",
        },
    ),
]
