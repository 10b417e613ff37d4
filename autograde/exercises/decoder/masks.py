"""Lesson 7: masks."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.decoder.inputs import floats, random_ids, random_mask, with_padding
from autograde.exercises.libraries import TRANSFORMER
from autograde.exercises.mistakes.decoder import masks as m
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers import decoder as right

LESSON = "07_decoder"

# --- causal_mask ----------------------------------------------------------------------------------------------------


def _causal_calls(rng):
    return [
        Call((3,), note="by hand: row i may see the columns 0 to i"),
        Call((int(rng.integers(4, 7)),)),
        Call((int(rng.integers(7, 10)),)),
        Call((1,), note="one token alone sees itself"),
    ]


CAUSAL = Exercise(
    name="causal_mask",
    lesson=LESSON,
    title="no look into the future",
    points=2,
    minutes=4,
    hints=(
        "Rows are queries, columns are keys. Row 0 may see column 0, row 1 the columns 0 and 1, and so on: everything on and below the diagonal. PyTorch has a method that keeps this part of a matrix.",
        "Start from a square matrix of True, `torch.ones(..., dtype=torch.bool)`; `tril` sets what lies above the diagonal to False. Comparing two `torch.arange(length)`, one as a column, works as well.",
    ),
    reference=right.causal_mask,
    forbidden=TRANSFORMER,
    make_calls=_causal_calls,
    misconceptions=(
        Misconception(
            "the future in place of the past",
            m.causal_future,
            "The True entries lie above the diagonal: a token sees itself and what comes after. Take the lower triangle, `tril`.",
        ),
        Misconception(
            "mask upside down",
            m.causal_upside_down,
            "True stands where a token may *not* look. In this course True means *may attend*; turn the mask round.",
        ),
        Misconception(
            "a token does not see itself",
            m.causal_hides_itself,
            "The diagonal is False, so the first token has nothing to attend to. A token sees itself: no `diagonal=-1`.",
        ),
        Misconception(
            "one step into the future",
            m.causal_one_ahead,
            "Each token sees the one after it, which is the very word it has to predict. Leave out `diagonal=1`.",
        ),
        Misconception(
            "a token sees itself alone",
            m.causal_itself_alone,
            "Only the diagonal is True. Everything below it is the past, which may be seen.",
        ),
        Misconception(
            "numbers in place of truth values",
            m.causal_numbers,
            "The pattern is right, but the entries are numbers. A mask is boolean: `dtype=torch.bool`, or `.bool()`.",
        ),
        Misconception(
            "a mask to be added",
            m.causal_added,
            "These are 0 and -inf, to be added to scores. Here a mask is boolean, True = may attend.",
        ),
        Misconception(
            "a batch axis too many",
            m.causal_batch_axis,
            "There is an axis of size 1 in front. This mask is the same for all sentences: `(length, length)`.",
        ),
        Misconception(
            "a NumPy array",
            m.causal_numpy,
            "The values are right, in a NumPy array. The masks of this lesson are tensors: `torch.ones`.",
        ),
        Misconception(
            "nothing hidden",
            m.causal_everything,
            "Every entry is True. `tril` returns a new tensor, which has to be returned.",
        ),
    ),
    variants=(m.causal_compared, m.causal_loop, m.causal_not_the_future, m.causal_lists),
)

# --- padding_mask ---------------------------------------------------------------------------------------------------


def _padding_calls(rng):
    middle = with_padding(rng, random_ids(rng, 1, 9, 3, 5), 0, (0, 0), (1, 2), (1, 4), (2, 4))
    other = with_padding(rng, random_ids(rng, 4, 9, 2, 6), 3, (0, 5), (0, 4), (1, 1))
    other[1, 3] = 0  # with pad=3, the id 0 is a word like any other
    return [
        Call((TensorData(np.array([[1, 4, 2, 0], [1, 6, 5, 2]])),), note="by hand: the last id of row 0 is padding"),
        Call((TensorData(with_padding(rng, random_ids(rng, 1, 9, 4, 6), 0, (0, 5), (0, 4), (2, 5))),)),
        Call((TensorData(middle),), part="anywhere", note="padding at the start and in the middle"),
        Call((TensorData(with_padding(rng, random_ids(rng, 1, 9, 2, 3), 0, *((1, c) for c in range(3)))),), part="anywhere",
             note="a sentence of nothing but padding"),
        Call((TensorData(other),), {"pad": 3}, part="pad", note="here the padding has the id 3"),
    ]  # fmt: skip


PADDING = Exercise(
    name="padding_mask",
    lesson=LESSON,
    title="nobody looks at padding",
    points=2,
    minutes=4,
    hints=(
        "Compare all ids with `pad` at once: the result is a boolean tensor `(batch, length)`. It says something about *keys*, the last axis of the scores. Which axis is still missing for the queries?",
        "`!=` compares number by number. `unsqueeze(1)` puts an axis of size 1 between batch and length; broadcasting repeats it for all queries.",
    ),
    reference=right.padding_mask,
    make_calls=_padding_calls,
    parts={MAIN: 0.6, "anywhere": 0.2, "pad": 0.2},
    misconceptions=(
        Misconception(
            "mask upside down",
            m.padding_upside_down,
            "True stands at the padding. True means *may attend*, so it belongs to the real tokens: `!=`.",
        ),
        Misconception(
            "axis of the queries missing",
            m.padding_two_axes,
            "The shape is (batch, length). Scores are (batch, n_queries, n_keys): put an axis of size 1 in the middle.",
        ),
        Misconception(
            "queries in place of keys",
            m.padding_for_queries,
            "The new axis stands at the end, so the mask speaks about queries. It is the *keys*, the last axis, that must not be looked at: `unsqueeze(1)`.",
        ),
        Misconception(
            "an axis for the heads",
            m.padding_for_heads,
            "There are four axes. `MultiHeadAttention` adds the axis of the heads itself; here (batch, 1, length) is asked for.",
        ),
        Misconception(
            "padding always 0",
            m.padding_always_0,
            "The ids are compared with 0. Compare them with the argument `pad`.",
        ),
        Misconception(
            "larger in place of different",
            m.padding_greater,
            "`ids > pad` is the same as `ids != pad` only when the padding is the smallest id. Use `!=`.",
        ),
        Misconception(
            "padding thought at the end",
            m.padding_at_the_end,
            "The real tokens are counted, and so many places from the left are True. Padding may stand anywhere: compare each id.",
        ),
        Misconception(
            "everything after the first padding",
            m.padding_from_the_first,
            "From the first padding on, everything is False. Padding may stand anywhere: compare each id on its own.",
        ),
        Misconception(
            "numbers in place of truth values",
            m.padding_numbers,
            "The pattern is right, but the entries are numbers. A mask is boolean; the comparison gives that already.",
        ),
        Misconception(
            "queries masked, too",
            m.padding_queries_too,
            "Padded queries have nothing to attend to here. Only keys are masked; what a padded query finds is never used.",
        ),
        Misconception(
            "one row for each query",
            m.padding_square,
            "The values are repeated for every query. An axis of size 1 is enough, and fits any number of queries: in cross-attention queries and keys differ in number.",
        ),
        Misconception(
            "special words hidden",
            m.padding_specials,
            "`<bos>` or `<eos>` is hidden as well. They are words that may be looked at; only `pad` is not.",
        ),
    ),
    variants=(m.padding_indexed, m.padding_not_equal, m.padding_lists, m.padding_subtracted),
)

# --- decoder_mask ---------------------------------------------------------------------------------------------------


def _both_calls(rng):
    middle = with_padding(rng, random_ids(rng, 1, 9, 2, 5), 0, (0, 0), (1, 2), (1, 4))
    other = with_padding(rng, random_ids(rng, 4, 9, 3, 4), 3, (0, 3), (1, 1))
    other[2, 1] = 0
    return [
        Call((TensorData(np.array([[1, 4, 0]])),), note="by hand: three tokens, the last one is padding"),
        Call((TensorData(with_padding(rng, random_ids(rng, 1, 9, 2, 4), 0, (0, 3))),)),
        Call((TensorData(with_padding(rng, random_ids(rng, 1, 9, 4, 6), 0, (0, 5), (0, 4), (2, 5))),)),
        Call((TensorData(middle),), part="anywhere", note="padding at the start and in the middle"),
        Call((TensorData(other),), {"pad": 3}, part="pad", note="here the padding has the id 3"),
    ]


BOTH = Exercise(
    name="decoder_mask",
    lesson=LESSON,
    title="both masks together",
    points=2,
    minutes=4,
    hints=(
        "You have two masks: one of shape (batch, 1, length), one of shape (length, length). A key may be seen if the first *and* the second allow it. Broadcasting brings the shapes together.",
        "`&` combines boolean tensors entry by entry. The length is `ids.shape[1]`. Hand `pad` on.",
    ),
    reference=right.decoder_mask,
    make_calls=_both_calls,
    parts={MAIN: 0.6, "anywhere": 0.2, "pad": 0.2},
    misconceptions=(
        Misconception(
            "or in place of and",
            m.both_or,
            "`|` allows what one of the two masks allows. A key has to pass both: `&`.",
        ),
        Misconception(
            "padding alone",
            m.both_padding_alone,
            "The future is visible: only the padding is hidden. Combine it with the causal mask.",
        ),
        Misconception(
            "causal alone",
            m.both_causal_alone,
            "Padding is visible: only the future is hidden. Combine it with the padding mask.",
        ),
        Misconception(
            "one mask for all sentences",
            m.both_one_for_all,
            "The batch axis is missing: this is the causal mask alone. The padding differs from sentence to sentence.",
        ),
        Misconception(
            "queries masked, too",
            m.both_queries_too,
            "The rows of padded queries are False throughout. Only keys are masked for padding; such rows are what makes NaN elsewhere.",
        ),
        Misconception(
            "queries in place of keys",
            m.both_queries_in_place_of_keys,
            "The padding is applied to the rows, the queries. It belongs to the last axis, the keys, as `padding_mask` gives it.",
        ),
        Misconception(
            "pad not handed on",
            m.both_pad_not_passed,
            "The argument `pad` is not used. Hand it on to `padding_mask`.",
        ),
        Misconception(
            "mask upside down",
            m.both_upside_down,
            "Everything is exchanged: True means *may attend*.",
        ),
        Misconception(
            "an axis for the heads",
            m.both_for_heads,
            "There are four axes. `MultiHeadAttention` adds the axis of the heads itself.",
        ),
        Misconception(
            "numbers in place of truth values",
            m.both_multiplied,
            "The pattern is right, but the entries are numbers. A mask is boolean: combine with `&`.",
        ),
        Misconception(
            "the future in place of the past",
            m.both_future,
            "The causal part is transposed: a token sees what comes after it. Rows are queries, columns are keys.",
        ),
        Misconception(
            "length read from the batch axis",
            m.both_by_batch,
            "`len(ids)` is the number of sentences. The length is `ids.shape[1]`.",
        ),
        Misconception(
            "a token does not see itself",
            m.both_hides_itself,
            "The diagonal is False. A token sees itself, too.",
        ),
    ),
    variants=(m.both_cut, m.both_loop, m.both_filled, m.both_logical),
)

# --- mask_scores ----------------------------------------------------------------------------------------------------


def _mask_scores_calls(rng):
    by_hand = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
    mask = np.array([[True, False, False], [True, True, False]])
    return [
        Call((TensorData(by_hand), TensorData(mask)), note="by hand: row 0 keeps one score, row 1 two"),
        Call((floats(rng, 4, 5), random_mask(rng, 4, 5))),
        Call((floats(rng, 2, 3, 4), random_mask(rng, 2, 3, 4))),
        Call(
            (TensorData(rng.normal(size=(3, 6)).astype(np.float32) * 1e10), random_mask(rng, 3, 6)),
            note="very large scores",
        ),
        Call((floats(rng, 3, 4, 5), random_mask(rng, 3, 1, 5)), part="broadcasting", note="one mask row per sentence"),
        Call((floats(rng, 2, 3, 5, 4), random_mask(rng, 5, 4)), part="broadcasting", note="one mask for all heads"),
    ]


MASK_SCORES = Exercise(
    name="mask_scores",
    lesson=LESSON,
    title="forbidden scores become -inf",
    points=2,
    minutes=3,
    hints=(
        "`masked_fill(condition, number)` gives a new tensor in which the number stands wherever the condition is True. When is a score to be replaced: where the mask is True, or where it is False?",
        "`~mask` is the opposite of a boolean mask. The number is `-math.inf`. Without the underscore at the end of its name, `masked_fill` leaves its tensor alone.",
    ),
    reference=right.mask_scores,
    make_calls=_mask_scores_calls,
    parts={MAIN: 0.7, "broadcasting": 0.3},
    misconceptions=(
        Misconception(
            "mask upside down",
            m.scores_upside_down,
            "The allowed scores become -inf. `masked_fill` fills where its condition is True, so it needs `~mask`.",
        ),
        Misconception(
            "a large negative number for -inf",
            m.scores_large_negative,
            "-1e9 is below usual scores, not below all: among very large ones a forbidden score could win. Use `-math.inf`.",
        ),
        Misconception(
            "a small negative number for -inf",
            m.scores_small_negative,
            "A score of -10 still gets a share in the softmax. Use `-math.inf`: its share is exactly 0.",
        ),
        Misconception(
            "zero for -inf",
            m.scores_zero,
            "A score of 0 is a score like any other: exp(0) is 1. Use `-math.inf`.",
        ),
        Misconception(
            "plus infinity",
            m.scores_plus_infinity,
            "The sign is missing: plus infinity would draw all the attention. Use `-math.inf`.",
        ),
        Misconception(
            "changes its input",
            m.scores_in_place,
            "`masked_fill_`, with an underscore at the end, writes into the caller's scores. `masked_fill` makes a new tensor.",
        ),
        Misconception(
            "result not kept",
            m.scores_not_assigned,
            "The scores come back unchanged: `masked_fill` returns a new tensor, which has to be returned.",
        ),
        Misconception(
            "zero times infinity",
            m.scores_zero_times_infinity,
            "0 times infinity is NaN, so the allowed scores are lost. Choose with `masked_fill` or `torch.where`; don't multiply.",
        ),
        Misconception(
            "mask added to the scores",
            m.scores_mask_added,
            "True counts as 1 here and is added. The mask has to choose which scores are replaced.",
        ),
        Misconception(
            "softmax already taken",
            m.scores_softmax,
            "The rows add up to 1: the softmax has been taken already. Return the masked scores.",
        ),
        Misconception(
            "mask as an index",
            m.scores_boolean_index,
            "A boolean index has to have the shape of the scores; it does not broadcast. `masked_fill` and `torch.where` do.",
        ),
        Misconception(
            "a NumPy array",
            m.scores_numpy,
            "The values are right, in a NumPy array. Scores are tensors here; leave out `.numpy()`.",
        ),
    ),
    variants=(m.scores_where, m.scores_logarithm, m.scores_expanded_index, m.scores_bias),
)

EXERCISES = (CAUSAL, PADDING, BOTH, MASK_SCORES)
