"""Lesson 1, byte-pair encoding: learn the merges, use them."""

from __future__ import annotations

from autograde.exercise import Exercise
from autograde.exercises.libraries import TOKENIZERS
from autograde.exercises.mistakes.vocabulary import byte_pairs as mistakes
from autograde.exercises.vocabulary.sentences import KOREAN, pick
from autograde.harness.call import MAIN, Call
from helpers import vocabulary as reference

LESSON = "01_vocabulary"

# --- train_bpe ------------------------------------------------------------------------------------------------------


def _word_counts(rng, letters, count, most):
    words = {"".join(pick(rng, letters, int(rng.integers(1, 6)))): int(rng.integers(1, most)) for _ in range(count)}
    return words


def _without_ties(rng, letters, count, num_merges):
    """Words whose training never has to choose between equally frequent pairs."""
    while True:
        words = _word_counts(rng, letters, count, 900)
        first, largest = mistakes.train_first_tie, mistakes.train_largest_tie
        if reference.train_bpe(words, num_merges) == first(words, num_merges) == largest(words, num_merges):
            return words


def _train_bpe_calls(rng):
    return [
        Call(
            ({"dog": 5, "dogs": 2, "log": 3}, 3), note="by hand: og first (10 times), then og</w> (8), then dog</w> (5)"
        ),
        Call((_without_ties(rng, ("a", "b", "n", "d"), 7, 5), 5)),
        Call((_without_ties(rng, ("개", "가", "를", "새"), 6, 4), 4)),
        Call(({"banana": 3, "ban": 1}, 4), part="ties", note="a tie at the start: an and na, 6 times each"),
        Call(({"ca": 1, "abx": 1, "ab": 1, "bca": 1, "aab": 1}, 6), part="ties", note="ties go to the smallest pair"),
        Call(({"ab": 5, "abc": 2, "az": 2}, 5), part="ties", note='("a", "z") is smaller than ("ab", "c")'),
        Call((_word_counts(rng, ("a", "b", "c"), 7, 4), 8), part="ties"),
        Call(({"개가": 3, "개를": 2, "고양이가": 2, "고양이를": 1}, 6), part="ties"),
        Call(({"a": 2, "b": 1}, 20), part="no pair left", note="after two merges every word is one symbol"),
    ]


TRAIN_BPE = Exercise(
    name="train_bpe",
    lesson=LESSON,
    title="learn the merges",
    points=4,
    minutes=10,
    hints=(
        "Start with each word as the tuple of its characters and `</w>`. Then repeat: count the pairs, choose one, merge it "
        "in all words, note it. Two of these steps you have written already.",
        "`min(pairs, key=...)` with a key that is the tuple of minus the count and the pair itself: the highest count wins, "
        "and among equals the smallest pair. Leave the loop with `break` when `pairs` is empty. A dictionary comprehension "
        "merges all words and keeps their counts.",
    ),
    reference=reference.train_bpe,
    forbidden=TOKENIZERS,
    make_calls=_train_bpe_calls,
    parts={MAIN: 0.6, "ties": 0.25, "no pair left": 0.15},
    misconceptions=mistakes.TRAIN_BPE,
    variants=mistakes.TRAIN_BPE_RIGHT,
)

# --- bpe_encode -----------------------------------------------------------------------------------------------------


def _bpe_encode_calls(rng):
    merges = [("o", "g"), ("og", "</w>"), ("d", "og</w>"), ("l", "og</w>"), ("d", "og")]
    learned = reference.train_bpe({word: int(rng.integers(1, 9)) for word in KOREAN}, 12)
    known, unseen = pick(rng, KOREAN, 1)[0], pick(rng, ("새는", "강을", "남자는", "고양이는", "집에서"), 1)[0]
    return [
        Call(("dogs", merges), note="by hand: (o, g) first, later (d, og): dog s </w>"),
        Call(("frog", merges), note="by hand: f r og</w>, a word that was never seen"),
        Call(
            ("banana", [("a", "n"), ("an", "a"), ("b", "an")]),
            note="by hand: b an an a, then b an ana, then ban ana </w>",
        ),
        Call((known, learned)),
        Call((unseen, learned)),
        Call(("abc", [("b", "c"), ("a", "b"), ("c", "</w>")]), note="(b, c) was learned first, so (a, b) finds no b"),
        Call(("fog", [("g", "</w>"), ("o", "g")]), note="(g, </w>) was learned first, so (o, g) finds no g"),
        Call(("cat", []), note="no merges: the characters and the end-of-word symbol"),
    ]


BPE_ENCODE = Exercise(
    name="bpe_encode",
    lesson=LESSON,
    title="words become pieces",
    points=2,
    minutes=4,
    hints=(
        "Start as in training, with the characters and `</w>`. Then do what training did: merge, one learned pair after "
        "the other.",
        "A loop over `merges`, with `merge_pair` inside and its result kept for the next round. Return a list.",
    ),
    reference=reference.bpe_encode,
    forbidden=TOKENIZERS,
    make_calls=_bpe_encode_calls,
    misconceptions=mistakes.BPE_ENCODE,
    variants=mistakes.BPE_ENCODE_RIGHT,
)

EXERCISES = (TRAIN_BPE, BPE_ENCODE)
