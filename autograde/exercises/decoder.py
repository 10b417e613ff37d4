"""Lesson 7: masks, the decoder, the whole Transformer."""

from __future__ import annotations

import math

import numpy as np

from autograde.exercise import MAIN, Call, Exercise, Made, Misconception
from autograde.exercises.clinic import CLINIC
from autograde.exercises.libraries import TRANSFORMER
from autograde.exercises.mistakes import decoder as m
from autograde.plain import TensorData
from helpers import decoder as right

LESSON = "07_decoder"


def _ids(rng, low, high, *shape):
    return rng.integers(low, high, shape)


def _with_padding(rng, ids, pad, *places):
    """A copy of ids with `pad` at the given (row, column) places."""
    ids = ids.copy()
    for row, column in places:
        ids[row, column] = pad
    return ids


def _floats(rng, *shape):
    return TensorData(rng.normal(size=shape).astype(np.float32))


def _attention(rng, name, d_model):
    return {
        f"{name}.{part}.weight": (rng.normal(size=(d_model, d_model)) * 0.5).astype(np.float32)
        for part in ("query", "key", "value", "out")
    }


def _add_norm(rng, name, d_model):
    return {
        f"{name}.norm.gamma": (1 + 0.3 * rng.normal(size=d_model)).astype(np.float32),
        f"{name}.norm.beta": (0.3 * rng.normal(size=d_model)).astype(np.float32),
    }


def _network(rng, name, d_model, d_ff):
    shapes = {
        "inner.weight": (d_ff, d_model),
        "inner.bias": d_ff,
        "outer.weight": (d_model, d_ff),
        "outer.bias": d_model,
    }
    return {f"{name}.{part}": (rng.normal(size=shape) * 0.5).astype(np.float32) for part, shape in shapes.items()}


def _layer(rng, d_model, d_ff, name="", attentions=("self_attention", "cross_attention")):
    """Weights of a layer of the decoder (or, with one attention, of the encoder), by name."""
    weights = {}
    for number, attention in enumerate(attentions, 1):
        weights |= _attention(rng, name + attention, d_model)
        weights |= _add_norm(rng, f"{name}add_norm_{number}", d_model)
    weights |= _network(rng, name + "feed_forward", d_model, d_ff)
    return weights | _add_norm(rng, f"{name}add_norm_{len(attentions) + 1}", d_model)


def _layers(rng, num_layers, d_model, d_ff, name="layers"):
    weights = {}
    for index in range(num_layers):
        weights |= _layer(rng, d_model, d_ff, f"{name}.{index}.")
    return weights


def _whole(rng, source_size, target_size, d_model, num_layers, d_ff, pad):
    """Weights of a whole Transformer, by name."""
    weights = {}
    for name, size in (("source", source_size), ("target", target_size)):
        table = rng.normal(size=(size, d_model)) * 0.6
        table[pad] = 0
        weights[f"{name}_embedding.weight"] = table.astype(np.float32)
    for index in range(num_layers):
        weights |= _layer(rng, d_model, d_ff, f"encoder.layers.{index}.", ("attention",))
    return weights | _layers(rng, num_layers, d_model, d_ff, "decoder.layers")


