"""Our English-Korean grammar as a corpus: the same splits from the same seed, on every machine."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from random import Random

from helpers.corpus.lexicon import ADJECTIVES, NOUNS
from helpers.corpus.pairs import Corpus, CorpusError
from helpers.corpus.phrases import objects_of
from helpers.corpus.sentences import GrammarPair, sentence
from helpers.corpus.verbs import GIVING, VERBS

LONGEST = 12  # words of the English sentences; those of the split "long" have more
LONGEST_OF_ALL = 20
SPLITS = ("random", "compositional", "long")
TEST_SIZE = 1_000


@lru_cache
def held_out() -> frozenset[tuple[str, str, str]]:
    """The combinations that never occur in training: ("adjective", "big", "dog"), ("object", "see", "dog").

    About one of ten, chosen once for all seeds. Every word keeps at least three quarters of its combinations.
    """
    everything = [
        ("adjective", adjective.english, noun.english)
        for adjective in ADJECTIVES
        for noun in NOUNS
        if noun.english in adjective.nouns
    ]
    everything += [("object", verb.english, noun.english) for verb in (*VERBS, *GIVING) for noun in objects_of(verb)]
    total = Counter(word for sort, left, right in everything for word in ((sort, left), (sort, right)))
    rng, gone, chosen = Random(2017), Counter(), set()
    for sort, left, right in everything:
        words = (sort, left), (sort, right)
        if rng.random() < 0.2 and all(4 * (gone[word] + 1) <= total[word] for word in words):
            chosen.add((sort, left, right))
            gone.update(words)
    return frozenset(chosen)


def grammar_corpus(seed: int = 0, size: int = 20_000) -> Corpus:
    """Pairs to train on (`size`), and 1,000 each in `validation` and in the tests "random", "compositional", "long".

    No English sentence occurs twice, in one split or in two. The result is kept: asking again costs nothing.
    """
    return _corpus(int(seed), int(size))


@lru_cache(maxsize=4)
def _corpus(seed: int, size: int) -> Corpus:
    if size < 1:
        raise CorpusError(f"A corpus of {size} pairs is empty. Ask for a size of at least 1; 20000 is the usual one.")
    seen: set[tuple[str, ...]] = set()
    tests = {split: _draw(Random(f"{seed} {split}"), TEST_SIZE, split, seen) for split in SPLITS}
    validation = _draw(Random(f"{seed} validation"), TEST_SIZE, "random", seen)
    train = _draw(Random(f"{seed} train"), size, "random", seen)
    return Corpus("grammar", train, validation, tests)


def grammar_pairs(seed: int | str, count: int, split: str = "random") -> list[GrammarPair]:
    """Fresh pairs of one kind of split, none of which is in `grammar_corpus()` (seed 0, the usual size).

    seed: a number or a string. `split` is "random", "compositional" or "long".
    """
    if split not in SPLITS:
        raise CorpusError(f"There is no split {split!r} of the grammar. Choose one of: {', '.join(SPLITS)}.")
    corpus = grammar_corpus()
    groups = (corpus.train, corpus.validation, *corpus.tests.values())
    seen = {pair.source for pairs in groups for pair in pairs}
    return _draw(Random(f"fresh {seed} {split}"), count, split, seen)


def _draw(rng: Random, count: int, split: str, seen: set[tuple[str, ...]]) -> list[GrammarPair]:
    """`count` sentences that belong to the split and are not in `seen`, which grows."""
    pairs = []
    while len(pairs) < count:
        made = sentence(rng, rich=split == "long")
        if made is None or made.pair.source in seen or _split_of(made) != split:
            continue
        seen.add(made.pair.source)
        pairs.append(made.pair)
    return pairs


def _split_of(made) -> str | None:
    new = bool(made.combinations & held_out())
    if len(made.pair.source) > LONGEST:
        return None if new or len(made.pair.source) > LONGEST_OF_ALL else "long"
    return "compositional" if new else "random"
