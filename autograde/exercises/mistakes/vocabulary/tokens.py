"""Lesson 1, tokens: the mistakes that are named, and right answers written differently."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby

from autograde.exercise import Misconception

# --- tokenize -------------------------------------------------------------------------------------------------------


TOKENIZE = (
    Misconception(
        "split at spaces",
        lambda text: text.lower().split(),
        "The text is cut at spaces alone, so punctuation sticks to the words: `man.` is another word than `man`. "
        "Look for the tokens themselves, for example with `re.findall`.",
    ),
    Misconception(
        "capitals kept",
        lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*|\S", text),
        "`The` and `the` come out as two different words. Start with `text.lower()`.",
    ),
    Misconception(
        "punctuation dropped",
        lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower()),
        "The words are right, the marks between them are lost. Every other character that is not a space is a token of "
        "its own: give the pattern a second alternative.",
    ),
    Misconception(
        "words with an apostrophe torn apart",
        lambda text: re.findall(r"[^\W_]+|\S", text.lower()),
        "`don't` falls into three tokens. An apostrophe with a letter or digit on both sides belongs to the word.",
    ),
    Misconception(
        "every apostrophe taken for a letter",
        lambda text: re.findall(r"(?:[^\W_]|')+|\S", text.lower()),
        "An apostrophe at the start or end of a word sticks to it, as in `dogs'`. It belongs to the word only with a "
        "letter or digit on both sides.",
    ),
    Misconception(
        "English letters only",
        lambda text: re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*|\S", text.lower()),
        "Korean words fall into single syllables: the pattern knows `a` to `z` alone. Ask `str.isalnum` what a letter "
        "is, or use `[^\\W_]` in a pattern.",
    ),
    Misconception(
        "Korean lost",
        lambda text: re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*|[^\w\s]|_", text.lower()),
        "Korean words vanish: the pattern knows `a` to `z` alone, and nothing else takes the rest. Ask `str.isalnum` "
        "what a letter is, or use `[^\\W_]` in a pattern.",
    ),
    Misconception(
        "underscore taken for a letter",
        lambda text: re.findall(r"\w+(?:'\w+)*|\S", text.lower()),
        "`snake_case` stays whole: `\\w` takes the underscore too. It is neither letter nor digit, so it is a token of "
        "its own; `[^\\W_]` is `\\w` without it.",
    ),
    Misconception(
        "underscore and apostrophe forgotten",
        lambda text: re.findall(r"\w+|\S", text.lower()),
        "`\\w+` differs from a word in two ways: it takes the underscore too, and it ends at an apostrophe, so that `don't` "
        "falls into three tokens. Use `[^\\W_]`, and let an apostrophe and another run follow.",
    ),
    Misconception(
        "apostrophe and underscore taken for letters",
        lambda text: re.findall(r"[\w']+|\S", text.lower()),
        "`[\\w']+` takes every apostrophe and every underscore into the word. An apostrophe belongs to it only with a letter "
        "or digit on both sides, and an underscore never.",
    ),
    Misconception(
        "digits taken for punctuation",
        lambda text: re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*|\S", text.lower()),
        "Numbers fall into single digits. Letters and digits form words together: `str.isalnum`, not `str.isalpha`.",
    ),
    Misconception(
        "punctuation in runs",
        lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*|(?:[^\w\s]|_)+", text.lower()),
        "Several marks in a row come out as one token, as `...`. Each is a token of its own: no `+` in that alternative.",
    ),
    Misconception(
        "spaces as tokens",
        lambda text: re.findall(r"[^\W_]+(?:'[^\W_]+)*|.", text.lower(), re.DOTALL),
        "Spaces come out as tokens. Leave them out: `\\S` in a pattern is any character that is not a space.",
    ),
    Misconception(
        "single characters",
        lambda text: [character for character in text.lower() if not character.isspace()],
        "Every character is a token of its own. Put letters and digits that stand side by side into one token.",
    ),
)


def _tokenize_by_hand(text):
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


def _tokenize_by_spacing(text):
    spaced = re.sub(r"([^\w\s']|_)", r" \1 ", text.lower())
    spaced = re.sub(r"(?<![^\W_])'|'(?![^\W_])", " ' ", spaced)
    return spaced.split()


def _tokenize_in_groups(text):
    text = text.lower()

    def kind(index):
        if text[index].isalnum():
            return "word"
        inside = text[index] == "'" and text[index - 1 : index].isalnum() and text[index + 1 : index + 2].isalnum()
        return "word" if inside else index

    groups = ["".join(text[i] for i in group) for _, group in groupby(range(len(text)), kind)]
    return [group for group in groups if not group.isspace()]


def _tokenize_with_finditer(text):
    pattern = re.compile(r"(?P<word>[^\W_]+(?:'(?=[^\W_])[^\W_]+)*)|(?P<space>\s+)|(?P<mark>.)")
    return [match.group() for match in pattern.finditer(text.lower()) if match.lastgroup != "space"]


TOKENIZE_RIGHT = (_tokenize_by_hand, _tokenize_by_spacing, _tokenize_in_groups, _tokenize_with_finditer)

# --- build_vocabulary -----------------------------------------------------------------------------------------------


BUILD_VOCABULARY = (
    Misconception(
        "alphabetical order",
        lambda tokens: sorted(dict.fromkeys(tokens)),
        "The words are sorted. Keep the order in which they first appear: a dictionary remembers it, a set does not.",
    ),
    Misconception(
        "repeated words kept",
        lambda tokens: list(tokens),
        "Words that occur twice are in the list twice. Take a word only when it is not there yet.",
    ),
    Misconception(
        "by falling count",
        lambda tokens: [word for word, _ in Counter(tokens).most_common()],
        "The most frequent words come first. Here the order is that of first appearance, whatever the counts.",
    ),
    Misconception(
        "order of last appearance",
        lambda tokens: list(dict.fromkeys(reversed(tokens)))[::-1],
        "A repeated word has the place of its last appearance. Its first one counts: do not move a word already there.",
    ),
    Misconception(
        "words that occur once",
        lambda tokens: [word for word, count in Counter(tokens).items() if count == 1],
        "Words that occur several times are missing. Unique means that each word is in the list once.",
    ),
    Misconception(
        "neighbouring repeats only",
        lambda tokens: [word for word, _ in groupby(tokens)],
        "Only repeats side by side are removed. Compare each token with all words that are already in the list.",
    ),
    Misconception(
        "the size instead of the words",
        lambda tokens: len(dict.fromkeys(tokens)),
        "This is the vocabulary size. Return the list of words; its length is the size.",
    ),
    Misconception(
        "words with their counts",
        lambda tokens: list(Counter(tokens).items()),
        "The list holds (word, count) pairs. Return the words alone.",
    ),
)


def _vocabulary_loop(tokens):
    vocabulary = []
    for token in tokens:
        if token not in vocabulary:
            vocabulary.append(token)
    return vocabulary


def _vocabulary_seen(tokens):
    seen = set()
    return [token for token in tokens if not (token in seen or seen.add(token))]


def _vocabulary_sorted(tokens):
    return sorted(set(tokens), key=tokens.index)


def _vocabulary_slices(tokens):
    return [token for place, token in enumerate(tokens) if token not in tokens[:place]]


def _vocabulary_counted(tokens):
    return [*Counter(tokens)]


BUILD_VOCABULARY_RIGHT = (
    _vocabulary_loop,
    _vocabulary_seen,
    _vocabulary_sorted,
    _vocabulary_slices,
    _vocabulary_counted,
)
