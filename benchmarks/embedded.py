"""The figures of the embedded English-Korean grammar, each from a run of the trainer.

    python benchmarks/embedded.py                        everything, about 18 minutes on 2 cores
    python benchmarks/embedded.py --only preset          the preset "small": time, exact match, noun alignments, beam
    python benchmarks/embedded.py --only ablations       the same run without one part of the model at a time
    python benchmarks/embedded.py --only short           the short runs that lesson 8 lets a learner change
    python benchmarks/embedded.py --only sizes tried     how the loss falls with size; what was tried for other splits

Prints the numbers, and keeps them in benchmarks/results/embedded.json: a part that is measured again replaces its old
numbers, the others stay.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.common import RESULTS, keep, surroundings
from helpers.corpus import grammar_corpus, grammar_pairs
from helpers.corpus.grammar import SPLITS
from helpers.decoder import Transformer
from helpers.embeddings import PositionalEncoding
from helpers.trainer import PARTS, Config, train
from helpers.trainer.alignments import found_alignments
from helpers.trainer.data import encode_pairs
from helpers.trainer.scores import score_split
from helpers.training import evaluate

SIZES = (16, 32, 48, 64)  # d_model; the feed-forward layers are three times as wide
EXTRA = 8  # largest shift of the positions in "tried"


def measure(config: Config, model_class=None, splits=SPLITS):
    """(result, row): one run. Seconds are those of the training steps; CPU seconds also count saving and validation."""
    with tempfile.TemporaryDirectory() as folder:
        cpu = time.process_time()
        result = train(config.change(evaluate="none"), folder, model_class=model_class, show=False)
        cpu = time.process_time() - cpu
    row = {
        "parameters": result.card["parameters"],
        "epochs": result.card["epochs"],
        "steps": result.card["steps"],
        "seconds": round(result.card["minutes"] * 60, 1),
        "cpu_seconds": round(cpu, 1),
        "training_loss": round(result.rows[-1]["loss"], 5),
        "exact_match": exact(result, {name: grammar_corpus().tests[name] for name in splits}),
    }
    return result, row


def exact(result, splits, beam: int = 1) -> dict[str, float]:
    config = result.config.change(beam=beam)
    return {
        name: score_split(result.model, pairs, result.vocabularies, config, with_bleu=False)["exact_match"]
        for name, pairs in splits.items()
    }


def preset(config: Config) -> dict:
    """Row 1: exact match of every split and of fresh sentences, noun alignments, greedy against beam 4."""
    result, row = measure(config)
    row["exact_match"] |= exact(result, {"fresh": grammar_pairs("benchmark", 1000)})
    row["beam_4"] = exact(result, grammar_corpus().tests, beam=4)
    chosen = found_alignments(result.model, grammar_corpus().validation, result.vocabularies).best_layer
    found = found_alignments(result.model, grammar_corpus().tests["random"], result.vocabularies)
    row["noun_alignments"] = {
        "gold_alignments": found.count,
        "layer_chosen_on_validation": chosen + 1,
        "found": round(found.layers[chosen], 4),
        "layers": [round(share, 4) for share in found.layers],
        "heads": [[round(share, 4) for share in heads] for heads in found.heads],
    }
    return row


def seeds(config: Config) -> dict:
    """The preset from other seeds, whole and without positions: chance in the beginning and in the batches."""
    rows = {}
    for seed in (1, 2):
        rows[str(seed)] = measure(config.change(seed=seed))[1]
        _, blind = measure(config.change(seed=seed, without=("positions",)), splits=("random",))
        rows[str(seed)]["without_positions"] = blind["exact_match"]
    return rows


def ablations(config: Config) -> dict:
    """Row 2: the same budget without one part."""
    rows = {}
    for part in PARTS:
        result, rows[part] = measure(config.change(without=(part,)), splits=("random",))
        pairs = grammar_corpus().tests["random"][:3]
        rows[part]["examples"] = [
            {"source": pair.source_text, "right": pair.target_text, "given": given}
            for pair, given in zip(pairs, result.translate([pair.source_text for pair in pairs]), strict=True)
        ]
    return rows


def sizes(config: Config) -> dict:
    """The same number of steps in several widths. The validation loss is per word, without label smoothing."""
    rows = {}
    for width in SIZES:
        result, row = measure(config.change(d_model=width, d_ff=3 * width, validate_every=10**9))
        pairs = grammar_corpus().validation
        row["validation_loss"] = round(validation_loss(result, pairs), 5)
        rows[str(width)] = row
    return rows


def validation_loss(result, pairs) -> float:
    split = encode_pairs(pairs, *result.vocabularies, result.config.max_length)
    return evaluate(result.model, [split.plain(range(len(split)))])["loss"]


class ShiftedPositions(PositionalEncoding):
    """Every training batch begins at a random position, 0 to EXTRA."""

    def forward(self, x):
        start = int(torch.randint(EXTRA + 1, ())) if self.training else 0
        return self.dropout(x + self.encoding[start : start + x.shape[1]])


class ShiftedTransformer(Transformer):
    def __init__(self, *sizes, d_model=512, dropout=0.1, **options):
        super().__init__(*sizes, d_model=d_model, dropout=dropout, **options)
        self.position = ShiftedPositions(d_model, dropout=dropout)


def tried(config: Config) -> dict:
    """What might raise the splits "compositional" and "long", one change at a time."""
    changes = {
        "no dropout": {"dropout": 0.0},
        f"positions shifted by 0 to {EXTRA}": {"model_class": ShiftedTransformer},
        "label smoothing 0.1": {"label_smoothing": 0.1},
    }
    rows = {}
    for name, change in changes.items():
        model_class = change.pop("model_class", None)
        rows[name] = measure(config.change(**change), model_class)[1]
    return rows


def short(config: Config) -> dict:
    """The short runs of lesson 8's own ablation: 400 steps, one change, two seeds, on one thread."""
    changes = {
        "as it is": {},
        "label smoothing 0.1": {"label_smoothing": 0.1},
        "no warm-up": {"warmup": 0},
        "no dropout": {"dropout": 0.0},
        "1,000 pairs": {"limit": 1000},
        "1,000 pairs, no dropout": {"limit": 1000, "dropout": 0.0},
    }
    options = {"steps": 400, "validate_every": 0, "save_every": 0, "evaluate": "none", "threads": 1}
    rows = {}
    for name, change in changes.items():
        rows[name] = []
        for seed in (0, 1):
            with tempfile.TemporaryDirectory() as folder:
                result = train(Config.preset("small", **options, **change, seed=seed), folder, show=False)
            split = encode_pairs(grammar_corpus().validation[:500], *result.vocabularies, config.max_length)
            validated = evaluate(result.model, [split.plain(range(len(split)))])
            right = exact(result, {"random": grammar_corpus().tests["random"][:300]})["random"]
            row = {"loss": validated["loss"], "accuracy": validated["accuracy"], "exact_match": right}
            rows[name].append({key: round(value, 5) for key, value in row.items()})
    return rows


BENCHMARKS = {benchmark.__name__: benchmark for benchmark in (preset, seeds, ablations, sizes, tried, short)}


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description="The figures of the embedded grammar.")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS), help="only these parts")
    parser.add_argument("--epochs", type=float, help="another length than the preset's, to try the command")
    parser.add_argument("--threads", type=int, help="of the CPU; default: what the preset says")
    parser.add_argument("--out", type=Path, default=RESULTS / "embedded.json", help="the JSON file")
    args = parser.parse_args(argv)
    changes = {name: getattr(args, name) for name in ("epochs", "threads") if getattr(args, name) is not None}
    config = Config.preset("small", device="cpu", **changes)
    grammar_corpus()  # made once, outside the measurements
    command = " ".join(["python benchmarks/embedded.py", *(sys.argv[1:] if argv is None else argv)])
    for name in args.only:
        around = surroundings(command)
        keep(args.out, name, BENCHMARKS[name](config), around)
    return 0


if __name__ == "__main__":
    sys.exit(main())
