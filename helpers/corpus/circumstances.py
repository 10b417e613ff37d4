"""What a sentence of the grammar can have beside its participants: time, frequency, place, tool, manner."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from helpers.corpus import lexicon
from helpers.corpus.korean import particle
from helpers.corpus.phrases import Phrase, Words, pick
from helpers.corpus.verbs import GO, Verb

_PLACES = {english: (preposition, korean) for preposition, english, korean in lexicon.PLACES}


@dataclass
class Clause:
    """The parts of a sentence, filled one after the other."""

    verb: Verb
    tense: str
    negative: bool
    subject: Phrase
    time: tuple[Words, Words] = ((), ())
    time_first: bool = False
    frequency: tuple[Words, Words] = ((), ())
    company: tuple[Words, Words] = ((), ())
    place: tuple[Words, Words] = ((), ())
    receiver: tuple[Words, Words] = ((), ())
    thing: tuple[Words, Words] = ((), ())
    tool: tuple[Words, Words] = ((), ())
    manner: tuple[Words, Words] = ((), ())
    combinations: set = field(default_factory=set)


def marked(korean: Words, name: str, key: str | None = None) -> Words:
    return [*korean, (particle(name, korean[-1][0]), key)]


def circumstances(rng: Random, clause: Clause, rich: bool) -> None:
    """Fill in time, frequency, place, tool, manner."""
    verb, often = clause.verb, 0.65 if rich else 0.3
    draw = rng.random()
    if "timeless" in verb.extras:
        pass
    elif draw < often:
        times = [row for row in lexicon.TIMES if clause.tense in row[3]]
        english, korean, name, _ = pick(rng, times)
        words = [(korean, "time.noun" if name else "time")]
        last = len(english) - 1
        key = words[0][1]
        clause.time = (
            [(word, key if place == last else "time.in" if place == 0 else None) for place, word in enumerate(english)],
            marked(words, name, "time.in") if name else words,
        )
        clause.time_first = rng.random() < 0.4
    elif draw < often + 0.12 and not clause.negative and clause.tense != "future":
        english, korean = pick(rng, lexicon.FREQUENCIES)
        clause.frequency = [(english, "frequency")], [(korean, "frequency")]
    places = [place for group in lexicon.PLACES_OF if group in verb.extras for place in lexicon.PLACES_OF[group]]
    if places and (verb is GO or rng.random() < (0.6 if rich else 0.25)):
        _place(rng, clause, pick(rng, places))
    if verb is GO and clause.place[0][-1][0] in lexicon.RIDES and rng.random() < 0.6:
        english, korean = pick(rng, lexicon.VEHICLES)
        words = marked([(korean, "tool.noun")], "by", "tool.with")
        clause.tool = [("by", "tool.with"), (english, "tool.noun")], words
    if "tool" in verb.extras and rng.random() < 0.25:
        english, korean = pick(rng, lexicon.TOOLS)
        words = marked([(korean, "tool.noun")], "by", "tool.with")
        clause.tool = [("with", "tool.with"), ("a", None), (english, "tool.noun")], words
    manners = [row for row in lexicon.MANNERS if row[0] in verb.extras]
    if manners and rng.random() < 0.2:
        english, korean = pick(rng, manners)
        clause.manner = [(english, "manner")], [(korean, "manner")]


def _place(rng: Random, clause: Clause, name: str) -> None:
    beside = name == "beside"
    english = pick(rng, lexicon.BUILDINGS) if beside else name
    preposition, korean = _PLACES[english]
    noun = (korean, "place.noun")
    if beside:
        words, side = pick(rng, lexicon.SIDES)
        before = [(word, "place.side") for word in words]
        after = marked([noun, (side, "place.side")], "in", "place.side")
    elif clause.verb is GO:
        before, after = [("to", "place.in")], marked([noun], "to", "place.in")
    else:
        before, after = [(preposition, "place.in")], marked([noun], "in", "place.in")
    clause.place = [*before, ("the", None), (english, "place.noun")], after
