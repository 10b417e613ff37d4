"""SelfAttentionHead: one head as a module."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde.exercise import Exercise
from autograde.exercises import libraries
from autograde.exercises.inputs import random_mask, random_tensor, tensor
from autograde.exercises.single_head.common import NOTHING, far_from_zero, mask_with_empty_row, with_large_scores
from autograde.harness.call import MAIN, ConstructorCall, ModuleCall
from autograde.harness.plain import TensorData
from helpers.single_head import SelfAttentionHead


def _head_weights(rng, d_model, d_head):
    return {
        f"{name}.weight": (rng.normal(size=(d_head, d_model)) * 0.6).astype(np.float32)
        for name in ("query", "key", "value")
    }


def calls(rng):
    by_hand = {
        "query.weight": np.array([[2, 0], [0, 0], [0, 0], [0, 0]], np.float32),
        "key.weight": np.array([[np.log(2), np.log(3)], [0, 1], [1, 0], [1, -1]], np.float32),
        "value.weight": np.array([[11, 0], [0, 11], [11, 22], [0, -11]], np.float32),
    }
    x = TensorData(np.array([[[1, 0], [0, 1], [1, 1]]], np.float32))
    everything = ("output", "parameters", "gradients", "input_gradients")
    alike = far_from_zero(rng, 2, 5, 6)
    return [
        ModuleCall(
            (x,),
            new=(2, 4),
            weights=by_hand,
            note="by hand: the scores of row 0 are log 2, log 3, log 6; those of row 1 are 0, 0, 0",
        ),
        ConstructorCall((7, 3), report=("parameters",), note="what the module has registered"),
        ModuleCall((random_tensor(rng, 3, 5, 6),), new=(6, 4), weights=_head_weights(rng, 6, 4)),
        ModuleCall((random_tensor(rng, 2, 6, 3),), new=(3, 5), weights=_head_weights(rng, 3, 5)),
        ModuleCall(
            (random_tensor(rng, 2, 4, 7),),
            new=(7, 3),
            weights=_head_weights(rng, 7, 3),
            training=True,
            report=everything,
            part="gradients",
            note="in training mode; backward, too",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 5, 6),),
            {"mask": TensorData(random_mask(rng, 5, 5))},
            new=(6, 4),
            weights=_head_weights(rng, 6, 4),
            part="mask",
            note="one mask for the whole batch",
        ),
        ModuleCall(
            (random_tensor(rng, 3, 4, 6),),
            {"mask": TensorData(random_mask(rng, 3, 1, 4))},
            new=(6, 5),
            weights=_head_weights(rng, 6, 5),
            part="mask",
            note="one mask row per sentence",
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 6), TensorData(random_mask(rng, 4, 4))),
            new=(6, 5),
            weights=_head_weights(rng, 6, 5),
            then=(("forward", (random_tensor(rng, 2, 4, 6),)),),
            part="mask",
            note="first with a mask, then without one",
        ),
        ModuleCall(
            (random_tensor(rng, 1, 4, 6),),
            {"mask": TensorData(np.tril(np.ones((4, 4), bool)))},
            new=(6, 5),
            weights=_head_weights(rng, 6, 5),
            part="mask",
            note="the last row may attend to all tokens",
        ),
        *(
            ModuleCall(
                (tensor(alike),),
                {"mask": TensorData(random_mask(rng, 5, 5))},
                new=(6, 4),
                weights=with_large_scores(_head_weights(rng, 6, 4), sign, alike),
                part="mask",
                note=f"all scores are {words}",
            )
            for sign, words in ((1, "large"), (-1, "far below zero"))
        ),
        ModuleCall(
            (random_tensor(rng, 2, 4, 5),),
            {"mask": TensorData(mask_with_empty_row(rng, 2, 4, 4, row=1))},
            new=(5, 3),
            weights=_head_weights(rng, 5, 3),
            report=everything,
            part=NOTHING,
            note="row 1 has nothing to attend to",
        ),
        ModuleCall(
            (random_tensor(rng, 1, 1, 1),),
            new=(1, 1),
            weights=_head_weights(rng, 1, 1),
            note="a batch of one sentence of one word; all widths are 1",
        ),
    ]


EXERCISE = Exercise(
    name="SelfAttentionHead",
    title="one head as a module",
    points=5,
    minutes=15,
    hints=(
        "`__init__` makes three `nn.Linear`, each with a weight matrix of its own. `forward` is the chain that you have "
        "built in NumPy, with the functions of the table: project, scores, mask, softmax, mix. `@`, `math.sqrt` and "
        "`key.shape[-1]` work as before.",
        "`masked_fill` fills where its condition is *True*, so give it `~mask`. Fill twice: the scores with "
        "`-math.inf` before the softmax, the weights with 0 after it, for rows with nothing to attend to. (The "
        "reference also keeps such rows out of the softmax, with `mask.any(dim=-1, keepdim=True)`, so that no NaN "
        "arises at all.)",
    ),
    reference=SelfAttentionHead,
    make_calls=calls,
    parts={MAIN: 0.4, "gradients": 0.2, "mask": 0.2, NOTHING: 0.2},
    multiple_outputs=True,
    ignore=("sequence",),  # the output is a part of what these calls report
    forbidden=libraries.MULTI_HEAD_ATTENTION,
)


def _weights(scores, mask):
    """Masked softmax by plain division."""
    mask = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand_as(scores)
    top = scores.detach().masked_fill(~mask, -1e30).amax(-1, keepdim=True)
    powers = torch.where(mask, scores - top, 0.0).exp() * mask
    total = powers.sum(-1, keepdim=True)
    return powers / torch.where(total == 0, 1.0, total)


@EXERCISE.wrong(
    "root of d_model",
    "The scores are divided by the root of `d_model`, the width of the embeddings. A dot product of query "
    "and key has `d_head` terms: divide by the root of `d_head`.",
)
class RootOfModel(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _weights(self.query(x) @ self.key(x).mT / math.sqrt(self.query.in_features), mask)
        return weights @ self.value(x), weights


@EXERCISE.wrong("no scaling", "The plain dot products go into the softmax. Divide them by the root of `d_head`.")
class NoScaling(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _weights(self.query(x) @ self.key(x).mT, mask)
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "query and key swapped",
    "The scores are transposed: keys in the rows. The query belongs on the left of the product, the key is transposed.",
)
class Swapped(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _weights(self.key(x) @ self.query(x).mT / math.sqrt(self.query.out_features), mask)
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "bias in the linear layers",
    "`nn.Linear` adds a bias unless told otherwise. The paper's projections have none: `bias=False`.",
)
class Bias(SelfAttentionHead):
    def __init__(self, d_model, d_head):
        super().__init__(d_model, d_head)
        self.query, self.key, self.value = (nn.Linear(d_model, d_head) for _ in range(3))


@EXERCISE.wrong(
    "activation after the linear layers",
    "Negative numbers in query, key and value have become 0. Each is one linear map, without an activation.",
)
class Activation(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = (layer(x).relu() for layer in (self.query, self.key, self.value))
        weights = _weights(query @ key.mT / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


@EXERCISE.wrong(
    "weighted sum of the keys", "The weights are multiplied with the key. What is handed over is the value."
)
class SumOfKeys(SelfAttentionHead):
    def forward(self, x, mask=None):
        _, weights = super().forward(x, mask)
        return weights @ self.key(x), weights


@EXERCISE.wrong("only the output", "`forward` returns only the output. Return two things: the output and the weights.")
class OutputAlone(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x, mask)[0]


@EXERCISE.wrong(
    "key made by the query's layer",
    "The key comes from `self.query`, so `self.key` never learns. Each of the three has a layer of its own.",
)
class KeyFromQuery(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.query(x), self.value(x)
        weights = _weights(query @ key.mT / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


@EXERCISE.wrong(
    "all axes reversed",
    "The batch axis has moved, too, as with `.T`, which reverses all axes. Exchange the last two: "
    "`key.transpose(-2, -1)`.",
)
class FullTranspose(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        weights = _weights(query @ key.permute(2, 1, 0) / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


@EXERCISE.wrong(
    "cut off from the gradient",
    "The numbers are right, but no gradient reaches the weights. Leave out `torch.no_grad()`, `.detach()`, "
    "`.data` and the way through NumPy.",
)
class Detached(SelfAttentionHead):
    def forward(self, x, mask=None):
        with torch.no_grad():
            return super().forward(x, mask)


@EXERCISE.wrong(
    "layers not registered",
    "The module has no parameters: layers in a Python list, or made in `forward`, are not found by the "
    "optimizer. Make them in `__init__` as `self.query`, `self.key` and `self.value`.",
)
class Unregistered(nn.Module):
    def __init__(self, d_model, d_head):
        super().__init__()
        self.layers = [nn.Linear(d_model, d_head, bias=False) for _ in range(3)]

    def forward(self, x, mask=None):
        query, key, value = (layer(x) for layer in self.layers)
        weights = _weights(query @ key.mT / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


def _masked_softmax(scores, mask, dim=-1):
    return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -math.inf), dim=dim)


@EXERCISE.wrong(
    "softmax over the queries",
    "The columns of the weights add up to 1. The softmax runs along the keys, the last axis: `dim=-1`.",
)
class OverQueries(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = _masked_softmax(scores, mask, dim=-2)
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "softmax over the batch",
    "The weights add up to 1 over the sentences of the batch: that is `dim=0`, which PyTorch also takes for "
    "three axes when no `dim` is given. Write `dim=-1`.",
)
class OverBatch(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = _masked_softmax(scores, mask, dim=0)  # what torch takes for three axes when no `dim` is given
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "mask upside down",
    "The allowed keys get nothing, the forbidden ones everything. True means *may attend*; `masked_fill` "
    "fills where its condition is True, so it needs `~mask`.",
)
class UpsideDown(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


@EXERCISE.wrong(
    "allowed scores filled, forbidden weights cleared",
    "The softmax sees only the forbidden keys, and their weights are set to 0 afterwards, so nothing is left. Fill the "
    "scores where `~mask` is True.",
)
class AllowedFilled(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = _masked_softmax(scores, None if mask is None else ~mask)
        weights = weights if mask is None else weights.masked_fill(~mask, 0.0)
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "rows with one forbidden key emptied",
    "Each row with a forbidden key loses all its weights. A row is empty if *no* key is allowed: "
    "`mask.any(dim=-1, keepdim=True)`.",
)
class EmptiedByOne(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = torch.softmax(scores, dim=-1)
        weights = weights if mask is None else weights * mask.all(dim=-1, keepdim=True)
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "mask ignored",
    "The mask changes nothing. Fill the forbidden scores before the softmax; `masked_fill` returns a new "
    "tensor, which has to be assigned.",
)
class MaskIgnored(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x)


@EXERCISE.wrong(
    "dropout in the head",
    "In training mode the result is different: something is dropped at random. A head has no dropout; that comes "
    "later, around whole layers.",
)
class Dropped(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = F.dropout(super().forward(x, mask)[1], 0.1, self.training)
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "always causal",
    "The code hides the words after each word, whatever `mask` says, as a head that only generates text does. The "
    "argument `mask` says which keys a query may attend to; without it, all of them.",
)
class AlwaysCausal(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x, torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril())


@EXERCISE.wrong(
    "causal on top of the mask",
    "The code hides the words after each word, on top of what `mask` hides. Only the argument `mask` says which keys "
    "a query may attend to; without it, all of them.",
)
class CausalOnTop(SelfAttentionHead):
    def forward(self, x, mask=None):
        past = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        return super().forward(x, past if mask is None else past & mask)


@EXERCISE.wrong(
    "weights set to 0 after the softmax",
    "The rows no longer add up to 1, because the forbidden keys took part in the sum. Mask the scores "
    "before the softmax.",
)
class ZeroedAfter(SelfAttentionHead):
    def forward(self, x, mask=None):
        _, weights = super().forward(x)
        weights = weights if mask is None else weights * mask
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "NaN in a row with nothing to attend to",
    "A row with nothing to attend to becomes NaN, as a softmax of nothing but -inf does. Fill the forbidden "
    "places of the weights with 0 afterwards, with a second `masked_fill`.",
)
class NaN(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _masked_softmax(self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features), mask)
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "NaN in the gradient",
    "The output is right, the gradients are NaN: a NaN of the softmax, replaced afterwards, still flows back. "
    "Fill the scores with `masked_fill`, which stops it.",
)
class NaNGradient(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        if mask is not None:
            scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -math.inf)
        weights = torch.softmax(scores, dim=-1).nan_to_num(0.0)
        return weights @ self.value(x), weights


@EXERCISE.wrong(
    "a large negative number for -inf",
    "In a row with nothing to attend to all scores are equal (a large negative number, for example), so the "
    "softmax divides the attention evenly among forbidden keys. Set their weights to 0 after it.",
)
class LargeNegative(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = torch.softmax(scores if mask is None else scores.masked_fill(~mask, -1e9), dim=-1)
        return weights @ self.value(x), weights


@EXERCISE.variant
class Division(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        weights = _weights(torch.einsum("...qd,...kd->...qk", query, key) * query.shape[-1] ** -0.5, mask)
        return torch.einsum("...qk,...kd->...qd", weights, value), weights


@EXERCISE.variant
class TwoFills(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        scores = (query / math.sqrt(query.shape[-1])) @ key.mT
        mask = torch.ones(scores.shape, dtype=torch.bool) if mask is None else mask
        weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1).masked_fill(~mask, 0.0)
        return [weights @ value, weights]


@EXERCISE.variant
class Fused(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        same = torch.eye(x.shape[-2]).expand(*x.shape[:-2], -1, -1)
        weights = F.scaled_dot_product_attention(query, key, same, mask)
        return F.scaled_dot_product_attention(query, key, value, mask), weights


@EXERCISE.variant
class Loop(nn.Module):
    def __init__(self, d_model, d_head):
        super().__init__()
        for name in ("value", "key", "query"):
            self.add_module(name, nn.Linear(d_model, d_head, bias=False))

    def forward(self, x, mask=None):
        batch, length, _ = x.shape
        mask = torch.ones(length, length, dtype=torch.bool) if mask is None else mask
        mask = mask.expand(batch, length, length)
        outputs, rows = [], []
        for sentence, allowed in zip(x, mask, strict=True):
            query, key, value = self.query(sentence), self.key(sentence), self.value(sentence)
            for scaled, may in zip(query / key.shape[1] ** 0.5, allowed, strict=True):
                row = torch.zeros(length)
                if may.any():
                    row = row.masked_scatter(may, torch.softmax(key[may] @ scaled, dim=0))
                rows.append(row)
                outputs.append(row @ value)
        return torch.stack(outputs).reshape(batch, length, -1), torch.stack(rows).reshape(batch, length, length)


@EXERCISE.variant
class FiniteFill(SelfAttentionHead):
    def forward(self, x, mask=None):
        weight = torch.cat([self.query.weight, self.key.weight, self.value.weight])
        query, key, value = F.linear(x, weight).chunk(3, dim=-1)
        scores = torch.matmul(query, key.transpose(1, 2)) / math.sqrt(query.size(-1))
        if mask is not None:
            scores = scores.masked_fill(mask == 0, torch.finfo(scores.dtype).min)
        weights = torch.exp(scores - torch.logsumexp(scores, dim=2, keepdim=True))
        if mask is not None:
            weights = weights * mask
        return weights @ value, weights
