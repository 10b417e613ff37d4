"""`course prove`: the rules that make mutants, what is reported about them, and the proof of every exercise."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from autograde.author import prove
from autograde.author.prove import equivalent, proof, record, table
from autograde.author.prove.equivalent import Equivalent, Survivor
from autograde.author.prove.mutants import build, mutants_of
from autograde.author.prove.proof import Proof
from autograde.exercises import all_exercises, exercise
from autograde.harness import invoke
from autograde.harness.call import Answer, Problem
from autograde.judge.answer_key import AnswerKey
from conftest import ROOT

REASONS = equivalent.read()
SUM = "total = np.sum(x * weights, axis=axis, keepdims=True)"


def shares(x, weights, mask=None, axis=-1):
    """Something of everything that the rules change."""
    if mask is not None and len(x) > 1:
        x = np.where(~mask, -np.inf, x)
    total = np.sum(x * weights, axis=axis, keepdims=True)
    for row in x[1:]:
        total += row
    if total.size == 0:
        raise ValueError(f"nothing in {x}")
    return x / total, total


class Stack:
    def __init__(self, first, second):
        self.first = first
        self.second = second

    @staticmethod
    def both(x):
        return [x, x]

    def run(self, x):
        return self.second(self.first(x))


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("if mask is not None and len(x) > 1:", "if mask is None and len(x) > 1:"),
        ("if mask is not None and len(x) > 1:", "if mask is not None or len(x) > 1:"),
        ("if mask is not None and len(x) > 1:", "if len(x) > 1:"),
        ("if mask is not None and len(x) > 1:", "if mask is not None and len(x) >= 1:"),
        ("if mask is not None and len(x) > 1:", "if mask is not None and len(x) > 2:"),
        ("if mask is not None and len(x) > 1:", "if False:"),
        ("if mask is not None and len(x) > 1:", ""),
        ("x = np.where(~mask, -np.inf, x)", ""),
        ("x = np.where(~mask, -np.inf, x)", "x = np.where(mask, -np.inf, x)"),
        ("x = np.where(~mask, -np.inf, x)", "x = np.where(~mask, -50.0, x)"),
        ("x = np.where(~mask, -np.inf, x)", "x = np.where(~mask, x, -np.inf)"),
        (SUM, "total = np.sum(x / weights, axis=axis, keepdims=True)"),
        (SUM, "total = np.sum(x * weights, keepdims=True)"),
        (SUM, "total = np.sum(x * weights, axis=axis, keepdims=False)"),
        (SUM, "total = np.sum(x, axis=axis, keepdims=True)"),
        (SUM, "total = x * weights"),
        (SUM, "total = np.sum(x * mask, axis=axis, keepdims=True)"),
        ("for row in x[1:]:", "for row in x[:]:"),
        ("for row in x[1:]:", "break"),
        ("total += row", "total = row"),
        ("total += row", "total -= row"),
        ("raise ValueError(f'nothing in {x}')", "raise ValueError()"),
        ("return (x / total, total)", "return (total, x / total)"),
        ("return (x / total, total)", "return total"),
        ("return (x / total, total)", "return (total / x, total)"),
        ("def shares(x, weights, mask=None, axis=-1):", "def shares(x, weights, mask=None, axis=0):"),
    ],
)
def test_a_function_is_changed_by(line, changed):
    assert (line, changed) in {(mutant.line, mutant.changed) for mutant in mutants_of(shares)}


def test_a_class_is_changed_by():
    changes = {(mutant.line, mutant.changed) for mutant in mutants_of(Stack)}
    assert ("return self.second(self.first(x))", "return self.first(self.first(x))") in changes
    assert ("self.second = second", "self.second = first") in changes
    assert ("@staticmethod", "") in changes


def test_each_mutant_is_other_code_and_can_be_told_by_its_line():
    for asked in all_exercises():
        mutants = mutants_of(asked.reference)
        assert len({mutant.source for mutant in mutants}) == len(mutants)
        assert all(mutant.line and mutant.line != mutant.changed for mutant in mutants)


def test_a_mutant_is_an_object_of_its_own():
    mutant = next(mutant for mutant in mutants_of(shares) if mutant.changed == "return total")
    changed = build(mutant, shares)
    x = np.array([[1.0, 3.0]])
    assert np.array_equal(changed(x, 1), [[4.0]]) and len(shares(x, 1)) == 2


def _found(**changes) -> Proof:
    facts = {"exercise": "softmax", "lesson": "03_single_head", "seeds": 2, "mutants": 10, "named": 3, "explained": 5}
    facts |= {"survivors": (), "misconceptions": 4, "nameless": (), "variants": 3, "refused": ()}
    return Proof(**{**facts, **changes})


def test_what_a_proof_finds_fault_with():
    survivor = Survivor("a = 1", "a = 2", (0, 1))
    reason = Equivalent("softmax", "a = 1", "a = 2", "a is not used")
    assert _found().faults([]) == []
    assert _found(survivors=(survivor,)).faults([]) == ["survives: a = 1  ->  a = 2"]
    assert _found(survivors=(survivor,)).faults([reason]) == []
    assert _found().faults([reason]) == ["no such survivor, delete the reason: a = 1  ->  a = 2"]
    assert _found(nameless=(("overflow", (1,)),)).faults([]) == ["is not named: overflow (seeds [1])"]
    assert _found(refused=(("loop", (0,)),)).faults([]) == ["is refused: loop (seeds [0])"]


def test_a_call_that_a_busy_machine_cut_off_is_asked_once_more(monkeypatch):
    asked = exercise("softmax")

    def passes(late: int) -> bool:
        """Whether the reference passes if its first `late` answers come too late."""
        cut_off = iter([Answer(problem=Problem("TimeIsUp", "", ()))] * late)
        monkeypatch.setattr(proof, "answer", lambda obj, call, _: [next(cut_off, None) or invoke.answer(obj, call)[0]])
        return proof._passes(AnswerKey(asked, asked.calls(0)), asked.reference)

    assert passes(0) and passes(1)
    assert not passes(2)


def test_a_weak_check_is_found_out(monkeypatch):
    """With the first call alone, by hand and without an axis, the check of softmax accepts wrong code."""
    asked = exercise("softmax")
    monkeypatch.setattr(type(asked), "calls", lambda self, seed=0: self.make_calls(np.random.default_rng(seed))[:1])
    found = proof._proof(asked, 1)
    assert "exponentials = np.exp(x)" not in found.faults([])
    assert "survives: shifted = x - np.max(x, axis=axis, keepdims=True)  ->  shifted = x" in found.faults([])
    assert any(fault.startswith("is not named: axis ignored") for fault in found.faults([]))
    assert equivalent.unexplained(asked.name, proof.survivors(asked), []) == [
        fault for fault in found.faults([]) if fault.startswith("survives")
    ]


def test_a_mutant_may_end_its_process(monkeypatch):
    """As one of DecoderLayer's does, in PyTorch's backward pass; the others are tried all the same."""
    monkeypatch.setattr(
        proof, "_of_mutant", lambda keys, obj, source: os._exit(1) if _gives_back(obj) else proof.Trial()
    )
    asked = exercise("relu")
    mutants = mutants_of(asked.reference)
    trials = list(proof._trials(asked, 1, len(mutants)))
    ended = [number for number, mutant in enumerate(mutants) if _gives_back(build(mutant, asked.reference))]
    assert ended and [n for n, trial in enumerate(trials) if trial == proof._ENDS_THE_PROCESS] == ended
    assert len(trials) == len(mutants) + len(asked.misconceptions) + len(asked.variants)


def _gives_back(function) -> bool:
    try:
        return function(-3.0) == -3.0
    except TypeError:
        return False


def test_an_unchanged_exercise_is_not_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    asked = exercise("relu")
    first = proof.prove(asked, 1)
    monkeypatch.setattr(proof, "_proof", lambda exercise, seeds: pytest.fail("tried again"))
    assert proof.prove(asked, 1) == first
    with pytest.raises(pytest.fail.Exception):
        proof.prove(asked, 2)
    monkeypatch.setattr(proof.fingerprints, "of_exercise", lambda exercise: "changed")
    with pytest.raises(pytest.fail.Exception):
        proof.prove(asked, 1)


def test_what_is_proven_is_so_until_it_changes(tmp_path, monkeypatch):
    file, faulty = tmp_path / "proven.json", _found(exercise="softmax", refused=(("loop", (0,)),))
    record.write([_found(exercise="relu"), _found(exercise="linear", seeds=1), faulty], [], file)
    assert record.is_proven(exercise("relu"), [], file)
    assert not record.is_proven(exercise("softmax"), [], file), "it has a fault"
    assert not record.is_proven(exercise("linear"), [], file), "it was tried with fewer inputs than the guards take"
    assert not record.is_proven(exercise("encode"), [], file), "it was not tried"
    reason = Equivalent("relu", "a = 1", "a = 2", "a is not used")
    assert not record.is_proven(exercise("relu"), [reason], file), "a survivor has a reason since"
    monkeypatch.setattr(proof.fingerprints, "of_exercise", lambda exercise: "changed")
    assert not record.is_proven(exercise("relu"), [], file)


@pytest.mark.parametrize("asked", all_exercises(), ids=lambda exercise: exercise.name)
def test_no_mutant_survives_without_a_reason(asked, unless_proven):
    """With the first inputs, and nothing said; `course prove --full` takes twenty, and reads the messages."""
    unless_proven(asked)
    assert equivalent.unexplained(asked.name, proof.survivors(asked), REASONS) == []


def test_reasons_are_for_exercises_that_exist():
    assert {reason.exercise for reason in REASONS} <= {exercise.name for exercise in all_exercises()}
    assert all(reason.why for reason in REASONS)


def test_the_page_is_up_to_date():
    page = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE))
    assert rows == {exercise.name: str(len(mutants_of(exercise.reference))) for exercise in all_exercises()}, (
        "run `course prove --full`"
    )
    assert "accepted although wrong**" not in page.replace("0 accepted although wrong**", "")


def test_the_page_tells_survivors_and_their_reasons():
    survivors = (Survivor("a = 1", "a = 2", (0,)), Survivor("b = 1", "", (0,)))
    text = table.page([_found(survivors=survivors)], [Equivalent("softmax", "a = 1", "a = 2", "a is not used")])
    assert "| `softmax` | 10 | 8 | 1 | 3 | 5 | 4 of 4 | 3 of 3 |" in text
    assert "- `` a = 1 `` → `` a = 2 ``: a is not used" in text
    assert "- `` b = 1 `` → left out: **accepted although wrong**" in text


def test_only_a_full_proof_of_everything_writes_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(record, "write", lambda *arguments: pytest.fail("not all are proven"))
    assert prove.run([exercise("relu")], 1, 1, full=True) == 0
    assert "1 exercise," in capsys.readouterr().out and not list((tmp_path / "docs").iterdir())
