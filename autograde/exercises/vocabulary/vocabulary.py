"""Vocabulary: special tokens and words by count."""

from collections import Counter

import numpy as np

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.vocabulary.common import ENGLISH, KOREAN, random_sentence
from autograde.harness.call import MAIN, MethodCall
from helpers.example import SENTENCES, TRANSLATIONS
from helpers.vocabulary import Vocabulary, build_index, build_vocabulary, decode, encode, tokenize

# "so" occurs three times in one sentence, "day" in two; both tie with the comma
REPEATED = ("So, so, so good!", "What a good day", "A day, a night: a DAY.", "night and what?")


def _texts(rng, pool, count):
    return tuple(random_sentence(rng, pool, int(rng.integers(4, 9))) for _ in range(count))


def calls(rng):
    def ask(sentences, method, *args, part=MAIN, note="", **options):
        return MethodCall(args, new=(sentences,), new_kwargs=options, method=method, part=part, note=note)

    english, korean = _texts(rng, ENGLISH[:12], 6), _texts(rng, KOREAN[:9], 5)
    return [
        ask(SENTENCES, "encode", "the dog bites the man", note="by hand: 1, then 4 5 6 4 7, then 2"),
        ask(TRANSLATIONS, "encode", "고양이가 개를 물어요"),
        ask(
            REPEATED, "encode", " ".join(REPEATED), part="order", note="ids by falling count, ties by first appearance"
        ),
        ask(english, "encode", " ".join(english), part="order"),
        ask(korean, "encode", " ".join(korean), part="order"),
        ask(SENTENCES, "encode", "The bird sleeps.", part="unknown words", note="`bird` and the full stop are unknown"),
        MethodCall(
            ("the dog bites the man",),
            new=(SENTENCES,),
            another=(TRANSLATIONS,),
            method="encode",
            part="unknown words",
            note="another vocabulary has been made meanwhile",
        ),
        ask(SENTENCES, "__len__", part="size", note="by hand: 6 words and 4 special tokens"),
        ask(korean, "__len__", part="size"),
        ask(REPEATED, "encode", " ".join(REPEATED), part="limits", note="words that occur twice or more", min_count=2),
        ask(REPEATED, "__len__", part="limits", min_count=2),
        ask(english, "encode", " ".join(english), part="limits", min_count=3),
        ask(SENTENCES, "__len__", part="limits", note="room for 3 words", max_size=7),
        ask(REPEATED, "encode", " ".join(REPEATED), part="limits", note="room for 5 words", max_size=9),
        ask(korean, "encode", " ".join(korean), part="limits", note="both limits", min_count=2, max_size=6),
        ask(SENTENCES, "__len__", part="limits", note="more room than words", max_size=50),
        ask(SENTENCES, "encode", "the dog", part="limits", note="room for nothing but the special tokens", max_size=4),
        ask(SENTENCES, "decode", [1, 4, 5, 6, 4, 7, 2], part="decode", note="by hand: the dog bites the man"),
        ask(SENTENCES, "decode", [1, 4, 3, 9, 2, 0, 0], part="decode", note="an unknown word, and padding at the end"),
        ask(SENTENCES, "decode", [4, 8, 2, 6, 7, 2], part="decode", note="the sentence ends at the first `<eos>`"),
        ask(SENTENCES, "decode", [0, 0, 1, 4, 7], part="decode", note="padding in front, and no `<eos>`"),
        ask(("Dog",), "encode", "dog", note="one sentence of one word"),
        ask(SENTENCES, "encode", "", note="a text without any token: only the two ends"),
        ask((), "__len__", part="size", note="no sentence at all: only the special tokens"),
        ask(SENTENCES, "decode", [6], part="decode", note="one id"),
        ask(SENTENCES, "decode", [], part="decode", note="no id at all"),
    ]


