"""Lesson 1: from tokens to ids and back."""

from __future__ import annotations

from autograde.exercise import Exercise
from autograde.exercises.mistakes.vocabulary import ids as mistakes
from autograde.exercises.vocabulary.sentences import ENGLISH, KOREAN, pick, shuffled
from autograde.harness.call import MAIN, Call
from helpers import vocabulary as reference

LESSON = "01_vocabulary"

# --- build_index ----------------------------------------------------------------------------------------------------


def _build_index_calls(rng):
    return [
        Call((["the", "dog", "bites", "man"],), note="by hand: the 0, dog 1, bites 2, man 3"),
        Call((shuffled(rng, ENGLISH)[:7],)),
        Call((shuffled(rng, KOREAN),)),
        Call(
            (["<pad>", "<unk>", *shuffled(rng, KOREAN)[:5]],), note="special tokens in the list are words like others"
        ),
    ]


BUILD_INDEX = Exercise(
    name="build_index",
    lesson=LESSON,
    title="word to index, index to word",
    points=1,
    minutes=3,
    hints=(
        "`enumerate(vocabulary)` gives pairs of a number and a word, starting at 0.",
        "Two dictionary comprehensions over the same `enumerate`, in the second one key and value change places. "
        "Return both, separated by a comma.",
    ),
    reference=reference.build_index,
    make_calls=_build_index_calls,
    misconceptions=mistakes.BUILD_INDEX,
    variants=mistakes.BUILD_INDEX_RIGHT,
    multiple_outputs=True,
)

# --- encode ---------------------------------------------------------------------------------------------------------


def _numbered(words):
    return {word: index for index, word in enumerate(words)}


def _encode_calls(rng):
    running = _numbered(["<pad>", "<bos>", "<eos>", "<unk>", "the", "dog", "bites", "man", "cat", "sleeps"])
    english, korean = shuffled(rng, ENGLISH), shuffled(rng, KOREAN)
    at_the_end = _numbered([*korean[:6], "<unk>"])
    plain, stranger = _numbered(english[:8]), pick(rng, ("unicorn", "volcano", "violin"), 1)[0]
    return [
        Call((["the", "dog", "bites", "the", "man"], running), note="by hand: 4 5 6 4 7, one number for each token"),
        Call((pick(rng, english[:9], 12), _numbered(["<pad>", "<unk>", *english[:9]]))),
        Call((["the", "bird", "sleeps"], running), part="unknown words", note='"bird" is not in the index'),
        Call(
            ([korean[0], korean[7], korean[3], korean[8], korean[0]], at_the_end),
            part="unknown words",
            note="here `<unk>` is the last word of the index, and the first word has the index 0",
        ),
        Call(
            (pick(rng, english, 15), _numbered([*english[:5], "<unk>", *english[5:9]])),
            part="unknown words",
            note="here `<unk>` has the index 5",
        ),
        Call(
            (pick(rng, english[:8], 6), plain), part="without <unk>", note="every word known, no `<unk>` in the index"
        ),
        Call(
            ([english[1], english[0], stranger, english[2]], plain),
            part="without <unk>",
            note="a word that is unknown, and no `<unk>` in the index",
            mentions=(stranger,),
        ),
    ]


ENCODE = Exercise(
    name="encode",
    lesson=LESSON,
    title="tokens become indices",
    points=2,
    minutes=6,
    hints=(
        "There are three cases for a token: it is in the index; it is not, but `<unk>` is; neither is.",
        "A loop with `if`, `elif`, `else`: append the token's index, append the index of `<unk>`, or "
        "`raise KeyError(...)` with the token.",
    ),
    reference=reference.encode,
    make_calls=_encode_calls,
    parts={MAIN: 0.5, "unknown words": 0.3, "without <unk>": 0.2},
    misconceptions=mistakes.ENCODE,
    variants=mistakes.ENCODE_RIGHT,
)

# --- decode ---------------------------------------------------------------------------------------------------------


def _decode_calls(rng):
    words = dict(enumerate(["<pad>", "<bos>", "<eos>", "<unk>", "the", "dog", "bites", "man", "cat", "sleeps"]))
    english, korean = dict(enumerate(shuffled(rng, ENGLISH)[:9])), dict(enumerate(shuffled(rng, KOREAN)))
    return [
        Call(([4, 5, 6, 4, 7], words), note="by hand: the dog bites the man"),
        Call(([8, 0, 3, 3, 5, 0], english), note="index 0 is a word here"),
        Call(([int(i) for i in rng.integers(len(korean), size=11)], korean)),
        Call(([1, 4, 3, 9, 2, 0, 0], words), note="special tokens are given back like words"),
    ]


DECODE = Exercise(
    name="decode",
    lesson=LESSON,
    title="indices become tokens",
    points=1,
    minutes=2,
    hints=(
        "`encode` the other way round, and every index is known: one look-up for each.",
        "A list comprehension over `indices`, with the look-up in `index_to_word` in front.",
    ),
    reference=reference.decode,
    make_calls=_decode_calls,
    misconceptions=mistakes.DECODE,
    variants=mistakes.DECODE_RIGHT,
)

EXERCISES = (BUILD_INDEX, ENCODE, DECODE)
