"""Lesson 8: full training, on one device or many."""

from autograde.exercises.training import batching, loss, step

EXERCISES = (*batching.EXERCISES, *loss.EXERCISES, *step.EXERCISES, *loss.MEASURES)
