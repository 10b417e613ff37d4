"""The numbers of lesson 5 that learners compute on paper."""

import numpy as np

from autograde.exercise import ByHand
from autograde.exercises.running_example import AFTER_ATTENTION, ATTENDED, MAN, X
from helpers.add_norm import normalize

_ROW = np.array([2.0, 4.0, 6.0, 8.0])
_NORMALIZED = normalize(_ROW)
_SUM = (X + ATTENDED)[MAN]

BY_HAND = [
    ByHand(
        name="(2, 4, 6, 8), normalized",
        value=_NORMALIZED.tolist(),
        hint="The mean is 5, the squared distances are 9, 1, 1 and 9, and their mean is 5; divide by its root, 2.236.",
        slips={
            tuple(
                (_ROW - 5) / _ROW.std(ddof=1)
            ): "That divides the squares by 3, one less than the width. Divide by 4.",
            tuple((_ROW - 5) / 5): "That divides by the variance. Divide by its root.",
            tuple(_ROW - 5): "These are the distances from the mean. Divide them by the root of the variance.",
        },
    ),
    ByHand(
        name="(2, 4, 6, 8), normalized, with gamma 2 and beta 1",
        value=(2 * _NORMALIZED + 1).tolist(),
        hint="Double each normalized number, then add 1.",
        slips={
            tuple(2 * (_NORMALIZED + 1)): "Gamma comes first: multiply by 2, then add 1.",
            tuple(_NORMALIZED + 2): "Gamma is a factor and beta is added: here they have changed places.",
        },
    ),
    ByHand(
        name="column 2 of 'man' after add and norm",
        value=float(AFTER_ATTENTION[MAN, 2]),
        hint='Add the two rows of "man", subtract the mean of the sum, and divide by the root of its variance.',
        slips={
            float(normalize(ATTENDED[MAN])[2]): "That is attention's row without x. Add the two rows first.",
            float(normalize(X[MAN])[2] + ATTENDED[MAN, 2]): "That normalizes before it adds. The paper adds first.",
            float(
                (_SUM - _SUM.mean())[2]
            ): "That is the distance from the mean. Divide it by the root of the variance.",
            float(
                ((_SUM - _SUM.mean()) / _SUM.std(ddof=1))[2]
            ): "That is the unbiased deviation. Divide the squares by 6.",
        },
    ),
]
