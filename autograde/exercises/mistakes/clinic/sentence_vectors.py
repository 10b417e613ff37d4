"""Lesson 7, the clinic, `repair_sentence_vectors`: wrong repairs, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from autograde.exercises.mistakes.clinic.attend import attention_scores_of

# --- repair_sentence_vectors: wrong ---------------------------------------------------------------------------------


def _mean_of_real(attended, keep):
    real = keep.unsqueeze(2)
    return (attended * real).sum(dim=1) / real.sum(dim=1)


def _read(x, scores):
    return torch.softmax(scores, dim=-1) @ x


def vectors_broken(x, keep):
    scores = x @ x.transpose(1, 2) / math.sqrt(x.shape[-1])
    scores = scores.masked_fill(~keep.unsqueeze(2), -1e9)
    attended = torch.softmax(scores, dim=-1) @ x
    real = keep.unsqueeze(2)
    return (attended * real).sum(dim=1) / real.sum(dim=1)


def vectors_mask_upside_down(x, keep):
    return _mean_of_real(_read(x, attention_scores_of(x, x).masked_fill(keep.unsqueeze(1), -1e9)), keep)


def vectors_padding_as_zeros(x, keep):
    x = x * keep.unsqueeze(2)
    return _mean_of_real(_read(x, attention_scores_of(x, x)), keep)


def vectors_mask_after_softmax(x, keep):
    return _mean_of_real((torch.softmax(attention_scores_of(x, x), dim=-1) * keep.unsqueeze(1)) @ x, keep)


def vectors_scores_zero(x, keep):
    return _mean_of_real(_read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), 0.0)), keep)


def vectors_mean_over_padding(x, keep):
    return _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9)).mean(dim=1)


def vectors_divided_by_length(x, keep):
    attended = _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9))
    return (attended * keep.unsqueeze(2)).sum(dim=1) / keep.shape[1]


def vectors_sum(x, keep):
    attended = _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9))
    return (attended * keep.unsqueeze(2)).sum(dim=1)


def vectors_first_mask_for_all(x, keep):
    return _mean_of_real(_read(x, attention_scores_of(x, x).masked_fill(~keep[0], -1e9)), keep)


def vectors_no_attention(x, keep):
    return _mean_of_real(x, keep)


def vectors_over_queries(x, keep):
    weights = torch.softmax(attention_scores_of(x, x).masked_fill(~keep.unsqueeze(2), -1e9), dim=1)
    return _mean_of_real(weights @ x, keep)


def vectors_first_row(x, keep):
    return _read(x, attention_scores_of(x, x).masked_fill(~keep.unsqueeze(1), -1e9))[:, 0]


# --- repair_sentence_vectors: right ---------------------------------------------------------------------------------


def vectors_sentence_by_sentence(x, keep):
    vectors = []
    for rows, real in zip(x, keep, strict=True):
        words = rows[real]
        vectors.append((torch.softmax(words @ words.T / words.shape[1] ** 0.5, dim=1) @ words).mean(dim=0))
    return torch.stack(vectors)


def vectors_torch(x, keep):
    attended = F.scaled_dot_product_attention(x, x, x, attn_mask=keep[:, None, :].expand(-1, x.shape[1], -1))
    return attended.masked_fill(~keep[..., None], 0.0).sum(1) / keep.sum(1, keepdim=True)


def vectors_mean_of_weights(x, keep):
    hidden = torch.zeros(keep.shape).masked_fill(~keep, float("-inf"))
    weights = torch.softmax(x @ x.mT / x.shape[-1] ** 0.5 + hidden[:, None], dim=-1)
    shares = keep / keep.sum(dim=1, keepdim=True)
    return torch.einsum("bq,bqk,bkd->bd", shares, weights, x)


def vectors_both_masked(x, keep):
    both = keep.unsqueeze(1) & keep.unsqueeze(2)
    scores = torch.where(both, attention_scores_of(x, x), torch.tensor(-1e9))
    return _mean_of_real(torch.softmax(scores, dim=-1) @ x, keep)


def vectors_renormalized(x, keep):
    scores = attention_scores_of(x, x)
    powers = torch.exp(scores - scores.amax(dim=2, keepdim=True)) * keep.unsqueeze(1)
    attended = powers / powers.sum(dim=2, keepdim=True) @ x
    return torch.stack([rows[real].mean(dim=0) for rows, real in zip(attended, keep, strict=True)])
