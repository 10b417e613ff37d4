"""Lesson 5: residual connection and layer normalization."""

from autograde.exercises.add_norm import blocks, layer_normalization, normalizing, residual

EXERCISES = (
    *normalizing.EXERCISES,
    *layer_normalization.EXERCISES,
    *residual.EXERCISES,
    *blocks.EXERCISES,
)
