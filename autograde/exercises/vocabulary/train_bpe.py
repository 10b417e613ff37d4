"""train_bpe: learn the merges."""

from collections import Counter

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.vocabulary.common import pick
from autograde.exercises.vocabulary.count_pairs import by_index as pairs_by_index
from autograde.exercises.vocabulary.count_pairs import elements as pairs_elements
from autograde.exercises.vocabulary.count_pairs import summed as pairs_summed
from autograde.exercises.vocabulary.merge_pair import first as merge_first
from autograde.exercises.vocabulary.merge_pair import in_a_copy as merge_in_a_copy
from autograde.exercises.vocabulary.merge_pair import recursively as merge_recursively
from autograde.exercises.vocabulary.merge_pair import with_for as merge_with_for
from autograde.harness.call import MAIN, FunctionCall
from helpers.vocabulary import bpe_encode, count_pairs, merge_pair, train_bpe


def _word_counts(rng, letters, count, most):
    words = {"".join(pick(rng, letters, int(rng.integers(1, 6)))): int(rng.integers(1, most)) for _ in range(count)}
    return words


def _without_ties(rng, letters, count, num_merges):
    """Words whose training never has to choose between equally frequent pairs."""
    while True:
        words = _word_counts(rng, letters, count, 900)
        first, largest = first_tie, largest_tie
        if train_bpe(words, num_merges) == first(words, num_merges) == largest(words, num_merges):
            return words


def calls(rng):
    return [
        FunctionCall(
            ({"dog": 5, "dogs": 2, "log": 3}, 3), note="by hand: og first (10 times), then og</w> (8), then dog</w> (5)"
        ),
        FunctionCall((_without_ties(rng, ("a", "b", "n", "d"), 7, 5), 5)),
        FunctionCall((_without_ties(rng, ("개", "가", "를", "새"), 6, 4), 4)),
        FunctionCall(({"Dog": 2, "dog": 4, "ogre": 3}, 3), note="capitals are other letters"),
        FunctionCall(({"a'": 3, "b'": 2}, 2), note="an apostrophe is a character like others"),
        FunctionCall(({"banana": 3, "ban": 1}, 4), part="ties", note="a tie at the start: an and na, 6 times each"),
        FunctionCall(
            ({"ca": 1, "abx": 1, "ab": 1, "bca": 1, "aab": 1}, 6), part="ties", note="ties go to the smallest pair"
        ),
        FunctionCall(({"ab": 5, "abc": 2, "az": 2}, 5), part="ties", note='("a", "z") is smaller than ("ab", "c")'),
        FunctionCall((_word_counts(rng, ("a", "b", "c"), 7, 4), 8), part="ties"),
        FunctionCall(({"개가": 3, "개를": 2, "고양이가": 2, "고양이를": 1}, 6), part="ties"),
        FunctionCall(({"dog": 5, "log": 3}, 0), part="no pair left", note="no merge is wanted"),
        FunctionCall(({"a": 2, "b": 1}, 20), part="no pair left", note="after two merges every word is one symbol"),
        FunctionCall(({"a": 2}, 1), note="one word of one letter, one merge"),
        FunctionCall(({}, 3), part="no pair left", note="no word at all"),
    ]


EXERCISE = Exercise(
    name="train_bpe",
    title="learn the merges",
    points=4,
    minutes=10,
    hints=(
        "Start with each word as the tuple of its characters and `</w>`. Then repeat: count the pairs, choose one, "
        "merge it in all words, note it. You have already written two of these steps.",
        "`min(pairs, key=...)` with a key that is the tuple of minus the count and the pair itself: the highest count wins, "
        "and among equals the smallest pair. Leave the loop with `break` when `pairs` is empty. A dictionary comprehension "
        "merges all words and keeps their counts.",
    ),
    reference=train_bpe,
    make_calls=calls,
    parts={MAIN: 0.6, "ties": 0.25, "no pair left": 0.15},
    forbidden=libraries.TOKENIZERS,
)


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


first_tie = EXERCISE.wrong(
    "ties to the pair counted first",
    "Among equally frequent pairs the one that was counted first is taken, so the result depends on the order of the "
    "words. Ties go to the smallest pair: `min` with the key `(-count, pair)`.",
)(train_by(choose=lambda pairs: max(pairs, key=pairs.get)))


