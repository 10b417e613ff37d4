"""Lesson 7, the clinic, `repair_fit`: wrong repairs, and right ones that are written differently."""

from __future__ import annotations

import copy

import torch
from torch.nn import functional as F


def _log_probability(model, inputs, labels):
    return torch.log_softmax(model(inputs), dim=-1)[torch.arange(len(labels)), labels]


# --- repair_fit: wrong ----------------------------------------------------------------------------------------------


def fit_broken(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        log_probabilities = torch.log_softmax(model(inputs), dim=-1)
        picked = [row[label].item() for row, label in zip(log_probabilities, labels)]
        loss = -torch.tensor(picked, requires_grad=True).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_gradients_add_up(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = -_log_probability(model, inputs, labels).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_minus_lost(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = _log_probability(model, inputs, labels).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_sum(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = -_log_probability(model, inputs, labels).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_loss_after_the_step(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        losses.append(F.cross_entropy(model(inputs), labels).item())
    return losses


def fit_step_too_early(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.step()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
    return losses


def fit_a_copy(model, inputs, labels, steps, rate):
    return fit_cross_entropy(copy.deepcopy(model), inputs, labels, steps, rate)


def fit_adam(model, inputs, labels, steps, rate):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_softmax_twice(model, inputs, labels, steps, rate):
    return fit_cross_entropy(model, inputs, labels, steps, rate, output=lambda logits: logits.softmax(dim=-1))


def fit_largest_word(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = -torch.log_softmax(model(inputs), dim=-1).max(dim=-1).values.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def fit_probability(model, inputs, labels, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        loss = -_log_probability(model, inputs, labels).exp().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# --- repair_fit: right ----------------------------------------------------------------------------------------------


def fit_cross_entropy(model, inputs, labels, steps, rate, output=lambda logits: logits):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(output(model(inputs)), labels)
        losses.append(float(loss))
        loss.backward()
        optimizer.step()
    return losses


def fit_stacked_rows(model, inputs, labels, steps, rate):
    losses = []
    for _ in range(steps):
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        log_probabilities = torch.log_softmax(model(inputs), dim=-1)
        picked = torch.stack([row[label] for row, label in zip(log_probabilities, labels, strict=True)])
        loss = -picked.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss)
    return losses


def fit_by_hand(model, inputs, labels, steps, rate):
    losses = []
    for _ in range(steps):
        loss = F.nll_loss(model(inputs).log_softmax(dim=1), labels)
        parameters = list(model.parameters())
        with torch.no_grad():
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter -= rate * gradient
        losses += [loss.detach()]
    return losses


def fit_one_hot(model, inputs, labels, steps, rate):
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=rate), torch.zeros(steps)
    for step in range(steps):
        logits = model(inputs)
        wanted = F.one_hot(labels, logits.shape[1])
        loss = (logits.logsumexp(dim=1) - (wanted * logits).sum(dim=1)).sum() / len(labels)
        model.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        losses[step] = loss.detach()
    return losses.tolist()
