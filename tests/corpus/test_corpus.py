"""The English-Korean grammar: what it promises about splits, words, alignments, English and Korean."""

from __future__ import annotations

import hashlib
import inspect
import os
import subprocess
import sys
import unicodedata
from collections import Counter

import pytest

from conftest import ROOT
from helpers.corpus import (
    CorpusError,
    gloss,
    gloss_tokens,
    grammar_corpus,
    grammar_pairs,
    join_particles,
    split_particles,
)
from helpers.corpus.grammar import LONGEST, held_out
from helpers.corpus.korean import PARTICLES, PLURAL, final_consonant, particle
from helpers.corpus.lexicon import (
    ADJECTIVES,
    FREQUENCIES,
    MANNERS,
    NOUNS,
    NUMERALS,
    PLACES,
    TIMES,
    TOOLS,
    VEHICLES,
)
from helpers.corpus.verbs import GIVING, GO, VERBS
from helpers.vocabulary import tokenize

CHECKSUM = "e0911ce84e475d0fd4d3cbd525f7b35635029ec7f8f1da77ccdcff81668c416b"
CORPUS = grammar_corpus()
SPLITS = {"train": CORPUS.train, "validation": CORPUS.validation, **CORPUS.tests}
EVERYTHING = [pair for pairs in SPLITS.values() for pair in pairs]
ALL_VERBS = (*VERBS, *GIVING, GO)
LEMMA = {form: noun for noun in NOUNS for form in (noun.english, noun.plural) if form}
VERB_OF = {form: verb for verb in ALL_VERBS for form in (verb.english, verb.third, verb.past)}
ADJECTIVE_WORDS = {adjective.english for adjective in ADJECTIVES}
NUMBERS = dict(NUMERALS)
BEFORE_A_NOUN = {"a", "an", "the", "my", "that", "of", "cup", "cups", "glass", "glasses", *NUMBERS, *ADJECTIVE_WORDS}

# English noun forms of all sorts and the Korean noun that they are.
KOREAN_OF = {form: noun.korean for form, noun in LEMMA.items()}
KOREAN_OF |= {english: korean for _, english, korean in PLACES} | dict(VEHICLES) | dict(TOOLS)
KOREAN_OF |= {english[-1]: korean for english, korean, name, _ in TIMES if name}


def checksum(corpus) -> str:
    splits = [corpus.train, corpus.validation, *corpus.tests.values()]
    lines = [f"{pair.source_text}\t{pair.target_text}\t{pair.alignments}" for pairs in splits for pair in pairs]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


# --- splits ---------------------------------------------------------------------------------------------------------


def test_the_text_is_the_same_on_every_machine():
    assert checksum(CORPUS) == CHECKSUM
    start = "import hashlib\nfrom helpers.corpus import grammar_corpus\n"
    code = f"{start}{inspect.getsource(checksum)}\nprint(checksum(grammar_corpus()))"
    for seed in ("1", "2"):  # the order of sets of strings must not matter
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
        assert done.stdout.strip() == CHECKSUM


def test_sizes_and_other_seeds():
    assert {name: len(pairs) for name, pairs in SPLITS.items()} == {
        "train": 20_000, "validation": 1_000, "random": 1_000, "compositional": 1_000, "long": 1_000
    }  # fmt: skip
    small = grammar_corpus(seed=1, size=50)
    assert len(small.train) == 50 and len(small.tests["long"]) == 1_000
    assert checksum(small) != checksum(grammar_corpus(seed=2, size=50))
    with pytest.raises(CorpusError, match="at least 1"):
        grammar_corpus(size=0)


def test_no_sentence_occurs_twice_and_each_has_one_translation():
    counts = Counter(pair.source for pair in EVERYTHING)
    assert max(counts.values()) == 1


def test_long_sentences_are_longer_than_all_others():
    for name, pairs in SPLITS.items():
        lengths = [len(pair.source) for pair in pairs]
        assert min(lengths) > LONGEST if name == "long" else max(lengths) <= LONGEST
    assert max(len(pair.source) for pair in CORPUS.train) == LONGEST


def combinations(source) -> set:
    """The adjective-noun and verb-object pairs of an English sentence, found by reading it from left to right."""
    found = set()
    for place, word in enumerate(source):
        if word in ADJECTIVE_WORDS:
            found.add(("adjective", word, LEMMA[source[place + 1]].english))
        verb = VERB_OF.get(word)
        if verb is None or not verb.objects:
            continue
        at = place + (2 if verb.after else 1)
        while at < len(source):
            while source[at] in BEFORE_A_NOUN:
                at += 1
            if source[at] not in LEMMA:
                break  # a pronoun
            found.add(("object", verb.english, LEMMA[source[at]].english))
            if source[at + 1 : at + 2] != ("and",):
                break
            at += 2
    return found


