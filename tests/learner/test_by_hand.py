"""Numbers typed by the learner and guesses: an answer at once, no points, and nothing of the answer in a release."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest

import autograde
from autograde import by_hand, predict
from autograde.course.lessons import LESSONS
from autograde.exercise import ByHand
from autograde.exercises import by_hand_numbers
from autograde.grading.sandbox.rootfs import _CHECK
from autograde.learner import by_hand as module
from autograde.learner import predict as predicting
from conftest import ROOT

SCORE = ByHand(
    name="score of bites",
    value=1.1547,
    hint="Divide the product by the root.",
    slips={2.0: "This is the product itself."},
)
ROW = ByHand(name="row of dog", value=[0.25, 0.75], hint="The shares add up to 1.")


@pytest.fixture(autouse=True)
def numbers(monkeypatch):
    monkeypatch.setattr(module, "by_hand_numbers", lambda: {number.name: number for number in (SCORE, ROW)})
    module._wrong.clear()
    predicting._kept.clear()


@pytest.mark.parametrize("value", [1.1547, 1.15, 1.16, 1.155, np.float32(1.15), np.array(1.15), 2 / 3**0.5])
def test_a_right_number_may_be_rounded(value, capsys):
    by_hand("score of bites", value)
    assert capsys.readouterr().out == "✓ score of bites: right\nIt is 1.15.\n"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("score of bites", ..., "○ score of bites: type your number"),
        ("score of bites", None, "in place of `...`"),
        ("score of bites", "1.15", "Type a number such as `0.25`."),
        ("score of bites", float("nan"), "Type a number"),
        ("score of bites", 1.17, "✗ score of bites: not yet\nDivide the product by the root."),
        ("score of bites", 2, "This is the product itself."),
        ("score of bites", 2.004, "✗ score of bites: not yet\nDivide the product by the root."),
        ("score of bites", 1.2, "✗ score of bites: not yet\nRight so far: give 2 decimals."),
        ("score of bites", 1, "Right so far: give 2 decimals."),
        ("score of bites", [1.15], "Expected one number, got a list of 1 number."),
        ("row of dog", [0.25, 0.75], "right\nIt is [0.25, 0.75]."),
        ("row of dog", (0.75, 0.25), "The shares add up to 1."),
        ("row of dog", 0.25, "Expected a list of 2 numbers, got one number."),
        ("row of dog", [0.2, 0.8], "Right so far: give 2 decimals."),
        ("row of dog", [[1], [1, 2]], "or a list of numbers"),
    ],
)
def test_what_is_said(name, value, words, capsys):
    by_hand(name, value)
    assert words in capsys.readouterr().out


def test_several_numbers_may_be_typed_without_brackets(capsys):
    by_hand("row of dog", 0.25, 0.75)
    assert "right\n" in capsys.readouterr().out


def test_a_rounded_number_that_may_be_a_slip_as_well_is_told_neither(monkeypatch, capsys):
    near = ByHand(name="share", value=0.52, hint="Divide.", slips={0.5: "This is a half."})
    monkeypatch.setattr(module, "by_hand_numbers", lambda: {"share": near})
    by_hand("share", 0.5)
    assert capsys.readouterr().out == "✗ share: not yet\nGive 2 decimals.\n"


def test_the_number_is_shown_after_three_wrong_ones(capsys):
    for _ in range(2):
        by_hand("score of bites", 3)
    assert "1.15" not in capsys.readouterr().out
    by_hand("score of bites", 3)
    assert "The number is 1.15." in capsys.readouterr().out


def test_an_unknown_name_is_told():
    with pytest.raises(KeyError, match="Did you mean 'score of bites'"):
        by_hand("score of bite", 1)
    for forgotten in (0.25, [0.25, 1]):
        with pytest.raises(TypeError, match="Write the name first, in quotes as the lesson has it, then your number"):
            by_hand(forgotten)


def test_a_guess_is_kept_and_shown_with_the_result(capsys):
    predict()
    assert capsys.readouterr().out == ""
    predict("")
    assert "no prediction yet" in capsys.readouterr().out
    predict("it grows", "How does the loss change?")
    assert capsys.readouterr().out == "✓ Kept: it grows\n"
    predict()
    assert capsys.readouterr().out == "☞ You predicted: it grows\n"
    predict(...)
    predict()
    assert "it grows" not in capsys.readouterr().out


def test_in_grading_they_are_there_and_do_nothing(capsys):
    stub: dict = {}
    exec(_CHECK, stub)
    assert set(autograde.__all__) - {"Verdict"} <= stub.keys()
    assert stub["by_hand"]("score of bites", 1) is stub["predict"]("it grows", "why?") is stub["predict"]() is None
    assert capsys.readouterr() == ("", "")


# --- the lessons ----------------------------------------------------------------------------------------------------


def _names_in(lesson) -> list[str]:
    tree = ast.parse((ROOT / "solutions" / lesson.name / f"{lesson.name}.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    asked = [call for call in calls if call.func.id == "by_hand"]
    for call in asked:
        assert isinstance(call.args[1], ast.Constant) and call.args[1].value is ..., "no number is released"
    return [call.args[0].value for call in asked]


def test_every_number_is_asked_once_in_its_lesson():
    asked = [name for lesson in LESSONS for name in _names_in(lesson)]
    assert sorted(asked) == sorted(by_hand_numbers())


def test_every_predict_first_keeps_the_guess():
    for lesson in LESSONS:
        text = (ROOT / "solutions" / lesson.name / f"{lesson.name}.py").read_text(encoding="utf-8")
        kept = re.findall(r'^predict\(\s*""', text, re.MULTILINE)
        assert text.count("**Predict first") <= len(kept), lesson.name


def test_every_number_can_be_told_from_its_slips():
    for number in by_hand_numbers().values():
        wanted = np.asarray(number.value, float)
        assert np.isfinite(wanted).all() and number.hint.endswith("."), number.name
        for slip, sentence in number.slips.items():
            assert sentence.endswith(".") and not module._near(np.asarray(slip), wanted, number.places), number.name
        rounded = [repr(np.round(slip, number.places).tolist()) for slip in number.slips]
        assert len(set(rounded)) == len(rounded), f"{number.name}: two slips give the same digits"