EXERCISE = Exercise(
    name="Vocabulary",
    title="special tokens and words by count",
    points=5,
    minutes=13,
    hints=(
        "Count the tokens of all sentences with a `Counter`; its `most_common()` sorts by falling count and leaves ties "
        "as they came. Then keep, in this order: drop rare words, put the special tokens in front, cut to `max_size`, "
        "number. For `encode` and `decode` use the functions that you have written.",
        "A list of the four special tokens and, after them, every word whose count is at least `min_count`; then a "
        "slice up to `max_size` (`None` cuts nothing); then `build_index`. In `decode`: decode all ids, cut before "
        'the first `"<eos>"` if there is one (`tokens.index`), and leave out `"<pad>"` and `"<bos>"`.',
    ),
    reference=Vocabulary,
    make_calls=calls,
    parts={MAIN: 0.3, "order": 0.15, "unknown words": 0.1, "size": 0.1, "limits": 0.2, "decode": 0.15},
    forbidden=libraries.TOKENIZERS,
)


SPECIALS = ["<pad>", "<bos>", "<eos>", "<unk>"]


def _ids_by(order, specials=SPECIALS, split=tokenize, enough=lambda count, least: count >= least, first=True):
    """A class like `Vocabulary` that puts its words in another order; `order(counts)` lists (word, count)."""

    class Ordered(Vocabulary):
        def __init__(self, sentences, min_count=1, max_size=None):
            counts = Counter(token for sentence in sentences for token in split(sentence))
            words = [word for word, count in order(counts) if enough(count, min_count)]
            everything = [*specials, *words] if first else [*words, *specials]
            self.word_to_index, self.index_to_word = build_index(everything[:max_size])

    return Ordered


EXERCISE.wrong(
    "ids by first appearance",
    "The words have their ids in order of first appearance. Put the most frequent first; only words of equal count "
    "keep that order.",
)(_ids_by(lambda counts: counts.items()))

EXERCISE.wrong(
    "ties in alphabetical order",
    "Words of equal count are sorted by the alphabet. They keep their order of first appearance: sort only "
    "by the count, and Python leaves equals as they are.",
)(_ids_by(lambda counts: sorted(counts.items(), key=lambda item: (-item[1], item[0]))))

EXERCISE.wrong(
    "ties in reverse order",
    "Words of equal count come in reverse order: sorting first and turning the list round does that. Sort by falling "
    "count, with `reverse=True` or a minus sign.",
)(_ids_by(lambda counts: sorted(counts.items(), key=lambda item: item[1])[::-1]))

EXERCISE.wrong("ids by rising count", "The rarest words come first. The most frequent word should get the id 4.")(
    _ids_by(lambda counts: sorted(counts.items(), key=lambda item: item[1]))
)

EXERCISE.wrong(
    "special tokens last",
    "The words come before the special tokens. `<pad> <bos> <eos> <unk>` are 0 to 3, so that they are the same for "
    "every text.",
)(_ids_by(lambda counts: counts.most_common(), first=False))

EXERCISE.wrong(
    "special tokens in another order",
    "The special tokens have other ids. The order is `<pad> <bos> <eos> <unk>`, from 0 to 3.",
)(_ids_by(lambda counts: counts.most_common(), specials=["<pad>", "<unk>", "<bos>", "<eos>"]))

EXERCISE.wrong(
    "sentences split at spaces",
    "The sentences are cut only at spaces, so `man.` and `The` become words of their own. Use your `tokenize`.",
)(_ids_by(lambda counts: counts.most_common(), split=str.split))

EXERCISE.wrong(
    "min_count off by one", "Words that occur exactly `min_count` times are dropped. They stay: compare with `>=`."
)(_ids_by(lambda counts: counts.most_common(), enough=lambda count, least: count > least))


