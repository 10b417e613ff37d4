"""Lesson 4, parameters: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
from torch import nn

from helpers.multi_head import MultiHeadAttention, copy_torch_attention

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
