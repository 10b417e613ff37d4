"""GroupedQueryAttention: fewer keys and values."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.inputs import random_mask, random_tensor
from autograde.exercises.today.common import GRADIENTS, weights
from autograde.exercises.today.repeat_kv import in_turns
from autograde.exercises.today.rotate import halves
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.multi_head import merge_heads, split_heads
from helpers.today import GroupedQueryAttention, repeat_kv, rotate

MASK = "mask"
POSITIONS = "positions"
WIDTH = "heads that do not divide"


def layers(rng, d_model, num_heads, num_kv_heads):
    narrow = num_kv_heads * d_model // num_heads
    shapes = {
        "query.weight": (d_model, d_model),
        "key.weight": (narrow, d_model),
        "value.weight": (narrow, d_model),
        "out.weight": (d_model, d_model),
    }
    return weights(rng, shapes, 1.3 / math.sqrt(d_model))


def calls(rng):
    def call(sizes, batch, length, mask=None, positions=None, **options):
        kwargs = {} if mask is None else {"mask": TensorData(mask)}
        kwargs |= {} if positions is None else {"positions": TensorData(np.array(positions, np.int64))}
        x = random_tensor(rng, batch, length, sizes[0])
        return ModuleCall((x,), kwargs, new=sizes, weights=layers(rng, *sizes), **options)

    eye = np.eye(4, dtype=np.float32)
    by_hand = {
        "query.weight": np.zeros((4, 4), np.float32),
        "key.weight": np.zeros((2, 4), np.float32),
        "value.weight": eye[:2],
        "out.weight": eye,
    }
    x = np.array([[[4, 2, 9, 9], [0, 6, 9, 9]]], np.float32)
    empty = random_mask(rng, 3, 4, 4)
    backward = ("output", "gradients", "input_gradients")
    empty[1, 2] = empty[2] = False
    return [
        ModuleCall(
            (TensorData(x),),
            new=(4, 2, 1),
            weights=by_hand,
            note="by hand: all weights are 1/2; both heads average the one value head, (4, 2) and (0, 6): (2, 4, 2, 4)",
        ),
        ConstructorCall((12, 6, 2), report=("parameters",), note="the parameters, by name"),
        call((12, 6, 2), 2, 5),
        call((12, 6, 3), 3, 4),
        call((8, 4, 4), 2, 5, note="as many key heads as query heads: lesson 4"),
        call((8, 4, 1), 2, 5, note="one key head for all"),
        call((12, 6, 2), 2, 5, report=backward, training=True, part=GRADIENTS, note="in training mode; backward, too"),
        call((8, 4, 2), 2, 5, positions=[0, 1, 2, 3, 4], part=POSITIONS, note="rotary positions 0 to 4"),
        call((8, 4, 2), 2, 4, positions=[0, 1, 3, 4], report=backward, part=POSITIONS, note="with them; backward, too"),
        call((12, 2, 1), 2, 4, positions=[9, 10, 11, 14], part=POSITIONS, note="positions that don't begin at 0"),
        call((8, 4, 2), 5, 5, mask=random_mask(rng, 5, 5), part=MASK, note="one mask for all: (length, length)"),
        call((12, 6, 2), 3, 5, mask=random_mask(rng, 3, 1, 5), part=MASK, note="a mask (batch, 1, length)"),
        call((8, 4, 2), 2, 5, mask=random_mask(rng, 2, 5, 5), part=MASK, note="a mask (batch, length, length)"),
        call((12, 6, 3), 2, 5, mask=random_mask(rng, 2, 6, 5, 5), part=MASK, note="a mask for each query head"),
        call((8, 4, 2), 2, 5, mask=random_mask(rng, 2, 1, 5, 5), part=MASK, note="a mask (batch, 1, length, length)"),
        call(
            (8, 4, 2),
            3,
            4,
            mask=empty,
            part=MASK,
            report=backward,
            note="in the sentence 2, and in the row 2 of the sentence 1, there is nothing to attend to",
        ),
        call(
            (8, 4, 2),
            3,
            5,
            mask=random_mask(rng, 3, 1, 5),
            positions=[0, 1, 2, 3, 4],
            part=MASK,
            then=(("forward", (random_tensor(rng, 2, 4, 8),)),),
            note="first with a mask and positions, then without",
        ),
        call((8, 4, 2), 1, 1, positions=[3], part=POSITIONS, note="a batch of one sentence of one token"),
        ConstructorCall((8, 3, 1), part=WIDTH, note="3 heads do not divide a width of 8"),
        ConstructorCall((12, 6, 4), part=WIDTH, note="4 key heads do not divide 6 query heads"),
    ]


EXERCISE = Exercise(
    name="GroupedQueryAttention",
    title="fewer keys and values",
    points=5,
    minutes=18,
    hints=(
        "It is lesson 4's module with two differences: `key` and `value` are narrower, and their heads are repeated before the scores. Split the key with `num_kv_heads`, not with `num_heads`. Rotary positions turn query and key heads, never the values.",
        "After `split_heads`: rotate query and key if `positions is not None`, then `repeat_kv(key, self.num_heads // self.num_kv_heads)`, and the same for the value. From there on it is lesson 4 word for word: a mask with three axes gets one for the heads, `mask_scores` fills in -inf, and after the softmax `masked_fill(~mask, 0.0)` clears the rows with nothing to attend to.",
    ),
    reference=GroupedQueryAttention,
    make_calls=calls,
    parts={MAIN: 0.4, GRADIENTS: 0.1, POSITIONS: 0.2, MASK: 0.2, WIDTH: 0.1},
    multiple_outputs=True,
    ignore=("sequence",),
    forbidden=libraries.MULTI_HEAD_ATTENTION,
)


class _Steps(GroupedQueryAttention):
    """The module cut into steps, so that a mistake replaces one of them."""

    def turned(self, query, key, value, positions):
        return rotate(query, positions), rotate(key, positions), value

    def repeated(self, x):
        return repeat_kv(x, self.num_heads // self.num_kv_heads)

    def scale(self, d_head):
        return math.sqrt(d_head)

    def mask(self, mask):
        return mask.unsqueeze(1) if mask is not None and mask.dim() == 3 else mask

    def weights(self, scores, mask):
        if mask is None:
            return torch.softmax(scores, dim=-1)
        return torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1).masked_fill(~mask, 0.0)

    def combine(self, merged):
        return self.out(merged)

    def finish(self, output, weights):
        return output, weights

    def forward(self, x, mask=None, positions=None):
        query = split_heads(self.query(x), self.num_heads)
        key, value = split_heads(self.key(x), self.num_kv_heads), split_heads(self.value(x), self.num_kv_heads)
        if positions is not None:
            query, key, value = self.turned(query, key, value, positions)
        key, value = self.repeated(key), self.repeated(value)
        weights = self.weights(query @ key.mT / self.scale(key.shape[-1]), self.mask(mask))
        return self.finish(self.combine(merge_heads(weights @ value)), weights)


@EXERCISE.wrong(
    "heads repeated in turns",
    "Query head 2 gets key head 2 here. It shares key head 1 with query head 1: the copies of a head are side by side (`repeat_kv`).",
)
class InTurns(_Steps):
    def repeated(self, x):
        return in_turns(x, self.num_heads // self.num_kv_heads)


@EXERCISE.wrong(
    "keys and values of full width",
    "`key` and `value` are as wide as `query`, so nothing is saved. Their width is `num_kv_heads * d_head`.",
)
class FullWidth(_Steps):
    def __init__(self, d_model, num_heads, num_kv_heads):
        super().__init__(d_model, num_heads, num_kv_heads)
        self.key, self.value = (nn.Linear(d_model, d_model, bias=False) for _ in range(2))

    def repeated(self, x):
        return split_heads(merge_heads(x), self.num_heads)


@EXERCISE.wrong("bias in the layers", "The linear layers have a bias. Here they have none: `bias=False`.")
class Bias(_Steps):
    def __init__(self, d_model, num_heads, num_kv_heads):
        super().__init__(d_model, num_heads, num_kv_heads)
        self.query, self.out = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.key, self.value = (nn.Linear(d_model, self.key.out_features) for _ in range(2))


@EXERCISE.wrong("positions ignored", "`positions` changes nothing. Where they are given, queries and keys are rotated.")
class NoPositions(_Steps):
    def turned(self, query, key, value, positions):
        return query, key, value


@EXERCISE.wrong(
    "values rotated, too", "The values are rotated, too. Positions belong to the scores: turn queries and keys only."
)
class ValuesTurned(_Steps):
    def turned(self, query, key, value, positions):
        return rotate(query, positions), rotate(key, positions), rotate(value, positions)


@EXERCISE.wrong(
    "only the queries rotated",
    "Only the queries are rotated, so the scores depend on the absolute position. Turn the keys by theirs, too.",
)
class QueriesOnly(_Steps):
    def turned(self, query, key, value, positions):
        return rotate(query, positions), key, value


@EXERCISE.wrong(
    "other pairs of columns",
    "The pairs are columns i and i + d_head / 2 here. Use your `rotate`: neighbours are a pair.",
)
class Halves(_Steps):
    def turned(self, query, key, value, positions):
        return halves(query, positions), halves(key, positions), value


@EXERCISE.wrong(
    "always rotated", "Without `positions` the rows are rotated all the same. Rotate only if `positions` are given."
)
class Always(_Steps):
    def forward(self, x, mask=None, positions=None):
        return super().forward(x, mask, torch.arange(x.shape[1]) if positions is None else positions)


@EXERCISE.wrong(
    "rotated before the split",
    "The rows are rotated before they are split, so every head turns at other speeds. Rotate the heads: their width is `d_head`.",
)
class BeforeTheSplit(_Steps):
    def turned(self, query, key, value, positions):
        query = split_heads(rotate(merge_heads(query), positions), self.num_heads)
        return query, split_heads(rotate(merge_heads(key), positions), self.num_kv_heads), value


@EXERCISE.wrong("no scaling", "The scores are not divided by the root of the head's width.")
class NoScaling(_Steps):
    def scale(self, d_head):
        return 1.0


@EXERCISE.wrong("root of d_model", "The scores are divided by the root of d_model. Take that of the head's width.")
class RootOfModel(_Steps):
    def scale(self, d_head):
        return math.sqrt(self.query.in_features)


@EXERCISE.wrong(
    "mask ignored",
    "The mask changes nothing. `mask_scores` returns new scores, which have to be used in the softmax.",
)
class MaskIgnored(_Steps):
    def mask(self, mask):
        return None


@EXERCISE.wrong(
    "mask upside down", "The allowed keys get nothing, the forbidden ones everything. True means *may attend*."
)
class UpsideDown(_Steps):
    def mask(self, mask):
        return None if mask is None else ~super().mask(mask)


@EXERCISE.wrong(
    "mask without an axis for the heads",
    "A mask (batch, length, length) meets scores (batch, heads, length, length). Give it an axis for the heads: `unsqueeze(1)`.",
)
class NoHeadAxis(_Steps):
    def mask(self, mask):
        return mask


@EXERCISE.wrong(
    "NaN in a row with nothing to attend to",
    "A row of nothing but -inf becomes NaN in the softmax. Set the forbidden weights to 0 afterwards, with `masked_fill(~mask, 0.0)`.",
)
class NaN(_Steps):
    def weights(self, scores, mask):
        return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -math.inf), dim=-1)


@EXERCISE.wrong("no output layer", "The merged heads come back as they are. The last step is missing: `self.out`.")
class NoOutputLayer(_Steps):
    def combine(self, merged):
        return merged


@EXERCISE.wrong("only the output", "`forward` returns only the output. Return two things: the output and the weights.")
class OutputOnly(_Steps):
    def finish(self, output, weights):
        return output


@EXERCISE.wrong(
    "weights of the key heads",
    "The weights are averaged over the query heads that share a key. Return those of each query head.",
)
class GroupedWeights(_Steps):
    def finish(self, output, weights):
        return output, weights.unflatten(1, (self.num_kv_heads, -1)).mean(dim=2)


@EXERCISE.wrong(
    "no check of the heads",
    "Heads that don't divide go unnoticed when the module is made. Raise a `ValueError` in `__init__`, for both divisions.",
)
class NoCheck(_Steps):
    def __init__(self, d_model, num_heads, num_kv_heads):
        nn.Module.__init__(self)
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads
        narrow = num_kv_heads * (d_model // num_heads)
        self.query, self.out = (nn.Linear(d_model, d_model, bias=False) for _ in range(2))
        self.key, self.value = (nn.Linear(d_model, narrow, bias=False) for _ in range(2))


@EXERCISE.wrong(
    "key heads not checked",
    "Key heads that don't divide the query heads go unnoticed. Raise a `ValueError` for them, too.",
)
class KeyHeadsUnchecked(NoCheck):
    def __init__(self, d_model, num_heads, num_kv_heads):
        if d_model % num_heads:
            raise ValueError("the heads do not divide the width")
        super().__init__(d_model, num_heads, num_kv_heads)


@EXERCISE.wrong(
    "repeated num_kv_heads times",
    "Each key head is repeated `num_kv_heads` times. It serves `num_heads // num_kv_heads` query heads.",
)
class OtherTimes(_Steps):
    def repeated(self, x):
        return repeat_kv(x, self.num_kv_heads)


@EXERCISE.wrong(
    "x rotated before the projections",
    "The rows of `x` are rotated, and the values are made of them, too. Rotate query and key after the split into heads.",
)
class InputTurned(_Steps):
    def forward(self, x, mask=None, positions=None):
        return super().forward(x if positions is None else rotate(x, positions), mask)


@EXERCISE.wrong(
    "root of the keys' width",
    "The scores are divided by the root of `num_kv_heads * d_head`, the width of all key heads. Take that of a head, `d_head`.",
)
class RootOfKeys(_Steps):
    def scale(self, d_head):
        return math.sqrt(self.key.out_features)


@EXERCISE.wrong(
    "weights of some heads only",
    "The weights of the first `num_kv_heads` query heads come back. Return those of each query head.",
)
class SomeWeights(_Steps):
    def finish(self, output, weights):
        return output, weights[:, : self.num_kv_heads]


@EXERCISE.wrong(
    "the second check the wrong way round",
    "Sizes that fit are refused: `num_kv_heads` has to divide `num_heads`, so `num_heads % num_kv_heads` has to be 0.",
    only=r"num_kv_heads\s*%\s*(self\.)?num_heads",
)
class OtherCheck(_Steps):
    def __init__(self, d_model, num_heads, num_kv_heads):
        if d_model % num_heads or num_kv_heads % num_heads:
            raise ValueError("num_heads must divide d_model and num_kv_heads must divide num_heads")
        super().__init__(d_model, num_heads, num_kv_heads)


@EXERCISE.wrong(
    "key split with num_heads",
    "The key is cut into `num_heads` heads. It is narrower, and has `num_kv_heads` of them: split it with that number.",
)
class KeySplit(_Steps):
    def forward(self, x, mask=None, positions=None):
        query, key = split_heads(self.query(x), self.num_heads), split_heads(self.key(x), self.num_heads)
        value = split_heads(self.value(x), self.num_kv_heads)
        if positions is not None:
            query, key, value = self.turned(query, key, value, positions)
        key, value = self.repeated(key), self.repeated(value)
        weights = self.weights(query @ key.mT / self.scale(key.shape[-1]), self.mask(mask))
        return self.finish(self.combine(merge_heads(weights @ value)), weights)


@EXERCISE.wrong(
    "values repeated in turns",
    "The keys are repeated head by head, 1, 1, 2, 2, and the values in turns, 1, 2, 1, 2. Use `repeat_kv` for both.",
)
class ValuesInTurns(_Steps):
    def forward(self, x, mask=None, positions=None):
        query = split_heads(self.query(x), self.num_heads)
        key, value = split_heads(self.key(x), self.num_kv_heads), split_heads(self.value(x), self.num_kv_heads)
        if positions is not None:
            query, key, value = self.turned(query, key, value, positions)
        value = value.repeat(1, self.num_heads // self.num_kv_heads, 1, 1)
        weights = self.weights(query @ self.repeated(key).mT / self.scale(key.shape[-1]), self.mask(mask))
        return self.finish(self.combine(merge_heads(weights @ value)), weights)


@EXERCISE.variant
class Grouped(nn.Module):
    """Nothing is repeated: the query heads of a group have an axis of their own."""

    def __init__(self, d_model, num_heads, num_kv_heads):
        super().__init__()
        if d_model % num_heads or num_heads % num_kv_heads:
            raise ValueError("the heads have to divide")
        self.groups, self.d_head = num_kv_heads, d_model // num_heads
        self.query = nn.Linear(d_model, d_model, bias=False)
        self.key = nn.Linear(d_model, num_kv_heads * self.d_head, bias=False)
        self.value = nn.Linear(d_model, num_kv_heads * self.d_head, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x, mask=None, positions=None):
        query = self.query(x).unflatten(-1, (self.groups, -1, self.d_head)).permute(0, 2, 3, 1, 4)
        key = self.key(x).unflatten(-1, (self.groups, self.d_head)).transpose(1, 2)
        value = self.value(x).unflatten(-1, (self.groups, self.d_head)).transpose(1, 2)
        if positions is not None:
            query, key = rotate(query, positions), rotate(key, positions)
        scores = torch.einsum("bghqd,bgkd->bghqk", query, key).flatten(1, 2) / self.d_head**0.5
        allowed = torch.ones_like(scores, dtype=torch.bool)
        if mask is not None:
            allowed = allowed & (mask[:, None] if mask.ndim == 3 else mask)
        scores = torch.where(allowed, scores, -1e30)
        weights = torch.where(allowed, scores.softmax(-1), 0.0)
        grouped = weights.unflatten(1, (self.groups, -1))
        return self.out(torch.einsum("bghqk,bgkd->bqghd", grouped, value).flatten(2)), weights


@EXERCISE.variant
class HeadByHead(GroupedQueryAttention):
    def forward(self, x, mask=None, positions=None):
        d_head = x.shape[-1] // self.num_heads
        outputs, all_weights = [], []
        for head in range(self.num_heads):
            partner = head * self.num_kv_heads // self.num_heads
            query = self.query(x)[..., head * d_head : (head + 1) * d_head]
            key, value = (part(x)[..., partner * d_head : (partner + 1) * d_head] for part in (self.key, self.value))
            if positions is not None:
                query, key = rotate(query, positions), rotate(key, positions)
            scores = query @ key.transpose(1, 2) * d_head**-0.5
            if mask is not None:
                own = mask[:, min(head, mask.shape[1] - 1)] if mask.dim() == 4 else mask
                powers = torch.exp(scores - scores.detach().amax(-1, True)) * own
                weights = powers / powers.sum(-1, True).clamp_min(1e-30)
            else:
                weights = scores.softmax(-1)
            outputs.append(weights @ value)
            all_weights.append(weights)
        return self.out(torch.cat(outputs, -1)), torch.stack(all_weights, 1)


@EXERCISE.variant
class PyTorchs(GroupedQueryAttention):
    """PyTorch's own function repeats the heads."""

    def forward(self, x, mask=None, positions=None):
        d_head = x.shape[-1] // self.num_heads
        query, key, value = (
            part(x).unflatten(-1, (-1, d_head)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        if positions is not None:
            query, key = rotate(query, positions), rotate(key, positions)
        mask = mask[:, None] if mask is not None and mask.dim() == 3 else mask
        output = F.scaled_dot_product_attention(query, key, value, mask, enable_gqa=True)
        same = torch.eye(x.shape[1]).expand(*key.shape[:2], -1, -1)
        return self.out(merge_heads(output)), F.scaled_dot_product_attention(query, key, same, mask, enable_gqa=True)