def _without_effect(weights):
    """The same names: attention and network give zeros, norms have gamma 1 and beta 0."""
    return {name: np.ones_like(w) if name.endswith("gamma") else np.zeros_like(w) for name, w in weights.items()}


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
    middle = _with_padding(rng, _ids(rng, 1, 9, 3, 5), 0, (0, 0), (1, 2), (1, 4), (2, 4))
    other = _with_padding(rng, _ids(rng, 4, 9, 2, 6), 3, (0, 5), (0, 4), (1, 1))
    other[1, 3] = 0  # with pad=3, the id 0 is a word like any other
    return [
        Call((TensorData(np.array([[1, 4, 2, 0], [1, 6, 5, 2]])),), note="by hand: the last id of row 0 is padding"),
        Call((TensorData(_with_padding(rng, _ids(rng, 1, 9, 4, 6), 0, (0, 5), (0, 4), (2, 5))),)),
        Call((TensorData(middle),), part="anywhere", note="padding at the start and in the middle"),
        Call((TensorData(_with_padding(rng, _ids(rng, 1, 9, 2, 3), 0, *((1, c) for c in range(3)))),), part="anywhere",
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
    middle = _with_padding(rng, _ids(rng, 1, 9, 2, 5), 0, (0, 0), (1, 2), (1, 4))
    other = _with_padding(rng, _ids(rng, 4, 9, 3, 4), 3, (0, 3), (1, 1))
    other[2, 1] = 0
    return [
        Call((TensorData(np.array([[1, 4, 0]])),), note="by hand: three tokens, the last one is padding"),
        Call((TensorData(_with_padding(rng, _ids(rng, 1, 9, 2, 4), 0, (0, 3))),)),
        Call((TensorData(_with_padding(rng, _ids(rng, 1, 9, 4, 6), 0, (0, 5), (0, 4), (2, 5))),)),
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


def _random_mask(rng, *shape):
    """Every row has at least one True and one False."""
    order = rng.random(shape).argsort(axis=-1)
    return TensorData(order < rng.integers(1, shape[-1], (*shape[:-1], 1)))


def _mask_scores_calls(rng):
    by_hand = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
    mask = np.array([[True, False, False], [True, True, False]])
    return [
        Call((TensorData(by_hand), TensorData(mask)), note="by hand: row 0 keeps one score, row 1 two"),
        Call((_floats(rng, 4, 5), _random_mask(rng, 4, 5))),
        Call((_floats(rng, 2, 3, 4), _random_mask(rng, 2, 3, 4))),
        Call(
            (TensorData(rng.normal(size=(3, 6)).astype(np.float32) * 1e10), _random_mask(rng, 3, 6)),
            note="very large scores",
        ),
        Call(
            (_floats(rng, 3, 4, 5), _random_mask(rng, 3, 1, 5)), part="broadcasting", note="one mask row per sentence"
        ),
        Call((_floats(rng, 2, 3, 5, 4), _random_mask(rng, 5, 4)), part="broadcasting", note="one mask for all heads"),
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

# --- DecoderLayer ---------------------------------------------------------------------------------------------------


def _causal(length):
    return TensorData(np.tril(np.ones((length, length), bool)))


def _layer_by_hand(rng):
    weights = _without_effect(_layer(rng, 4, 3))
    weights["cross_attention.value.weight"] = weights["cross_attention.out.weight"] = np.eye(4, dtype=np.float32)
    x, memory = np.array([[[1, 1, -1, -1]]], np.float32), np.array([[[3, -1, 1, -3]]], np.float32)
    return Call(
        (TensorData(x), TensorData(memory)),
        new=(4, 2, 3),
        weights=weights,
        note="by hand: only cross-attention adds something, the memory itself: [4, 0, 0, -4], divided by the root of 8",
    )


def _layer_dropout(rng):
    """Only the network adds something, through one hidden unit: dropout there leaves a row as it was."""
    weights = _without_effect(_layer(rng, 6, 1))
    weights["feed_forward.inner.bias"] = np.ones(1, np.float32)
    weights["feed_forward.outer.weight"] = (2 + rng.random((6, 1))).astype(np.float32) * [
        [1],
        [-1],
        [1],
        [-1],
        [1],
        [-2],
    ]
    x = rng.normal(size=(40, 50, 6))
    x = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    weights = {name: np.asarray(values, np.float32) for name, values in weights.items()}
    return Call(
        (TensorData(x.astype(np.float32)), _floats(rng, 40, 2, 6)),
        new=(6, 2, 1, 0.4),
        weights=weights,
        training=True,
        part="dropout",
        note="in training mode, with dropout 0.4; attention adds nothing here",
    )


def _layer_calls(rng):
    masks = {"self_mask": _causal(4), "cross_mask": _random_mask(rng, 2, 1, 5)}
    blocked_self, blocked_cross = np.tril(np.ones((3, 4, 4), bool)), np.ones((3, 1, 6), bool)
    blocked_self[1, 0], blocked_cross[2] = False, False
    return [
        _layer_by_hand(rng),
        Call(new=(6, 3, 7), method="", report=("parameters",), note="what the layer has registered"),
        Call((_floats(rng, 2, 3, 6), _floats(rng, 2, 5, 6)), new=(6, 3, 7), weights=_layer(rng, 6, 7)),
        Call(
            (_floats(rng, 3, 4, 8), _floats(rng, 3, 4, 8)),
            new=(8, 2, 5),
            weights=_layer(rng, 8, 5),
            note="as many source tokens as target tokens",
        ),
        Call((_floats(rng, 2, 4, 6), _floats(rng, 2, 5, 6)), masks, new=(6, 2, 7), weights=_layer(rng, 6, 7),
             part="masks", note="a causal mask, and a padding mask of the source"),
        Call((_floats(rng, 2, 4, 6), _floats(rng, 2, 5, 6)), {"cross_mask": masks["cross_mask"]}, new=(6, 2, 7),
             weights=_layer(rng, 6, 7), part="masks", note="a padding mask of the source alone"),
        Call((_floats(rng, 2, 4, 6), _floats(rng, 2, 5, 6)), {"self_mask": masks["self_mask"]}, new=(6, 2, 7),
             weights=_layer(rng, 6, 7), part="masks", note="a causal mask alone"),
        Call(
            (_floats(rng, 3, 4, 8), _floats(rng, 3, 6, 8)),
            {"self_mask": TensorData(blocked_self), "cross_mask": TensorData(blocked_cross)},
            new=(8, 2, 5),
            weights=_layer(rng, 8, 5),
            report=("output", "gradients"),
            part="masks",
            note="one token and one whole sentence have nothing to attend to",
        ),
        Call(
            (_floats(rng, 2, 3, 6), _floats(rng, 2, 5, 6)),
            new=(6, 3, 7),
            weights=_layer(rng, 6, 7),
            report=("output", "gradients", "input_gradients"),
            part="gradients",
            note="backward, too",
        ),
        Call(
            (_floats(rng, 2, 3, 6), _floats(rng, 2, 5, 6)),
            new=(6, 3, 7, 1.0),
            weights=_layer(rng, 6, 7),
            training=True,
            part="dropout",
            note="in training mode, with dropout 1: what the sublayers give is lost, their inputs stay",
        ),
        _layer_dropout(rng),
    ]  # fmt: skip


def _view_layer(call, value):
    """Of a random output, how many rows the network's dropout has left as they were."""
    if not call.training or call.new[3] == 1.0:
        return value
    x, output = call.args[0].array, value.array
    if x.shape != output.shape:
        return {"shape": list(output.shape)}
    same = np.abs(output - x).max(axis=-1) < 1e-2
    # 2,000 rows: the share varies by 0.011
    return {"share of rows that the feed-forward network does not change": f"{same.mean():.1f}"}


LAYER = Exercise(
    name="DecoderLayer",
    lesson=LESSON,
    title="one layer of the decoder",
    points=5,
    minutes=12,
    hints=(
        "Three sublayers, each followed by its own add & norm, as in `EncoderLayer`. The first and the third you know from there. The second takes its queries from what the first has made, and keys and values from `memory`.",
        "`attention(query_input, key_input, value_input, mask=...)` returns two things; the output is the first. An `add_norm` gets the sublayer's *input* first, then the sublayer's output. `self_mask` belongs to the first sublayer, `cross_mask` to the second. `AddNorm` and `FeedForward` take the dropout.",
    ),
    reference=right.DecoderLayer,
    forbidden=TRANSFORMER,
    make_calls=_layer_calls,
    parts={MAIN: 0.5, "masks": 0.2, "gradients": 0.1, "dropout": 0.2},
    view=_view_layer,
    misconceptions=(
        Misconception(
            "query and key from the encoder",
            m.LayerQueryAndKeyFromEncoder,
            "Query and key come from the memory, the value from the decoder. The encoder gives key *and value*; the query is the decoder's.",
        ),
        Misconception(
            "query from the encoder",
            m.LayerQueryFromEncoder,
            "The roles are exchanged: the memory asks and the decoder answers. Queries come from the decoder, so that the output has as many rows as the target.",
        ),
        Misconception(
            "values from the decoder",
            m.LayerValuesFromDecoder,
            "The keys come from the memory, the values from the decoder. What is found has to be handed over by the same tokens: key and value are both the memory.",
        ),
        Misconception(
            "cross-attention looks at the decoder itself",
            m.LayerCrossItself,
            "The second attention gets no memory, so the layer never sees the source. Pass `memory` as key and value.",
        ),
        Misconception(
            "cross-attention first",
            m.LayerCrossFirst,
            "The two attentions have changed places. The order is self-attention, cross-attention, feed-forward.",
        ),
        Misconception(
            "feed-forward before cross-attention",
            m.LayerFeedForwardSecond,
            "The network comes second here. The order is self-attention, cross-attention, feed-forward.",
        ),
        Misconception(
            "no cross-attention",
            m.LayerNoCross,
            "The second sublayer is left out: this is an encoder layer, and the source is never seen.",
        ),
        Misconception(
            "masks exchanged",
            m.LayerMasksSwapped,
            "`cross_mask` goes into self-attention and `self_mask` into cross-attention. Their last axes count different tokens: target and source.",
        ),
        Misconception(
            "self_mask not used",
            m.LayerNoSelfMask,
            "Self-attention looks everywhere: `self_mask` goes nowhere. Pass it as `mask`.",
        ),
        Misconception(
            "cross_mask not used",
            m.LayerNoCrossMask,
            "Cross-attention looks everywhere: `cross_mask` goes nowhere. Pass it as `mask`.",
        ),
        Misconception(
            "self_mask for both attentions",
            m.LayerSelfMaskTwice,
            "Cross-attention gets `self_mask`, which speaks about target tokens. Its keys are source tokens: `cross_mask`.",
        ),
        Misconception(
            "first input added again",
            m.LayerInputAddedAgain,
            "The second add & norm adds the layer's input. Each sublayer has its own input added: here the result of the first add & norm.",
        ),
        Misconception(
            "queries before self-attention",
            m.LayerQueryBeforeSelfAttention,
            "Cross-attention asks with the layer's input. Its queries are the result of the first add & norm.",
        ),
        Misconception(
            "residual connections missing",
            m.LayerNoResidual,
            "Each sublayer's output is normalized without its input. `add_norm(x, output)` adds both first.",
        ),
        Misconception(
            "one add & norm for all",
            m.LayerOneNorm,
            "`add_norm_1` is used three times, so two others never learn. Each sublayer has its own.",
        ),
        Misconception(
            "one attention for both",
            m.LayerOneAttention,
            "Cross-attention is computed with the weights of self-attention. It has its own: `self.cross_attention`.",
        ),
        Misconception(
            "last norm missing",
            m.LayerNoLastNorm,
            "After the feed-forward network comes an addition without normalization. Use `add_norm_3`.",
        ),
        Misconception(
            "weights returned, too",
            m.LayerTuple,
            "Two things come back. A layer returns its output alone; the attention weights stay inside.",
        ),
        Misconception(
            "bias in the attentions",
            m.LayerBias,
            "The attentions have been made with `bias=True`. Leave it at its default, without bias.",
        ),
        Misconception(
            "dropout not handed on",
            m.LayerDefaultDropout,
            "The parts are made with their own default dropout. Pass `dropout` to `AddNorm` and `FeedForward`.",
        ),
        Misconception(
            "feed-forward without the layer's dropout",
            m.LayerFeedForwardDropout,
            "The feed-forward network is made with its own default dropout. Pass `dropout` to it as well.",
        ),
        Misconception(
            "input and output of add & norm exchanged",
            m.LayerArgumentsExchanged,
            "Dropout falls on the residual connection: `add_norm` gets the sublayer's output first. It takes the input first, then the output.",
        ),
        Misconception(
            "memory cut off from the gradient",
            m.LayerDetachedMemory,
            "The numbers are right, but no gradient reaches the memory, so the encoder would never learn. Leave out `.detach()`.",
        ),
    ),
    variants=(m.LayerKeywords, m.LayerByHand, m.LayerInAList, m.LayerFused),
)

# --- Decoder --------------------------------------------------------------------------------------------------------


def _stack_calls(rng):
    masks = {"self_mask": _causal(4), "cross_mask": _random_mask(rng, 2, 1, 5)}
    one = _layer_by_hand(rng)
    return [
        Call(one.args, new=(1, 4, 2, 3), weights={f"layers.0.{name}": w for name, w in one.weights.items()},
             note="by hand: one layer, in which only cross-attention adds something"),
        Call(new=(3, 6, 2, 5), method="", report=("parameters",), note="what the decoder has registered"),
        Call((_floats(rng, 2, 3, 6), _floats(rng, 2, 5, 6)), new=(2, 6, 3, 7), weights=_layers(rng, 2, 6, 7)),
        Call((_floats(rng, 3, 2, 4), _floats(rng, 3, 4, 4)), new=(3, 4, 2, 5), weights=_layers(rng, 3, 4, 5)),
        Call((_floats(rng, 2, 4, 6), _floats(rng, 2, 5, 6)), masks, new=(2, 6, 2, 7), weights=_layers(rng, 2, 6, 7),
             part="masks", note="a causal mask, and a padding mask of the source"),
        Call((_floats(rng, 2, 4, 6), _floats(rng, 2, 5, 6)), {"cross_mask": masks["cross_mask"]}, new=(2, 6, 2, 7),
             weights=_layers(rng, 2, 6, 7), part="masks", note="a padding mask of the source alone"),
        Call(
            (_floats(rng, 2, 3, 6), _floats(rng, 2, 5, 6)),
            new=(2, 6, 3, 7, 1.0),
            weights=_layers(rng, 2, 6, 7),
            training=True,
            part="dropout",
            note="in training mode, with dropout 1: what the sublayers give is lost, their inputs stay",
        ),
    ]  # fmt: skip


STACK = Exercise(
    name="Decoder",
    lesson=LESSON,
    title="layer after layer",
    points=2,
    minutes=4,
    hints=(
        "This is `Encoder` from lesson 6 once more, with decoder layers. Every layer reads the output of the layer before it; the memory and the masks are the same for all.",
        "`nn.ModuleList(... for _ in range(num_layers))` makes a new layer each time and registers it. In `forward`, a loop over the layers replaces `x` by the layer's output.",
    ),
    reference=right.Decoder,
    forbidden=TRANSFORMER,
    make_calls=_stack_calls,
    parts={MAIN: 0.6, "masks": 0.2, "dropout": 0.2},
    misconceptions=(
        Misconception(
            "one layer used again and again",
            m.StackSharedWeights,
            "All places of the list hold the same layer: `[layer] * n` copies nothing. Make a new layer each time.",
        ),
        Misconception(
            "layers not registered",
            m.StackPlainList,
            "The layers lie in a Python list, where PyTorch does not find their weights. Use `nn.ModuleList`.",
        ),
        Misconception(
            "a norm at the end",
            m.StackFinalNorm,
            "There is one more layer normalization after the last layer. Each layer here ends with its own; one more belongs to the pre-norm variant.",
        ),
        Misconception(
            "one layer too few",
            m.StackOneLess,
            "There are `num_layers - 1` layers. `range(num_layers)` counts from 0 and has `num_layers` numbers.",
        ),
        Misconception(
            "always six layers",
            m.StackAlwaysSix,
            "The argument `num_layers` is not used. The number 6 is its default alone.",
        ),
        Misconception(
            "return inside the loop",
            m.StackReturnsEarly,
            "The first layer's output comes back: `return` stands inside the loop. Move it one step to the left.",
        ),
        Misconception(
            "every layer reads the first input",
            m.StackSameInput,
            "All layers get the decoder's input, so only the last one counts. Each layer reads the output of the one before it.",
        ),
        Misconception(
            "memory for the first layer alone",
            m.StackMemoryOnce,
            "From the second layer on, cross-attention looks at the decoder itself. Every layer gets the same `memory`.",
        ),
        Misconception(
            "masks not handed on",
            m.StackNoMasks,
            "The masks stop here. Pass both to every layer.",
        ),
        Misconception(
            "masks exchanged",
            m.StackMasksSwapped,
            "The layers get the masks in the wrong order: `self_mask` comes first, then `cross_mask`.",
        ),
        Misconception(
            "cross_mask not handed on",
            m.StackNoCrossMask,
            "`cross_mask` stops here. Pass both masks to every layer.",
        ),
        Misconception(
            "last layer first",
            m.StackBackwards,
            "The layers are used from the last to the first. Start with `self.layers[0]`.",
        ),
        Misconception(
            "a residual around each layer",
            m.StackResidual,
            "The input of each layer is added to its output. The residual connections lie inside the layer already.",
        ),
        Misconception(
            "dropout not handed on",
            m.StackDefaultDropout,
            "The layers are made with their own default dropout. Pass `dropout` to each.",
        ),
    ),
    variants=(m.StackDeepCopies, m.StackAppended, m.StackSequential, m.StackReduced),
)

# --- teacher_forcing_pair -------------------------------------------------------------------------------------------


def _pair_calls(rng):
    ids = _ids(rng, 4, 20, 3, 6)
    ids[:, 0] = 1
    for row, end in enumerate((5, 3, 4)):
        ids[row, end], ids[row, end + 1 :] = 2, 0
    return [
        Call((TensorData(np.array([[1, 4, 5, 6, 2]])),), note="by hand: <bos>, three words, <eos>"),
        Call((TensorData(ids),), note="three sentences, two of them padded"),
        Call((TensorData(_ids(rng, 1, 30, 4, 7)),)),
        Call((TensorData(_ids(rng, 1, 30, 5, 3)),)),
    ]


PAIR = Exercise(
    name="teacher_forcing_pair",
    lesson=LESSON,
    title="what it reads, what it predicts",
    points=2,
    minutes=3,
    hints=(
        "Write the ids of one sentence twice, one below the other, the second time shifted by one position to the left. Which columns have a partner?",
        "`ids[:, a:b]` cuts columns and keeps all rows. The decoder reads everything except the last column; the labels are everything except the first.",
    ),
    reference=right.teacher_forcing_pair,
    make_calls=_pair_calls,
    several=True,
    misconceptions=(
        Misconception(
            "not shifted",
            m.pair_not_shifted,
            "Input and labels are the same, so the model would learn to copy. The label of each position is the *next* word.",
        ),
        Misconception(
            "the same end cut twice",
            m.pair_same_end,
            "Both lack the last column, so the label of each position is the word that was read. The labels lack the *first* column.",
        ),
        Misconception(
            "the same start cut twice",
            m.pair_same_start,
            "Both lack the first column. The input keeps `<bos>` and lacks the *last* column.",
        ),
        Misconception(
            "input and labels exchanged",
            m.pair_swapped,
            "The shift goes the wrong way: the decoder would read the next word and predict the one before. The input starts with `<bos>`.",
        ),
        Misconception(
            "input one longer than the labels",
            m.pair_whole_input,
            "The input has one column more than the labels. After the last word there is nothing left to predict: leave the last column out.",
        ),
        Misconception(
            "labels one longer than the input",
            m.pair_whole_labels,
            "The labels have one column more than the input. `<bos>` is never predicted: leave the first column out.",
        ),
        Misconception(
            "sentences cut in place of words",
            m.pair_rows,
            "`ids[:-1]` leaves out a whole sentence. The words are the second axis: `ids[:, :-1]`.",
        ),
        Misconception(
            "end replaced in the input",
            m.pair_end_replaced,
            "`<eos>` has become padding in the input. That is not needed: the label of that position is padding, which the loss leaves out anyway.",
        ),
        Misconception(
            "no end in the labels",
            m.pair_labels_without_end,
            "`<eos>` is missing among the labels. A model that never has to predict it never stops.",
        ),
        Misconception(
            "rolled round",
            m.pair_rolled,
            "`roll` brings `<bos>` back at the end of the labels. Cut: both results have one column less than `ids`.",
        ),
        Misconception(
            "shifted by two",
            m.pair_by_two,
            "Two columns are cut. The label of each position is the next word, one position further.",
        ),
        Misconception(
            "first and last column removed from both",
            m.pair_specials_removed,
            "Input and labels lack both ends and are the same. The input keeps its start, the labels keep their end.",
        ),
    ),
    variants=(m.pair_narrow, m.pair_selected, m.pair_lists, m.pair_stacked),
)

# --- Transformer ----------------------------------------------------------------------------------------------------

PARTS_OF_MODEL = ("output", "gradients")


def _model_by_hand(rng):
    weights = _without_effect(_whole(rng, 6, 4, 4, 1, 3, 0))
    table = [[0, 0, 0, 0], [0.5, 0, -0.5, -1], [1, 0, 0, 0], [0, 2, 0, -1]]
    weights["target_embedding.weight"] = np.array(table, np.float32)
    weights["source_embedding.weight"][5] = 1
    return Call(
        (TensorData(np.array([[5, 2]])), TensorData(np.array([[1]]))),
        new=(6, 4, 4, 2, 1, 3, 0.1, 0),
        weights=weights,
        note="by hand: the layers add nothing; 2 times the row of the id 1, plus [0, 1, 0, 1], is [1, 1, -1, -1]",
    )


def _model_calls(rng):
    two, new, other = (11, 9, 6, 3, 2, 7, 0.1, 0), (11, 9, 6, 3, 1, 7, 0.1, 0), (7, 10, 8, 2, 1, 5, 0.1, 3)
    weights, more = _whole(rng, 11, 9, 6, 1, 7, 0), _whole(rng, 7, 10, 8, 1, 5, 3)
    source, target = _ids(rng, 1, 11, 2, 5), _ids(rng, 1, 9, 2, 4)
    padded = _with_padding(rng, _ids(rng, 1, 11, 3, 6), 0, (0, 5), (0, 4), (1, 0), (1, 3))
    padded_target = _with_padding(rng, _ids(rng, 1, 9, 3, 5), 0, (0, 4), (1, 2), (2, 1), (2, 4))
    by_three = _with_padding(rng, _ids(rng, 4, 7, 2, 5), 3, (0, 4), (1, 1))
    by_three[0, 1] = 0  # with pad=3, the id 0 is a word like any other
    target_by_three = _with_padding(rng, _ids(rng, 4, 10, 2, 6), 3, (0, 5), (1, 2))
    target_by_three[0, 1] = 0
    empty = _with_padding(rng, _ids(rng, 1, 11, 2, 3), 0, *((1, column) for column in range(3)))
    all_lost = (*new[:6], 1.0, 0)
    return [
        _model_by_hand(rng),
        Call(new=two, method="", report=("parameters",), note="what the model has registered"),
        Call((TensorData(source), TensorData(target)), new=two, weights=_whole(rng, 11, 9, 6, 2, 7, 0)),
        Call((TensorData(source),), new=new, weights=weights, method="encode"),
        Call((TensorData(target), _floats(rng, 2, 5, 6), TensorData(source)), new=new, weights=weights, method="decode"),
        Call((TensorData(padded), TensorData(padded_target)), new=new, weights=weights, part="padding",
             note="padding in both, not only at the end"),
        Call((TensorData(by_three), TensorData(target_by_three)), new=other, weights=more, part="padding",
             note="here the padding has the id 3"),
        Call((TensorData(empty), TensorData(target)), new=new, weights=weights, part="padding",
             note="one source sentence of nothing but padding"),
        Call((TensorData(source), TensorData(target)), new=new, weights=weights, report=PARTS_OF_MODEL,
             part="gradients", note="backward, too"),
        Call(new=(80, 90, 48, 4, 1, 72, 0.1, 0), method="", report=("initial",), part="start",
             note="the values at the start"),
        Call((TensorData(source),), new=all_lost, weights=weights, method="encode", training=True, part="dropout",
             note="in training mode, with dropout 1: what the sublayers and the embeddings give is lost"),
        Call((TensorData(source), TensorData(target)), new=all_lost, weights=weights, training=True, part="dropout",
             note="in training mode, with dropout 1: what the sublayers and the embeddings give is lost"),
    ]  # fmt: skip


def _view_model(call, value):
    """Without what does not count: rows of padding, and the gradient of the padding's row of the table."""
    if "initial" in call.report:
        return _start(value["initial"], call.new[2])
    if call.method == "" or isinstance(value, list):
        return value
    pad = call.new[7]
    if "gradients" in call.report:
        gradients = dict(value["gradients"])
        table = gradients["target_embedding.weight"].array.copy()
        table[pad] = 0
        gradients["target_embedding.weight"] = TensorData(table)
        return {**value, "gradients": gradients}
    ids = call.args[1 if call.method is None else 0].array
    output = value.array.copy()
    output[ids == pad] = 0
    return TensorData(output)


def _start(values, d_model):
    """The start values in words: a right answer may draw other random numbers."""
    found = {"attention": set(), "feed_forward": set(), "embedding": set()}
    for name, tensor in values.items():
        array = tensor.array.astype(float)
        if array.ndim != 2:
            continue
        kind = next(kind for kind in found if kind in name)
        if kind == "embedding":
            # about 3,800 numbers: their standard deviation varies by 1.1 %
            ratio = array[1:].std() * d_model**0.5
            found[kind].add("as `TokenEmbedding` makes them" if abs(ratio - 1) < 0.09 else "changed")
            continue
        bound = math.sqrt(6 / sum(array.shape))
        largest, deviation = np.abs(array).max() / bound, array.std() / bound * math.sqrt(3)
        # at least 2,304 numbers, evenly spread: their standard deviation varies by 0.9 %, the largest comes near 1
        if largest < 1.0001 and largest > 0.97 and abs(deviation - 1) < 0.08:
            found[kind].add("Xavier-uniform")
        elif abs(deviation - 1) < 0.08:
            found[kind].add("that standard deviation, not evenly spread")
        else:
            found[kind].add(f"{'smaller' if deviation < 1 else 'larger'} than Xavier-uniform")
    return {kind: ", ".join(sorted(words)) for kind, words in found.items()}


MODEL = Exercise(
    name="Transformer",
    lesson=LESSON,
    title="the whole model",
    points=5,
    minutes=14,
    hints=(
        "`encode` is three parts in a row: `source_embedding`, `position`, `encoder` with the padding mask of the source. `decode` is the same with the target's parts; the decoder also gets the memory and two masks. Which mask speaks about which ids? The logits are a matrix product with the table of the target embedding.",
        "`F.linear(x, weight)` is x times the transposed weight; `self.target_embedding.weight` has one row per word. `self.decoder(x, memory, ...)` takes the `decoder_mask` of the target input and the `padding_mask` of the source, both with `self.pad`. For the start values go through `parameters()` of encoder and decoder and give each with `dim() > 1` to `nn.init.xavier_uniform_`.",
    ),
    reference=right.Transformer,
    forbidden=TRANSFORMER,
    make_calls=_model_calls,
    parts={MAIN: 0.4, "padding": 0.2, "gradients": 0.15, "start": 0.15, "dropout": 0.1},
    view=_view_model,
    misconceptions=(
        Misconception(
            "no causal mask",
            m.ModelNoCausalMask,
            "The decoder sees the words that it has to predict: the loss will look perfect, and decoding will fail. Give it the `decoder_mask` of the target input.",
        ),
        Misconception(
            "padding of the target visible",
            m.ModelCausalAlone,
            "The decoder gets the causal mask alone, so it looks at padding that stands before a word. Use `decoder_mask`.",
        ),
        Misconception(
            "no masks at all",
            m.ModelNoMasks,
            "Neither encoder nor decoder gets a mask. The encoder needs the padding mask of the source, the decoder needs two.",
        ),
        Misconception(
            "padding of the source visible to the decoder",
            m.ModelNoCrossMask,
            "Cross-attention looks at padding of the source. The decoder's second mask is the padding mask of `source`.",
        ),
        Misconception(
            "target mask in cross-attention",
            m.ModelTargetMaskInCross,
            "Cross-attention gets the target's padding mask. Its keys are source tokens: the mask of `source`.",
        ),
        Misconception(
            "padding of the source visible to the encoder",
            m.ModelNoEncoderMask,
            "The encoder looks at padding. Pass it the padding mask of the source.",
        ),
        Misconception(
            "causal mask in the encoder",
            m.ModelCausalEncoder,
            "The encoder may not look ahead here. The source is known as a whole: only padding is masked there.",
        ),
        Misconception(
            "padding always 0",
            m.ModelPadAlways0,
            "The masks are made without the argument `pad`. Keep it in `__init__` and hand it on.",
        ),
        Misconception(
            "no positions",
            m.ModelNoPositions,
            "The embeddings go into encoder and decoder as they are. `self.position` comes between.",
        ),
        Misconception(
            "no positions in the decoder",
            m.ModelNoTargetPositions,
            "The encoder's input has positions, the decoder's has not. `self.position` serves both.",
        ),
        Misconception(
            "embeddings scaled twice",
            m.ModelScaledTwice,
            "`TokenEmbedding` multiplies by the root of `d_model` already. Take its result as it is.",
        ),
        Misconception(
            "scaled rows in the output",
            m.ModelScaledOutput,
            "The logits are too large by the root of `d_model`. That factor belongs to the input; the projection uses the table as it is.",
        ),
        Misconception(
            "softmax in the model",
            m.ModelSoftmax,
            "Probabilities come back. Return the logits; the loss takes the softmax itself.",
        ),
        Misconception(
            "logarithm of the softmax",
            m.ModelLogSoftmax,
            "Logarithms of probabilities come back. Return the logits; the loss does this step itself.",
        ),
        Misconception(
            "output projection missing",
            m.ModelNoProjection,
            "The decoder's rows come back, `d_model` wide. Project them onto the words with the target embedding's weight.",
        ),
        Misconception(
            "the last position alone",
            m.ModelLastWord,
            "Logits come back for the last position alone. In training every position predicts its next word: keep all of them.",
        ),
        Misconception(
            "tied to the source embedding",
            m.ModelSourceProjection,
            "The logits count source words. What is predicted are target words: use the target embedding's weight.",
        ),
        Misconception(
            "projection cut off from the gradient",
            m.ModelDetachedProjection,
            "The numbers are right, but the projection sends no gradient to the table. Use the parameter itself, without `.detach()` or `.data`.",
        ),
        Misconception(
            "an output matrix of its own",
            m.ModelOwnProjection,
            "There is one more matrix. The output projection is the target embedding's weight: no parameter of its own.",
        ),
        Misconception(
            "bias in the output projection",
            m.ModelProjectionBias,
            "The output layer adds a bias, which the contract has not: `bias=False`, or a plain product.",
        ),
        Misconception(
            "sizes exchanged",
            m.ModelSizesSwapped,
            "The source embedding has as many rows as the target vocabulary, and the other way round. `source_size` comes first.",
        ),
        Misconception(
            "arguments of forward exchanged",
            m.ModelLabelsFirst,
            "The target goes into the encoder and the source into the decoder. `forward` gets `source` first.",
        ),
        Misconception(
            "Xavier-normal",
            m.ModelXavierNormal,
            "The start values have the right size but are normally distributed. Use `nn.init.xavier_uniform_`.",
        ),
        Misconception(
            "PyTorch's own start values",
            m.ModelDefaultStart,
            "The matrices start as `nn.Linear` makes them. Go through the parameters of encoder and decoder with `nn.init.xavier_uniform_`.",
        ),
        Misconception(
            "Xavier for the embeddings, too",
            m.ModelXavierEverywhere,
            "The embeddings have been drawn anew, with another spread. Only the matrices of encoder and decoder get Xavier values.",
        ),
        Misconception(
            "Xavier for the encoder alone",
            m.ModelEncoderXavierAlone,
            "The decoder's matrices start as `nn.Linear` makes them. They get Xavier values, too.",
        ),
        Misconception(
            "dropout not handed on",
            m.ModelDefaultDropout,
            "The parts are made with their own default dropout. Pass `dropout` to `position`, `encoder` and `decoder`.",
        ),
        Misconception(
            "positions without the model's dropout",
            m.ModelPositionDropout,
            "`PositionalEncoding` is made with its own default dropout. Its argument is `dropout=dropout`: the second one is `max_length`.",
        ),
    ),
    variants=(m.ModelTiedLinear, m.ModelProduct, m.ModelWithoutPadRow, m.ModelWritten),
)

# --- greedy_decode --------------------------------------------------------------------------------------------------


def _table(rng, rows, words):
    """Logits in which padding and <bos> are never the best."""
    table = rng.normal(size=(rows, words))
    table[:, :2] -= 10
    return table.astype(np.float32)


def _greedy_calls(rng):
    by_hand = np.zeros((5, 6), np.float32)
    by_hand[np.arange(5), [3, 4, 5, 3, 5]] = 1
    equal = _ids(rng, 3, 12, 3, 6)
    several = _with_padding(rng, _ids(rng, 3, 12, 4, 7), 0, (0, 6), (0, 5), (1, 6), *((3, c) for c in range(3, 7)))
    long = _ids(rng, 3, 12, 2, 9)
    mixed = _with_padding(rng, long, 0, *((1, c) for c in range(3, 9)))

    def model(rows, words, *more):
        return Made("scripted_translator", (_table(rng, rows, words), *more))

    def ids(array):
        return TensorData(array)

    report = ("output", "args")
    return [
        Call((Made("scripted_translator", (by_hand,)), ids(np.array([[4, 3, 5]]))),
             note="by hand: the model gives 3, then 5, then 2, which is <eos>"),
        Call((model(11, 8), ids(equal)), note="three sentences that end together"),
        Call((model(13, 10), ids(_ids(rng, 3, 12, 1, 5)))),
        Call((model(13, 10), ids(several)), part="several", note="sentences that end at different times"),
        Call((model(17, 12), ids(several[::-1].copy())), part="several", note="sentences that end at different times"),
        Call((model(11, 8), ids(long)), {"max_length": 4}, part="arguments", note="no sentence has ended after 4 words"),
        Call((model(11, 8), ids(mixed)), {"max_length": 6}, part="arguments", note="one sentence has ended after 6 words"),
        Call((model(11, 8, 4), ids(equal)), {"bos": 5, "eos": 4}, part="arguments", note="other ids for <bos> and <eos>"),
        Call((model(11, 8), ids(equal)), report=report, part="mode", note="the model is in training mode before"),
        Call((model(11, 8, 2, False), ids(equal)), report=report, part="mode", note="the model is in evaluation mode before"),
        Call((model(11, 8), ids(equal)), report=report, part="no gradients", note="are gradients recorded meanwhile?"),
    ]  # fmt: skip


def _view_greedy(call, value):
    if "args" not in call.report:
        return value
    model = value["args"]["0"]
    if call.part == "mode":
        return {"ids": value["output"], "training mode afterwards": model["training"]}
    recorded = bool(model["parameters"]["with_gradient"].array.any())
    return {"ids": value["output"], "gradients recorded": recorded}


GREEDY = Exercise(
    name="greedy_decode",
    lesson=LESSON,
    title="word by word",
    points=4,
    minutes=12,
    hints=(
        "Encode once. Start with a column of `bos`. In each turn: logits for all words so far, of which only those of the *last* position matter; their argmax is the newest word; append it as a new column. Keep a boolean tensor that says which sentences have ended.",
        "`logits[:, -1].argmax(dim=-1)` gives `(batch,)`. Before `torch.cat`, set the words of sentences that have ended to 0, and afterwards mark those whose newest word is `eos`. Remember `model.training` at the start and give it to `model.train(...)` at the end. The result leaves out the column of `bos`.",
    ),
    reference=right.greedy_decode,
    make_calls=_greedy_calls,
    parts={MAIN: 0.4, "several": 0.2, "arguments": 0.15, "mode": 0.15, "no gradients": 0.1},
    view=_view_greedy,
    misconceptions=(
        Misconception(
            "the newest word alone",
            m.greedy_newest_alone,
            "The decoder gets only the newest word, at position 0 and without the words before. Give it all words so far.",
        ),
        Misconception(
            "logits of the first position",
            m.greedy_first_place,
            "The next word is read at position 0, which never changes. The newest prediction stands at the last position: `[:, -1]`.",
        ),
        Misconception(
            "the least probable word",
            m.greedy_least,
            "The smallest logit is taken. The best word has the largest: `argmax`.",
        ),
        Misconception(
            "words drawn at random",
            m.greedy_drawn,
            "The next word is drawn from the probabilities. Greedy decoding takes the most probable one, every time.",
        ),
        Misconception(
            "one word for the whole batch",
            m.greedy_over_the_batch,
            "The argmax runs over all sentences at once. Each sentence has its own next word: `dim=-1`.",
        ),
        Misconception(
            "no stop when all have ended",
            m.greedy_no_stop,
            "Decoding goes on to `max_length` although all sentences have ended. Leave the loop once each has its `eos`.",
        ),
        Misconception(
            "end not noticed",
            m.greedy_no_end,
            "Words go on after `eos`, up to `max_length`. Keep track of which sentences have ended.",
        ),
        Misconception(
            "stops at the first end",
            m.greedy_first_row_ends_all,
            "As soon as one sentence has ended, all stop. Wait until `all` have ended.",
        ),
        Misconception(
            "words after the end",
            m.greedy_goes_on,
            "A sentence that has ended still gets words while the others go on. After its `eos` only 0 follows.",
        ),
        Misconception(
            "end repeated",
            m.greedy_end_repeated,
            "After the end, `eos` is repeated. Only the first one counts; 0 follows.",
        ),
        Misconception(
            "start in the result",
            m.greedy_with_start,
            "The result begins with `bos`. Leave out that column.",
        ),
        Misconception(
            "end missing in the result",
            m.greedy_without_end,
            "The result has no `eos`. It is the last word of a sentence that has ended, and stays in.",
        ),
        Misconception(
            "one word too few",
            m.greedy_one_less,
            "Only `max_length - 1` words come back. `max_length` counts the words after `bos`, without it.",
        ),
        Misconception(
            "one word too many",
            m.greedy_one_more,
            "`max_length + 1` words come back. Look at where the loop ends.",
        ),
        Misconception(
            "max_length not used",
            m.greedy_fixed_length,
            "Decoding goes on beyond `max_length`. It is the largest number of words that come back.",
        ),
        Misconception(
            "bos and eos fixed",
            m.greedy_fixed_specials,
            "The ids 1 and 2 are used whatever `bos` and `eos` say. Use the arguments.",
        ),
        Misconception(
            "decoded in training mode",
            m.greedy_in_training_mode,
            "The model stays in training mode, so dropout disturbs the words. Call `model.eval()` first.",
        ),
        Misconception(
            "mode not restored",
            m.greedy_mode_not_restored,
            "The model stays in evaluation mode afterwards. Put it back into the mode it was in.",
        ),
        Misconception(
            "always in training mode afterwards",
            m.greedy_always_training,
            "The model is in training mode afterwards, whatever it was before. Remember `model.training` at the start.",
        ),
        Misconception(
            "gradients recorded",
            m.greedy_with_gradients,
            "PyTorch keeps everything for a backward pass that never comes. Decode inside `with torch.no_grad():`.",
        ),
    ),
    variants=(m.greedy_from_the_whole, m.greedy_row_by_row, m.greedy_active_rows, m.greedy_probabilities),
)

# --- CachedDecoder --------------------------------------------------------------------------------------------------


def _steps(rng, target_size, batch, count):
    return tuple(("step", (TensorData(_ids(rng, 1, target_size, batch)),)) for _ in range(count))


def _cached_calls(rng):
    by_hand = _model_by_hand(rng)
    sizes, more = (11, 9, 8, 2, 2, 7, 0), (8, 10, 6, 3, 3, 5, 0)
    weights, others = _whole(rng, 11, 9, 8, 2, 7, 0), _whole(rng, 8, 10, 6, 3, 5, 0)
    padded = _with_padding(rng, _ids(rng, 1, 11, 3, 5), 0, (0, 4), (0, 3), (2, 1))

    def call(sizes, weights, source, then, part=MAIN, note="", watched=""):
        model = Made("whole_transformer", (sizes, weights, watched))
        return Call((TensorData(source),), new=(model,), method="start", then=then, part=part, note=note)

    return [
        call((6, 4, 4, 2, 1, 3, 0), by_hand.weights, np.array([[5, 2]]), (("step", (TensorData(np.array([1])),)),),
             note="by hand: the layers add nothing; 2 times the row of the id 1, plus [0, 1, 0, 1], is [1, 1, -1, -1]"),
        call(sizes, weights, _ids(rng, 1, 11, 3, 5), _steps(rng, 9, 3, 4), note="four steps"),
        call(more, others, _ids(rng, 1, 8, 2, 4), _steps(rng, 10, 2, 5), note="five steps"),
        call(sizes, weights, padded, _steps(rng, 9, 3, 3), part="padding", note="padding in the source"),
        call(
            sizes, weights, _ids(rng, 1, 11, 3, 5),
            (*_steps(rng, 9, 3, 2), ("start", (TensorData(_ids(rng, 1, 11, 3, 5)),)), *_steps(rng, 9, 3, 3)),
            part="new start", note="another source after two steps",
        ),
        call(sizes, weights, _ids(rng, 1, 11, 3, 5), _steps(rng, 9, 3, 3), part="kept", watched="self",
             note="the model raises an error if keys or values of earlier words are made again"),
        call(sizes, weights, _ids(rng, 1, 11, 3, 5), _steps(rng, 9, 3, 3), part="kept", watched="cross",
             note="the model raises an error if keys or values of the source are made again"),
    ]  # fmt: skip


def _view_cached(call, value):
    """What `start` returns is open."""
    methods = [call.method, *(method for method, _ in call.then)]
    return [one for method, one in zip(methods, value, strict=True) if method == "step"]


CACHED = Exercise(
    name="CachedDecoder",
    lesson=LESSON,
    title="keys and values kept",
    points=4,
    minutes=12,
    hints=(
        "Follow one word through `DecoderLayer`: in self-attention it asks with its own query, but looks at the keys and values of all words so far. These don't change any more, so keep them, layer by layer, and append the newest. Those of the source are made once, in `start`.",
        "Keys and values of heads are `(batch, heads, words, d_head)`: append along `dim=2`. A causal mask is not needed, since nothing later is there. The newest word needs its own position: take the last row of `position(...)` of all words so far. The last line is the same projection as in `Transformer`.",
    ),
    reference=right.CachedDecoder,
    forbidden=TRANSFORMER,
    make_calls=_cached_calls,
    parts={MAIN: 0.5, "padding": 0.1, "new start": 0.1, "kept": 0.3},
    extra=True,
    view=_view_cached,
    lenient=("sequence",),
    misconceptions=(
        Misconception(
            "earlier words forgotten",
            m.CacheNothing,
            "Each word attends to itself alone. Append its key and value to those of the words before, and attend to all.",
        ),
        Misconception(
            "only one earlier word kept",
            m.CacheLastTwo,
            "The store holds the newest word alone, so two words are seen at most. Store the keys and values of all words so far.",
        ),
        Misconception(
            "the newest word does not see itself",
            m.CacheWithoutNewest,
            "Attention runs over the words before. The newest word sees itself, too: append first, then attend.",
        ),
        Misconception(
            "one store for all layers",
            m.CacheSharedByLayers,
            "The layers write into the same store. Each layer has its own keys and values.",
        ),
        Misconception(
            "always position 0",
            m.CachePositionZero,
            "`position` gets one row and adds the encoding of position 0 each time. The newest word stands at the position that its number says.",
        ),
        Misconception(
            "positions off by one",
            m.CachePositionLate,
            "The first word gets position 1. Positions count from 0.",
        ),
        Misconception(
            "no positions",
            m.CacheNoPosition,
            "The embedding goes into the layers without its position. `model.position` comes between.",
        ),
        Misconception(
            "old words after a new start",
            m.CacheNotEmptied,
            "`start` does not empty the store, so the words of another sentence are still seen.",
        ),
        Misconception(
            "padding of the source visible",
            m.CacheNoSourceMask,
            "Cross-attention looks at padding of the source. Keep its padding mask in `start` and use it in each step.",
        ),
        Misconception(
            "first source kept for ever",
            m.CacheFirstSource,
            "The second `start` does not replace the keys and values of the source. Make them anew in each `start`.",
        ),
        Misconception(
            "first layer's keys of the source for all",
            m.CacheOneMemory,
            "All layers use the keys and values that the first layer made of the memory. Each layer makes its own.",
        ),
        Misconception(
            "an axis too many",
            m.CacheLengthAxis,
            "The axis of the length, of size 1, is still there. The logits are `(batch, target_size)`.",
        ),
        Misconception(
            "probabilities in place of logits",
            m.CacheProbabilities,
            "A softmax has been taken. Return the logits.",
        ),
        Misconception(
            "the whole pass each time",
            m.CacheWholePass,
            "The logits are right, but every step computes all words again. Keep keys and values, and send the newest word alone through the layers.",
        ),
        Misconception(
            "keys of the source made again",
            m.CacheCrossAgain,
            "The logits are right, but every step makes the keys and values of the source again. They don't change: make them in `start`.",
        ),
        Misconception(
            "inputs kept in place of keys and values",
            m.CacheOfInputs,
            "The logits are right, but the rows are kept and their keys and values made again in every step. Keep the keys and values themselves.",
        ),
    ),
    variants=(m.CacheWithoutMask, m.CacheModule, m.CacheNewestFirst, m.CacheLazy),
)

EXERCISES = (CAUSAL, PADDING, BOTH, MASK_SCORES, LAYER, STACK, PAIR, MODEL, GREEDY, CACHED, *CLINIC)
