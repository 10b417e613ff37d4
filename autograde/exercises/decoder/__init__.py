"""Lesson 7: masks, the decoder, the whole Transformer."""

from autograde.exercises.decoder import (
    causal_mask,
    decoder,
    decoder_layer,
    decoder_mask,
    greedy_decode,
    mask_scores,
    padding_mask,
    teacher_forcing_pair,
    transformer,
)

EXERCISES = (
    causal_mask.EXERCISE,
    padding_mask.EXERCISE,
    decoder_mask.EXERCISE,
    mask_scores.EXERCISE,
    decoder_layer.EXERCISE,
    decoder.EXERCISE,
    teacher_forcing_pair.EXERCISE,
    transformer.EXERCISE,
    greedy_decode.EXERCISE,
)
