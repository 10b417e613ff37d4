"""Lesson 1, byte-pair encoding: the mistakes that are named, and right answers written differently.

`COUNT_PAIRS` holds the misconceptions of the exercise `count_pairs`, `COUNT_PAIRS_RIGHT` its other right answers, and so on.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import reduce
from itertools import combinations, pairwise, zip_longest

from autograde.exercise import Misconception
from helpers.vocabulary import bpe_encode, count_pairs, merge_pair, train_bpe

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


def _side_by_side(symbols):
    return list(pairwise(symbols))


def _pairs_across_words(words):
    everything = [symbol for symbols, count in words.items() for symbol in symbols * count]
    return Counter(_side_by_side(everything))


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
        _pairs_with(_side_by_side, lambda count: 1),
        "Every word counts once, however often it occurs. Add the word's count for each of its pairs, not 1.",
    ),
    Misconception(
        "each pair once per word",
        _pairs_with(lambda symbols: dict.fromkeys(_side_by_side(symbols))),
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
        _pairs_with(lambda symbols: [tuple(sorted(pair)) for pair in _side_by_side(symbols)]),
        "`(a, b)` and `(b, a)` are counted together. They are two pairs: leave the order as it stands in the word.",
    ),
    Misconception(
        "pairs joined to one string",
        _pairs_with(lambda symbols: [left + right for left, right in _side_by_side(symbols)]),
        "The keys are joined strings, and different pairs can give the same one. Use the tuple of both symbols as key.",
    ),
    Misconception(
        "pairs that are not neighbours",
        _pairs_with(lambda symbols: combinations(symbols, 2)),
        "Any two symbols of a word form a pair. Take only those that stand side by side.",
    ),
    Misconception(
        "last pair missing",
        _pairs_with(lambda symbols: _side_by_side(symbols)[:-1]),
        "The last pair of each word is missing, the one with `</w>`. A word of n symbols has n - 1 pairs.",
    ),
    Misconception(
        "every second pair",
        _pairs_with(lambda symbols: list(zip(symbols[::2], symbols[1::2]))),
        "The word is cut into blocks of two. Pairs overlap: the second symbol of one is the first of the next.",
    ),
    Misconception(
        "symbols taken apart into characters",
        _pairs_with(lambda symbols: _side_by_side("".join(symbols))),
        "Merged symbols such as `og` or `</w>` are taken apart again. Go through the tuple's symbols, do not join them.",
    ),
    Misconception(
        "no overlap of equal symbols",
        _pairs_with(_pairs_not_overlapping),
        "In `a a a` the pair `(a, a)` is counted once. It stands at two places: count both.",
    ),
)


def _pairs_by_index(words):
    pairs = {}
    for symbols in words:
        for place in range(len(symbols) - 1):
            pair = (symbols[place], symbols[place + 1])
            pairs[pair] = pairs.get(pair, 0) + words[symbols]
    return pairs


def _pairs_summed(words):
    parts = [Counter({pair: count}) for symbols, count in words.items() for pair in _side_by_side(symbols)]
    return sum(parts, Counter())


def _pairs_elements(words):
    return Counter(pair for symbols, count in words.items() for pair in _side_by_side(symbols) * count)


def _pairs_default(words):
    pairs = defaultdict(int)
    for symbols, count in words.items():
        for pair, times in Counter(_side_by_side(symbols)).items():
            pairs[pair] += times * count
    return pairs


COUNT_PAIRS_RIGHT = (_pairs_by_index, _pairs_summed, _pairs_elements, _pairs_default)

# --- merge_pair -----------------------------------------------------------------------------------------------------


def _merge_first(symbols, pair):
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
        _merge_first,
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


def _merge_with_for(symbols, pair):
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


def _merge_recursively(symbols, pair):
    if len(symbols) < 2:
        return symbols
    if symbols[:2] == pair:
        return ("".join(pair), *_merge_recursively(symbols[2:], pair))
    return (symbols[0], *_merge_recursively(symbols[1:], pair))


def _merge_pattern(symbols, pair):
    pattern = r"(?<!\S)" + re.escape(" ".join(pair)) + r"(?!\S)"
    return tuple(re.sub(pattern, lambda _: "".join(pair), " ".join(symbols)).split())


def _merge_stack(symbols, pair):
    stack, fresh = [], False
    for symbol in symbols:
        if stack and fresh and (stack[-1], symbol) == pair:
            stack[-1] += symbol
            fresh = False
        else:
            stack.append(symbol)
            fresh = True
    return tuple(stack)


def _merge_in_a_copy(symbols, pair):
    symbols, place = list(symbols), 0
    while place < len(symbols) - 1:
        if symbols[place : place + 2] == list(pair):
            symbols[place : place + 2] = ["".join(pair)]
        place += 1
    return tuple(symbols)


MERGE_PAIR_RIGHT = (_merge_with_for, _merge_recursively, _merge_pattern, _merge_stack, _merge_in_a_copy)

# --- train_bpe ------------------------------------------------------------------------------------------------------


def train_by(
    choose=lambda pairs: min(pairs, key=lambda pair: (-pairs[pair], pair)),
    start=lambda word: (*word, "</w>"),
    count=count_pairs,
    merge=merge_pair,
    stop=lambda pairs: not pairs,
):
    """A `train_bpe` with another choice, start, count, merge or end."""

    def wrong(word_counts, num_merges):
        words = {start(word): count for word, count in word_counts.items()}
        merges = []
        for _ in range(num_merges):
            pairs = count(words)
            if stop(pairs):
                break
            best = choose(pairs)
            words = {merge(symbols, best): count for symbols, count in words.items()}
            merges.append(best)
        return merges

    return wrong


def _count_distinct(words):
    return count_pairs(dict.fromkeys(words, 1))


def _train_without_counting_again(word_counts, num_merges):
    pairs = count_pairs({(*word, "</w>"): count for word, count in word_counts.items()})
    return sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:num_merges]


train_first_tie = train_by(choose=lambda pairs: max(pairs, key=pairs.get))
train_largest_tie = train_by(choose=lambda pairs: max(pairs, key=lambda pair: (pairs[pair], pair)))

TRAIN_BPE = (
    Misconception(
        "ties to the pair counted first",
        train_first_tie,
        "Among equally frequent pairs the one that was counted first is taken, so the result hangs on the order of the "
        "words. Ties go to the smallest pair: `min` with the key `(-count, pair)`.",
    ),
    Misconception(
        "ties to the largest pair",
        train_largest_tie,
        "Among equally frequent pairs the largest is taken: `max` over (count, pair) does that. Ties go to the smallest "
        "pair: `min` with the key `(-count, pair)`.",
    ),
    Misconception(
        "ties by the joined text",
        train_by(choose=lambda pairs: min(pairs, key=lambda pair: (-pairs[pair], "".join(pair)))),
        "Equally frequent pairs are compared after joining them to one string. Compare the tuples themselves.",
    ),
    Misconception(
        "rarest pair first",
        train_by(choose=lambda pairs: min(pairs, key=lambda pair: (pairs[pair], pair))),
        "The rarest pair is merged. Take the most frequent: the count enters the key with a minus sign.",
    ),
    Misconception(
        "no end-of-word symbol",
        train_by(start=tuple),
        "The words end without `</w>`. Start with the tuple of the characters followed by `</w>`.",
    ),
    Misconception(
        "end symbol on the last letter",
        train_by(start=lambda word: (*word[:-1], word[-1] + "</w>")),
        "`</w>` is glued to the last letter from the start. It is a symbol of its own, until a merge joins them.",
    ),
    Misconception(
        "end symbol taken apart",
        train_by(start=lambda word: tuple(word + "</w>")),
        "`</w>` falls into four characters, because the text is joined before it is cut. Cut the word alone, then add "
        "`</w>` as one symbol.",
    ),
    Misconception(
        "pairs counted once and for all",
        _train_without_counting_again,
        "The pairs are counted at the start only, so no merged symbol ever takes part. Count again after every merge.",
    ),
    Misconception(
        "word counts ignored",
        train_by(count=_count_distinct),
        "Every word counts once, however often it occurs. Keep the counts of `word_counts`.",
    ),
    Misconception(
        "first occurrence only",
        train_by(merge=_merge_first),
        "Only the first occurrence of a pair in a word is merged. Merge all of them: use your `merge_pair`.",
    ),
    Misconception(
        "pairs that occur once refused",
        train_by(stop=lambda pairs: not pairs or max(pairs.values()) < 2),
        "The training stops when every pair occurs once. It goes on as long as there is a pair and a merge left.",
    ),
    Misconception(
        "no end when no pair is left",
        train_by(stop=lambda pairs: False),
        "When every word is one symbol there is no pair left, and `max` or `min` of nothing raises `ValueError`. Leave the "
        "loop before.",
    ),
    Misconception(
        "merged pairs joined",
        lambda word_counts, num_merges: ["".join(pair) for pair in train_bpe(word_counts, num_merges)],
        "The list holds joined strings. Keep each pair as a tuple of two strings: what was joined with what matters.",
    ),
)


def _train_with_lists(word_counts, num_merges):
    words = [[[*word, "</w>"], count] for word, count in word_counts.items()]
    merges = []
    while len(merges) < num_merges:
        pairs = Counter()
        for symbols, count in words:
            for i in range(len(symbols) - 1):
                pairs[symbols[i], symbols[i + 1]] += count
        if not pairs:
            return merges
        merges.append(sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[0][0])
        for entry in words:
            entry[0] = list(_merge_in_a_copy(tuple(entry[0]), merges[-1]))
    return merges


def _train_most_common(word_counts, num_merges):
    words = {(*word, "</w>"): count for word, count in word_counts.items()}
    merges = []
    for _ in range(num_merges):
        counted = _pairs_summed(words).most_common()
        if counted:
            top = counted[0][1]
            merges.append(min(pair for pair, count in counted if count == top))
            words = {_merge_with_for(symbols, merges[-1]): count for symbols, count in words.items()}
    return merges


def _train_recursive(word_counts, num_merges, words=None):
    words = words or {(*word, "</w>"): count for word, count in word_counts.items()}
    pairs = _pairs_elements(words)
    if num_merges == 0 or not pairs:
        return []
    best = sorted(sorted(pairs), key=pairs.get, reverse=True)[0]
    words = {_merge_recursively(symbols, best): count for symbols, count in words.items()}
    return [best, *_train_recursive(word_counts, num_merges - 1, words)]


def _train_from_scratch(word_counts, num_merges):
    merges = []
    for _ in range(num_merges):
        words = {tuple(bpe_encode(word, merges)): count for word, count in word_counts.items()}
        pairs = _pairs_by_index(words)
        if not pairs:
            break
        best = None
        for pair in pairs:
            if best is None or pairs[pair] > pairs[best] or (pairs[pair] == pairs[best] and pair < best):
                best = pair
        merges.append(best)
    return merges


TRAIN_BPE_RIGHT = (_train_with_lists, _train_most_common, _train_recursive, _train_from_scratch)

# --- bpe_encode -----------------------------------------------------------------------------------------------------


def _encode_by(start=lambda word: (*word, "</w>"), order=lambda merges: merges, merge=merge_pair):
    """A `bpe_encode` with another start, order or merge."""

    def wrong(word, merges):
        symbols = start(word)
        for pair in order(merges):
            symbols = merge(symbols, pair)
        return list(symbols)

    return wrong


def _encode_longest(word, merges):
    pieces, rest, found = {"".join(pair) for pair in merges}, word + "</w>", []
    while rest:
        ends = [end for end in range(len(rest), 0, -1) if rest[:end] in pieces or rest == "</w>"]
        length = ends[0] if ends else 1
        found.append(rest[:length])
        rest = rest[length:]
    return found


def _encode_one_merge(word, merges):
    symbols = (*word, "</w>")
    for pair in merges:
        merged = merge_pair(symbols, pair)
        if merged != symbols:
            return list(merged)
    return list(symbols)


BPE_ENCODE = (
    Misconception(
        "end symbol removed",
        lambda word, merges: [p for p in (piece.replace("</w>", "") for piece in bpe_encode(word, merges)) if p],
        "`</w>` is taken out of the result. It stays: it tells where a word ends.",
    ),
    Misconception(
        "no end-of-word symbol",
        _encode_by(start=tuple),
        "The word starts without `</w>`, so merges with it never apply. Add it behind the last character.",
    ),
    Misconception(
        "end symbol on the last letter",
        _encode_by(start=lambda word: (*word[:-1], word[-1] + "</w>")),
        "`</w>` is glued to the last letter from the start. It is a symbol of its own, until a merge joins them.",
    ),
    Misconception(
        "end symbol taken apart",
        _encode_by(start=lambda word: tuple(word + "</w>")),
        "`</w>` falls into four characters. Cut the word alone, then add `</w>` as one symbol.",
    ),
    Misconception(
        "merges backwards",
        _encode_by(order=lambda merges: merges[::-1]),
        "The last merge is applied first. Start with the first that was learned: later merges build on earlier ones.",
    ),
    Misconception(
        "merges sorted",
        _encode_by(order=sorted),
        "The merges are applied in alphabetical order. Keep the order in which they were learned.",
    ),
    Misconception(
        "longest piece first",
        _encode_longest,
        "From left to right the longest known piece is taken, as WordPiece does. Byte-pair encoding applies the merges in "
        "their order instead; the pieces can differ.",
    ),
    Misconception(
        "first occurrence only",
        _encode_by(merge=_merge_first),
        "Only the first occurrence of a pair in the word is merged. Merge all of them: use your `merge_pair`.",
    ),
    Misconception(
        "one merge alone",
        _encode_one_merge,
        "The function stops after the first merge that fits. Go through all merges.",
    ),
    Misconception(
        "tuple in place of a list",
        lambda word, merges: tuple(bpe_encode(word, merges)),
        "The pieces are right, in a tuple. Return a list, as `tokenize` does.",
    ),
    Misconception(
        "one string",
        lambda word, merges: " ".join(bpe_encode(word, merges)),
        "The pieces are joined with spaces into one string. Return the list of pieces.",
    ),
)


def _encode_by_rank(word, merges):
    ranks, symbols = {pair: rank for rank, pair in enumerate(merges)}, (*word, "</w>")
    while len(symbols) > 1:
        best = min(_side_by_side(symbols), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        symbols = merge_pair(symbols, best)
    return list(symbols)


def _encode_in_place(word, merges):
    symbols = [*word, "</w>"]
    for left, right in merges:
        place = 0
        while place + 1 < len(symbols):
            if symbols[place] == left and symbols[place + 1] == right:
                symbols[place] += symbols.pop(place + 1)
            place += 1
    return symbols


def _encode_with_reduce(word, merges):
    return list(reduce(_merge_with_for, merges, (*word, "</w>")))


def _encode_recursively(word, merges, symbols=None):
    symbols = symbols or (*word, "</w>")
    return _encode_recursively(word, merges[1:], _merge_stack(symbols, merges[0])) if merges else list(symbols)


BPE_ENCODE_RIGHT = (_encode_by_rank, _encode_in_place, _encode_with_reduce, _encode_recursively)
