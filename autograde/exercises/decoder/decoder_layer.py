"""DecoderLayer: one layer of the decoder."""

import math

import numpy as np
import torch
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.add_norm.common import ZERO_DROPOUT
from autograde.exercises.decoder.common import causal, layer, layer_by_hand, without_effect
from autograde.exercises.inputs import random_mask, random_tensor
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.add_norm import AddNorm
from helpers.decoder import DecoderLayer
from helpers.feed_forward import FeedForward
from helpers.multi_head import MultiHeadAttention


def _layer_dropout(rng, dropout, note):
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
    return ModuleCall(
        (TensorData(x.astype(np.float32)), random_tensor(rng, 40, 2, 6)),
        new=(6, 2, 1, *dropout),
        weights=weights,
        training=True,
        part="dropout",
        note=f"in training mode, with {note}; attention adds nothing here",
    )


def calls(rng):
    masks = {"self_mask": causal(4), "cross_mask": TensorData(random_mask(rng, 2, 1, 5))}
    blocked_self, blocked_cross = np.tril(np.ones((3, 4, 4), bool)), np.ones((3, 1, 6), bool)
    blocked_self[1, 0], blocked_cross[2] = False, False
    return [
        layer_by_hand(rng),
        ConstructorCall((6, 3, 7), report=("parameters",), note="what the layer has registered"),
        ModuleCall((random_tensor(rng, 2, 3, 6), random_tensor(rng, 2, 5, 6)), new=(6, 3, 7), weights=layer(rng, 6, 7)),
        ModuleCall(
            (random_tensor(rng, 3, 4, 8), random_tensor(rng, 3, 4, 8)),
            new=(8, 2, 5),
            weights=layer(rng, 8, 5),
            note="as many source tokens as target tokens",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 3, 6), random_tensor(rng, 2, 5, 6)),
            new=(6, 2, 5),
            weights=layer(rng, 6, 5),
            method="forward",
            then=(("forward", (random_tensor(rng, 2, 4, 6), random_tensor(rng, 2, 5, 6))),),
            note="another sentence afterwards",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 6), random_tensor(rng, 2, 5, 6)),
            masks,
            new=(6, 2, 7),
            weights=layer(rng, 6, 7),
            part="masks",
            note="a causal mask, and a padding mask of the source",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 6), random_tensor(rng, 2, 5, 6)),
            {"cross_mask": masks["cross_mask"]},
            new=(6, 2, 7),
            weights=layer(rng, 6, 7),
            part="masks",
            note="only a padding mask of the source",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 6), random_tensor(rng, 2, 5, 6)),
            {"self_mask": masks["self_mask"]},
            new=(6, 2, 7),
            weights=layer(rng, 6, 7),
            part="masks",
            note="only a causal mask",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 6), random_tensor(rng, 2, 4, 6), causal(4), TensorData(random_mask(rng, 4, 4))),
            new=(6, 2, 7),
            weights=layer(rng, 6, 7),
            part="masks",
            note="both masks without their names, in the order of the signature",
        ),
        ModuleCall(
            (random_tensor(rng, 3, 4, 8), random_tensor(rng, 3, 6, 8)),
            {"self_mask": TensorData(blocked_self), "cross_mask": TensorData(blocked_cross)},
            new=(8, 2, 5),
            weights=layer(rng, 8, 5),
            report=("output", "gradients"),
            part="masks",
            note="one token and one whole sentence have nothing to attend to",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 3, 6), random_tensor(rng, 2, 5, 6)),
            new=(6, 3, 7),
            weights=layer(rng, 6, 7),
            report=("output", "gradients", "input_gradients"),
            part="gradients",
            note="backward, too",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 3, 6), random_tensor(rng, 2, 5, 6)),
            new=(6, 3, 7, 1.0),
            weights=layer(rng, 6, 7),
            training=True,
            part="dropout",
            note="in training mode, with dropout 1: what the sublayers give is lost, their inputs stay",
        ),
        _layer_dropout(rng, (0.4,), "dropout 0.4"),
        _layer_dropout(rng, (), "the dropout of the signature"),
        _layer_dropout(rng, (0.0,), "dropout 0, which drops nothing"),
    ]


def projection(call, value):
    """Of a random output, how many rows the network's dropout has left as they were."""
    if call.part != "dropout" or 1.0 in call.new[3:]:
        return value
    x, output = call.args[0].array, value.array
    if x.shape != output.shape:
        return {"shape": list(output.shape)}
    same = np.abs(output - x).max(axis=-1) < 1e-2
    # 2,000 rows: the share varies by 0.011
    return {"share of rows that the feed-forward network does not change": f"{same.mean():.1f}"}


