"""Lesson 4: wrong implementations (the misconceptions) and right ones that are written differently (the variants)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers.multi_head import MultiHeadAttention, copy_torch_attention, merge_heads, multi_head_by_hand, split_heads
from helpers.single_head import attention_scores, attention_weights, scaled_dot_product_attention

# --- split_heads: wrong ---------------------------------------------------------------------------------------------


def _checked(x, num_heads):
    batch, length, d_model = x.shape
    if d_model % num_heads:
        raise ValueError(f"{num_heads} heads do not divide a width of {d_model}")
    return batch, length, d_model // num_heads


def split_no_transpose(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.reshape(batch, num_heads, length, d_head)


def split_heads_behind_tokens(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.reshape(batch, length, num_heads, d_head)


def split_every_hth_column(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.reshape(batch, length, d_head, num_heads).permute(0, 3, 1, 2)


def split_number_and_width(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.reshape(batch, length, d_head, num_heads).transpose(1, 2)


def split_into_the_batch(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return split_heads(x, num_heads).reshape(batch * num_heads, length, d_head)


def split_heads_first(x, num_heads):
    return split_heads(x, num_heads).transpose(0, 1)


def split_width_before_tokens(x, num_heads):
    return split_heads(x, num_heads).transpose(2, 3)


def split_whole_rows(x, num_heads):
    _checked(x, num_heads)
    return torch.stack([x] * num_heads, dim=1)


def split_list(x, num_heads):
    _checked(x, num_heads)
    return list(x.chunk(num_heads, dim=-1))


def split_no_check(x, num_heads):
    batch, length, d_model = x.shape
    return x.reshape(batch, length, num_heads, d_model // num_heads).transpose(1, 2)


def split_assert(x, num_heads):
    assert x.shape[-1] % num_heads == 0
    return split_heads(x, num_heads)


def split_columns_dropped(x, num_heads):
    d_head = x.shape[-1] // num_heads
    return split_heads(x[..., : num_heads * d_head], num_heads)


# --- split_heads: right ---------------------------------------------------------------------------------------------


def split_slices(x, num_heads):
    _, _, d_head = _checked(x, num_heads)
    return torch.stack([x[:, :, i * d_head : (i + 1) * d_head] for i in range(num_heads)], dim=1)


def split_chunks(x, num_heads):
    width = x.size(-1)
    if num_heads * (width // num_heads) != width:
        raise ValueError
    return torch.cat([part.unsqueeze(1) for part in torch.chunk(x, num_heads, dim=2)], dim=1)


def split_unflattened(x, num_heads):
    if x.shape[2] % num_heads != 0:
        raise ValueError("the heads have to divide the width")
    return x.unflatten(-1, (num_heads, -1)).permute(0, 2, 1, 3).contiguous()


def split_transposed_first(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    return x.transpose(1, 2).reshape(batch, num_heads, d_head, length).transpose(2, 3)


def split_loop(x, num_heads):
    batch, length, d_head = _checked(x, num_heads)
    out = torch.empty(batch, num_heads, length, d_head, dtype=x.dtype)
    for head in range(num_heads):
        for column in range(d_head):
            out[:, head, :, column] = x[:, :, head * d_head + column]
    return out


# --- merge_heads: wrong ---------------------------------------------------------------------------------------------


def merge_no_transpose(x):
    batch, heads, length, d_head = x.shape
    return x.reshape(batch, length, heads * d_head)


def merge_view(x):
    batch, heads, length, d_head = x.shape
    return x.transpose(1, 2).view(batch, length, heads * d_head)


def merge_interleaved(x):
    return x.permute(0, 2, 3, 1).flatten(2)


def merge_added(x):
    return x.sum(dim=1)


def merge_averaged(x):
    return x.mean(dim=1)


def merge_below(x):
    return x.flatten(1, 2)


def merge_still_apart(x):
    return x.transpose(1, 2)


def merge_axes_misnamed(x):
    batch, length, heads, d_head = x.shape
    return x.transpose(1, 2).reshape(batch, length, heads * d_head)


def merge_batch_too(x):
    return x.transpose(1, 2).flatten(2).flatten(0, 1)


def merge_in_place(x):
    return x.transpose_(1, 2).flatten(2)


def merge_width_exchanged(x):
    return x.transpose(1, 3).flatten(2)


# --- merge_heads: right ---------------------------------------------------------------------------------------------


def merge_side_by_side(x):
    return torch.cat([x[:, head] for head in range(x.shape[1])], dim=-1)


def merge_contiguous(x):
    x = x.permute(0, 2, 1, 3).contiguous()
    return x.view(x.size(0), x.size(1), -1)


def merge_flattened(x):
    return x.swapaxes(1, 2).flatten(start_dim=2)


def merge_loop(x):
    batch, heads, length, d_head = x.shape
    out = x.new_zeros(batch, length, heads * d_head)
    for head in range(heads):
        out[..., head * d_head : (head + 1) * d_head] = x[:, head]
    return out


def merge_unbound(x):
    return torch.hstack([one.mT for one in torch.unbind(x, dim=1)]).mT


# --- multi_head_by_hand: wrong --------------------------------------------------------------------------------------


def _outputs(x, heads, mask=None):
    return [scaled_dot_product_attention(*(x @ w for w in head), mask)[0] for head in heads]


def hand_no_output_weights(x, heads, w_output, mask=None):
    return np.concatenate(_outputs(x, heads, mask), axis=-1)


def hand_below_one_another(x, heads, w_output, mask=None):
    return np.concatenate(_outputs(x, heads, mask), axis=0) @ w_output


def hand_first_head_again(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, heads[:1] * len(heads), w_output, mask)


def hand_interleaved(x, heads, w_output, mask=None):
    side = np.stack(_outputs(x, heads, mask), axis=-1)
    return side.reshape(len(x), -1) @ w_output


def hand_reversed(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, heads[::-1], w_output, mask)


def hand_one_wide_head(x, heads, w_output, mask=None):
    query, key, value = (x @ np.concatenate(weights, axis=1) for weights in zip(*heads, strict=True))
    return scaled_dot_product_attention(query, key, value, mask)[0] @ w_output


def hand_root_of_model(x, heads, w_output, mask=None):
    outputs = []
    for w_query, w_key, w_value in heads:
        scores = (x @ w_query) @ (x @ w_key).T / np.sqrt(x.shape[-1])
        outputs.append(attention_weights(scores, mask) @ (x @ w_value))
    return np.concatenate(outputs, axis=-1) @ w_output


def hand_averaged_weights(x, heads, w_output, mask=None):
    shared = np.mean([attention_weights(attention_scores(x @ q, x @ k), mask) for q, k, _ in heads], axis=0)
    return np.concatenate([shared @ (x @ w_value) for _, _, w_value in heads], axis=-1) @ w_output


def hand_mask_ignored(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, heads, w_output)


def hand_upside_down(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, heads, w_output, None if mask is None else ~mask)


def hand_mask_first_head_alone(x, heads, w_output, mask=None):
    outputs = _outputs(x, heads[:1], mask) + _outputs(x, heads[1:])
    return np.concatenate(outputs, axis=-1) @ w_output


def hand_weights_too(x, heads, w_output, mask=None):
    weights = [attention_weights(attention_scores(x @ q, x @ k), mask) for q, k, _ in heads]
    return multi_head_by_hand(x, heads, w_output, mask), np.stack(weights)


def hand_value_order(x, heads, w_output, mask=None):
    return multi_head_by_hand(x, [(v, q, k) for q, k, v in heads], w_output, mask)


def hand_output_transposed(x, heads, w_output, mask=None):
    return np.concatenate(_outputs(x, heads, mask), axis=-1) @ w_output.T


# --- multi_head_by_hand: right --------------------------------------------------------------------------------------


def hand_sum_of_parts(x, heads, w_output, mask=None):
    total, top = 0.0, 0
    for (*_, w_value), output in zip(heads, _outputs(x, heads, mask), strict=True):
        rows = w_output[top : top + w_value.shape[1]]
        total, top = total + output @ rows, top + w_value.shape[1]
    return total


def hand_stacked(x, heads, w_output, mask=None):
    query, key, value = (x @ np.stack(weights) for weights in zip(*heads, strict=True))
    output, _ = scaled_dot_product_attention(query, key, value, mask)
    return np.moveaxis(output, 0, 1).reshape(len(x), -1) @ w_output


def hand_values_last(x, heads, w_output, mask=None):
    total = np.zeros((x.shape[0], w_output.shape[1]))
    for rows, (w_query, w_key, w_value) in zip(np.split(w_output, len(heads)), heads, strict=True):
        weights = attention_weights(x @ (w_query @ w_key.T) @ x.T / math.sqrt(w_query.shape[1]), mask)
        total += weights @ x @ (w_value @ rows)
    return total


def hand_torch(x, heads, w_output, mask=None):
    parts = [torch.einsum("nm,hmd->hnd", torch.from_numpy(x), torch.from_numpy(np.stack(w))) for w in zip(*heads)]
    output = F.scaled_dot_product_attention(*parts, None if mask is None else torch.from_numpy(mask))
    return (torch.cat(list(output), dim=1) @ torch.from_numpy(w_output)).numpy()


def hand_loop(x, heads, w_output, mask=None):
    out = np.zeros((len(x), w_output.shape[1]))
    for i in range(len(x)):
        row = []
        for w_query, w_key, w_value in heads:
            scores = np.array([(x[i] @ w_query) @ (token @ w_key) for token in x]) / w_key.shape[1] ** 0.5
            shares = np.exp(scores - scores.max()) * (1 if mask is None else mask[i])
            row.extend(shares / shares.sum() @ (x @ w_value))
        out[i] = np.array(row) @ w_output
    return out


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


# --- copy_torch_attention: wrong ------------------------------------------------------------------------------------


def _copy(mine, query, key, value, out):
    with torch.no_grad():
        for layer, weight in ((mine.query, query), (mine.key, key), (mine.value, value), (mine.out, out)):
            layer.weight.copy_(weight)


def copy_nothing(mine, theirs):
    weights = [layer.weight for layer in (mine.query, mine.key, mine.value)]
    for _weight, part in zip(weights, theirs.in_proj_weight.chunk(3), strict=True):
        _weight = part.clone()


def copy_shared(mine, theirs):
    mine.query.weight.data, mine.key.weight.data, mine.value.weight.data = theirs.in_proj_weight.data.chunk(3)
    mine.out.weight.data = theirs.out_proj.weight.data


def copy_shared_out(mine, theirs):
    copy_torch_attention(mine, theirs)
    mine.out.weight = theirs.out_proj.weight


def copy_transposed(mine, theirs):
    _copy(mine, *(part.T for part in theirs.in_proj_weight.chunk(3)), theirs.out_proj.weight.T)


def copy_out_transposed(mine, theirs):
    _copy(mine, *theirs.in_proj_weight.chunk(3), theirs.out_proj.weight.T)


def copy_key_first(mine, theirs):
    key, query, value = theirs.in_proj_weight.chunk(3)
    _copy(mine, query, key, value, theirs.out_proj.weight)


def copy_value_second(mine, theirs):
    query, value, key = theirs.in_proj_weight.chunk(3)
    _copy(mine, query, key, value, theirs.out_proj.weight)


def copy_turns(mine, theirs):
    weight = theirs.in_proj_weight
    _copy(mine, weight[0::3], weight[1::3], weight[2::3], theirs.out_proj.weight)


def copy_head_by_head(mine, theirs):
    parts = theirs.in_proj_weight.reshape(theirs.num_heads, 3, theirs.head_dim, -1)
    _copy(mine, *(parts[:, i].flatten(0, 1) for i in range(3)), theirs.out_proj.weight)


def copy_first_part(mine, theirs):
    query = theirs.in_proj_weight.chunk(3)[0]
    _copy(mine, query, query, query, theirs.out_proj.weight)


def copy_out_left_out(mine, theirs):
    _copy(mine, *theirs.in_proj_weight.chunk(3), mine.out.weight.clone())


def copy_backwards(mine, theirs):
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([mine.query.weight, mine.key.weight, mine.value.weight]))
        theirs.out_proj.weight.copy_(mine.out.weight)


def copy_with_gradient(mine, theirs):
    mine.query.weight.copy_(theirs.in_proj_weight.chunk(3)[0])


def copy_separate_weights(mine, theirs):
    with torch.no_grad():
        mine.query.weight.copy_(theirs.q_proj_weight)


# --- copy_torch_attention: right ------------------------------------------------------------------------------------


def copy_state(mine, theirs):
    width = theirs.embed_dim
    state = theirs.state_dict()
    mine.load_state_dict(
        {
            "query.weight": state["in_proj_weight"][:width],
            "key.weight": state["in_proj_weight"][width : 2 * width],
            "value.weight": state["in_proj_weight"][2 * width :],
            "out.weight": state["out_proj.weight"],
        }
    )


def copy_data(mine, theirs):
    parts = torch.split(theirs.in_proj_weight.data, theirs.in_proj_weight.shape[1])
    for layer, part in zip((mine.query, mine.key, mine.value), parts, strict=True):
        layer.weight.data = part.clone()
    mine.out.weight.data = theirs.out_proj.weight.data.clone()


def copy_new_parameters(mine, theirs):
    stacked = theirs.in_proj_weight.detach().unflatten(0, (3, -1))
    for i, name in enumerate(["query", "key", "value"]):
        getattr(mine, name).weight = nn.Parameter(stacked[i].clone())
    mine.out.weight = nn.Parameter(theirs.out_proj.weight.detach().clone())
    return mine


@torch.no_grad()
def copy_rows(mine, theirs):
    width = mine.out.in_features
    for row in range(width):
        mine.query.weight[row] = theirs.in_proj_weight[row]
        mine.key.weight[row] = theirs.in_proj_weight[width + row]
        mine.value.weight[row] = theirs.in_proj_weight[2 * width + row]
        mine.out.weight[row] = theirs.out_proj.weight[row]


# --- attention_parameters: right, written differently (the wrong ones are one line each, in the catalogue) -----------


def parameters_counted(embed_dim, bias=False):
    module = MultiHeadAttention(embed_dim, 1, bias)
    return sum(parameter.numel() for parameter in module.parameters())


def parameters_torch(embed_dim, bias=False):
    module = nn.MultiheadAttention(embed_dim, 1, bias=bias, device="meta")
    return sum(math.prod(parameter.shape) for parameter in module.parameters())


def parameters_factored(embed_dim, bias=False):
    return 4 * embed_dim * (embed_dim + bool(bias))


def parameters_added(embed_dim, bias=False):
    total = 0
    for _layer in ("query", "key", "value", "out"):
        total += embed_dim**2
        if bias:
            total += embed_dim
    return total
