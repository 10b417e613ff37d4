"""Lesson 6: one layer of the encoder."""

from __future__ import annotations

from autograde.exercise import Exercise, Misconception
from autograde.exercises.feed_forward.dropout import dropout_view, same_rows
from autograde.exercises.feed_forward.inputs import mask, random_array, tensor
from autograde.exercises.feed_forward.parts import CHANGED
from autograde.exercises.feed_forward.weights import dropping_layer, layer_by_hand, layer_weights
from autograde.exercises.libraries import TRANSFORMER
from autograde.exercises.mistakes.feed_forward import encoder_layer as code
from autograde.harness.call import MAIN, Call
from autograde.harness.plain import TensorData
from helpers.feed_forward import EncoderLayer

LESSON = "06_feed_forward"


def _layer_calls(rng):
    return [
        Call(
            (tensor([[[3, 1], [1, 4]]]),),
            new=(2, 1, 3),
            weights=layer_by_hand(),
            note="by hand: two tokens of width 2; both scores are 0, so attention gives the average of the tokens",
        ),
        Call(new=(6, 2, 9), method="", report=("parameters",), note="the parameters and their shapes"),
        Call((TensorData(random_array(rng, 3, 5, 6)),), new=(6, 2, 7), weights=layer_weights(rng, 6, 7)),
        Call((TensorData(random_array(rng, 2, 3, 8)),), new=(8, 4, 5, 0.5), weights=layer_weights(rng, 8, 5)),
        Call(
            (TensorData(random_array(rng, 2, 5, 4)),),
            new=(4, 2, 7),
            weights=layer_weights(rng, 4, 7),
            report=("gradients",),
            part=CHANGED,
            note="the gradient of every weight",
        ),
        Call(
            (TensorData(random_array(rng, 3, 5, 6)),),
            {"mask": mask(rng, 3, 1, 5)},
            new=(6, 2, 4),
            weights=layer_weights(rng, 6, 4),
            part="mask",
            note="one mask row per sentence, as for padding",
        ),
        Call(
            (TensorData(random_array(rng, 2, 4, 6)), mask(rng, 4, 4)),
            new=(6, 3, 5),
            weights=layer_weights(rng, 6, 5),
            part="mask",
            note="one mask for the whole batch",
        ),
        Call(
            (same_rows([1] * 6),),
            new=(6, 2, 5, 0.3),
            weights=dropping_layer(6, 5, 1.5),
            training=True,
            part="dropout",
            note="training mode: attention adds 1.5 to column 0, the network adds nothing",
        ),
        Call(
            (same_rows([1] * 6),),
            new=(6, 2, 5, 0.3),
            weights=dropping_layer(6, 5, 0.0),
            training=True,
            part="dropout",
            note="training mode: attention adds nothing, the network adds 0.7 + 0.8 * a hidden unit to column 0",
        ),
        Call(
            (same_rows([1] * 4),),
            new=(4, 2, 3),
            weights=dropping_layer(4, 3, 0.0),
            training=True,
            part="dropout",
            note="training mode, with the dropout that stands in the signature",
        ),
    ]


