"""Lesson 7, the debugging clinic: six broken pieces to repair. Every check looks at the repair alone."""

from autograde.exercises.clinic import attend, decoder_block, fit, generate, loss, sentence_vectors

CLINIC = (
    *fit.EXERCISES,
    *attend.EXERCISES,
    *generate.EXERCISES,
    *loss.EXERCISES,
    *decoder_block.EXERCISES,
    *sentence_vectors.EXERCISES,
)
