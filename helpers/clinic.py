"""Lesson 10, the debugging clinic: six small pieces that were broken, repaired.

Ids and labels are int64, masks boolean, everything else float32. The first line of each docstring names the fault.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from helpers.add_norm import AddNorm
from helpers.multi_head import MultiHeadAttention


def repair_fit(model, inputs, labels, steps, rate):
    """The loss was flat: it was made from plain numbers, and no gradient reached the model.

    model: (n, width) to logits (n, words), trained in place; inputs: (n, width); labels: (n,). Takes `steps` steps of
    plain gradient descent on the mean cross-entropy. Returns the list of losses, each taken before its update.
    """
    optimizer = torch.optim.SGD(model.parameters(), rate)
    losses = []
    for _ in range(steps):
        log_rows = model(inputs).log_softmax(dim=-1)
        loss = -log_rows[torch.arange(len(labels)), labels].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += [loss.item()]
    return losses


def repair_attend(query, key, value):
    """The loss was too good: without a causal mask every position could read the word that it had to predict.

    query and key: (batch, length, d_head); value: (batch, length, d_value). Returns (batch, length, d_value).
    Source: "Attention Is All You Need", section 3.2.3.
    """
    scores = query @ key.mT / math.sqrt(key.shape[-1])
    may_attend = torch.ones_like(scores, dtype=torch.bool).tril()
    weights = torch.softmax(scores.masked_fill(~may_attend, -math.inf), dim=-1)
    return weights @ value


def repair_generate(model, start, steps):
    """One word was repeated: the logits of the first position were read, and these never change.

    model: ids (batch, length) to logits (batch, length, words); start: ids (batch, n). Appends the most probable word,
    `steps` times. Returns the new ids, (batch, steps).
    """
    ids = start
    for _ in range(steps):
        logits = model(ids)[:, -1]
        newest = logits.argmax(dim=-1, keepdim=True)
        ids = torch.cat([ids, newest], dim=1)
    return ids[:, start.shape[1] :]


def repair_loss(logits, labels):
    """The loss became NaN: a probability was rounded to 0, its logarithm is -inf, and 0 times -inf is NaN.

    logits: (batch, length, words); labels: (batch, length). Returns the mean cross-entropy, a tensor with one number.
    """
    largest = logits.max(dim=-1, keepdim=True).values
    shifted = logits - largest
    log_probabilities = shifted - torch.log(torch.exp(shifted).sum(dim=-1, keepdim=True))
    picked = log_probabilities.gather(2, labels.unsqueeze(2))
    return -picked.mean()


class RepairedDecoderBlock(nn.Module):
    """The source was ignored: what cross-attention had read was thrown away, an older result was added in its place.

    RepairedDecoderBlock(width, heads) has `self_attention`, `add_norm_1`, `cross_attention`, `add_norm_2`.
    forward(x, memory): (batch, n_target, width) and (batch, n_source, width), to the shape of x. No masks.
    Source: "Attention Is All You Need", section 3.2.3 and figure 1, right.
    """

    def __init__(self, width, heads):
        super().__init__()
        self.self_attention = MultiHeadAttention(width, heads)
        self.add_norm_1 = AddNorm(width, dropout=0.0)
        self.cross_attention = MultiHeadAttention(width, heads)
        self.add_norm_2 = AddNorm(width, dropout=0.0)

    def forward(self, x, memory):
        from_target, _ = self.self_attention(x)
        x = self.add_norm_1(x, from_target)
        from_source, _ = self.cross_attention(x, memory)
        return self.add_norm_2(x, from_source)


def repair_sentence_vectors(x, keep):
    """Batches were worse: the mask hid padded queries, not padded keys, and real words attended to padding.

    x: (batch, length, width); keep: (batch, length), True at real words, at least one in each row. Self-attention
    with x as query, key and value, then the mean over the real words. Returns (batch, width).
    """
    scores = x @ x.mT / math.sqrt(x.shape[-1])
    weights = scores.masked_fill(~keep[:, None, :], -1e9).softmax(dim=-1)
    shares = keep / keep.sum(dim=1, keepdim=True)  # of each real word in the mean
    return (shares[:, :, None] * (weights @ x)).sum(dim=1)
