"""Phrases of the English-Korean grammar: noun phrases, relative clauses, predicates, in both languages at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from random import Random

from helpers.corpus import lexicon
from helpers.corpus.korean import PLURAL, particle
from helpers.corpus.lexicon import ADJECTIVES, NOUNS, Noun
from helpers.corpus.verbs import VERBS, Verb

# A word and its key: words of both sides that share a key are aligned. A key that ends in ".noun" belongs to a noun.
Words = list[tuple[str, str | None]]

_DESCRIBING = {
    noun.english: [adjective for adjective in ADJECTIVES if noun.english in adjective.nouns] for noun in NOUNS
}
_RELATIVE = [verb for verb in VERBS if verb.relative_ko]
_FOR_ANIMALS = {"apple", "bread", "potato"}  # as food


def pick(rng: Random, options):
    """One of the options. Only `random()` is used: Python promises its sequence for all versions."""
    return options[int(rng.random() * len(options))]


@cache
def objects_of(verb: Verb, subject_kind: str = "person") -> tuple[Noun, ...]:
    """The nouns that a verb takes as its object."""
    nouns = [noun for noun in NOUNS if noun.kind in verb.objects or noun.english in verb.objects]
    if subject_kind == "animal":
        nouns = [noun for noun in nouns if noun.kind in ("person", "animal") or noun.english in _FOR_ANIMALS]
    return tuple(nouns)


@dataclass
class Phrase:
    """A part of a sentence in both languages. `plural` decides the English verb, `pairs` are (adjective, noun)."""

    english: Words
    korean: Words
    plural: bool = False
    noun: str = ""
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def with_particle(self, name: str, key: str | None = None) -> Words:
        return [*self.korean, (particle(name, self.korean[-1][0]), key)]


def noun_phrase(rng: Random, noun: Noun, role: str, richness: float, is_object=False, mine=True) -> Phrase:
    """A noun with what belongs to it. `richness`: how often it has an adjective; `mine`: whether "my" is possible."""
    key = f"{role}.noun"
    plural, korean_noun = False, (noun.korean, key)
    mine = mine and (noun.kind not in ("person", "animal") or noun.english in lexicon.OWNED)
    before_en: Words = []
    before_ko: Words = []
    after_ko: Words = []
    draw = rng.random()
    if noun.plural is None:  # milk, two glasses of milk, the milk, my milk
        if noun.measure and draw < 0.6:
            number, number_ko = pick(rng, (("a", "한"), *lexicon.NUMERALS))
            measure = noun.measure[number not in ("a", "one")]
            before_en = [(number, f"{role}.number"), (measure, f"{role}.measure"), ("of", None)]
            after_ko = [(number_ko, f"{role}.number"), (noun.counter, f"{role}.measure")]
        elif draw < 0.8:
            before_en, before_ko = _determiner(rng, role, mine, indefinite=False)
    elif draw < 0.55:
        before_en, before_ko = _determiner(rng, role, mine)
    elif draw < 0.85 or (noun.kind != "person" and not is_object):
        number, number_ko = pick(rng, lexicon.NUMERALS)
        plural = number != "one"
        before_en = [(number, f"{role}.number")]
        after_ko = [(number_ko, f"{role}.number"), (noun.counter, key)]
        if plural and mine and rng.random() < 0.15:
            before_en.insert(0, ("my", f"{role}.determiner"))
            before_ko = [("제", f"{role}.determiner")]
    elif noun.kind == "person":  # the students: 학생들
        plural = True
        mine = mine and rng.random() < 0.3
        before_en = [("my", f"{role}.determiner") if mine else ("the", None)]
        before_ko = [("제", f"{role}.determiner")] if mine else []
        after_ko = [(PLURAL, key)]
    else:  # books: 책
        plural = True
    pairs = []
    if rng.random() < richness:
        adjective = pick(rng, _DESCRIBING[noun.english])
        before_en.append((adjective.english, f"{role}.adjective"))
        before_ko.append((adjective.korean, f"{role}.adjective"))
        pairs.append((adjective.english, noun.english))
    english = [*before_en, ((noun.plural if plural else noun.english), key)]
    if english[0][0] == "a" and english[1][0][0] in "aeiou":
        english[0] = ("an", None)
    return Phrase(english, [*before_ko, korean_noun, *after_ko], plural, noun.english, pairs)


def _determiner(rng: Random, role: str, mine: bool, indefinite: bool = True) -> tuple[Words, Words]:
    draw = rng.random()
    if draw < 0.8:
        return [("a" if indefinite and draw < 0.35 else "the", None)], []
    english, korean = ("my", "제") if mine and draw < 0.92 else ("that", "그")
    return [(english, f"{role}.determiner")], [(korean, f"{role}.determiner")]


def both(first: Phrase, second: Phrase, role: str) -> Phrase:
    """The man and the dog: 남자와 개."""
    english = [*first.english, ("and", f"{role}.and"), *second.english]
    korean = [*first.with_particle("and", f"{role}.and"), *second.korean]
    return Phrase(english, korean, True, second.noun, first.pairs + second.pairs)


def relative(rng: Random, subject: Phrase, kind: str, role: str, main: Verb) -> list[tuple[str, str]]:
    """Add a relative clause: the man who reads a book, 책을 읽는 남자. Returns its (verb, object) pairs."""
    verbs = [relative for relative in _RELATIVE if kind in relative.subjects and relative is not main]
    verb = pick(rng, [relative for relative in verbs if not (subject.plural and relative.past == relative.english)])
    key = f"{role}.verb"
    english: Words = [
        ("who" if kind == "person" else "that", None),
        (verb.english if subject.plural else verb.third, key),
    ]
    korean: Words = []
    pairs = []
    if verb.objects:
        thing = pick(rng, [noun for noun in objects_of(verb, kind) if noun.english != subject.noun])
        phrase = noun_phrase(rng, thing, role, 0.2, is_object=True)
        english += [(verb.after, key), *phrase.english] if verb.after else phrase.english
        korean += phrase.with_particle("object")
        subject.pairs += phrase.pairs
        pairs.append((verb.english, thing.english))
    korean.append((verb.relative_ko, key))
    subject.english, subject.korean = [*subject.english, *english], [*korean, *subject.korean]
    return pairs


def predicate(verb: Verb, tense: str, negative: bool, plural: bool) -> tuple[Words, Words]:
    """Will not see: 보지 않을 거예요. The English `not` and its helping verb share a key with 않-."""
    past, future = tense == "past", tense == "future"
    if negative:
        ending = "않았어요" if past else "않을" if future else "않아요"
        helper = "did" if past else "will" if future else "do" if plural else "does"
        english = [(helper, "will" if future else "not"), ("not", "not"), (verb.english, "verb")]
        korean = [(verb.negative_ko, "verb"), (ending, "not")]
    elif future:
        english, korean = [("will", "will"), (verb.english, "verb")], [(verb.future_ko, "verb")]
    elif past:
        english, korean = [(verb.past, "verb")], [(verb.past_ko, "verb")]
    else:
        english, korean = [(verb.english if plural else verb.third, "verb")], [(verb.present_ko, "verb")]
    return english, [*korean, ("거예요", "will")] if future else korean
