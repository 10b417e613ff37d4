"""Lesson 4, the module: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from autograde.exercises.mistakes.multi_head.heads import (
    merge_no_transpose,
    merge_side_by_side,
    split_every_hth_column,
    split_into_the_batch,
    split_no_transpose,
    split_slices,
)
from helpers.multi_head import MultiHeadAttention, merge_heads, split_heads

# --- MultiHeadAttention: wrong --------------------------------------------------------------------------------------


def _heads_axis(mask):
    return mask.unsqueeze(1) if mask is not None and mask.dim() == 3 else mask


def _masked_softmax(scores, mask, dim=-1, fill=-math.inf):
    return torch.softmax(scores if mask is None else scores.masked_fill(~mask, fill), dim=dim)


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
        query, key, value = (self.split(one) for one in self.project(*inputs))
        weights = self.weights(query @ key.mT / self.scale(key.shape[-1]), self.mask(mask))
        return self.finish(self.combine(self.merge(weights @ value)), weights, need_weights)


class ModuleSplitNoTranspose(_Steps):
    def split(self, x):
        return split_no_transpose(x, self.num_heads)


class ModuleMergeNoTranspose(_Steps):
    def merge(self, x):
        return merge_no_transpose(x)


class ModuleNeverTransposed(_Steps):
    def split(self, x):
        return split_no_transpose(x, self.num_heads)

    def merge(self, x):
        return merge_no_transpose(x)


class ModuleEveryHthColumn(_Steps):
    def split(self, x):
        return split_every_hth_column(x, self.num_heads)


class ModuleRootOfModel(_Steps):
    def scale(self, d_head):
        return math.sqrt(self.query.in_features)


class ModuleNoScaling(_Steps):
    def scale(self, d_head):
        return 1.0


class ModuleNoOutputLayer(_Steps):
    def combine(self, merged):
        return merged


class ModuleOneWideHead(_Steps):
    def split(self, x):
        return x.unsqueeze(1)

    def finish(self, output, weights, need_weights):
        shape = (weights.shape[0], self.num_heads, *weights.shape[2:])
        return output, weights.expand(shape) if need_weights else None


class ModuleSameHeads(_Steps):
    def split(self, x):
        return super().split(x)[:, :1].expand(-1, self.num_heads, -1, -1)


class ModuleOverQueries(_Steps):
    def weights(self, scores, mask):
        return _clean(scores, mask, dim=-2)


class ModuleOverHeads(_Steps):
    def weights(self, scores, mask):
        return _clean(scores, mask, dim=1)


class ModuleKeyFromQuery(_Steps):
    def project(self, query_input, key_input, value_input):
        return self.query(query_input), self.query(key_input), self.value(value_input)


class ModuleActivation(_Steps):
    def project(self, *inputs):
        return tuple(one.relu() for one in super().project(*inputs))


class ModuleValueFromQuery(_Steps):
    def inputs(self, query_input, key_input, value_input):
        key_input = query_input if key_input is None else key_input
        return query_input, key_input, query_input if value_input is None else value_input


class ModuleKeyForValue(_Steps):
    def inputs(self, query_input, key_input, value_input):
        key_input = query_input if key_input is None else key_input
        return query_input, key_input, key_input


class ModuleSelfAlone(_Steps):
    def inputs(self, query_input, key_input, value_input):
        return query_input, query_input, query_input


class ModuleMaskIgnored(_Steps):
    def mask(self, mask):
        return None


class ModuleUpsideDown(_Steps):
    def mask(self, mask):
        return None if mask is None else ~_heads_axis(mask)


class ModuleNoHeadAxis(_Steps):
    def mask(self, mask):
        return mask


class ModuleHeadAxisAlways(_Steps):
    def mask(self, mask):
        return None if mask is None else mask.unsqueeze(1)


class ModuleZeroedAfter(_Steps):
    def weights(self, scores, mask):
        weights = torch.softmax(scores, dim=-1)
        return weights if mask is None else weights * mask


class ModuleNaN(_Steps):
    def weights(self, scores, mask):
        return _masked_softmax(scores, mask)


class ModuleNaNGradient(_Steps):
    def weights(self, scores, mask):
        if mask is not None:
            scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -math.inf)
        return torch.softmax(scores, dim=-1).nan_to_num(0.0)


class ModuleLargeNegative(_Steps):
    def weights(self, scores, mask):
        return _masked_softmax(scores, mask, fill=-1e9)


class ModuleAveragedWeights(_Steps):
    def finish(self, output, weights, need_weights):
        return output, weights.mean(dim=1) if need_weights else None


class ModuleWeightsAlways(_Steps):
    def finish(self, output, weights, need_weights):
        return output, weights


class ModuleOutputAlone(_Steps):
    def finish(self, output, weights, need_weights):
        return output


class ModuleWeightsFirst(_Steps):
    def finish(self, output, weights, need_weights):
        return weights if need_weights else None, output


class ModuleDetached(_Steps):
    def forward(self, *args, **kwargs):
        with torch.no_grad():
            return super().forward(*args, **kwargs)


class ModuleBiasAlways(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias=True)


class ModuleBiasNever(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads)


class ModuleBiasNotOut(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias)
        self.out = nn.Linear(embed_dim, embed_dim, bias=False)


class ModuleNoCheck(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, 1, bias)
        self.num_heads = num_heads


class ModuleAssert(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        assert embed_dim % num_heads == 0
        super().__init__(embed_dim, num_heads, bias)


class ModuleWideHeads(_Steps):
    """Every head as wide as the whole model."""

    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias)
        wide = embed_dim * num_heads
        self.query, self.key, self.value = (nn.Linear(embed_dim, wide, bias=bias) for _ in range(3))
        self.out = nn.Linear(wide, embed_dim, bias=bias)


class ModuleNarrowLayers(_Steps):
    """Layers of the width of one head, shared by all heads."""

    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias)
        narrow = embed_dim // num_heads
        self.query, self.key, self.value = (nn.Linear(embed_dim, narrow, bias=bias) for _ in range(3))


class ModuleUnregistered(_Steps):
    def __init__(self, embed_dim, num_heads, bias=False):
        super().__init__(embed_dim, num_heads, bias)
        self.kept = [self.query, self.key, self.value, self.out]
        del self.query, self.key, self.value, self.out


# --- MultiHeadAttention: right --------------------------------------------------------------------------------------


class ModuleEinsum(nn.Module):
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


class ModuleLoop(nn.Module):
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


class ModuleFolded(MultiHeadAttention):
    """Heads folded into the batch."""

    def forward(self, query_input, key_input=None, value_input=None, mask=None, need_weights=True):
        key_input = query_input if key_input is None else key_input
        value_input = key_input if value_input is None else value_input
        pairs = ((self.query, query_input), (self.key, key_input), (self.value, value_input))
        query, key, value = (split_into_the_batch(layer(one), self.num_heads) for layer, one in pairs)
        scores = torch.bmm(query / math.sqrt(query.shape[-1]), key.transpose(1, 2))
        shape = (len(query_input), self.num_heads, query.shape[1], key.shape[1])
        if mask is not None:
            mask = (mask if mask.dim() != 3 else mask.unsqueeze(1)).expand(shape).reshape(scores.shape)
            scores = torch.where(mask, scores, -1e9)
        weights = torch.softmax(scores, dim=2)
        if mask is not None:
            weights = weights * mask
        output = self.out(merge_heads(torch.bmm(weights, value).unflatten(0, shape[:2])))
        return output, weights.reshape(shape) if need_weights else None


class ModuleFused(MultiHeadAttention):
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
