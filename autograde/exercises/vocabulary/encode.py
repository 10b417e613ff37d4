"""encode: tokens become indices."""

from autograde.exercise import Exercise
from autograde.exercises.vocabulary.common import ENGLISH, KOREAN, pick, shuffled
from autograde.harness.call import MAIN, FunctionCall
from helpers.vocabulary import encode


def _numbered(words):
    return {word: index for index, word in enumerate(words)}


def calls(rng):
    running = _numbered(["<pad>", "<bos>", "<eos>", "<unk>", "the", "dog", "bites", "man", "cat", "sleeps"])
    english, korean = shuffled(rng, ENGLISH), shuffled(rng, KOREAN)
    at_the_end = _numbered([*korean[:6], "<unk>"])
    plain, stranger = _numbered(english[:8]), pick(rng, ("unicorn", "volcano", "violin"), 1)[0]
    return [
        FunctionCall(
            (["the", "dog", "bites", "the", "man"], running), note="by hand: 4 5 6 4 7, one number for each token"
        ),
        FunctionCall((pick(rng, english[:9], 12), _numbered(["<pad>", "<unk>", *english[:9]]))),
        FunctionCall((["the", "bird", "sleeps"], running), part="unknown words", note='"bird" is not in the index'),
        FunctionCall(
            ([korean[0], korean[7], korean[3], korean[8], korean[0]], at_the_end),
            part="unknown words",
            note="here `<unk>` is the last word of the index, and the first word has the index 0",
        ),
        FunctionCall(
            (pick(rng, english, 15), _numbered([*english[:5], "<unk>", *english[5:9]])),
            part="unknown words",
            note="here `<unk>` has the index 5",
        ),
        FunctionCall(
            (["The", "bird", "the"], _numbered(["<unk>", "the", "dog"])),
            part="unknown words",
            note="here `<unk>` has the index 0, and a word with a capital is another word",
        ),
        FunctionCall(
            (pick(rng, english[:8], 6), plain), part="without <unk>", note="every word known, no `<unk>` in the index"
        ),
        FunctionCall(
            ([english[1], english[0], stranger, english[2]], plain),
            part="without <unk>",
            note="a word that is unknown, and no `<unk>` in the index",
            mentions=(stranger,),
        ),
        FunctionCall(
            (["the", "dog", ",", "the", "."], _numbered(["the", ",", "dog", "."])), note="marks are tokens like words"
        ),
        FunctionCall((["man"], running), note="one token"),
        FunctionCall(([], running), note="no token at all"),
        FunctionCall(
            (["bird"], {"<unk>": 0}), part="unknown words", note="one token, and `<unk>` is all that the index holds"
        ),
    ]


EXERCISE = Exercise(
    name="encode",
    title="tokens become indices",
    points=2,
    minutes=6,
    hints=(
        "There are three cases for a token: it is in the index; it is not, but `<unk>` is; neither is.",
        "A loop with `if`, `elif`, `else`: append the token's index, append the index of `<unk>`, or "
        "`raise KeyError(...)` with the token.",
    ),
    reference=encode,
    make_calls=calls,
    parts={MAIN: 0.5, "unknown words": 0.3, "without <unk>": 0.2},
)


EXERCISE.wrong(
    "unknown words left out",
    "Words that the index does not know are left out, so the list is shorter than the sentence. Each token gives "
    "one number; an unknown one gives the index of `<unk>`.",
)(lambda tokens, word_to_index: [word_to_index[token] for token in tokens if token in word_to_index])

EXERCISE.wrong(
    "unknown words become 0",
    "Unknown words get the index 0, which belongs to another token. Look up the index of `<unk>`.",
)(lambda tokens, word_to_index: [word_to_index.get(token, 0) for token in tokens])

EXERCISE.wrong(
    "unknown words become None",
    "An unknown word becomes `None`, as from `get` without a second argument. Look up the index of `<unk>` there, "
    "and raise `KeyError` where the index has no `<unk>`.",
)(lambda tokens, word_to_index: [word_to_index.get(token) for token in tokens])

