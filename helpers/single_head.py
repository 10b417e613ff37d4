"""Lesson 3: single-head attention."""

from __future__ import annotations

import numpy as np


def softmax(x, axis=-1):
    """Turn scores into shares that add up to 1 along `axis`.

    x: any shape; an entry of -inf gets the share 0. Returns float64 of the same shape.
    Source: "Attention Is All You Need", section 3.2.1, equation 1.
    """
    shifted = x - np.max(x, axis=axis, keepdims=True)  # the largest exponent is 0: nothing overflows
    exponentials = np.exp(shifted)
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)
