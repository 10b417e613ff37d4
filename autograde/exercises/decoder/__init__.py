"""Lesson 7: masks, the decoder, the whole Transformer."""

from autograde.exercises.clinic import CLINIC
from autograde.exercises.decoder import cache, greedy, layers, masks, transformer

EXERCISES = (
    *masks.EXERCISES,
    *layers.EXERCISES,
    *transformer.EXERCISES,
    *greedy.EXERCISES,
    *cache.EXERCISES,
    *CLINIC,
)
