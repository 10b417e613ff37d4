"""tokenize: a text becomes tokens."""

import re
from itertools import groupby

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.vocabulary.common import ENGLISH, KOREAN, MARKS, pick, random_sentence
from autograde.harness.call import MAIN, FunctionCall
from helpers.vocabulary import tokenize


def calls(rng):
    pairs = zip(pick(rng, ENGLISH, 6), pick(rng, MARKS, 6))
    return [
        FunctionCall(("The dog bites the man.",), note="by hand: six tokens; the full stop is one of them"),
        FunctionCall((random_sentence(rng, ENGLISH, 7) + "!",)),
        FunctionCall((random_sentence(rng, ENGLISH, 4) + " " + random_sentence(rng, ENGLISH, 5) + "?",)),
        FunctionCall(
            ("개가 남자를 물어요!",), part="Korean", note="Korean: the words are separated by spaces here too"
        ),
        FunctionCall((random_sentence(rng, KOREAN, 6) + ".",), part="Korean"),
        FunctionCall(
            ("Don't say 'tis the dogs' bone: it isn't.",),
            part="apostrophes",
            note="an apostrophe inside a word, at its start, at its end",
        ),
        FunctionCall(
            ("'tis a rock'n'roll band, say the dogs'",),
            part="apostrophes",
            note="an apostrophe at the very start, twice in a word, at the very end",
        ),
        FunctionCall(
            ("'tis rock'4'roll, say the dogs",),
            part="apostrophes",
            note="an apostrophe at the very start, a digit between two, a letter at the very end",
        ),
        FunctionCall(
            ("Straße 12: 3.5 km, 1,000 m",), part="other marks", note="marks between digits; `ß` is a small letter"
        ),
        FunctionCall(("The man bites 2 dogs",), part="other marks", note="the text ends with a word"),
        FunctionCall(
            ("Wait... 2nd-hand snake_case, 50% off?!",), part="other marks", note="each mark is a token of its own"
        ),
        FunctionCall(
            (" a\ttab,\n\na  line  ",), part="other marks", note="spaces, a tab and line breaks are not tokens"
        ),
        FunctionCall(("“Wait”—he said…",), part="other marks", note="marks that no keyboard has"),
        FunctionCall(("".join(word + mark for word, mark in pairs),), part="other marks", note="no space at all"),
        FunctionCall(("A",), part="other marks", note="one token of one letter"),
        FunctionCall(("",), note="no token at all"),
    ]


EXERCISE = Exercise(
    name="tokenize",
    title="a text becomes tokens",
    points=3,
    minutes=9,
    hints=(
        "`re.findall(pattern, text)` lists everything that fits a pattern, from left to right. Join two alternatives "
        "with `|`: first what a word looks like, then any other single character that is not a space.",
        "A run of letters and digits is `[^\\W_]+`: what is neither a non-word character nor an underscore. After it, "
        "an apostrophe and another such run may follow, any number of times: `(?: ... )*`. The second alternative is "
        "`\\S`.",
    ),
    reference=tokenize,
    make_calls=calls,
    parts={MAIN: 0.4, "Korean": 0.2, "apostrophes": 0.2, "other marks": 0.2},
    forbidden=libraries.TOKENIZERS,
)


EXERCISE.wrong(
    "split at spaces",
    "The text is cut only at spaces, so punctuation sticks to the words: `man.` is another word than `man`. "
    "Look for the tokens themselves, for example with `re.findall`.",
)(lambda text: text.lower().split())

EXERCISE.wrong("capitals kept", "`The` and `the` come out as two different words. Start with `text.lower()`.")(
    lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*|\S", text)
)

EXERCISE.wrong(
    "punctuation dropped",
    "The words are right, the marks between them are lost. Every other character that is not a space is a token "
    "of its own: in a pattern, a second alternative.",
)(lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower()))

EXERCISE.wrong(
    "words with an apostrophe torn apart",
    "`don't` falls into three tokens. An apostrophe with a letter or digit on both sides belongs to the word.",
)(lambda text: re.findall(r"[^\W_]+|\S", text.lower()))

EXERCISE.wrong(
    "every apostrophe taken for a letter",
    "An apostrophe at the start or end of a word sticks to it, as in `dogs'`. It belongs to the word only with a "
    "letter or digit on both sides.",
)(lambda text: re.findall(r"(?:[^\W_]|')+|\S", text.lower()))

