"""Lesson 1: the whole vocabulary in one class."""

from __future__ import annotations

from autograde.exercise import Exercise
from autograde.exercises.libraries import TOKENIZERS
from autograde.exercises.mistakes.vocabulary import vocabulary_class as mistakes
from autograde.exercises.vocabulary.sentences import ENGLISH, KOREAN, sentence
from autograde.harness.call import MAIN, Call
from helpers import vocabulary as reference
from helpers.example import SENTENCES, TRANSLATIONS

LESSON = "01_vocabulary"

# "so" occurs three times in one sentence, "day" in two; both tie with the comma
REPEATED = ("So, so, so good!", "What a good day", "A day, a night: a DAY.", "night and what?")


def _texts(rng, pool, count):
    return tuple(sentence(rng, pool, int(rng.integers(4, 9))) for _ in range(count))


def _vocabulary_calls(rng):
    def ask(sentences, method, *args, part=MAIN, note="", **options):
        return Call(args, new=(sentences,), new_kwargs=options, method=method, part=part, note=note)

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
        ask(SENTENCES, "__len__", part="size", note="by hand: 6 words and 4 special tokens"),
        ask(korean, "__len__", part="size"),
        ask(REPEATED, "encode", " ".join(REPEATED), part="limits", note="words that occur twice or more", min_count=2),
        ask(REPEATED, "__len__", part="limits", min_count=2),
        ask(english, "encode", " ".join(english), part="limits", min_count=3),
        ask(SENTENCES, "__len__", part="limits", note="room for 3 words", max_size=7),
        ask(REPEATED, "encode", " ".join(REPEATED), part="limits", note="room for 5 words", max_size=9),
        ask(korean, "encode", " ".join(korean), part="limits", note="both limits", min_count=2, max_size=6),
        ask(SENTENCES, "__len__", part="limits", note="more room than words", max_size=50),
        ask(SENTENCES, "encode", "the dog", part="limits", note="room for the special tokens alone", max_size=4),
        ask(SENTENCES, "decode", [1, 4, 5, 6, 4, 7, 2], part="decode", note="by hand: the dog bites the man"),
        ask(SENTENCES, "decode", [1, 4, 3, 9, 2, 0, 0], part="decode", note="an unknown word, and padding at the end"),
        ask(SENTENCES, "decode", [4, 8, 2, 6, 7, 2], part="decode", note="the sentence ends at the first `<eos>`"),
        ask(SENTENCES, "decode", [0, 0, 1, 4, 7], part="decode", note="padding in front, and no `<eos>`"),
    ]


VOCABULARY = Exercise(
    name="Vocabulary",
    lesson=LESSON,
    title="special tokens and words by count",
    points=5,
    minutes=13,
    hints=(
        "Count the tokens of all sentences with a `Counter`; its `most_common()` sorts by falling count and leaves ties "
        "as they came. Then keep, in this order: drop rare words, put the special tokens in front, cut to `max_size`, "
        "number. For `encode` and `decode` use the functions that you have written.",
        "A list of the four special tokens and, behind them, every word whose count is at least `min_count`; then a slice "
        "up to `max_size` (`None` cuts nothing); then `build_index`. In `decode`: decode all ids, cut before the first "
        '`"<eos>"` if there is one (`tokens.index`), and leave out `"<pad>"` and `"<bos>"`.',
    ),
    reference=reference.Vocabulary,
    forbidden=TOKENIZERS,
    make_calls=_vocabulary_calls,
    parts={MAIN: 0.3, "order": 0.15, "unknown words": 0.1, "size": 0.1, "limits": 0.2, "decode": 0.15},
    misconceptions=mistakes.VOCABULARY,
    variants=mistakes.VOCABULARY_RIGHT,
)

EXERCISES = (VOCABULARY,)
