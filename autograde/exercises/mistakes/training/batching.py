"""Lesson 8, batches by tokens: wrong implementations, and right ones that are written differently."""

from __future__ import annotations

import numpy as np
import torch

from helpers.training import batches_by_tokens


def _check(lengths, max_tokens):
    for index, length in enumerate(lengths):
        if length > max_tokens:
            raise ValueError(f"sentence {index} is too long")


def _by_length(lengths):
    return sorted(range(len(lengths)), key=lambda index: lengths[index])


def _cut(order, fits):
    """Batches from left to right; `fits(batch)` says whether a batch may be as it is."""
    batches = [[]]
    for index in order:
        if batches[-1] and not fits([*batches[-1], index]):
            batches.append([])
        batches[-1].append(index)
    return batches


def _size(batch, lengths):
    return max(lengths[index] for index in batch) * len(batch)


def _shuffled(batches, generator):
    return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]


# --- wrong ----------------------------------------------------------------------------------------------------------


def batches_real_tokens(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    batches = _cut(_by_length(lengths), lambda batch: sum(lengths[index] for index in batch) <= max_tokens)
    return _shuffled(batches, generator)


def batches_shortest(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    batches = _cut(_by_length(lengths), lambda batch: lengths[batch[0]] * len(batch) <= max_tokens)
    return _shuffled(batches, generator)


def batches_one_too_many(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    batches, batch = [], []
    for index in _by_length(lengths):
        batch.append(index)
        if _size(batch, lengths) > max_tokens:
            batches.append(batch)
            batch = []
    return _shuffled([*batches, batch] if batch else batches, generator)


def batches_sentences(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    return _shuffled(_cut(_by_length(lengths), lambda batch: len(batch) <= max_tokens), generator)


def batches_less_than(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    return _shuffled(_cut(_by_length(lengths), lambda batch: _size(batch, lengths) < max_tokens), generator)


def batches_fixed_count(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    count = max_tokens // max(lengths)
    return _shuffled(_cut(_by_length(lengths), lambda batch: len(batch) <= count), generator)


def batches_one_length(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)

    def fits(batch):
        return _size(batch, lengths) <= max_tokens and lengths[batch[0]] == lengths[batch[-1]]

    return _shuffled(_cut(_by_length(lengths), fits), generator)


def batches_unsorted(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    order = torch.randperm(len(lengths), generator=generator).tolist()
    return _cut(order, lambda batch: _size(batch, lengths) <= max_tokens)


def batches_not_shuffled(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    torch.randperm(len(lengths), generator=generator)
    return _cut(_by_length(lengths), lambda batch: _size(batch, lengths) <= max_tokens)


def batches_shuffled_sentences(lengths, max_tokens, generator=None):
    batches = batches_by_tokens(lengths, max_tokens, generator)
    order = torch.randperm(len(lengths), generator=generator).tolist()
    ends = np.cumsum([len(batch) for batch in batches])
    return [order[end - len(batch) : end] for batch, end in zip(batches, ends, strict=True)]


def batches_generator_ignored(lengths, max_tokens, generator=None):
    return batches_by_tokens(lengths, max_tokens)


def batches_last_lost(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    batches, batch = [], []
    for index in _by_length(lengths):
        if batch and _size([*batch, index], lengths) > max_tokens:
            batches.append(batch)
            batch = []
        batch.append(index)
    return _shuffled(batches, generator)


def batches_of_lengths(lengths, max_tokens, generator=None):
    batches = batches_by_tokens(lengths, max_tokens, generator)
    return [[lengths[index] for index in batch] for batch in batches]


def batches_sorted_places(lengths, max_tokens, generator=None):
    _check(lengths, max_tokens)
    ranked = sorted(lengths)
    batches = _cut(range(len(ranked)), lambda batch: _size(batch, ranked) <= max_tokens)
    return _shuffled(batches, generator)


def batches_dropped(lengths, max_tokens, generator=None):
    order = [index for index in _by_length(lengths) if lengths[index] <= max_tokens]
    return _shuffled(_cut(order, lambda batch: _size(batch, lengths) <= max_tokens), generator)


def batches_own_batch(lengths, max_tokens, generator=None):
    batches = _cut(_by_length(lengths), lambda batch: _size(batch, lengths) <= max_tokens)
    return _shuffled(batches, generator)


def batches_no_index(lengths, max_tokens, generator=None):
    if max(lengths) > max_tokens:
        raise ValueError("a sentence is too long")
    return batches_by_tokens(lengths, max_tokens, generator)


# --- right ----------------------------------------------------------------------------------------------------------


def batches_descending(lengths, max_tokens, generator=None):
    for index in range(len(lengths)):
        if lengths[index] > max_tokens:
            raise ValueError(f"Sentence number {index} does not fit into {max_tokens} tokens.")
    batches, batch = [], []
    for index in reversed(_by_length(lengths)):
        if batch and lengths[batch[0]] * (len(batch) + 1) > max_tokens:
            batches.append(batch)
            batch = []
        batch.append(index)
    if batch:
        batches.append(batch)
    return [batches[place] for place in torch.randperm(len(batches), generator=generator)]


def batches_numpy(lengths, max_tokens, generator=None):
    array = np.asarray(lengths)
    if (array > max_tokens).any():
        raise ValueError(f"index {int(np.argmax(array > max_tokens))} is longer than max_tokens")
    order, start, batches = np.argsort(array, kind="stable"), 0, []
    while start < len(order):
        sizes = array[order[start:]] * np.arange(1, len(order) - start + 1)
        count = int((sizes <= max_tokens).cumprod().sum())
        batches.append(order[start : start + count].tolist())
        start += count
    return [batches[int(place)] for place in torch.randperm(len(batches), generator=generator)]


def batches_tensor(lengths, max_tokens, generator=None):
    tensor = torch.tensor(lengths)
    long = (tensor > max_tokens).nonzero().flatten().tolist()
    if long:
        raise ValueError(f"too long: {long}")
    batches, longest = [], 0
    for index in tensor.argsort(descending=True).tolist():
        if not batches or longest * (len(batches[-1]) + 1) > max_tokens:
            longest = lengths[index]
            batches.append([])
        batches[-1].append(index)
    mixed = torch.rand(len(batches), generator=generator).argsort()
    return tuple(tuple(batches[place]) for place in mixed.tolist())


def batches_with_keys(lengths, max_tokens, generator=None):
    keys = torch.rand(len(lengths), generator=generator).tolist()
    batches, open_batch = [], []
    for index, length in sorted(enumerate(lengths), key=lambda one: (one[1], keys[one[0]])):
        if length > max_tokens:
            raise ValueError(f"sentence {index}: {length} tokens")
        if open_batch and length * len(open_batch) + length > max_tokens:
            batches.append(open_batch)
            open_batch = []
        open_batch = [*open_batch, index]
    batches.append(open_batch)
    return _shuffled(batches, generator)
