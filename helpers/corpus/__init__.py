"""Parallel corpora: our own English-Korean grammar, real ones, and the vocabularies and subwords for them."""

from helpers.corpus.gloss import gloss, gloss_tokens
from helpers.corpus.grammar import grammar_corpus, grammar_pairs
from helpers.corpus.korean import join_particles, split_particles
from helpers.corpus.pairs import Corpus, CorpusError, CorpusWarning, Pair
from helpers.corpus.sources import load
from helpers.corpus.subwords import JointBPE, WordVocabulary, grammar_vocabularies, train_joint_bpe

__all__ = [
    "Corpus",
    "CorpusError",
    "CorpusWarning",
    "JointBPE",
    "Pair",
    "WordVocabulary",
    "gloss",
    "gloss_tokens",
    "grammar_corpus",
    "grammar_pairs",
    "grammar_vocabularies",
    "join_particles",
    "load",
    "split_particles",
    "train_joint_bpe",
]
