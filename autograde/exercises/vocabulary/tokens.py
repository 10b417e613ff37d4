"""Lesson 1: tokens, and the vocabulary of a text."""

from __future__ import annotations

from autograde.exercise import Exercise
from autograde.exercises.libraries import TOKENIZERS
from autograde.exercises.mistakes.vocabulary import tokens as mistakes
from autograde.exercises.vocabulary.sentences import ENGLISH, KOREAN, MARKS, pick, sentence, shuffled
from autograde.harness.call import MAIN, Call
from helpers import vocabulary as reference

LESSON = "01_vocabulary"

# --- tokenize -------------------------------------------------------------------------------------------------------


def _tokenize_calls(rng):
    pairs = zip(pick(rng, ENGLISH, 6), pick(rng, MARKS, 6))
    return [
        Call(("The dog bites the man.",), note="by hand: six tokens; the full stop is one of them"),
        Call((sentence(rng, ENGLISH, 7) + "!",)),
        Call((sentence(rng, ENGLISH, 4) + " " + sentence(rng, ENGLISH, 5) + "?",)),
        Call(("개가 남자를 물어요!",), part="Korean", note="Korean: the words are separated by spaces here too"),
        Call((sentence(rng, KOREAN, 6) + ".",), part="Korean"),
        Call(
            ("Don't say 'tis the dogs' bone: it isn't.",),
            part="apostrophes",
            note="an apostrophe inside a word, at its start, at its end",
        ),
        Call(("Wait... 2nd-hand snake_case, 50% off?!",), part="other marks", note="each mark is a token of its own"),
        Call((" a\ttab,\n\na  line  ",), part="other marks", note="spaces, a tab and line breaks are not tokens"),
        Call(("".join(word + mark for word, mark in pairs),), part="other marks", note="no space at all"),
    ]


TOKENIZE = Exercise(
    name="tokenize",
    lesson=LESSON,
    title="a text becomes tokens",
    points=3,
    minutes=9,
    hints=(
        "`re.findall(pattern, text)` lists everything that fits a pattern, from left to right. Join two alternatives "
        "with `|`: first what a word looks like, then any other single character that is not a space.",
        "A run of letters and digits is `[^\\W_]+`: what is neither a non-word character nor an underscore. Behind it "
        "may come, any number of times, an apostrophe and another such run: `(?: ... )*`. The second alternative is `\\S`.",
    ),
    reference=reference.tokenize,
    forbidden=TOKENIZERS,
    make_calls=_tokenize_calls,
    parts={MAIN: 0.4, "Korean": 0.2, "apostrophes": 0.2, "other marks": 0.2},
    misconceptions=mistakes.TOKENIZE,
    variants=mistakes.TOKENIZE_RIGHT,
)

# --- build_vocabulary -----------------------------------------------------------------------------------------------


def _build_vocabulary_calls(rng):
    once = shuffled(rng, ENGLISH)
    return [
        Call(
            (["the", "dog", "bites", "the", "man", "the", "cat", "bites"],),
            note='by hand: 8 tokens, 5 unique ones, "the" and "bites" repeated',
        ),
        Call(([*once[:4], once[2], once[0], once[5], once[2]],)),
        Call((pick(rng, ENGLISH, 40),)),
        Call((pick(rng, KOREAN, 23),)),
        Call(([],), note="no token at all"),
    ]


BUILD_VOCABULARY = Exercise(
    name="build_vocabulary",
    lesson=LESSON,
    title="the unique tokens",
    points=1,
    minutes=3,
    hints=(
        "Go through the tokens and take those that you have not taken yet. A `set` would lose the order.",
        "A dictionary keeps its keys in the order in which they came in, each once. `dict.fromkeys` makes one from a "
        "list; turn its keys into a list again.",
    ),
    reference=reference.build_vocabulary,
    make_calls=_build_vocabulary_calls,
    misconceptions=mistakes.BUILD_VOCABULARY,
    variants=mistakes.BUILD_VOCABULARY_RIGHT,
)

EXERCISES = (TOKENIZE, BUILD_VOCABULARY)
