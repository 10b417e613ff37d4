"""Lesson 3: single-head attention."""

from autograde.exercises.single_head import attention, costs, head, scores

EXERCISES = (
    *scores.EXERCISES,
    *attention.EXERCISES,
    *head.EXERCISES,
    *costs.EXERCISES,
)
