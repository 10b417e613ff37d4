"""Lesson 2: embeddings and positional encoding."""

from autograde.exercises.embeddings import (
    add_positions,
    embed,
    one_hot,
    positional_encoding,
    positional_encoding_at,
    positional_encoding_module,
    shift_matrix,
    token_embedding,
)

EXERCISES = (
    one_hot.EXERCISE,
    embed.EXERCISE,
    positional_encoding_at.EXERCISE,
    positional_encoding.EXERCISE,
    add_positions.EXERCISE,
    shift_matrix.EXERCISE,
    token_embedding.EXERCISE,
    positional_encoding_module.EXERCISE,
)
