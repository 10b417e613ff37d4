"""RepairedDecoderBlock: the source makes no difference."""

import numpy as np
import torch
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises.inputs import random_tensor, tensor
from autograde.harness.call import ModuleCall
from helpers.add_norm import AddNorm
from helpers.clinic import RepairedDecoderBlock
from helpers.multi_head import MultiHeadAttention


def _block_weights(rng, d_model):
    weights = {
        f"{attention}.{name}.weight": rng.normal(size=(d_model, d_model)) * 0.6
        for attention in ("self_attention", "cross_attention")
        for name in ("query", "key", "value", "out")
    }
    for add_norm in ("add_norm_1", "add_norm_2"):
        weights[f"{add_norm}.norm.gamma"] = 1 + rng.normal(size=d_model) * 0.3
        weights[f"{add_norm}.norm.beta"] = rng.normal(size=d_model) * 0.3
    return {name: array.astype(np.float32) for name, array in weights.items()}


def calls(rng):
    still = {name: np.zeros_like(array) for name, array in _block_weights(rng, 2).items()}
    for name in ("add_norm_1.norm.gamma", "add_norm_2.norm.gamma"):
        still[name] = np.ones(2, np.float32)
    for name in ("value", "out"):
        still[f"cross_attention.{name}.weight"] = np.eye(2, dtype=np.float32)
    return [
        ModuleCall(
            (tensor([[[5, 1]]]), tensor([[[0, 6], [0, 10]]])),
            new=(2, 1),
            weights=still,
            note="by hand: self-attention adds 0, and 5 1 is normalized to 1 -1; cross-attention adds the mean of the "
            "source, 0 8; the sum 1 7 is normalized to -1 1",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 3, 6), random_tensor(rng, 2, 5, 6)),
            new=(6, 3),
            weights=_block_weights(rng, 6),
            report=("output", "parameters", "input_gradients"),
            note="three target words, five source words",
        ),
        ModuleCall(
            (random_tensor(rng, 3, 5, 4), random_tensor(rng, 3, 5, 4)),
            new=(4, 2),
            weights=_block_weights(rng, 4),
            training=True,
            report=("output", "parameters", "input_gradients"),
            note="as many source words as target words; in training mode",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 6), random_tensor(rng, 2, 3, 6)),
            new=(6, 2),
            weights=_block_weights(rng, 6),
            then=(("forward", (random_tensor(rng, 3, 2, 6), random_tensor(rng, 3, 5, 6))),),
            note="two batches, one after the other",
        ),
        ModuleCall(
            (random_tensor(rng, 1, 1, 4), random_tensor(rng, 1, 1, 4)),
            new=(4, 2),
            weights=_block_weights(rng, 4),
            note="a batch of one sentence; one target word, one source word",
        ),
    ]


EXERCISE = Exercise(
    name="RepairedDecoderBlock",
    title="the source makes no difference",
    points=2,
    minutes=7,
    extra=True,
    hints=(
        "Take a pencil and follow `memory` from line to line. Which result does it flow into, and where does that result "
        "go?",
        "`forward` has four lines: attend within the target, add and normalize, attend to the source, add and "
        "normalize. Each add & norm gets what the attention in the line above it has returned.",
    ),
    reference=RepairedDecoderBlock,
    make_calls=calls,
)


@EXERCISE.wrong(
    "what was read from the source is thrown away",
    "The result of cross-attention is not used: the second add & norm adds the result of self-attention once "
    "more. Give it what cross-attention has returned.",
)
class Broken(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.self_attention = MultiHeadAttention(width, heads)
        self.add_norm_1 = AddNorm(width, dropout=0.0)
        self.cross_attention = MultiHeadAttention(width, heads)
        self.add_norm_2 = AddNorm(width, dropout=0.0)

    def forward(self, x, memory):
        read, _ = self.self_attention(x, x, x)
        x = self.add_norm_1(x, read)
        found, _ = self.cross_attention(x, memory, memory)
        found = self.add_norm_2(x, read)
        return found


class _Block(Broken):
    """A decoder block of which only the second half is still to be written."""

    def forward(self, x, memory):
        return self.second(self.add_norm_1(x, self.self_attention(x)[0]), memory)


@EXERCISE.wrong(
    "cross-attention attends to the target",
    "Cross-attention reads only `x`, and `memory` is not used. Give it `memory` as key and value.",
)
class AttendsToItself(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x)[0])