def test_held_out_combinations_occur_in_the_compositional_split_only():
    new = held_out()
    assert {"adjective", "object"} == {sort for sort, *_ in new} and len(new) > 50
    for name, pairs in SPLITS.items():
        for pair in pairs:
            assert bool(combinations(pair.source) & new) == (name == "compositional"), pair.source_text
    tested = set().union(*(combinations(pair.source) for pair in CORPUS.tests["compositional"])) & new
    assert len(tested) > 0.9 * len(new)


def test_every_word_of_a_test_occurs_in_training():
    for side in ("source", "target"):
        known = {word for pair in CORPUS.train for word in getattr(pair, side)}
        assert {word for pair in EVERYTHING for word in getattr(pair, side)} == known
        assert 100 <= len(known) <= 300


def test_fresh_pairs_are_in_no_split():
    known = {pair.source for pair in EVERYTHING}
    for split in ("random", "compositional", "long"):
        fresh = grammar_pairs("secret", 100, split)
        assert fresh == grammar_pairs("secret", 100, split)
        assert len({pair.source for pair in fresh} - known) == 100
        assert fresh != grammar_pairs("another", 100, split)
        assert fresh[:10] == grammar_pairs("secret", 10, split)
        for pair in fresh:
            assert (len(pair.source) > LONGEST) == (split == "long")
            assert bool(combinations(pair.source) & held_out()) == (split == "compositional")
    with pytest.raises(CorpusError, match="compositional"):
        grammar_pairs(1, 10, "hard")


# --- alignments -----------------------------------------------------------------------------------------------------


def test_noun_alignments_join_every_noun_with_its_translation():
    korean_nouns = set(KOREAN_OF.values())
    for pair in EVERYTHING:
        nouns = [i for i, word in enumerate(pair.source) if word in KOREAN_OF]
        assert sorted(i for i, _ in pair.noun_alignments) == nouns, pair.source_text
        assert all(KOREAN_OF[pair.source[i]] == pair.target[j] for i, j in pair.noun_alignments)
        found = [j for j, word in enumerate(pair.target) if word in korean_nouns]
        counters = [j for j in found if j and pair.target[j - 1] in NUMBERS.values()]  # 개 is a dog and a counter
        assert sorted(j for _, j in pair.noun_alignments) == [j for j in found if j not in counters]
        assert set(pair.noun_alignments) <= set(pair.alignments) and len(set(pair.alignments)) == len(pair.alignments)
        assert all(i < len(pair.source) and j < len(pair.target) for i, j in pair.alignments)


def test_alignments_join_the_other_words_with_their_translations():
    table = {adjective.english: {adjective.korean} for adjective in ADJECTIVES} | {
        word: {number} for word, number in NUMERALS
    }
    table |= {word: {korean} for word, korean in (*MANNERS, *FREQUENCIES)} | {"my": {"제"}, "that": {"그"}}
    table |= {word: {"잔"} for word in ("cup", "cups", "glass", "glasses")} | {"will": {"거예요"}}
    for form, verb in VERB_OF.items():
        table[form] = {verb.present_ko, verb.past_ko, verb.future_ko, verb.negative_ko, verb.relative_ko}
    seen = Counter()
    for pair in EVERYTHING:
        aligned = {i: {pair.target[j] for k, j in pair.alignments if k == i} for i, _ in enumerate(pair.source)}
        for i, word in enumerate(pair.source):
            if word in table and (word != "that" or aligned[i]):  # "that" also begins a clause
                assert aligned[i] and aligned[i] <= table[word], (pair.source_text, word)
                seen[word] += 1
    assert set(seen) == set(table)


def test_what_no_english_word_says_has_no_alignment():
    for pair in EVERYTHING:
        aligned = {j for _, j in pair.alignments}
        silent = {"이", "가", "을", "를", "는"}
        assert {word for j, word in enumerate(pair.target) if j not in aligned} <= silent, pair.target_text
        assert not {i for i, _ in pair.alignments} & {i for i, word in enumerate(pair.source) if word == "the"}


# --- English --------------------------------------------------------------------------------------------------------


