"""build_vocabulary: the unique tokens."""

from collections import Counter
from itertools import groupby

from autograde.exercise import Exercise
from autograde.exercises.vocabulary.common import ENGLISH, KOREAN, pick, shuffled
from autograde.harness.call import FunctionCall
from helpers.vocabulary import build_vocabulary


def calls(rng):
    once = shuffled(rng, ENGLISH)
    return [
        FunctionCall(
            (["the", "dog", "bites", "the", "man", "the", "cat", "bites"],),
            note='by hand: 8 tokens, 5 unique ones, "the" and "bites" repeated',
        ),
        FunctionCall(([*once[:4], once[2], once[0], once[5], once[2]],)),
        FunctionCall((pick(rng, ENGLISH, 40),)),
        FunctionCall((pick(rng, KOREAN, 23),)),
        FunctionCall((["The", "dog", "the", "Dog", "The"],), note="capital and small letters are two tokens"),
        FunctionCall((["the", "dog", ",", "the", "man", ".", ","],), note="marks are tokens like words"),
        FunctionCall((["dog"],), note="one token"),
        FunctionCall(([],), note="no token at all"),
    ]


EXERCISE = Exercise(
    name="build_vocabulary",
    title="the unique tokens",
    points=1,
    minutes=3,
    hints=(
        "Go through the tokens and take each one that you haven't taken yet. A `set` would lose the order.",
        "A dictionary keeps its keys in the order in which they came in, each once. `dict.fromkeys` makes one from a "
        "list; turn its keys into a list again.",
    ),
    reference=build_vocabulary,
    make_calls=calls,
)


EXERCISE.wrong(
    "alphabetical order",
    "The words are sorted. Keep the order in which they first appear: a dictionary remembers it, a set does not.",
)(lambda tokens: sorted(dict.fromkeys(tokens)))

EXERCISE.wrong(
    "repeated words kept", "Words that occur twice are in the list twice. Take a word only when it is not there yet."
)(lambda tokens: list(tokens))

EXERCISE.wrong(
    "by falling count",
    "The most frequent words come first. Here the order is that of first appearance, whatever the counts.",
)(lambda tokens: [word for word, _ in Counter(tokens).most_common()])

EXERCISE.wrong(
    "order of last appearance",
    "A repeated word has the place of its last appearance. Its first one counts: do not move a word already there.",
)(lambda tokens: list(dict.fromkeys(reversed(tokens)))[::-1])

EXERCISE.wrong(
    "words that occur once",
    "Words that occur several times are missing. Unique means that each word is in the list once.",
)(lambda tokens: [word for word, count in Counter(tokens).items() if count == 1])

EXERCISE.wrong(
    "neighbouring repeats only",
    "Only repeats side by side are removed. Compare each token with all words that are already in the list.",
)(lambda tokens: [word for word, _ in groupby(tokens)])

EXERCISE.wrong(
    "the size instead of the words", "This is the vocabulary size. Return the list of words; its length is the size."
)(lambda tokens: len(dict.fromkeys(tokens)))

EXERCISE.wrong("words with their counts", "The list holds (word, count) pairs. Return only the words.")(
    lambda tokens: list(Counter(tokens).items())
)


@EXERCISE.variant
def with_a_loop(tokens):
    vocabulary = []
    for token in tokens:
        if token not in vocabulary:
            vocabulary.append(token)
    return vocabulary


@EXERCISE.variant
def seen(tokens):
    seen = set()
    return [token for token in tokens if not (token in seen or seen.add(token))]


@EXERCISE.variant
def by_first_place(tokens):
    return sorted(set(tokens), key=tokens.index)


@EXERCISE.variant
def slices(tokens):
    return [token for place, token in enumerate(tokens) if token not in tokens[:place]]


@EXERCISE.variant
def counted(tokens):
    return [*Counter(tokens)]
