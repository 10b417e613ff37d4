"""decode: indices become tokens."""

from operator import itemgetter

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises.vocabulary.common import ENGLISH, KOREAN, shuffled
from autograde.harness.call import FunctionCall
from helpers.vocabulary import decode


def calls(rng):
    words = dict(enumerate(["<pad>", "<bos>", "<eos>", "<unk>", "the", "dog", "bites", "man", "cat", "sleeps"]))
    english, korean = dict(enumerate(shuffled(rng, ENGLISH)[:9])), dict(enumerate(shuffled(rng, KOREAN)))
    return [
        FunctionCall(([4, 5, 6, 4, 7], words), note="by hand: the dog bites the man"),
        FunctionCall(([8, 0, 3, 3, 5, 0], english), note="index 0 is a word here"),
        FunctionCall(([int(i) for i in rng.integers(len(korean), size=11)], korean)),
        FunctionCall(([1, 4, 3, 9, 2, 0, 0], words), note="special tokens are given back like words"),
        FunctionCall(
            ([2, 3, 1, 0, 4], {3: "dog", 1: "man", 2: "bites", 4: ".", 0: "The"}),
            note="a dictionary in another order, with a capital and a full stop",
        ),
        FunctionCall(([0], {0: "dog"}), note="one index, one word in the dictionary"),
        FunctionCall(([], words), note="no index at all"),
    ]


EXERCISE = Exercise(
    name="decode",
    title="indices become tokens",
    points=1,
    minutes=2,
    hints=(
        "`encode` the other way round, and every index is known: one look-up for each.",
        "A list comprehension over `indices`, with the look-up in `index_to_word` in front.",
    ),
    reference=decode,
    make_calls=calls,
)


EXERCISE.wrong(
    "places in the dictionary",
    "The index counts places in the dictionary: the words come from a list of its values. Look the index up as the key.",
)(lambda indices, index_to_word: [list(index_to_word.values())[i % len(index_to_word)] for i in indices])

EXERCISE.wrong("one string", "The words are joined into one string. Return the list of tokens.")(
    lambda indices, index_to_word: " ".join(decode(indices, index_to_word))
)

EXERCISE.wrong(
    "special tokens dropped",
    "Special tokens such as `<unk>` are left out. This function gives back one token for each index; cleaning up "
    "is the job of `Vocabulary.decode`.",
)(lambda indices, index_to_word: [t for t in decode(indices, index_to_word) if not t.startswith("<")])

EXERCISE.wrong(
    "each index once", "An index that occurs twice gives one word. Give back a word for every index, repeated ones too."
)(lambda indices, index_to_word: [index_to_word[index] for index in dict.fromkeys(indices)])

EXERCISE.wrong(
    "positions in place of indices",
    "The position in the list is looked up, not the index in that place. Loop over `indices` itself.",
)(lambda indices, index_to_word: [index_to_word[place] for place in range(len(indices))])

EXERCISE.wrong(
    "shifted by one", "Every word belongs to the index before. Indices start at 0: look up the index as it is."
)(lambda indices, index_to_word: [index_to_word.get(index - 1) for index in indices])

EXERCISE.wrong(
    "index 0 left out",
    "The index 0 gives no word, as where `if index` takes 0 for nothing. Index 0 has a word like any other index.",
)(lambda indices, index_to_word: [index_to_word[index] for index in indices if index])

EXERCISE.wrong("backwards", "The words come in reverse order. Keep the order of the indices.")(
    lambda indices, index_to_word: decode(indices, index_to_word)[::-1]
)

EXERCISE.wrong("the first index missing", "The first word is missing. Every index gives a word, `<bos>` included.")(
    lambda indices, index_to_word: decode(indices[1:], index_to_word)
)


EXERCISE.wrong(
    "counted from 1",
    "Every word comes from one index too low. `index_to_word` counts from 0: look up the index itself.",
)(lambda indices, index_to_word: [index_to_word[index - 1] for index in indices])


@EXERCISE.wrong(
    "order of the dictionary",
    "The loop runs over the dictionary, so the words come in its order, and each once. Loop over `indices`.",
)
def order_of_the_dictionary(indices, index_to_word):
    return [word for index, word in index_to_word.items() if index in indices]


@EXERCISE.wrong(
    "one index, or none, with itemgetter",
    "`itemgetter` gives a tuple only for two or more indices: for one it gives the word itself, which `list` then cuts "
    "into letters, and without any it fails. Look up each index by itself, in a list comprehension.",
    only=r"itemgetter",
)
def with_itemgetter(indices, index_to_word):
    return list(itemgetter(*indices)(index_to_word))


@EXERCISE.variant
def with_a_loop(indices, index_to_word):
    tokens = []
    for index in indices:
        tokens.append(index_to_word[index])
    return tokens


@EXERCISE.variant
def inverse(indices, index_to_word):
    word_to_index = {word: index for index, word in index_to_word.items()}
    return [next(word for word, other in word_to_index.items() if other == index) for index in indices]


@EXERCISE.variant
def with_map(indices, index_to_word):
    return list(map(index_to_word.get, indices))


@EXERCISE.variant
def with_an_array(indices, index_to_word):
    words = np.array([index_to_word[i] for i in range(len(index_to_word))])
    return words[indices].tolist()
