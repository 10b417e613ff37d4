"""Lesson 4, heads: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F

from helpers.multi_head import multi_head_by_hand, split_heads
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
    return x.transpose(1, 2).projection(batch, length, heads * d_head)


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
    return x.projection(x.size(0), x.size(1), -1)


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
