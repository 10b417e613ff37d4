"""Lesson 1, byte-pair encoding: the mistakes that are named, and right answers written differently."""

from __future__ import annotations

from collections import Counter
from functools import reduce

from autograde.exercise import Misconception
from autograde.exercises.mistakes.vocabulary.pairs import (
    merge_first,
    merge_in_a_copy,
    merge_recursively,
    merge_stack,
    merge_with_for,
    pairs_by_index,
    pairs_elements,
    pairs_summed,
    side_by_side,
)
from helpers.vocabulary import bpe_encode, count_pairs, merge_pair, train_bpe

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
        train_by(merge=merge_first),
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
            entry[0] = list(merge_in_a_copy(tuple(entry[0]), merges[-1]))
    return merges


def _train_most_common(word_counts, num_merges):
    words = {(*word, "</w>"): count for word, count in word_counts.items()}
    merges = []
    for _ in range(num_merges):
        counted = pairs_summed(words).most_common()
        if counted:
            top = counted[0][1]
            merges.append(min(pair for pair, count in counted if count == top))
            words = {merge_with_for(symbols, merges[-1]): count for symbols, count in words.items()}
    return merges


def _train_recursive(word_counts, num_merges, words=None):
    words = words or {(*word, "</w>"): count for word, count in word_counts.items()}
    pairs = pairs_elements(words)
    if num_merges == 0 or not pairs:
        return []
    best = sorted(sorted(pairs), key=pairs.get, reverse=True)[0]
    words = {merge_recursively(symbols, best): count for symbols, count in words.items()}
    return [best, *_train_recursive(word_counts, num_merges - 1, words)]


def _train_from_scratch(word_counts, num_merges):
    merges = []
    for _ in range(num_merges):
        words = {tuple(bpe_encode(word, merges)): count for word, count in word_counts.items()}
        pairs = pairs_by_index(words)
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
        _encode_by(merge=merge_first),
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
        best = min(side_by_side(symbols), key=lambda pair: ranks.get(pair, len(ranks)))
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
    return list(reduce(merge_with_for, merges, (*word, "</w>")))


def _encode_recursively(word, merges, symbols=None):
    symbols = symbols or (*word, "</w>")
    return _encode_recursively(word, merges[1:], merge_stack(symbols, merges[0])) if merges else list(symbols)


BPE_ENCODE_RIGHT = (_encode_by_rank, _encode_in_place, _encode_with_reduce, _encode_recursively)
