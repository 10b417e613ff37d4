"""A check in a notebook says when what it finds is not what the cell above defines now."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from autograde.judge.verdict import ERROR, FAILED, PASSED, Verdict
from autograde.learner.runs import Older, Refused, Run, doubt

RIGHT = "def softmax(x, axis=-1):\n    return x\n"
RENAMED = RIGHT.replace("softmax", "soft_max")
BROKEN = RIGHT.replace("):", ")")


def refusal(source: str) -> SyntaxError:
    with pytest.raises(SyntaxError) as caught:
        compile(source, "<cell>", "exec")
    return caught.value


def run(source: str, cell: str | None = "a") -> Run:
    try:
        compile(source, "<cell>", "exec")
    except SyntaxError as error:
        return Run(cell=cell, source=source, refused=error, ended=100.0)
    return Run(cell=cell, source=source, ended=100.0)


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ([], RIGHT),
        ([run(RIGHT)], RIGHT),
        ([run(BROKEN), run(RIGHT)], RIGHT),
        ([run(RIGHT), run("1 +", cell="b"), run("print(softmax)", cell="b")], RIGHT),
        ([run(RIGHT), run(RENAMED, cell="b")], RIGHT),  # another cell may define what it likes
        ([run(RIGHT, cell=None), run(RENAMED, cell=None)], RIGHT),  # nothing says which cell it was
        ([run(RIGHT), run(RENAMED)], "def softmax(x): return 0"),  # the object has another source
        ([run(RIGHT), run("softmax = other")], RIGHT),
        ([run(RIGHT), run("from mine import one as softmax")], RIGHT),
        ([run(RIGHT), Run(cell="a", source="%run mine.py")], RIGHT),
        ([run(RIGHT), run(RENAMED), run(RIGHT)], RIGHT),
        ([run(RIGHT), run(BROKEN, cell="scratch")], RIGHT),  # the cell of the answer is still as it was run
    ],
)
def test_nothing_is_doubted_without_a_reason(known, text):
    assert doubt("softmax", text, known) is None


@pytest.mark.parametrize("cell", ["a", None])
@pytest.mark.parametrize("remembered", [True, False])
def test_a_syntax_error_is_told_with_its_line_and_nothing_older_is_judged(cell, remembered):
    known = [run(RIGHT, cell)] * remembered + [run(BROKEN, cell)]
    found = doubt("softmax", RIGHT if remembered else None, known)
    assert isinstance(found, Refused)
    verdict = found.verdict("softmax", 3, remembered)
    assert (verdict.state, verdict.score) == (ERROR, 0)
    assert "SyntaxError in line 1, expected ':'." in verdict.advice
    assert ("older definition" in verdict.advice) == remembered
    assert verdict.facts == (("In your code", "line 1: def softmax(x, axis=-1)"),)


def test_a_misspelt_def_is_found_by_its_cell():
    assert isinstance(doubt("softmax", RIGHT, [run(RIGHT), run(RIGHT.replace("def", "dfe"))]), Refused)
    assert doubt("softmax", RIGHT, [run(RIGHT), run(RIGHT.replace("def", "dfe"), cell="b")]) is None


def test_a_renamed_function_is_an_older_definition_that_does_not_pass():
    found = doubt("softmax", RIGHT, [run(RIGHT), run(RENAMED)])
    assert isinstance(found, Older) and "defines `soft_max` in its place" in found.sentence
    passed = found.of(Verdict(name="softmax", passed=True, state=PASSED, score=1.0))
    assert (passed.passed, passed.state, passed.score) == (False, FAILED, 0)
    assert "older definition, which is still in memory, is right" in passed.advice
    failed = found.of(Verdict(name="softmax", passed=False, state=FAILED, score=0.0, advice="Wrong."))
    assert failed.advice.endswith("This check judged the older definition. Wrong.")


def test_a_cell_that_was_saved_and_not_run(tmp_path):
    file = tmp_path / "lesson.ipynb"
    file.write_text(json.dumps({"cells": [{"id": "a", "source": RIGHT.splitlines(keepends=True)}]}))
    os.utime(file, (200, 200))
    assert doubt("softmax", RIGHT, [run(RIGHT)], file) is None
    file.write_text(file.read_text().replace("return x", "return 2 * x"))
    os.utime(file, (50, 50))  # an older file says nothing of the cell now
    assert doubt("softmax", RIGHT, [run(RIGHT)], file) is None
    os.utime(file, (200, 200))
    found = doubt("softmax", RIGHT, [run(RIGHT)], file)
    assert isinstance(found, Older) and "has changed since it was last run" in found.sentence
    assert found.of(Verdict(name="softmax", passed=True, state=PASSED, score=1.0)).passed
    file.write_text("{")
    os.utime(file, (200, 200))
    assert doubt("softmax", RIGHT, [run(RIGHT)], file) is None


def test_in_a_notebook(tmp_path):
    """IPython tells the cells that it runs, also those that are not Python; a class is found by its functions."""
    script = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def run(source, cell):
    shell.run_cell(source, store_history=True, cell_id=cell)
run("import numpy as np\\nfrom autograde import check", "0")
run({RIGHT!r}, "a")
run({BROKEN!r}, "a")
run("check('softmax')", "b")
run({RENAMED!r}, "a")
run("check('softmax')", "b")
run("class Vocabulary:\\n    def __init__(self, sentences, max_size=None):\\n        pass", "c")
run("check('Vocabulary')", "d")
"""
    home = {**os.environ, "IPYTHONDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=home, cwd=tmp_path)
    assert "SyntaxError in line 1, expected ':'" in done.stdout, done.stdout + done.stderr
    assert "Define `softmax` in its cell again: what was run last defines `soft_max` in its place." in done.stdout
    assert "`Vocabulary` has no method `__len__`." in done.stdout


def test_a_check_in_the_cell_of_the_definition_judges_what_that_cell_defines(tmp_path):
    script = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def run(source):
    shell.run_cell(source, store_history=True, cell_id="a")
run({BROKEN!r})
run("from autograde import check\\n" + {RIGHT!r} + "check('softmax')")
run({RIGHT!r})
run({BROKEN!r})
run({RIGHT!r} + "check('softmax')")
"""
    home = {**os.environ, "IPYTHONDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=home, cwd=tmp_path)
    assert done.stdout.count("softmax: not right yet") == 3, done.stdout + done.stderr
    assert "The cell cannot run" not in done.stdout
