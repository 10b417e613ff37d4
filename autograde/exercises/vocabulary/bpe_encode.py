"""bpe_encode: words become pieces."""

from functools import reduce

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.vocabulary.common import KOREAN, pick, side_by_side
from autograde.exercises.vocabulary.merge_pair import first as merge_first
from autograde.exercises.vocabulary.merge_pair import with_a_stack as merge_stack
from autograde.exercises.vocabulary.merge_pair import with_for as merge_with_for
from autograde.harness.call import FunctionCall
from helpers.vocabulary import bpe_encode, merge_pair, train_bpe


def calls(rng):
    merges = [("o", "g"), ("og", "</w>"), ("d", "og</w>"), ("l", "og</w>"), ("d", "og")]
    learned = train_bpe({word: int(rng.integers(1, 9)) for word in KOREAN}, 12)
    known, unseen = pick(rng, KOREAN, 1)[0], pick(rng, ("새는", "강을", "남자는", "고양이는", "집에서"), 1)[0]
    return [
        FunctionCall(("dogs", merges), note="by hand: (o, g) first, later (d, og): dog s </w>"),
        FunctionCall(("frog", merges), note="by hand: f r og</w>, a word that was never seen"),
        FunctionCall(
            ("banana", [("a", "n"), ("an", "a"), ("b", "an")]),
            note="by hand: b an an a, then b an ana, then ban ana </w>",
        ),
        FunctionCall((known, learned)),
        FunctionCall((unseen, learned)),
        FunctionCall(
            ("abc", [("b", "c"), ("a", "b"), ("c", "</w>")]), note="(b, c) was learned first, so (a, b) finds no b"
        ),
        FunctionCall(("fog", [("g", "</w>"), ("o", "g")]), note="(g, </w>) was learned first, so (o, g) finds no g"),
        FunctionCall(
            ("abc", [("b", "c"), ("a", "bc"), ("a", "b")]), note="by hand: (b, c) first, so (a, b) finds no b"
        ),
        FunctionCall(("can't", [("'", "t"), ("n", "'t")]), note="an apostrophe is a character like others"),
        FunctionCall(("DOGs", [("o", "g"), ("D", "O")]), note="capitals are other letters"),
        FunctionCall(("cat", []), note="no merges: the characters and the end-of-word symbol"),
        FunctionCall(("a", [("a", "</w>")]), note="one letter, one merge"),
    ]


EXERCISE = Exercise(
    name="bpe_encode",
    title="words become pieces",
    points=2,
    minutes=4,
    hints=(
        "Start as in training, with the characters and `</w>`. Then do what training did: merge, one learned pair after "
        "the other.",
        "A loop over `merges`, with `merge_pair` inside and its result kept for the next round. Return a list.",
    ),
    reference=bpe_encode,
    make_calls=calls,
    forbidden=libraries.TOKENIZERS,
)


EXERCISE.wrong(
    "lower case first",
    "The word is put into lower case. Take its characters as they are: lower case is the job of `tokenize`.",
)(lambda word, merges: bpe_encode(word.lower(), merges))

EXERCISE.wrong("end symbol removed", "`</w>` is taken out of the result. It stays: it tells where a word ends.")(
    lambda word, merges: [p for p in (piece.replace("</w>", "") for piece in bpe_encode(word, merges)) if p]
)


def _encode_by(start=lambda word: (*word, "</w>"), order=lambda merges: merges, merge=merge_pair):
    """A `bpe_encode` with another start, order or merge."""

    def wrong(word, merges):
        symbols = start(word)
        for pair in order(merges):
            symbols = merge(symbols, pair)
        return list(symbols)

    return wrong


EXERCISE.wrong(
    "no end-of-word symbol",
    "The word starts without `</w>`, so merges with it never apply. Add it behind the last character.",
)(_encode_by(start=tuple))

EXERCISE.wrong(
    "end symbol on the last letter",
    "`</w>` is glued to the last letter from the start. It is a symbol of its own, until a merge joins them.",
)(_encode_by(start=lambda word: (*word[:-1], word[-1] + "</w>")))

