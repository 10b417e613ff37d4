"""Which batches make the next update, for every process, from any place in the data on."""

from __future__ import annotations

import math
import queue
import threading
from dataclasses import dataclass, replace

import torch

from helpers.trainer.data import Batch, Pairs
from helpers.trainer.devices import Place


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


def updates(config, pairs: Pairs, place: Place, epoch: int = 0, done: int = 0):
    """Yields an Update after the other without end, beginning after `done` updates of `epoch`, on the place's device.

    An update takes `accumulate` batches for each process from the epoch's plan; process r of n takes every n-th.
    """
    return ahead(_updates(config, pairs, place, epoch, done), place.device)


def _updates(config, pairs, place, epoch, done):
    each = config.accumulate * place.world
    while True:
        plan = pairs.plan(config, epoch)
        of = math.ceil(len(plan) / each)
        for number in range(done, of):
            group = plan[number * each : (number + 1) * each]
            tokens = sum(pairs.tokens(indices) for indices in group)
            source_tokens = sum(int(pairs.source.lengths[indices].sum()) for indices in group)
            yield Update(epoch, number + 1, of, _own(group, pairs, place), tokens, source_tokens)
        epoch, done = epoch + 1, 0


def _own(group, pairs, place) -> list[Batch]:
    """The batches of this process. Where the end of an epoch leaves it without, one that does not count: every process
    has to take part when gradients are summed."""
    own = [pairs.batch(indices) for indices in group[place.rank :: place.world]]
    while len(own) < math.ceil(len(group) / place.world):
        own.append(replace(pairs.batch(group[0][:1]), tokens=0, source_tokens=0))
    return own


def ahead(updates, device: torch.device, depth: int = 8):
    """Yields the updates on `device`. For an accelerator another thread makes them while the device computes."""
    if device.type == "cpu":
        yield from updates
        return
    made: queue.Queue = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(item):
        while not stop.is_set():
            try:
                return made.put(item, timeout=0.1)
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
        except BaseException as error:  # shown in the thread that waits for the update
            put(error)

    threading.Thread(target=make, daemon=True).start()
    try:
        while (update := made.get()) is not None:
            if isinstance(update, BaseException):
                raise update
            yield update.to(device)
    finally:
        stop.set()
