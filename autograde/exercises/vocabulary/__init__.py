"""Lesson 1: vocabulary and encoding."""

from autograde.exercises.vocabulary import (
    bpe_encode,
    build_index,
    build_vocabulary,
    count_pairs,
    decode,
    encode,
    merge_pair,
    pad_batch,
    tokenize,
    train_bpe,
    vocabulary,
)

EXERCISES = (
    tokenize.EXERCISE,
    build_vocabulary.EXERCISE,
    build_index.EXERCISE,
    encode.EXERCISE,
    decode.EXERCISE,
    vocabulary.EXERCISE,
    pad_batch.EXERCISE,
    count_pairs.EXERCISE,
    merge_pair.EXERCISE,
    train_bpe.EXERCISE,
    bpe_encode.EXERCISE,
)
