"""Lesson 5: random inputs and parameters."""

from __future__ import annotations

import numpy as np

from autograde.harness.plain import TensorData


def random_rows(rng, *shape):
    """Rows whose means lie away from 0 and whose variances differ."""
    return rng.normal(size=shape) * rng.uniform(1, 3, (*shape[:-1], 1)) + rng.uniform(-3, 3, (*shape[:-1], 1))


def gain(rng, *shape):
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 2, shape)


def as_float32(array) -> TensorData:
    return TensorData(np.asarray(array, np.float32))


def learned(rng, width, prefix=""):
    return {f"{prefix}{name}": gain(rng, width).astype(np.float32) for name in ("gamma", "beta")}
