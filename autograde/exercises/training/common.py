"""Lesson 8: small models and batches, and numbers of a result."""

import numpy as np

from autograde.harness.call import Fixture
from autograde.harness.plain import TensorData

SOURCE, TARGET, WIDTH = 11, 9, 5  # words of the source, of the target, width of the small model


def _ids(rng, words, lengths, longest):
    """One sentence per length, each with <bos> and <eos>, filled up with padding."""
    ids = np.zeros((len(lengths), longest), dtype=np.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(3, words, length)
        ids[row, 0], ids[row, length - 1] = 1, 2
    return ids


def random_batch(rng, source_lengths, target_lengths):
    source = _ids(rng, SOURCE, source_lengths, max(source_lengths))
    return TensorData(source), TensorData(_ids(rng, TARGET, target_lengths, max(target_lengths)))


def small_model(rng, scale, *more):
    """A small model; `scale` makes its gradients large or small."""
    shapes = (SOURCE, WIDTH), (TARGET, WIDTH), (TARGET, WIDTH)
    tables = ((rng.normal(size=shape) * scale).astype(np.float32) for shape in shapes)
    return Fixture("table_translator", (*tables, *more))


def zeros(*more):
    """A small model that finds all words equally probable."""
    shapes = (6, 2), (8, 2), (8, 2)
    return Fixture("table_translator", (*(np.zeros(shape, np.float32) for shape in shapes), *more))


def _number(value):
    """A number, or a tensor or array of one element, as float32; anything else as it is."""
    value = getattr(value, "array", value)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    with np.errstate(over="ignore"):
        return np.asarray(value, np.float32) if type(value) in (int, float) else value


def numbers(output, names):
    """Those of `names` that are in the result; TypeError where it is no dictionary."""
    if not isinstance(output, dict):
        raise TypeError(type(output))
    return {name: _number(output[name]) for name in names if name in output}
