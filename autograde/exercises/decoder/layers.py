"""Lesson 7: one layer of the decoder, and the whole decoder."""

from __future__ import annotations

import numpy as np

from autograde.exercise import Exercise, Misconception
from autograde.exercises.decoder.inputs import floats, random_mask
from autograde.exercises.decoder.weights import layer, layers_of, without_effect
from autograde.exercises.libraries import TRANSFORMER
from autograde.exercises.mistakes.decoder import layers as m
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers import decoder as right

LESSON = "07_decoder"

# --- DecoderLayer ---------------------------------------------------------------------------------------------------


def _causal(length):
    return TensorData(np.tril(np.ones((length, length), bool)))


def _layer_by_hand(rng):
    weights = without_effect(layer(rng, 4, 3))
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
    weights = without_effect(layer(rng, 6, 1))
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
        (TensorData(x.astype(np.float32)), floats(rng, 40, 2, 6)),
        new=(6, 2, 1, 0.4),
        weights=weights,
        training=True,
        part="dropout",
        note="in training mode, with dropout 0.4; attention adds nothing here",
    )


def _layer_calls(rng):
    masks = {"self_mask": _causal(4), "cross_mask": random_mask(rng, 2, 1, 5)}
    blocked_self, blocked_cross = np.tril(np.ones((3, 4, 4), bool)), np.ones((3, 1, 6), bool)
    blocked_self[1, 0], blocked_cross[2] = False, False
    return [
        _layer_by_hand(rng),
        Call(new=(6, 3, 7), method="", report=("parameters",), note="what the layer has registered"),
        Call((floats(rng, 2, 3, 6), floats(rng, 2, 5, 6)), new=(6, 3, 7), weights=layer(rng, 6, 7)),
        Call(
            (floats(rng, 3, 4, 8), floats(rng, 3, 4, 8)),
            new=(8, 2, 5),
            weights=layer(rng, 8, 5),
            note="as many source tokens as target tokens",
        ),
        Call((floats(rng, 2, 4, 6), floats(rng, 2, 5, 6)), masks, new=(6, 2, 7), weights=layer(rng, 6, 7),
             part="masks", note="a causal mask, and a padding mask of the source"),
        Call((floats(rng, 2, 4, 6), floats(rng, 2, 5, 6)), {"cross_mask": masks["cross_mask"]}, new=(6, 2, 7),
             weights=layer(rng, 6, 7), part="masks", note="a padding mask of the source alone"),
        Call((floats(rng, 2, 4, 6), floats(rng, 2, 5, 6)), {"self_mask": masks["self_mask"]}, new=(6, 2, 7),
             weights=layer(rng, 6, 7), part="masks", note="a causal mask alone"),
        Call(
            (floats(rng, 3, 4, 8), floats(rng, 3, 6, 8)),
            {"self_mask": TensorData(blocked_self), "cross_mask": TensorData(blocked_cross)},
            new=(8, 2, 5),
            weights=layer(rng, 8, 5),
            report=("output", "gradients"),
            part="masks",
            note="one token and one whole sentence have nothing to attend to",
        ),
        Call(
            (floats(rng, 2, 3, 6), floats(rng, 2, 5, 6)),
            new=(6, 3, 7),
            weights=layer(rng, 6, 7),
            report=("output", "gradients", "input_gradients"),
            part="gradients",
            note="backward, too",
        ),
        Call(
            (floats(rng, 2, 3, 6), floats(rng, 2, 5, 6)),
            new=(6, 3, 7, 1.0),
            weights=layer(rng, 6, 7),
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
    projection=_view_layer,
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
    masks = {"self_mask": _causal(4), "cross_mask": random_mask(rng, 2, 1, 5)}
    one = _layer_by_hand(rng)
    return [
        Call(one.args, new=(1, 4, 2, 3), weights={f"layers.0.{name}": w for name, w in one.weights.items()},
             note="by hand: one layer, in which only cross-attention adds something"),
        Call(new=(3, 6, 2, 5), method="", report=("parameters",), note="what the decoder has registered"),
        Call((floats(rng, 2, 3, 6), floats(rng, 2, 5, 6)), new=(2, 6, 3, 7), weights=layers_of(rng, 2, 6, 7)),
        Call((floats(rng, 3, 2, 4), floats(rng, 3, 4, 4)), new=(3, 4, 2, 5), weights=layers_of(rng, 3, 4, 5)),
        Call((floats(rng, 2, 4, 6), floats(rng, 2, 5, 6)), masks, new=(2, 6, 2, 7), weights=layers_of(rng, 2, 6, 7),
             part="masks", note="a causal mask, and a padding mask of the source"),
        Call((floats(rng, 2, 4, 6), floats(rng, 2, 5, 6)), {"cross_mask": masks["cross_mask"]}, new=(2, 6, 2, 7),
             weights=layers_of(rng, 2, 6, 7), part="masks", note="a padding mask of the source alone"),
        Call(
            (floats(rng, 2, 3, 6), floats(rng, 2, 5, 6)),
            new=(2, 6, 3, 7, 1.0),
            weights=layers_of(rng, 2, 6, 7),
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

EXERCISES = (LAYER, STACK)
