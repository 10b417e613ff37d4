"""build_index: word to index, index to word."""

from collections import defaultdict

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises.vocabulary.common import ENGLISH, KOREAN, shuffled
from autograde.harness.call import FunctionCall
from helpers.vocabulary import build_index


def calls(rng):
    return [
        FunctionCall((["the", "dog", "bites", "man"],), note="by hand: the 0, dog 1, bites 2, man 3"),
        FunctionCall((shuffled(rng, ENGLISH)[:7],)),
        FunctionCall((shuffled(rng, KOREAN),)),
        FunctionCall(
            (["<pad>", "<unk>", *shuffled(rng, KOREAN)[:5]],), note="special tokens in the list are words like others"
        ),
        FunctionCall((["The", "the", "THE"],), note="words that differ only by their case"),
        FunctionCall((["the", ",", "dog", "."],), note="marks are tokens like words"),
        FunctionCall((["dog"],), note="one word"),
        FunctionCall(([],), note="no word at all"),
    ]


EXERCISE = Exercise(
    name="build_index",
    title="word to index, index to word",
    points=1,
    minutes=3,
    hints=(
        "`enumerate(vocabulary)` gives pairs of a number and a word, starting at 0.",
        "Two dictionary comprehensions over the same `enumerate`; in the second, key and value change places. Return "
        "both, separated by a comma.",
    ),
    reference=build_index,
    make_calls=calls,
    multiple_outputs=True,
)


@EXERCISE.wrong(
    "the two dictionaries swapped", "The order is the other way round: first word to index, then index to word."
)
def swapped(vocabulary):
    word_to_index, index_to_word = build_index(vocabulary)
    return index_to_word, word_to_index


def _index_from(vocabulary, start):
    words = dict(enumerate(vocabulary, start))
    return {word: index for index, word in words.items()}, words


EXERCISE.wrong(
    "numbers from 1", "The numbers start at 1. Start at 0: an index is the row of a table, and rows count from 0."
)(lambda vocabulary: _index_from(vocabulary, 1))

EXERCISE.wrong(
    "room for special tokens",
    "The numbers start at 4. This function numbers from 0 exactly the words that it is given; special tokens come "
    "later, in `Vocabulary`.",
)(lambda vocabulary: _index_from(vocabulary, 4))

EXERCISE.wrong(
    "only one dictionary",
    "One dictionary comes back. Return both, separated by a comma: word to index, index to word.",
)(lambda vocabulary: build_index(vocabulary)[0])

EXERCISE.wrong(
    "the same dictionary twice",
    "Both results lead from word to index. The second has the index as its key and the word as its value.",
)(lambda vocabulary: (build_index(vocabulary)[0],) * 2)

EXERCISE.wrong(
    "a list in place of the second dictionary",
    "The second result is a list. Make it a dictionary too: its keys are the indices.",
)(lambda vocabulary: (build_index(vocabulary)[0], list(vocabulary)))

EXERCISE.wrong(
    "alphabetical order",
    "The words are numbered in alphabetical order. Number them in the order in which they are given.",
)(lambda vocabulary: build_index(sorted(vocabulary)))

EXERCISE.wrong("indices as text", "The keys of the second dictionary are strings. Use the whole numbers themselves.")(
    lambda vocabulary: (build_index(vocabulary)[0], {str(i): word for i, word in enumerate(vocabulary)})
)

EXERCISE.wrong(
    "last index missing", "The last word has no index. Every word gets one, from 0 to `len(vocabulary) - 1`."
)(lambda vocabulary: build_index(vocabulary[:-1]))


@EXERCISE.variant
def with_a_loop(vocabulary):
    forward, backward = {}, {}
    for word in vocabulary:
        backward[len(forward)] = word
        forward[word] = len(forward)
    return forward, backward


@EXERCISE.variant
def inverted(vocabulary):
    forward = dict(zip(vocabulary, range(len(vocabulary))))
    return forward, {index: word for word, index in forward.items()}


@EXERCISE.variant
def as_a_list(vocabulary):
    return [{word: vocabulary.index(word) for word in vocabulary}, dict(enumerate(vocabulary))]


@EXERCISE.variant
def backwards(vocabulary):
    forward = defaultdict(int, {word: np.int64(i) for i, word in enumerate(vocabulary)})
    return forward, {i: vocabulary[i] for i in reversed(range(len(vocabulary)))}
