"""Lesson 6: dropout, seen in the values of an output and how often each occurs."""

from __future__ import annotations

import numpy as np

from autograde.harness.plain import TensorData

# Random numbers may be drawn in any order, so outputs in training mode are not compared number by number. The weights
# of these calls let dropout act on column 0 alone, through few units: then that column holds few different values, and
# both the values and how often each occurs follow from the rate. 6000 rows bring the shares within 0.02 of it.
ROWS = (1500, 4)


def dropout_view(call, value):
    """In training mode: the different values of the output's column 0, smallest first, and their shares in tenths."""
    if not call.training:
        return value
    numbers = np.sort(value.array[..., 0], axis=None)
    groups = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1e-3) + 1)
    return {
        "different values": np.array([group.mean() for group in groups], np.float32),
        "their shares": [round(len(group) / len(numbers), 1) for group in groups],
    }


def same_rows(row):
    """A batch in which all tokens are the same."""
    return TensorData(np.tile(np.asarray(row, np.float32), (*ROWS, 1)))
