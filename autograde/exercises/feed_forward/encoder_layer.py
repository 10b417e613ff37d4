"""EncoderLayer: one layer of the encoder."""

import torch
from torch import nn
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import NOTHING_DROPPED, ONE_WORD, ZERO_DROPOUT
from autograde.exercises.feed_forward.common import (
    CHANGED,
    dropout_view,
    dropping_layer,
    dropping_network,
    layer_by_hand,
    layer_weights,
    random_array,
    same_rows,
)
from autograde.exercises.feed_forward.feed_forward_module import Functional as NetworkFunctional
from autograde.exercises.inputs import random_mask, tensor
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.add_norm import AddNorm, LayerNormalization
from helpers.feed_forward import EncoderLayer, FeedForward
from helpers.multi_head import MultiHeadAttention


def calls(rng):
    return [
        ModuleCall(
            (tensor([[[3, 1], [1, 4]]]),),
            new=(2, 1, 3),
            weights=layer_by_hand(),
            note="by hand: two tokens of width 2; both scores are 0, so attention gives the average of the tokens",
        ),
        ConstructorCall((6, 2, 9), report=("parameters",), note="the parameters and their shapes"),
        ModuleCall((TensorData(random_array(rng, 3, 5, 6)),), new=(6, 2, 7), weights=layer_weights(rng, 6, 7)),
        ModuleCall((TensorData(random_array(rng, 2, 3, 8)),), new=(8, 4, 5, 0.5), weights=layer_weights(rng, 8, 5)),
        ModuleCall(
            (TensorData(random_array(rng, 2, 5, 4)),),
            new=(4, 2, 7),
            weights=layer_weights(rng, 4, 7),
            report=("gradients",),
            part=CHANGED,
            note="the gradient of every weight",
        ),
        ModuleCall(
            (TensorData(random_array(rng, 3, 5, 6)),),
            {"mask": TensorData(random_mask(rng, 3, 1, 5))},
            new=(6, 2, 4),
            weights=layer_weights(rng, 6, 4),
            part="mask",
            note="one mask row per sentence, as for padding",
        ),
        ModuleCall(
            (TensorData(random_array(rng, 3, 5, 6)), TensorData(random_mask(rng, 3, 1, 5))),
            new=(6, 2, 4),
            weights=layer_weights(rng, 6, 4),
            then=(("forward", (TensorData(random_array(rng, 3, 5, 6)),)),),
            part="mask",
            note="first with a mask, then without one",
        ),
        ModuleCall(
            (TensorData(random_array(rng, 2, 4, 6)), TensorData(random_mask(rng, 4, 4))),
            new=(6, 3, 5),
            weights=layer_weights(rng, 6, 5),
            part="mask",
            note="one mask for the whole batch",
        ),
        ModuleCall(
            (same_rows([1] * 6),),
            new=(6, 2, 5, 0.3),
            weights=dropping_layer(6, 5, 1.5),
            training=True,
            part="dropout",
            note="training mode: attention adds 1.5 to column 0, the network adds nothing",
        ),
        ModuleCall(
            (same_rows([1] * 6),),
            new=(6, 2, 5, 0.3),
            weights=dropping_layer(6, 5, 0.0),
            training=True,
            part="dropout",
            note="training mode: attention adds nothing, the network adds 0.7 + 0.8 * a hidden unit to column 0",
        ),
        ModuleCall(
            (same_rows([1] * 4),),
            new=(4, 2, 3),
            weights=dropping_layer(4, 3, 0.0),
            training=True,
            part="dropout",
            note="training mode, with the dropout of the signature",
        ),
        ModuleCall(
            (TensorData(random_array(rng, 1, 1, 6)),),
            new=(6, 1, 1),
            weights=layer_weights(rng, 6, 1),
            note=f"{ONE_WORD}, with one head and d_ff = 1",
        ),
        ModuleCall(
            (same_rows([1] * 6),),
            new=(6, 2, 5, 0.0),
            weights=dropping_layer(6, 5, 1.5) | dropping_network(6, 5, "feed_forward."),
            training=True,
            part="dropout",
            note=NOTHING_DROPPED,
        ),
    ]


EXERCISE = Exercise(
    name="EncoderLayer",
    title="one layer of the encoder",
    points=4,
    minutes=14,
    hints=(
        "Four parts that you have: `MultiHeadAttention`, `AddNorm`, your `FeedForward` and another `AddNorm`. "
        "`forward` has two halves of the same form: a sublayer reads x, and add & norm takes x and what the sublayer "
        "returned. The result of the first half is the x of the second.",
        "Attention returns a pair, and only the first of the two goes on. Its second argument is the key's input, so "
        "pass the mask by name, `mask=...`. Each `AddNorm(...)` and the `FeedForward(...)` get `dropout` as their "
        "last argument.",
    ),
    reference=EncoderLayer,
    make_calls=calls,
    parts={MAIN: 0.5, CHANGED: 0.1, "mask": 0.2, "dropout": 0.2},
    projection=dropout_view,
    forbidden=libraries.TRANSFORMER,
)


