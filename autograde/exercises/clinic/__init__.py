"""Lesson 10: the debugging clinic."""

from autograde.exercises.clinic import (
    repair_attend,
    repair_fit,
    repair_generate,
    repair_loss,
    repair_sentence_vectors,
    repaired_decoder_block,
    sees_future,
    sees_padding,
    untrained_parameters,
    uses_source,
)

EXERCISES = (
    sees_future.EXERCISE,
    sees_padding.EXERCISE,
    uses_source.EXERCISE,
    untrained_parameters.EXERCISE,
    repair_fit.EXERCISE,
    repair_attend.EXERCISE,
    repair_generate.EXERCISE,
    repair_loss.EXERCISE,
    repaired_decoder_block.EXERCISE,
    repair_sentence_vectors.EXERCISE,
)
