"""Lesson 8: full training, on one device or many."""

from autograde.exercises.training import (
    batches_by_tokens,
    evaluate,
    exact_match,
    label_smoothed_loss,
    model_flops_utilization,
    noam_rate,
    train_step,
    trained_model,
    training_flops,
)

EXERCISES = (
    batches_by_tokens.EXERCISE,
    label_smoothed_loss.EXERCISE,
    noam_rate.EXERCISE,
    train_step.EXERCISE,
    evaluate.EXERCISE,
    exact_match.EXERCISE,
    training_flops.EXERCISE,
    model_flops_utilization.EXERCISE,
    trained_model.EXERCISE,
)