EXERCISE.wrong(
    "end symbol taken apart", "`</w>` breaks into four characters. Cut only the word, then add `</w>` as one symbol."
)(_encode_by(start=lambda word: tuple(word + "</w>")))

EXERCISE.wrong(
    "merges in another order",
    "The merges are not applied in the order in which they were learned. Start with the first in the list: later "
    "merges build on earlier ones.",
)(_encode_by(order=lambda merges: merges[::-1]))

EXERCISE.wrong(
    "merges sorted", "The merges are applied in alphabetical order. Keep the order in which they were learned."
)(_encode_by(order=sorted))


@EXERCISE.wrong(
    "longest piece first",
    "From left to right the longest known piece is taken, as WordPiece does. Byte-pair encoding applies the merges in "
    "their order instead; the pieces can differ.",
)
def longest(word, merges):
    pieces, rest, found = {"".join(pair) for pair in merges}, word + "</w>", []
    while rest:
        ends = [end for end in range(len(rest), 0, -1) if rest[:end] in pieces or rest == "</w>"]
        length = ends[0] if ends else 1
        found.append(rest[:length])
        rest = rest[length:]
    return found


@EXERCISE.wrong(
    "the leftmost pair first",
    "The first pair of the word that was learned at all is merged, whenever it was learned. Go through `merges` in their "
    "order, and apply each everywhere in the word.",
)
def leftmost(word, merges):
    symbols, place = [*word, "</w>"], 0
    while place < len(symbols) - 1:
        if tuple(symbols[place : place + 2]) in merges:
            symbols[place : place + 2] = ["".join(symbols[place : place + 2])]
            place = 0
        else:
            place += 1
    return symbols


EXERCISE.wrong(
    "first occurrence only",
    "Only the first occurrence of a pair in the word is merged. Merge all of them: use your `merge_pair`.",
)(_encode_by(merge=merge_first))


@EXERCISE.wrong("only one merge", "The function stops after the first merge that fits. Go through all merges.")
def one_merge(word, merges):
    symbols = (*word, "</w>")
    for pair in merges:
        merged = merge_pair(symbols, pair)
        if merged != symbols:
            return list(merged)
    return list(symbols)


EXERCISE.wrong("tuple in place of a list", "The pieces are right, in a tuple. Return a list, as `tokenize` does.")(
    lambda word, merges: tuple(bpe_encode(word, merges))
)

EXERCISE.wrong("one string", "The pieces are joined with spaces into one string. Return the list of pieces.")(
    lambda word, merges: " ".join(bpe_encode(word, merges))
)


@EXERCISE.wrong(
    "each merge from the start",
    "Each merge starts from the characters again, so only the last one shows in the result. Go on from what the "
    "merge before it gave.",
)
def from_the_start(word, merges):
    symbols = (*word, "</w>")
    result = symbols
    for pair in merges:
        result = merge_pair(symbols, pair)
    return list(result)


@EXERCISE.variant
def by_rank(word, merges):
    ranks, symbols = {pair: rank for rank, pair in enumerate(merges)}, (*word, "</w>")
    while len(symbols) > 1:
        best = min(side_by_side(symbols), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        symbols = merge_pair(symbols, best)
    return list(symbols)


@EXERCISE.variant
def in_place(word, merges):
    symbols = [*word, "</w>"]
    for left, right in merges:
        place = 0
        while place + 1 < len(symbols):
            if symbols[place] == left and symbols[place + 1] == right:
                symbols[place] += symbols.pop(place + 1)
            place += 1
    return symbols


@EXERCISE.variant
def with_reduce(word, merges):
    return list(reduce(merge_with_for, merges, (*word, "</w>")))


@EXERCISE.variant
def recursively(word, merges, symbols=None):
    symbols = symbols or (*word, "</w>")
    return recursively(word, merges[1:], merge_stack(symbols, merges[0])) if merges else list(symbols)
