"""Training loops whose speeds are compared: real source and target tokens per second, with the loading of the data.

A runner's `run(steps)` makes so many updates and returns (source tokens, target tokens), padding not counted. `race`
lets the runners take turns.
"""

from __future__ import annotations

import contextlib
import statistics
import time

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from benchmarks.baselines import learned, plain_step
from helpers.trainer.data import updates
from helpers.trainer.model import build_model
from helpers.trainer.step import Stepper, make_optimizer

LEARNING_RATE = 1e-4


class Course:
    """The course's trainer: batches of similar lengths, made ahead, and its step."""

    def __init__(self, config, pairs, size: int, context):
        self.stepper = Stepper(config, build_model(config, size, size), context)
        self.stream = updates(config, pairs, context)
        self.parameters = learned(self.stepper.model)

    def run(self, steps: int):
        source = target = 0
        for _ in range(steps):
            update = next(self.stream)
            self.stepper.step(update, LEARNING_RATE)
            source, target = source + update.source_tokens, target + update.tokens
        return source, target


class Plain:
    """Another model in the loop that people write. batches: (source, target) ids on the CPU, without end.

    matmul: PyTorch's precision of float32 products while it runs, "highest" is PyTorch's default; None: as it is.
    """

    def __init__(self, config, model, batches, context, matmul: str | None = None):
        self.config, self.context, self.matmul = config, context, matmul
        self.model, self.batches = model.to(context.device).train(), batches
        self.optimizer = make_optimizer(config.change(learning_rate=LEARNING_RATE), self.model, context.device)
        self.parameters = learned(self.model)
        if context.compile:
            self.model.compile(dynamic=True)

    def run(self, steps: int):
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(self.matmul or before)
        try:
            return self._run(steps)
        finally:
            torch.set_float32_matmul_precision(before)

    def _run(self, steps):
        source_tokens = target_tokens = 0
        for _ in range(steps):
            source, target = next(self.batches)
            source_tokens += int((source != 0).sum())
            target_tokens += int((target[:, 1:] != 0).sum())
            device = self.context.device
            source, target = source.to(device, non_blocking=True), target.to(device, non_blocking=True)
            plain_step(self.model, self.optimizer, source, target, self.config, self.context.autocast)
        return source_tokens, target_tokens


def random_batches(pairs, batch_size: int, seed: int = 0, pin: bool = False):
    """Shuffled batches of `batch_size` pairs, padded to the longest, from a DataLoader."""
    sides = [
        [torch.from_numpy(ids.astype("int64")) for ids in sentences(side)] for side in (pairs.source, pairs.target)
    ]
    loader = DataLoader(
        list(zip(*sides, strict=True)),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        collate_fn=lambda rows: tuple(pad_sequence(side, batch_first=True) for side in zip(*rows, strict=True)),
        generator=torch.Generator().manual_seed(seed),
        pin_memory=pin,
    )
    while True:
        yield from loader


def sentences(side):
    """The ids of each sentence of a `helpers.trainer.data.Side`."""
    return [side.ids[start : start + length] for start, length in zip(side.starts, side.lengths, strict=True)]


def same_batches(config, pairs, pin: bool = False):
    """The batches that the course's trainer uses."""
    epoch = 0
    while True:
        for rows in pairs.plan(config, epoch):
            source, target = pairs.plain(rows)
            yield (source.pin_memory(), target.pin_memory()) if pin else (source, target)
        epoch += 1


def pairs_per_batch(config, pairs) -> int:
    """Pairs in a batch of the course's trainer, on average: random batches of as many have as many real tokens."""
    return max(1, round(len(pairs) / len(pairs.plan(config, 0))))


def race(runners: dict, context, rounds: int, steps: int, warm: int) -> dict:
    """{name: {tokens per second, ...}}. In every round each runner makes `steps` updates, and another one begins.

    times_faster: the median over the rounds of the first runner's tokens per second, divided by this one's.
    """
    names = list(runners)
    wait = torch.cuda.synchronize if context.device.type == "cuda" else contextlib.nullcontext
    sums = {name: [0, 0, 0.0] for name in names}
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        runners[name].run(warm)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            wait()
            begun = time.perf_counter()
            source, target = runners[name].run(steps)
            wait()
            seconds = time.perf_counter() - begun
            speeds[name].append((source + target) / seconds)
            sums[name] = [total + more for total, more in zip(sums[name], (source, target, seconds), strict=True)]
    rows = {}
    for name, (source, target, seconds) in sums.items():
        ratios = [first / own for first, own in zip(speeds[names[0]], speeds[name], strict=True)]
        rows[name] = {
            "tokens_per_second": round((source + target) / seconds),
            "source_tokens": source,
            "target_tokens": target,
            "seconds": round(seconds, 2),
            "parameters": runners[name].parameters,
            "times_faster": round(statistics.median(ratios), 3),
        }
    return rows