ENCODER_LAYER = Exercise(
    name="EncoderLayer",
    lesson=LESSON,
    title="one layer of the encoder",
    points=4,
    minutes=14,
    hints=(
        "Four parts that you have: `MultiHeadAttention`, `AddNorm`, your `FeedForward` and another `AddNorm`. "
        "`forward` has two halves of the same form: a sublayer reads x, and add & norm gets x and what the sublayer "
        "gave. The result of the first half is the x of the second one.",
        "Attention returns a pair, and only the first of the two goes on. Its second argument is the key's input, so "
        "hand the mask over by name, `mask=...`. Each `AddNorm(...)` and the `FeedForward(...)` get `dropout` as their "
        "last argument.",
    ),
    reference=EncoderLayer,
    forbidden=TRANSFORMER,
    make_calls=_layer_calls,
    parts={MAIN: 0.5, CHANGED: 0.1, "mask": 0.2, "dropout": 0.2},
    projection=dropout_view,
    misconceptions=(
        Misconception(
            "one norm shared by both halves",
            code.LayerOneNorm,
            "`add_norm_1` and `add_norm_2` are one and the same module. Each half learns a gamma and a beta of its own.",
        ),
        Misconception(
            "first add & norm used twice",
            code.LayerFirstNormTwice,
            "`add_norm_1` is called in both halves, and `add_norm_2` never. The second half uses `add_norm_2`.",
        ),
        Misconception(
            "residual from the layer's input",
            code.LayerResidualFromInput,
            "The second add & norm adds the input of the layer. It adds the input of *its* sublayer: what the first "
            "half gave.",
        ),
        Misconception(
            "network reads the layer's input",
            code.LayerNetworkReadsInput,
            "The feed-forward network reads the input of the layer, past attention. It reads what the first add & "
            "norm gave.",
        ),
        Misconception(
            "network reads attention's output",
            code.LayerNetworkReadsAttention,
            "The feed-forward network reads attention's output as it is. It reads what the first add & norm made of "
            "it.",
        ),
        Misconception(
            "network before attention",
            code.LayerNetworkFirst,
            "The feed-forward network comes first. The order is attention, add & norm, feed-forward, add & norm.",
        ),
        Misconception(
            "mask not passed on",
            code.LayerMaskIgnored,
            "The mask changes nothing. `forward` has to hand it to attention.",
        ),
        Misconception(
            "mask upside down",
            code.LayerMaskUpsideDown,
            "The mask was turned round before it went to attention. In this course True means *may attend*, here and "
            "in `MultiHeadAttention`.",
        ),
        Misconception(
            "mask handed over as the key",
            code.LayerMaskAsKey,
            "The second argument of attention is the key's input, so the mask was taken for tokens. Hand it over by "
            "name: `mask=...`.",
        ),
        Misconception(
            "no residual around the network",
            code.LayerNoSecondResidual,
            "What the feed-forward network reads is not added to its output. `add_norm_2` wants both: the input of "
            "the sublayer and its output.",
        ),
        Misconception(
            "no norm at the end",
            code.LayerNoSecondNorm,
            "The second half adds, but does not normalize. Call `add_norm_2`, which does both.",
        ),
        Misconception(
            "no add & norm after attention",
            code.LayerNoFirstAddNorm,
            "Attention's output goes on without `add_norm_1`: the input is neither added nor normalized.",
        ),
        Misconception(
            "input added twice",
            code.LayerAddedTwice,
            "x is added before add & norm, which adds it again. Give it the sublayer's output alone.",
        ),
        Misconception(
            "norm before the sublayer",
            code.LayerPreNorm,
            "This normalizes what a sublayer reads: the pre-norm variant of lesson 5. The paper adds first, then "
            "normalizes the sum.",
        ),
        Misconception(
            "norm before the sum",
            code.LayerNormOfSublayer,
            "The sublayer's output is normalized, then x is added. Add first, then normalize the sum.",
        ),
        Misconception(
            "weights returned, too",
            code.LayerPair,
            "Two things come back. A layer returns its output alone, so that the next layer can read it.",
        ),
        Misconception(
            "attention's pair not taken apart",
            code.LayerAttentionNotUnpacked,
            "Attention returns a pair, output and weights, and the pair went into add & norm. Take the first of the "
            "two.",
        ),
        Misconception(
            "d_ff unused",
            code.LayerWidthUnused,
            "The network has the width `4 * d_model`. Give it the argument `d_ff`.",
        ),
        Misconception(
            "num_heads and d_ff exchanged",
            code.LayerHeadsAndWidthExchanged,
            "The network got `num_heads` as its width, and attention got `d_ff` heads. Look at the order of the "
            "arguments.",
        ),
        Misconception(
            "bias in attention",
            code.LayerAttentionBias,
            "The linear layers of attention have a bias. `MultiHeadAttention` makes none unless told so.",
        ),
        Misconception(
            "one head alone",
            code.LayerOneHead,
            "Attention has a single head. Give it the argument `num_heads`.",
        ),
        Misconception(
            "dropout not passed on",
            code.LayerDropoutNotGivenOn,
            "All parts drop 0.1, whatever the layer is told. Give `dropout` to the network and to both add & norms.",
        ),
        Misconception(
            "dropout not passed on to the network",
            code.LayerNetworkWithoutDropout,
            "The feed-forward network drops 0.1, whatever the layer is told. Give it `dropout` as well.",
        ),
        Misconception(
            "dropout not passed on to add & norm",
            code.LayerNormsWithoutDropout,
            "Both add & norms drop 0.1, whatever the layer is told. Give `dropout` to them as well.",
        ),
    ),
    variants=(
        code.LayerWrittenOut,
        code.LayerMadeInAnotherOrder,
        code.LayerOwnAddNorm,
        code.LayerSentenceBySentence,
    ),
)

EXERCISES = (ENCODER_LAYER,)
