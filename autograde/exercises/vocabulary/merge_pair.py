"""merge_pair: two symbols become one."""

import re
from itertools import zip_longest

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.vocabulary.common import pick, random_symbols
from autograde.harness.call import MAIN, FunctionCall
from helpers.vocabulary import merge_pair


def calls(rng):
    letters = pick(rng, (("a", "b"), ("n", "a"), ("개", "가"), ("이", "를")), 1)[0]
    random = random_symbols(rng, (*letters, "c"), 9, 14)
    return [
        FunctionCall((("d", "o", "g", "s", "</w>"), ("o", "g")), note="by hand: d og s </w>"),
        FunctionCall((("b", "a", "n", "a", "n", "a", "</w>"), ("a", "n")), note="by hand: two places, b an an a </w>"),
        FunctionCall(((*random[:3], *letters, *random[3:]), letters)),
        FunctionCall((("고", "양", "이", "가", "</w>"), ("가", "</w>")), note="the pair is at the end"),
        FunctionCall((("a", "b", "c", "</w>"), ("b", "a")), note="the pair does not occur: nothing changes"),
        FunctionCall(
            (("a", "a", "a", "b", "a", "a", "a", "a", "a"), ("a", "a")),
            part="runs",
            note="by hand: from left to right, aa a b aa aa a",
        ),
        FunctionCall(
            (("ab", "c", "b", "c", "b", "ca", "b", "c"), ("b", "c")),
            part="longer symbols",
            note="by hand: ab and c are not the pair (b, c); ab c bc b ca bc",
        ),
        FunctionCall(
            (("ab", "c", "a", "bc", "abc"), ("a", "bc")),
            part="longer symbols",
            note="by hand: ab and c are not the pair (a, bc); ab c abc abc",
        ),
        FunctionCall((("O", "g", "o", "g", "O"), ("O", "g")), note="capitals are other symbols"),
        FunctionCall((("o", "g"), ("o", "g")), note="nothing but the pair: one symbol is left"),
        FunctionCall((("dog</w>",), ("o", "g")), note="one symbol"),
    ]


EXERCISE = Exercise(
    name="merge_pair",
    title="two symbols become one",
    points=3,
    minutes=8,
    hints=(
        "Walk through the symbols with a position that you move yourself. Where the pair starts, take both symbols "
        "at once and move on by two places; elsewhere take one and move on by one.",
        "A `while` loop up to `len(symbols)`. `symbols[position : position + 2]` is a tuple of two symbols (of one at the "
        "end): compare it with `pair`. Append to a list, return `tuple(...)`.",
    ),
    reference=merge_pair,
    make_calls=calls,
    parts={MAIN: 0.6, "runs": 0.2, "longer symbols": 0.2},
    forbidden=libraries.TOKENIZERS,
)


@EXERCISE.wrong(
    "first occurrence only", "One occurrence is merged and the rest are left. Go on after it, to the end of the word."
)
def first(symbols, pair):
    for place in range(len(symbols) - 1):
        if symbols[place : place + 2] == pair:
            return (*symbols[:place], pair[0] + pair[1], *symbols[place + 2 :])
    return symbols


@EXERCISE.wrong(
    "from right to left",
    "In a run of equal symbols the pairs are taken from the right. Go from left to right: `a a a` becomes `aa a`.",
)
def from_the_right(symbols, pair):
    return merge_pair(symbols[::-1], pair[::-1])[::-1] if pair[0] == pair[1] else merge_pair(symbols, pair)


@EXERCISE.wrong(
    "symbols used twice", "After a merge the second symbol is used once more. Move on by two places, not one."
)
def overlapping(symbols, pair):
    merged, place = [], 0
    while place < len(symbols):
        same = symbols[place : place + 2] == pair
        merged.append(pair[0] + pair[1] if same else symbols[place])
        place += 1
    return tuple(merged)


@EXERCISE.wrong(
    "text replaced",
    "A pair is found in the middle of longer symbols too, as where they are joined to a text and replaced there. "
    "Compare whole symbols.",
)
def text(symbols, pair):
    return tuple(" ".join(symbols).replace(" ".join(pair), "".join(pair)).split(" "))


