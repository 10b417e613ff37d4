"""Lesson 4: random inputs and weights."""

from __future__ import annotations

import math

import numpy as np

from autograde.harness.plain import TensorData

LAYERS = ("query", "key", "value", "out")


def tensor(rng, *shape):
    return TensorData(rng.normal(size=shape).astype(np.float32))


def layers(rng, embed_dim, bias=False):
    """Weights with which the scores are moderate: they differ from one another, and no softmax saturates."""
    scale = 1.3 / math.sqrt(embed_dim)
    weights = {f"{n}.weight": (rng.normal(size=(embed_dim, embed_dim)) * scale).astype(np.float32) for n in LAYERS}
    if bias:
        weights |= {f"{n}.bias": rng.normal(size=embed_dim).astype(np.float32) for n in LAYERS}
    return weights
