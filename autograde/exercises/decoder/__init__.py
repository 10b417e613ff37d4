"""Lesson 7: masks, the decoder, the whole Transformer."""

from autograde.exercises.clinic import (
    repair_attend,
    repair_fit,
    repair_generate,
    repair_loss,
    repair_sentence_vectors,
    repaired_decoder_block,
)
from autograde.exercises.decoder import (
    cached_decoder,
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
    cached_decoder.EXERCISE,
    repair_fit.EXERCISE,
    repair_attend.EXERCISE,
    repair_generate.EXERCISE,
    repair_loss.EXERCISE,
    repaired_decoder_block.EXERCISE,
    repair_sentence_vectors.EXERCISE,
)
