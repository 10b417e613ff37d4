"""Lesson 3: inputs, parts of the points and a formula that several exercises use."""

import numpy as np

from autograde.exercises.inputs import random_mask
from autograde.harness.call import FunctionCall

LEADING = "leading axes"
NOTHING = "nothing to attend to"
LARGE = "large scores"
SCORE = 250  # float32's `exp` overflows at 89; a score of 1,000 would be rounded so much that it shows in right answers


def mask_with_empty_row(rng, *shape, row):
    mask = random_mask(rng, *shape)
    mask[..., row, :] = False
    return mask


def large_scores(rng, n_queries, n_keys):
    """(scores, mask): scores far apart, the largest of each row forbidden, allowed ones near one another."""
    base = rng.uniform(-300, 300, (n_queries, 1))
    mask = random_mask(rng, n_queries, n_keys)
    return base + rng.normal(size=(n_queries, n_keys)) + np.where(mask, 0, rng.uniform(800, 1000, mask.shape)), mask


def far_from_zero(rng, *shape):
    """Rows that differ little from one another, all far from zero."""
    return rng.choice([-1.0, 1.0], shape[-1]) * rng.uniform(12, 16, shape[-1]) + rng.normal(size=shape) * 0.03


def with_large_scores(weights, sign, x, num_heads=1):
    """The same weights with keys that are the queries, or their opposite: each row of `x`, which are much alike, fits
    every row well, or badly. The scores of each head are about SCORE, or -SCORE."""
    heads = weights["query.weight"].reshape(num_heads, -1, x.shape[-1])
    query = np.einsum("...nw,hdw->h...nd", x, heads)
    scores = (query**2).sum(axis=-1).reshape(num_heads, -1).mean(axis=1) / np.sqrt(heads.shape[1])
    scaled = heads * np.sqrt(SCORE / scores)[:, None, None]
    query_weight = scaled.reshape(weights["query.weight"].shape).astype(np.float32)
    return {**weights, "query.weight": query_weight, "key.weight": sign * query_weight}


def cost_calls(rng):
    # the answers are whole numbers and are compared exactly
    lengths, widths = rng.choice(np.arange(11, 40), 3, replace=False), rng.choice(np.arange(41, 70), 3, replace=False)
    return [
        FunctionCall((5, 3), note="by hand: 5 tokens of width 3"),
        FunctionCall((1, 4), note="one token"),
        *(FunctionCall((int(n), int(d))) for n, d in zip(lengths, widths, strict=True)),
        FunctionCall((int(widths[0]), int(lengths[0])), note="a sentence longer than the width"),
    ]


def products(query, key):
    return query @ np.swapaxes(key, -1, -2)
