"""Multi30k on the CPU: tokens per second end to end, and BLEU after ten minutes.

    python benchmarks/multi30k.py throughput            about 2 minutes on 2 cores
    python benchmarks/multi30k.py bleu --minutes 10     English to German; the preset "multi30k", then test2016

Multi30k is found as `helpers.corpus.load` finds it. Kept in benchmarks/results/multi30k.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.baselines import PlainTransformer
from benchmarks.common import RESULTS, command_of, keep, surroundings, training_pairs
from benchmarks.runners import Course, Plain, pairs_per_batch, race, random_batches
from helpers.trainer import Config, TrainingError, bleu, train
from helpers.trainer.devices import device_context
from helpers.trainer.run import load_corpus

TEST = "test_2016_flickr"
SMALL = {"vocabulary_size": 300, "d_model": 32, "d_ff": 64, "num_layers": 1, "max_tokens": 256, "limit": 300}


def throughput(args) -> dict:
    """The course's trainer against `torch.nn.Transformer` of the same size with shuffled batches of a fixed size."""
    config = Config(
        data="multi30k-de", tokens="bpe", vocabulary_size=8000, share_embeddings=True, d_model=256, num_heads=4,
        num_layers=3, d_ff=1024, dropout=0.1, max_tokens=args.max_tokens, device="cpu", threads=args.threads, steps=1,
    )  # fmt: skip
    rounds, steps = args.rounds, args.steps
    if args.smoke:
        config, rounds, steps = config.change(**SMALL), 1, 2
    pairs, size, source = training_pairs(config)
    context = device_context(config)
    torch.manual_seed(config.seed)
    count = pairs_per_batch(config, pairs)
    runners = {
        "course": Course(config, pairs, size, context),
        "nn.Transformer, shuffled batches": Plain(
            config, PlainTransformer(config, size), random_batches(pairs, count), context
        ),
    }
    rows = race(runners, context, rounds, steps, warm=1)
    return {**rows, "data": source, "pairs_in_a_shuffled_batch": count, "max_tokens": config.max_tokens}


def ten_minutes(args) -> dict:
    """BLEU of the preset "multi30k" on test2016: cased, and lower-cased; both tokenised by sacreBLEU (13a)."""
    config = Config.preset("multi30k", evaluate="none", minutes=args.minutes, device="cpu", threads=args.threads)
    if args.smoke:
        config = config.change(**SMALL, minutes=None, steps=2, max_length=30, average=1)
    corpus = load_corpus(config)
    with tempfile.TemporaryDirectory() as folder:
        result = train(config, folder, corpus=corpus, show=args.show)
    pairs = corpus.tests[TEST][: 20 if args.smoke else None]
    translations = result.translate([pair.source_text for pair in pairs])
    references = [pair.target_text for pair in pairs]
    for pair, given in list(zip(pairs, translations, strict=True))[:5]:  # the corpus is not ours: none of it is kept
        print(f"{pair.source_text}\n  {pair.target_text}\n  {given}")
    card = result.card
    return {
        "cased": bleu(translations, references),
        "lower_cased": bleu(translations, references, lowercase=True),
        **{name: card[name] for name in ("parameters", "minutes", "steps", "epochs", "tokens_per_second", "beam")},
        "config": {name: getattr(config, name) for name in Config.__dataclass_fields__ if config_differs(config, name)},
    }


def config_differs(config, name: str) -> bool:
    return getattr(config, name) != Config.__dataclass_fields__[name].default


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description="Multi30k on the CPU.")
    parser.add_argument("what", choices=("throughput", "bleu"))
    parser.add_argument("--minutes", type=float, default=10.0, help="of training, for bleu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-tokens", type=int, default=2048, help="of a batch on either side, for throughput")
    parser.add_argument("--rounds", type=int, default=6, help="for throughput: so often each takes its turn")
    parser.add_argument("--steps", type=int, default=8, help="for throughput: updates in a turn")
    parser.add_argument("--smoke", action="store_true", help="the smallest form, to see that everything runs")
    parser.add_argument("--show", action="store_true", help="a progress bar")
    parser.add_argument("--out", type=Path, default=RESULTS / "multi30k.json", help="the JSON file")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    around = surroundings(command_of("multi30k", sys.argv[1:] if argv is None else argv))
    try:
        row = (throughput if args.what == "throughput" else ten_minutes)(args)
    except TrainingError as error:
        print(error, file=sys.stderr)
        return 2
    keep(args.out, args.what, row, around)
    return 0


if __name__ == "__main__":
    sys.exit(main())
