"""Lesson 3: single-head attention."""

from autograde.exercises.single_head import (
    attention_scores,
    attention_weights,
    convolution_cost,
    project,
    recurrent_cost,
    scaled_dot_product_attention,
    self_attention_cost,
    self_attention_head,
    softmax,
)

EXERCISES = (
    softmax.EXERCISE,
    project.EXERCISE,
    attention_scores.EXERCISE,
    attention_weights.EXERCISE,
    scaled_dot_product_attention.EXERCISE,
    self_attention_head.EXERCISE,
    self_attention_cost.EXERCISE,
    recurrent_cost.EXERCISE,
    convolution_cost.EXERCISE,
)
