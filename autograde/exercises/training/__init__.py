"""Lesson 8: full training, on one device or many."""

from autograde.exercises.training import batching, loss, search, step, trained

EXERCISES = (
    *batching.EXERCISES,
    *loss.EXERCISES,
    *step.EXERCISES,
    *search.EXERCISES,
    *loss.MEASURES,
    *trained.EXERCISES,
    *search.EXTRA,
)
