"""From a corpus to the batches of each update: vocabularies, pairs of sentences as ids, batches, updates."""

from __future__ import annotations

import json
import math
import queue
import textwrap
import threading
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from helpers.corpus.pairs import Corpus, CorpusError, Pair, counted
from helpers.corpus.subwords import JointBPE, WordVocabulary, grammar_vocabularies, train_joint_bpe
from helpers.trainer.config import Config
from helpers.trainer.devices import DeviceContext
from helpers.trainer.errors import TrainingError

Vocabulary = WordVocabulary | JointBPE
Vocabularies = tuple[Vocabulary, Vocabulary]  # source, target


def make_vocabularies(config: Config, corpus: Corpus) -> Vocabularies:
    """From the training pairs: lesson 1's words for each side, or one joint byte-pair encoding twice."""
    if config.tokens == "bpe":
        joint = train_joint_bpe(corpus.train, config.vocabulary_size, lowercase=config.lowercase)
        return joint, joint
    if corpus.name == "grammar":
        return grammar_vocabularies(corpus)
    sides = ([pair.source_text for pair in corpus.train], [pair.target_text for pair in corpus.train])
    source, target = (WordVocabulary(side, max_size=config.vocabulary_size) for side in sides)
    return source, target


def vocabularies_to_json(source: Vocabulary, target: Vocabulary) -> str:
    """Both as one text, the same text for the same vocabularies."""
    kind = "bpe" if isinstance(source, JointBPE) else "words"
    return json.dumps([kind, source.to_json(), "" if target is source else target.to_json()], ensure_ascii=False)


def vocabularies_from_json(text: str) -> Vocabularies:
    """What `vocabularies_to_json` wrote. TrainingError if the text is anything else."""
    try:
        kind, source, target = json.loads(text)
        vocabulary = {"bpe": JointBPE, "words": WordVocabulary}[kind]
        source = vocabulary.from_json(source)
        return source, vocabulary.from_json(target) if target else source
    except (ValueError, KeyError, TypeError, CorpusError) as error:
        raise TrainingError(
            f"The vocabularies stored with the weights are damaged ({error}). Save them again."
        ) from None


@dataclass(frozen=True)
class Batch:
    """What one step reads. `keep`, `positions` and `labels` are as in `FastLoss`; counts are Python numbers.

    tokens          real labels (target words and <eos>)
    source_tokens   real source ids
    """

    source: torch.Tensor
    keep: torch.Tensor | None
    decoder_input: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    tokens: int
    source_tokens: int

    @property
    def parts(self) -> tuple[torch.Tensor | None, ...]:
        return self.source, self.keep, self.decoder_input, self.positions, self.labels

    def to(self, device: torch.device) -> Batch:
        """On `device`; from memory that is pinned for CUDA, the copy overlaps the computation."""
        if device.type == "cpu":
            return self
        pinned = device.type == "cuda"
        parts = [part if part is None else part.to(device, non_blocking=pinned) for part in self.parts]
        return Batch(*parts, self.tokens, self.source_tokens)

    def pin(self) -> Batch:
        parts = [part if part is None else part.pin_memory() for part in self.parts]
        return Batch(*parts, self.tokens, self.source_tokens)


Indices = Sequence[int] | np.ndarray


class Side:
    """The ids of many sentences in one array, each from <bos> to <eos>."""

    def __init__(self, sentences: Sequence[Sequence[int]]):
        self.lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)
        self.ids = np.concatenate([np.asarray(sentence, dtype=np.int32) for sentence in sentences])

    def rows(self, indices: Indices) -> np.ndarray:
        """int64 (len(indices), longest), 0 after the end."""
        lengths = self.lengths[indices][:, None]
        columns = np.arange(lengths.max())
        positions = np.minimum(self.starts[indices][:, None] + columns, len(self.ids) - 1)
        return np.where(columns < lengths, self.ids[positions], 0).astype(np.int64)


