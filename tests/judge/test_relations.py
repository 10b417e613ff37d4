"""Relations between expected and got: told where they hold on everything that fails, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autograde import all_exercises, assess
from autograde.harness.call import Answer, FunctionCall
from autograde.harness.plain import TensorData
from autograde.judge.compare import Comparison
from autograde.judge.relations import FINDERS, WHERE, Failure, Pair, relate, rounded
from autograde.judge.verdict import RELATION
from helpers.embeddings import positional_encoding_at
from helpers.multi_head import split_heads
from helpers.single_head import attention_scores, attention_weights, softmax

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6))
SQUARE = RNG.normal(size=(2, 5, 5))
MASK = np.array([[True, True, False, True], [True, False, False, True], [False, True, True, True]])
SCORES = RNG.normal(size=(3, 4))


def told(expected, got, *args, names=("x", "mask"), calls=1):
    return relate([failure(expected, got, *args, names=names)] * calls, (*FINDERS, *WHERE))


def failure(expected, got, *args, names=()):
    comparison = Comparison(lambda path, values: 1e-9)
    return Failure(
        call=FunctionCall(args), parameters=names, expected=Answer(expected), got=Answer(got), comparison=comparison
    )


def changed(array, where, value=9.0):
    other = array.copy()
    other[where] = value
    return other


CASES = {
    "returns an argument": (X + 1, X, (X,)),
    "transposed": (SQUARE, SQUARE.swapaxes(-1, -2), ()),
    "True and False exchanged": (MASK, ~MASK, ()),
    "an axis of size 1": (X, X[:, None, :], ()),
    "another shape": (X, X.reshape(6, 4), ()),
    "rounded": (X, X.round(3), ()),
    "its sign turned": (X, -X, ()),
    "the logarithm": (np.abs(X), np.log(np.abs(X)), ()),
    "1 minus the result": (X, 1 - X, ()),
    "a constant factor": (X, X * math.sqrt(6), (np.ones((2, 6)),)),
    "off by one": (np.array([3, 4]), np.array([4, 5]), ()),
    "reversed": (X, X[::-1], ()),
    "order of the rows": (X, X[[1, 0, 2, 3]], ()),
    "wrong only where mask is False": (SCORES, np.where(MASK, SCORES, 7.0), (X, MASK)),
    "wrong only above the diagonal": (SQUARE, np.where(np.triu(np.ones((5, 5)), 1) > 0, 7.0, SQUARE), ()),
    "wrong only in odd columns": (X, changed(X, (slice(None), slice(1, None, 2))), ()),
    "wrong only in the last along axis 0": (X, changed(X, -1), ()),
    "right only in the first along axis 0": (X, changed(X, slice(1, None)), ()),
    "the last item is missing": ([1, 2, 3], [1, 2], ()),
    "one item too many at the start": ([1, 2], [0, 1, 2], ()),
    "repeated items are lost": (["a", "b", "a", "c"], ["a", "b", "c"], ()),
    "the last row is missing": (X, X[:-1], ()),
    "one column too many at the start": (X[:, 1:], X, ()),
    "NaN": (X, changed(X, (1, 2), np.nan), ()),
    "infinite": (X, changed(X, 1, np.inf), ()),
    "whole numbers": (X, np.floor(X), ()),
    "a factor for each row": (X, X * np.array([[2.5], [0.3], [1.7], [1.1]]), ()),
    "a factor for each result": (X, X * 1.234, ()),
    "empty": ([1, 2, 3], [], ()),
    "the first item only": ([1, 2, 3], [1], ()),
    "ends early": ([1, 2, 3, 4], [1, 2], ()),
    "the first item again and again": ([1, 2, 3], [1, 1, 1], ()),
    "axes in another order": (RNG.normal(size=(2, 3, 4)), None, ()),
    "the end is missing": (X, X[:2], ()),
    "too much at the start": (X[2:], X, ()),
    "a part in place of the whole": (X, X[1], ()),
    "the same row everywhere": (X, X[[1, 1, 1, 1]], ()),
    "sorted": (X, np.sort(X), ()),
    "NaN or infinite": (X, changed(changed(X, (1, 2), np.nan), (0, 0), np.inf), ()),
    "no negative numbers": (X, np.maximum(X, 0), ()),
    "cut at 1": (3 * np.abs(X), np.minimum(3 * np.abs(X), 1), ()),
    "an argument missing in the sum": (X + X[2], X, (X[2],)),
    "an argument once too often in the sum": (X, X + X[1], (X[1],)),
    "an offset for each row": (X, X + np.array([[2.5], [0.3], [1.7], [1.1]]), ()),
    "an offset": (X, X + 0.37, ()),
    "nearly right": (X, X * (1 + 1e-4 * np.sign(SQUARE[0, :4, :1]) * np.arange(1, 7)), ()),
    "zeros": (X, changed(X, (slice(None), [0, 3]), 0.0), ()),
    "adds up to 1 along another axis": (softmax(SQUARE), softmax(SQUARE, -2), ()),
    "rows that do not add up to 1": (softmax(X), softmax(X) ** 3, ()),
    "too few pieces": (["the", "dog", "."], ["the", "dog."], ()),
    "too many pieces": (["the", "dog"], ["t", "h", "e", "dog"], ()),
    "cut in other places": (["the", "dog"], ["th", "edog"], ()),
    "empty strings": (["the", "dog"], ["", ""], ()),
    "marks are missing": (["a", ",", "b", ".", "c"], ["a", "b", "c"], ()),
    "special tokens too many": (["a", "b"], ["<pad>", "a", "<unk>", "b"], ()),
    "items are missing": (["a", "b", "c", "d"], ["a", "c"], ()),
    "items too many": ([1, 2, 3], [1, 5, 2, 6, 3], ()),
    "wrong: the first value": ((45, 5, 5), (90, 5, 5), ()),
    "wrong: the second and third value": ((75, 1, 1), (75, 0, 0), ()),
    "results exchanged": (({"a": 1}, {1: "a"}), ({1: "a"}, {"a": 1}), ()),
}

_HEADS = CASES["axes in another order"][0]
CASES["axes in another order"] = (_HEADS, _HEADS.transpose(1, 0, 2), ())


@pytest.mark.parametrize("name", CASES)
def test_a_relation_is_told(name):
    expected, got, args = CASES[name]
    found = told(expected, got, *args)
    assert found is not None and found.name == name
    assert found.sentence.endswith(".") and (found.sentence[0].isupper() or found.sentence[0] == "`")
    assert told(expected, expected, *args) is None


def test_an_only_item_is_the_last_one_too():
    lists = [failure([1, 2, 3], [1, 2]), failure([5], [])]
    assert relate(lists, FINDERS).name == relate(lists[::-1], FINDERS).name == "the last item is missing"
    assert relate(lists[1:], FINDERS).name == "empty"
    longer = [failure([1, 2], [1, 2, 3]), failure([], [5])]
    assert relate(longer, FINDERS).name == relate(longer[::-1], FINDERS).name == "one item too many at the end"


def test_calls_of_one_kind_are_told_where_others_of_that_kind_are_right():
    def wrong_with(*axes):
        def add_positions(x, encoding):
            wrong = x.ndim in axes and len(x) > 1
            return x + encoding[: x.shape[-2]] + wrong * np.cos(9 * x)

        return add_positions

    for axes, words in ([4], "only one kind of call is not (two leading axes)"), ([3, 4], "of one kind (leading axes)"):
        verdict = assess("add_positions", wrong_with(*axes))
        assert verdict.diagnosis == "wrong only: leading axes" and words in verdict.advice


def test_a_factor_is_told_as_the_root_of_a_size():
    found = told(X, X * math.sqrt(6), np.ones((2, 6)))
    assert found.sentence == "Every number is the root of `x.shape[-1]` times what is expected."


def test_a_result_in_billions_is_told():
    found = told(np.array(6e12), np.array(6e12 / 1e9))
    assert found.sentence == "Every number is what is expected, divided by a billion."


def test_infinity_may_have_been_filled_in():
    found = told(X, np.where(X > 0, X, -np.inf))
    assert found.name == "infinite" and "`inf` that is filled in" in found.sentence


def test_nan_may_be_what_nothing_has_filled():
    found = told(X, np.where(X > 0, X, np.nan))
    assert found.name == "NaN" and "nothing fills" in found.sentence


def told_about(names):
    return (
        f"The values are right, but no gradient reaches {names}. `.detach()`, `.data`, `torch.no_grad()`, "
        "`requires_grad=False` and the way through NumPy cut it off."
    )


def test_a_missing_gradient_names_its_parameter():
    expected, got = ({"gradients": {"w": value, "v": X}} for value in (X, np.zeros_like(X)))
    assert told(expected, got).sentence == told_about("`w`")


def test_several_missing_gradients_name_their_parameters():
    expected, got = ({"gradients": {"a": X, "b": value, "c": value}} for value in (X, np.zeros_like(X)))
    assert told(expected, got).sentence == told_about("`b` and `c`")
    assert told({"output": X, **expected}, {"output": -X, **got}) is None  # the gradients are not all that is wrong


def test_transposed_parameters_are_named_without_the_numbers_of_layers():
    right = {f"layers.{layer}.attention.{name}.weight": SQUARE[0] for layer in (0, 1) for name in ("key", "query")}
    turned = {name: weight.T for name, weight in right.items()}
    words = "have the right numbers, and rows and columns have changed places."
    assert told(right, turned).sentence == f"`attention.key.weight` and `attention.query.weight` {words}"
    assert told({"bias": X[0], **right}, {"bias": X[1], **turned}) is None  # not all that is wrong


def test_what_holds_wherever_there_is_no_error_is_told():
    def positional_encoding(length, d_model):
        return np.stack([positional_encoding_at(position, d_model) for position in range(length - 1)])

    verdict = assess("positional_encoding", positional_encoding)
    assert (verdict.diagnosis, verdict.evidence) == ("the last row is missing", RELATION)
    assert verdict.advice == "Where there is no error: the last row is missing; the rest is right."


def test_a_result_of_nothing_but_zeros_is_told_as_zeros():
    """All its rows are equal as well, which says less."""
    assert told(X, np.zeros_like(X)).sentence == "All numbers of the result are 0."
    assert told(X, np.ones_like(X)).name == "the same row everywhere"


def test_what_fails_in_two_ways_is_told_in_neither():
    assert relate([failure(X, -X), failure(X, X**3)], (*FINDERS, *WHERE)) is None


def test_a_few_wrong_numbers_make_no_region():
    assert told(SQUARE, changed(SQUARE, (0, 3, 1))) is None


@pytest.mark.parametrize("dtype", [np.int32, np.int16])
def test_where_only_the_dtype_differs_nothing_is_said_of_the_values(dtype):
    ids = TensorData(np.array([[1, 2], [1, 2]]))
    assert told(ids, TensorData(ids.array.astype(dtype))) is None


def test_random_numbers_have_no_relation():
    for seed in range(50):
        right, other = np.random.default_rng(seed).normal(size=(2, 4, 4))
        assert told(right, other, np.random.default_rng(seed + 99).normal(size=(3, 4))) is None


def test_every_finder_has_a_case():
    names = {told(expected, got, *args).name for expected, got, args in CASES.values()}
    assert len(names) == len(CASES) and len(FINDERS) + len(WHERE) < len(CASES)


def test_a_check_tells_the_relation():
    def doubled(query, key):
        return 2 * attention_scores(query, key)

    verdict = assess("attention_scores", doubled)
    assert (verdict.diagnosis, verdict.evidence) == ("a constant factor", RELATION)
    assert "Every number is 2 times what is expected." in verdict.message and "Probably" not in verdict.message


def test_no_relation_contradicts_a_right_answer():
    for exercise in all_exercises():
        if exercise.name in ("softmax", "split_heads", "attention_weights"):
            for variant in exercise.variants:
                assert assess(exercise.name, variant).diagnosis is None


def test_a_mask_of_moderate_numbers_is_seen_where_it_is():
    def moderate(scores, mask=None):
        if mask is None:
            return softmax(scores)
        return np.where(mask, attention_weights(scores, mask), 0.5)

    assert assess("attention_weights", moderate).diagnosis == "wrong only where mask is False"


def test_a_part_of_several_results_is_named():
    found = told((X, X + 1), (X, -X - 1))
    assert found.sentence == "The second result: the numbers have the opposite sign."


def test_transposed_heads_are_told_or_named():
    def turned(x, num_heads):
        return split_heads(x, num_heads).transpose(-1, -2)

    assert assess("split_heads", turned).diagnosis


def test_a_single_number_may_be_rounded_to_some_digits():
    pair = Pair("", 108_780_000_000.0, 110_000_000_000.0, {})
    assert rounded(pair).sentence.startswith("The result is rounded to 2 digits.")
    assert "1 decimal." in rounded(Pair("", X, X.round(1), {})).sentence
