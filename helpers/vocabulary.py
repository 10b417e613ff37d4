"""Lesson 1: vocabulary and encoding.

Byte-pair encoding follows Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units"
(2016), section 3.2, algorithm 1; "Attention Is All You Need", section 5.1, uses it.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import torch


def tokenize(text):
    """Split a text into lower-case words and single other characters.

    text: a string (NFC). Returns a list of strings: runs of letters and digits, in which an apostrophe between two of
    them belongs to the word ("don't"), and every other character that is not a space, alone.
    """
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|\S", text.lower())


def build_vocabulary(tokens):
    """The unique tokens of a list, in order of first appearance. The length of the result is the vocabulary size."""
    return list(dict.fromkeys(tokens))


def build_index(vocabulary):
    """Number the words of a list from 0. Returns two dictionaries: {word: index} and {index: word}."""
    word_to_index = {word: index for index, word in enumerate(vocabulary)}
    index_to_word = dict(enumerate(vocabulary))
    return word_to_index, index_to_word


def encode(tokens, word_to_index):
    """The indices of the tokens, a list of the same length.

    An unknown token becomes the index of "<unk>"; KeyError naming the token if there is no "<unk>".
    """
    indices = []
    for token in tokens:
        if token in word_to_index:
            indices.append(word_to_index[token])
        elif "<unk>" in word_to_index:
            indices.append(word_to_index["<unk>"])
        else:
            raise KeyError(token)
    return indices


def decode(indices, index_to_word):
    """The tokens of the indices, a list of the same length: the inverse of `encode`."""
    return [index_to_word[index] for index in indices]


class Vocabulary:
    """The special tokens and the words of a text collection, each with an id.

    <pad>, <bos>, <eos> and <unk> have the ids 0 to 3, then come the words by falling count, ties by first appearance.

    sentences   strings
    min_count   words that occur less often get no id
    max_size    largest number of ids, at least 4: the special tokens count too; None for no limit
    """

    def __init__(self, sentences, min_count=1, max_size=None):
        counts = Counter(token for sentence in sentences for token in tokenize(sentence))
        # most_common sorts by falling count and leaves equal counts in their order of first appearance
        words = [word for word, count in counts.most_common() if count >= min_count]
        kept = ["<pad>", "<bos>", "<eos>", "<unk>", *words][:max_size]
        self.word_to_index, self.index_to_word = build_index(kept)

    def __len__(self):
        return len(self.word_to_index)

    def encode(self, text):
        """The ids of a text, from <bos> to <eos>: a list of integers."""
        return encode(["<bos>", *tokenize(text), "<eos>"], self.word_to_index)

    def decode(self, ids):
        """The tokens of the ids: up to the first <eos>, without <pad> and <bos>; <unk> stays."""
        tokens = decode(ids, self.index_to_word)
        if "<eos>" in tokens:
            tokens = tokens[: tokens.index("<eos>")]
        return [token for token in tokens if token not in ("<pad>", "<bos>")]


def pad_batch(sequences, pad=0):
    """Put sequences of different lengths into one tensor, filled up with `pad` at the end.

    sequences: lists of ids, none of which is `pad`. Returns ids, int64 (batch, longest), and keep, bool of the same
    shape, True at the original tokens.
    """
    longest = max(len(sequence) for sequence in sequences)
    rows = [list(sequence) + [pad] * (longest - len(sequence)) for sequence in sequences]
    ids = torch.tensor(rows, dtype=torch.int64)
    return ids, ids != pad


def count_pairs(words):
    """How often each pair of neighbouring symbols occurs.

    words: {tuple of symbols: how often the word occurs}. Returns a Counter {(left, right): count}.
    """
    pairs = Counter()
    for symbols, count in words.items():
        for pair in pairwise(symbols):
            pairs[pair] += count
    return pairs


def merge_pair(symbols, pair):
    """Replace every occurrence of `pair` in a tuple of symbols, from left to right, by its concatenation."""
    merged = []
    position = 0
    while position < len(symbols):
        if symbols[position : position + 2] == pair:
            merged.append(pair[0] + pair[1])
            position += 2
        else:
            merged.append(symbols[position])
            position += 1
    return tuple(merged)


def train_bpe(word_counts, num_merges):
    """Learn byte-pair encoding: again and again, merge the most frequent pair of neighbouring symbols.

    word_counts: {word: count}; a word starts as its characters and the symbol "</w>". Ties go to the smallest pair, as
    a tuple of strings. Returns the list of merged pairs in the order learned, fewer than `num_merges` when no pair is
    left.
    Source: Sennrich et al. 2016, algorithm 1.
    """
    words = {(*word, "</w>"): count for word, count in word_counts.items()}
    merges = []
    for _ in range(num_merges):
        pairs = count_pairs(words)
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        words = {merge_pair(symbols, best): count for symbols, count in words.items()}
        merges.append(best)
    return merges


def bpe_encode(word, merges):
    """Take a word apart: the learned merges, in their order, applied to its characters and "</w>", which stays.

    Returns a list of strings.
    """
    symbols = (*word, "</w>")
    for pair in merges:
        symbols = merge_pair(symbols, pair)
    return list(symbols)