EXERCISE.wrong(
    "English letters only",
    "Korean words fall into single syllables: only English letters count as letters here. Ask `str.isalnum` what "
    "a letter is, or use `[^\\W_]` in a pattern.",
)(lambda text: re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*|\S", text.lower()))

EXERCISE.wrong(
    "Korean lost",
    "Korean words vanish: only English letters count as letters here, and nothing else takes the rest. Ask "
    "`str.isalnum` what a letter is, or use `[^\\W_]` in a pattern.",
)(lambda text: re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*|[^\w\s]|_", text.lower()))

EXERCISE.wrong(
    "underscore taken for a letter",
    "`snake_case` stays whole, as with `\\w`. The underscore is neither letter nor digit, so it is a token of its "
    "own; `[^\\W_]` is `\\w` without it.",
)(lambda text: re.findall(r"\w+(?:'\w+)*|\S", text.lower()))

EXERCISE.wrong(
    "underscore and apostrophe forgotten",
    "An underscore is taken into the word, and an apostrophe ends it: `don't` falls into three tokens. In a "
    "pattern, use `[^\\W_]`, and let an apostrophe and another run follow.",
)(lambda text: re.findall(r"\w+|\S", text.lower()))

EXERCISE.wrong(
    "apostrophe and underscore taken for letters",
    "Every apostrophe and every underscore is taken into the word. An apostrophe belongs to it only with a letter "
    "or digit on both sides, and an underscore never.",
)(lambda text: re.findall(r"[\w']+|\S", text.lower()))

EXERCISE.wrong(
    "digits taken for punctuation",
    "Numbers fall into single digits. Letters and digits form words together: `str.isalnum`, not `str.isalpha`.",
)(lambda text: re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*|\S", text.lower()))

EXERCISE.wrong(
    "punctuation in runs",
    "Several marks in a row come out as one token, such as `...`. Each is a token of its own: in a pattern, "
    "without a `+`.",
)(lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*|(?:[^\w\s]|_)+", text.lower()))

EXERCISE.wrong(
    "spaces as tokens",
    "Spaces come out as tokens. Leave them out: `\\S` in a pattern is any character that is not a space.",
)(lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*|.", text.lower(), re.DOTALL))

EXERCISE.wrong(
    "single characters",
    "Every character is a token of its own. Put neighbouring letters and digits into one token.",
)(lambda text: [character for character in text.lower() if not character.isspace()])


EXERCISE.wrong(
    "apostrophe at the end of a word kept",
    "An apostrophe after a word stays on it, as in `dogs'`. It belongs to the word only with a letter or digit on "
    "both sides.",
)(lambda text: re.findall(r"[^\W_]+'?[^\W_]*|\S", text.lower()))

EXERCISE.wrong(
    "one apostrophe in a word at most",
    "A second apostrophe cuts the word, as in `rock'n'roll`. Let an apostrophe and more letters follow any number of "
    "times: `(?:...)*`.",
)(lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)?|\S", text.lower()))


@EXERCISE.wrong(
    "ß becomes ss",
    "`ß` has become `ss`, as with `casefold`. Small letters stay as they are with `text.lower()`.",
)
def casefolded(text):
    return tokenize(text.casefold())


@EXERCISE.wrong(
    "last word lost",
    "A word goes into the list only when another character follows, so the last one is lost where a text ends with it: add "
    "what is left after the loop. An apostrophe belongs to a word only with a letter or digit on both sides.",
)
def last_word_lost(text):
    tokens, word = [], ""
    for character in text.lower():
        if character.isalnum() or character == "'":
            word += character
            continue
        tokens += [word] * bool(word) + [character] * (not character.isspace())
        word = ""
    return tokens


@EXERCISE.wrong(
    "marks in runs, underscores lost",
    "Several marks in a row come out as one token, such as `...`, and underscores are lost. Each character that is neither "
    "in a word nor a space is a token of its own: `\\S`.",
)
def runs_of_marks(text):
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]+", text.lower())


@EXERCISE.variant
def by_hand(text):
    text, tokens, start = text.lower(), [], 0
    while start < len(text):
        end = start + 1
        if text[start].isalnum():
            while end < len(text) and (text[end].isalnum() or (text[end] == "'" and text[end + 1 : end + 2].isalnum())):
                end += 1
        if not text[start].isspace():
            tokens.append(text[start:end])
        start = end
    return tokens


@EXERCISE.variant
def by_spacing(text):
    spaced = re.sub(r"([^\w\s']|_)", r" \1 ", text.lower())
    spaced = re.sub(r"(?<![^\W_])'|'(?![^\W_])", " ' ", spaced)
    return spaced.split()


@EXERCISE.variant
def in_groups(text):
    text = text.lower()

    def kind(index):
        if text[index].isalnum():
            return "word"
        inside = text[index] == "'" and text[index - 1 : index].isalnum() and text[index + 1 : index + 2].isalnum()
        return "word" if inside else index

    groups = ["".join(text[i] for i in group) for _, group in groupby(range(len(text)), kind)]
    return [group for group in groups if not group.isspace()]


@EXERCISE.variant
def with_finditer(text):
    pattern = re.compile(r"(?P<word>[^\W_]+(?:'(?=[^\W_])[^\W_]+)*)|(?P<space>\s+)|(?P<mark>.)")
    return [match.group() for match in pattern.finditer(text.lower()) if match.lastgroup != "space"]
