"""MultiHeadAttention: all heads at once, as a module."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.inputs import random_mask, random_tensor, tensor
from autograde.exercises.multi_head.common import LAYERS, MASK, WIDTH
from autograde.exercises.multi_head.merge_heads import no_transpose as merge_no_transpose
from autograde.exercises.multi_head.merge_heads import side_by_side as merge_side_by_side
from autograde.exercises.multi_head.split_heads import every_hth_column as split_every_hth_column
from autograde.exercises.multi_head.split_heads import into_the_batch as split_into_the_batch
from autograde.exercises.multi_head.split_heads import no_transpose as split_no_transpose
from autograde.exercises.multi_head.split_heads import slices as split_slices
from autograde.exercises.single_head.common import NOTHING, far_from_zero, with_large_scores
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.multi_head import MultiHeadAttention, merge_heads, split_heads

CROSS = "cross-attention"


def layers(rng, embed_dim, bias=False):
    """Weights with which the scores are moderate: they differ from one another, and no softmax saturates."""
    scale = 1.3 / math.sqrt(embed_dim)
    weights = {f"{n}.weight": (rng.normal(size=(embed_dim, embed_dim)) * scale).astype(np.float32) for n in LAYERS}
    if bias:
        weights |= {f"{n}.bias": rng.normal(size=embed_dim).astype(np.float32) for n in LAYERS}
    return weights


def calls(rng):
    def call(embed_dim, num_heads, *shapes, mask=None, bias=False, **options):
        inputs = tuple(random_tensor(rng, *shape, embed_dim) for shape in shapes)
        kwargs = options.pop("kwargs", {}) | ({} if mask is None else {"mask": TensorData(mask)})
        new_kwargs = {"bias": True} if bias else {}
        weights = layers(rng, embed_dim, bias)
        return ModuleCall(inputs, kwargs, new=(embed_dim, num_heads), new_kwargs=new_kwargs, weights=weights, **options)

    x = np.array([[[1, 0, 6, 0], [0, 0, 0, 4], [0, 0, 0, 2]]], np.float32)
    eye = np.eye(4, dtype=np.float32)
    by_hand = {
        "query.weight": np.diag([math.sqrt(2) * math.log(2), 0, 0, 0]).astype(np.float32),
        "key.weight": eye,
        "value.weight": eye,
        "out.weight": eye[[2, 0, 1, 3]],
    }
    empty = random_mask(rng, 4, 5, 7)
    empty[1, 2] = empty[3] = False
    alone = random_mask(rng, 4, 1, 7)
    alone[2] = False
    alike = far_from_zero(rng, 3, 5, 6)
    return [
        ModuleCall(
            (TensorData(x),),
            new=(4, 2),
            weights=by_hand,
            note="by hand: head 1 weighs 1/2, 1/4, 1/4 for the first token, head 2 weighs 1/3 everywhere",
        ),
        ConstructorCall((6, 2), report=("parameters",), note="the parameters, by name"),
        call(6, 2, (4, 5), report=("output", "gradients", "input_gradients")),
        call(12, 3, (2, 7)),
        call(6, 3, (2, 5), training=True, note="in training mode: nothing is dropped here"),
        call(6, 2, (4, 5), (4, 7), part=CROSS, note="5 queries, 7 keys; the value input is the key input"),
        call(12, 3, (2, 5), (2, 5), part=CROSS, note="two sentences of the same length"),
        call(8, 2, (3, 5), (3, 6), (3, 6), part=CROSS, note="three different inputs"),
        call(6, 2, (5, 5), mask=random_mask(rng, 5, 5), part=MASK, note="one mask for all: (n_queries, n_keys)"),
        call(6, 2, (4, 5), (4, 7), mask=random_mask(rng, 4, 1, 7), part=MASK, note="a mask (batch, 1, n_keys)"),
        call(
            12, 3, (2, 5), (2, 7), mask=random_mask(rng, 2, 5, 7), part=MASK, note="a mask (batch, n_queries, n_keys)"
        ),
        call(
            6, 2, (4, 5), mask=random_mask(rng, 4, 2, 5, 5), part=MASK, note="a mask (batch, heads, n_queries, n_keys)"
        ),
        call(12, 3, (2, 5), mask=random_mask(rng, 2, 1, 5, 5), part=MASK, note="a mask (batch, 1, n_queries, n_keys)"),
        *(
            ModuleCall(
                (tensor(alike),),
                {"mask": TensorData(random_mask(rng, 5, 5))},
                new=(6, 2),
                weights=with_large_scores(layers(rng, 6), sign, alike, num_heads=2),
                part=MASK,
                note=f"all scores are {words}",
            )
            for sign, words in ((1, "large"), (-1, "far below zero"))
        ),
        call(
            6,
            2,
            (4, 5),
            (4, 7),
            mask=empty,
            part=NOTHING,
            report=("output", "gradients", "input_gradients"),
            note="in the sentence 3, and in the row 2 of the sentence 1, there is nothing to attend to",
        ),
        call(
            6,
            2,
            (4, 5),
            mask=random_mask(rng, 4, 1, 5),
            part=MASK,
            then=(("forward", (random_tensor(rng, 2, 3, 6),)),),
            note="first with a mask, then without one",
        ),
        call(
            6,
            2,
            (4, 5),
            kwargs={"need_weights": False},
            part="need_weights=False",
            report=("output", "gradients"),
        ),
        call(
            6,
            2,
            (4, 5),
            (4, 7),
            mask=alone,
            kwargs={"need_weights": False},
            part="need_weights=False",
            report=("output", "gradients"),
            note="a mask, with nothing to attend to in the sentence 2",
        ),
        call(6, 2, (4, 5), bias=True, part="bias", note="bias=True"),
        ConstructorCall((6, 2), {"bias": True}, report=("parameters",), part="bias"),
        ConstructorCall((8, 3), part=WIDTH, note="3 heads do not divide a width of 8"),
        ConstructorCall((9, 2), part=WIDTH, note="2 heads do not divide a width of 9"),
        call(1, 1, (1, 1), note="a batch of one sentence of one word, one head of width 1"),
        call(
            6,
            2,
            (1, 1),
            (1, 1),
            (1, 1),
            mask=np.ones((1, 1, 1), bool),
            part=MASK,
            note="a mask (batch, n_queries, n_keys), all three of them 1",
        ),
    ]


EXERCISE = Exercise(
    name="MultiHeadAttention",
    title="all heads at once, as a module",
    points=5,
    minutes=25,
    hints=(
        "It is the module of lesson 3 with three more steps: `split_heads` after the three projections, "
        "`merge_heads` and `self.out` at the end. The lines between need no change: they work on the last two axes. "
        "A mask with three axes lacks the axis of the heads. Where does it belong, in (batch, n_queries, n_keys)?",
        "`mask.unsqueeze(1)` makes (batch, 1, n_queries, n_keys) of a mask with three axes (`mask.dim() == 3`); one "
        "with two or four axes fits as it is. Fill the scores with `-math.inf` before the softmax and the weights with "
        "0 after it, both where the mask is False. The root is that of the *head's* width: read it from the key's last "
        "axis after the split.",
    ),
    reference=MultiHeadAttention,
    make_calls=calls,
    parts={MAIN: 0.35, CROSS: 0.15, MASK: 0.2, NOTHING: 0.1, "need_weights=False": 0.05, "bias": 0.05, WIDTH: 0.1},
    multiple_outputs=True,
    ignore=("sequence",),
    forbidden=libraries.MULTI_HEAD_ATTENTION,
)


def _heads_axis(mask):
    return mask.unsqueeze(1) if mask is not None and mask.dim() == 3 else mask


def _clean(scores, mask, dim=-1):
    """A row with nothing to attend to gives zeros."""
    if mask is None:
        return torch.softmax(scores, dim=dim)
    filled = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return torch.softmax(filled, dim=dim).masked_fill(~mask, 0.0)


class _Steps(MultiHeadAttention):
    """The module cut into steps, so that a mistake replaces one of them."""

    def inputs(self, query_input, key_input, value_input):
        key_input = query_input if key_input is None else key_input
        return query_input, key_input, key_input if value_input is None else value_input

    def project(self, query_input, key_input, value_input):
        return self.query(query_input), self.key(key_input), self.value(value_input)

    def split(self, x):
        return split_heads(x, self.num_heads)

    def merge(self, x):
        return merge_heads(x)

    def scale(self, d_head):
        return math.sqrt(d_head)

    def mask(self, mask):
        return _heads_axis(mask)

    def weights(self, scores, mask):
        return _clean(scores, mask)

    def combine(self, merged):
        return self.out(merged)

    def finish(self, output, weights, need_weights):
        return output, weights if need_weights else None

    def forward(self, query_input, key_input=None, value_input=None, mask=None, need_weights=True):
        inputs = self.inputs(query_input, key_input, value_input)
        query, key, value = (self.split(projected) for projected in self.project(*inputs))
        weights = self.weights(query @ key.mT / self.scale(key.shape[-1]), self.mask(mask))
        return self.finish(self.combine(self.merge(weights @ value)), weights, need_weights)


@EXERCISE.wrong(
    "heads cut without a transpose",
    "The heads are cut without a transpose, so each head sees rows of a few tokens. `split_heads` cuts the last "
    "axis, then exchanges two axes.",
)
class SplitNoTranspose(_Steps):
    def split(self, x):
        return split_no_transpose(x, self.num_heads)


@EXERCISE.wrong(
    "merge without transposing back",
    "The weights are right, the output is not: the heads are joined without a transpose, so tokens get mixed. "
    "`merge_heads` exchanges the two axes back first.",
)
class MergeNoTranspose(_Steps):
    def merge(self, x):
        return merge_no_transpose(x)


@EXERCISE.wrong(
    "no transpose in either direction",
    "The shapes fit, since the way back undoes the way there, but in between each head sees whole rows of a few "
    "tokens. Use `split_heads` and `merge_heads`.",
)
class NeverTransposed(_Steps):
    def split(self, x):
        return split_no_transpose(x, self.num_heads)

    def merge(self, x):
        return merge_no_transpose(x)


@EXERCISE.wrong(
    "every h-th column",
    "A head gets every h-th column of query, key and value. Its columns are side by side, as in `split_heads`.",
)
class EveryHthColumn(_Steps):
    def split(self, x):
        return split_every_hth_column(x, self.num_heads)


@EXERCISE.wrong(
    "root of embed_dim",
    "The scores are divided by the root of embed_dim. A dot product in one head has d_head terms: take the "
    "root of the head's width.",
)
class RootOfModel(_Steps):
    def scale(self, d_head):
        return math.sqrt(self.query.in_features)


@EXERCISE.wrong(
    "no scaling", "These are the weights of the plain dot products. Divide by the root of the head's width."
)
class NoScaling(_Steps):
    def scale(self, d_head):
        return 1.0


@EXERCISE.wrong("no output layer", "The merged heads come back as they are. The last step is missing: `self.out`.")
class NoOutputLayer(_Steps):
    def combine(self, merged):
        return merged


@EXERCISE.wrong(
    "one wide head",
    "All columns meet in one softmax, so all heads have the same weights. Split query, key and value before "
    "the scores.",
)
class OneWideHead(_Steps):
    def split(self, x):
        return x.unsqueeze(1)

    def finish(self, output, weights, need_weights):
        shape = (weights.shape[0], self.num_heads, *weights.shape[2:])
        return output, weights.expand(shape) if need_weights else None


@EXERCISE.wrong("identical heads", "All heads use the same slice, the first one. Each head has columns of its own.")
class SameHeads(_Steps):
    def split(self, x):
        return super().split(x)[:, :1].expand(-1, self.num_heads, -1, -1)


@EXERCISE.wrong(
    "softmax over the queries",
    "The columns of the weights add up to 1. The softmax runs along the keys, the last axis: `dim=-1`.",
)
class OverQueries(_Steps):
    def weights(self, scores, mask):
        return _clean(scores, mask, dim=-2)


@EXERCISE.wrong(
    "softmax over the heads",
    "The weights add up to 1 over the heads. With four axes the keys are the last one: `dim=-1`.",
)
class OverHeads(_Steps):
    def weights(self, scores, mask):
        return _clean(scores, mask, dim=1)


@EXERCISE.wrong(
    "key made by the query's layer",
    "The key comes from `self.query`, so `self.key` never learns. Each of the three has a layer of its own.",
)
class KeyFromQuery(_Steps):
    def project(self, query_input, key_input, value_input):
        return self.query(query_input), self.query(key_input), self.value(value_input)


@EXERCISE.wrong(
    "activation after the projection",
    "Negative numbers in query, key and value have become 0. Each is one linear map, without an activation.",
)
class Activation(_Steps):
    def project(self, *inputs):
        return tuple(projected.relu() for projected in super().project(*inputs))


@EXERCISE.wrong(
    "value made from the query's input",
    "Without a `value_input`, the value is made from the query's input. It defaults to the *key's* input: what "
    "is found is what is handed over.",
)
class ValueFromQuery(_Steps):
    def inputs(self, query_input, key_input, value_input):
        key_input = query_input if key_input is None else key_input
        return query_input, key_input, query_input if value_input is None else value_input


@EXERCISE.wrong(
    "value_input ignored", "The value is always made from the key's input. Use `value_input` where it is given."
)
class KeyForValue(_Steps):
    def inputs(self, query_input, key_input, value_input):
        key_input = query_input if key_input is None else key_input
        return query_input, key_input, key_input


@EXERCISE.wrong(
    "self-attention only",
    "Key and value are always made from the query's input. Use `key_input` and `value_input` where they are given.",
)
class SelfAlone(_Steps):
    def inputs(self, query_input, key_input, value_input):
        return query_input, query_input, query_input


@EXERCISE.wrong(
    "mask ignored",
    "The mask changes nothing. Fill the forbidden scores before the softmax; `masked_fill` returns a new "
    "tensor, which has to be assigned.",
)
class MaskIgnored(_Steps):
    def mask(self, mask):
        return None


@EXERCISE.wrong(
    "mask upside down",
    "The allowed keys get nothing, the forbidden ones everything. Here True means *may attend* (in "
    "`nn.MultiheadAttention` it means the opposite); `masked_fill` fills where its condition is True.",
)
class UpsideDown(_Steps):
    def mask(self, mask):
        return None if mask is None else ~_heads_axis(mask)


@EXERCISE.wrong(
    "mask without an axis for the heads",
    "A mask (batch, n_queries, n_keys) meets scores (batch, heads, n_queries, n_keys), and its batch is taken "
    "for the heads. Give it an axis of size 1 for the heads: `unsqueeze(1)`.",
)
class NoHeadAxis(_Steps):
    def mask(self, mask):
        return mask


@EXERCISE.wrong(
    "an axis for the heads in every mask",
    "`unsqueeze(1)` is right for a mask with three axes. One with two or four axes fits as it is: look at "
    "`mask.dim()`.",
)
class HeadAxisAlways(_Steps):
    def mask(self, mask):
        return None if mask is None else mask.unsqueeze(1)


@EXERCISE.wrong(
    "weights set to 0 after the softmax",
    "The rows no longer add up to 1, because the forbidden keys took part in the sum. Mask the scores before "
    "the softmax.",
)
class ZeroedAfter(_Steps):
    def weights(self, scores, mask):
        weights = torch.softmax(scores, dim=-1)
        return weights if mask is None else weights * mask


def _masked_softmax(scores, mask, dim=-1, fill=-math.inf):
    return torch.softmax(scores if mask is None else scores.masked_fill(~mask, fill), dim=dim)


@EXERCISE.wrong(
    "NaN in a row with nothing to attend to",
    "A row of nothing but -inf becomes NaN in the softmax. Fill the forbidden places of the weights with 0 "
    "afterwards, with a second `masked_fill`.",
)
class NaN(_Steps):
    def weights(self, scores, mask):
        return _masked_softmax(scores, mask)


@EXERCISE.wrong(
    "NaN in the gradient",
    "The output is right, the gradients are NaN: a row with nothing to attend to is NaN at first, which flows "
    "back. Fill the scores with `masked_fill`; it stops that.",
)
class NaNGradient(_Steps):
    def weights(self, scores, mask):
        if mask is not None:
            scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -math.inf)
        return torch.softmax(scores, dim=-1).nan_to_num(0.0)


@EXERCISE.wrong(
    "forbidden keys weighted evenly",
    "In a row with nothing to attend to, all scores are equal, so the softmax divides the attention evenly among "
    "forbidden keys. Set their weights to 0 after the softmax.",
)
class LargeNegative(_Steps):
    def weights(self, scores, mask):
        return _masked_softmax(scores, mask, fill=-1e9)


@EXERCISE.wrong(
    "weights averaged over the heads",
    "The weights are the mean over the heads, as `nn.MultiheadAttention` returns them. Return those of each "
    "head: (batch, heads, n_queries, n_keys).",
)
class AveragedWeights(_Steps):
    def finish(self, output, weights, need_weights):
        return output, weights.mean(dim=1) if need_weights else None


@EXERCISE.wrong(
    "need_weights ignored", "With `need_weights=False` the weights come back all the same. Return None in their place."
)
class WeightsAlways(_Steps):
    def finish(self, output, weights, need_weights):
        return output, weights


@EXERCISE.wrong("only the output", "`forward` returns only the output. Return two things: the output and the weights.")
class OutputAlone(_Steps):
    def finish(self, output, weights, need_weights):
        return output


@EXERCISE.wrong(
    "weights before the output", "The two results are exchanged. The output comes first, the weights second."
)
class WeightsFirst(_Steps):
    def finish(self, output, weights, need_weights):
        return weights if need_weights else None, output


@EXERCISE.wrong(
    "cut off from the gradient",
    "The numbers are right, but no gradient reaches the weights. Leave out `torch.no_grad()`, `.detach()`, "
    "`.data` and the way through NumPy.",
)
class Detached(_Steps):
    def forward(self, *args, **kwargs):
        with torch.no_grad():
            return super().forward(*args, **kwargs)


@EXERCISE.wrong(
    "bias in every layer",
    "The layers have a bias although none is wanted. `bias=False` is the default: pass `bias=bias` on.",
)
class BiasAlways(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias=True)


@EXERCISE.wrong(
    "argument bias ignored",
    "With `bias=True` there is still no bias. Pass the argument on to the four layers: `bias=bias`.",
)
class BiasNever(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads)


@EXERCISE.wrong(
    "no bias in the output layer", "With `bias=True` the layer `out` has none. All four layers get the same argument."
)
class BiasNotOut(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias)
        self.out = nn.Linear(embed_dim, embed_dim, bias=False)


@EXERCISE.wrong(
    "no check of the width",
    "Heads that do not divide the width go unnoticed here. Raise a `ValueError` in `__init__`.",
)
class NoCheck(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, 1, bias)
        self.num_heads = num_heads


@EXERCISE.wrong(
    "assert in place of ValueError",
    "`assert` raises an AssertionError, and Python leaves it out when started with `-O`. Write `if ...: raise "
    "ValueError(...)`.",
)
class Assert(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        assert embed_dim % num_heads == 0
        super().__init__(embed_dim, num_heads, bias)


@EXERCISE.wrong(
    "heads as wide as the model",
    "Each head is embed_dim wide, which makes the layers several times too large. A head is embed_dim // "
    "num_heads wide, so each layer is embed_dim to embed_dim.",
)
class WideHeads(_Steps):
    """Every head as wide as the whole model."""

    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias)
        wide = embed_dim * num_heads
        self.query, self.key, self.value = (nn.Linear(embed_dim, wide, bias=bias) for _ in range(3))
        self.out = nn.Linear(wide, embed_dim, bias=bias)


@EXERCISE.wrong(
    "layers of one head's width",
    "`query`, `key` and `value` are as wide as a single head. One layer holds the matrices of all heads side "
    "by side: embed_dim to embed_dim.",
)
class NarrowLayers(_Steps):
    """Layers of the width of one head, shared by all heads."""

    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias)
        narrow = embed_dim // num_heads
        self.query, self.key, self.value = (nn.Linear(embed_dim, narrow, bias=bias) for _ in range(3))


@EXERCISE.wrong(
    "layers not registered",
    "The module has no parameters: layers in a Python list, or made in `forward`, are not found by the "
    "optimizer. Make them in `__init__` as `self.query`, `self.key`, `self.value` and `self.out`.",
)
class Unregistered(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias)
        self.kept = [self.query, self.key, self.value, self.out]
        del self.query, self.key, self.value, self.out


@EXERCISE.wrong(
    "root of the number of heads",
    "The scores are divided by the root of the number of heads. A dot product in one head has d_head terms: take the root "
    "of the head's width.",
)
class RootOfTheHeads(_Steps):
    def scale(self, d_head):
        return math.sqrt(self.num_heads)


@EXERCISE.variant
class Einsum(nn.Module):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__()
        if embed_dim // num_heads * num_heads != embed_dim:
            raise ValueError("the heads have to divide the width")
        self.heads = num_heads
        for name in ("out", "value", "key", "query"):
            self.add_module(name, nn.Linear(embed_dim, embed_dim, bias))

    def forward(self, query_input, key_input=None, value_input=None, mask=None, need_weights=True):
        if key_input is None:
            key_input = query_input
        if value_input is None:
            value_input = key_input
        query = self.query(query_input).unflatten(-1, (self.heads, -1))
        key = self.key(key_input).unflatten(-1, (self.heads, -1))
        value = self.value(value_input).unflatten(-1, (self.heads, -1))
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) * query.shape[-1] ** -0.5
        if mask is not None:
            if mask.dim() == 3:
                mask = mask[:, None]
            scores = scores.masked_fill(mask.logical_not(), -torch.inf)
        weights = scores.softmax(-1)
        if mask is not None:
            weights = weights.masked_fill(mask.logical_not(), 0.0)
        output = self.out(torch.einsum("bhqk,bkhd->bqhd", weights, value).flatten(2))
        return output, (weights if need_weights else None)


@EXERCISE.variant
class Loop(nn.Module):
    """One head after the other, on slices of the four matrices; the parts of the output are added."""

    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__()
        if embed_dim % num_heads > 0:
            raise ValueError(f"{embed_dim} is no multiple of {num_heads}")
        self.query, self.key, self.value, self.out = (nn.Linear(embed_dim, embed_dim, bias=bias) for _ in range(4))
        self.d_head = embed_dim // num_heads
        self.slices = [slice(i, i + self.d_head) for i in range(0, embed_dim, self.d_head)]

    def forward(self, query_input, key_input=None, value_input=None, mask=None, need_weights=True):
        key_input = key_input if key_input is not None else query_input
        value_input = value_input if value_input is not None else key_input
        query, key, value = self.query(query_input), self.key(key_input), self.value(value_input)
        total, all_weights = 0, []
        for index, part in enumerate(self.slices):
            scores = query[..., part] @ key[..., part].transpose(1, 2) / self.d_head**0.5
            allowed = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask
            if allowed.dim() == 4:
                allowed = allowed[:, min(index, allowed.shape[1] - 1)]
            powers = torch.exp(scores - scores.detach().amax(-1, keepdim=True)) * allowed
            sums = powers.sum(-1, keepdim=True)
            weights = powers / torch.where(sums > 0, sums, 1.0)
            total = total + weights @ value[..., part] @ self.out.weight[:, part].T
            all_weights.append(weights)
        if self.out.bias is not None:
            total = total + self.out.bias
        return [total, torch.stack(all_weights, 1) if need_weights else None]


@EXERCISE.variant
class Folded(MultiHeadAttention):
    """Heads folded into the batch."""

    def forward(self, query_input, key_input=None, value_input=None, mask=None, need_weights=True):
        key_input = query_input if key_input is None else key_input
        value_input = key_input if value_input is None else value_input
        pairs = ((self.query, query_input), (self.key, key_input), (self.value, value_input))
        query, key, value = (split_into_the_batch(layer(inputs), self.num_heads) for layer, inputs in pairs)
        scores = torch.bmm(query / math.sqrt(query.shape[-1]), key.transpose(1, 2))
        shape = (len(query_input), self.num_heads, query.shape[1], key.shape[1])
        if mask is not None:
            mask = (mask if mask.dim() != 3 else mask.unsqueeze(1)).expand(shape).reshape(scores.shape)
            scores = torch.where(mask, scores, -1e9)
        weights = torch.exp(scores - scores.logsumexp(dim=2, keepdim=True))
        if mask is not None:
            weights = weights * mask
        output = self.out(merge_heads(torch.bmm(weights, value).unflatten(0, shape[:2])))
        return output, weights.reshape(shape) if need_weights else None


@EXERCISE.variant
class Fused(MultiHeadAttention):
    """Output and weights both from PyTorch's own function."""

    def forward(self, query_input, key_input=None, value_input=None, mask=None, need_weights=True):
        key_input = query_input if key_input is None else key_input
        value_input = key_input if value_input is None else value_input
        query = split_slices(self.query(query_input), self.num_heads)
        key = split_slices(self.key(key_input), self.num_heads)
        value = split_slices(self.value(value_input), self.num_heads)
        mask = _heads_axis(mask)
        merged = merge_side_by_side(F.scaled_dot_product_attention(query, key, value, mask))
        if not need_weights:
            return self.out(merged), None
        same = torch.eye(key.shape[2]).expand(*key.shape[:2], -1, -1)
        return self.out(merged), F.scaled_dot_product_attention(query, key, same, mask)
