"""Lesson 1: vocabulary and encoding."""

from __future__ import annotations

from autograde.exercise import MAIN, Call, Exercise
from autograde.exercises.libraries import TOKENIZERS
from autograde.exercises.mistakes import byte_pairs
from autograde.exercises.mistakes import vocabulary as mistakes
from helpers import vocabulary as reference
from helpers.example import SENTENCES, TRANSLATIONS

LESSON = "01_vocabulary"

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


def _pick(rng, pool, count):
    """`count` items of `pool`, repeats allowed."""
    return [pool[i] for i in rng.integers(len(pool), size=count)]


def _shuffled(rng, pool):
    return [pool[i] for i in rng.permutation(len(pool))]


# --- tokenize -------------------------------------------------------------------------------------------------------


def _sentence(rng, pool, count):
    """Words with capitals here and there, and a mark behind some of them."""
    words = [word.title() if rng.random() < 0.3 else word for word in _pick(rng, pool, count)]
    return " ".join(word + (_pick(rng, MARKS[:8], 1)[0] if rng.random() < 0.4 else "") for word in words)


def _tokenize_calls(rng):
    pairs = zip(_pick(rng, ENGLISH, 6), _pick(rng, MARKS, 6))
    return [
        Call(("The dog bites the man.",), note="by hand: six tokens; the full stop is one of them"),
        Call((_sentence(rng, ENGLISH, 7) + "!",)),
        Call((_sentence(rng, ENGLISH, 4) + " " + _sentence(rng, ENGLISH, 5) + "?",)),
        Call(("개가 남자를 물어요!",), part="Korean", note="Korean: the words are separated by spaces here too"),
        Call((_sentence(rng, KOREAN, 6) + ".",), part="Korean"),
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
    once = _shuffled(rng, ENGLISH)
    return [
        Call(
            (["the", "dog", "bites", "the", "man", "the", "cat", "bites"],),
            note='by hand: 8 tokens, 5 unique ones, "the" and "bites" repeated',
        ),
        Call(([*once[:4], once[2], once[0], once[5], once[2]],)),
        Call((_pick(rng, ENGLISH, 40),)),
        Call((_pick(rng, KOREAN, 23),)),
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

# --- build_index ----------------------------------------------------------------------------------------------------


def _build_index_calls(rng):
    return [
        Call((["the", "dog", "bites", "man"],), note="by hand: the 0, dog 1, bites 2, man 3"),
        Call((_shuffled(rng, ENGLISH)[:7],)),
        Call((_shuffled(rng, KOREAN),)),
        Call(
            (["<pad>", "<unk>", *_shuffled(rng, KOREAN)[:5]],), note="special tokens in the list are words like others"
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
    several=True,
)

# --- encode ---------------------------------------------------------------------------------------------------------


def _numbered(words):
    return {word: index for index, word in enumerate(words)}


def _encode_calls(rng):
    running = _numbered(["<pad>", "<bos>", "<eos>", "<unk>", "the", "dog", "bites", "man", "cat", "sleeps"])
    english, korean = _shuffled(rng, ENGLISH), _shuffled(rng, KOREAN)
    at_the_end = _numbered([*korean[:6], "<unk>"])
    plain, stranger = _numbered(english[:8]), _pick(rng, ("unicorn", "volcano", "violin"), 1)[0]
    return [
        Call((["the", "dog", "bites", "the", "man"], running), note="by hand: 4 5 6 4 7, one number for each token"),
        Call((_pick(rng, english[:9], 12), _numbered(["<pad>", "<unk>", *english[:9]]))),
        Call((["the", "bird", "sleeps"], running), part="unknown words", note='"bird" is not in the index'),
        Call(
            ([korean[0], korean[7], korean[3], korean[8], korean[0]], at_the_end),
            part="unknown words",
            note="here `<unk>` is the last word of the index, and the first word has the index 0",
        ),
        Call(
            (_pick(rng, english, 15), _numbered([*english[:5], "<unk>", *english[5:9]])),
            part="unknown words",
            note="here `<unk>` has the index 5",
        ),
        Call(
            (_pick(rng, english[:8], 6), plain), part="without <unk>", note="every word known, no `<unk>` in the index"
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
    english, korean = dict(enumerate(_shuffled(rng, ENGLISH)[:9])), dict(enumerate(_shuffled(rng, KOREAN)))
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

# --- Vocabulary -----------------------------------------------------------------------------------------------------

# "so" occurs three times in one sentence, "day" in two; both tie with the comma
REPEATED = ("So, so, so good!", "What a good day", "A day, a night: a DAY.", "night and what?")


def _texts(rng, pool, count):
    return tuple(_sentence(rng, pool, int(rng.integers(4, 9))) for _ in range(count))


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

# --- pad_batch ------------------------------------------------------------------------------------------------------


def _sequences(rng, lengths, low, high):
    return [[int(i) for i in rng.integers(low, high, size=length)] for length in lengths]


def _pad_batch_calls(rng):
    return [
        Call(([[4, 5, 6, 4, 7], [4, 8, 9]],), note="by hand: 2 rows of 5; the second ends with two zeros"),
        Call((_sequences(rng, _shuffled(rng, [2, 3, 5, 7]), 1, 30),)),
        Call((_sequences(rng, [3, 1, 6], 4, 99),)),
        Call((_sequences(rng, [4], 1, 9),), note="one sequence alone: nothing to fill up"),
        Call(
            ([[0, 3, 1], [2, 0, 0, 5, 1]],),
            {"pad": 9},
            part="other padding",
            note="padding is 9 here, and 0 is a token like others",
        ),
        Call((_sequences(rng, _shuffled(rng, [1, 4, 6]), 0, 50),), {"pad": 77}, part="other padding"),
    ]


PAD_BATCH = Exercise(
    name="pad_batch",
    lesson=LESSON,
    title="one tensor for many sentences",
    points=3,
    minutes=7,
    hints=(
        "How long is the longest sequence? Each row is a sequence followed by as many `pad` as it is shorter. The mask is "
        "True where a token is, and no token equals `pad`.",
        "`[pad] * n` is a list of n times `pad`. Build the list of filled-up rows, give it to `torch.tensor` with "
        "`dtype=torch.int64`, and compare the tensor with `pad` for the mask.",
    ),
    reference=reference.pad_batch,
    make_calls=_pad_batch_calls,
    parts={MAIN: 0.7, "other padding": 0.3},
    misconceptions=mistakes.PAD_BATCH,
    variants=mistakes.PAD_BATCH_RIGHT,
    several=True,
)

# --- count_pairs ----------------------------------------------------------------------------------------------------


def _symbols(rng, letters, low=2, high=7):
    return (*_pick(rng, letters, int(rng.integers(low, high))), "</w>")


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
    misconceptions=byte_pairs.COUNT_PAIRS,
    variants=byte_pairs.COUNT_PAIRS_RIGHT,
)

# --- merge_pair -----------------------------------------------------------------------------------------------------


def _merge_pair_calls(rng):
    letters = _pick(rng, (("a", "b"), ("n", "a"), ("개", "가"), ("이", "를")), 1)[0]
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
    misconceptions=byte_pairs.MERGE_PAIR,
    variants=byte_pairs.MERGE_PAIR_RIGHT,
)

# --- train_bpe ------------------------------------------------------------------------------------------------------


def _word_counts(rng, letters, count, most):
    words = {"".join(_pick(rng, letters, int(rng.integers(1, 6)))): int(rng.integers(1, most)) for _ in range(count)}
    return words


def _without_ties(rng, letters, count, num_merges):
    """Words whose training never has to choose between equally frequent pairs."""
    while True:
        words = _word_counts(rng, letters, count, 900)
        first, largest = byte_pairs.train_first_tie, byte_pairs.train_largest_tie
        if reference.train_bpe(words, num_merges) == first(words, num_merges) == largest(words, num_merges):
            return words


def _train_bpe_calls(rng):
    return [
        Call(
            ({"dog": 5, "dogs": 2, "log": 3}, 3), note="by hand: og first (10 times), then og</w> (8), then dog</w> (5)"
        ),
        Call((_without_ties(rng, ("a", "b", "n", "d"), 7, 5), 5)),
        Call((_without_ties(rng, ("개", "가", "를", "새"), 6, 4), 4)),
        Call(({"banana": 3, "ban": 1}, 4), part="ties", note="a tie at the start: an and na, 6 times each"),
        Call(({"ca": 1, "abx": 1, "ab": 1, "bca": 1, "aab": 1}, 6), part="ties", note="ties go to the smallest pair"),
        Call(({"ab": 5, "abc": 2, "az": 2}, 5), part="ties", note='("a", "z") is smaller than ("ab", "c")'),
        Call((_word_counts(rng, ("a", "b", "c"), 7, 4), 8), part="ties"),
        Call(({"개가": 3, "개를": 2, "고양이가": 2, "고양이를": 1}, 6), part="ties"),
        Call(({"a": 2, "b": 1}, 20), part="no pair left", note="after two merges every word is one symbol"),
    ]


TRAIN_BPE = Exercise(
    name="train_bpe",
    lesson=LESSON,
    title="learn the merges",
    points=4,
    minutes=10,
    hints=(
        "Start with each word as the tuple of its characters and `</w>`. Then repeat: count the pairs, choose one, merge it "
        "in all words, note it. Two of these steps you have written already.",
        "`min(pairs, key=...)` with a key that is the tuple of minus the count and the pair itself: the highest count wins, "
        "and among equals the smallest pair. Leave the loop with `break` when `pairs` is empty. A dictionary comprehension "
        "merges all words and keeps their counts.",
    ),
    reference=reference.train_bpe,
    forbidden=TOKENIZERS,
    make_calls=_train_bpe_calls,
    parts={MAIN: 0.6, "ties": 0.25, "no pair left": 0.15},
    misconceptions=byte_pairs.TRAIN_BPE,
    variants=byte_pairs.TRAIN_BPE_RIGHT,
)

# --- bpe_encode -----------------------------------------------------------------------------------------------------


def _bpe_encode_calls(rng):
    merges = [("o", "g"), ("og", "</w>"), ("d", "og</w>"), ("l", "og</w>"), ("d", "og")]
    learned = reference.train_bpe({word: int(rng.integers(1, 9)) for word in KOREAN}, 12)
    known, unseen = _pick(rng, KOREAN, 1)[0], _pick(rng, ("새는", "강을", "남자는", "고양이는", "집에서"), 1)[0]
    return [
        Call(("dogs", merges), note="by hand: (o, g) first, later (d, og): dog s </w>"),
        Call(("frog", merges), note="by hand: f r og</w>, a word that was never seen"),
        Call(
            ("banana", [("a", "n"), ("an", "a"), ("b", "an")]),
            note="by hand: b an an a, then b an ana, then ban ana </w>",
        ),
        Call((known, learned)),
        Call((unseen, learned)),
        Call(("abc", [("b", "c"), ("a", "b"), ("c", "</w>")]), note="(b, c) was learned first, so (a, b) finds no b"),
        Call(("fog", [("g", "</w>"), ("o", "g")]), note="(g, </w>) was learned first, so (o, g) finds no g"),
        Call(("cat", []), note="no merges: the characters and the end-of-word symbol"),
    ]


BPE_ENCODE = Exercise(
    name="bpe_encode",
    lesson=LESSON,
    title="words become pieces",
    points=2,
    minutes=4,
    hints=(
        "Start as in training, with the characters and `</w>`. Then do what training did: merge, one learned pair after "
        "the other.",
        "A loop over `merges`, with `merge_pair` inside and its result kept for the next round. Return a list.",
    ),
    reference=reference.bpe_encode,
    forbidden=TOKENIZERS,
    make_calls=_bpe_encode_calls,
    misconceptions=byte_pairs.BPE_ENCODE,
    variants=byte_pairs.BPE_ENCODE_RIGHT,
)

EXERCISES = (
    TOKENIZE,
    BUILD_VOCABULARY,
    BUILD_INDEX,
    ENCODE,
    DECODE,
    VOCABULARY,
    PAD_BATCH,
    COUNT_PAIRS,
    MERGE_PAIR,
    TRAIN_BPE,
    BPE_ENCODE,
)
