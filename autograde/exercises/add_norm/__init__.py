"""Lesson 5: residual connection and layer normalization."""

from autograde.exercises.add_norm import (
    add_and_norm,
    add_norm,
    attention_block,
    layer_norm,
    layer_normalization,
    normalize,
    pre_norm_block,
    row_statistics,
)

EXERCISES = (
    row_statistics.EXERCISE,
    normalize.EXERCISE,
    layer_norm.EXERCISE,
    layer_normalization.EXERCISE,
    add_and_norm.EXERCISE,
    add_norm.EXERCISE,
    attention_block.EXERCISE,
    pre_norm_block.EXERCISE,
)
