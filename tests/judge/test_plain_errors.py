"""What an exception says, in plain words: real errors of NumPy, PyTorch and Python, on learners' lines."""

from __future__ import annotations

import linecache
import math
import traceback

import numpy as np
import pytest
import torch

from autograde.exercises import exercise
from autograde.harness.call import Problem
from autograde.harness.problems import learner_lines
from autograde.judge.plain_errors import described

X = np.ones((2, 3))
CASES = {
    "sizes of a product": "x @ x",
    "an axis is lost": "x - x.max(axis=-1)",
    "shapes that do not go together": "x + np.ones((3, 2))",
    "shapes that cannot be joined": "np.concatenate([x, np.ones((3, 2))], axis=1)",
    "another number of values in the new shape": "x.reshape(4, 2)",
    "another number of axes": "x.transpose(0, 2, 1)",
    "an axis that is not there": "x.sum(axis=2)",
    "a mask of another shape in square brackets": "x[np.ones((2, 1), bool)]",
    "rows of different lengths": "np.array([[1, 2], [3]])",
    "an index beyond the end": "[1, 2][len(x)]",
    "not among them": "[1, 2].index(len(x[0]))",
    "no equal parts": "np.split(x, 2, axis=1)",
    "more than there are": "torch.ones(3).topk(4)",
    "an index that is no whole number": "torch.ones(3)[torch.ones(2)]",
    "an array in the place of a number": "math.sqrt(x)",
    "an array in the place of a whole number": "[1, 2][x]",
    "classes on another axis": "torch.nn.functional.cross_entropy(torch.ones(1, 3, 4), torch.ones(1, 3).long())",
    "two dtypes that do not go together": "torch.ones(2, 2) @ torch.from_numpy(x[:, :2])",
    "a mean of whole numbers": "torch.tensor([1, 2]).mean()",
    "an attribute that is not there": "x.foo",
    "an unknown name": "y + 1",
    "a key that is not there": "{1: 2}[3]",
    "types that do not go together": "[1] + 1",
    "a value is called": "x(1)",
    "a single value taken apart": "[one for one in 3]",
    "a single value with an index": "len(x)[0]",
    "a whole number is needed": "range(2.5)",
    "a key that can change": "{[1]: 2}",
    "a division by zero": "1 / (2 - len(x))",
    "a number outside the domain": "math.log(0 * len(x))",
    "nothing to choose from": "max([])",
    "an argument that is not there": "np.sum(x, foo=1)",
}


def problem_of(source: str) -> Problem:
    file = f"<{source}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace = {"np": np, "torch": torch, "math": math}
    exec(compile(source, file, "exec"), namespace)
    try:
        namespace["softmax"](X)
    except Exception as error:
        assert traceback.extract_tb(error.__traceback__)
        return Problem(kind=type(error).__name__, text=str(error), lines=learner_lines(error))
    raise AssertionError("no error")


@pytest.mark.parametrize("name", CASES)
def test_an_error_is_told_in_plain_words(name):
    expression = CASES[name]
    source = f"def softmax(x, axis=-1):\n    return {expression}\n"
    found = described(exercise("softmax"), problem_of(source), source)
    assert found is not None and found.name == name, found
    assert found.sentence.endswith(".") and "{" not in found.sentence


def test_values_and_names():
    source = "def softmax(x, axis=-1):\n    batch, rows, columns = x.shape\n    return x\n"
    found = described(exercise("softmax"), problem_of(source), source)
    assert found.sentence == (
        "The line has names for 3 values, and there are fewer. The array has another number of axes in this call."
    )


def test_a_function_inside_a_function_goes_by_its_own_name():
    text = "table_translator.<locals>.Translator.forward() missing 1 required positional argument: 'target_input'"
    found = described(exercise("train_step"), Problem(kind="TypeError", text=text), None)
    assert found.sentence == "`Translator` is called without `target_input`."


def test_an_error_of_its_own():
    source = "def softmax(x, axis=-1):\n    if axis < 0:\n        raise ValueError('negative')\n    return x\n"
    found = described(exercise("softmax"), problem_of(source), source)
    assert found.name == "an error where none belongs"


def test_a_product_tells_its_line_and_sizes():
    source = "def softmax(x, axis=-1):\n    return x @ x\n"
    found = described(exercise("softmax"), problem_of(source), source)
    assert found.sentence.startswith("In `x @ x` the last axis of the left side has the size 3, the second-last of the")


def test_what_is_not_known_is_left_to_python():
    problem = Problem(kind="OSError", text="something else", lines=("line 1, in softmax: return x",))
    assert described(exercise("softmax"), problem, None) is None
