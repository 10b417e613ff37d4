"""Lesson 6: the feed-forward network and the whole encoder."""

from autograde.exercises.feed_forward import (
    encoder,
    encoder_layer,
    encoder_parameters,
    feed_forward,
    feed_forward_module,
    linear,
    relu,
)

EXERCISES = (
    relu.EXERCISE,
    linear.EXERCISE,
    feed_forward.EXERCISE,
    feed_forward_module.EXERCISE,
    encoder_layer.EXERCISE,
    encoder.EXERCISE,
    encoder_parameters.EXERCISE,
)
