"""Lesson 6: random inputs and masks."""

from __future__ import annotations

import numpy as np

from autograde.harness.plain import TensorData


def tensor(numbers):
    return TensorData(np.asarray(numbers, np.float32))


def random_array(rng, *shape, scale=1.0):
    return (rng.normal(size=shape) * scale).astype(np.float32)


def mask(rng, *shape):
    """A random mask in which every row has at least one True and one False."""
    order = rng.random(shape).argsort(axis=-1)
    return TensorData(order < rng.integers(1, shape[-1], (*shape[:-1], 1)))
