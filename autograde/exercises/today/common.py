"""Lesson 11: parts of the points, and random weights by name."""

import numpy as np

EPS = "eps"
GRADIENTS = "gradients"
LEADING = "leading axes"


def weights(rng, shapes, scale=0.6):
    """{name: random array}"""
    return {name: (rng.normal(size=shape) * scale).astype(np.float32) for name, shape in shapes.items()}


def gain(rng, width):
    return rng.choice([-1.0, 1.0], width) * rng.uniform(0.5, 2, width)


def off_centre(rng, *shape):
    """Rows whose means lie away from 0, where dividing by the standard deviation shows."""
    return rng.normal(size=shape) + rng.choice([-1.0, 1.0], (*shape[:-1], 1)) * rng.uniform(1, 2, (*shape[:-1], 1))