@EXERCISE.wrong(
    "min_count ignored",
    "Rare words keep an id. A word that occurs less often than `min_count` gets none and is encoded as `<unk>`.",
)
class NoLeast(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        super().__init__(sentences, max_size=max_size)


def _counts(sentences):
    return Counter(token for sentence in sentences for token in tokenize(sentence))


@EXERCISE.wrong(
    "ids given before rare words are dropped",
    "The rare words are dropped after everything was numbered, so their ids are still counted. Drop first, then "
    "number: there are no gaps between ids, and `len()` counts what is left.",
)
class HolesInTheIds(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        everything = [*SPECIALS, *(word for word, _ in _counts(sentences).most_common())][:max_size]
        self.index_to_word = dict(enumerate(everything))
        rare = {word for word, count in _counts(sentences).items() if count < min_count}
        self.word_to_index = {word: index for index, word in self.index_to_word.items() if word not in rare}

    def __len__(self):
        return len(self.index_to_word)


@EXERCISE.wrong(
    "special tokens not counted in max_size",
    "There are four ids too many: `max_size` limits all ids, the special tokens included.",
)
class TooManyWords(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        super().__init__(sentences, min_count, None if max_size is None else max_size + 4)


@EXERCISE.wrong(
    "max_size ignored",
    "There are more ids than `max_size` allows. Cut the list that holds the special tokens and the words.",
)
class NoLimit(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        super().__init__(sentences, min_count)


@EXERCISE.wrong(
    "once per sentence", "A word is counted once for every sentence that contains it. Count every time it occurs."
)
class OncePerSentence(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        counts = Counter(token for sentence in sentences for token in dict.fromkeys(tokenize(sentence)))
        words = [word for word, count in counts.most_common() if count >= min_count]
        self.word_to_index, self.index_to_word = build_index([*SPECIALS, *words][:max_size])


@EXERCISE.wrong("no <bos> and <eos>", "`encode` gives only the words. Put `<bos>` before them and `<eos>` after them.")
class NoEnds(Vocabulary):
    def encode(self, text):
        return encode(tokenize(text), self.word_to_index)


@EXERCISE.wrong(
    "unknown words left out",
    "`encode` leaves out words without an id. Each token gives one id; an unknown one gives that of `<unk>`, 3.",
)
class UnknownLeftOut(Vocabulary):
    def encode(self, text):
        return encode([t for t in ["<bos>", *tokenize(text), "<eos>"] if t in self.word_to_index], self.word_to_index)


@EXERCISE.wrong(
    "encode splits at spaces",
    "`encode` cuts the text only at spaces, so `The` and `sleeps.` are unknown. Use `tokenize`, as for the sentences.",
)
class CapitalsInEncode(Vocabulary):
    def encode(self, text):
        return encode(["<bos>", *text.split(), "<eos>"], self.word_to_index)


@EXERCISE.wrong(
    "decode keeps the special tokens",
    "`decode` gives back `<bos>`, `<eos>` and `<pad>` too. Stop at the first `<eos>`, drop `<pad>` and `<bos>`.",
)
class KeepsEverything(Vocabulary):
    def decode(self, ids):
        return decode(ids, self.index_to_word)


@EXERCISE.wrong(
    "decode runs past <eos>",
    "`decode` drops `<eos>` and goes on. What comes after the first `<eos>` is no longer the sentence: stop there.",
)
class RunsPastTheEnd(Vocabulary):
    def decode(self, ids):
        return [t for t in decode(ids, self.index_to_word) if t not in ("<pad>", "<bos>", "<eos>")]


@EXERCISE.wrong("decode drops <unk>", "`decode` drops `<unk>` too. It stands for a word of the sentence: keep it.")
class DropsUnknown(Vocabulary):
    def decode(self, ids):
        return [token for token in super().decode(ids) if token != "<unk>"]


@EXERCISE.wrong(
    "decode keeps <pad>",
    "`decode` gives back `<pad>`. Padding is not part of the sentence, wherever it is: drop it.",
)
class KeepsPadding(Vocabulary):
    def decode(self, ids):
        tokens = decode(ids, self.index_to_word)
        return [t for t in tokens[: tokens.index("<eos>") if "<eos>" in tokens else None] if t != "<bos>"]


@EXERCISE.wrong(
    "decode needs an <eos>",
    "`decode` fails on ids without `<eos>`. Ask first whether it is there; without it, go on to the last id.",
)
class NeedsAnEnd(Vocabulary):
    def decode(self, ids):
        tokens = decode(ids, self.index_to_word)
        return [t for t in tokens[: tokens.index("<eos>")] if t not in ("<pad>", "<bos>")]


@EXERCISE.wrong("decode joins the words", "`decode` gives one string. Return the list of tokens.")
class JoinsWords(Vocabulary):
    def decode(self, ids):
        return " ".join(super().decode(ids))


@EXERCISE.wrong(
    "size without the special tokens",
    "`len()` counts only the words. The special tokens have ids too: the size is the number of all ids.",
)
class WordsOnly(Vocabulary):
    def __len__(self):
        return super().__len__() - 4


@EXERCISE.wrong(
    "one store for all vocabularies",
    "All vocabularies write into the same dictionaries, of the class or of the notebook. Make them in `__init__`, "
    "with `self.`.",
)
class OneStore(Vocabulary):
    shared_words, shared_indices = {}, {}

    def __init__(self, sentences, min_count=1, max_size=None):
        super().__init__(sentences, min_count, max_size)
        self.shared_words.update(self.word_to_index)
        self.shared_indices.update(self.index_to_word)
        self.word_to_index, self.index_to_word = self.shared_words, self.shared_indices


@EXERCISE.wrong(
    "sentences in small letters, split at spaces",
    "The sentences are cut only at spaces, so the marks stick to the words, as in `man.`. Use your `tokenize`.",
)
class LowerAndSplit(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        super().__init__(sentences)
        counts = Counter(token for sentence in sentences for token in sentence.lower().split())
        words = [word for word, count in counts.most_common() if count >= min_count]
        self.word_to_index, self.index_to_word = build_index([*SPECIALS, *words][:max_size])


@EXERCISE.wrong(
    "everything in small letters, split at spaces",
    "Sentences and text are cut only at spaces, so the marks stick to the words, as in `man.`. Use your "
    "`tokenize` for both.",
)
class EverythingSplit(LowerAndSplit):
    def encode(self, text):
        return encode(["<bos>", *text.lower().split(), "<eos>"], self.word_to_index)


@EXERCISE.wrong(
    "special tokens taken off max_size twice",
    "There are four ids too few: the list that is cut has the special tokens already. Cut it at `max_size` itself.",
)
class FourTooFew(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        counts = _counts(sentences)
        words = [*SPECIALS, *(word for word, count in counts.most_common() if count >= min_count)]
        self.word_to_index, self.index_to_word = build_index(words if max_size is None else words[: max_size - 4])


@EXERCISE.wrong(
    "nothing left below max_size",
    "Where there are fewer ids than `max_size` allows, none is left. A slice such as `[:-surplus]` is empty where `surplus` is "
    "0: cut with `[:max_size]`.",
)
class NothingBelowTheLimit(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        super().__init__(sentences, min_count)
        if max_size is not None:
            kept = list(self.word_to_index)[: -max(len(self) - max_size, 0)]
            self.word_to_index, self.index_to_word = build_index(kept)


@EXERCISE.variant
class FromDictionaries:
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


@EXERCISE.variant
class ByRounds:
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


@EXERCISE.variant
class OfArrays(Vocabulary):
    def __init__(self, sentences, min_count=1, max_size=None):
        stream = np.array([token for sentence in sentences for token in tokenize(sentence)], dtype=object)
        words, first, counts = np.unique(stream.astype(str), return_index=True, return_counts=True)
        order = [i for i in np.lexsort((first, -counts)) if counts[i] >= min_count]
        room = len(order) if max_size is None else max_size - 4
        self.word_to_index, self.index_to_word = build_index(SPECIALS + [str(words[i]) for i in order[:room]])

    def encode(self, text):
        return [int(i) for i in np.array(encode(["<bos>", *tokenize(text), "<eos>"], self.word_to_index))]


@EXERCISE.variant
class WithGenerator(FromDictionaries):
    def decode(self, ids):
        def words():
            for token in (self.words[index] for index in ids):
                if token == "<eos>":
                    return
                if token not in {"<pad>", "<bos>"}:
                    yield token

        return list(words())
