"""Inputs that the calls of several lessons use."""

import numpy as np

from autograde.harness.plain import TensorData


def tensor(array):
    """The numbers as a float32 tensor."""
    return TensorData(np.asarray(array, np.float32))


def random_tensor(rng, *shape, scale=1.0):
    """Normally distributed numbers as a float32 tensor."""
    return tensor(rng.normal(size=shape) * scale)


def random_mask(rng, *shape):
    """A random mask in which every row has at least one True and one False."""
    order = rng.random(shape).argsort(axis=-1)
    return order < rng.integers(1, shape[-1], (*shape[:-1], 1))
