"""A Korean sentence of the grammar, word for word in English: what a reader without Korean needs to judge it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from helpers.corpus import lexicon
from helpers.corpus.grammar import grammar_corpus
from helpers.corpus.korean import PARTICLES, PLURAL, split_particles
from helpers.corpus.pairs import CorpusError
from helpers.corpus.verbs import GIVING, GO, VERBS

_COUNTED = {"person": "people", "animal": "animals"}  # by the word that counts them; everything else: items
_MARKS = {"subject": "SUBJ", "object": "OBJ", "topic": "SUBJ"}
_NUMERALS = {korean for _, korean in lexicon.NUMERALS}


def gloss(korean: str) -> str:
    """The meanings of the words, in their order: "개가 남자를 물어요" gives "dog-SUBJ man-OBJ bites".

    A hyphen joins what is written as one word. A verb of the present is glossed in the third person, whoever does it.
    """
    if not isinstance(korean, str):
        raise CorpusError(f"gloss takes a text, not a {type(korean).__name__}; gloss_tokens takes tokens.")
    words = [split_particles(word) for word in korean.split()]
    meanings = iter(gloss_tokens([token for word in words for token in word]))
    return " ".join("-".join(next(meanings) for _ in word) for word in words)


def gloss_tokens(tokens: Sequence[str]) -> list[str]:
    """The meaning of each token, particles apart from their words.

    SUBJ and OBJ are the particles of subject and object. A token that is not of the grammar is "?".
    """
    if isinstance(tokens, str):
        raise CorpusError(f"Give a list of tokens: gloss_tokens(split_particles({tokens!r})). gloss() takes a text.")
    found = []
    for before, token in pairwise(["", *tokens]):
        meanings = _counters() if before in _NUMERALS else {}  # 개 counts things, and is a dog
        found.append(meanings.get(token) or _meanings().get(token, "?"))
    return found


@lru_cache(maxsize=1)
def _meanings() -> dict[str, str]:
    """{Korean word: the English that the gold links of the training pairs join it with most often}."""
    linked: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for pair in grammar_corpus().train:
        english = defaultdict(list)
        for i, j in pair.alignments:
            english[j].append(pair.source[i])
        for j, words in english.items():
            linked[pair.target[j]][" ".join(words)] += 1
    found = {korean: counts.most_common(1)[0][0].replace("does not", "not") for korean, counts in linked.items()}
    whole = {korean: " ".join(english) for english, korean, particle, _ in lexicon.TIMES if particle is None}
    marks = {form: mark for name, mark in _MARKS.items() for form in PARTICLES[name]}
    # Korean has one form for "bite" and "bites": so has the gloss
    present = {verb.present_ko: " ".join(filter(None, (verb.third, verb.after))) for verb in (*VERBS, *GIVING, GO)}
    # subject or object is told by the particle that follows
    pronouns = {korean: subject.replace("i", "I") for subject, _, korean in lexicon.PRONOUNS}
    return found | present | whole | marks | pronouns | {PLURAL: "s"}


@lru_cache(maxsize=1)
def _counters() -> dict[str, str]:
    counted = [noun for noun in lexicon.NOUNS if noun.counter]
    return {noun.counter: noun.measure[1] if noun.measure else _COUNTED.get(noun.kind, "items") for noun in counted}
