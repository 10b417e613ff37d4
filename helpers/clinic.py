"""Lesson 10, the debugging clinic: instruments that find faults, and six small pieces that were broken, repaired.

Ids and labels are int64, masks boolean, everything else float32. The first line of a repaired piece's docstring names
the fault.
"""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.add_norm import AddNorm
from helpers.decoder import teacher_forcing_pair
from helpers.multi_head import MultiHeadAttention

MOVED = 1e-4  # rounding moves a logit by less, a word that has an influence by more


def logits_of(model, source, target_input):
    """The logits in evaluation mode, without gradients; the model's own mode is restored."""
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(source, target_input)
    model.train(mode)
    return logits


def sees_future(model, source, target_input):
    """Does another word at a later place of the target change an earlier logit? Returns a bool.

    model: as lesson 7's Transformer, left as it is; source (batch, n_source), target_input (batch, n_target): ids.
    """
    logits = logits_of(model, source, target_input)
    for place in range(1, target_input.shape[1]):
        changed = target_input.clone()
        changed[:, place] = changed[:, place] % (logits.shape[-1] - 1) + 1  # another word, never padding
        moved = logits_of(model, source, changed) - logits
        if (moved[:, :place].abs() > MOVED).any():
            return True
    return False


def sees_padding(model, source, target_input, pad=0):
    """Does more padding at the end of the source, or of the target, change the logits of real words? Returns a bool.

    Arguments as in `sees_future`; logits at places of the target that are padding don't count.
    """
    logits, real = logits_of(model, source, target_input), target_input != pad
    for more_source, more_target in ((3, 0), (0, 3)):
        longer = F.pad(source, (0, more_source), value=pad), F.pad(target_input, (0, more_target), value=pad)
        moved = logits_of(model, *longer)[:, : target_input.shape[1]] - logits
        if (moved[real].abs() > MOVED).any():
            return True
    return False


def uses_source(model, source, target_input):
    """Do other words at the same places of the source change the logits at all? Returns a bool.

    Arguments as in `sees_future`. Padding, with the id 0, stays where it is.
    """
    changed = torch.where(source == 0, 0, source % source.max() + 1)
    moved = logits_of(model, changed, target_input) - logits_of(model, source, target_input)
    return bool((moved.abs() > MOVED).any())


def untrained_parameters(model, source, target):
    """The sorted names of the parameters that require a gradient and get none, or only zeros, from one backward pass.

    target: (batch, n_target), with <bos> and <eos>; labels that are padding, 0, are left out of the loss. A copy of the
    model goes through the pass: the model and its gradients stay as they are.
    """
    patient = copy.deepcopy(model)  # without gradients
    decoder_input, labels = teacher_forcing_pair(target)
    logits = patient(source, decoder_input)
    F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=0).backward()
    parameters = patient.named_parameters()
    return sorted(name for name, p in parameters if p.requires_grad and (p.grad is None or not p.grad.any()))


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
