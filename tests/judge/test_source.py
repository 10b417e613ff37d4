"""What the learner's source shows: facts about the text, and nothing where there is no text."""

from __future__ import annotations

import pytest

from autograde.exercises import exercise
from autograde.harness.call import Answer, Problem
from autograde.judge.judge import judge
from autograde.judge.source import is_stub, leftover, observe
from autograde.judge.verdict import FAILED, NOT_STARTED, SOURCE

STUB = 'def softmax(x, axis=-1):\n    """Shares."""\n    # YOUR CODE HERE\n    raise NotImplementedError()\n'
HEAD = "class TokenEmbedding(nn.Module):\n    def __init__(self, vocab_size, d_model, pad=0):\n"
CLASS = HEAD + "        super().__init__()\n        self.w = vocab_size, d_model, pad\n"
METHOD = "    def {}(self, ids):\n        return ids\n"
RETURNED = "    if x.shape[-1] % num_heads:\n        return ValueError(num_heads)\n    return x\n"
UNWRITTEN = Problem("NotImplementedError", "", ("NotImplementedError", "RuntimeError", "Exception"))

CASES = {
    "an argument is never used": ("softmax", "def softmax(x, axis=-1):\n    return np.exp(x) / np.exp(x).sum()\n"),
    "a name of the notebook in place of an argument": (
        "softmax",
        "def softmax(x, axis=-1):\n    e = np.exp(scores)\n    return e / e.sum(axis=axis)\n",
    ),
    "a return is missing": ("softmax", "def softmax(x, axis=-1):\n    e = np.exp(x) / np.exp(x).sum(axis=axis)\n"),
    "return in place of raise": ("split_heads", "def split_heads(x, num_heads):\n" + RETURNED),
    "a misspelt method": ("TokenEmbedding", CLASS + METHOD.format("foward")),
    "a method inside another": ("TokenEmbedding", CLASS + "    " + METHOD.format("forward").replace("\n ", "\n     ")),
    "a missing method": ("TokenEmbedding", CLASS),
}


@pytest.mark.parametrize("name", CASES)
def test_the_source_shows_it(name):
    asked, source = CASES[name]
    found = observe(exercise(asked), source)
    assert found is not None and found.name == name and found.sentence.endswith(".")


@pytest.mark.parametrize(
    "source",
    ["", "def softmax(:", "x = 1", "%matplotlib inline", "def softmax(x, axis=-1):\n    return np.exp(x).sum(axis)\n"],
)
def test_nothing_is_made_up(source):
    assert observe(exercise("softmax"), source) is None


def test_an_error_says_more_than_an_argument_that_is_not_used():
    assert observe(exercise("softmax"), CASES["an argument is never used"][1], raised=True) is None


def test_a_reference_is_never_blamed():
    import inspect

    from autograde import exercises

    for asked in exercises():
        found = observe(asked, inspect.getsource(asked.reference))
        assert found is None, f"{asked.name}: {found}"


def unanswered(name: str, source: str):
    asked = exercise(name)
    calls = asked.calls(0)
    return judge(asked, calls, [Answer(problem=UNWRITTEN)] * len(calls), source=source)


def test_an_untouched_stub_is_not_started():
    assert is_stub(exercise("softmax"), STUB) and leftover(exercise("softmax"), STUB) is None
    assert unanswered("softmax", STUB).state == NOT_STARTED


def test_a_raise_below_written_code_is_named_with_its_line():
    verdict = unanswered("softmax", STUB.replace("    # YOUR CODE HERE", "    e = np.exp(x)"))
    assert (verdict.state, verdict.evidence, verdict.score) == (FAILED, SOURCE, 0)
    assert "still in line 4 of `softmax`" in verdict.advice


def test_a_method_that_is_not_written_yet_is_named():
    source = CLASS + METHOD.format("forward").replace("return ids", "raise NotImplementedError()")
    assert unanswered("TokenEmbedding", source).advice == "`TokenEmbedding.forward` is not written yet."


def test_without_source_it_is_not_started():
    assert unanswered("softmax", "").state == NOT_STARTED


HANDED_ON = "def softmax(x, axis=-1):\n    return np.array(list(map(share, x)))\n"
CAUGHT = "def softmax(x, axis=-1):\n    try:\n        return x\n    except ValueError as error:\n        raise error\n"
IMPORTED = "def softmax(x, axis=-1):\n    from numpy import exp as power\n    return np.vectorize(power)(x)\n"


@pytest.mark.parametrize("source", [HANDED_ON, CAUGHT, IMPORTED])
def test_a_function_an_import_or_an_error_is_no_name_in_place_of_an_argument(source):
    found = observe(exercise("softmax"), source)
    assert found is not None and found.name == "an argument is never used"


def test_a_method_bound_by_assignment_is_not_missing():
    source = CLASS + METHOD.format("__call__") + "    forward = __call__\n"
    assert observe(exercise("TokenEmbedding"), source) is None


def test_a_decorator_may_write_the_special_methods():
    assert observe(exercise("TokenEmbedding"), "@dataclass\nclass TokenEmbedding:\n" + METHOD.format("forward")) is None