@EXERCISE.wrong(
    "one norm shared by both halves",
    "`add_norm_1` and `add_norm_2` are one and the same module. Each half learns a gamma and a beta of its own.",
)
class OneNorm(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.add_norm_2 = self.add_norm_1


@EXERCISE.wrong(
    "first add & norm used twice",
    "`add_norm_1` is called in both halves, and `add_norm_2` never. The second half uses `add_norm_2`.",
)
class FirstNormTwice(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_1(x, self.feed_forward(x))


@EXERCISE.wrong(
    "residual from the layer's input",
    "The second add & norm adds the input of the layer. It adds the input of *its* sublayer: what the first half gave.",
)
class ResidualFromInput(EncoderLayer):
    def forward(self, x, mask=None):
        y = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2(x, self.feed_forward(y))


@EXERCISE.wrong(
    "network reads the layer's input",
    "The feed-forward network reads the input of the layer, past attention. It reads what the first add & norm gave.",
)
class NetworkReadsInput(EncoderLayer):
    def forward(self, x, mask=None):
        y = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2(y, self.feed_forward(x))


@EXERCISE.wrong(
    "network reads attention's output",
    "The feed-forward network reads attention's output as it is. It reads what the first add & norm made of it.",
)
class NetworkReadsAttention(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm_2(self.add_norm_1(x, attended), self.feed_forward(attended))


@EXERCISE.wrong(
    "network before attention",
    "The feed-forward network comes first. The order is attention, add & norm, feed-forward, add & norm.",
)
class NetworkFirst(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.feed_forward(x))
        return self.add_norm_2(x, self.attention(x, mask=mask)[0])


@EXERCISE.wrong("mask not passed on", "The mask changes nothing. `forward` has to hand it to attention.")
class MaskIgnored(EncoderLayer):
    def forward(self, x, mask=None):
        return super().forward(x)


@EXERCISE.wrong(
    "mask upside down",
    "The mask was inverted before it went to attention. In this course True means *may attend*, here and in "
    "`MultiHeadAttention`.",
)
class MaskUpsideDown(EncoderLayer):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


@EXERCISE.wrong(
    "mask of the first query for all",
    "Every query has the mask of the first one. A mask (length, length) has a row for each query: hand it on as it is.",
)
class MaskOfTheFirstQuery(EncoderLayer):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else mask[..., :1, :])


@EXERCISE.wrong(
    "mask in the place of another argument",
    "The mask is in the place of the key's or the value's input, and was taken for tokens. Pass it by name: "
    "`mask=mask`.",
)
class MaskAsKey(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask)
        x = self.add_norm_1(x, attended)
        return self.add_norm_2(x, self.feed_forward(x))


@EXERCISE.wrong(
    "no residual around the network",
    "What the feed-forward network reads is not added to its output. `add_norm_2` wants both: the input of "
    "the sublayer and its output.",
)
class NoSecondResidual(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2.norm(self.feed_forward(x))


@EXERCISE.wrong(
    "no norm at the end", "The second half adds, but does not normalize. Call `add_norm_2`, which does both."
)
class NoSecondNorm(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return x + self.add_norm_2.dropout(self.feed_forward(x))


@EXERCISE.wrong(
    "no add & norm after attention",
    "Attention's output goes on without `add_norm_1`: the input is neither added nor normalized.",
)
class NoFirstAddNorm(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm_2(attended, self.feed_forward(attended))


@EXERCISE.wrong(
    "input added twice", "x is added before add & norm, which adds it again. Give it only the sublayer's output."
)
class AddedTwice(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, x + self.attention(x, mask=mask)[0])
        return self.add_norm_2(x, x + self.feed_forward(x))


@EXERCISE.wrong(
    "norm before the sublayer",
    "This normalizes what a sublayer reads: the pre-norm variant of lesson 5. The paper adds first, then "
    "normalizes the sum.",
)
class PreNorm(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(self.add_norm_1.norm(x), mask=mask)
        x = x + self.add_norm_1.dropout(attended)
        return x + self.add_norm_2.dropout(self.feed_forward(self.add_norm_2.norm(x)))


@EXERCISE.wrong(
    "norm before the sum", "The sublayer's output is normalized, then x is added. Add first, then normalize the sum."
)
class NormOfSublayer(EncoderLayer):
    def forward(self, x, mask=None):
        x = x + self.add_norm_1.norm(self.add_norm_1.dropout(self.attention(x, mask=mask)[0]))
        return x + self.add_norm_2.norm(self.add_norm_2.dropout(self.feed_forward(x)))


@EXERCISE.wrong(
    "weights returned, too",
    "Two things come back. A layer returns only its output, so that the next layer can read it.",
)
class Pair(EncoderLayer):
    def forward(self, x, mask=None):
        _, weights = self.attention(x, mask=mask)
        return super().forward(x, mask), weights


@EXERCISE.wrong(
    "attention's pair not taken apart",
    "Attention returns a pair, output and weights, and the pair went into add & norm. Take the first of the two.",
)
class AttentionNotUnpacked(EncoderLayer):
    def forward(self, x, mask=None):
        x = self.add_norm_1(x, self.attention(x, mask=mask))
        return self.add_norm_2(x, self.feed_forward(x))


@EXERCISE.wrong("d_ff unused", "The network has the width `4 * d_model`. Give it the argument `d_ff`.")
class WidthUnused(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, 4 * d_model, dropout)


@EXERCISE.wrong(
    "num_heads and d_ff exchanged",
    "The network got `num_heads` as its width, and attention got `d_ff` heads. Look at the order of the arguments.",
)
class HeadsAndWidthExchanged(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, num_heads, dropout)


@EXERCISE.wrong(
    "bias in attention", "The linear layers of attention have a bias. `MultiHeadAttention` makes none unless told so."
)
class AttentionBias(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.attention = MultiHeadAttention(d_model, num_heads, bias=True)


@EXERCISE.wrong("only one head", "Attention has a single head. Give it the argument `num_heads`.")
class OneHead(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, 1, d_ff, dropout)


@EXERCISE.wrong(
    "dropout not passed on",
    "All parts drop 0.1, whatever the layer is told. Give `dropout` to the network and to both add & norms.",
)
class DropoutNotGivenOn(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff)


@EXERCISE.wrong("dropout 0 taken for the default", ZERO_DROPOUT)
class ZeroForDefault(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout or 0.1)


@EXERCISE.wrong(
    "dropout not passed on to the network",
    "The feed-forward network drops 0.1, whatever the layer is told. Give it `dropout` as well.",
)
class NetworkWithoutDropout(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.feed_forward = FeedForward(d_model, d_ff)


@EXERCISE.wrong(
    "dropout not passed on to add & norm",
    "Both add & norms drop 0.1, whatever the layer is told. Give `dropout` to them as well.",
)
class NormsWithoutDropout(EncoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.add_norm_1, self.add_norm_2 = AddNorm(d_model), AddNorm(d_model)


@EXERCISE.variant
class WrittenOut(EncoderLayer):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, x, x, mask)
        y = self.add_norm_1.norm(x + self.add_norm_1.dropout(attended))
        return self.add_norm_2.norm(self.add_norm_2.dropout(self.feed_forward(y)) + y)


@EXERCISE.variant
class MadeInAnotherOrder(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.add_norm_2 = AddNorm(d_model, dropout)
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        self.add_norm_1 = AddNorm(embed_dim=d_model, dropout=dropout)
        self.attention = MultiHeadAttention(embed_dim=d_model, num_heads=num_heads)

    def forward(self, x, mask=None):
        after_attention = self.add_norm_1(x, self.attention(x, mask=mask)[0])
        return self.add_norm_2(after_attention, self.feed_forward(after_attention))


class _Added(nn.Module):
    """Add & norm with the dropout of the functional interface."""

    def __init__(self, width, rate):
        super().__init__()
        self.rate, self.norm = rate, LayerNormalization(width)

    def forward(self, x, y):
        return self.norm(F.dropout(y, self.rate, self.training) + x)


@EXERCISE.variant
class OwnAddNorm(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = NetworkFunctional(d_model, d_ff, dropout)
        self.add_norm_1, self.add_norm_2 = _Added(d_model, dropout), _Added(d_model, dropout)

    def forward(self, x, mask=None):
        for sublayer, join in ((self._attend, self.add_norm_1), (self._think, self.add_norm_2)):
            x = join(x, sublayer(x, mask))
        return x

    def _attend(self, x, mask):
        return self.attention(x, mask=mask, need_weights=False)[0]

    def _think(self, x, mask):
        return self.feed_forward(x)


@EXERCISE.variant
class SentenceBySentence(EncoderLayer):
    def forward(self, x, mask=None):
        if self.training:
            return super().forward(x, mask)
        if mask is not None and mask.dim() == 2:
            mask = mask.expand(len(x), -1, -1)
        rows = []
        for place, sentence in enumerate(x):
            allowed = None if mask is None else mask[place : place + 1]
            rows.append(super().forward(sentence.unsqueeze(0), allowed))
        return torch.cat(rows)