EXERCISE = Exercise(
    name="DecoderLayer",
    title="one layer of the decoder",
    points=5,
    minutes=12,
    hints=(
        "Three sublayers, each followed by its own add & norm, as in `EncoderLayer`. You know the first and the "
        "third from there. The second takes its queries from the result of the first, and its keys and values from "
        "`memory`.",
        "`attention(query_input, key_input, value_input, mask=...)` returns two things; the output is the first. An "
        "`add_norm` takes the sublayer's *input* first, then the sublayer's output. `self_mask` belongs to the first "
        "sublayer, `cross_mask` to the second. `AddNorm` and `FeedForward` take the dropout.",
    ),
    reference=DecoderLayer,
    make_calls=calls,
    parts={MAIN: 0.5, "masks": 0.2, "gradients": 0.1, "dropout": 0.2},
    projection=projection,
    forbidden=libraries.TRANSFORMER,
)


def _finish(layer, x, attended, add_norm=None):
    x = (add_norm or layer.add_norm_2)(x, attended)
    return layer.add_norm_3(x, layer.feed_forward(x))


def _first(layer, x, mask):
    return layer.add_norm_1(x, layer.self_attention(x, mask=mask)[0])


@EXERCISE.wrong(
    "query and key from the encoder",
    "Query and key come from the memory, the value from the decoder. The encoder gives key *and value*; the query is the decoder's.",
)
class QueryAndKeyFromEncoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(memory, memory, x, mask=cross_mask)[0])


@EXERCISE.wrong(
    "query from the encoder",
    "The roles are exchanged: the memory asks and the decoder answers. Queries come from the decoder, so that the output has as many rows as the target.",
)
class QueryFromEncoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(memory, x, x, mask=cross_mask)[0])


@EXERCISE.wrong(
    "values from the decoder",
    "The keys come from the memory, the values from the decoder. The token whose key matches has to hand over its "
    "own value: key and value both come from the memory.",
)
class ValuesFromDecoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(x, memory, x, mask=cross_mask)[0])


@EXERCISE.wrong(
    "cross-attention looks at the decoder itself",
    "The second attention gets no memory, so the layer never sees the source. Pass `memory` as key and value.",
)
class CrossItself(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(x, mask=self_mask)[0])


@EXERCISE.wrong(
    "cross-attention first",
    "The two attentions have changed places. The order is self-attention, cross-attention, feed-forward.",
)
class CrossFirst(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])
        return _finish(self, x, self.self_attention(x, mask=self_mask)[0], self.add_norm_1)


@EXERCISE.wrong(
    "feed-forward before cross-attention",
    "The network comes second here. The order is self-attention, cross-attention, feed-forward.",
)
class FeedForwardSecond(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        x = self.add_norm_3(x, self.feed_forward(x))
        return self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])


