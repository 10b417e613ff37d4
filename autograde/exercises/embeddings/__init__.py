"""Lesson 2: embeddings and positional encoding."""

from autograde.exercises.embeddings import embedding, encoding, positions

EXERCISES = (
    *embedding.EXERCISES,
    *encoding.EXERCISES,
    *positions.EXERCISES,
    *embedding.MODULE,
    *encoding.MODULE,
)
