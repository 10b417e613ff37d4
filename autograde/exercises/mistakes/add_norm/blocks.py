"""Lesson 5, blocks: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from autograde.exercises.mistakes.add_norm.layer_normalization import NormFunctional
from autograde.exercises.mistakes.add_norm.residual import AddNormByHand
from helpers.add_norm import AttentionBlock, PreNormBlock
from helpers.multi_head import MultiHeadAttention

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
