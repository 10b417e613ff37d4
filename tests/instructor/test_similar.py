"""Uncommon answers that students share: found whatever their names, and nothing that is common."""

from __future__ import annotations

import ast
import inspect

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from autograde.cli import main
from autograde.exercises import exercise
from autograde.instructor import similar
from autograde.instructor.similar import Pair

SOFTMAX = """
def softmax(x, axis=-1):
    shifted = x - x.max(axis=axis, keepdims=True)
    total = 0
    for part in np.moveaxis(np.exp(shifted), axis, 0):
        total = total + part
    return np.exp(shifted) / np.expand_dims(total, axis)
"""
RENAMED = '''
def softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """My own."""
    a = scores - scores.max(axis=axis, keepdims=True)
    b: int = 0
    for c in np.moveaxis(np.exp(a), axis, 0):
        b = b + c  # add
    return np.exp(a) / np.expand_dims(b, axis)
'''
PROJECT = """
def project(x, w_query, w_key, w_value):
    results = []
    for w in (w_query, w_key, w_value):
        results.append(np.einsum("...i,ij->...j", x, w))
    return tuple(results)
"""
OTHER = PROJECT.replace('np.einsum("...i,ij->...j", x, w)', "np.matmul(x, np.array(w))")
EXERCISES = [exercise("softmax"), exercise("project")]


def defined(*sources: str) -> dict[str, ast.AST]:
    return {node.name: node for source in sources for node in ast.parse(source).body}


def test_the_same_answers_under_other_names_make_a_pair():
    answers = {"ada": defined(SOFTMAX, PROJECT), "ben": defined(RENAMED, PROJECT), "cleo": defined(OTHER)}
    assert similar.pairs(answers, EXERCISES) == [Pair(("ada", "ben"), ("softmax", "project"))]


def test_one_shared_answer_or_a_different_one_makes_none():
    answers = {"ada": defined(SOFTMAX, PROJECT), "ben": defined(RENAMED, OTHER)}
    assert similar.pairs(answers, EXERCISES) == []


def test_what_many_wrote_is_no_reason_to_look():
    answers = {f"student-{number}": defined(SOFTMAX, PROJECT) for number in range(4)}
    assert similar.pairs(answers, EXERCISES) == []
    del answers["student-3"]
    assert len(similar.pairs(answers, EXERCISES)) == 3


def test_references_variants_and_known_mistakes_are_left_out():
    for asked in EXERCISES:
        for code in (
            asked.reference,
            *asked.variants,
            *(misconception.wrong for misconception in asked.misconceptions),
        ):
            node = ast.parse(inspect.getsource(code)).body[0]
            form = similar._form(node)
            assert not form or form in similar._known(asked), f"{asked.name}: {code}"


def test_a_submission_is_read_and_not_run(tmp_path):
    cells = ["%matplotlib inline", "raise SystemExit", "def f(:", SOFTMAX, SOFTMAX.replace("total = 0", "total = 1")]
    file = tmp_path / "lesson.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(text) for text in cells]), file)
    assert ast.unparse(similar.definitions(file)["softmax"]).count("total = 1") == 1
    file.write_text("not a notebook")
    assert similar.definitions(file) == {} == similar.definitions(tmp_path / "missing.ipynb")


def test_a_wrong_answer_of_the_catalogue_may_be_a_lambda():
    assert not similar.pairs({}, [exercise("recurrent_cost")])


def test_a_lesson_that_nobody_handed_in_is_said(classroom_3, capsys):
    assert main(["similar", "3"]) == 2 and "There are no submissions of 03_single_head." in capsys.readouterr().err
