"""Lesson 7, the debugging clinic: arrays as tensors, and random ones."""

from __future__ import annotations

import numpy as np

from autograde.harness.plain import TensorData


def floats(array):
    return TensorData(np.asarray(array, dtype=np.float32))


def normal_values(rng, *shape, scale=1.0):
    return floats(rng.normal(size=shape) * scale)


def ids(array):
    return TensorData(np.asarray(array, dtype=np.int64))
