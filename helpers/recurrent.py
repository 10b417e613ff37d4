"""Lesson 0: what was there before the Transformer. A recurrent encoder and decoder that copy a sequence, the encoder's
result squeezed into one vector, or with attention over all of its states.

Ids are int64 (batch, length); 0 is the start symbol, 1 to 12 are the symbols to copy.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

START, SYMBOLS = 0, 12
LONGEST = 16  # in training


class Recurrent(nn.Module):
    """A GRU that reads a sequence and a second GRU that writes one.

    The writer begins with the reader's last state. With `attention` each of its states is also a query to all states
    of the reader, which are keys and values at once.
    forward(source, target_input): (batch, n) and (batch, m) to logits (batch, m, symbols).
    Source: Sutskever et al. 2014; with attention Luong et al. 2015, after Bahdanau et al. 2015.
    """

    def __init__(self, attention: bool, width: int = 48):
        super().__init__()
        self.attention = attention
        self.embedding = nn.Embedding(SYMBOLS + 1, width)
        self.reader = nn.GRU(width, width, batch_first=True)
        self.writer = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width * (1 + attention), SYMBOLS + 1)

    def forward(self, source: Tensor, target_input: Tensor) -> Tensor:
        states, last = self.reader(self.embedding(source))
        written, _ = self.writer(self.embedding(target_input), last)
        if self.attention:
            scores = written @ states.transpose(1, 2) / math.sqrt(states.shape[-1])  # (batch, m, n)
            written = torch.cat([written, scores.softmax(dim=-1) @ states], dim=-1)
        return self.out(written)


def sequences(length: int, count: int, generator: torch.Generator) -> Tensor:
    """Random symbols, (count, length)."""
    return torch.randint(1, SYMBOLS + 1, (count, length), generator=generator)


def read_and_write(model: Recurrent, source: Tensor) -> Tensor:
    """The logits of a model that copies `source` and is told each symbol after its guess."""
    start = torch.full_like(source[:, :1], START)
    return model(source, torch.cat([start, source[:, :-1]], dim=1))


def train_copier(attention: bool, steps: int = 250, seed: int = 0) -> Recurrent:
    """A model that has learned to copy sequences of 2 to 16 symbols: the same data and start for both kinds."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Recurrent(attention)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for _ in range(steps):
        length = int(torch.randint(2, LONGEST + 1, (), generator=generator))
        source = sequences(length, 64, generator)
        loss = F.cross_entropy(read_and_write(model, source).flatten(0, 1), source.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def copied(model: Recurrent, length: int, count: int = 256, seed: int = 1) -> float:
    """The share of symbols that the model copies right, on new sequences of this length."""
    source = sequences(length, count, torch.Generator().manual_seed(seed))
    return float((read_and_write(model, source).argmax(dim=-1) == source).double().mean())
