"""A Transformer of a learner's own cells: whose part is whose, what it translates, and the page to keep."""

from __future__ import annotations

import json
import shutil

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from autograde import own_model
from autograde.course.lessons import find_lesson
from autograde.grading.sandbox.rootfs import _CHECK
from autograde.judge.verdict import NOT_STARTED, PASSED, Verdict
from autograde.learner import own_model as module
from autograde.learner import own_parts, progress
from conftest import ROOT
from helpers.corpus import gloss
from helpers.example import SENTENCES, TRANSLATIONS
from helpers.trainer.shipped import load_shipped

NO_RESIDUAL = """
class AddNorm(nn.Module):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__()
        self.norm = LayerNormalization(embed_dim)

    def forward(self, x, sublayer_output):
        return self.norm(sublayer_output)
"""
# with a value and a function of one's own, and something that takes long or fails and is never run
OWN_MASKS = """
HIDDEN_ABOVE = 0
raise SystemExit
train_for_hours()
model = Transformer(10, 10)
keep = lambda rows: rows <= HIDDEN_ABOVE

def causal_mask(length):
    places = torch.arange(length)
    return keep(places - places.unsqueeze(1))
"""


@pytest.fixture
def copy_of_course(tmp_path, monkeypatch):
    """The solutions of lessons 2 to 7 as a learner's notebooks; the working folder is that of lesson 8."""
    for lesson in own_parts.BUILT:
        (tmp_path / lesson.name).mkdir()
        shutil.copy(ROOT / "solutions" / lesson.name / f"{lesson.name}.ipynb", tmp_path / lesson.name)
    (tmp_path / "08_training").mkdir()
    monkeypatch.chdir(tmp_path / "08_training")
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "nothing"))
    return tmp_path


def write(folder, number, *sources):
    lesson = find_lesson(number)
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), _file(folder, lesson))


def _file(folder, lesson):
    return folder / lesson.name / f"{lesson.name}.ipynb"


def test_right_wrong_missing_and_unusual_parts(copy_of_course):
    file = _file(copy_of_course, find_lesson("5"))
    notebook = nbformat.read(file, as_version=4)
    notebook.cells.append(new_code_cell(NO_RESIDUAL))
    nbformat.write(notebook, file)
    shutil.rmtree(copy_of_course / "06_feed_forward")
    write(
        copy_of_course, "7", "import torch", OWN_MASKS, "def padding_mask(ids, pad=0):\n    raise NotImplementedError()"
    )
    own = own_model()
    whys = {part.name: part.why for part in own.parts}
    assert whys["MultiHeadAttention"] == whys["LayerNormalization"] == whys["causal_mask"] == ""
    assert "does not pass" in whys["AddNorm"] and whys["padding_mask"] == "not started"
    assert "not beside" in whys["Encoder"] and "does not define" in whys["DecoderLayer"]
    assert own.translate(SENTENCES) == list(TRANSLATIONS), "the reference takes the place of what is wrong or missing"
    assert own.difference < 1e-5 and not own.trouble
    assert type(own.model.encoder.layers[0].attention).__module__ == "own.multi_head"
    assert type(own.model.encoder.layers[0].add_norm_1.norm).__module__ == "own.add_norm"
    text = repr(own)
    assert "the reference's: AddNorm (yours does not pass its check yet)" in text and text.startswith("○ Your Transf")


def passes(name, obj):
    return Verdict(name=name, passed=True, state=PASSED, score=1.0)


def test_the_page_is_shown_and_saved(copy_of_course, monkeypatch):
    monkeypatch.setattr(own_parts, "assess", passes)  # what the checks say is the other test's
    monkeypatch.setattr(module, "TESTED", 20)
    progress.write(copy_of_course / progress.FILE, {"softmax": {"state": PASSED}, "relu": {"state": NOT_STARTED}})
    own = own_model("trained_model.safetensors")
    assert repr(own).startswith("✓ Your Transformer: 18 of its 18 parts are yours")
    assert "those that come with the course (trained_model.safetensors is not there)" in repr(own)
    assert own.difference == 0, "the same operations with the same weights"
    page = own.page("mine.html")
    assert "20 of 20 translated word for word" in repr(page) and "16 of 16 passed" in repr(page)
    assert "1 passed in the whole course; by its own count, 8 minutes of work" in repr(page)
    saved = (copy_of_course / "08_training" / "mine.html").read_text(encoding="utf-8")
    assert saved.startswith("<!DOCTYPE html>") and "개가 남자를 물어요\ndog-SUBJ man-OBJ bites" in saved
    assert page.html in saved


def test_a_whole_that_does_not_work_is_the_reference(copy_of_course, monkeypatch):
    monkeypatch.setattr(own_parts, "assess", passes)
    write(copy_of_course, "7", "def greedy_decode(model, source, **options):\n    raise IndexError('position 3')")
    own = own_model()
    assert "IndexError: position 3" in own.trouble and own.trouble in repr(own)
    assert not any(part.mine for part in own.parts)
    assert own.translate(SENTENCES) == list(TRANSLATIONS)


def test_a_leak_is_seen(monkeypatch):
    model, vocabularies, config = load_shipped()
    monkeypatch.setattr(module, "load_model", lambda file: (model, vocabularies, config))
    decode = type(model).decode

    def leaky(self, target_input, memory, source):
        return decode(self, target_input, memory, source).sum(dim=1, keepdim=True).expand(-1, target_input.shape[1], -1)

    monkeypatch.setattr(type(model), "decode", leaky)
    own = module.OwnModel([], model, lambda *_: source_like(1), module._trained(None))
    kept, places = own._leak_tests()
    assert kept == 0 and places == 16


def source_like(rows):
    return torch.full((rows, 1), 2)


def test_one_sentence_is_not_a_list_of_letters():
    model = load_shipped()[0]
    own = module.OwnModel([], model, lambda _, source: source_like(len(source)), module._trained(None))
    with pytest.raises(TypeError, match=r"Give a list of sentences: translate\(\['the cat sleeps'\]\)"):
        own.translate("the cat sleeps")


def test_only_what_defines_is_run(tmp_path):
    file = tmp_path / "lesson.ipynb"
    cells = [{"cell_type": "code", "source": source} for source in (OWN_MASKS, "%time x", "import math")]
    file.write_text(json.dumps({"cells": cells}))
    kinds = [type(node).__name__ for node in own_parts._defining(file)]
    assert kinds == ["Assign", "Assign", "FunctionDef", "Import"]
    file.write_text("{")
    assert list(own_parts._defining(file)) == []


@pytest.mark.parametrize(
    ("korean", "english"),
    [
        ("개가 남자를 물어요", "dog-SUBJ man-OBJ bites"),
        ("개들이 커피를 마셔요", "dog-s-SUBJ coffee-OBJ drinks"),
        ("저는 남자를 기다려요", "I-SUBJ man-OBJ waits for"),
        ("슬픈 의사 두 명이 감자 네 개를", "sad doctor two people-SUBJ potato four items-OBJ"),
        ("학생들이 매일 자지 않아요", "student-s-SUBJ every day sleep not"),
        ("저는 개를 보고 개가 저를 봐요", "I-SUBJ"),
        ("컴퓨터가 자요", "?"),
    ],
)
def test_gloss(korean, english):
    assert gloss(korean).startswith(english)


def test_in_grading_it_says_that_no_model_is_made():
    stub: dict = {}
    exec(_CHECK, stub)
    own = stub["own_model"]("trained_model.safetensors")
    assert own.translate(["the cat sleeps"]) == [""] and "no points depend on it" in repr(own.page("mine.html"))
