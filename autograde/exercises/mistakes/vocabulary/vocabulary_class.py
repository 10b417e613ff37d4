"""Lesson 1, the class `Vocabulary`: the mistakes that are named, and right answers written differently."""

from __future__ import annotations

from collections import Counter

import numpy as np

from autograde.exercise import Misconception
from helpers.vocabulary import Vocabulary, build_index, build_vocabulary, decode, encode, tokenize

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
