"""Lesson 1: vocabulary and encoding."""

from autograde.exercises.vocabulary import byte_pairs, ids, padding, pairs, tokens, vocabulary_class

EXERCISES = (
    *tokens.EXERCISES,
    *ids.EXERCISES,
    *vocabulary_class.EXERCISES,
    *padding.EXERCISES,
    *pairs.EXERCISES,
    *byte_pairs.EXERCISES,
)