largest_tie = EXERCISE.wrong(
    "ties to the largest pair",
    "Among equally frequent pairs the largest is taken: `max` over (count, pair) does that. Ties go to the smallest "
    "pair: `min` with the key `(-count, pair)`.",
)(train_by(choose=lambda pairs: max(pairs, key=lambda pair: (pairs[pair], pair))))


EXERCISE.wrong(
    "ties by the joined text",
    "Equally frequent pairs are compared after joining them to one string. Compare the tuples themselves.",
)(train_by(choose=lambda pairs: min(pairs, key=lambda pair: (-pairs[pair], "".join(pair)))))

EXERCISE.wrong(
    "rarest pair first",
    "The rarest pair is merged. Take the most frequent: the count enters the key with a minus sign.",
)(train_by(choose=lambda pairs: min(pairs, key=lambda pair: (pairs[pair], pair))))

EXERCISE.wrong(
    "no end-of-word symbol", "The words end without `</w>`. Start with the tuple of the characters followed by `</w>`."
)(train_by(start=tuple))

EXERCISE.wrong(
    "end symbol on the last letter",
    "`</w>` is glued to the last letter from the start. It is a symbol of its own, until a merge joins them.",
)(train_by(start=lambda word: (*word[:-1], word[-1] + "</w>")))

EXERCISE.wrong(
    "end symbol taken apart",
    "`</w>` breaks into four characters. Cut only the word, then add `</w>` as one symbol.",
)(train_by(start=lambda word: tuple(word + "</w>")))


@EXERCISE.wrong(
    "pairs counted once and for all",
    "The pairs are counted at the start only, so no merged symbol ever takes part. Count again after every merge.",
)
def without_counting_again(word_counts, num_merges):
    pairs = count_pairs({(*word, "</w>"): count for word, count in word_counts.items()})
    return sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:num_merges]


def _count_distinct(words):
    return count_pairs(dict.fromkeys(words, 1))


EXERCISE.wrong(
    "word counts ignored", "Every word counts once, however often it occurs. Keep the counts of `word_counts`."
)(train_by(count=_count_distinct))

EXERCISE.wrong(
    "first occurrence only",
    "Only the first occurrence of a pair in a word is merged. Merge all of them: use your `merge_pair`.",
)(train_by(merge=merge_first))

EXERCISE.wrong(
    "pairs that occur once refused",
    "The training stops when every pair occurs once. It goes on as long as there is a pair and a merge left.",
)(train_by(stop=lambda pairs: not pairs or max(pairs.values()) < 2))

EXERCISE.wrong(
    "no end when no pair is left",
    "When every word is one symbol there is no pair left, and `max` or `min` of nothing raises `ValueError`. Leave "
    "the loop before that.",
)(train_by(stop=lambda pairs: False))

EXERCISE.wrong(
    "merged pairs joined",
    "The list holds joined strings. Keep each pair as a tuple of two strings: what was joined with what matters.",
)(lambda word_counts, num_merges: ["".join(pair) for pair in train_bpe(word_counts, num_merges)])


@EXERCISE.wrong(
    "words not merged",
    "The words stay as they were, so the same pair is the most frequent one each time. Replace the words by the "
    "merged ones.",
)
def never_merged(word_counts, num_merges):
    pairs = count_pairs({(*word, "</w>"): count for word, count in word_counts.items()})
    return [min(pairs, key=lambda pair: (-pairs[pair], pair)) for _ in range(num_merges if pairs else 0)]


@EXERCISE.variant
def with_lists(word_counts, num_merges):
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


@EXERCISE.variant
def most_common(word_counts, num_merges):
    words = {(*word, "</w>"): count for word, count in word_counts.items()}
    merges = []
    for _ in range(num_merges):
        counted = pairs_summed(words).most_common()
        if counted:
            top = counted[0][1]
            merges.append(min(pair for pair, count in counted if count == top))
            words = {merge_with_for(symbols, merges[-1]): count for symbols, count in words.items()}
    return merges


@EXERCISE.variant
def recursive(word_counts, num_merges, words=None):
    words = words or {(*word, "</w>"): count for word, count in word_counts.items()}
    pairs = pairs_elements(words)
    if num_merges == 0 or not pairs:
        return []
    best = sorted(sorted(pairs), key=pairs.get, reverse=True)[0]
    words = {merge_recursively(symbols, best): count for symbols, count in words.items()}
    return [best, *recursive(word_counts, num_merges - 1, words)]


@EXERCISE.variant
def from_scratch(word_counts, num_merges):
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
