"""Lesson 5, layer normalization as a module: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from helpers.add_norm import LayerNormalization

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
