"""Lesson 7, the clinic, `repair_loss`: wrong repairs, and right ones that are written differently."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from helpers.clinic import repair_loss

# --- repair_loss: wrong ---------------------------------------------------------------------------------------------


def loss_broken(logits, labels):
    probabilities = torch.softmax(logits, dim=-1)
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log(probabilities)).sum(dim=-1).mean()


def loss_picked_from_probabilities(logits, labels):
    return -torch.log(torch.softmax(logits, dim=-1).gather(2, labels.unsqueeze(2))).mean()


def loss_nan_to_zero(logits, labels):
    return torch.nan_to_num(loss_broken(logits, labels))


def loss_terms_to_zero(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    terms = wanted * torch.log(torch.softmax(logits, dim=-1))
    return -torch.nan_to_num(terms, nan=0.0, neginf=0.0).sum(dim=-1).mean()


def loss_small_number_added(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log(torch.softmax(logits, dim=-1) + 1e-9)).sum(dim=-1).mean()


def loss_logits_clipped(logits, labels):
    return repair_loss(logits.clamp(-50, 50), labels)


def loss_softmax_twice(logits, labels):
    return repair_loss(torch.softmax(logits, dim=-1), labels)


def loss_one_maximum(logits, labels):
    shifted = logits - logits.max()
    log_probabilities = shifted - torch.log(torch.exp(shifted).sum(dim=-1, keepdim=True))
    return -log_probabilities.gather(2, labels.unsqueeze(2)).mean()


def loss_maximum_not_subtracted(logits, labels):
    log_probabilities = logits - torch.log(torch.exp(logits).sum(dim=-1, keepdim=True))
    return -log_probabilities.gather(2, labels.unsqueeze(2)).mean()


def loss_sum(logits, labels):
    return repair_loss(logits, labels) * labels.numel()


def loss_divided_by_words_too(logits, labels):
    return -(F.one_hot(labels, logits.shape[-1]) * torch.log_softmax(logits, dim=-1)).mean()


def loss_minus_lost(logits, labels):
    return -repair_loss(logits, labels)


def loss_over_positions(logits, labels):
    return -torch.log_softmax(logits, dim=1).gather(2, labels.unsqueeze(2)).mean()


# --- repair_loss: right ---------------------------------------------------------------------------------------------


def loss_torch(logits, labels):
    return F.cross_entropy(logits.transpose(1, 2), labels)


def loss_flat(logits, labels):
    return nn.CrossEntropyLoss()(logits.reshape(-1, logits.shape[-1]), labels.flatten())


def loss_logsumexp(logits, labels):
    picked = torch.take_along_dim(logits, labels[..., None], dim=-1)[..., 0]
    return (torch.logsumexp(logits, dim=-1) - picked).mean()


def loss_one_hot(logits, labels):
    wanted = F.one_hot(labels, logits.shape[-1])
    return -(wanted * torch.log_softmax(logits, dim=-1)).sum(dim=-1).mean()


def loss_loop(logits, labels):
    terms = []
    for rows, wanted in zip(logits, labels, strict=True):
        for row, label in zip(rows, wanted, strict=True):
            top = row.max()
            terms.append(top + (row - top).exp().sum().log() - row[label])
    return torch.stack(terms).mean()
