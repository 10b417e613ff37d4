"""Lesson 6: the feed-forward network and the whole encoder."""

from autograde.exercises.feed_forward import encoder, encoder_layer, functions, network

EXERCISES = (
    *functions.EXERCISES,
    *network.EXERCISES,
    *encoder_layer.EXERCISES,
    *encoder.EXERCISES,
)
