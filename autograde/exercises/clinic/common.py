"""The debugging clinic: inputs and a formula that several exercises use."""

import math

import numpy as np

from autograde.harness.plain import TensorData


def ids(array):
    return TensorData(np.asarray(array, dtype=np.int64))


def attention_scores_of(query, key):
    return query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