def test_english_inflection():
    irregular = {
        "see": "saw", "bite": "bit", "meet": "met", "draw": "drew", "read": "read", "write": "wrote", "buy": "bought",
        "eat": "ate", "drink": "drank", "make": "made", "ride": "rode", "sleep": "slept", "run": "ran", "swim": "swam",
        "go": "went", "give": "gave", "send": "sent", "show": "showed",
    }  # fmt: skip
    doubled = {"hug": "hugged"}
    for verb in ALL_VERBS:
        hissing = verb.english.endswith(("s", "x", "ch", "sh", "o"))
        assert verb.third == verb.english + ("es" if hissing else "s")
        regular = verb.english + ("d" if verb.english.endswith("e") else "ed")
        assert verb.past == (irregular | doubled).get(verb.english, regular)
    people = {"man": "men", "woman": "women", "child": "children"}
    for noun in NOUNS:
        hissing = noun.english.endswith(("s", "x", "ch", "sh", "ato"))
        regular = noun.english + ("es" if hissing else "s")
        assert noun.plural in (None, people.get(noun.english, regular))


def test_articles():
    found = Counter()
    for pair in EVERYTHING:
        for word, following in zip(pair.source, pair.source[1:], strict=False):
            if word in ("a", "an"):
                assert (word == "an") == (following[0] in "aeiou"), pair.source_text
                found[word] += 1
            if word in NUMBERS and following in LEMMA:
                assert (following == LEMMA[following].english) == (word == "one"), pair.source_text
    assert found["an"] > 50


def test_the_verb_agrees_with_its_subject():
    third = {verb.third for verb in ALL_VERBS} | {"does"}
    base = {verb.english for verb in ALL_VERBS} | {"do"}
    seen = Counter()
    for pair in EVERYTHING:
        words = [word for word in pair.source if word not in (*ADJECTIVE_WORDS, *(row[0] for row in FREQUENCIES))]
        if words[0] in ("a", "an", "one") and words[2] not in ("and", "who", "that"):
            assert words[2] not in base - {"read"}, pair.source_text
            seen["one"] += words[2] in third
        if words[0] in ("i", "we") or (words[0] in NUMBERS and words[0] != "one" and words[2] not in ("and",)):
            verb = words[1] if words[0] in ("i", "we") else words[2 if words[2] not in ("who", "that") else 3]
            assert verb not in third, pair.source_text
            seen["many"] += verb in base
        if words[0] in ("i", "we"):
            assert words[1] != "read", "two readings: today or yesterday"
    assert seen["one"] > 100 and seen["many"] > 100


# --- Korean ---------------------------------------------------------------------------------------------------------

STEMS = {
    "see": "보", "like": "좋아하", "bite": "물", "chase": "쫓", "follow": "따라가", "hug": "껴안",
    "wait": "기다리", "meet": "만나", "help": "도와주", "draw": "그리", "read": "읽", "write": "쓰",
    "buy": "사", "eat": "먹", "drink": "마시", "make": "만들", "wash": "씻", "open": "열",
    "ride": "타", "borrow": "빌리", "sleep": "자", "run": "달리", "laugh": "웃", "work": "일하",
    "swim": "수영하", "dance": "춤추", "walk": "걷", "go": "가", "give": "주", "show": "보여주",
    "send": "보내",
}  # fmt: skip
SOFTENED = {"걷": "걸"}  # ㄷ becomes ㄹ before a vowel


def letters(syllable: str) -> str:
    return unicodedata.normalize("NFD", syllable)


