"""Sentences of the English-Korean grammar with their word alignments.

Korean puts the verb last, and before it, in this order: subject, time, company, place, receiver, object, tool, manner.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from helpers.corpus import lexicon
from helpers.corpus.circumstances import Clause, circumstances, marked
from helpers.corpus.korean import join_particles
from helpers.corpus.pairs import Pair
from helpers.corpus.phrases import Phrase, both, noun_phrase, objects_of, pick, predicate, relative
from helpers.corpus.verbs import GIVING, GO, VERBS

_OFTEN = {"drink": 2, "eat": 1, "open": 1}  # so many times more often than the others
_TRANSITIVE = [verb for verb in VERBS if verb.objects]
_ABOUT_BEINGS = [verb for verb in _TRANSITIVE if {"person", "animal"} <= set(verb.objects)]
_ABOUT_THINGS = [verb for verb in _TRANSITIVE if verb not in _ABOUT_BEINGS]
_ABOUT_THINGS += [verb for verb in _ABOUT_THINGS for _ in range(_OFTEN.get(verb.english, 0))]
_INTRANSITIVE = [verb for verb in VERBS if not verb.objects]
_BEINGS = [noun for noun in lexicon.NOUNS if noun.kind in ("person", "animal")]
_TENSES = ("present", "past", "future")


class GrammarPair(Pair):
    """A pair of the grammar. A particle is a token of its own in `target`, and written onto its word in the text."""

    @property
    def source_text(self) -> str:
        return " ".join("I" if word == "i" else word for word in self.source)

    @property
    def target_text(self) -> str:
        return join_particles(self.target)


@dataclass
class Sentence:
    """A pair, and what has to do with what in it: {("adjective", "big", "dog"), ("object", "see", "dog"), ...}."""

    pair: GrammarPair
    combinations: set[tuple[str, str, str]]


def sentence(rng: Random, rich: bool = False) -> Sentence | None:
    """A random sentence, with more in it if `rich`; None if the English one would have two readings."""
    draw = rng.random()
    if draw < 0.70:
        verb = pick(rng, _ABOUT_BEINGS)
    elif draw < 0.81:
        verb = pick(rng, _ABOUT_THINGS)
    elif draw < 0.84:
        verb = pick(rng, _INTRANSITIVE)
    else:
        verb = GO if draw < 0.88 else pick(rng, GIVING)
    negative = rng.random() < 0.2
    clause = Clause(verb, pick(rng, _TENSES), negative, Phrase([], []))
    kind, used = _subject(rng, clause, rich)
    if verb.past == verb.english and clause.subject.plural and not negative and clause.tense != "future":
        return None  # "the students read": today or yesterday?
    _participants(rng, clause, kind, used, rich)
    circumstances(rng, clause, rich)
    return Sentence(_pair(clause), clause.combinations)


def _subject(rng: Random, clause: Clause, rich: bool) -> tuple[str, set[str]]:
    """Fill in the subject. Returns its kind and the nouns that are used up."""
    draw = rng.random()
    if draw < 0.03 and "person" in clause.verb.subjects:
        english, _, korean = pick(rng, lexicon.PRONOUNS)
        clause.subject = Phrase([(english, "subject.pronoun")], [(korean, "subject.pronoun")], True, english)
        return "person", {english}
    nouns = [noun for noun in _BEINGS if noun.kind in clause.verb.subjects]
    noun = pick(rng, nouns)
    if draw < (0.3 if rich else 0.2):
        other = pick(rng, [candidate for candidate in nouns if candidate is not noun and candidate.kind == noun.kind])
        first = noun_phrase(rng, other, "subject2", 0)
        clause.subject = both(first, noun_phrase(rng, noun, "subject", 0.4), "subject")
        used = {noun.english, other.english}
    else:
        clause.subject = noun_phrase(rng, noun, "subject", 0.65)
        if draw > 0.55 and clause.verb.english != "sleep":
            objects = relative(rng, clause.subject, noun.kind, "relative", clause.verb)
            clause.combinations |= {("object", *pair) for pair in objects}
        used = {noun.english}
    clause.combinations |= {("adjective", *pair) for pair in clause.subject.pairs}
    return noun.kind, used


def _participants(rng: Random, clause: Clause, kind: str, used: set[str], rich: bool) -> None:
    """Fill in the object, the receiver, the company."""
    verb = clause.verb
    if verb.objects:
        nouns = [noun for noun in objects_of(verb, kind) if noun.english not in used]
        beings = verb in _ABOUT_BEINGS
        if beings:  # mostly those who could as well be the subject
            alike = rng.random() < 0.85
            nouns = [noun for noun in nouns if (noun.kind == kind) == alike]
        if beings and rng.random() < 0.04 and clause.subject.english[0][0] not in ("i", "we"):
            _, english, korean = pick(rng, lexicon.PRONOUNS)
            clause.thing = [(english, "thing.pronoun")], marked([(korean, "thing.pronoun")], "object")
        else:
            phrase = _object(rng, clause, nouns, rich)
            clause.thing = phrase.english, phrase.with_particle("object")
    if verb in GIVING:
        receiver = pick(rng, [noun for noun in _BEINGS if noun.kind == "person" and noun.english not in used])
        phrase = noun_phrase(rng, receiver, "receiver", 0.6, is_object=True)
        clause.combinations |= {("adjective", *pair) for pair in phrase.pairs}
        clause.receiver = [("to", "receiver.to"), *phrase.english], phrase.with_particle("to somebody", "receiver.to")
    if "company" in verb.extras and rng.random() < 0.7:
        companion = pick(rng, [noun for noun in _BEINGS if noun.kind == kind and noun.english not in used])
        phrase = noun_phrase(rng, companion, "company", 0.6, is_object=True)
        clause.combinations |= {("adjective", *pair) for pair in phrase.pairs}
        clause.company = [("with", "company.with"), *phrase.english], phrase.with_particle("and", "company.with")


def _object(rng: Random, clause: Clause, nouns: list, rich: bool) -> Phrase:
    noun = pick(rng, nouns)
    found = [noun]
    mine = clause.verb.english not in ("buy", "borrow", "make")
    phrase = noun_phrase(rng, noun, "thing", 0.65, is_object=True, mine=mine)
    alike = [candidate for candidate in nouns if candidate is not noun and candidate.kind == noun.kind]
    if alike and rng.random() < (0.25 if rich else 0.06):
        first = pick(rng, alike)
        found.append(first)
        phrase = both(noun_phrase(rng, first, "thing2", 0, is_object=True, mine=mine), phrase, "thing")
    clause.combinations |= {("object", clause.verb.english, noun.english) for noun in found}
    clause.combinations |= {("adjective", *pair) for pair in phrase.pairs}
    return phrase


def _pair(clause: Clause) -> GrammarPair:
    """Put the parts in order, and align the words that share a key."""
    verb, subject = clause.verb, clause.subject
    verb_en, verb_ko = predicate(verb, clause.tense, clause.negative, subject.plural)
    parts = ("frequency", "company", "place", "receiver", "thing", "tool", "manner")
    en, ko = ({part: list(getattr(clause, part)[side]) for part in parts} for side in (0, 1))
    time_en, time_ko = (list(words) for words in clause.time)
    after = [(verb.after, "verb")] if verb.after else []
    english = [*subject.english, *en["frequency"], *verb_en, *after, *en["thing"], *en["receiver"]]
    order = ("place", "company", "tool", "manner") if verb is GO else ("company", "tool", "manner", "place")
    english += [word for part in order for word in en[part]]
    english = [*time_en, *english] if clause.time_first else [*english, *time_en]
    name = "topic" if subject.english[0][0] in ("i", "we") else "subject"
    korean = [*subject.with_particle(name), *time_ko, *ko["frequency"], *ko["company"]]
    if verb is GO:
        korean += [*ko["tool"], *ko["place"], *ko["manner"], *verb_ko]
    else:
        korean += [*ko["place"], *ko["receiver"], *ko["thing"], *ko["tool"], *ko["manner"], *verb_ko]
    alignments = tuple(
        (i, j) for i, (_, left) in enumerate(english) for j, (_, right) in enumerate(korean) if left and left == right
    )
    # A counter and 들 share the key of their noun; the noun itself stands before them.
    nouns = {}
    for j, (_, key) in enumerate(korean):
        if key and key.endswith(".noun"):
            nouns.setdefault(key, j)
    noun_alignments = tuple((i, j) for i, j in alignments if nouns.get(korean[j][1]) == j)
    source, target = (tuple(word for word, _ in side) for side in (english, korean))
    return GrammarPair(source, target, alignments, noun_alignments)
