"""Lesson 1: words and sentences to draw from.

Nothing in this lesson's exercises may depend on the order of a set of strings, which changes from run to run.
"""

from itertools import pairwise

ENGLISH = [
    "the",
    "a",
    "dog",
    "man",
    "cat",
    "child",
    "bird",
    "house",
    "river",
    "bites",
    "sees",
    "sleeps",
    "runs",
    "old",
    "small",
    "red",
    "quickly",
    "under",
    "with",
]

KOREAN = [
    "개가",
    "개를",
    "개는",
    "남자가",
    "남자를",
    "고양이가",
    "고양이를",
    "새가",
    "새를",
    "집에",
    "강에서",
    "작은",
    "큰",
    "빨리",
    "물어요",
    "봐요",
    "자요",
    "뛰어요",
]

MARKS = tuple(".,!?;:()-_%\"'")


def pick(rng, pool, count):
    """`count` items of `pool`, repeats allowed."""
    return [pool[i] for i in rng.integers(len(pool), size=count)]


def shuffled(rng, pool):
    return [pool[i] for i in rng.permutation(len(pool))]


def random_sentence(rng, pool, count):
    """Words with capitals here and there, and a mark behind some of them."""
    words = [word.title() if rng.random() < 0.3 else word for word in pick(rng, pool, count)]
    return " ".join(word + (pick(rng, MARKS[:8], 1)[0] if rng.random() < 0.4 else "") for word in words)


def random_symbols(rng, letters, low=2, high=7):
    return (*pick(rng, letters, int(rng.integers(low, high))), "</w>")


def side_by_side(symbols):
    return list(pairwise(symbols))
