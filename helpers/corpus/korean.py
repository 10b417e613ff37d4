"""Korean particles: their form follows the last sound of the word before them, and in text they are written onto it.

For a model, a particle is a token of its own ("고양이 가"); for people it is not ("고양이가"). `join_particles` and
`split_particles` lead from one to the other.
"""

from __future__ import annotations

from functools import lru_cache

from helpers.corpus import lexicon

# Name of the particle: its form after a vowel, its form after a consonant.
PARTICLES = {
    "subject": ("가", "이"),
    "object": ("를", "을"),
    "topic": ("는", "은"),
    "and": ("와", "과"),
    "by": ("로", "으로"),
    "in": ("에서", "에서"),
    "to": ("에", "에"),
    "to somebody": ("에게", "에게"),
}
PLURAL = "들"  # written onto people like a particle: 학생들이
_SUFFIXES = frozenset((*(form for forms in PARTICLES.values() for form in forms), PLURAL))
_RIEUL = 8  # the number of ㄹ among the 28 possible final consonants (0: none) of a Hangul syllable in Unicode


def final_consonant(word: str) -> int:
    """The number of the final consonant of a word's last syllable, 0 for none. ValueError if it is not Hangul."""
    if not word or not "가" <= word[-1] <= "힣":
        raise ValueError(f"{word!r} does not end in a Hangul syllable")
    return (ord(word[-1]) - ord("가")) % 28


def particle(name: str, word: str) -> str:
    """The form of a particle after a word: particle("object", "책") is "을". After ㄹ it is 로, not 으로."""
    after_vowel, after_consonant = PARTICLES[name]
    final = final_consonant(word)
    return after_vowel if final == 0 or (name == "by" and final == _RIEUL) else after_consonant


def join_particles(tokens) -> str:
    """Tokens to text: particles are written onto the word before them."""
    words = []
    for token in tokens:
        if token in _SUFFIXES and words:
            words[-1] += token
        else:
            words.append(token)
    return " ".join(words)


@lru_cache
def _hosts() -> frozenset[str]:
    """The Korean words of the grammar that can carry a particle."""
    nouns = [noun.korean for noun in lexicon.NOUNS] + [noun.counter for noun in lexicon.NOUNS if noun.counter]
    places = [korean for *_, korean in lexicon.PLACES] + [korean for _, korean in lexicon.SIDES]
    others = [*lexicon.VEHICLES, *lexicon.TOOLS, *((row[0], row[1]) for row in lexicon.TIMES)]
    pronouns = [korean for *_, korean in lexicon.PRONOUNS]
    return frozenset([*nouns, *places, *pronouns, *(korean for _, korean in others)])


def split_particles(text: str) -> list[str]:
    """Text of the grammar to tokens: the inverse of `join_particles`. Words that the grammar does not know stay."""
    return [token for word in text.split() for token in _split(word)]


def _split(word: str) -> list[str]:
    if word in _hosts():
        return [word]
    for cut in range(len(word) - 1, 0, -1):
        host, ending = word[:cut], word[cut:]
        if host in _hosts() and ending in _SUFFIXES:
            return [host, ending]
        if host.endswith(PLURAL) and host[:-1] in _hosts() and ending in _SUFFIXES:
            return [host[:-1], PLURAL, ending]
    return [word]
