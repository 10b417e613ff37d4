"""The figures of one GPU: BLEU on Multi30k, and the speed of the base model.

    python benchmarks/gpu.py bleu          the preset "tiny", three seeds, test2016; a few minutes each
    python benchmarks/gpu.py throughput    the base model in bf16, against nn.Transformer and MarianMTModel; minutes
    python benchmarks/gpu.py all           both

Multi30k is found as `helpers.corpus.load` finds it. Kept in benchmarks/results/gpu.json. With --smoke the same code
runs in its smallest form on any machine, and its numbers say nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.baselines import Marian, PlainTransformer, has_transformers
from benchmarks.common import RESULTS, command_of, keep, surroundings, training_pairs
from benchmarks.runners import Course, Plain, pairs_per_batch, race, random_batches, same_batches
from helpers.trainer import Config, TrainingError, bleu, train
from helpers.trainer.devices import available, device_context
from helpers.trainer.run import load_corpus
from helpers.training import model_flops_utilization

TEST = "test_2016_flickr"
# operations per second in bf16, dense, from the data sheets: {part of the device's name: peak}
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12, "A10": 125e12, "T4": 65e12}
SMALL = {"vocabulary_size": 300, "d_model": 32, "num_heads": 4, "d_ff": 64, "num_layers": 1, "max_tokens": 512}


def bleu_of_seeds(args) -> dict:
    """BLEU on test2016, mean of the seeds, for the text as publications score it and for the raw text.

    tokenised   trained on lower-cased, tokenised text; BLEU over its tokens (published text-only best: 41.02)
    cased       trained on raw text; sacreBLEU with its signature
    """
    kinds = {"tokenised": ("multi30k-de-tok", "none"), "cased": ("multi30k-de", "13a")}
    return {name: _bleu_of_seeds(args, data, tokenize) for name, (data, tokenize) in kinds.items()}


def _bleu_of_seeds(args, data: str, tokenize: str) -> dict:
    scores, minutes, card = [], [], {}
    for seed in args.seeds:
        config = Config.preset("tiny", data=data, seed=seed, evaluate="none")
        if args.epochs:
            config = config.change(epochs=args.epochs)
        if args.smoke:
            config = config.change(
                **SMALL, device="cpu", threads=1, limit=200, epochs=None, steps=4, save_every=2, keep=2, average=2,
                validate_every=0, max_length=40,
            )  # fmt: skip
        corpus = load_corpus(config)
        pairs = corpus.tests[TEST][: 10 if args.smoke else None]
        with tempfile.TemporaryDirectory() as folder:
            result = train(config, folder, corpus=corpus, show=args.show)
        translations = result.translate([pair.source_text for pair in pairs])
        found = bleu(translations, [pair.target_text for pair in pairs], tokenize=tokenize)
        card = result.card
        scores.append(found["bleu"])
        minutes.append(card["minutes"])
        print(f"{data}, seed {seed}: BLEU {found['bleu']}, {card['minutes']} minutes of training", flush=True)
    return {
        "mean": round(statistics.mean(scores), 2),
        "seeds": dict(zip(map(str, args.seeds), scores, strict=True)),
        "signature": found["signature"],
        "minutes": minutes,
        "beam": config.beam,
        "averaged_checkpoints": config.average,
        **{
            name: card[name] for name in ("parameters", "steps", "epochs", "tokens_per_second", "precision", "compiled")
        },
    }


def throughput(args) -> dict:
    """Real source and target tokens per second of the base model, with the loading of the data."""
    config = Config.preset("base", max_tokens=args.max_tokens)
    rounds, steps, warm = args.rounds, args.steps, args.warm
    if args.smoke:
        config, rounds, steps, warm = config.change(**SMALL, device="cpu", threads=1, limit=200), 1, 2, 1
    context = device_context(config)
    pairs, size, source = training_pairs(config)
    size = -(-max(size, config.vocabulary_size) // 64) * 64  # the table has the paper's size, whatever the text needs
    torch.manual_seed(config.seed)
    pin, count = context.device.type == "cuda", pairs_per_batch(config, pairs)
    plain = replace(context, precision="fp32", compile=False)
    runners = {
        "course": Course(config, pairs, size, context),
        "nn.Transformer, eager, fp32, shuffled batches": Plain(
            config, PlainTransformer(config, size), random_batches(pairs, count, pin=pin), plain, matmul="highest"
        ),
    }
    if has_transformers():
        name = f"MarianMTModel, {context.precision}, {'compiled' if context.compile else 'eager'}, same batches"
        runners[name] = Plain(config, Marian(config, size), same_batches(config, pairs, pin), context)
    else:
        print("MarianMTModel is left out: the library `transformers` is not installed (pip install -e '.[bench]').")
    rows = race(runners, context, rounds, steps, warm)
    per_token = matrix_parameters(config, size, rows["course"]["source_tokens"], rows["course"]["target_tokens"])
    peak = next((peak for name, peak in PEAKS.items() if name in context.name), None)
    speed = rows["course"]["tokens_per_second"]
    return {
        **rows,
        "flops_per_second": 6 * per_token * speed,
        "model_flops_utilization": round(model_flops_utilization(speed, per_token, peak), 4) if peak else None,
        "precision": context.precision,
        "compiled": runners["course"].stepper.context.compile,
        "data": source,
        "vocabulary": size,
        "max_tokens": config.max_tokens,
        "pairs_in_a_shuffled_batch": count,
    }


def matrix_parameters(config, size: int, source_tokens: int, target_tokens: int) -> float:
    """Weights that a token is multiplied with, the mean over source and target tokens.

    A source token meets the encoder and the keys and values of the cross-attention; a target token the rest of the
    decoder and the output projection. Attention scores are not counted: with sentences this short they are few.
    """
    width, inner = config.d_model, 2 * config.d_model * config.d_ff
    of_source = config.num_layers * (4 * width**2 + inner + 2 * width**2)
    of_target = config.num_layers * (4 * width**2 + inner + 2 * width**2) + size * width
    return (of_source * source_tokens + of_target * target_tokens) / (source_tokens + target_tokens)


BENCHMARKS = {"bleu": bleu_of_seeds, "throughput": throughput}


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description="The figures of one GPU.")
    parser.add_argument("what", choices=(*BENCHMARKS, "all"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="for bleu")
    parser.add_argument("--epochs", type=float, help="for bleu: another length than the preset's")
    parser.add_argument("--max-tokens", type=int, default=25_000, help="for throughput: of a batch on either side")
    parser.add_argument("--rounds", type=int, default=5, help="for throughput: so often each takes its turn")
    parser.add_argument("--steps", type=int, default=40, help="for throughput: updates in a turn")
    parser.add_argument("--warm", type=int, default=30, help="for throughput: updates before, with the compilation")
    parser.add_argument("--smoke", action="store_true", help="the smallest form, on the CPU")
    parser.add_argument("--show", action="store_true", help="a progress bar")
    parser.add_argument("--out", type=Path, help="the JSON file; default: benchmarks/results/gpu.json")
    args = parser.parse_args(argv)
    if not args.smoke and "cuda" not in available():
        print("There is no CUDA device here. With --smoke the same code runs in its smallest form.", file=sys.stderr)
        return 2
    if args.smoke and args.out is None:
        print("--smoke measures nothing: say with --out where its numbers go.", file=sys.stderr)
        return 2
    for name in BENCHMARKS if args.what == "all" else [args.what]:
        around = surroundings(command_of("gpu", sys.argv[1:] if argv is None else argv))
        try:
            row = BENCHMARKS[name](args)
        except TrainingError as error:
            print(error, file=sys.stderr)
            return 2
        keep(args.out or RESULTS / "gpu.json", name, row, around)
    return 0


if __name__ == "__main__":
    sys.exit(main())
