"""Lesson 3, the head: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from helpers.single_head import SelfAttentionHead

# --- SelfAttentionHead: wrong ---------------------------------------------------------------------------------------


def _masked_softmax(scores, mask, dim=-1):
    return torch.softmax(scores if mask is None else scores.masked_fill(~mask, -math.inf), dim=dim)


class HeadRootOfModel(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _weights(self.query(x) @ self.key(x).mT / math.sqrt(self.query.in_features), mask)
        return weights @ self.value(x), weights


class HeadNoScaling(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _weights(self.query(x) @ self.key(x).mT, mask)
        return weights @ self.value(x), weights


class HeadSwapped(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _weights(self.key(x) @ self.query(x).mT / math.sqrt(self.query.out_features), mask)
        return weights @ self.value(x), weights


class HeadBias(SelfAttentionHead):
    def __init__(self, d_model, d_head):
        super().__init__(d_model, d_head)
        self.query, self.key, self.value = (nn.Linear(d_model, d_head) for _ in range(3))


class HeadActivation(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = (layer(x).relu() for layer in (self.query, self.key, self.value))
        weights = _weights(query @ key.mT / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


class HeadSumOfKeys(SelfAttentionHead):
    def forward(self, x, mask=None):
        _, weights = super().forward(x, mask)
        return weights @ self.key(x), weights


class HeadOutputAlone(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x, mask)[0]


class HeadKeyFromQuery(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.query(x), self.value(x)
        weights = _weights(query @ key.mT / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


class HeadFullTranspose(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        weights = _weights(query @ key.permute(2, 1, 0) / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


class HeadDetached(SelfAttentionHead):
    def forward(self, x, mask=None):
        with torch.no_grad():
            return super().forward(x, mask)


class HeadUnregistered(nn.Module):
    def __init__(self, d_model, d_head):
        super().__init__()
        self.layers = [nn.Linear(d_model, d_head, bias=False) for _ in range(3)]

    def forward(self, x, mask=None):
        query, key, value = (layer(x) for layer in self.layers)
        weights = _weights(query @ key.mT / math.sqrt(key.shape[-1]), mask)
        return weights @ value, weights


class HeadOverQueries(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = _masked_softmax(scores, mask, dim=-2)
        return weights @ self.value(x), weights


class HeadOverBatch(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = _masked_softmax(scores, mask, dim=0)  # what torch takes for three axes when no `dim` is given
        return weights @ self.value(x), weights


class HeadUpsideDown(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


class HeadMaskIgnored(SelfAttentionHead):
    def forward(self, x, mask=None):
        return super().forward(x)


class HeadZeroedAfter(SelfAttentionHead):
    def forward(self, x, mask=None):
        _, weights = super().forward(x)
        weights = weights if mask is None else weights * mask
        return weights @ self.value(x), weights


class HeadNaN(SelfAttentionHead):
    def forward(self, x, mask=None):
        weights = _masked_softmax(self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features), mask)
        return weights @ self.value(x), weights


class HeadNaNGradient(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        if mask is not None:
            scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -math.inf)
        weights = torch.softmax(scores, dim=-1).nan_to_num(0.0)
        return weights @ self.value(x), weights


class HeadLargeNegative(SelfAttentionHead):
    def forward(self, x, mask=None):
        scores = self.query(x) @ self.key(x).mT / math.sqrt(self.query.out_features)
        weights = torch.softmax(scores if mask is None else scores.masked_fill(~mask, -1e9), dim=-1)
        return weights @ self.value(x), weights


# --- SelfAttentionHead: right ---------------------------------------------------------------------------------------


def _weights(scores, mask):
    """Masked softmax by plain division."""
    mask = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand_as(scores)
    top = scores.detach().masked_fill(~mask, -1e30).amax(-1, keepdim=True)
    powers = torch.where(mask, scores - top, 0.0).exp() * mask
    total = powers.sum(-1, keepdim=True)
    return powers / torch.where(total == 0, 1.0, total)


class HeadDivision(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        weights = _weights(torch.einsum("...qd,...kd->...qk", query, key) * query.shape[-1] ** -0.5, mask)
        return torch.einsum("...qk,...kd->...qd", weights, value), weights


class HeadTwoFills(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        scores = (query / math.sqrt(query.shape[-1])) @ key.mT
        mask = torch.ones(scores.shape, dtype=torch.bool) if mask is None else mask
        weights = torch.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1).masked_fill(~mask, 0.0)
        return [weights @ value, weights]


class HeadFused(SelfAttentionHead):
    def forward(self, x, mask=None):
        query, key, value = self.query(x), self.key(x), self.value(x)
        same = torch.eye(x.shape[-2]).expand(*x.shape[:-2], -1, -1)
        weights = F.scaled_dot_product_attention(query, key, same, mask)
        return F.scaled_dot_product_attention(query, key, value, mask), weights


class HeadLoop(nn.Module):
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
            for one, may in zip(query / key.shape[1] ** 0.5, allowed, strict=True):
                row = torch.zeros(length)
                if may.any():
                    row = row.masked_scatter(may, torch.softmax(key[may] @ one, dim=0))
                rows.append(row)
                outputs.append(row @ value)
        return torch.stack(outputs).reshape(batch, length, -1), torch.stack(rows).reshape(batch, length, length)


class HeadFiniteFill(SelfAttentionHead):
    def forward(self, x, mask=None):
        weight = torch.cat([self.query.weight, self.key.weight, self.value.weight])
        query, key, value = F.linear(x, weight).chunk(3, dim=-1)
        scores = torch.matmul(query, key.transpose(1, 2)) / math.sqrt(query.size(-1))
        if mask is not None:
            scores = scores.masked_fill(mask == 0, torch.finfo(scores.dtype).min)
        weights = F.softmax(scores, dim=2)
        if mask is not None:
            weights = weights * mask
        return weights @ value, weights
