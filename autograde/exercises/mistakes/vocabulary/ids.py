"""Lesson 1, ids: the mistakes that are named, and right answers written differently."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from autograde.exercise import Misconception
from helpers.vocabulary import build_index, decode, encode

# --- build_index ----------------------------------------------------------------------------------------------------


def _index_swapped(vocabulary):
    word_to_index, index_to_word = build_index(vocabulary)
    return index_to_word, word_to_index


def _index_from(vocabulary, start):
    words = dict(enumerate(vocabulary, start))
    return {word: index for index, word in words.items()}, words


BUILD_INDEX = (
    Misconception(
        "the two dictionaries swapped",
        _index_swapped,
        "The order is the other way round: first word to index, then index to word.",
    ),
    Misconception(
        "numbers from 1",
        lambda vocabulary: _index_from(vocabulary, 1),
        "The numbers start at 1. Start at 0: an index is the row of a table, and rows count from 0.",
    ),
    Misconception(
        "room for special tokens",
        lambda vocabulary: _index_from(vocabulary, 4),
        "The numbers start at 4. This function numbers from 0 exactly the words that it is given; special tokens come "
        "later, in `Vocabulary`.",
    ),
    Misconception(
        "one dictionary alone",
        lambda vocabulary: build_index(vocabulary)[0],
        "One dictionary comes back. Return both, separated by a comma: word to index, index to word.",
    ),
    Misconception(
        "the same dictionary twice",
        lambda vocabulary: (build_index(vocabulary)[0],) * 2,
        "Both results lead from word to index. The second has the index as its key and the word as its value.",
    ),
    Misconception(
        "a list in place of the second dictionary",
        lambda vocabulary: (build_index(vocabulary)[0], list(vocabulary)),
        "The second result is a list. Make it a dictionary too: its keys are the indices.",
    ),
    Misconception(
        "alphabetical order",
        lambda vocabulary: build_index(sorted(vocabulary)),
        "The words are numbered in alphabetical order. Number them in the order in which they are given.",
    ),
    Misconception(
        "indices as text",
        lambda vocabulary: (build_index(vocabulary)[0], {str(i): word for i, word in enumerate(vocabulary)}),
        "The keys of the second dictionary are strings. Use the whole numbers themselves.",
    ),
    Misconception(
        "last index missing",
        lambda vocabulary: build_index(vocabulary[:-1]),
        "The last word has no index. Every word gets one, from 0 to `len(vocabulary) - 1`.",
    ),
)


def _index_loop(vocabulary):
    forward, backward = {}, {}
    for word in vocabulary:
        backward[len(forward)] = word
        forward[word] = len(forward)
    return forward, backward


def _index_inverted(vocabulary):
    forward = dict(zip(vocabulary, range(len(vocabulary))))
    return forward, {index: word for word, index in forward.items()}


def _index_list(vocabulary):
    return [{word: vocabulary.index(word) for word in vocabulary}, dict(enumerate(vocabulary))]


def _index_backwards(vocabulary):
    forward = defaultdict(int, {word: np.int64(i) for i, word in enumerate(vocabulary)})
    return forward, {i: vocabulary[i] for i in reversed(range(len(vocabulary)))}


BUILD_INDEX_RIGHT = (_index_loop, _index_inverted, _index_list, _index_backwards)

# --- encode ---------------------------------------------------------------------------------------------------------


def _encode_grows(tokens, word_to_index):
    return [word_to_index.setdefault(token, len(word_to_index)) for token in tokens]


def _encode_nameless(tokens, word_to_index):
    try:
        return encode(tokens, word_to_index)
    except KeyError:
        raise KeyError("there is a word that has no index") from None


ENCODE = (
    Misconception(
        "unknown words left out",
        lambda tokens, word_to_index: [word_to_index[token] for token in tokens if token in word_to_index],
        "Words that the index does not know are left out, so the list is shorter than the sentence. Each token gives "
        "one number; an unknown one gives the index of `<unk>`.",
    ),
    Misconception(
        "unknown words become 0",
        lambda tokens, word_to_index: [word_to_index.get(token, 0) for token in tokens],
        "Unknown words get the index 0, which belongs to another token. Look up the index of `<unk>`.",
    ),
    Misconception(
        "unknown words become None",
        lambda tokens, word_to_index: [word_to_index.get(token) for token in tokens],
        "`get` without a second argument gives `None` for an unknown word. Look up the index of `<unk>` there, and "
        "raise `KeyError` where the index has no `<unk>`.",
    ),
    Misconception(
        "no <unk>",
        lambda tokens, word_to_index: [word_to_index[token] for token in tokens],
        "An unknown word raises `KeyError` although the index has `<unk>`. Ask first whether the word is in the index.",
    ),
    Misconception(
        "<unk> looked up in every case",
        lambda tokens, word_to_index: [word_to_index.get(token, word_to_index["<unk>"]) for token in tokens],
        "`<unk>` is looked up even when every word is known, and its own absence is reported instead of the word's. "
        "Look it up only for an unknown word, and raise `KeyError(word)` where there is none.",
    ),
    Misconception(
        "<unk> at a fixed place",
        lambda tokens, word_to_index: [word_to_index.get(token, 3) for token in tokens],
        "Unknown words always get the index 3. Read the index of `<unk>` from `word_to_index`.",
    ),
    Misconception(
        "None where there is no <unk>",
        lambda tokens, word_to_index: [word_to_index.get(token, word_to_index.get("<unk>")) for token in tokens],
        "Without `<unk>` in the index, an unknown word silently becomes `None`. Raise `KeyError` with the word.",
    ),
    Misconception(
        "index 0 taken for unknown",
        lambda tokens, word_to_index: [word_to_index.get(token) or word_to_index["<unk>"] for token in tokens],
        "The word with the index 0 is treated as unknown: `or` takes 0 for nothing. Ask with `in` whether the word is "
        "in the index.",
    ),
    Misconception(
        "a new index for unknown words",
        lambda tokens, word_to_index: [word_to_index.get(token, len(word_to_index)) for token in tokens],
        "Unknown words get an index behind the last one, for which no table has a row. Look up the index of `<unk>`.",
    ),
    Misconception(
        "the index grows",
        _encode_grows,
        "Unknown words are added to `word_to_index`, the caller's dictionary. The vocabulary is fixed by now: an "
        "unknown word becomes the index of `<unk>`.",
    ),
    Misconception(
        "each word once",
        lambda tokens, word_to_index: encode(list(dict.fromkeys(tokens)), word_to_index),
        "A word that stands twice in the sentence is encoded once. A sentence keeps its repeated words; only the "
        "vocabulary holds each word once.",
    ),
    Misconception(
        "a KeyError that does not name the word",
        _encode_nameless,
        "The `KeyError` is right, its message does not contain the unknown word. Write `raise KeyError(token)`.",
    ),
)


def _encode_map(tokens, word_to_index):
    missing = [token for token in tokens if token not in word_to_index]
    if missing and "<unk>" not in word_to_index:
        raise KeyError(f"no index for {missing[0]!r}")
    known = [token if token in word_to_index else "<unk>" for token in tokens]
    return list(map(word_to_index.__getitem__, known))


def _encode_catch(tokens, word_to_index):
    indices = []
    for token in tokens:
        try:
            indices.append(word_to_index[token])
        except KeyError:
            if "<unk>" not in word_to_index:
                raise
            indices.append(word_to_index["<unk>"])
    return indices


class _Missing(dict):
    def __missing__(self, word):
        if "<unk>" in self:
            return self["<unk>"]
        raise KeyError(word)


def _encode_missing(tokens, word_to_index):
    table = _Missing(word_to_index)
    return [table[token] for token in tokens]


def _encode_choose(tokens, word_to_index):
    unknown = "<unk>" in word_to_index
    return [word_to_index["<unk>" if unknown and token not in word_to_index else token] for token in tokens]


ENCODE_RIGHT = (_encode_map, _encode_catch, _encode_missing, _encode_choose)

# --- decode ---------------------------------------------------------------------------------------------------------


DECODE = (
    Misconception(
        "one string",
        lambda indices, index_to_word: " ".join(decode(indices, index_to_word)),
        "The words are joined into one string. Return the list of tokens.",
    ),
    Misconception(
        "special tokens dropped",
        lambda indices, index_to_word: [t for t in decode(indices, index_to_word) if not t.startswith("<")],
        "Special tokens such as `<unk>` are left out. This function gives back one token for each index; cleaning up "
        "is the job of `Vocabulary.decode`.",
    ),
    Misconception(
        "each index once",
        lambda indices, index_to_word: [index_to_word[index] for index in dict.fromkeys(indices)],
        "An index that occurs twice gives one word. Give back a word for every index, repeated ones too.",
    ),
    Misconception(
        "positions in place of indices",
        lambda indices, index_to_word: [index_to_word[place] for place in range(len(indices))],
        "The position in the list is looked up, not the index that stands there. Loop over `indices` itself.",
    ),
    Misconception(
        "shifted by one",
        lambda indices, index_to_word: [index_to_word.get(index - 1) for index in indices],
        "Every word is that of the index before. Indices start at 0: look up the index as it is.",
    ),
    Misconception(
        "index 0 left out",
        lambda indices, index_to_word: [index_to_word[index] for index in indices if index],
        "The index 0 gives no word: `if index` takes 0 for nothing. Index 0 has a word like every other.",
    ),
    Misconception(
        "backwards",
        lambda indices, index_to_word: decode(indices, index_to_word)[::-1],
        "The words come in reverse order. Keep the order of the indices.",
    ),
    Misconception(
        "the first index missing",
        lambda indices, index_to_word: decode(indices[1:], index_to_word),
        "The first word is missing. Every index gives a word, `<bos>` included.",
    ),
)


def _decode_loop(indices, index_to_word):
    tokens = []
    for index in indices:
        tokens.append(index_to_word[index])
    return tokens


def _decode_inverse(indices, index_to_word):
    word_to_index = {word: index for index, word in index_to_word.items()}
    return [next(word for word, other in word_to_index.items() if other == index) for index in indices]


def _decode_map(indices, index_to_word):
    return list(map(index_to_word.get, indices))


def _decode_array(indices, index_to_word):
    words = np.array([index_to_word[i] for i in range(len(index_to_word))])
    return words[indices].tolist()


DECODE_RIGHT = (_decode_loop, _decode_inverse, _decode_map, _decode_array)