@EXERCISE.wrong(
    "roles exchanged",
    "The source asks and the target answers. It is the other way round: queries from `x`, keys and values from "
    "`memory`.",
)
class RolesExchanged(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(memory, x, x)[0])


@EXERCISE.wrong("keys from the target", "Keys and values come from different sentences here. Both are `memory`.")
class KeysFromTarget(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x, x, memory)[0])


@EXERCISE.wrong(
    "values from the target",
    "The keys come from the source, but what is handed over is `x` again. Keys *and values* are `memory`.",
)
class ValuesFromTarget(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x, memory, x)[0])


@EXERCISE.wrong(
    "queries from the source",
    "Cross-attention gets only `memory`, so the source attends to itself. The queries are `x`.",
)
class AllFromMemory(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(memory)[0])


@EXERCISE.wrong(
    "residual connection lost",
    "The result of cross-attention is normalized by itself. `add_norm_2` adds it to `x` first.",
)
class ResidualLost(_Block):
    def second(self, x, memory):
        return self.add_norm_2.norm(self.cross_attention(x, memory)[0])


@EXERCISE.wrong(
    "no gradient to the encoder",
    "The output is right, but `memory` gets no gradient, so the encoder would never learn. Leave out `detach` "
    "and `no_grad`.",
)
class MemoryDetached(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x, memory.detach())[0])


@EXERCISE.wrong(
    "mean of the source added",
    "Every target word gets the same mean of the source. Each chooses for itself: use `cross_attention`.",
)
class MemoryAveraged(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, memory.mean(dim=1, keepdim=True))


@EXERCISE.wrong(
    "both results added",
    "The second add & norm adds the result of self-attention as well; it is in `x` already. Add what "
    "cross-attention has returned, and nothing else.",
)
class BothAdded(Broken):
    def forward(self, x, memory):
        attended, _ = self.self_attention(x)
        x = self.add_norm_1(x, attended)
        from_source, _ = self.cross_attention(x, memory)
        return self.add_norm_2(x, attended + from_source)


@EXERCISE.wrong(
    "self-attention reads the source",
    "Both attentions read the source now, so the target words no longer see each other. The first attention "
    "stays within `x`.",
)
class FirstAttentionReadsSource(Broken):
    def forward(self, x, memory):
        attended, _ = self.self_attention(x, memory, memory)
        x = self.add_norm_1(x, attended)
        from_source, _ = self.cross_attention(x, memory, memory)
        return self.add_norm_2(x, from_source)


@EXERCISE.wrong(
    "one norm for both",
    "The first norm is used twice. The second add & norm has its own `gamma` and `beta`: `add_norm_2`.",
)
class OneNorm(Broken):
    def forward(self, x, memory):
        x = self.add_norm_1(x, self.self_attention(x)[0])
        return self.add_norm_1(x, self.cross_attention(x, memory)[0])


@EXERCISE.wrong(
    "added to what self-attention read",
    "`add_norm_2` adds the result of cross-attention to that of self-attention. It should add it to `x`, the result "
    "of `add_norm_1`.",
)
class AddedToTheReading(_Block):
    def forward(self, x, memory):
        read, _ = self.self_attention(x)
        x = self.add_norm_1(x, read)
        return self.add_norm_2(read, self.cross_attention(x, memory)[0])


@EXERCISE.wrong(
    "cross-attention without add & norm",
    "What cross-attention has found comes back as it is. `add_norm_2` adds it to `x` and normalizes the sum.",
)
class FoundOnly(_Block):
    def second(self, x, memory):
        return self.cross_attention(x, memory)[0]


@EXERCISE.wrong(
    "first add & norm left out",
    "After self-attention comes an addition without a norm. Use `add_norm_1`.",
)
class FirstNormLeftOut(_Block):
    def forward(self, x, memory):
        read = x + self.self_attention(x)[0]
        return self.add_norm_2(read, self.cross_attention(read, memory)[0])


@EXERCISE.wrong(
    "queries from before the first add & norm",
    "Cross-attention gets the block's input as its queries. Its queries are what `add_norm_1` has returned.",
)
class QueriesFromBefore(Broken):
    def forward(self, x, memory):
        after = self.add_norm_1(x, self.self_attention(x)[0])
        return self.add_norm_2(after, self.cross_attention(x, memory)[0])


@EXERCISE.wrong(
    "queries without the first add & norm",
    "Cross-attention gets what self-attention has read as its queries. Its queries are what `add_norm_1` has returned.",
)
class QueriesWithoutNorm(Broken):
    def forward(self, x, memory):
        read, _ = self.self_attention(x)
        return self.add_norm_2(self.add_norm_1(x, read), self.cross_attention(read, memory)[0])


