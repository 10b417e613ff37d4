"""What lesson 0 says about the shipped model without one of its parts, about its words, and about what fades."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.corpus import grammar_corpus
from helpers.example import SENTENCES, TRANSLATIONS
from helpers.trainer import translate
from helpers.trainer.model import without
from helpers.trainer.shipped import load_shipped

TEXT = Path(__file__).resolve().parents[2] / "solutions/00_start/00_start.py"
PROSE = " ".join(re.sub(r"\n# ?", " ", TEXT.read_text(encoding="utf-8")).split())


@pytest.fixture(scope="module")
def shipped():
    return load_shipped()


def translations(shipped, *parts, sentences=SENTENCES) -> list[str]:
    model, vocabularies, config = shipped
    return translate(without(model, *parts), sentences, vocabularies, config)


def test_the_whole_model_translates_the_running_example(shipped):
    assert translations(shipped) == list(TRANSLATIONS)


def test_without_positions_who_bites_whom_is_lost(shipped):
    assert "both sentences about dog and man become the same one" in PROSE
    first, second, _ = translations(shipped, "positions")
    assert first == second and set(first.split()[:2]) in ({"개가", "남자를"}, {"남자가", "개를"})


def test_without_cross_attention_it_says_the_same_whatever_it_reads(shipped):
    assert '"the woman drinks the box in the library", whatever you' in PROSE
    assert set(translations(shipped, "cross")) == {"그 여자가 도서관에서 그 상자를 마셔요"}


def test_without_the_causal_mask_hardly_anything_changes(shipped):
    assert "hardly anything changes, and that is the surprise" in PROSE
    pairs = grammar_corpus().tests["random"][:50]
    written = translations(shipped, "causal", sentences=[pair.source_text for pair in pairs])
    assert sum(text == pair.target_text for text, pair in zip(written, pairs, strict=True)) >= 45
    model, _, _ = shipped
    changed = without(model, "causal")
    assert "decode" in vars(changed) and "decode" not in vars(model), "a copy is changed, not the model"


def test_the_number_of_words(shipped):
    _, (english, _), _ = shipped
    (number,) = re.findall(r"The model knows (\d+) English words", PROSE)
    assert int(number) == len([word for word in english.words.word_to_index if word.isalpha()])