class Pairs:
    """A split as ids. source, target: lists of lists of ids, from <bos> to <eos>."""

    def __init__(self, source: Sequence[Sequence[int]], target: Sequence[Sequence[int]]):
        if not source:
            raise TrainingError("There are no pairs: the split is empty.")
        self.source, self.target = Side(source), Side(target)

    def __len__(self) -> int:
        return len(self.source.lengths)

    def batch(self, indices: Indices) -> Batch:
        source, target = self.source.rows(indices), self.target.rows(indices)
        labels = target[:, 1:].reshape(-1)
        positions = np.flatnonzero(labels)
        real = source != 0
        keep = None if real.all() else torch.from_numpy(real)
        return Batch(
            torch.from_numpy(source),
            keep,
            torch.from_numpy(np.ascontiguousarray(target[:, :-1])),
            torch.from_numpy(positions),
            torch.from_numpy(labels[positions]),
            len(positions),
            int(real.sum()),
        )

    def plain(self, indices: Indices) -> tuple[torch.Tensor, torch.Tensor]:
        """(source, target) as `helpers.training.evaluate` takes them."""
        return torch.from_numpy(self.source.rows(indices)), torch.from_numpy(self.target.rows(indices))

    def tokens(self, indices: Indices) -> int:
        """Real labels among the pairs."""
        return int((self.target.lengths[indices] - 1).sum())

    def plan(self, config: Config, epoch: int) -> list[np.ndarray]:
        """The batches of an epoch in their order, as arrays of indices: a function of the seed and the epoch only.

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
        for index, length in enumerate(longest):
            width = max(width, length)
            if width * (index + 1 - start) > config.max_tokens:
                batches.append(order[start:index])
                start, width = index, length
        batches.append(order[start:])
        return [batches[index] for index in random.permutation(len(batches))]


def encode_pairs(
    pairs: Sequence[Pair], source_vocabulary: Vocabulary, target_vocabulary: Vocabulary, max_length: int, name: str = ""
) -> Pairs:
    """The pairs as ids, without those that are longer than `max_length` on either side. name: of the split, for the
    error where none is short enough."""
    source = encode_all(source_vocabulary, [pair.source_text for pair in pairs])
    target = encode_all(target_vocabulary, [pair.target_text for pair in pairs])
    short = [index for index in range(len(pairs)) if max(len(source[index]), len(target[index])) <= max_length]
    if pairs and not short:
        which = f"{name} pair".strip()
        which = f"All {counted(len(pairs), which)} have" if len(pairs) > 1 else f"The only {which} has"
        raise TrainingError(
            f"{which} more than {counted(max_length, 'token')} on a side, with <bos> and <eos>: "
            f"{textwrap.shorten(pairs[0].source_text[:80], 40, placeholder=' …')} is the first. Raise max_length, or "
            "split the sentences."
        )
    return Pairs([source[index] for index in short], [target[index] for index in short])


def encode_all(vocabulary: Vocabulary, texts: Sequence[str]) -> list[list[int]]:
    """The ids of every text, from <bos> to <eos>."""
    many = getattr(vocabulary, "encode_all", None)
    return many(texts) if many else [vocabulary.encode(text) for text in texts]


@dataclass(frozen=True)
class Update:
    """What one update of the weights reads.

    number, of      this is update `number` (from 1) of the `of` updates in epoch `epoch`
    batches         those of this process
    tokens          real labels of all processes together
    source_tokens   real source ids of all processes together
    """

    epoch: int
    number: int
    of: int
    batches: list[Batch]
    tokens: int
    source_tokens: int

    def pin(self) -> Update:
        return replace(self, batches=[batch.pin() for batch in self.batches])

    def to(self, device: torch.device) -> Update:
        return replace(self, batches=[batch.to(device) for batch in self.batches])


def updates(config: Config, pairs: Pairs, context: DeviceContext, epoch: int = 0, done: int = 0) -> Generator[Update]:
    """Yields updates without end, beginning after `done` updates of `epoch`, on the context's device.

    An update takes `accumulate` batches for each process from the epoch's plan; process r of n takes every n-th.
    """
    return ahead(_updates(config, pairs, context, epoch, done), context.device)


def _updates(config, pairs, context, epoch, done):
    each = config.accumulate * context.world
    while True:
        plan = pairs.plan(config, epoch)
        of = math.ceil(len(plan) / each)
        for number in range(done, of):
            group = plan[number * each : (number + 1) * each]
            tokens = sum(pairs.tokens(indices) for indices in group)
            source_tokens = sum(int(pairs.source.lengths[indices].sum()) for indices in group)
            yield Update(epoch, number + 1, of, _own(group, pairs, context), tokens, source_tokens)
        epoch, done = epoch + 1, 0


def _own(group, pairs, context) -> list[Batch]:
    """The batches of this process. Where the end of an epoch leaves it without, one that does not count: every process
    has to take part when gradients are summed."""
    own = [pairs.batch(indices) for indices in group[context.rank :: context.world]]
    while len(own) < math.ceil(len(group) / context.world):
        own.append(replace(pairs.batch(group[0][:1]), tokens=0, source_tokens=0))
    return own


def ahead(updates: Iterable[Update], device: torch.device, depth: int = 8) -> Generator[Update]:
    """Yields the updates on `device`. For an accelerator another thread makes them while the device computes."""
    if device.type == "cpu":
        yield from updates
        return
    ready: queue.Queue = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(item):
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def make():
        try:
            if device.type == "cuda":
                torch.cuda.set_device(device)  # each thread has its own; memory is pinned for this one
            for update in updates:
                put(update.pin() if device.type == "cuda" else update)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # raised in the thread that waits for the update
            put(error)

    threading.Thread(target=make, daemon=True).start()
    try:
        while (update := ready.get()) is not None:
            if isinstance(update, BaseException):
                raise update
            yield update.to(device)
    finally:
        stop.set()
