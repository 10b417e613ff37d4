"""What the learner's source shows: facts about the text, and nothing where there is no text."""

from __future__ import annotations

import dataclasses

import pytest

from autograde.exercise import Misconception
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
UNWRITTEN = Problem(kind="NotImplementedError", text="", kinds=("NotImplementedError", "RuntimeError", "Exception"))

CASES = {
    "an argument is never used": ("softmax", "def softmax(x, axis=-1):\n    return np.exp(x) / np.exp(x).sum()\n"),
    "an unused argument, and a name of the notebook": (
        "softmax",
        "def softmax(x, axis=-1):\n    e = np.exp(scores)\n    return e / e.sum(axis=axis)\n",
    ),
    "a constant of the notebook": (
        "attention_scores",
        "def attention_scores(query, key):\n    return query @ key.T / D_HEAD\n",
    ),
    "defined twice": ("softmax", "def softmax(x, axis=-1):\n    return x + axis\n" * 2),
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
    assert observe(exercise("softmax"), CASES["an argument is never used"][1], raised="return e") is None


def test_a_model_in_evaluation_mode_does_not_hide_an_unused_argument():
    source = "def greedy_decode(model, source, bos=1, eos=2, max_length=50):\n    model.eval()\n"
    source += "    return model.decode(bos, model.encode(source), max_length)\n"
    found = observe(exercise("greedy_decode"), source)
    assert found is not None and found.sentence == "`eos` is never used in `greedy_decode`."


def test_a_reference_is_never_blamed():
    import inspect

    from autograde import all_exercises

    for asked in all_exercises():
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
    assert "Remove `raise NotImplementedError()` in line 4 of `softmax`" in verdict.advice


def test_a_raise_in_a_loop_is_named_with_its_line():
    source = STUB.replace("    # YOUR CODE HERE\n    raise", "    if axis:\n        raise")
    verdict = unanswered("softmax", source + "    return x\n")
    assert "in place of `raise NotImplementedError()` in line 4 of `softmax`" in verdict.advice
    twice = source.replace("return x", "raise NotImplementedError()")
    assert leftover(exercise("softmax"), twice + "    for _ in x:\n        raise NotImplementedError()\n") is None


def test_a_stub_below_the_written_function_counts_and_is_named():
    verdict = unanswered("softmax", "def softmax(x, axis=-1):\n    return x\n\n" + STUB)
    assert verdict.state == FAILED and "Remove the second `softmax`, in line 4" in verdict.advice
    assert unanswered("softmax", STUB + STUB).state == NOT_STARTED


def test_a_part_that_is_not_written_is_named():
    source = "def normalize(x, eps=1e-5):\n    mean, variance = row_statistics(x)\n    return x - mean\n"
    asked, lines = exercise("normalize"), ("line 2, in normalize: a", "line 3, in row_statistics: raise")
    for last, words in ((lines, "`row_statistics` that this code uses"), (lines[:1], "Something that this code uses")):
        problem = dataclasses.replace(UNWRITTEN, lines=last)
        calls = asked.calls(0)
        verdict = judge(asked, calls, [Answer(problem=problem)] * len(calls), source=source)
        assert verdict.state == FAILED and verdict.advice == f"{words} is not written yet."


KEPT = "def pad_batch(sequences, pad=0, rows=[]):\n    rows.append(sequences)\n    return rows, pad\n"


def test_a_default_that_is_kept_between_calls():
    found = observe(exercise("pad_batch"), KEPT, from_second_call=True)
    assert found is not None and found.name == "a mutable default" and "default of `rows`" in found.sentence
    assert observe(exercise("pad_batch"), KEPT) is None  # the first call is wrong already
    made_anew = KEPT.replace("rows.append", "rows = list(rows)\n    rows.append")
    assert observe(exercise("pad_batch"), made_anew, from_second_call=True) is None


def test_a_method_that_is_defined_twice():
    found = observe(exercise("TokenEmbedding"), CLASS + 2 * METHOD.format("forward"))
    assert found is not None and found.name == "defined twice"
    assert found.sentence == "Keep one `forward`: it is defined twice, and the last one counts, in line 7."


GLOBAL = """
def scaled_dot_product_attention(query, key, value, mask=None):
    weights = attention_weights(scores, mask)
    return weights @ value, weights
"""


def test_a_name_of_the_notebook_in_place_of_two_arguments():
    asked = exercise("scaled_dot_product_attention")
    words = (
        "Use `query` and `key` in `scaled_dot_product_attention`: these arguments are never used, and `scores` is read "
        "from the notebook."
    )
    for raised in (None, "weights = attention_weights(scores, mask)"):
        found = observe(asked, GLOBAL, raised)
        assert found is not None and words in found.sentence
    assert observe(asked, GLOBAL, "return weights @ value, weights") is None


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


def test_a_misconception_is_refuted_by_the_source():
    def wrong(**evidence):
        return Misconception("sign kept", None, "Take the absolute value.", **evidence)

    assert wrong().may_be_in("x")
    assert not wrong(unless=r"\.abs\(").may_be_in("moved.abs().max()")
    assert wrong(unless=r"\.abs\(").may_be_in("moved.max()")
    assert wrong(only="mean").may_be_in("moved.mean()") and not wrong(only="mean").may_be_in("moved.max()")
