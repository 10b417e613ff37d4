"""Lesson 7, the clinic, `repair_attend`: wrong repairs, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from helpers.clinic import repair_attend

# --- repair_attend: wrong -------------------------------------------------------------------------------------------


def attention_scores_of(query, key):
    return query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])


def _attend(query, key, value, seen):
    return torch.softmax(attention_scores_of(query, key).masked_fill(~seen, -math.inf), dim=-1) @ value


def _ones(query):
    return torch.ones(query.shape[1], query.shape[1], dtype=torch.bool)


def attend_broken(query, key, value):
    scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
    return torch.softmax(scores, dim=-1) @ value


def attend_upside_down(query, key, value):
    return _attend(query, key, value, _ones(query).triu())


def attend_not_itself(query, key, value):
    return _attend(query, key, value, _ones(query).tril(-1))


def attend_one_too_far(query, key, value):
    return _attend(query, key, value, _ones(query).tril(1))


def attend_only_itself(query, key, value):
    return value.clone()


def attend_one_back(query, key, value):
    return _attend(query, key, value, _ones(query).tril().triu(-1))


def attend_mask_after_softmax(query, key, value):
    return torch.softmax(attention_scores_of(query, key), dim=-1).tril() @ value


def attend_zeros(query, key, value):
    return torch.softmax(attention_scores_of(query, key).tril(), dim=-1) @ value


def attend_no_scaling(query, key, value):
    return repair_attend(query * math.sqrt(query.shape[-1]), key, value)


def attend_over_queries(query, key, value):
    return torch.softmax(attention_scores_of(query, key).masked_fill(~_ones(query).tril(), -math.inf), dim=1) @ value


def attend_running_mean(query, key, value):
    return value.cumsum(dim=1) / torch.arange(1, value.shape[1] + 1).unsqueeze(1)


# --- repair_attend: right -------------------------------------------------------------------------------------------


def attend_torch(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def attend_word_by_word(query, key, value):
    rows = []
    for i in range(query.shape[1]):
        scores = (key[:, : i + 1] @ query[:, i].unsqueeze(-1)).squeeze(-1) / query.shape[-1] ** 0.5
        rows.append((scores.softmax(dim=-1).unsqueeze(-1) * value[:, : i + 1]).sum(dim=1))
    return torch.stack(rows, dim=1)


def attend_added_mask(query, key, value):
    length = query.size(1)
    hidden = torch.full((length, length), float("-inf")).triu(diagonal=1)
    return F.softmax(torch.einsum("bqd,bkd->bqk", query, key) * query.size(-1) ** -0.5 + hidden, dim=2).bmm(value)


def attend_renormalized(query, key, value):
    scores = attention_scores_of(query, key)
    powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True)).tril()
    return (powers / powers.sum(dim=-1, keepdim=True)) @ value


def attend_large_negative(query, key, value):
    position = torch.arange(query.shape[1])
    later = position.unsqueeze(0) > position.unsqueeze(1)
    return torch.softmax(torch.where(later, torch.tensor(-1e9), attention_scores_of(query, key)), dim=-1) @ value
