"""Lesson 9: sampling, the key/value cache, beam search."""

from autograde.exercises.decoding import beam_search, cached_decoder, sample, sampling_probabilities

EXERCISES = (
    sampling_probabilities.EXERCISE,
    sample.EXERCISE,
    cached_decoder.EXERCISE,
    beam_search.EXERCISE,
)
