"""Lesson 11: from 2017 to today's language models."""

from autograde.exercises.today import (
    grouped_query_attention,
    language_model,
    load_minilm,
    repeat_kv,
    rms_norm,
    rmsnorm,
    rotate,
    sentence_vectors,
    swi_glu,
)

EXERCISES = (
    language_model.EXERCISE,
    rms_norm.EXERCISE,
    rmsnorm.EXERCISE,
    rotate.EXERCISE,
    repeat_kv.EXERCISE,
    grouped_query_attention.EXERCISE,
    swi_glu.EXERCISE,
    sentence_vectors.EXERCISE,
    load_minilm.EXERCISE,
)