@EXERCISE.wrong(
    "either order merged",
    "The pair is merged in reverse order too. `(a, b)` and `(b, a)` are two pairs: merge the one that is given.",
)
def either_order(symbols, pair):
    merged, place = [], 0
    while place < len(symbols):
        two = symbols[place : place + 2]
        if two in (pair, pair[::-1]):
            merged.append("".join(two))
            place += 2
        else:
            merged.append(symbols[place])
            place += 1
    return tuple(merged)


@EXERCISE.wrong(
    "last symbol lost",
    "The last symbol is lost when it does not belong to a pair. Let the loop go on to the end of the tuple.",
)
def loses_the_last(symbols, pair):
    merged, place = [], 0
    while place < len(symbols) - 1:
        same = symbols[place : place + 2] == pair
        merged.append(pair[0] + pair[1] if same else symbols[place])
        place += 2 if same else 1
    return tuple(merged)


@EXERCISE.wrong(
    "index past the end",
    "`symbols[place + 1]` does not exist at the last symbol. Ask first whether there is a next one, or compare "
    "`symbols[place : place + 2]` with the pair: a slice never raises.",
)
def past_the_end(symbols, pair):
    merged, place = [], 0
    while place < len(symbols):
        same = symbols[place] == pair[0] and symbols[place + 1] == pair[1]
        merged.append(pair[0] + pair[1] if same else symbols[place])
        place += 2 if same else 1
    return tuple(merged)


EXERCISE.wrong(
    "list in place of a tuple",
    "The symbols are right, but they are in a list. Return a tuple: unlike a list, it can be the key of a dictionary.",
)(lambda symbols, pair: list(merge_pair(symbols, pair)))


@EXERCISE.wrong(
    "pair kept as a tuple",
    "The pair itself is put into the word. Put its concatenation there, one string: `pair[0] + pair[1]`.",
)
def to_a_pair(symbols, pair):
    joined = pair[0] + pair[1]
    return tuple(pair if symbol == joined else symbol for symbol in merge_pair(symbols, pair))


@EXERCISE.wrong(
    "joined texts compared",
    "Two neighbours are merged when their letters together are those of the pair: `ab`, `c` for the pair `a`, `bc`. "
    "Compare symbol by symbol.",
)
def joined_texts(symbols, pair):
    merged, place = [], 0
    while place < len(symbols):
        if "".join(symbols[place : place + 2]) == "".join(pair) and place + 1 < len(symbols):
            merged.append("".join(pair))
            place += 2
        else:
            merged.append(symbols[place])
            place += 1
    return tuple(merged)


EXERCISE.wrong(
    "nothing merged",
    "The result is the word as it was. Perhaps the comparison is never true: a slice of a list, for example, "
    "never equals a tuple.",
)(lambda symbols, pair: tuple(symbols))


@EXERCISE.variant
def with_for(symbols, pair):
    merged, skip = [], False
    for here, after in zip_longest(symbols, symbols[1:]):
        if skip:
            skip = False
        elif (here, after) == pair:
            merged.append(here + after)
            skip = True
        else:
            merged.append(here)
    return tuple(merged)


@EXERCISE.variant
def recursively(symbols, pair):
    if len(symbols) < 2:
        return symbols
    if symbols[:2] == pair:
        return ("".join(pair), *recursively(symbols[2:], pair))
    return (symbols[0], *recursively(symbols[1:], pair))


@EXERCISE.variant
def with_a_pattern(symbols, pair):
    pattern = r"(?<!\S)" + re.escape(" ".join(pair)) + r"(?!\S)"
    return tuple(re.sub(pattern, lambda _: "".join(pair), " ".join(symbols)).split())


@EXERCISE.variant
def with_a_stack(symbols, pair):
    stack, fresh = [], False
    for symbol in symbols:
        if stack and fresh and (stack[-1], symbol) == pair:
            stack[-1] += symbol
            fresh = False
        else:
            stack.append(symbol)
            fresh = True
    return tuple(stack)


@EXERCISE.variant
def in_a_copy(symbols, pair):
    symbols, place = list(symbols), 0
    while place < len(symbols) - 1:
        if symbols[place : place + 2] == list(pair):
            symbols[place : place + 2] = ["".join(pair)]
        place += 1
    return tuple(symbols)
