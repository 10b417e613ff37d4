"""count_pairs: neighbouring symbols."""

from collections import Counter, defaultdict
from itertools import combinations

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.vocabulary.common import random_symbols, side_by_side
from autograde.harness.call import MAIN, FunctionCall
from helpers.vocabulary import count_pairs


def calls(rng):
    def words(letters, count):
        return {random_symbols(rng, letters): int(rng.integers(2, 20)) for _ in range(count)}

    return [
        FunctionCall(
            ({("d", "o", "g", "</w>"): 5, ("d", "o", "g", "s", "</w>"): 2, ("l", "o", "g", "</w>"): 3},),
            note="by hand: (o, g) occurs in all three words, 5 + 2 + 3 times",
        ),
        FunctionCall((words(("a", "b", "c", "an"), 6),)),
        FunctionCall((words(("개", "가", "를", "고양", "이"), 5),)),
        FunctionCall(
            ({("a", "a", "a", "b", "a", "</w>"): 3, ("b", "a", "b", "a", "</w>"): 4},),
            part="repeats",
            note="by hand: (a, a) occurs at two places of the first word, (b, a) at two of the second",
        ),
        FunctionCall((words(("x", "y"), 4),), part="repeats"),
        FunctionCall(({("D", "o", "g"): 2, ("d", "o", "g"): 3},), note="capitals are other symbols"),
        FunctionCall(({("n", "'", "t"): 2, ("n", "t"): 3},), note="an apostrophe is a symbol like others"),
        FunctionCall(({("dog</w>",): 3},), note="one word of one symbol: no pair"),
        FunctionCall(({},), note="no word at all"),
    ]


EXERCISE = Exercise(
    name="count_pairs",
    title="neighbouring symbols",
    points=2,
    minutes=5,
    hints=(
        "`zip(symbols, symbols[1:])` pairs every symbol with the next one. A word that occurs 5 times counts 5 times.",
        "Two loops: over `words.items()`, and inside over the pairs of one word. A `Counter` starts every count at 0, so "
        "you can add the word's count to `pairs[pair]` at once.",
    ),
    reference=count_pairs,
    make_calls=calls,
    parts={MAIN: 0.7, "repeats": 0.3},
    forbidden=libraries.TOKENIZERS,
)


def _pairs_with(neighbours, weigh=lambda count: count):
    """A `count_pairs` that finds other pairs in a word, or weighs them differently."""

    def wrong(words):
        pairs = Counter()
        for symbols, count in words.items():
            for pair in neighbours(symbols):
                pairs[pair] += weigh(count)
        return pairs

    return wrong


EXERCISE.wrong(
    "word counts ignored",
    "Every word counts once, however often it occurs. Add the word's count for each of its pairs, not 1.",
)(_pairs_with(side_by_side, lambda count: 1))

EXERCISE.wrong(
    "each pair once per word",
    "A pair that occurs twice in a word is counted once there. Add the word's count for each place.",
)(_pairs_with(lambda symbols: dict.fromkeys(side_by_side(symbols))))


@EXERCISE.wrong(
    "pairs across words", "The end of one word and the start of the next form a pair. Go through each word by itself."
)
def across_words(words):
    everything = [symbol for symbols, count in words.items() for symbol in symbols * count]
    return Counter(side_by_side(everything))


EXERCISE.wrong(
    "single symbols",
    "Single symbols are counted. The keys are pairs of neighbours: `zip(symbols, symbols[1:])` gives them.",
)(_pairs_with(lambda symbols: symbols))

EXERCISE.wrong(
    "order of the pair ignored",
    "`(a, b)` and `(b, a)` are counted together. They are two pairs: keep the order that they have in the word.",
)(_pairs_with(lambda symbols: [tuple(sorted(pair)) for pair in side_by_side(symbols)]))

EXERCISE.wrong(
    "pairs joined to one string",
    "The keys are joined strings, and different pairs can give the same one. Use the tuple of both symbols as the key.",
)(_pairs_with(lambda symbols: [left + right for left, right in side_by_side(symbols)]))

EXERCISE.wrong("pairs that are not neighbours", "Any two symbols of a word form a pair. Take only neighbours.")(
    _pairs_with(lambda symbols: combinations(symbols, 2))
)

EXERCISE.wrong(
    "last pair missing",
    "The last pair of each word is missing, the one with `</w>`. A word of n symbols has n - 1 pairs.",
)(_pairs_with(lambda symbols: side_by_side(symbols)[:-1]))

EXERCISE.wrong(
    "every second pair",
    "The word is cut into blocks of two. Pairs overlap: the second symbol of one is the first of the next.",
)(_pairs_with(lambda symbols: list(zip(symbols[::2], symbols[1::2]))))

EXERCISE.wrong(
    "symbols taken apart into characters",
    "Longer symbols such as `og` or `</w>` are taken apart. Go through the tuple's symbols; do not join them.",
)(_pairs_with(lambda symbols: side_by_side("".join(symbols))))


def _pairs_not_overlapping(symbols):
    found, place = [], 0
    while place + 1 < len(symbols):
        pair = tuple(symbols[place : place + 2])
        found.append(pair)
        place += 2 if tuple(symbols[place + 1 : place + 3]) == pair else 1
    return found


EXERCISE.wrong(
    "no overlap of equal symbols", "In `a a a` the pair `(a, a)` is counted once. It occurs at two places: count both."
)(_pairs_with(_pairs_not_overlapping))


@EXERCISE.wrong(
    "the last place counts",
    "Each place replaces what earlier places and words gave the pair. Add to its count: `+=`.",
)
def last_place(words):
    pairs = Counter()
    for symbols, count in words.items():
        for pair in side_by_side(symbols):
            pairs[pair] = count
    return pairs


@EXERCISE.wrong(
    "the largest count of a word kept",
    "A pair that occurs in several words has the largest of their counts. Add the counts up: `+=`, where `|=` keeps the larger "
    "one.",
)
def largest_count(words):
    pairs = Counter()
    for symbols, count in words.items():
        pairs |= count_pairs({symbols: count})
    return pairs


@EXERCISE.variant
def by_index(words):
    pairs = {}
    for symbols in words:
        for place in range(len(symbols) - 1):
            pair = (symbols[place], symbols[place + 1])
            pairs[pair] = pairs.get(pair, 0) + words[symbols]
    return pairs


@EXERCISE.variant
def summed(words):
    parts = [Counter({pair: count}) for symbols, count in words.items() for pair in side_by_side(symbols)]
    return sum(parts, Counter())


@EXERCISE.variant
def elements(words):
    return Counter(pair for symbols, count in words.items() for pair in side_by_side(symbols) * count)


@EXERCISE.variant
def default(words):
    pairs = defaultdict(int)
    for symbols, count in words.items():
        for pair, times in Counter(side_by_side(symbols)).items():
            pairs[pair] += times * count
    return pairs
