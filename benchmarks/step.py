"""One training step on the CPU: the course's trainer, `torch.nn.Transformer`, and MarianMTModel of the same size.

    python benchmarks/step.py                   d_model 256, 3 + 3 layers, 4 and 8 heads; about 4 minutes on 2 cores
    python benchmarks/step.py --heads 4 --repetitions 30

Forward, loss with label smoothing, backward, clipping and AdamW, on the same padded batches. The models take turns with
every batch, so that whatever slows the machine down slows all of them down. The result is the median of the ratios
of their seconds. Kept in benchmarks/results/step.json.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.baselines import Marian, PlainTransformer, has_transformers, learned, plain_step
from benchmarks.common import RESULTS, command_of, keep, surroundings, training_pairs
from helpers.trainer import Config
from helpers.trainer.data import Update
from helpers.trainer.devices import device_context
from helpers.trainer.model import build_model
from helpers.trainer.step import Stepper, make_optimizer

LEARNING_RATE = 1e-4
SIZES = Config(
    data="multi30k-de", tokens="bpe", vocabulary_size=8000, share_embeddings=True, d_model=256, num_layers=3,
    d_ff=1024, dropout=0.1, max_tokens=2048, batch_size=128, limit=8000, device="cpu", precision="fp32",
    steps=1,
)  # fmt: skip
SMALL = {"vocabulary_size": 300, "d_model": 32, "d_ff": 64, "num_layers": 1, "max_tokens": 256, "limit": 200}


def course_step(config, *sizes: int):
    """(step(pairs, rows), parameters) of the course's trainer; sizes: of the vocabularies."""
    torch.manual_seed(config.seed)
    stepper = Stepper(config, build_model(config, *sizes), device_context(config))

    def step(pairs, rows):
        batch = pairs.batch(rows)
        stepper.step(Update(0, 1, 1, [batch], batch.tokens, batch.source_tokens), LEARNING_RATE)

    return step, learned(stepper.model)


def steps_of(config, size: int) -> dict:
    """{name: (step(pairs, rows), parameters)}: each makes one update on the pairs with these numbers."""
    made = {"course": course_step(config, size, size)}
    others = {"nn.Transformer": PlainTransformer} | ({"MarianMTModel": Marian} if has_transformers() else {})
    for name, kind in others.items():
        model = kind(config, size).train()
        optimizer = make_optimizer(config.change(learning_rate=LEARNING_RATE), model, torch.device("cpu"))

        def theirs(pairs, rows, model=model, optimizer=optimizer):
            plain_step(model, optimizer, *pairs.plain(rows), config, contextlib.nullcontext)

        made[name] = (theirs, learned(model))
    return made


def take_turns(made: dict, pairs, plan, repetitions: int) -> dict:
    """{name: seconds of every step}. made: {name: step(pairs, rows)}; all of them make a step with every batch."""
    warm = min(2, len(plan) - 1)
    seconds: dict[str, list[float]] = {name: [] for name in made}
    for number in range(warm + repetitions):
        rows = plan[number % len(plan)]
        names = list(made)
        names = names[number % len(names) :] + names[: number % len(names)]  # nobody is always the first
        for name in names:
            begun = time.perf_counter()
            made[name](pairs, rows)
            if number >= warm:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def compare(config, pairs, size: int, repetitions: int) -> dict:
    """Median seconds of a step for each model, and how many times faster the course's is."""
    made = steps_of(config, size)
    steps = {name: step for name, (step, _) in made.items()}
    seconds = take_turns(steps, pairs, pairs.plan(config, 0), repetitions)
    ratios = {
        name: [other / own for own, other in zip(seconds["course"], seconds[name], strict=True)]
        for name in made
        if name != "course"
    }
    return {
        "parameters": {name: count for name, (_, count) in made.items()},
        "seconds_per_step": {name: round(statistics.median(values), 4) for name, values in seconds.items()},
        "times_faster_than": {name: round(statistics.median(values), 3) for name, values in ratios.items()},
        "repetitions": repetitions,
    }


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description="One training step against other libraries, on the CPU.")
    parser.add_argument("--heads", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--repetitions", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-tokens", type=int, default=2048, help="padded tokens of a batch, on either side")
    parser.add_argument("--batching", choices=("tokens", "fixed"), default="tokens", help="of similar lengths, or not")
    parser.add_argument("--smoke", action="store_true", help="a small model, to see that everything runs")
    parser.add_argument("--out", type=Path, default=RESULTS / "step.json", help="the JSON file")
    args = parser.parse_args(argv)
    config = SIZES.change(max_tokens=args.max_tokens, batching=args.batching, threads=args.threads)
    repetitions = args.repetitions
    if args.smoke:
        config, repetitions = config.change(**SMALL), 2
    if not has_transformers():
        print("MarianMTModel is left out: the library `transformers` is not installed (pip install -e '.[bench]').")
    pairs, size, source = training_pairs(config)
    around = surroundings(command_of("step", sys.argv[1:] if argv is None else argv))
    for heads in args.heads:
        row = compare(config.change(num_heads=heads), pairs, size, repetitions)
        row |= {"data": source, "vocabulary": size, "max_tokens": config.max_tokens, "batching": config.batching}
        keep(args.out, f"{heads} heads", row, around)
    return 0


if __name__ == "__main__":
    sys.exit(main())
