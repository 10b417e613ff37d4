"""The numbers of lesson 3 that learners compute on paper."""

import math

from autograde.exercise import ByHand
from autograde.exercises.running_example import BITES, DOG, MAN, X
from helpers.example import W_KEY, W_QUERY, W_VALUE
from helpers.single_head import softmax

_QUERY = X[MAN] @ W_QUERY
_PRODUCTS = X @ W_KEY @ _QUERY
_SCORES = _PRODUCTS / math.sqrt(3)
_EXAMPLE = float(_PRODUCTS[BITES])

BY_HAND = [
    ByHand(
        name="query of 'man'",
        value=_QUERY.tolist(),
        hint="Entry 0 of a query is column 4 of x, entry 1 is column 2, and entry 2 is column 5.",
        slips={
            tuple((X[MAN] @ W_KEY).tolist()): "That is the key. Take the columns of the query's weights.",
            tuple((X[MAN] @ W_VALUE).tolist()): "That is the value. Take the columns of the query's weights.",
            tuple((X[DOG] @ W_QUERY).tolist()): 'That is the query of "dog". "man" is the last row of x.',
        },
    ),
    ByHand(
        name="score of 'bites' for 'man'",
        value=_EXAMPLE / math.sqrt(3),
        hint="Multiply query and key number by number, add the three products, and divide by 1.732.",
        slips={
            _EXAMPLE: "That is the dot product. Divide it by the root of 3.",
            _EXAMPLE / 3: "That is divided by 3, the width of the head. Divide by its root.",
            _EXAMPLE / math.sqrt(6): "That is divided by the root of 6, the width of x. A head is 3 wide.",
        },
    ),
    ByHand(
        name="weight of 'bites' for 'man'",
        value=float(softmax(_SCORES)[BITES]),
        hint='Take e to the power of each of the five scores, and divide that of "bites" by the sum of all five.',
        slips={
            float(
                softmax(X[DOG] @ W_QUERY @ (X @ W_KEY).T / math.sqrt(3))[BITES]
            ): 'That is the row of "dog". The query here is that of "man", the last row.',
            float(_SCORES[BITES] / _SCORES.sum()): "That divides the scores themselves. First take e to their power.",
            math.exp(_SCORES[BITES]): "That is e to the power of the score. Divide it by the sum of all five.",
            float(
                softmax(_PRODUCTS)[BITES]
            ): "That is the softmax of the products. Divide each by the root of 3 first.",
        },
    ),
    ByHand(
        name="row 2 of the averaging matrix",
        value=[1 / 3, 1 / 3, 1 / 3, 0, 0],
        hint='"bites" averages itself and the two tokens before it, with equal weights, and nothing that comes later.',
        slips={
            (1 / 2, 1 / 2, 0, 0, 0): 'That is row 1, counted from 0: "dog". Row 2 averages three tokens.',
            (1, 1, 1, 0, 0): "That adds them up. For the mean each weight is 1/3.",
            (1 / 5, 1 / 5, 1 / 5, 1 / 5, 1 / 5): "That averages all five. The later tokens get 0.",
        },
    ),
    ByHand(
        name="a whole head at n = d, in units of n²d",
        value=5,
        hint="At n = d a projection, n times d times d, is as much as n times n times d. Count the matrix products.",
        slips={
            1: "That is the row of the table. A head has three projections and two products with an n by n matrix.",
            2: "Those are the two products with an n by n matrix. Add the three projections.",
            3: "Those are the three projections. Add the two products with an n by n matrix.",
            4: "There are two products with an n by n matrix: query with key, and weights with value.",
        },
    ),
]
