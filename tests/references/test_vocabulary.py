"""The reference of lesson 1 against independent paths: plain loops, `torch`, and the `tokenizers` library."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from helpers.example import SENTENCES, TRANSLATIONS
from helpers.vocabulary import (
    Vocabulary,
    bpe_encode,
    build_index,
    build_vocabulary,
    count_pairs,
    decode,
    encode,
    merge_pair,
    pad_batch,
    tokenize,
    train_bpe,
)

END = (
    "\N{END OF PROOF}"  # one character that stands for "</w>" in the library, whose symbols start as single characters
)

texts = st.text(alphabet="aB9개물요'_.,! \t\n-", max_size=40)
tokens = st.lists(st.sampled_from(["the", "dog", "bites", "man", "개가", "개를", "자요", "."]), max_size=12)
words = st.text(alphabet="abc", min_size=1, max_size=6)
corpora = st.dictionaries(words, st.integers(1, 30), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The dog bites the man.", ["the", "dog", "bites", "the", "man", "."]),
        ("개가 남자를 물어요!", ["개가", "남자를", "물어요", "!"]),
        ("Don't 'tis dogs' rock'n'roll", ["don't", "'", "tis", "dogs", "'", "rock'n'roll"]),
        ("snake_case 2nd 3.5%", ["snake", "_", "case", "2nd", "3", ".", "5", "%"]),
        ("Straße, ÉTÉ, 3월", ["straße", ",", "été", ",", "3월"]),
        (" \t\n", []),
        ("", []),
    ],
)
def test_tokenize_examples(text, expected):
    assert tokenize(text) == expected


@given(texts)
def test_tokenize_keeps_every_character_but_spaces(text):
    found = tokenize(text)
    assert "".join(found) == "".join(text.lower().split())
    assert tokenize(" ".join(found)) == found
    assert all(len(token) == 1 or all(part.isalnum() for part in token.split("'")) for token in found)
    # runs of letters and digits stay whole
    runs = ["".join(run) for is_word, run in groupby(text.lower(), str.isalnum) if is_word]
    assert [part for token in found for part in token.split("'") if part.isalnum()] == runs


@given(tokens)
def test_build_vocabulary(tokens):
    assert build_vocabulary(tokens) == sorted(set(tokens), key=tokens.index)


@given(tokens)
def test_indices_and_back(tokens):
    vocabulary = build_vocabulary(tokens)
    word_to_index, index_to_word = build_index(vocabulary)
    assert sorted(index_to_word) == list(range(len(vocabulary)))
    assert {index: word for word, index in word_to_index.items()} == index_to_word
    assert decode(encode(tokens, word_to_index), index_to_word) == tokens
    assert encode(tokens, word_to_index) == [vocabulary.index(token) for token in tokens]


def test_encode_unknown():
    assert encode(["a", "b"], {"<unk>": 7, "a": 0}) == [0, 7]
    with pytest.raises(KeyError, match="b"):
        encode(["a", "b"], {"a": 0})


def test_running_example():
    vocabulary = Vocabulary(SENTENCES)
    assert vocabulary.encode(SENTENCES[0]) == [1, 4, 5, 6, 4, 7, 2]
    assert len(vocabulary) == 10
    assert vocabulary.decode([1, 4, 8, 3, 9, 2, 0, 0]) == ["the", "cat", "<unk>", "sleeps"]
    assert len(Vocabulary(TRANSLATIONS)) == 11


@given(st.lists(texts, max_size=5), st.integers(1, 3), st.none() | st.integers(4, 9))
def test_vocabulary_properties(sentences, min_count, max_size):
    vocabulary = Vocabulary(sentences, min_count, max_size)
    stream = [token for sentence in sentences for token in tokenize(sentence)]
    counts = Counter(stream)
    kept = vocabulary.decode([i for i in range(len(vocabulary)) if i != 2])
    assert kept[0] == "<unk>"
    order = [(-counts[word], stream.index(word)) for word in kept[1:]]
    assert order == sorted(order)
    enough = sum(count >= min_count for count in counts.values())
    assert len(vocabulary) == min(enough + 4, max_size or 10**9)
    for sentence in sentences:
        ids = vocabulary.encode(sentence)
        assert (ids[0], ids[-1]) == (1, 2)
        assert vocabulary.decode(ids) == [t if t in kept else "<unk>" for t in tokenize(sentence)]
        assert vocabulary.decode([*ids, 0, 4 % len(vocabulary)]) == vocabulary.decode(ids)


@pytest.mark.parametrize("min_count", [1, 2, 3])
def test_vocabulary_holds_the_words_of_the_library(min_count):
    sentences = [*SENTENCES, *TRANSLATIONS, "a dog, a cat. a man!"]
    library = Tokenizer(models.WordLevel(unk_token="<unk>"))
    library.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    special = ["<pad>", "<bos>", "<eos>", "<unk>"]
    trainer = trainers.WordLevelTrainer(special_tokens=special, min_frequency=min_count, show_progress=False)
    library.train_from_iterator(sentences, trainer)
    mine = Vocabulary(sentences, min_count)
    assert set(mine.word_to_index) == set(library.get_vocab())
    assert [mine.word_to_index[token] for token in special] == [library.token_to_id(token) for token in special]


@given(st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=9), min_size=1, max_size=6), st.sampled_from([0, 99]))
def test_pad_batch_is_torchs(sequences, pad):
    ids, keep = pad_batch(sequences, pad)
    tensors = [torch.tensor(sequence) for sequence in sequences]
    assert torch.equal(ids, torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=pad))
    assert (ids.dtype, keep.dtype) == (torch.int64, torch.bool)
    assert [row[mask].tolist() for row, mask in zip(ids, keep, strict=True)] == sequences


@given(corpora)
def test_count_pairs_by_plain_loops(corpus):
    expected = {}
    for word, count in corpus.items():
        for place in range(len(word) - 1):
            pair = word[place], word[place + 1]
            expected[pair] = expected.get(pair, 0) + count
    assert count_pairs({tuple(word): count for word, count in corpus.items()}) == expected


@given(st.text(alphabet="ab", max_size=12), st.sampled_from(["aa", "ab", "ba", "ac"]))
def test_merge_pair_is_replacement_for_single_characters(text, pair):
    marked = text.replace(pair, "#")
    assert merge_pair(tuple(text), tuple(pair)) == tuple(pair if symbol == "#" else symbol for symbol in marked)


def test_merge_pair_compares_whole_symbols():
    assert merge_pair(("ab", "c", "b", "c"), ("b", "c")) == ("ab", "c", "bc")


@given(corpora, st.integers(0, 12))
def test_training_and_encoding_agree(corpus, num_merges):
    merges = train_bpe(corpus, num_merges)
    assert len(merges) <= num_merges
    for word in corpus:
        assert "".join(bpe_encode(word, merges)) == word + "</w>"
    assert train_bpe(dict(reversed(corpus.items())), num_merges) == merges  # the order of the words does not matter
    if len(merges) < num_merges:
        assert all(len(bpe_encode(word, merges)) == 1 for word in corpus)


def _ranked(merges):
    """A library model with our merges, and `END` for "</w>"."""
    pairs = [(left.replace("</w>", END), right.replace("</w>", END)) for left, right in merges]
    symbols = dict.fromkeys([*"abc개가를는이새", END, *(symbol for pair in pairs for symbol in (*pair, "".join(pair)))])
    return models.BPE(vocab={symbol: i for i, symbol in enumerate(symbols)}, merges=pairs)


def _library_pieces(model, word):
    return [token.value.replace(END, "</w>") for token in model.tokenize(word + END)]


@settings(deadline=None)
@given(corpora, st.integers(0, 10), st.lists(words, max_size=5))
def test_pieces_are_the_librarys(corpus, num_merges, others):
    merges = train_bpe(corpus, num_merges)
    model = _ranked(merges)
    # The library applies the earliest merge that fits, again and again. Where a later merge makes an earlier one fit
    # once more, the two readings of the algorithm differ; then a pair can also be learned twice.
    assume(len(set(merges)) == len(merges))
    joined = ["".join(pair) for pair in merges]
    assume(len(set(joined)) == len(joined))
    for word in (*corpus, *others):
        assert _library_pieces(model, word) == bpe_encode(word, merges)


def _has_ties(corpus, num_merges):
    symbols = {(*word, "</w>"): count for word, count in corpus.items()}
    for pair in train_bpe(corpus, num_merges):
        pairs = count_pairs(symbols)
        if sum(count == pairs[pair] for count in pairs.values()) > 1:
            return True
        symbols = {merge_pair(word, pair): count for word, count in symbols.items()}
    return False


def test_merges_are_those_of_the_librarys_trainer():
    corpora = [
        ({"dog": 50, "dogs": 21, "log": 32, "logs": 9, "is": 11}, 6),
        ({"개가": 31, "개를": 17, "새가": 8, "새를": 5, "새는": 2}, 5),
    ]
    for corpus, num_merges in corpora:
        assert not _has_ties(corpus, num_merges)
        library = Tokenizer(models.BPE())
        library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        alphabet = len({*"".join(corpus), END})
        trainer = trainers.BpeTrainer(vocab_size=alphabet + num_merges, min_frequency=0, show_progress=False)
        library.train_from_iterator([f"{word}{END} " * count for word, count in corpus.items()], trainer)
        names = sorted(library.get_vocab().items(), key=lambda item: item[1])
        made = [name.replace(END, "</w>") for name, _ in names[alphabet:]]
        assert made == [left + right for left, right in train_bpe(corpus, num_merges)]
