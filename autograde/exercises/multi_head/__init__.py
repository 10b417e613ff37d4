"""Lesson 4: multi-head attention."""

from autograde.exercises.multi_head import attention, heads, parameters

EXERCISES = (
    *heads.EXERCISES,
    *attention.EXERCISES,
    *parameters.EXERCISES,
)
