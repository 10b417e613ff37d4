"""Lesson 3: random masks."""

from __future__ import annotations


def random_mask(rng, *shape):
    """A random mask in which every row has at least one True and one False."""
    order = rng.random(shape).argsort(axis=-1)
    return order < rng.integers(1, shape[-1], (*shape[:-1], 1))


def mask_with_empty_row(rng, *shape, row):
    mask = random_mask(rng, *shape)
    mask[..., row, :] = False
    return mask
