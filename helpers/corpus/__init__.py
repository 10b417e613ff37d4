"""Parallel corpora: our own English-Korean grammar, real ones, and the vocabularies and subwords for them."""

from helpers.corpus.grammar import grammar_corpus, grammar_pairs
from helpers.corpus.pairs import Corpus, CorpusError, Pair

__all__ = ["Corpus", "CorpusError", "Pair", "grammar_corpus", "grammar_pairs"]
