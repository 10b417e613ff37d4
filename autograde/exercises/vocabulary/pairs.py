"""Lesson 1, byte-pair encoding: pairs of symbols."""

from __future__ import annotations

from autograde.exercise import Exercise
from autograde.exercises.libraries import TOKENIZERS
from autograde.exercises.mistakes.vocabulary import pairs as mistakes
from autograde.exercises.vocabulary.sentences import pick
from autograde.harness.call import MAIN, Call
from helpers import vocabulary as reference

LESSON = "01_vocabulary"

# --- count_pairs ----------------------------------------------------------------------------------------------------


def _symbols(rng, letters, low=2, high=7):
    return (*pick(rng, letters, int(rng.integers(low, high))), "</w>")


def _count_pairs_calls(rng):
    def words(letters, count):
        return {_symbols(rng, letters): int(rng.integers(2, 20)) for _ in range(count)}

    return [
        Call(
            ({("d", "o", "g", "</w>"): 5, ("d", "o", "g", "s", "</w>"): 2, ("l", "o", "g", "</w>"): 3},),
            note="by hand: (o, g) stands in all three words, 5 + 2 + 3 times",
        ),
        Call((words(("a", "b", "c", "an"), 6),)),
        Call((words(("개", "가", "를", "고양", "이"), 5),)),
        Call(
            ({("a", "a", "a", "b", "a", "</w>"): 3, ("b", "a", "b", "a", "</w>"): 4},),
            part="repeats",
            note="by hand: (a, a) stands at two places of the first word, (b, a) at two of the second",
        ),
        Call((words(("x", "y"), 4),), part="repeats"),
    ]


COUNT_PAIRS = Exercise(
    name="count_pairs",
    lesson=LESSON,
    title="neighbouring symbols",
    points=2,
    minutes=5,
    hints=(
        "`zip(symbols, symbols[1:])` pairs every symbol with the next one. A word that occurs 5 times counts 5 times.",
        "Two loops: over `words.items()`, and inside over the pairs of one word. A `Counter` starts every count at 0, so "
        "you can add the word's count to `pairs[pair]` at once.",
    ),
    reference=reference.count_pairs,
    forbidden=TOKENIZERS,
    make_calls=_count_pairs_calls,
    parts={MAIN: 0.7, "repeats": 0.3},
    misconceptions=mistakes.COUNT_PAIRS,
    variants=mistakes.COUNT_PAIRS_RIGHT,
)

# --- merge_pair -----------------------------------------------------------------------------------------------------


def _merge_pair_calls(rng):
    letters = pick(rng, (("a", "b"), ("n", "a"), ("개", "가"), ("이", "를")), 1)[0]
    random = _symbols(rng, (*letters, "c"), 9, 14)
    return [
        Call((("d", "o", "g", "s", "</w>"), ("o", "g")), note="by hand: d og s </w>"),
        Call((("b", "a", "n", "a", "n", "a", "</w>"), ("a", "n")), note="by hand: two places, b an an a </w>"),
        Call(((*random[:3], *letters, *random[3:]), letters)),
        Call((("고", "양", "이", "가", "</w>"), ("가", "</w>")), note="the pair is at the end"),
        Call((("a", "b", "c", "</w>"), ("b", "a")), note="the pair does not occur: nothing changes"),
        Call(
            (("a", "a", "a", "b", "a", "a", "a", "a", "a"), ("a", "a")),
            part="runs",
            note="by hand: from left to right, aa a b aa aa a",
        ),
        Call(
            (("ab", "c", "b", "c", "b", "ca", "b", "c"), ("b", "c")),
            part="longer symbols",
            note="by hand: ab and c are not the pair (b, c); ab c bc b ca bc",
        ),
    ]


MERGE_PAIR = Exercise(
    name="merge_pair",
    lesson=LESSON,
    title="two symbols become one",
    points=3,
    minutes=8,
    hints=(
        "Walk through the symbols with a position of your own. Where the pair starts, take both symbols at once and move "
        "on by two places; elsewhere take one and move on by one.",
        "A `while` loop up to `len(symbols)`. `symbols[position : position + 2]` is a tuple of two symbols (of one at the "
        "end): compare it with `pair`. Append to a list, return `tuple(...)`.",
    ),
    reference=reference.merge_pair,
    forbidden=TOKENIZERS,
    make_calls=_merge_pair_calls,
    parts={MAIN: 0.6, "runs": 0.2, "longer symbols": 0.2},
    misconceptions=mistakes.MERGE_PAIR,
    variants=mistakes.MERGE_PAIR_RIGHT,
)

EXERCISES = (COUNT_PAIRS, MERGE_PAIR)
