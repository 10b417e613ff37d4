"""Lesson 5: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers.add_norm import (
    AddNorm,
    AttentionBlock,
    LayerNormalization,
    PreNormBlock,
    layer_norm,
    normalize,
    row_statistics,
)
from helpers.multi_head import MultiHeadAttention

# --- row_statistics: wrong ------------------------------------------------------------------------------------------


def statistics_unbiased(x):
    return x.mean(-1, keepdims=True), x.var(-1, keepdims=True, ddof=1)


def statistics_deviation(x):
    return x.mean(-1, keepdims=True), x.std(-1, keepdims=True)


def statistics_no_keepdims(x):
    return x.mean(-1), x.var(-1)


def statistics_of_columns(x):
    return x.mean(-2, keepdims=True), x.var(-2, keepdims=True)


def statistics_axis_0(x):
    return x.mean(0, keepdims=True), x.var(0, keepdims=True)


def statistics_axis_1(x):
    return x.mean(1, keepdims=True), x.var(1, keepdims=True)


def statistics_of_everything(x):
    return x.mean(keepdims=True), x.var(keepdims=True)


def statistics_everything_scalar(x):
    return x.mean(), x.var()


def statistics_swapped(x):
    return row_statistics(x)[::-1]


def statistics_sum_of_squares(x):
    mean = x.mean(-1, keepdims=True)
    return mean, np.sum((x - mean) ** 2, axis=-1, keepdims=True)


def statistics_mean_square(x):
    return x.mean(-1, keepdims=True), np.mean(x**2, axis=-1, keepdims=True)


def statistics_absolute(x):
    mean = x.mean(-1, keepdims=True)
    return mean, np.mean(np.abs(x - mean), axis=-1, keepdims=True)


def statistics_in_place(x):
    mean = x.mean(-1, keepdims=True)
    x -= mean
    return mean, np.mean(x**2, axis=-1, keepdims=True)


# --- row_statistics: right ------------------------------------------------------------------------------------------


def statistics_numpy(x):
    return [x.mean(-1, keepdims=True), x.var(-1, keepdims=True)]


def statistics_loop(x):
    rows = x.reshape(-1, x.shape[-1])
    means, variances = [], []
    for row in rows:
        mean = sum(row) / len(row)
        means.append(mean)
        variances.append(sum((number - mean) ** 2 for number in row) / len(row))
    shape = (*x.shape[:-1], 1)
    return np.array(means).reshape(shape), np.array(variances).reshape(shape)


def statistics_of_squares(x):
    mean = np.sum(x, axis=-1, keepdims=True) / x.shape[-1]
    return mean, np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1] - mean**2


def statistics_torch(x):
    variance, mean = torch.var_mean(torch.from_numpy(x), dim=-1, correction=0, keepdim=True)
    return mean.numpy(), variance.numpy()


# --- normalize: wrong -----------------------------------------------------------------------------------------------


def _parts(x):
    mean, variance = row_statistics(x)
    return x - mean, variance


def normalize_deviation_plus_eps(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / (np.sqrt(variance) + eps)


def normalize_unbiased(x, eps=1e-5):
    return _parts(x)[0] / np.sqrt(x.var(-1, keepdims=True, ddof=1) + eps)


def normalize_unbiased_deviation_plus_eps(x, eps=1e-5):
    return _parts(x)[0] / (x.std(-1, keepdims=True, ddof=1) + eps)


def normalize_no_eps(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / np.sqrt(variance)


def normalize_fixed_eps(x, eps=1e-5):
    return normalize(x)


def normalize_eps_last(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / np.sqrt(variance) + eps


def normalize_variance(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / (variance + eps)


def normalize_square(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred / (variance + eps) ** 2


def normalize_not_centred(x, eps=1e-5):
    return x / np.sqrt(_parts(x)[1] + eps)


def normalize_only_centred(x, eps=1e-5):
    return _parts(x)[0]


def normalize_no_brackets(x, eps=1e-5):
    mean, variance = row_statistics(x)
    return x - mean / np.sqrt(variance + eps)


def normalize_multiplied(x, eps=1e-5):
    centred, variance = _parts(x)
    return centred * np.sqrt(variance + eps)


def normalize_columns(x, eps=1e-5):
    return (x - x.mean(0, keepdims=True)) / np.sqrt(x.var(0, keepdims=True) + eps)


def normalize_axis_1(x, eps=1e-5):
    axis = min(1, x.ndim - 1)
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)


def normalize_everything(x, eps=1e-5):
    return (x - x.mean()) / np.sqrt(x.var() + eps)


def normalize_no_keepdims(x, eps=1e-5):
    return (x - x.mean(-1)) / np.sqrt(x.var(-1) + eps)


def normalize_length(x, eps=1e-5):
    centred, _ = _parts(x)
    return centred / np.sqrt(np.sum(centred**2, axis=-1, keepdims=True) + eps)


def normalize_range(x, eps=1e-5):
    low, high = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    return (x - low) / (high - low + eps)


def normalize_in_place(x, eps=1e-5):
    mean, variance = row_statistics(x)
    x -= mean
    return x / np.sqrt(variance + eps)


# --- normalize: right -----------------------------------------------------------------------------------------------


def normalize_numpy(x, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) * (x.var(axis=-1, keepdims=True) + eps) ** -0.5


def normalize_loop(x, eps=1e-5):
    result = np.empty_like(x)
    for place in np.ndindex(*x.shape[:-1]):
        row = x[place]
        mean = row.sum() / row.size
        variance = ((row - mean) @ (row - mean)) / row.size
        result[place] = (row - mean) / np.sqrt(variance + eps)
    return result


def normalize_by_product(x, eps=1e-5):
    width = x.shape[-1]
    centred = x @ (np.eye(width) - 1 / width)
    return centred / np.sqrt(np.einsum("...i,...i->...", centred, centred)[..., np.newaxis] / width + eps)


def normalize_torch(x, eps=1e-5):
    return F.layer_norm(torch.from_numpy(x), x.shape[-1:], eps=eps).numpy()


# --- layer_norm: wrong ----------------------------------------------------------------------------------------------


def norm_no_gamma(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) + beta


def norm_no_beta(x, gamma, beta, eps=1e-5):
    return gamma * normalize(x, eps)


def norm_nothing_learned(x, gamma, beta, eps=1e-5):
    return normalize(x, eps)


def norm_exchanged(x, gamma, beta, eps=1e-5):
    return beta * normalize(x, eps) + gamma


def norm_beta_first(x, gamma, beta, eps=1e-5):
    return gamma * (normalize(x, eps) + beta)


def norm_beta_subtracted(x, gamma, beta, eps=1e-5):
    return gamma * normalize(x, eps) - beta


def norm_divided_by_gamma(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) / gamma + beta


def norm_one_plus_gamma(x, gamma, beta, eps=1e-5):
    return (1 + gamma) * normalize(x, eps) + beta


def norm_scaled_first(x, gamma, beta, eps=1e-5):
    return normalize(gamma * x + beta, eps)


def norm_not_normalized(x, gamma, beta, eps=1e-5):
    return gamma * x + beta


def norm_matrix_product(x, gamma, beta, eps=1e-5):
    return normalize(x, eps) @ gamma + beta


def norm_gamma_of_token(x, gamma, beta, eps=1e-5):
    return gamma[:, np.newaxis] * normalize(x, eps) + beta[:, np.newaxis]


def norm_fixed_eps(x, gamma, beta, eps=1e-5):
    return gamma * normalize(x) + beta


def norm_deviation_plus_eps(x, gamma, beta, eps=1e-5):
    return gamma * normalize_deviation_plus_eps(x, eps) + beta


def norm_columns(x, gamma, beta, eps=1e-5):
    return gamma * normalize_columns(x, eps) + beta


def norm_in_place(x, gamma, beta, eps=1e-5):
    x[...] = normalize(x, eps)
    return gamma * x + beta


# --- layer_norm: right ----------------------------------------------------------------------------------------------


def norm_torch(x, gamma, beta, eps=1e-5):
    x, gamma, beta = map(torch.from_numpy, (x, gamma, beta))
    return F.layer_norm(x, gamma.shape, gamma, beta, eps).numpy()


def norm_folded(x, gamma, beta, eps=1e-5):
    mean, variance = row_statistics(x)
    scale = gamma / np.sqrt(variance + eps)
    return x * scale + (beta - mean * scale)


def norm_diagonal(x, gamma, beta, eps=1e-5):
    return normalize_by_product(x, eps) @ np.diag(gamma) + beta


def norm_loop(x, gamma, beta, eps=1e-5):
    result = normalize_loop(x, eps)
    for column in range(x.shape[-1]):
        result[..., column] = result[..., column] * gamma[column] + beta[column]
    return result


# --- LayerNormalization: wrong --------------------------------------------------------------------------------------


class NormUnregistered(nn.Module):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__()
        self.eps, self.gamma, self.beta = eps, torch.ones(embed_dim), torch.zeros(embed_dim)

    def forward(self, x):
        return F.layer_norm(x, self.gamma.shape, self.gamma, self.beta, self.eps)


class NormOtherNames(nn.LayerNorm):
    pass


class NormGammaZero(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim, eps)
        nn.init.zeros_(self.gamma)


class NormBetaOne(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim, eps)
        nn.init.ones_(self.beta)


class NormRandomStart(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim, eps)
        nn.init.normal_(self.gamma)
        nn.init.normal_(self.beta)


class NormSingleNumbers(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(1, eps)


class NormOtherEps(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-6):
        super().__init__(embed_dim, eps)


class NormFixedEps(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim)


class NormNoEps(LayerNormalization):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__(embed_dim, 0.0)


class NormDeviationPlusEps(LayerNormalization):
    def forward(self, x):
        deviation = x.std(-1, keepdim=True, correction=0)
        return self.gamma * (x - x.mean(-1, keepdim=True)) / (deviation + self.eps) + self.beta


class NormUnbiasedDeviationPlusEps(LayerNormalization):
    def forward(self, x):
        return self.gamma * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + self.eps) + self.beta


class NormUnbiased(LayerNormalization):
    def forward(self, x):
        variance = x.var(-1, keepdim=True)
        return self.gamma * (x - x.mean(-1, keepdim=True)) / torch.sqrt(variance + self.eps) + self.beta


class NormOverTokens(LayerNormalization):
    dims = (1,)

    def forward(self, x):
        variance, mean = torch.var_mean(x, dim=self.dims, keepdim=True, correction=0)
        return self.gamma * (x - mean) / torch.sqrt(variance + self.eps) + self.beta


class NormOverBatch(NormOverTokens):
    dims = (0,)


class NormBatchNorm(NormOverTokens):
    dims = (0, 1)


class NormOverSentence(NormOverTokens):
    dims = (1, 2)


class NormNoKeepdim(LayerNormalization):
    def forward(self, x):
        variance, mean = torch.var_mean(x, dim=-1, correction=0)
        return self.gamma * (x - mean) / torch.sqrt(variance + self.eps) + self.beta


class NormExchanged(LayerNormalization):
    def forward(self, x):
        return F.layer_norm(x, self.gamma.shape, self.beta, self.gamma, self.eps)


class NormBetaFirst(LayerNormalization):
    def forward(self, x):
        return self.gamma * (F.layer_norm(x, self.gamma.shape, eps=self.eps) + self.beta)


class NormGammaUnused(LayerNormalization):
    def forward(self, x):
        return F.layer_norm(x, self.gamma.shape, eps=self.eps)


class NormStatisticsDetached(LayerNormalization):
    def forward(self, x):
        with torch.no_grad():
            variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
        return self.gamma * (x - mean) / torch.sqrt(variance + self.eps) + self.beta


class NormDetached(LayerNormalization):
    def forward(self, x):
        return super().forward(x).detach()


class NormInPlace(LayerNormalization):
    def forward(self, x):
        variance = x.var(-1, keepdim=True, correction=0)
        x -= x.mean(-1, keepdim=True)
        return self.gamma * x / torch.sqrt(variance + self.eps) + self.beta


# --- LayerNormalization: right --------------------------------------------------------------------------------------


class NormFunctional(nn.Module):
    def __init__(self, embed_dim, eps=1e-5):
        super().__init__()
        self.beta = nn.Parameter(torch.full((embed_dim,), 0.0))
        self.gamma = nn.Parameter(torch.full((embed_dim,), 1.0))
        self.small = eps

    def forward(self, x):
        return F.layer_norm(x, self.gamma.shape, self.gamma, self.beta, self.small)


class NormVariance(LayerNormalization):
    def forward(self, x):
        variance = x.var(dim=-1, keepdim=True, unbiased=False)
        return torch.rsqrt(variance + self.eps) * (x - x.mean(-1, True)) * self.gamma + self.beta


class NormSquares(LayerNormalization):
    def forward(self, x):
        centred = x - x.sum(-1, keepdim=True) / x.shape[-1]
        variance = torch.einsum("bld,bld->bl", centred, centred).unsqueeze(-1) / x.size(-1)
        return torch.addcmul(self.beta, self.gamma.expand_as(x), centred / (variance + self.eps).pow(0.5))


class NormLoop(LayerNormalization):
    def forward(self, x):
        rows = [(row - row.mean()) / torch.sqrt(row.var(correction=0) + self.eps) for row in x.reshape(-1, x.shape[-1])]
        return self.gamma * torch.stack(rows).reshape(x.shape) + self.beta


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


# --- AttentionBlock: wrong ------------------------------------------------------------------------------------------


class BlockMaskIgnored(AttentionBlock):
    def forward(self, x, mask=None):
        return super().forward(x)


class BlockMaskUpsideDown(AttentionBlock):
    def forward(self, x, mask=None):
        return super().forward(x, None if mask is None else ~mask)


class BlockMaskAsKey(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(x, mask)[0])


class BlockNoResidual(AttentionBlock):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm.norm(self.add_norm.dropout(attended))


class BlockAddTwice(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, x + self.attention(x, mask=mask)[0])


class BlockExchanged(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(self.attention(x, mask=mask)[0], x)


class BlockPreNorm(AttentionBlock):
    def forward(self, x, mask=None):
        attended, _ = self.attention(self.add_norm.norm(x), mask=mask)
        return x + self.add_norm.dropout(attended)


class BlockNormBefore(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(self.add_norm.norm(x), mask=mask)[0])


class BlockNormOfSublayer(AttentionBlock):
    def forward(self, x, mask=None):
        return x + self.add_norm.norm(self.add_norm.dropout(self.attention(x, mask=mask)[0]))


class BlockWholeTuple(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(x, mask=mask))


class BlockReturnsWeights(AttentionBlock):
    def forward(self, x, mask=None):
        attended, weights = self.attention(x, mask=mask)
        return self.add_norm(x, attended), weights


class BlockOneHead(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, 1, dropout)


class BlockBias(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, num_heads, dropout)
        self.attention = MultiHeadAttention(embed_dim, num_heads, bias=True)


class BlockTorchAttention(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, num_heads, dropout)
        self.attention = nn.MultiheadAttention(embed_dim, num_heads, bias=False, batch_first=True)

    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(x, x, x)[0])


class BlockDropoutNotPassed(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, num_heads)


class BlockNoDropout(AttentionBlock):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__(embed_dim, num_heads, 0.0)


class BlockDropLast(AttentionBlock):
    def forward(self, x, mask=None):
        attended, _ = self.attention(x, mask=mask)
        return self.add_norm.dropout(self.add_norm.norm(x + attended))


class BlockDetached(AttentionBlock):
    def forward(self, x, mask=None):
        with torch.no_grad():
            attended, _ = self.attention(x, mask=mask)
        return self.add_norm(x, attended)


# --- AttentionBlock: right ------------------------------------------------------------------------------------------


class BlockWithWeights(AttentionBlock):
    def forward(self, x, mask=None):
        return self.add_norm(x, self.attention(x, x, x, mask)[0])


class BlockOtherParts(nn.Module):
    def __init__(self, embed_dim, num_heads, dropout=0.1):
        super().__init__()
        self.add_norm = AddNormByHand(embed_dim, dropout=dropout)
        self.attention = MultiHeadAttention(num_heads=num_heads, embed_dim=embed_dim, bias=False)

    def forward(self, x, mask=None):
        output, _weights = self.attention(query_input=x, mask=mask)
        return self.add_norm(sublayer_output=output, x=x)


class BlockEachSentence(AttentionBlock):
    def forward(self, x, mask=None):
        rows = []
        for index in range(x.shape[0]):
            own = mask if mask is None or mask.dim() < 3 else mask[index : index + 1]
            attended, _ = self.attention(x[index : index + 1], mask=own)
            rows.append(self.add_norm(x[index : index + 1], attended))
        return torch.cat(rows)


class BlockSpelledOut(AttentionBlock):
    def forward(self, x, mask=None):
        summed = self.add_norm.dropout(self.attention(x, mask=mask)[0]) + x
        centred = summed - summed.mean(-1, keepdim=True)
        scale = (centred.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt()
        return centred * scale * self.add_norm.norm.gamma + self.add_norm.norm.beta


# --- PreNormBlock: wrong --------------------------------------------------------------------------------------------


class PrePostNorm(PreNormBlock):
    def forward(self, x):
        return self.norm(x + self.dropout(self.sublayer(x)))


class PreNoResidual(PreNormBlock):
    def forward(self, x):
        return self.dropout(self.sublayer(self.norm(x)))


class PreNormalizedResidual(PreNormBlock):
    def forward(self, x):
        x = self.norm(x)
        return x + self.dropout(self.sublayer(x))


class PreNormAfterSublayer(PreNormBlock):
    def forward(self, x):
        return x + self.dropout(self.norm(self.sublayer(x)))


class PreNotNormalized(PreNormBlock):
    def forward(self, x):
        return x + self.dropout(self.sublayer(x))


class PreNormTwice(PreNormBlock):
    def forward(self, x):
        return self.norm(super().forward(x))


class PreWithoutSublayer(PreNormBlock):
    def forward(self, x):
        return x + self.dropout(self.norm(x))


class PreUnregistered(PreNormBlock):
    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__(embed_dim, nn.Identity(), dropout)
        self.others = [sublayer]

    def forward(self, x):
        return x + self.dropout(self.others[0](self.norm(x)))


class PreDetached(PreNormBlock):
    def forward(self, x):
        return x + self.dropout(self.sublayer(self.norm(x.detach())))


class PreInPlace(PreNormBlock):
    def forward(self, x):
        x += self.dropout(self.sublayer(self.norm(x)))
        return x


class PreDropAfterAdd(PreNormBlock):
    def forward(self, x):
        return self.dropout(x + self.sublayer(self.norm(x)))


class PreDropBeforeSublayer(PreNormBlock):
    def forward(self, x):
        return x + self.sublayer(self.dropout(self.norm(x)))


class PreNoDropout(PreNormBlock):
    def forward(self, x):
        return x + self.sublayer(self.norm(x))


class PreDropAlways(PreNormBlock):
    def forward(self, x):
        return x + F.dropout(self.sublayer(self.norm(x)), self.dropout.p)


class PreDropDefault(PreNormBlock):
    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__(embed_dim, sublayer, 0.5)


class PreShareKept(PreNormBlock):
    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__(embed_dim, sublayer, 1 - dropout)


# --- PreNormBlock: right --------------------------------------------------------------------------------------------


class PreFunctional(nn.Module):
    def __init__(self, embed_dim, sublayer, dropout=0.1):
        super().__init__()
        self.share = dropout
        self.sublayer = sublayer
        self.norm = NormFunctional(embed_dim)

    def forward(self, x):
        normalized = self.norm(x)
        changed = self.sublayer(normalized)
        return F.dropout(changed, p=self.share, training=self.training) + x


class PreByHand(PreNormBlock):
    def forward(self, x):
        changed = self.sublayer(self.norm(x))
        if self.training:
            kept = torch.rand(changed.shape, dtype=torch.float64) >= self.dropout.p
            changed = changed * kept.float() / (1 - self.dropout.p)
        return torch.add(x, changed)


class PreSequential(PreNormBlock):
    def forward(self, x):
        return nn.Sequential(self.norm, self.sublayer, self.dropout)(x) + x


class PreRows(PreNormBlock):
    def forward(self, x):
        return torch.stack([one + self.dropout(self.sublayer(self.norm(one))) for one in x.unbind(0)])