@EXERCISE.wrong(
    "no cross-attention", "The second sublayer is left out: this is an encoder layer, and the source is never seen."
)
class NoCross(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return self.add_norm_3(x, self.feed_forward(x))


@EXERCISE.wrong(
    "masks exchanged",
    "`cross_mask` goes into self-attention and `self_mask` into cross-attention. Their last axes count different tokens: target and source.",
)
class MasksSwapped(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, cross_mask, self_mask)


@EXERCISE.wrong("self_mask not used", "Self-attention looks everywhere: `self_mask` isn't used. Pass it as `mask`.")
class NoSelfMask(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, None, cross_mask)


@EXERCISE.wrong("cross_mask not used", "Cross-attention looks everywhere: `cross_mask` isn't used. Pass it as `mask`.")
class NoCrossMask(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, self_mask, None)


@EXERCISE.wrong(
    "self_mask for both attentions",
    "Cross-attention gets `self_mask`, which is about target tokens. Its keys are source tokens: `cross_mask`.",
)
class SelfMaskTwice(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory, self_mask, self_mask)


@EXERCISE.wrong(
    "first input added again",
    "The second add & norm adds the layer's input. Each sublayer has its own input added: here the result of the first add & norm.",
)
class InputAddedAgain(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(first, memory, mask=cross_mask)[0])


@EXERCISE.wrong(
    "queries before self-attention",
    "Cross-attention asks with the layer's input. Its queries are the result of the first add & norm.",
)
class QueryBeforeSelfAttention(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = _first(self, x, self_mask)
        return _finish(self, first, self.cross_attention(x, memory, mask=cross_mask)[0])


@EXERCISE.wrong(
    "first add & norm not used",
    "The result of the first add & norm isn't used: cross-attention asks with the layer's input, and the second add "
    "& norm adds it. Go on with the result of the first in both places.",
)
class FirstNotUsed(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return _finish(self, x, self.cross_attention(x, memory, mask=cross_mask)[0])


@EXERCISE.wrong(
    "input added twice",
    "Each sublayer's input is added before add & norm, which adds it again. Hand `add_norm` the sublayer's output only.",
)
class AddedTwice(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_1(x, x + self.self_attention(x, mask=self_mask)[0])
        x = self.add_norm_2(x, x + self.cross_attention(x, memory, mask=cross_mask)[0])
        return self.add_norm_3(x, x + self.feed_forward(x))


@EXERCISE.wrong(
    "keys from the decoder",
    "The keys come from the decoder, the values from the memory. The token whose key matches has to hand over its "
    "own value: key and value both come from the memory.",
)
class KeysFromDecoder(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.cross_attention(x, x, memory, mask=cross_mask)[0])


@EXERCISE.wrong(
    "residual connections missing",
    "Each sublayer's output is normalized without its input. `add_norm(x, output)` adds both first.",
)
class NoResidual(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_1.norm(self.self_attention(x, mask=self_mask)[0])
        x = self.add_norm_2.norm(self.cross_attention(x, memory, mask=cross_mask)[0])
        return self.add_norm_3.norm(self.feed_forward(x))


@EXERCISE.wrong(
    "one add & norm for all",
    "`add_norm_1` is used three times, so the other two never learn. Each sublayer has its own.",
)
class OneNorm(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        x = self.add_norm_1(x, self.cross_attention(x, memory, mask=cross_mask)[0])
        return self.add_norm_1(x, self.feed_forward(x))


@EXERCISE.wrong(
    "one attention for both",
    "Cross-attention is computed with the weights of self-attention. It has its own: `self.cross_attention`.",
)
class OneAttention(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        return _finish(self, x, self.self_attention(x, memory, mask=cross_mask)[0])


@EXERCISE.wrong(
    "last norm missing", "The feed-forward network is followed by an addition without normalization. Use `add_norm_3`."
)
class NoLastNorm(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        x = self.add_norm_2(x, self.cross_attention(x, memory, mask=cross_mask)[0])
        return x + self.feed_forward(x)


@EXERCISE.wrong(
    "weights returned, too",
    "Two things come back. A layer returns only its output; the attention weights stay inside.",
)
class Tuple(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = _first(self, x, self_mask)
        attended, weights = self.cross_attention(x, memory, mask=cross_mask)
        return _finish(self, x, attended), weights


@EXERCISE.wrong(
    "bias in the attentions", "The attentions have been made with `bias=True`. Leave it at its default, without bias."
)
class Bias(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.self_attention = MultiHeadAttention(d_model, num_heads, bias=True)
        self.cross_attention = MultiHeadAttention(d_model, num_heads, bias=True)


@EXERCISE.wrong(
    "dropout not passed on",
    "The parts drop a tenth whatever `dropout` says. Pass it to `AddNorm` and `FeedForward`.",
)
class DefaultDropout(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff)


@EXERCISE.wrong("dropout 0 taken for the default", ZERO_DROPOUT)
class ZeroForDefault(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout or 0.1)


@EXERCISE.wrong(
    "feed-forward without the layer's dropout",
    "The feed-forward network drops a tenth whatever `dropout` says. Pass it on.",
)
class FeedForwardDropout(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.feed_forward = FeedForward(d_model, d_ff)


@EXERCISE.wrong(
    "add & norm without the layer's dropout",
    "The three `AddNorm` drop a tenth whatever `dropout` says. Pass it on.",
)
class AddNormDropout(DecoderLayer):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__(d_model, num_heads, d_ff, dropout)
        self.add_norm_1, self.add_norm_2, self.add_norm_3 = (AddNorm(d_model) for _ in range(3))


@EXERCISE.wrong(
    "input and output of add & norm exchanged",
    "Dropout falls on the residual connection: `add_norm` gets the sublayer's output first. It takes the input first, then the output.",
)
class ArgumentsExchanged(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self.add_norm_1(self.self_attention(x, mask=self_mask)[0], x)
        x = self.add_norm_2(self.cross_attention(x, memory, mask=cross_mask)[0], x)
        return self.add_norm_3(self.feed_forward(x), x)


@EXERCISE.wrong(
    "memory cut off from the gradient",
    "The numbers are right, but no gradient reaches the memory, so the encoder would never learn. Leave out `.detach()`.",
)
class DetachedMemory(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        return super().forward(x, memory.detach(), self_mask, cross_mask)


@EXERCISE.wrong(
    "network added to an earlier result",
    "The third add & norm adds to the result of the first. It adds to the network's own input, the result of the second.",
)
class AddedToTheFirst(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = _first(self, x, self_mask)
        second = self.add_norm_2(first, self.cross_attention(first, memory, memory, mask=cross_mask)[0])
        return self.add_norm_3(first, self.feed_forward(second))


@EXERCISE.wrong(
    "network added to the layer's input",
    "The third add & norm adds to the layer's input. It adds to the network's own input, the result of the second.",
)
class AddedToTheInput(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        second = _first(self, x, self_mask)
        second = self.add_norm_2(second, self.cross_attention(second, memory, memory, mask=cross_mask)[0])
        return self.add_norm_3(x, self.feed_forward(second))


@EXERCISE.wrong(
    "a causal mask of its own",
    "Without `self_mask` the layer makes a causal mask. None means no mask: who calls the layer decides.",
)
class OwnCausalMask(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        self_mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril() if self_mask is None else self_mask
        return super().forward(x, memory, self_mask, cross_mask)


@EXERCISE.variant
class Keywords(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        first = self.add_norm_1(x, self.self_attention(query_input=x, mask=self_mask)[0])
        output, _ = self.cross_attention(query_input=first, key_input=memory, mask=cross_mask)
        second = self.add_norm_2(first, output)
        return self.add_norm_3(second, self.feed_forward(second))


@EXERCISE.variant
class ByHand(DecoderLayer):
    """Heads one by one, and add & norm written out."""

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        x = self._add(self.add_norm_1, x, self._attend(self.self_attention, x, x, self_mask))
        x = self._add(self.add_norm_2, x, self._attend(self.cross_attention, x, memory, cross_mask))
        return self._add(self.add_norm_3, x, self.feed_forward(x))

    @staticmethod
    def _add(add_norm, x, output):
        return add_norm.norm(x + add_norm.dropout(output))

    @staticmethod
    def _attend(attention, x, source, mask):
        query, key, value = attention.query(x), attention.key(source), attention.value(source)
        width = x.shape[-1] // attention.num_heads
        outputs = []
        for start in range(0, x.shape[-1], width):
            part = slice(start, start + width)
            scores = query[..., part] @ key[..., part].mT / width**0.5
            if mask is None:
                weights = scores.softmax(-1)
            else:
                empty = ~mask.any(-1, keepdim=True)
                weights = scores.masked_fill(~mask & ~empty, -math.inf).softmax(-1) * mask
            outputs.append(weights @ value[..., part])
        return attention.out(torch.cat(outputs, dim=-1))


@EXERCISE.variant
class InAList(nn.Module):
    def __init__(self, d_model, num_heads, d_ff, dropout=0.1):
        super().__init__()
        self.feed_forward = FeedForward(d_model, d_ff, dropout)
        for name in ("self_attention", "cross_attention"):
            self.add_module(name, MultiHeadAttention(d_model, num_heads))
        for number in (3, 2, 1):
            self.add_module(f"add_norm_{number}", AddNorm(d_model, dropout))

    def forward(self, x, memory, self_mask=None, cross_mask=None):
        steps = [
            (self.add_norm_1, lambda x: self.self_attention(x, x, x, self_mask)[0]),
            (self.add_norm_2, lambda x: self.cross_attention(x, memory, memory, cross_mask)[0]),
            (self.add_norm_3, self.feed_forward),
        ]
        for add_norm, sublayer in steps:
            x = add_norm(x, sublayer(x))
        return x


@EXERCISE.variant
class Fused(DecoderLayer):
    def forward(self, x, memory, self_mask=None, cross_mask=None):
        for attention, source, mask, add_norm in (
            (self.self_attention, None, self_mask, self.add_norm_1),
            (self.cross_attention, memory, cross_mask, self.add_norm_2),
        ):
            x = add_norm(x, attention(x, source, source, mask, need_weights=False)[0])
        return self.add_norm_3(x, self.feed_forward(x))
