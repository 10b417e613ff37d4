"""Pairs of sentences as ids, and batches of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from helpers.trainer.errors import TrainingError


@dataclass(frozen=True)
class Batch:
    """What one step reads. `keep`, `places` and `labels` are as in `FastLoss`; counts are Python numbers.

    tokens          real labels (target words and <eos>)
    source_tokens   real source ids
    """

    source: torch.Tensor
    keep: torch.Tensor | None
    decoder_input: torch.Tensor
    places: torch.Tensor
    labels: torch.Tensor
    tokens: int
    source_tokens: int

    @property
    def parts(self):
        return self.source, self.keep, self.decoder_input, self.places, self.labels

    def to(self, device: torch.device) -> Batch:
        """On `device`; from the memory that is pinned for CUDA, the copy runs beside the computation."""
        if device.type == "cpu":
            return self
        beside = device.type == "cuda"
        parts = [part if part is None else part.to(device, non_blocking=beside) for part in self.parts]
        return Batch(*parts, self.tokens, self.source_tokens)

    def pin(self) -> Batch:
        parts = [part if part is None else part.pin_memory() for part in self.parts]
        return Batch(*parts, self.tokens, self.source_tokens)


class Side:
    """The ids of many sentences in one array, each from <bos> to <eos>."""

    def __init__(self, sentences):
        self.lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)
        self.ids = np.concatenate([np.asarray(sentence, dtype=np.int32) for sentence in sentences])

    def rows(self, indices) -> np.ndarray:
        """int64 (len(indices), longest), 0 after the end."""
        lengths = self.lengths[indices][:, None]
        columns = np.arange(lengths.max())
        places = np.minimum(self.starts[indices][:, None] + columns, len(self.ids) - 1)
        return np.where(columns < lengths, self.ids[places], 0).astype(np.int64)


class Pairs:
    """A split as ids. source, target: lists of lists of ids, from <bos> to <eos>."""

    def __init__(self, source, target):
        if not source:
            raise TrainingError("There are no pairs to train on: the split is empty, or every sentence is too long.")
        self.source, self.target = Side(source), Side(target)

    def __len__(self):
        return len(self.source.lengths)

    def batch(self, indices) -> Batch:
        source, target = self.source.rows(indices), self.target.rows(indices)
        labels = target[:, 1:].reshape(-1)
        places = np.flatnonzero(labels)
        real = source != 0
        keep = None if real.all() else torch.from_numpy(real)
        return Batch(
            torch.from_numpy(source),
            keep,
            torch.from_numpy(np.ascontiguousarray(target[:, :-1])),
            torch.from_numpy(places),
            torch.from_numpy(labels[places]),
            len(places),
            int(real.sum()),
        )

    def plain(self, indices):
        """(source, target) as `helpers.training.evaluate` takes them."""
        return torch.from_numpy(self.source.rows(indices)), torch.from_numpy(self.target.rows(indices))

    def tokens(self, indices) -> int:
        """Real labels among the pairs."""
        return int((self.target.lengths[indices] - 1).sum())

    def plan(self, config, epoch: int) -> list[np.ndarray]:
        """The batches of an epoch in their order, as arrays of indices: a function of the seed and the epoch alone.

        batching "tokens": pairs of the same lengths on both sides together, in a batch as many as `max_tokens` allows.
        `helpers.training.batches_by_tokens` looks at one length; here the shorter side is not padded much either.
        """
        random = np.random.default_rng([config.seed, epoch])
        mixed = random.permutation(len(self))
        if config.batching == "fixed":
            return [mixed[start : start + config.batch_size] for start in range(0, len(self), config.batch_size)]
        source, target = self.source.lengths[mixed], self.target.lengths[mixed]
        zigzag = np.where(target % 2, -source, source)  # rising, falling, rising: neighbours stay alike
        order = mixed[np.lexsort((zigzag, target))]  # by target length, then source length; equal ones stay mixed
        longest = np.maximum(self.source.lengths, self.target.lengths)[order].tolist()
        if max(longest) > config.max_tokens:
            raise TrainingError(
                f"A sentence has {max(longest)} tokens and a batch at most {config.max_tokens}: "
                "raise max_tokens or lower max_length."
            )
        batches, start, width = [], 0, 0
        for place, length in enumerate(longest):
            width = max(width, length)
            if width * (place + 1 - start) > config.max_tokens:
                batches.append(order[start:place])
                start, width = place, length
        batches.append(order[start:])
        return [batches[place] for place in random.permutation(len(batches))]


def encode_pairs(pairs, source_vocabulary, target_vocabulary, max_length: int) -> Pairs:
    """The pairs as ids, without those that are longer than `max_length` on either side."""
    source = encode_all(source_vocabulary, [pair.source_text for pair in pairs])
    target = encode_all(target_vocabulary, [pair.target_text for pair in pairs])
    short = [index for index in range(len(pairs)) if max(len(source[index]), len(target[index])) <= max_length]
    return Pairs([source[index] for index in short], [target[index] for index in short])


def encode_all(vocabulary, texts) -> list[list[int]]:
    """The ids of every text, from <bos> to <eos>."""
    many = getattr(vocabulary, "encode_all", None)
    return many(texts) if many else [vocabulary.encode(text) for text in texts]
