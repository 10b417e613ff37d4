"""Lesson 7, the clinic, `repair_generate`: wrong repairs, and right ones that are written differently."""

from __future__ import annotations

import torch

# --- repair_generate: wrong -----------------------------------------------------------------------------------------


def _append(ids, newest):
    return torch.cat([ids, newest.unsqueeze(1)], dim=1)


def generate_broken(model, start, steps):
    words = start
    for _ in range(steps):
        logits = model(words)
        newest = logits.argmax(dim=-1)[:, :1]
        words = torch.hstack([words, newest])
    return words[:, start.shape[1] :]


def generate_stuck(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(start)[:, -1].argmax(dim=-1))
    return ids[:, start.shape[1] :]


def generate_newest_only(model, start, steps):
    ids, read = start, start
    for _ in range(steps):
        read = model(read)[:, -1].argmax(dim=-1).unsqueeze(1)
        ids = torch.cat([ids, read], dim=1)
    return ids[:, start.shape[1] :]


def generate_last_but_one(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -2].argmax(dim=-1))
    return ids[:, start.shape[1] :]


def generate_mean(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids).mean(dim=1).argmax(dim=-1))
    return ids[:, start.shape[1] :]


def generate_least_probable(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -1].argmin(dim=-1))
    return ids[:, start.shape[1] :]


def generate_with_start(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -1].argmax(dim=-1))
    return ids


def generate_first_row_for_all(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[0, -1].argmax().expand(len(ids)))
    return ids[:, start.shape[1] :]


def generate_all_at_once(model, start, steps):
    ids = torch.cat([start, torch.zeros(len(start), steps, dtype=start.dtype)], dim=1)
    return model(ids)[:, start.shape[1] - 1 : -1].argmax(dim=-1)


def generate_runner_up(model, start, steps):
    ids = start
    for _ in range(steps):
        ids = _append(ids, model(ids)[:, -1].topk(2, dim=-1).indices[:, 1])
    return ids[:, start.shape[1] :]


# --- repair_generate: right -----------------------------------------------------------------------------------------


def generate_list(model, start, steps):
    new = []
    for _ in range(steps):
        ids = torch.cat([start, *new], dim=1)
        new.append(model(ids).argmax(dim=-1)[:, -1:])
    return torch.cat(new, dim=1)


def generate_row_by_row(model, start, steps):
    rows = []
    for row in start.tolist():
        new = []
        while len(new) < steps:
            scores = model(torch.tensor([row + new]))[0][-1]
            new.append(max(range(len(scores)), key=lambda word: scores[word].item()))
        rows.append(new)
    return torch.tensor(rows)


@torch.no_grad()
def generate_in_place(model, start, steps):
    n = start.shape[1]
    ids = torch.zeros(start.shape[0], n + steps, dtype=torch.long)
    ids[:, :n] = start
    for end in range(n, n + steps):
        ids[:, end] = model(ids[:, :end])[:, end - 1].softmax(dim=-1).max(dim=-1).indices
    return ids[:, n:]


def generate_recursive(model, start, steps):
    if steps == 0:
        return start[:, :0]
    newest = model(start)[:, start.shape[1] - 1].topk(1, dim=-1).indices
    return torch.hstack([newest, generate_recursive(model, torch.hstack([start, newest]), steps - 1)])
