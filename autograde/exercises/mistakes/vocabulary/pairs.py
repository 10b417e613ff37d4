"""Lesson 1, pairs of symbols: the mistakes that are named, and right answers written differently."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import combinations, pairwise, zip_longest

from autograde.exercise import Misconception
from helpers.vocabulary import merge_pair

# --- count_pairs ----------------------------------------------------------------------------------------------------


def _pairs_with(neighbours, weigh=lambda count: count):
    """A `count_pairs` that finds other pairs in a word, or weighs them differently."""

    def wrong(words):
        pairs = Counter()
        for symbols, count in words.items():
            for pair in neighbours(symbols):
                pairs[pair] += weigh(count)
        return pairs

    return wrong


def side_by_side(symbols):
    return list(pairwise(symbols))


def _pairs_across_words(words):
    everything = [symbol for symbols, count in words.items() for symbol in symbols * count]
    return Counter(side_by_side(everything))


def _pairs_not_overlapping(symbols):
    found, place = [], 0
    while place + 1 < len(symbols):
        pair = tuple(symbols[place : place + 2])
        found.append(pair)
        place += 2 if tuple(symbols[place + 1 : place + 3]) == pair else 1
    return found


COUNT_PAIRS = (
    Misconception(
        "word counts ignored",
        _pairs_with(side_by_side, lambda count: 1),
        "Every word counts once, however often it occurs. Add the word's count for each of its pairs, not 1.",
    ),
    Misconception(
        "each pair once per word",
        _pairs_with(lambda symbols: dict.fromkeys(side_by_side(symbols))),
        "A pair that occurs twice in a word is counted once there. Add the word's count for each place.",
    ),
    Misconception(
        "pairs across words",
        _pairs_across_words,
        "The end of one word and the start of the next form a pair. Go through each word by itself.",
    ),
    Misconception(
        "single symbols",
        _pairs_with(lambda symbols: symbols),
        "Single symbols are counted. The keys are pairs of neighbours: `zip(symbols, symbols[1:])` gives them.",
    ),
    Misconception(
        "order of the pair ignored",
        _pairs_with(lambda symbols: [tuple(sorted(pair)) for pair in side_by_side(symbols)]),
        "`(a, b)` and `(b, a)` are counted together. They are two pairs: leave the order as it stands in the word.",
    ),
    Misconception(
        "pairs joined to one string",
        _pairs_with(lambda symbols: [left + right for left, right in side_by_side(symbols)]),
        "The keys are joined strings, and different pairs can give the same one. Use the tuple of both symbols as key.",
    ),
    Misconception(
        "pairs that are not neighbours",
        _pairs_with(lambda symbols: combinations(symbols, 2)),
        "Any two symbols of a word form a pair. Take only those that stand side by side.",
    ),
    Misconception(
        "last pair missing",
        _pairs_with(lambda symbols: side_by_side(symbols)[:-1]),
        "The last pair of each word is missing, the one with `</w>`. A word of n symbols has n - 1 pairs.",
    ),
    Misconception(
        "every second pair",
        _pairs_with(lambda symbols: list(zip(symbols[::2], symbols[1::2]))),
        "The word is cut into blocks of two. Pairs overlap: the second symbol of one is the first of the next.",
    ),
    Misconception(
        "symbols taken apart into characters",
        _pairs_with(lambda symbols: side_by_side("".join(symbols))),
        "Merged symbols such as `og` or `</w>` are taken apart again. Go through the tuple's symbols, do not join them.",
    ),
    Misconception(
        "no overlap of equal symbols",
        _pairs_with(_pairs_not_overlapping),
        "In `a a a` the pair `(a, a)` is counted once. It stands at two places: count both.",
    ),
)


def pairs_by_index(words):
    pairs = {}
    for symbols in words:
        for place in range(len(symbols) - 1):
            pair = (symbols[place], symbols[place + 1])
            pairs[pair] = pairs.get(pair, 0) + words[symbols]
    return pairs


def pairs_summed(words):
    parts = [Counter({pair: count}) for symbols, count in words.items() for pair in side_by_side(symbols)]
    return sum(parts, Counter())


def pairs_elements(words):
    return Counter(pair for symbols, count in words.items() for pair in side_by_side(symbols) * count)


def _pairs_default(words):
    pairs = defaultdict(int)
    for symbols, count in words.items():
        for pair, times in Counter(side_by_side(symbols)).items():
            pairs[pair] += times * count
    return pairs


COUNT_PAIRS_RIGHT = (pairs_by_index, pairs_summed, pairs_elements, _pairs_default)

# --- merge_pair -----------------------------------------------------------------------------------------------------


def merge_first(symbols, pair):
    for place in range(len(symbols) - 1):
        if symbols[place : place + 2] == pair:
            return (*symbols[:place], pair[0] + pair[1], *symbols[place + 2 :])
    return symbols


def _merge_from_the_right(symbols, pair):
    return merge_pair(symbols[::-1], pair[::-1])[::-1] if pair[0] == pair[1] else merge_pair(symbols, pair)


def _merge_overlapping(symbols, pair):
    merged, place = [], 0
    while place < len(symbols):
        same = symbols[place : place + 2] == pair
        merged.append(pair[0] + pair[1] if same else symbols[place])
        place += 1
    return tuple(merged)


def _merge_text(symbols, pair):
    return tuple(" ".join(symbols).replace(" ".join(pair), "".join(pair)).split(" "))


def _merge_either_order(symbols, pair):
    merged, place = [], 0
    while place < len(symbols):
        two = symbols[place : place + 2]
        if two in (pair, pair[::-1]):
            merged.append("".join(two))
            place += 2
        else:
            merged.append(symbols[place])
            place += 1
    return tuple(merged)


def _merge_loses_the_last(symbols, pair):
    merged, place = [], 0
    while place < len(symbols) - 1:
        same = symbols[place : place + 2] == pair
        merged.append(pair[0] + pair[1] if same else symbols[place])
        place += 2 if same else 1
    return tuple(merged)


def _merge_past_the_end(symbols, pair):
    merged, place = [], 0
    while place < len(symbols):
        same = symbols[place] == pair[0] and symbols[place + 1] == pair[1]
        merged.append(pair[0] + pair[1] if same else symbols[place])
        place += 2 if same else 1
    return tuple(merged)


def _merge_to_a_pair(symbols, pair):
    joined = pair[0] + pair[1]
    return tuple(pair if symbol == joined else symbol for symbol in merge_pair(symbols, pair))


MERGE_PAIR = (
    Misconception(
        "first occurrence only",
        merge_first,
        "One occurrence is merged and the rest is left. Go on behind it, to the end of the word.",
    ),
    Misconception(
        "from right to left",
        _merge_from_the_right,
        "In a run of equal symbols the pairs are taken from the right. Go from left to right: `a a a` becomes `aa a`.",
    ),
    Misconception(
        "symbols used twice",
        _merge_overlapping,
        "After a merge the second symbol is used once more. Go on two places further, not one.",
    ),
    Misconception(
        "text replaced",
        _merge_text,
        "The symbols are joined to a text and replaced there, so a pair is found in the middle of longer symbols. "
        "Compare whole symbols.",
    ),
    Misconception(
        "either order merged",
        _merge_either_order,
        "The pair is merged in reverse order too. `(a, b)` and `(b, a)` are two pairs: merge the one that is given.",
    ),
    Misconception(
        "last symbol lost",
        _merge_loses_the_last,
        "The last symbol is lost when it does not belong to a pair. Let the loop go on to the end of the tuple.",
    ),
    Misconception(
        "index past the end",
        _merge_past_the_end,
        "`symbols[place + 1]` does not exist at the last symbol. Ask first whether there is a next one, or compare "
        "`symbols[place : place + 2]` with the pair: a slice never raises.",
    ),
    Misconception(
        "list in place of a tuple",
        lambda symbols, pair: list(merge_pair(symbols, pair)),
        "The symbols are right, in a list. A tuple is asked for: it can be the key of a dictionary, a list cannot.",
    ),
    Misconception(
        "pair kept as a tuple",
        _merge_to_a_pair,
        "The pair itself is put into the word. Put its concatenation there, one string: `pair[0] + pair[1]`.",
    ),
)


def merge_with_for(symbols, pair):
    merged, skip = [], False
    for here, after in zip_longest(symbols, symbols[1:]):
        if skip:
            skip = False
        elif (here, after) == pair:
            merged.append(here + after)
            skip = True
        else:
            merged.append(here)
    return tuple(merged)


def merge_recursively(symbols, pair):
    if len(symbols) < 2:
        return symbols
    if symbols[:2] == pair:
        return ("".join(pair), *merge_recursively(symbols[2:], pair))
    return (symbols[0], *merge_recursively(symbols[1:], pair))


def _merge_pattern(symbols, pair):
    pattern = r"(?<!\S)" + re.escape(" ".join(pair)) + r"(?!\S)"
    return tuple(re.sub(pattern, lambda _: "".join(pair), " ".join(symbols)).split())


def merge_stack(symbols, pair):
    stack, fresh = [], False
    for symbol in symbols:
        if stack and fresh and (stack[-1], symbol) == pair:
            stack[-1] += symbol
            fresh = False
        else:
            stack.append(symbol)
            fresh = True
    return tuple(stack)


def merge_in_a_copy(symbols, pair):
    symbols, place = list(symbols), 0
    while place < len(symbols) - 1:
        if symbols[place : place + 2] == list(pair):
            symbols[place : place + 2] = ["".join(pair)]
        place += 1
    return tuple(symbols)


MERGE_PAIR_RIGHT = (merge_with_for, merge_recursively, _merge_pattern, merge_stack, merge_in_a_copy)