def syllables(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def infinitive(stem: str) -> str:
    """The stem with 아 or 어, contracted: 보 gives 봐, 마시 gives 마셔."""
    stem = SOFTENED.get(stem, stem)
    head, last = stem[:-1], letters(stem[-1])
    if stem.endswith("하"):
        return head + "해"
    if len(last) == 3:
        return stem + ("아" if last[1] in "ᅡᅩ" else "어")
    merged = {"ᅩ": "ᅪ", "ᅮ": "ᅯ", "ᅵ": "ᅧ", "ᅳ": "ᅥ", "ᅡ": "ᅡ", "ᅢ": "ᅢ"}
    return head + syllables(last[0] + merged[last[1]])


def future(stem: str) -> str:
    """The form before 거예요: ㄹ after a vowel, nothing after ㄹ, else 을."""
    stem = SOFTENED.get(stem, stem) + ("을" if stem in SOFTENED else "")
    last = letters(stem[-1])
    if len(last) == 2:
        return stem[:-1] + syllables(last + "ᆯ")
    return stem if last[2] == "ᆯ" else stem + "을"


@pytest.mark.parametrize("verb", ALL_VERBS, ids=lambda verb: verb.english)
def test_conjugation(verb):
    stem = STEMS[verb.english]
    assert verb.negative_ko == stem + "지"
    assert verb.future_ko == future(stem)
    assert verb.present_ko == infinitive(stem) + "요"
    assert verb.past_ko == syllables(letters(infinitive(stem)) + "ᆻ") + "어요"
    assert verb.relative_ko in (None, stem + "는")


@pytest.mark.parametrize(
    ("name", "word", "form"),
    [
        ("subject", "고양이", "가"), ("subject", "책", "이"), ("object", "사과", "를"), ("object", "달걀", "을"),
        ("topic", "저", "는"), ("topic", "남편", "은"), ("and", "개", "와"), ("and", "말", "과"), ("by", "버스", "로"),
        ("by", "펜", "으로"), ("by", "지하철", "로"), ("by", "연필", "로"), ("in", "공원", "에서"),
    ],
)  # fmt: skip
def test_particles(name, word, form):
    assert particle(name, word) == form


def test_final_consonants_are_those_of_unicode():
    for code in range(ord("가"), ord("힣") + 1, 7):
        last = letters(chr(code))
        assert final_consonant(chr(code)) == (ord(last[2]) - ord("ᆨ") + 1 if len(last) == 3 else 0)
    for word in ("", "cat", "ㅋ"):
        with pytest.raises(ValueError, match="Hangul"):
            final_consonant(word)


def test_each_particle_fits_the_word_before_it():
    forms = {form: (name, pair) for name, pair in PARTICLES.items() for form in pair if pair[0] != pair[1]}
    for pair in EVERYTHING:
        for before, word in zip(pair.target, pair.target[1:], strict=False):
            if word in forms:
                name, (after_vowel, after_consonant) = forms[word]
                last = letters(before[-1])
                vowel = len(last) == 2 or (name == "by" and last[2] == "ᆯ")
                assert word == (after_vowel if vowel else after_consonant), pair.target_text


def test_numbers_stand_after_their_noun_and_before_its_counter():
    numerals = set(NUMBERS.values())
    counters = {noun.korean: noun.counter for noun in NOUNS}
    seen = Counter()
    for pair in EVERYTHING:
        for place, word in enumerate(pair.target):
            if word in numerals:
                assert pair.target[place + 1] == counters[pair.target[place - 1]], pair.target_text
                seen[pair.target[place + 1]] += 1
        english = [NUMBERS[word] for word in pair.source if word in NUMBERS]
        korean = [word for word in pair.target if word in numerals]
        assert not Counter(english) - Counter(korean)
    assert set(seen) == {counter for counter in counters.values() if counter}


def test_word_order_and_plural():
    endings = {verb.present_ko for verb in ALL_VERBS} | {verb.past_ko for verb in ALL_VERBS}
    endings |= {"거예요", "않아요", "않았어요"}
    people = {noun.korean for noun in NOUNS if noun.kind == "person"}
    for pair in EVERYTHING:
        assert pair.target[-1] in endings and not set(pair.target[:-1]) & endings, pair.target_text
        for before, word in zip(pair.target, pair.target[1:], strict=False):
            assert word != PLURAL or before in people, "들 stands on people only"


def test_known_translations():
    by_source = {pair.source_text: pair.target_text for pair in EVERYTHING}
    assert join_particles(("고양이", "두", "마리", "가", "개", "를", "봐요")) == "고양이 두 마리가 개를 봐요"
    assert split_particles("학생들이 아이와 사과 두 개를 봐요") == [
        "학생", "들", "이", "아이", "와", "사과", "두", "개", "를", "봐요"
    ]  # fmt: skip
    assert split_particles("모르는 말을 해요") == ["모르는", "말", "을", "해요"]
    assert by_source["five foxes do not sleep quietly"] == "여우 다섯 마리가 조용히 자지 않아요"
    assert by_source["five tired men do not draw the farmers"] == "피곤한 남자 다섯 명이 농부들을 그리지 않아요"


def test_a_text_and_its_tokens_are_not_confused():
    with pytest.raises(CorpusError, match=r"Give a list of tokens: .* gloss\(\) takes a text"):
        gloss_tokens("개가 자요")
    with pytest.raises(CorpusError, match="gloss takes a text, not a list; gloss_tokens takes tokens"):
        gloss(["개", "가"])


def test_text_and_tokens_lead_to_each_other():
    for pair in EVERYTHING:
        assert tuple(tokenize(pair.source_text)) == pair.source
        assert tuple(split_particles(pair.target_text)) == pair.target