EXERCISE.wrong(
    "no <unk>",
    "An unknown word raises `KeyError` although the index has `<unk>`. Ask first whether the word is in the index.",
)(lambda tokens, word_to_index: [word_to_index[token] for token in tokens])

EXERCISE.wrong(
    "<unk> looked up in every case",
    "`<unk>` is looked up even when every word is known, and its own absence is reported instead of the word's. "
    "Look it up only for an unknown word, and raise `KeyError(word)` where there is none.",
)(lambda tokens, word_to_index: [word_to_index.get(token, word_to_index["<unk>"]) for token in tokens])

EXERCISE.wrong(
    "<unk> at a fixed place", "Unknown words always get the index 3. Read the index of `<unk>` from `word_to_index`."
)(lambda tokens, word_to_index: [word_to_index.get(token, 3) for token in tokens])

EXERCISE.wrong(
    "None where there is no <unk>",
    "Without `<unk>` in the index, an unknown word silently becomes `None`. Raise `KeyError` with the word.",
)(lambda tokens, word_to_index: [word_to_index.get(token, word_to_index.get("<unk>")) for token in tokens])

EXERCISE.wrong(
    "index 0 taken for unknown",
    "The word with the index 0 is treated as unknown, as `or` and `if` take 0 for nothing. Ask with `in` whether "
    "the word is in the index.",
)(lambda tokens, word_to_index: [word_to_index.get(token) or word_to_index["<unk>"] for token in tokens])

EXERCISE.wrong(
    "a new index for unknown words",
    "Unknown words get an index behind the last one, for which no table has a row. Look up the index of `<unk>`.",
)(lambda tokens, word_to_index: [word_to_index.get(token, len(word_to_index)) for token in tokens])


@EXERCISE.wrong(
    "the index grows",
    "Unknown words are added to `word_to_index`, the caller's dictionary. The vocabulary is fixed by now: an "
    "unknown word becomes the index of `<unk>`.",
)
def grows(tokens, word_to_index):
    return [word_to_index.setdefault(token, len(word_to_index)) for token in tokens]


EXERCISE.wrong(
    "each word once",
    "A word that occurs twice in the sentence is encoded once. A sentence keeps its repeated words; only the "
    "vocabulary holds each word once.",
)(lambda tokens, word_to_index: encode(list(dict.fromkeys(tokens)), word_to_index))


@EXERCISE.wrong(
    "a KeyError that does not name the word",
    "The `KeyError` is right, but its message does not contain the unknown word. Write `raise KeyError(token)`.",
)
def nameless(tokens, word_to_index):
    try:
        return encode(tokens, word_to_index)
    except KeyError:
        raise KeyError("there is a word that has no index") from None


@EXERCISE.wrong(
    "0 taken for nothing",
    "A word with the index 0 is treated as unknown, because 0 counts as false in `or` and `if`. Ask `in`, or `is None`.",
)
def zero_is_unknown(tokens, word_to_index):
    indices = []
    for token in tokens:
        index = word_to_index.get(token) or word_to_index.get("<unk>")
        if index is None:
            raise KeyError(token)
        indices.append(index)
    return indices


@EXERCISE.variant
def with_map(tokens, word_to_index):
    missing = [token for token in tokens if token not in word_to_index]
    if missing and "<unk>" not in word_to_index:
        raise KeyError(f"no index for {missing[0]!r}")
    known = [token if token in word_to_index else "<unk>" for token in tokens]
    return list(map(word_to_index.__getitem__, known))


@EXERCISE.variant
def with_try(tokens, word_to_index):
    indices = []
    for token in tokens:
        try:
            indices.append(word_to_index[token])
        except KeyError:
            if "<unk>" not in word_to_index:
                raise
            indices.append(word_to_index["<unk>"])
    return indices


class _Missing(dict):
    def __missing__(self, word):
        if "<unk>" in self:
            return self["<unk>"]
        raise KeyError(word)


@EXERCISE.variant
def missing(tokens, word_to_index):
    table = _Missing(word_to_index)
    return [table[token] for token in tokens]


@EXERCISE.variant
def choose(tokens, word_to_index):
    unknown = "<unk>" in word_to_index
    return [word_to_index["<unk>" if unknown and token not in word_to_index else token] for token in tokens]
