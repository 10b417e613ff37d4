"""Lesson 6, the network: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from helpers.feed_forward import FeedForward

# --- FeedForward: wrong ---------------------------------------------------------------------------------------------


class NetworkOneLayer(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(torch.relu(self.inner(x)))


class NetworkNoReLU(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(self.inner(x)))


class NetworkReLULast(FeedForward):
    def forward(self, x):
        return torch.relu(self.outer(self.dropout(self.inner(x))))


class NetworkReLUTwice(FeedForward):
    def forward(self, x):
        return torch.relu(super().forward(x))


class NetworkWidthUnused(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_model)
        self.outer = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.outer(self.dropout(torch.relu(self.inner(x))))


class NetworkFourTimes(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, 4 * d_model, dropout)


class NetworkNoBias(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, dropout)
        self.inner = nn.Linear(d_model, d_ff, bias=False)
        self.outer = nn.Linear(d_ff, d_model, bias=False)


class NetworkSizesExchanged(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff, dropout)
        self.inner = nn.Linear(d_ff, d_model)
        self.outer = nn.Linear(d_model, d_ff)


class NetworkResidual(FeedForward):
    def forward(self, x):
        return x + super().forward(x)


class NetworkGELU(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(F.gelu(self.inner(x))))


class NetworkUnregistered(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.parts = [nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)]
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        inner, outer = self.parts
        return outer(self.dropout(torch.relu(inner(x))))


class NetworkNoDropout(FeedForward):
    def forward(self, x):
        return self.outer(torch.relu(self.inner(x)))


class NetworkDropoutLast(FeedForward):
    def forward(self, x):
        return self.dropout(self.outer(torch.relu(self.inner(x))))


class NetworkDropoutFirst(FeedForward):
    def forward(self, x):
        return self.outer(torch.relu(self.inner(self.dropout(x))))


class NetworkDropoutTwice(FeedForward):
    def forward(self, x):
        return self.dropout(super().forward(x))


class NetworkAlwaysTenPercent(FeedForward):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__(d_model, d_ff)


class NetworkDropoutAlways(FeedForward):
    def forward(self, x):
        return self.outer(F.dropout(torch.relu(self.inner(x)), self.dropout.p))


class NetworkDetached(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(torch.relu(self.inner(x).detach())))


# --- FeedForward: right ---------------------------------------------------------------------------------------------


class NetworkFunctional(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.rate = dropout
        self.outer, self.inner = nn.Linear(d_ff, d_model), nn.Linear(d_model, d_ff)

    def forward(self, x):
        hidden = F.relu(F.linear(x, self.inner.weight, self.inner.bias))
        return F.linear(F.dropout(hidden, self.rate, self.training), self.outer.weight, self.outer.bias)


class NetworkDropoutBeforeReLU(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.inner = nn.Linear(d_model, d_ff)
        self.activation = nn.ReLU()
        self.drop = nn.Dropout(p=dropout)
        self.outer = nn.Linear(d_ff, d_model)

    def forward(self, x):
        return self.outer(self.activation(self.drop(self.inner(x))))


class NetworkClamped(FeedForward):
    def forward(self, x):
        return self.outer(self.dropout(self.inner(x).clamp(min=0)))


class NetworkByHand(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.keep = 1 - dropout
        self.inner = nn.Linear(d_model, d_ff)
        self.outer = nn.Linear(d_ff, d_model)

    def forward(self, x):
        hidden = self.inner(x)
        hidden = torch.where(hidden > 0, hidden, torch.zeros_like(hidden))
        if self.training:
            hidden = hidden * (torch.rand(hidden.shape) < self.keep) / self.keep
        return self.outer(hidden)


class NetworkTokenByToken(FeedForward):
    def forward(self, x):
        rows = [self.outer(self.dropout(F.relu(self.inner(x[:, place])))) for place in range(x.shape[1])]
        return torch.stack(rows, dim=1)
