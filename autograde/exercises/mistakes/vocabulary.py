"""Lesson 1, words and ids: the mistakes that are named, and right answers written differently.

`TOKENIZE` holds the misconceptions of the exercise `tokenize`, `TOKENIZE_RIGHT` its other right answers, and so on.
Nothing here may depend on the order of a set of strings, which changes from run to run.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import groupby, zip_longest

import numpy as np
import torch

from autograde.exercise import Misconception
from helpers.vocabulary import (
    Vocabulary,
    build_index,
    build_vocabulary,
    decode,
    encode,
    pad_batch,
    tokenize,
)

# --- tokenize -------------------------------------------------------------------------------------------------------

TOKENIZE = (
    Misconception(
        "split at spaces",
        lambda text: text.lower().split(),
        "The text is cut at spaces alone, so punctuation sticks to the words: `man.` is another word than `man`. "
        "Look for the tokens themselves, for example with `re.findall`.",
    ),
    Misconception(
        "capitals kept",
        lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*|\S", text),
        "`The` and `the` come out as two different words. Start with `text.lower()`.",
    ),
    Misconception(
        "punctuation dropped",
        lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower()),
        "The words are right, the marks between them are lost. Every other character that is not a space is a token of "
        "its own: give the pattern a second alternative.",
    ),
    Misconception(
        "words with an apostrophe torn apart",
        lambda text: re.findall(r"[^\W_]+|\S", text.lower()),
        "`don't` falls into three tokens. An apostrophe with a letter or digit on both sides belongs to the word.",
    ),
    Misconception(
        "every apostrophe taken for a letter",
        lambda text: re.findall(r"(?:[^\W_]|')+|\S", text.lower()),
        "An apostrophe at the start or end of a word sticks to it, as in `dogs'`. It belongs to the word only with a "
        "letter or digit on both sides.",
    ),
    Misconception(
        "English letters only",
        lambda text: re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*|\S", text.lower()),
        "Korean words fall into single syllables: the pattern knows `a` to `z` alone. Ask `str.isalnum` what a letter "
        "is, or use `[^\\W_]` in a pattern.",
    ),
    Misconception(
        "Korean lost",
        lambda text: re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*|[^\w\s]|_", text.lower()),
        "Korean words vanish: the pattern knows `a` to `z` alone, and nothing else takes the rest. Ask `str.isalnum` "
        "what a letter is, or use `[^\\W_]` in a pattern.",
    ),
    Misconception(
        "underscore taken for a letter",
        lambda text: re.findall(r"\w+(?:'\w+)*|\S", text.lower()),
        "`snake_case` stays whole: `\\w` takes the underscore too. It is neither letter nor digit, so it is a token of "
        "its own; `[^\\W_]` is `\\w` without it.",
    ),
    Misconception(
        "underscore and apostrophe forgotten",
        lambda text: re.findall(r"\w+|\S", text.lower()),
        "`\\w+` differs from a word in two ways: it takes the underscore too, and it ends at an apostrophe, so that `don't` "
        "falls into three tokens. Use `[^\\W_]`, and let an apostrophe and another run follow.",
    ),
    Misconception(
        "apostrophe and underscore taken for letters",
        lambda text: re.findall(r"[\w']+|\S", text.lower()),
        "`[\\w']+` takes every apostrophe and every underscore into the word. An apostrophe belongs to it only with a letter "
        "or digit on both sides, and an underscore never.",
    ),
    Misconception(
        "digits taken for punctuation",
        lambda text: re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*|\S", text.lower()),
        "Numbers fall into single digits. Letters and digits form words together: `str.isalnum`, not `str.isalpha`.",
    ),
    Misconception(
        "punctuation in runs",
        lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*|(?:[^\w\s]|_)+", text.lower()),
        "Several marks in a row come out as one token, as `...`. Each is a token of its own: no `+` in that alternative.",
    ),
    Misconception(
        "spaces as tokens",
        lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*|.", text.lower(), re.DOTALL),
        "Spaces come out as tokens. Leave them out: `\\S` in a pattern is any character that is not a space.",
    ),
    Misconception(
        "single characters",
        lambda text: [character for character in text.lower() if not character.isspace()],
        "Every character is a token of its own. Put letters and digits that stand side by side into one token.",
    ),
)


def _tokenize_by_hand(text):
    text, tokens, start = text.lower(), [], 0
    while start < len(text):
        end = start + 1
        if text[start].isalnum():
            while end < len(text) and (text[end].isalnum() or (text[end] == "'" and text[end + 1 : end + 2].isalnum())):
                end += 1
        if not text[start].isspace():
            tokens.append(text[start:end])
        start = end
    return tokens


def _tokenize_by_spacing(text):
    spaced = re.sub(r"([^\w\s']|_)", r" \1 ", text.lower())
    spaced = re.sub(r"(?<![^\W_])'|'(?![^\W_])", " ' ", spaced)
    return spaced.split()


def _tokenize_in_groups(text):
    text = text.lower()

    def kind(index):
        if text[index].isalnum():
            return "word"
        inside = text[index] == "'" and text[index - 1 : index].isalnum() and text[index + 1 : index + 2].isalnum()
        return "word" if inside else index

    groups = ["".join(text[i] for i in group) for _, group in groupby(range(len(text)), kind)]
    return [group for group in groups if not group.isspace()]


def _tokenize_with_finditer(text):
    pattern = re.compile(r"(?P<word>[^\W_]+(?:'(?=[^\W_])[^\W_]+)*)|(?P<space>\s+)|(?P<mark>.)")
    return [match.group() for match in pattern.finditer(text.lower()) if match.lastgroup != "space"]


TOKENIZE_RIGHT = (_tokenize_by_hand, _tokenize_by_spacing, _tokenize_in_groups, _tokenize_with_finditer)

# --- build_vocabulary -----------------------------------------------------------------------------------------------

BUILD_VOCABULARY = (
    Misconception(
        "alphabetical order",
        lambda tokens: sorted(dict.fromkeys(tokens)),
        "The words are sorted. Keep the order in which they first appear: a dictionary remembers it, a set does not.",
    ),
    Misconception(
        "repeated words kept",
        lambda tokens: list(tokens),
        "Words that occur twice are in the list twice. Take a word only when it is not there yet.",
    ),
    Misconception(
        "by falling count",
        lambda tokens: [word for word, _ in Counter(tokens).most_common()],
        "The most frequent words come first. Here the order is that of first appearance, whatever the counts.",
    ),
    Misconception(
        "order of last appearance",
        lambda tokens: list(dict.fromkeys(reversed(tokens)))[::-1],
        "A repeated word has the place of its last appearance. Its first one counts: do not move a word already there.",
    ),
    Misconception(
        "words that occur once",
        lambda tokens: [word for word, count in Counter(tokens).items() if count == 1],
        "Words that occur several times are missing. Unique means that each word is in the list once.",
    ),
    Misconception(
        "neighbouring repeats only",
        lambda tokens: [word for word, _ in groupby(tokens)],
        "Only repeats side by side are removed. Compare each token with all words that are already in the list.",
    ),
    Misconception(
        "the size instead of the words",
        lambda tokens: len(dict.fromkeys(tokens)),
        "This is the vocabulary size. Return the list of words; its length is the size.",
    ),
    Misconception(
        "words with their counts",
        lambda tokens: list(Counter(tokens).items()),
        "The list holds (word, count) pairs. Return the words alone.",
    ),
)


def _vocabulary_loop(tokens):
    vocabulary = []
    for token in tokens:
        if token not in vocabulary:
            vocabulary.append(token)
    return vocabulary


def _vocabulary_seen(tokens):
    seen = set()
    return [token for token in tokens if not (token in seen or seen.add(token))]


def _vocabulary_sorted(tokens):
    return sorted(set(tokens), key=tokens.index)


def _vocabulary_slices(tokens):
    return [token for place, token in enumerate(tokens) if token not in tokens[:place]]


def _vocabulary_counted(tokens):
    return [*Counter(tokens)]


BUILD_VOCABULARY_RIGHT = (
    _vocabulary_loop,
    _vocabulary_seen,
    _vocabulary_sorted,
    _vocabulary_slices,
    _vocabulary_counted,
)

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

# --- Vocabulary -----------------------------------------------------------------------------------------------------

SPECIALS = ["<pad>", "<bos>", "<eos>", "<unk>"]


def _counts(sentences):
    return Counter(token for sentence in sentences for token in tokenize(sentence))


def _ids_by(order, specials=SPECIALS, split=tokenize, enough=lambda count, least: count >= least, first=True):
    """A class like `Vocabulary` that puts its words in another order; `order(counts)` lists (word, count)."""

    class Ordered(Vocabulary):
        def __init__(self, sentences, min_count=1, max_size=None):
            counts = Counter(token for sentence in sentences for token in split(sentence))
            words = [word for word, count in order(counts) if enough(count, min_count)]
            everything = [*specials, *words] if first else [*words, *specials]
            self.word_to_index, self.index_to_word = build_index(everything[:max_size])

    return Ordered


class _TooManyWords(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        super().__init__(sentences, min_count, None if max_size is None else max_size + 4)


class _HolesInTheIds(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        everything = [*SPECIALS, *(word for word, _ in _counts(sentences).most_common())][:max_size]
        self.index_to_word = dict(enumerate(everything))
        rare = {word for word, count in _counts(sentences).items() if count < min_count}
        self.word_to_index = {word: index for index, word in self.index_to_word.items() if word not in rare}

    def __len__(self):
        return len(self.index_to_word)


class _NoLimit(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        super().__init__(sentences, min_count)


class _NoLeast(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        super().__init__(sentences, max_size=max_size)


class _OncePerSentence(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        counts = Counter(token for sentence in sentences for token in dict.fromkeys(tokenize(sentence)))
        words = [word for word, count in counts.most_common() if count >= min_count]
        self.word_to_index, self.index_to_word = build_index([*SPECIALS, *words][:max_size])


class _NoEnds(Vocabulary):
    def encode(self, text):
        return encode(tokenize(text), self.word_to_index)


class _UnknownLeftOut(Vocabulary):
    def encode(self, text):
        return encode([t for t in ["<bos>", *tokenize(text), "<eos>"] if t in self.word_to_index], self.word_to_index)


class _CapitalsInEncode(Vocabulary):
    def encode(self, text):
        return encode(["<bos>", *text.split(), "<eos>"], self.word_to_index)


class _KeepsEverything(Vocabulary):
    def decode(self, ids):
        return decode(ids, self.index_to_word)


class _RunsPastTheEnd(Vocabulary):
    def decode(self, ids):
        return [t for t in decode(ids, self.index_to_word) if t not in ("<pad>", "<bos>", "<eos>")]


class _DropsUnknown(Vocabulary):
    def decode(self, ids):
        return [token for token in super().decode(ids) if token != "<unk>"]


class _KeepsPadding(Vocabulary):
    def decode(self, ids):
        tokens = decode(ids, self.index_to_word)
        return [t for t in tokens[: tokens.index("<eos>") if "<eos>" in tokens else None] if t != "<bos>"]


class _NeedsAnEnd(Vocabulary):
    def decode(self, ids):
        tokens = decode(ids, self.index_to_word)
        return [t for t in tokens[: tokens.index("<eos>")] if t not in ("<pad>", "<bos>")]


class _JoinsWords(Vocabulary):
    def decode(self, ids):
        return " ".join(super().decode(ids))


class _WordsOnly(Vocabulary):
    def __len__(self):
        return super().__len__() - 4


VOCABULARY = (
    Misconception(
        "ids by first appearance",
        _ids_by(lambda counts: counts.items()),
        "The words have their ids in order of first appearance. Put the most frequent first; only words of equal count "
        "keep that order.",
    ),
    Misconception(
        "ties in alphabetical order",
        _ids_by(lambda counts: sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        "Words of equal count are sorted by the alphabet. They keep their order of first appearance: sort by the count "
        "alone, and Python leaves equals as they are.",
    ),
    Misconception(
        "ties by last appearance",
        _ids_by(lambda counts: sorted(counts.items(), key=lambda item: item[1])[::-1]),
        "Words of equal count come in reverse order: sorting first and turning the list round does that. Sort by falling "
        "count, with `reverse=True` or a minus sign.",
    ),
    Misconception(
        "ids by rising count",
        _ids_by(lambda counts: sorted(counts.items(), key=lambda item: item[1])),
        "The rarest words come first. The most frequent word has the id 4.",
    ),
    Misconception(
        "special tokens last",
        _ids_by(lambda counts: counts.most_common(), first=False),
        "The words come before the special tokens. `<pad> <bos> <eos> <unk>` are 0 to 3, so that they are the same for "
        "every text.",
    ),
    Misconception(
        "special tokens in another order",
        _ids_by(lambda counts: counts.most_common(), specials=["<pad>", "<unk>", "<bos>", "<eos>"]),
        "The special tokens have other ids. The order is `<pad> <bos> <eos> <unk>`, from 0 to 3.",
    ),
    Misconception(
        "sentences split at spaces",
        _ids_by(lambda counts: counts.most_common(), split=str.split),
        "The sentences are cut with `split`, so `man.` and `The` become words of their own. Use your `tokenize`.",
    ),
    Misconception(
        "min_count left out by one",
        _ids_by(lambda counts: counts.most_common(), enough=lambda count, least: count > least),
        "Words that occur exactly `min_count` times are dropped. They stay: compare with `>=`.",
    ),
    Misconception(
        "min_count ignored",
        _NoLeast,
        "Rare words keep an id. A word that occurs less often than `min_count` gets none and is encoded as `<unk>`.",
    ),
    Misconception(
        "ids given before rare words are dropped",
        _HolesInTheIds,
        "The rare words are dropped after everything was numbered, so their ids are still counted. Drop first, then "
        "number: ids have no holes, and `len()` counts what is left.",
    ),
    Misconception(
        "special tokens not counted in max_size",
        _TooManyWords,
        "There are four ids too many: `max_size` limits all ids, the special tokens included.",
    ),
    Misconception(
        "max_size ignored",
        _NoLimit,
        "There are more ids than `max_size` allows. Cut the list that holds the special tokens and the words.",
    ),
    Misconception(
        "once per sentence",
        _OncePerSentence,
        "A word is counted once for every sentence that contains it. Count every time it occurs.",
    ),
    Misconception(
        "no <bos> and <eos>",
        _NoEnds,
        "`encode` gives the words alone. Put `<bos>` before them and `<eos>` behind them.",
    ),
    Misconception(
        "unknown words left out",
        _UnknownLeftOut,
        "`encode` leaves out words without an id. Each token gives one id; an unknown one gives that of `<unk>`, 3.",
    ),
    Misconception(
        "encode splits at spaces",
        _CapitalsInEncode,
        "`encode` cuts the text with `split`, so `The` and `sleeps.` are unknown. Use `tokenize`, as for the sentences.",
    ),
    Misconception(
        "decode keeps the special tokens",
        _KeepsEverything,
        "`decode` gives back `<bos>`, `<eos>` and `<pad>` too. Stop at the first `<eos>`, drop `<pad>` and `<bos>`.",
    ),
    Misconception(
        "decode runs past <eos>",
        _RunsPastTheEnd,
        "`decode` drops `<eos>` and goes on. What stands behind the first `<eos>` is no longer the sentence: stop there.",
    ),
    Misconception(
        "decode drops <unk>",
        _DropsUnknown,
        "`decode` drops `<unk>` too. It stands for a word of the sentence: keep it.",
    ),
    Misconception(
        "decode keeps <pad>",
        _KeepsPadding,
        "`decode` gives back `<pad>`. Padding is not part of the sentence, wherever it stands: drop it.",
    ),
    Misconception(
        "decode needs an <eos>",
        _NeedsAnEnd,
        "`decode` fails on ids without `<eos>`. Ask first whether it is there; without it, go on to the last id.",
    ),
    Misconception(
        "decode joins the words",
        _JoinsWords,
        "`decode` gives one string. Return the list of tokens.",
    ),
    Misconception(
        "size without the special tokens",
        _WordsOnly,
        "`len()` counts the words alone. The special tokens have ids too: the size is the number of all ids.",
    ),
)


class _VocabularyFromDictionaries:
    def __init__(self, sentences, min_count=1, max_size=None):
        counts = {}
        for sentence in sentences:
            for token in tokenize(sentence):
                counts[token] = counts.get(token, 0) + 1
        words = sorted((word for word in counts if counts[word] >= min_count), key=counts.get, reverse=True)
        self.ids = dict(zip(SPECIALS, range(4)))
        for word in words:
            if max_size is not None and len(self.ids) >= max_size:
                break
            self.ids[word] = len(self.ids)
        self.words = list(self.ids)

    def __len__(self):
        return len(self.words)

    def encode(self, text):
        return [1, *(self.ids.get(token, 3) for token in tokenize(text)), 2]

    def decode(self, ids):
        tokens = []
        for index in ids:
            if index == 2:
                break
            if index > 2:
                tokens.append(self.words[index])
        return tokens


class _VocabularyByRounds:
    """Takes the most frequent word that is left, again and again."""

    def __init__(self, sentences, min_count=1, max_size=None):
        stream = [token for sentence in sentences for token in tokenize(sentence)]
        self.table = list(SPECIALS)
        left = build_vocabulary(stream)
        while left and (max_size is None or len(self.table) < max_size):
            best = max(left, key=stream.count)
            if stream.count(best) < min_count:
                break
            self.table.append(best)
            left.remove(best)

    def __len__(self):
        return len(self.table)

    def encode(self, text):
        return [1] + [self.table.index(t if t in self.table else "<unk>") for t in tokenize(text)] + [2]

    def decode(self, ids):
        ids = list(ids)
        end = ids.index(2) if 2 in ids else len(ids)
        return [self.table[index] for index in ids[:end] if index not in (0, 1)]


class _VocabularyOfArrays(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        stream = np.array([token for sentence in sentences for token in tokenize(sentence)], dtype=object)
        words, first, counts = np.unique(stream.astype(str), return_index=True, return_counts=True)
        order = [i for i in np.lexsort((first, -counts)) if counts[i] >= min_count]
        room = len(order) if max_size is None else max_size - 4
        self.word_to_index, self.index_to_word = build_index(SPECIALS + [str(words[i]) for i in order[:room]])

    def encode(self, text):
        return [int(i) for i in np.array(encode(["<bos>", *tokenize(text), "<eos>"], self.word_to_index))]


class _VocabularyWithGenerator(_VocabularyFromDictionaries):
    def decode(self, ids):
        def words():
            for token in (self.words[index] for index in ids):
                if token == "<eos>":
                    return
                if token not in {"<pad>", "<bos>"}:
                    yield token

        return list(words())


VOCABULARY_RIGHT = (_VocabularyFromDictionaries, _VocabularyByRounds, _VocabularyOfArrays, _VocabularyWithGenerator)

# --- pad_batch ------------------------------------------------------------------------------------------------------


def _pad_left(sequences, pad=0):
    longest = max(map(len, sequences))
    ids = torch.tensor([[pad] * (longest - len(s)) + list(s) for s in sequences])
    return ids, ids != pad


def _pad_cut(sequences, pad=0):
    shortest = min(map(len, sequences))
    ids = torch.tensor([list(s[:shortest]) for s in sequences])
    return ids, ids != pad


def _pad_with_last(sequences, pad=0):
    longest = max(map(len, sequences))
    ids = torch.tensor([[*s, *[s[-1]] * (longest - len(s))] for s in sequences])
    return ids, pad_batch(sequences, pad)[1]


def _pad_one_more(sequences, pad=0):
    longest = max(map(len, sequences)) + 1
    ids = torch.tensor([[*s, *[pad] * (longest - len(s))] for s in sequences])
    return ids, ids != pad


PAD_BATCH = (
    Misconception(
        "mask the wrong way round",
        lambda sequences, pad=0: (pad_batch(sequences, pad)[0], ~pad_batch(sequences, pad)[1]),
        "The mask is True at the padding. In this course True means keep: it stands at the original tokens.",
    ),
    Misconception(
        "padding in front",
        _pad_left,
        "The padding comes before the tokens. Fill up at the end, so that the first token stays in column 0.",
    ),
    Misconception(
        "cut to the shortest",
        _pad_cut,
        "Longer sequences are cut off. Take the length of the longest, and fill up the others.",
    ),
    Misconception(
        "ids as floats",
        lambda sequences, pad=0: (pad_batch(sequences, pad)[0].float(), pad_batch(sequences, pad)[1]),
        "The ids are floating-point numbers, which cannot be looked up in a table. Ask for `dtype=torch.int64`.",
    ),
    Misconception(
        "mask as numbers",
        lambda sequences, pad=0: (pad_batch(sequences, pad)[0], pad_batch(sequences, pad)[1].long()),
        "The mask holds 0 and 1 as whole numbers. A boolean tensor is asked for: a comparison gives one.",
    ),
    Misconception(
        "pad ignored",
        lambda sequences, pad=0: (pad_batch(sequences, 0)[0], pad_batch(sequences, pad)[1]),
        "The padding is always 0. Use the argument `pad`.",
    ),
    Misconception(
        "mask compared with 0",
        lambda sequences, pad=0: (pad_batch(sequences, pad)[0], pad_batch(sequences, pad)[0] != 0),
        "The mask compares with 0, whatever `pad` is. Compare with `pad`, or use the lengths.",
    ),
    Misconception(
        "no mask",
        lambda sequences, pad=0: pad_batch(sequences, pad)[0],
        "The ids come back alone. Return two values: the ids and the mask.",
    ),
    Misconception(
        "length first",
        lambda sequences, pad=0: tuple(part.T for part in pad_batch(sequences, pad)),
        "The result is turned round: one column per sequence. Each row is one sequence; `pad_sequence` wants "
        "`batch_first=True` for that.",
    ),
    Misconception(
        "last token repeated",
        _pad_with_last,
        "The gap is filled with the last token. Fill it with `pad`.",
    ),
    Misconception(
        "one column too many",
        _pad_one_more,
        "Even the longest sequence is padded. The width is the length of the longest sequence.",
    ),
    Misconception(
        "NumPy arrays",
        lambda sequences, pad=0: tuple(part.numpy() for part in pad_batch(sequences, pad)),
        "These are NumPy arrays. Return two `torch.Tensor`s.",
    ),
)


def _pad_with_torch(sequences, pad=0):
    tensors = [torch.tensor(sequence) for sequence in sequences]
    ids = torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=pad)
    return ids, ids.ne(pad)


def _pad_by_rows(sequences, pad=0):
    ids = torch.full((len(sequences), max(map(len, sequences))), pad)
    keep = torch.zeros(ids.shape, dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.as_tensor(sequence)
        keep[row, : len(sequence)] = True
    return [ids, keep]


def _pad_by_columns(sequences, pad=0):
    ids = torch.tensor(list(zip(*zip_longest(*sequences, fillvalue=pad), strict=True)))
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return ids, torch.arange(ids.shape[1])[None, :] < lengths[:, None]


def _pad_with_numpy(sequences, pad=0):
    lengths = np.array([len(sequence) for sequence in sequences])
    keep = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(keep.shape, pad, dtype=np.int64)
    ids[keep] = np.concatenate(sequences)
    return torch.from_numpy(ids), torch.from_numpy(keep)


PAD_BATCH_RIGHT = (_pad_with_torch, _pad_by_rows, _pad_by_columns, _pad_with_numpy)
