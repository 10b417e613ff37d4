"""Lesson 5, residual connection: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercises.mistakes.add_norm.layer_normalization import NormFunctional, NormVariance
from autograde.exercises.mistakes.add_norm.normalizing import norm_folded, norm_loop, norm_torch, normalize_by_product
from helpers.add_norm import AddNorm, layer_norm, normalize

# --- add_and_norm: wrong --------------------------------------------------------------------------------------------


def add_norm_of_sublayer(x, sublayer_output, gamma, beta, eps=1e-5):
    return x + layer_norm(sublayer_output, gamma, beta, eps)


def add_norm_of_x(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x, gamma, beta, eps) + sublayer_output


def add_no_residual(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(sublayer_output, gamma, beta, eps)


def add_only_x(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x, gamma, beta, eps)


def add_not_normalized(x, sublayer_output, gamma, beta, eps=1e-5):
    return x + sublayer_output


def add_both_normalized(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x, gamma, beta, eps) + layer_norm(sublayer_output, gamma, beta, eps)


def add_normalized_first(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x + layer_norm(sublayer_output, gamma, beta, eps), gamma, beta, eps)


def add_x_again(x, sublayer_output, gamma, beta, eps=1e-5):
    return x + layer_norm(x + sublayer_output, gamma, beta, eps)


def add_difference(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x - sublayer_output, gamma, beta, eps)


def add_average(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm((x + sublayer_output) / 2, gamma, beta, eps)


def add_product(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x * sublayer_output, gamma, beta, eps)


def add_concatenated(x, sublayer_output, gamma, beta, eps=1e-5):
    both = np.concatenate([x, sublayer_output], axis=-1)
    return layer_norm(both, np.tile(gamma, 2), np.tile(beta, 2), eps)


def add_exchanged(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x + sublayer_output, beta, gamma, eps)


def add_nothing_learned(x, sublayer_output, gamma, beta, eps=1e-5):
    return normalize(x + sublayer_output, eps)


def add_fixed_eps(x, sublayer_output, gamma, beta, eps=1e-5):
    return layer_norm(x + sublayer_output, gamma, beta)


def add_in_place(x, sublayer_output, gamma, beta, eps=1e-5):
    x += sublayer_output
    return layer_norm(x, gamma, beta, eps)


# --- add_and_norm: right --------------------------------------------------------------------------------------------


def add_torch(x, sublayer_output, gamma, beta, eps=1e-5):
    return norm_torch(np.add(x, sublayer_output), gamma, beta, eps)


def add_stacked(x, sublayer_output, gamma, beta, eps=1e-5):
    return norm_folded(np.stack([sublayer_output, x]).sum(axis=0), gamma, beta, eps)


def add_rows(x, sublayer_output, gamma, beta, eps=1e-5):
    width = x.shape[-1]
    pairs = zip(x.reshape(-1, width), sublayer_output.reshape(-1, width), strict=True)
    return np.stack([norm_loop(one + other, gamma, beta, eps) for one, other in pairs]).reshape(x.shape)


def add_in_a_copy(x, sublayer_output, gamma, beta, eps=1e-5):
    total = x.copy()
    total += sublayer_output
    return gamma * normalize_by_product(total, eps) + beta


# --- AddNorm: wrong -------------------------------------------------------------------------------------------------


class AddNormOfSublayer(AddNorm):
    def forward(self, x, sublayer_output):
        return x + self.norm(self.dropout(sublayer_output))


class AddNormOfX(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x) + self.dropout(sublayer_output)


class AddNormNoResidual(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(self.dropout(sublayer_output))


class AddNormNotNormalized(AddNorm):
    def forward(self, x, sublayer_output):
        return x + self.dropout(sublayer_output)


class AddNormTwice(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x + self.norm(self.dropout(sublayer_output)))


class AddNormCallsSublayer(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x + self.dropout(sublayer_output(x)))


class AddNormResidualDetached(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x.detach() + self.dropout(sublayer_output))


class AddNormTorchNorm(AddNorm):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__(embed_dim, dropout)
        self.norm = nn.LayerNorm(embed_dim)


class AddNormOtherName(AddNorm):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__(embed_dim, dropout)
        self.layer_norm = self.norm
        del self.norm

    def forward(self, x, sublayer_output):
        return self.layer_norm(x + self.dropout(sublayer_output))


class AddNormInPlace(AddNorm):
    def forward(self, x, sublayer_output):
        x += self.dropout(sublayer_output)
        return self.norm(x)


class AddNormDropAfterAdd(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(self.dropout(x + sublayer_output))


class AddNormDropLast(AddNorm):
    def forward(self, x, sublayer_output):
        return self.dropout(self.norm(x + sublayer_output))


class AddNormDropX(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(self.dropout(x) + sublayer_output)


class AddNormDropBoth(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(self.dropout(x) + self.dropout(sublayer_output))


class AddNormNoDropout(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x + sublayer_output)


class AddNormDropAlways(AddNorm):
    def forward(self, x, sublayer_output):
        return self.norm(x + F.dropout(sublayer_output, self.dropout.p))


class AddNormShareKept(AddNorm):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__(embed_dim, 1 - dropout)


class AddNormDropDefault(AddNorm):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__(embed_dim, 0.5)


class AddNormNotRescaled(AddNorm):
    def forward(self, x, sublayer_output):
        if self.training:
            sublayer_output = sublayer_output * (torch.rand(sublayer_output.shape) >= self.dropout.p)
        return self.norm(x + sublayer_output)


# --- AddNorm: right -------------------------------------------------------------------------------------------------


class AddNormFunctional(nn.Module):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__()
        self.share = dropout
        self.norm = NormFunctional(embed_dim)

    def forward(self, x, sublayer_output):
        return self.norm(torch.add(F.dropout(sublayer_output, self.share, self.training), x))


class AddNormByHand(AddNorm):
    def forward(self, x, sublayer_output):
        if self.training:
            kept = torch.rand(sublayer_output.shape) < 1 - self.dropout.p
            sublayer_output = torch.where(kept, sublayer_output / (1 - self.dropout.p), 0.0)
        return self.norm(x + sublayer_output)


class AddNormSequential(nn.Module):
    def __init__(self, embed_dim, dropout=0.1):
        super().__init__()
        self.drop = nn.Sequential(nn.Identity(), nn.Dropout(p=dropout))
        self.norm = NormVariance(embed_dim)

    def forward(self, x, sublayer_output):
        return self.norm(torch.stack([self.drop(sublayer_output), x]).sum(0))


class AddNormRows(AddNorm):
    def forward(self, x, sublayer_output):
        return torch.stack([self.norm(x[i : i + 1] + self.dropout(sublayer_output[i]))[0] for i in range(len(x))])
