"""Lesson 3: inputs, parts of the points and a formula that several exercises use."""

import numpy as np

from autograde.exercises.inputs import random_mask
from autograde.harness.call import Call

LEADING = "leading axes"
NOTHING = "nothing to attend to"


def mask_with_empty_row(rng, *shape, row):
    mask = random_mask(rng, *shape)
    mask[..., row, :] = False
    return mask


def cost_calls(rng):
    # the answers are whole numbers and are compared exactly
    lengths, widths = rng.choice(np.arange(11, 40), 3, replace=False), rng.choice(np.arange(41, 70), 3, replace=False)
    return [
        Call((5, 3), note="by hand: 5 tokens of width 3"),
        Call((1, 4), note="one token"),
        *(Call((int(n), int(d))) for n, d in zip(lengths, widths, strict=True)),
        Call((int(widths[0]), int(lengths[0])), note="a sentence longer than the width"),
    ]


def products(query, key):
    return query @ np.swapaxes(key, -1, -2)