@EXERCISE.wrong(
    "result of the first add & norm not used",
    "Self-attention has no effect. What `add_norm_1` returns has to have the name that the next lines use.",
)
class FirstHalfLost(_Block):
    def forward(self, x, memory):
        return self.second(x, memory)

    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x, memory)[0])


@EXERCISE.wrong(
    "added to the block's input",
    "The second add & norm adds to the block's input. It adds to what `add_norm_1` has returned, the queries of "
    "cross-attention.",
)
class AddedToTheInput(Broken):
    def forward(self, x, memory):
        after = self.add_norm_1(x, self.self_attention(x)[0])
        return self.add_norm_2(x, self.cross_attention(after, memory)[0])


@EXERCISE.wrong(
    "causal mask in self-attention",
    "Self-attention has a causal mask here, so a word no longer sees the words after it. This block works without masks.",
)
class CausalMask(_Block):
    def forward(self, x, memory):
        causal = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        return self.second(self.add_norm_1(x, self.self_attention(x, mask=causal)[0]), memory)

    def second(self, x, memory):
        return self.add_norm_2(x, self.cross_attention(x, memory)[0])


@EXERCISE.wrong(
    "residual connection twice",
    "`x` is added to the result of cross-attention, and `add_norm_2` adds it once more. Leave out the first sum.",
)
class ResidualTwice(_Block):
    def second(self, x, memory):
        return self.add_norm_2(x, x + self.cross_attention(x, memory)[0])


@EXERCISE.wrong(
    "source read first",
    "Cross-attention comes before self-attention. The target words look at each other first, then at the source.",
)
class SourceFirst(Broken):
    def forward(self, x, memory):
        x = self.add_norm_2(x, self.cross_attention(x, memory)[0])
        return self.add_norm_1(x, self.self_attention(x)[0])


@EXERCISE.wrong(
    "input added twice",
    "What goes into a sublayer is added twice: by hand, and by `AddNorm`. Give `AddNorm` the input and the result of attention, "
    "and leave the addition to it.",
)
class AddedTwice(RepairedDecoderBlock):
    def forward(self, x, memory):
        x = self.add_norm_1(x, x + self.self_attention(x)[0])
        return self.add_norm_2(x, x + self.cross_attention(x, memory, memory)[0])


@EXERCISE.wrong(
    "pre-norm",
    "Each attention reads normalized rows, and nothing is normalized after the sum, as in many models of today. Here the "
    "sum is normalized: `add_norm_1` and `add_norm_2` get `x` and what the attention has returned.",
)
class PreNorm(Broken):
    def forward(self, x, memory):
        x = x + self.self_attention(self.add_norm_1.norm(x))[0]
        return x + self.cross_attention(self.add_norm_2.norm(x), memory)[0]


@EXERCISE.variant
class ByName(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        for name in ("self_attention", "cross_attention"):
            setattr(self, name, MultiHeadAttention(d_model, num_heads))
        for name in ("add_norm_1", "add_norm_2"):
            setattr(self, name, AddNorm(d_model, 0.0))

    def forward(self, x, memory):
        y = self.add_norm_1(x, self.self_attention(x, need_weights=False)[0])
        return self.add_norm_2(y, self.cross_attention(query_input=y, key_input=memory, need_weights=False)[0])


@EXERCISE.variant
class SameNameAgain(Broken):
    def forward(self, x, memory):
        read, _ = self.self_attention(x, x, x)
        x = self.add_norm_1(x, read)
        read, _ = self.cross_attention(x, memory, memory)
        return self.add_norm_2(x, read)


@EXERCISE.variant
class Loop(RepairedDecoderBlock):
    def forward(self, x, memory):
        pairs = ((self.self_attention, self.add_norm_1), (self.cross_attention, self.add_norm_2))
        for number, (attention, add_norm) in enumerate(pairs):
            x = add_norm(x, attention(x, memory if number else x)[0])
        return x


@EXERCISE.variant
class NormWrittenOut(Broken):
    def forward(self, x, memory):
        x = self.add_norm_1.norm(x + self.self_attention(x)[0])
        everybody = torch.ones(len(x), x.shape[1], memory.shape[1], dtype=torch.bool)
        return self.add_norm_2.norm(self.cross_attention(x, memory, memory, mask=everybody)[0] + x)
